"""Layouts of binary floating-point codes."""

from dataclasses import dataclass

__all__ = ["FLOATS", "FloatLayout"]


@dataclass(frozen=True, kw_only=True)
class FloatLayout:
    """A code of IEEE 754: fraction in the low bits, above it exponent field, then sign.

    Attributes
    ----------
    exponent_width, mantissa_width : int
        Bits of the exponent field, and of the fraction without the hidden bit.
    """

    exponent_width: int
    mantissa_width: int

    @property
    def bits(self):
        """Width of a code."""
        return 1 + self.exponent_width + self.mantissa_width

    @property
    def bias(self):
        """Exponent field of 1.0."""
        return (1 << (self.exponent_width - 1)) - 1

    @property
    def special(self):
        """Exponent field of infinities and NaNs."""
        return (1 << self.exponent_width) - 1

    @property
    def nan(self):
        """The canonical quiet NaN: sign 0, of the fraction only the top bit."""
        return (self.special << 1 | 1) << (self.mantissa_width - 1)


#: Formats of results.
FLOATS = {
    "fp32": FloatLayout(exponent_width=8, mantissa_width=23),
    "bf16": FloatLayout(exponent_width=8, mantissa_width=7),
    "fp16": FloatLayout(exponent_width=5, mantissa_width=10),
}
