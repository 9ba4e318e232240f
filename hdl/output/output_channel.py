"""What is done to the sums of one output channel before they leave."""

from amaranth.hdl import Module, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.requantize import Requantize, channel_layout, check_rounding, widest_sum
from ..checks import check_integer
from ..float.layout import FLOATS
from ..float.narrow import Narrow
from ..float.to_float import ToFloat
from ..unit import Unit, data_register

__all__ = [
    "FLOAT_OUTPUTS",
    "OutputChannel",
    "OutputChannelBank",
    "output_latency",
    "output_shape",
]

#: Outputs that are floats: sums that are rounded once.
FLOAT_OUTPUTS = tuple(FLOATS)


def output_shape(*, acc_width, output, out_format, float_sums=0):
    """Shape of a result.

    That of the accumulator, one bit more for its bias, one bit for ``"threshold"``, the code of a
    float, or that of ``out_format``.
    """
    if output == "threshold":
        return unsigned(1)
    if output in FLOATS:
        return unsigned(FLOATS[output].bits)
    if float_sums:
        return unsigned(acc_width)
    if output in ("raw", "bias"):
        return signed(acc_width + (output == "bias"))
    return formats.get_integer(out_format, "Output format").shape


def output_latency(output, float_sums=0):
    """Cycles from an accumulator, or with ``float_sums`` a binary32 sum, to its result."""
    if output in FLOATS:
        return Narrow.latency if float_sums else ToFloat.latency
    return {"raw": 0, "bias": 1, "threshold": 1, "shift": 5, "scale": 7}[output]


class OutputChannel(Unit):
    """Adds the channel's bias and requantizes; holds the values for the next run of sums.

    With ``"threshold"`` a result is 1 if the sum and the bias together are at least 0, else 0; the
    other way around if ``flip`` is set. So the bias is the threshold, negative: bias, batch
    normalization and sign of a binary network (Umuroglu et al., "FINN", FPGA 2017, section 4.2.2).

    ``shift`` takes the next values from ``word``; they are in ``word_o`` a cycle later, for the
    next channel of the chain. ``start``, one cycle ahead of the first sum of a run, makes them
    the ones in use. They have to stay for the ``latency`` cycles from ``start`` on.

    Latency is :func:`output_latency`; throughput is one sum a cycle.

    Parameters
    ----------
    acc_width : int
    output : str
        ``"bias"``, ``"scale"``, ``"shift"`` or ``"threshold"``.
    out_format : str
        Format of the results; with ``"bias"`` they have ``acc_width + 1`` bits whatever it says,
        with ``"threshold"`` one.
    rounding : str
        That of :class:`Requantize`.

    Members
    -------
    i : ``In(signed(acc_width))``
    start, start_o, shift : ``In``, ``Out``, ``In(1)``
    word, word_o : ``In``, ``Out(channel_layout(...))``
    o : ``Out(output_shape(...))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "requantizers"

    def __init__(self, *, acc_width, output, out_format, rounding):
        check_integer("Accumulator width", acc_width, 2, widest_sum(output))
        sums = {"acc_width": acc_width, "output": output, "out_format": out_format}
        word = channel_layout(**sums)
        check_rounding(rounding, output)
        super().__init__(
            {
                "i": In(signed(acc_width)),
                "start": In(1),
                "start_o": Out(1),
                "shift": In(1),
                "word": In(word),
                "word_o": Out(word),
                "o": Out(output_shape(**sums)),
            }
        )

    def build(self):
        m = Module()
        shadow = data_register(self.word.shape(), name="shadow")
        with m.If(self.shift):
            m.d.sync += shadow.eq(self.word)
        # A start that a reset leaves on its way is overtaken by that of the next run.
        start = data_register(1, name="start_q")
        m.d.sync += start.eq(self.start)
        m.d.comb += [self.start_o.eq(start), self.word_o.eq(shadow)]
        output = self.parameters["output"]
        if output in ("bias", "threshold"):
            bias = data_register(self.i.shape(), name="bias")
            with m.If(self.start):
                m.d.sync += bias.eq(shadow.bias)
            result = self.i + bias
            if output == "threshold":
                flip = data_register(1, name="flip")
                with m.If(self.start):
                    m.d.sync += flip.eq(shadow.flip)
                result = (result >= 0) ^ flip
            biased = data_register(self.o.shape(), name="biased")
            m.d.sync += biased.eq(result)
            m.d.comb += self.o.eq(biased)
        else:
            m.submodules.requantize = requantize = Requantize(**self.parameters)
            m.d.comb += [
                requantize.i.eq(self.i),
                requantize.start.eq(self.start),
                requantize.channel.eq(shadow),
                self.o.eq(requantize.o),
            ]
        return m


class OutputChannelBank(Unit):
    """Neighbouring channels; each gets its sums a cycle after the one before it.

    Parameters
    ----------
    lanes : int
    acc_width, output, out_format, rounding
        Those of :class:`OutputChannel`.

    Members
    -------
    i : ``In(data.ArrayLayout(signed(acc_width), lanes))``
    start, start_o : ``In``, ``Out(1)``
        Start of lane 0, and of the lane after the last.
    shift : ``In(lanes)``
    word, word_o : ``In``, ``Out(channel_layout(...))``
    o : ``Out(data.ArrayLayout(output_shape(...), lanes))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "requantizers"

    def __init__(self, *, lanes, acc_width, output, out_format, rounding):
        check_integer("Lane count", lanes, 1)
        channel = {"acc_width": acc_width, "output": output, "out_format": out_format}
        OutputChannel(**channel, rounding=rounding)
        self.latency = output_latency(output)
        word = channel_layout(**channel)
        super().__init__(
            {
                "i": In(data.ArrayLayout(signed(acc_width), lanes)),
                "start": In(1),
                "start_o": Out(1),
                "shift": In(lanes),
                "word": In(word),
                "word_o": Out(word),
                "o": Out(data.ArrayLayout(output_shape(**channel), lanes)),
            }
        )

    def build(self):
        m = Module()
        channel = dict(self.parameters)
        start, word = self.start, self.word
        for lane in range(channel.pop("lanes")):
            m.submodules[f"channel_{lane}"] = unit = OutputChannel(**channel)
            m.d.comb += [
                unit.i.eq(self.i[lane]),
                unit.start.eq(start),
                unit.shift.eq(self.shift[lane]),
                unit.word.eq(word),
                self.o[lane].eq(unit.o),
            ]
            start, word = unit.start_o, unit.word_o
        m.d.comb += [self.start_o.eq(start), self.word_o.eq(word)]
        return m
