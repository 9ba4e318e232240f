"""``adaptivfloat<N>_<e>``: floats whose bias is the tensor's (Tambe et al., DAC 2020)."""

from .format import Format, make, sign_magnitude

__all__ = ["adaptivfloat"]


def adaptivfloat(name: str, bits: int, exponent: int) -> Format:
    """Sign, ``exponent`` bits E, mantissa bits f: (2^M + f) << E, without subnormals.

    All bits 0 are 0, and so is -0, in the place of the smallest magnitude. The bias of the
    exponent is no part of the format: it is a scale that is a power of two.
    """
    mantissa = bits - 1 - exponent
    magnitudes = [
        ((1 << mantissa) + fraction) << e
        for e in range(1 << exponent)
        for fraction in range(1 << mantissa)
    ]
    return make(name, "adaptivfloat", sign_magnitude([0, *magnitudes[1:]]))
