"""``int<N>`` and ``uint<N>``: two's complement and plain binary."""

from .format import Format, make

__all__ = ["signed_integer", "unsigned_integer"]


def signed_integer(name: str, bits: int) -> Format:
    half = 1 << (bits - 1)
    return make(name, "int", [*range(half), *range(-half, 0)], codes_are_integers=True)


def unsigned_integer(name: str, bits: int) -> Format:
    return make(name, "int", [*range(1 << bits)], codes_are_integers=True)
