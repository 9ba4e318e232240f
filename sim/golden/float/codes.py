"""Codes of binary floating-point numbers: what they stand for, and rounding to them."""

from dataclasses import dataclass

__all__ = ["LAYOUTS", "Layout"]


@dataclass(frozen=True)
class Layout:
    """IEEE 754's interchange format with ``exponent`` bits of exponent and ``fraction`` bits.

    Codes are Python integers; the canonical quiet NaN has sign 0 and of the fraction only the top
    bit.
    """

    exponent: int
    fraction: int

    @property
    def nan(self) -> int:
        return self.infinity(0) + (1 << self.fraction - 1)

    @property
    def lowest_exponent(self) -> int:
        """That of the smallest normal number's last fraction bit, and of all subnormal numbers."""
        return 2 - (1 << self.exponent - 1) - self.fraction

    def zero(self, sign: int) -> int:
        return sign << self.exponent + self.fraction

    def infinity(self, sign: int) -> int:
        return self.zero(sign) + ((1 << self.exponent) - 1 << self.fraction)

    def split(self, code: int) -> tuple[int, int, int]:
        """Sign, exponent field and fraction field."""
        fraction = code & (1 << self.fraction) - 1
        field = code >> self.fraction & (1 << self.exponent) - 1
        return code >> self.exponent + self.fraction, field, fraction

    def is_nan(self, code: int) -> bool:
        _, field, fraction = self.split(code)
        return field == (1 << self.exponent) - 1 and fraction != 0

    def is_infinite(self, code: int) -> bool:
        _, field, fraction = self.split(code)
        return field == (1 << self.exponent) - 1 and fraction == 0

    def integer(self, code: int, *, subnormals: bool) -> tuple[int, int]:
        """Magnitude and exponent: a finite code is magnitude · 2^exponent with its sign.

        Without ``subnormals`` these are zeros.
        """
        _, field, fraction = self.split(code)
        if field == 0:
            return (fraction if subnormals else 0), self.lowest_exponent
        return (1 << self.fraction) + fraction, self.lowest_exponent + field - 1

    def nearest(self, sign: int, magnitude: int, exponent: int, *, subnormals: bool) -> int:
        """The code of magnitude · 2^exponent, rounded once to nearest, ties to even.

        Overflow gives an infinity. Without ``subnormals`` results below the smallest normal number,
        as rounded to ``fraction`` + 1 bits of any exponent, become zeros.
        """
        if magnitude == 0:
            return self.zero(sign)
        last = magnitude.bit_length() - 1 + exponent - self.fraction
        if subnormals:
            last = max(last, self.lowest_exponent)
        shift = last - exponent
        if shift <= 0:
            rounded = magnitude << -shift
        else:
            rounded, rest = divmod(magnitude, 1 << shift)
            half = 1 << shift - 1
            rounded += rest > half or (rest == half and rounded & 1)
        if rounded == 2 << self.fraction:
            rounded, last = rounded >> 1, last + 1
        if last < self.lowest_exponent:
            return self.zero(sign)
        normal = rounded >> self.fraction
        field = last - self.lowest_exponent + normal
        if field >= (1 << self.exponent) - 1:
            return self.infinity(sign)
        return self.zero(sign) + (field << self.fraction) + rounded - (normal << self.fraction)


#: The formats of results.
LAYOUTS = {"fp32": Layout(8, 23), "bf16": Layout(8, 7), "fp16": Layout(5, 10)}
