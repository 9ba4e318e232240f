"""Floating point of 3 to 19 bits."""

import re

from amaranth.hdl import Cat

from .format import Format, named, with_sign
from .operand import Operand, Term

__all__ = ["AdaptivFloat", "CFloat", "SmallFloat"]

#: Names of IEEE's layouts to exponent and mantissa bits.
_IEEE = {"fp16": (5, 10), "bf16": (8, 7), "tf32": (8, 10)}


class SmallFloat(Format):
    """Sign, exponent and mantissa, with subnormals.

    - ``e2m1``, ``e2m3``, ``e3m2``, ``e4m3`` and ``e5m2``: OCP 8-bit Floating Point Specification
      1.0 and OCP Microscaling Formats 1.0. ``e4m3`` has a NaN (all ones) and no infinity, ``e5m2``
      NaNs and infinities (exponent of ones).
    - ``fp16`` (e5m10), ``bf16`` (e8m7) and ``tf32`` (e8m10, codes of 19 bits), IEEE 754 and its
      relatives: NaNs and infinities as ``e5m2``. Sums of products of the latter two are too wide
      for exact accumulators.
    - ``e<E>m<M>`` with E from 2 to 5 and M from 0 to 10: bias 2^(E-1) - 1, neither NaN nor
      infinity, but for the names above.

    Operands are multiples of the smallest subnormal, 2^(1 - bias - mantissa bits). Where NaNs and
    infinities are not to count as zero, each is taken for the greatest finite number of its sign.

    Attributes
    ----------
    exponent_bits, mantissa_bits, bias : int
    has_infinity : bool
        Whether the exponent of ones stands for infinities and NaNs.
    """

    def __init__(self, *, name, exponent_bits, mantissa_bits):
        self.exponent_bits, self.mantissa_bits = exponent_bits, mantissa_bits
        self.bias = (1 << (exponent_bits - 1)) - 1
        self.has_infinity = name in _IEEE or name == "e5m2"
        mantissa = (2 << mantissa_bits) - 1
        exponents = (1 << exponent_bits) - 2 - self.has_infinity
        highest = (mantissa - (name == "e4m3")) << exponents
        super().__init__(
            name=name,
            bits=1 + exponent_bits + mantissa_bits,
            lowest=-highest,
            highest=highest,
            operand=Operand((Term(-mantissa, mantissa, exponents),)),
        )

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        fields = _IEEE.get(name)
        if fields is None:
            match = re.fullmatch(r"e([2-5])m([0-9]|10)", name)
            fields = match and (int(match[1]), int(match[2]))
        return fields and cls(name=name, exponent_bits=fields[0], mantissa_bits=fields[1])

    @property
    def unit(self):
        return 1 - self.bias - self.mantissa_bits

    def special(self, code):
        if self.name == "e4m3":
            return code[:-1].all()
        return code[self.mantissa_bits : -1].all() if self.has_infinity else None

    def decode(self, m, code, outlier):
        fraction, field = code[: self.mantissa_bits], code[self.mantissa_bits : -1]
        if self.name == "e4m3":
            # NaN, the only code with so large a mantissa at this exponent, becomes its neighbour.
            fraction = Cat(fraction[0] & ~self.special(code), fraction[1:])
        elif self.has_infinity:
            special = named(m, f"{self.name}_special", self.special(code))
            fraction = fraction | special.replicate(self.mantissa_bits)
            field = Cat(field[0] & ~special, field[1:])
        normal = named(m, f"{self.name}_normal", field.any())
        exponent = (field - normal)[: self.exponent_bits]
        return [(with_sign(m, self.name, code[-1], Cat(fraction, normal)), exponent)]


class CFloat(SmallFloat):
    """``cfloat8_e4m3``, ``cfloat8_e5m2`` or ``cfloat16_e5m10``: neither NaN nor infinity.

    "A Guide to Tesla's Configurable Floating Point Formats & Arithmetic": CFloat8 of 1-4-3 and
    1-5-2 bits, and CFloat16's signed half precision (SHP). The exponent's bias belongs to the
    tensor, so it is part of the scale. Subnormals are 0.f * 2^(1 - bias). The text's formula,
    0.f * 2^(-bias), leaves a gap below 2^(1 - bias), against the gradual underflow that it wants.

    Attributes
    ----------
    bias : int
        The one with which the smallest subnormal is 1.
    """

    _NAMES = ("cfloat8_e4m3", "cfloat8_e5m2", "cfloat16_e5m10")

    def __init__(self, *, name, exponent_bits, mantissa_bits):
        super().__init__(name=name, exponent_bits=exponent_bits, mantissa_bits=mantissa_bits)
        self.bias = 1 - mantissa_bits

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        if name not in cls._NAMES:
            return None
        match = re.fullmatch(r"cfloat\d+_e(\d+)m(\d+)", name)
        return cls(name=name, exponent_bits=int(match[1]), mantissa_bits=int(match[2]))


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
