"""What a decoder hands to the array: one or more terms ``mantissa * 2**exponent``."""

from dataclasses import dataclass

from amaranth.hdl import Shape, Value, signed, unsigned
from amaranth.lib import data

from ..arith.exact import signed_width

__all__ = ["Operand", "Term"]


@dataclass(frozen=True)
class Term:
    """A mantissa from ``lowest`` to ``highest`` with an exponent from 0 to ``exponents``."""

    lowest: int
    highest: int
    exponents: int = 0

    @property
    def shape(self):
        """Shape of the mantissa."""
        if self.lowest < 0:
            return signed(signed_width(self.lowest, self.highest))
        return unsigned(max(1, self.highest.bit_length()))

    @property
    def exponent_shape(self):
        return unsigned(self.exponents.bit_length())


@dataclass(frozen=True)
class Operand:
    """The sum of some terms.

    An integer is one term without exponent, and its shape that of a plain number, so that it costs
    what it would cost if there were no exponents anywhere.

    Attributes
    ----------
    terms : tuple of Term
    """

    terms: tuple[Term, ...]

    @classmethod
    def union(cls, operands):
        """An operand that can be any of ``operands``."""
        count = max(len(operand.terms) for operand in operands)
        columns = zip(
            *(operand.terms + (Term(0, 0),) * (count - len(operand.terms)) for operand in operands),
            strict=True,
        )
        return cls(
            tuple(
                Term(
                    min(term.lowest for term in column),
                    max(term.highest for term in column),
                    max(term.exponents for term in column),
                )
                for column in columns
            )
        )

    @property
    def is_integer(self):
        return len(self.terms) == 1 and self.terms[0].exponents == 0

    @property
    def shape(self):
        """Shape of the operand where it passes through the array."""
        if self.is_integer:
            return self.terms[0].shape
        fields = {}
        for number, term in enumerate(self.terms):
            fields[f"mantissa_{number}"] = term.shape
            if term.exponents:
                fields[f"exponent_{number}"] = term.exponent_shape
        return data.StructLayout(fields)

    @property
    def width(self):
        return Shape.cast(self.shape).width

    def parts(self, value):
        """``(term, mantissa, exponent)`` of each term of ``value``; no exponent is ``None``."""
        if self.is_integer:
            return [(self.terms[0], value, None)]
        view = data.View(self.shape, Value.cast(value))
        return [
            (
                term,
                view[f"mantissa_{number}"],
                view[f"exponent_{number}"] if term.exponents else None,
            )
            for number, term in enumerate(self.terms)
        ]
