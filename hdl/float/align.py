"""Alignment of the floats of a word to their largest exponent."""

from amaranth.hdl import Cat, Const, Module, Mux, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..formats.format import named
from ..stream.register_slice import RegisterSlice
from ..unit import Unit
from .float_decoder import FloatDecoderBank, float_format, truncated_width
from .layout import FLOATS

__all__ = ["Align"]

_EXPONENT = FLOATS["fp32"].exponent_width


class Align(Unit):
    """Turns a word of floats into integers with a common exponent.

    The exponent is that of the largest magnitude of the word, as a field of binary32: ``scale`` is
    2^(field - 127) in OCP's E8M0. A lane is the two's complement integer
    ``sign * floor(magnitude / scale * 2**(width - 2))``: bits below the last one are cut off. So an
    array of integers multiplies them, as in FIGNA (Jang et al., HPCA 2024). Subnormal numbers of
    binary32 count as zeros; a word of zeros has the scale field 0. With an infinity or NaN in the
    word, ``scale`` is 255, E8M0's NaN, and the lanes mean nothing.

    Latency is 2 cycles, throughput a word a cycle.

    Parameters
    ----------
    lanes : int
    format : str
        A small float of at most 8 exponent bits.
    width : int
        Bits of an integer, 8 to 24.

    Members
    -------
    i : ``In(stream.Signature(data.ArrayLayout(bits, lanes)))``
    o : ``Out(stream.Signature(structure of lane and scale))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "decoders"
    latency = 2

    def __init__(self, *, lanes, format, width):
        check_integer("Lane count", lanes, 1)
        check_integer("Aligned width", width, 8, 24)
        self.format = fmt = float_format(format, "Format")
        lane = data.ArrayLayout(signed(width), lanes)
        aligned = data.StructLayout({"lane": lane, "scale": _EXPONENT})
        super().__init__(
            {
                "i": In(stream.Signature(data.ArrayLayout(unsigned(fmt.bits), lanes))),
                "o": Out(stream.Signature(aligned)),
            }
        )

    def build(self):
        m = Module()
        lanes, fmt = self.parameters["lanes"], self.format
        bits = truncated_width(fmt)
        m.submodules.decoders = decoders = FloatDecoderBank(lanes=lanes, format=fmt.name)
        m.submodules.words = words = RegisterSlice(width=lanes * bits)
        m.submodules.scaled = scaled = RegisterSlice(width=lanes * bits + _EXPONENT)
        held = [words.word.word_select(lane, bits) for lane in range(lanes)]
        fields = [
            named(m, f"field_{lane}", code[fmt.mantissa_bits : -1])
            for lane, code in enumerate(held)
        ]
        largest = _largest(m, fields)
        scale = scaled.word[-_EXPONENT:]
        m.d.comb += [
            decoders.i.eq(self.i.payload.as_value()),
            words.i.payload.eq(decoders.o.as_value()),
            words.i.valid.eq(self.i.valid),
            self.i.ready.eq(words.i.ready),
            scaled.i.payload.eq(Cat(words.word, largest)),
            scaled.i.valid.eq(words.held),
            words.take.eq(words.held & scaled.i.ready),
            self.o.valid.eq(scaled.held),
            scaled.take.eq(scaled.held & self.o.ready),
            self.o.payload.scale.eq(scale),
            *(
                self.o.payload.lane[lane].eq(
                    self._aligned(m, lane, scaled.word.word_select(lane, bits), scale)
                )
                for lane in range(lanes)
            ),
        ]
        return m

    def _aligned(self, m, lane, code, scale):
        """The integer of a lane."""
        size, fraction = self.parameters["width"] - 1, self.format.mantissa_bits
        field = code[fraction:-1]
        significand = Cat(code[:fraction], Const(1, 1)) & field.any().replicate(fraction + 1)
        # The leading one of the largest magnitude comes to the top.
        magnitude = Cat(Const(0, max(0, size - fraction - 1)), significand)[-size:]
        distance = named(m, f"distance_{lane}", (scale - field)[:_EXPONENT])
        steps = (size - 1).bit_length()
        magnitude = magnitude & ~distance[steps:].any().replicate(size)
        for step in range(steps):
            magnitude = named(
                m,
                f"magnitude_{lane}_{1 << step}",
                Mux(distance[step], magnitude >> (1 << step), magnitude),
            )
        return Mux(code[-1], -magnitude, magnitude)[: size + 1]


def _largest(m, fields):
    """The largest of them, in as few levels of comparisons as there can be."""
    level = 0
    while len(fields) > 1:
        odd = fields[len(fields) - len(fields) % 2 :]
        fields = [
            named(m, f"largest_{level}_{pair}", Mux(a < b, b, a))
            for pair, (a, b) in enumerate(zip(fields[::2], fields[1::2], strict=False))
        ] + odd
        level += 1
    return fields[0]
