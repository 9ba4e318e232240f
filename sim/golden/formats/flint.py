"""``flint<N>`` and ``uflint<N>``: ANT's float-int type (Guo et al., MICRO 2022)."""

from .format import Format, make, sign_magnitude

__all__ = ["flint", "magnitudes", "uflint"]


def flint(name: str, bits: int) -> Format:
    return make(name, "flint", sign_magnitude(magnitudes(bits - 1)))


def uflint(name: str, bits: int) -> Format:
    return make(name, "flint", magnitudes(bits))


def magnitudes(bits: int) -> list[int]:
    """The magnitude of each code of ``bits`` bits.

    With the top bit clear the code is a plain integer. With it set, the zeros that lead the
    bits below it, each of which stands for a factor of 4, tell the exponent.
    """
    half = 1 << (bits - 1)
    return [*range(half), *(_upper(low, bits - 1) for low in range(half))]


def _upper(low, bits):
    if low == 0:
        return 4**bits
    zeros = bits - low.bit_length()
    return low << (2 * zeros + 1)
