"""Eight-bit numbers, half by half, on an array for four bits."""

from amaranth.hdl import Const, Mux

from .format import Format
from .operand import Operand, Term

__all__ = ["Half"]


class Half(Format):
    """The high or the low half of ``int8``, ``uint8`` or ``ovp_int8``: 4 bits each.

    An integer is ``16 * high + low``: ``high`` with the sign and the exponent 4, ``low`` without
    either. So a product of two integers is the sum of four products of halves, and one of an
    integer and a 4-bit number of two. Codes of halves are four bits wide.

    An outlier of ``ovp_int8`` has a mantissa of 4 bits and a sign, and is its high half's alone.
    Both halves are found from the whole code of 8 bits.
    """

    def __init__(self, full, high):
        self.whole, self.high = full, high
        self.pair = full.pair
        lowest, highest, exponents = 0, 15, 0
        if high:
            lowest, highest = (-8, 7) if full.lowest < 0 else (0, 15)
            exponents = 4
            if self.pair:
                (term,) = full.operand.terms
                lowest, highest = -15, 15  # mantissas of outliers
                exponents = term.exponents
        super().__init__(
            name=f"{full.name}_{'high' if high else 'low'}",
            bits=8 if self.pair else 4,
            lowest=min(lowest << exponents, 0),
            highest=highest << exponents,
            operand=Operand((Term(lowest, highest, exponents),)),
        )

    def decode(self, m, code, outlier):
        if not self.pair:
            value = code.as_signed() if self.high and self.whole.lowest < 0 else code
            return [(value, 4 if self.high else 0)]
        apart = self.whole.apart(m, self.name, code, outlier)
        if not self.high:
            return [(Mux(apart, 0, code[:4]), 0)]
        mantissa, exponent = self.whole.outlier(m, code)
        normal = self.whole.normal(code, 4)
        return [(Mux(apart, mantissa, normal), Mux(apart, exponent, Const(4)))]
