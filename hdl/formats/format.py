"""What all number formats have in common."""

from amaranth.hdl import Const, Mux, Signal, unsigned

__all__ = ["Format", "chosen", "named", "with_sign"]


class Format:
    """A number format: the codes, what they stand for, and how hardware finds that out.

    What a code stands for is an integer, the operand of the array; real values are these integers
    times a power of two that is fixed for the format, and a scale.

    Attributes
    ----------
    name : str
    bits : int
        Width of a code.
    lowest, highest : int
        Least and greatest operand.
    operand : Operand
        The form in which the array gets it.
    pair : bool
        Whether a code can only be read beside its neighbour's.
    split : bool
        Whether numbers come in two halves.
    types : tuple of Format
        What can be chosen at run time: here the format alone.
    unit : int
        Exponent of the power of two that an operand of 1 stands for.
    """

    pair = False
    split = False
    unit = 0

    def __init__(self, *, name, bits, lowest, highest, operand):
        self.name = name
        self.bits = bits
        self.lowest = lowest
        self.highest = highest
        self.operand = operand

    @classmethod
    def parse(cls, name):
        """The format called ``name``, or ``None`` when the name is not of this family."""
        raise NotImplementedError

    @property
    def types(self):
        return (self,)

    @property
    def type_width(self):
        """Bits of the run-time choice; 0 if there is none."""
        return (len(self.types) - 1).bit_length()

    @property
    def has_special(self):
        """Whether there are codes of no number or of an infinity."""
        return any(type_.special(Const(0, type_.bits)) is not None for type_ in self.types)

    @property
    def lane_width(self):
        """Bits that go to a decoder: the code and, of a pair, what its neighbour is."""
        return self.bits + self.pair

    @property
    def code_shape(self):
        """Shape of a code in a stream."""
        return unsigned(self.bits)

    def decode(self, m, code, outlier):
        """The terms of a code, as a list of ``(mantissa, exponent)``.

        Parameters
        ----------
        m : Module
            Gets the signals that it takes.
        code : Value, ``bits`` wide
        outlier : Value
            The neighbour is the mark of an outlier; only for formats of pairs.
        """
        raise NotImplementedError

    def special(self, code):
        """Whether the code is no number (NaN) or an infinity; ``None`` if the format has none."""
        return None


def named(m, name, value):
    """A signal of that name with the value, for what is used more than once."""
    signal = Signal(value.shape(), name=name)
    m.d.comb += signal.eq(value)
    return signal


def chosen(selector, cases):
    """The value beside the constant that ``selector`` has; the last one's if it is none of them.

    A chain of multiplexers, where a switch would become a parallel case in Verilog.
    """
    *cases, (_, value) = cases
    for constant, alternative in reversed(cases):
        value = Mux(selector == constant, alternative, value)
    return value


def with_sign(m, name, sign, magnitude):
    """``magnitude``, negative if ``sign`` is set; ``None`` is no sign."""
    if sign is None:
        return magnitude
    magnitude = named(m, f"{name}_size", magnitude)
    return Mux(sign, -magnitude, magnitude)
