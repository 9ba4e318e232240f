"""What a number format is: codes, and the operands and values they stand for."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Format", "make", "make_wide", "sign_magnitude"]


@dataclass(frozen=True, kw_only=True)
class Format:
    """A number format; ``get`` makes one from its name.

    Every finite value is a whole multiple of ``unit``, so a product of operands is one of integers.
    The tables are indexed by the code's bits: by ``code & (2^bits - 1)``.

    Members
    -------
    name : str
    family : str
        ``int``, ``pot``, ``flint``, ``apot``, ``float``, ``posit``, ``adaptivfloat``, ``cfloat``,
        ``dybit`` or ``ovp``.
    bits : int
        Of each element's code.
    signed : bool
        Whether there are negative values.
    pair : bool
        Whether codes only have a meaning in pairs (OliVe).
    unit : float
        The value of the integer 1, a power of two.
    integers : int64 array (2^bits,) or None
        The operand of each code, in units. Of special codes, what they saturate to. Of pairs,
        the operand of a normal element, with 0 for the identifier. None where 64 bits do not
        suffice (bf16, tf32): such a format has no integer operands.
    values : float64 array (2^bits,)
        ``integers * unit``, but with NaN and ±Inf where the standard has them. Exact, also
        without integers.
    special : bool array (2^bits,)
        Which codes are NaN, ±Inf or NaR.
    lowest, highest : int
        The least and the greatest operand, those of outliers included.
    lowest_code, highest_code : int
        What arrays of codes hold: the integers themselves for ``int<N>`` and ``uint<N>``, else 0
        to 2^bits - 1.
    outliers : int64 array (2^bits,) or None
        Of pairs, the operand of each code beside an identifier; of the identifier, 0.
    identifier : int or None
        Of pairs, the code in the place of the element that gave way to an outlier.
    """

    name: str
    family: str
    bits: int
    signed: bool
    pair: bool
    unit: float
    integers: np.ndarray | None = field(compare=False, repr=False)
    values: np.ndarray = field(compare=False, repr=False)
    special: np.ndarray = field(compare=False, repr=False)
    lowest: int
    highest: int
    lowest_code: int
    highest_code: int
    outliers: np.ndarray | None = field(compare=False, repr=False)
    identifier: int | None


def make(
    name: str,
    family: str,
    integers: list[int],
    *,
    unit: float = 1.0,
    specials: dict[int, float] | None = None,
    codes_are_integers: bool = False,
    outliers: list[int] | None = None,
    identifier: int | None = None,
) -> Format:
    """The format whose codes have these ``integers``; ``specials`` maps codes to NaN and ±Inf."""
    bits = (len(integers) - 1).bit_length()
    specials = specials or {}
    operands = [*integers, *(outliers or [])]
    lowest, highest = min(operands), max(operands)
    integers = np.array(integers, np.int64)
    values = integers * unit
    values[list(specials)] = list(specials.values())
    return Format(
        name=name,
        family=family,
        bits=bits,
        signed=lowest < 0,
        pair=outliers is not None,
        unit=unit,
        integers=_fixed(integers),
        values=_fixed(values),
        special=_fixed(~np.isfinite(values)),
        lowest=lowest,
        highest=highest,
        lowest_code=lowest if codes_are_integers else 0,
        highest_code=highest if codes_are_integers else (1 << bits) - 1,
        outliers=None if outliers is None else _fixed(np.array(outliers, np.int64)),
        identifier=identifier,
    )


def make_wide(
    name: str, family: str, operands: np.ndarray, *, unit: float, specials: dict[int, float]
) -> Format:
    """The format without integers whose codes have these ``operands``, exact in float64."""
    bits = (len(operands) - 1).bit_length()
    values = operands * unit
    values[operands == 0] = 0.0  # of either sign
    values[list(specials)] = list(specials.values())
    lowest, highest = int(operands.min()), int(operands.max())
    return Format(
        name=name,
        family=family,
        bits=bits,
        signed=lowest < 0,
        pair=False,
        unit=unit,
        integers=None,
        values=_fixed(values),
        special=_fixed(~np.isfinite(values)),
        lowest=lowest,
        highest=highest,
        lowest_code=0,
        highest_code=(1 << bits) - 1,
        outliers=None,
        identifier=None,
    )


def sign_magnitude(magnitudes: list[int]) -> list[int]:
    """The operands of all codes with a sign bit on top of those of ``magnitudes``; -0 is 0."""
    return magnitudes + [-value for value in magnitudes]


def _fixed(table):
    table.flags.writeable = False
    return table
