"""OliVe's outlier-victim pairs."""

import re

from amaranth.hdl import Cat, Const, Mux

from .flint import decode_magnitude, flint_terms
from .format import Format, named, with_sign
from .operand import Operand, Term

__all__ = ["OutlierVictim"]

#: Name of a format, without ``ovp_``, to its bits, and the exponent's and mantissa's bits and the
#: bias of its outliers.
_OUTLIERS = {
    "int4": (4, 2, 1, 2),
    "flint4": (4, 2, 1, 3),
    "int8": (8, 4, 3, 4),
    "int8_e2m5": (8, 2, 5, 2),
}


class OutlierVictim(Format):
    """``ovp_int4``, ``ovp_flint4``, ``ovp_int8`` or ``ovp_int8_e2m5``.

    Guo et al., "OliVe: Accelerating Large Language Models via Hardware-friendly Outlier-Victim Pair
    Quantization", ISCA 2023. Two neighbours make a pair. A code of a one and zeros marks a victim:
    it counts as zero, and the other of the pair is an outlier, an abfloat

        (-1)^sign * (2^M + mantissa) << (exponent + bias)

    of E exponent and M mantissa bits: E2M1 with bias 2 beside int4, with bias 3 beside flint4, and
    E4M3 with bias 4 beside int8 (as in the paper; ``_e2m5``, bias 2, is what the authors' code
    uses). All others are normal: integers without the least, or flint. Two marks are two zeros.
    """

    pair = True

    def __init__(self, *, name):
        bits, self.exponent_bits, self.mantissa_bits, self.bias = _OUTLIERS[name[4:]]
        self.flint = name == "ovp_flint4"
        normal, exponents = flint_terms(bits - 1) if self.flint else ((1 << (bits - 1)) - 1, 0)
        outlier = (2 << self.mantissa_bits) - 1
        top = (1 << self.exponent_bits) - 1 + self.bias
        mantissa = max(normal, outlier)
        super().__init__(
            name=name,
            bits=bits,
            lowest=-(outlier << top),
            highest=outlier << top,
            operand=Operand((Term(-mantissa, mantissa, max(exponents, top)),)),
        )

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        match = re.fullmatch(r"ovp_(\w+)", name)
        return cls(name=name) if match and match[1] in _OUTLIERS else None

    def mark(self, code):
        """Whether the code marks a victim."""
        return code == 1 << (self.bits - 1)

    def apart(self, m, name, code, outlier):
        """Whether the code is an outlier's."""
        return named(m, f"{name}_apart", outlier & ~self.mark(code))

    def normal(self, code, first):
        """A normal integer, or its bits from ``first`` on; a mark is zero."""
        return Cat(code[first:-1], code[-1] & ~self.mark(code)).as_signed()

    def outlier(self, m, code):
        """Mantissa and exponent of an outlier's code."""
        fraction, field = code[: self.mantissa_bits], code[self.mantissa_bits : -1]
        mantissa = with_sign(m, f"{self.name}_outlier", code[-1], Cat(fraction, Const(1)))
        return mantissa, field + self.bias

    def decode(self, m, code, outlier):
        if self.flint:
            mantissa, exponent = decode_magnitude(m, self.name, code[:-1])
            # The mark is a negative zero.
            mantissa = with_sign(m, self.name, code[-1], mantissa)
        else:
            mantissa, exponent = self.normal(code, 0), 0
        apart = self.apart(m, self.name, code, outlier)
        outlier_mantissa, outlier_exponent = self.outlier(m, code)
        return [
            (Mux(apart, outlier_mantissa, mantissa), Mux(apart, outlier_exponent, exponent)),
        ]
