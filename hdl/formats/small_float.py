"""Floating point of 4 to 8 bits."""

import re

from amaranth.hdl import Cat

from .format import Format, named, with_sign
from .operand import Operand, Term

__all__ = ["AdaptivFloat", "SmallFloat"]


class SmallFloat(Format):
    """``e2m1``, ``e3m0``, ``e2m3``, ``e3m2``, ``e4m3`` or ``e5m2``, with subnormals.

    OCP 8-bit Floating Point Specification 1.0 and OCP Microscaling Formats 1.0; ``e3m0`` follows
    their rules. Operands are multiples of the smallest subnormal. ``e4m3`` has a NaN (all ones) and
    no infinity, ``e5m2`` has NaNs and infinities (exponent of ones). Where they are not to count
    as zero, each is taken for the greatest finite number of its sign.
    """

    _NAMES = ("e2m1", "e3m0", "e2m3", "e3m2", "e4m3", "e5m2")

    def __init__(self, *, name):
        self.exponent_bits, self.mantissa_bits = int(name[1]), int(name[3])
        mantissa = (2 << self.mantissa_bits) - 1
        exponents = (1 << self.exponent_bits) - 2
        highest = mantissa << exponents
        if name == "e4m3":
            highest = 14 << exponents
        elif name == "e5m2":
            exponents -= 1
            highest = mantissa << exponents
        super().__init__(
            name=name,
            bits=1 + self.exponent_bits + self.mantissa_bits,
            lowest=-highest,
            highest=highest,
            operand=Operand((Term(-mantissa, mantissa, exponents),)),
        )

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        return cls(name=name) if name in cls._NAMES else None

    def special(self, code):
        if self.name == "e4m3":
            return code[:-1].all()
        return code[self.mantissa_bits : -1].all() if self.name == "e5m2" else None

    def decode(self, m, code, outlier):
        fraction, field = code[: self.mantissa_bits], code[self.mantissa_bits : -1]
        if self.name == "e4m3":
            # NaN, the only code with so large a mantissa at this exponent, becomes its neighbour.
            fraction = Cat(fraction[0] & ~self.special(code), fraction[1:])
        elif self.name == "e5m2":
            special = named(m, f"{self.name}_special", self.special(code))
            fraction = fraction | special.replicate(2)
            field = Cat(field[0] & ~special, field[1:])
        normal = named(m, f"{self.name}_normal", field.any())
        exponent = (field - normal)[: self.exponent_bits]
        return [(with_sign(m, self.name, code[-1], Cat(fraction, normal)), exponent)]


class AdaptivFloat(Format):
    """``adaptivfloat<N>_<E>``: N from 3 to 8 bits, E of them (1 to 5, less than N) exponent.

    Tambe et al., "Algorithm-Hardware Co-Design of Adaptive Floating-Point Encodings for Resilient
    Deep Learning Inference", DAC 2020: no subnormals; exponent and mantissa of zeros are 0. The
    exponent's bias belongs to the tensor, so it is part of the scale.
    """

    def __init__(self, *, name, bits, exponent_bits):
        self.exponent_bits, self.mantissa_bits = exponent_bits, bits - 1 - exponent_bits
        mantissa = (2 << self.mantissa_bits) - 1
        exponents = (1 << exponent_bits) - 1
        highest = mantissa << exponents
        super().__init__(
            name=name,
            bits=bits,
            lowest=-highest,
            highest=highest,
            operand=Operand((Term(-mantissa, mantissa, exponents),)),
        )

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        match = re.fullmatch(r"adaptivfloat([3-8])_([1-5])", name)
        if match is None or int(match[2]) >= int(match[1]):
            return None
        return cls(name=name, bits=int(match[1]), exponent_bits=int(match[2]))

    def decode(self, m, code, outlier):
        nonzero = named(m, f"{self.name}_nonzero", code[:-1].any())
        significand = Cat(code[: self.mantissa_bits], nonzero)
        return [(with_sign(m, self.name, code[-1], significand), code[self.mantissa_bits : -1])]
