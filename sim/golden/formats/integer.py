"""``int<N>`` and ``uint<N>``: two's complement and plain binary; and numbers of one bit."""

from .format import Format, make

__all__ = ["one_bit", "signed_integer", "unsigned_integer"]


def signed_integer(name: str, bits: int) -> Format:
    half = 1 << (bits - 1)
    return make(name, "int", [*range(half), *range(-half, 0)], codes_are_integers=True)


def unsigned_integer(name: str, bits: int) -> Format:
    return make(name, "int", [*range(1 << bits)], codes_are_integers=True)


def one_bit(name: str) -> Format:
    """``bin`` with codes 0 and 1 for -1 and 1, or ``bit`` with 0 and 1 for themselves."""
    return make(name, name, [-1, 1] if name == "bin" else [0, 1])
