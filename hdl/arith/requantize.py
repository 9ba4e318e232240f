"""Requantization of accumulators to the format of the next layer's operands."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from .. import formats
from ..checks import check_choice, check_integer
from ..unit import Unit, data_register
from .saturate import saturated

__all__ = [
    "CHANNEL_OUTPUTS",
    "MULTIPLIER_WIDTH",
    "WIDEST",
    "Requantize",
    "channel_layout",
    "shift_and_jam",
    "shift_width",
    "widest_sum",
]

#: Outputs with values for each channel.
CHANNEL_OUTPUTS = ("bias", "scale", "shift", "threshold")

#: The significand of a float32, hidden bit included.
MULTIPLIER_WIDTH = 24
#: Most bits of integers that leave an engine or enter it, such as a bias.
WIDEST = 64


def widest_sum(output):
    """Most bits of an accumulator: a shift of 7 bits reaches those of sums times a scale."""
    return 127 - MULTIPLIER_WIDTH if output == "scale" else WIDEST


def shift_width(*, acc_width, output):
    """Bits of a right shift: 6, or 7 where a shift by more than 63 may give another result than 0.

    Sum and bias together are at most 2^acc_width, and a scale is less than 2^24 · 2^-shift, so that
    every product is rounded to 0 from a shift by acc_width + 25 on.
    """
    matter = acc_width + MULTIPLIER_WIDTH if output == "scale" else 0
    return max(6, matter.bit_length())


def channel_layout(*, acc_width, output, out_format):
    """What one output channel is given: fields in the order in which they lie from bit 0 up.

    ``bias`` is added to the accumulator; it has the same width, but 64 bits at most. With
    ``"threshold"`` there follows ``flip``; with ``"scale"`` and ``"shift"`` there follow
    ``multiplier`` (only for ``"scale"``), ``shift``, ``zero_point``, ``low`` and ``high``.
    """
    check_choice("Output", output, CHANNEL_OUTPUTS)
    fields = {"bias": signed(min(acc_width, WIDEST))}
    if output == "threshold":
        fields["flip"] = 1
    elif output != "bias":
        shape = formats.get_integer(out_format, "Output format").shape
        if output == "scale":
            fields["multiplier"] = MULTIPLIER_WIDTH
        fields["shift"] = shift_width(acc_width=acc_width, output=output)
        fields |= {"zero_point": shape, "low": shape, "high": shape}
    return data.StructLayout(fields)


class Requantize(Unit):
    """Scales an accumulator to an output of few bits, rounding once.

    Computes ``clamp(round((i + bias) * multiplier / 2**shift) + zero_point, low, high)``, exactly:
    sum and product keep all their bits, and the one rounding is to nearest, ties to even. With
    ``output="shift"`` the multiplier is 1 and there is none in hardware. A float32 scale is the
    case of its 24-bit significand and its exponent, so that no scale is approximated: the shift has
    as many bits as the sums' width makes use of (:func:`shift_width`). ONNX
    (operator QLinearMatMul) rounds the same way, after a product rounded to float32.

    A run of accumulators of one channel begins with ``start``, one cycle ahead of the first of
    them: each stage then takes its part of ``channel``, which has to stay as it is for
    :attr:`latency` cycles, while the stages ahead still work with the one before.

    Latency is 7 cycles with a multiplier and 5 without; throughput is one accumulator a cycle.

    Parameters
    ----------
    acc_width : int
        Width of the accumulator, 2 to 64 bits, with ``"scale"`` to 103.
    output : str
        ``"scale"`` or ``"shift"``.
    out_format : str
        Format of the output, its zero point and its limits.

    Members
    -------
    i : ``In(signed(acc_width))``
    start : ``In(1)``
    channel : ``In(channel_layout(...))``
    o : ``Out(shape of out_format)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "requantizers"

    def __init__(self, *, acc_width, output, out_format):
        check_choice("Output", output, ["scale", "shift"])
        check_integer("Accumulator width", acc_width, 2, widest_sum(output))
        layout = channel_layout(acc_width=acc_width, output=output, out_format=out_format)
        self.out_shape = formats.get_integer(out_format).shape
        self.latency = 7 if output == "scale" else 5
        super().__init__(
            {
                "i": In(signed(acc_width)),
                "start": In(1),
                "channel": In(layout),
                "o": Out(self.out_shape),
            }
        )

    def build(self):
        m = Module()
        starts = self._start_of_each_stage(m)

        def parameter(stage, field):
            """The field of ``channel`` as the given stage holds it."""
            held = data_register(self.channel.shape()[field].shape, name=f"{field}_held")
            with m.If(starts[stage]):
                m.d.sync += held.eq(self.channel[field])
            return held

        def stage(shape, name, value):
            register = data_register(shape, name=name)
            m.d.sync += register.eq(value)
            return register

        width = self.parameters["acc_width"] + 1
        biased = stage(signed(width), "biased", self.i + parameter(0, "bias"))
        at = 1
        scaled = biased
        if self.parameters["output"] == "scale":
            width += MULTIPLIER_WIDTH
            product = biased * parameter(at, "multiplier")
            scaled = stage(signed(width), "product", product)
            # A second register after the product, for the DSP blocks to draw into their cascade.
            scaled = stage(signed(width), "scaled", scaled)
            at += 2

        # Two more bits than the result needs: the half, and below it a bit that is set when
        # anything that was shifted out is not zero. They settle the rounding.
        shift = parameter(at, "shift")
        coarse = stage(
            signed(width + 2), "coarse", shift_and_jam(m, Cat(Const(0, 2), scaled), shift[3:], 8)
        )
        fine_shift = data_register(3, name="fine_shift")
        m.d.sync += fine_shift.eq(shift[:3])
        fine = stage(signed(width + 2), "fine", shift_and_jam(m, coarse, fine_shift, 1))
        at += 2

        # Beyond this width every value ends at a limit, whatever zero point is added.
        narrow = saturated(m, fine[2:].as_signed(), self.out_shape.width + 3)
        round_up = Signal()
        m.d.comb += round_up.eq(fine[1] & (fine[0] | fine[2]))
        # Few accumulator bits may be narrower than the zero point (unsigned: one bit more).
        moved = stage(
            signed(max(len(narrow), self.out_shape.width + 1) + 1),
            "moved",
            narrow + parameter(at, "zero_point") + round_up,
        )
        low, high = parameter(at + 1, "low"), parameter(at + 1, "high")
        clamped = Mux(moved < low, low, Mux(moved > high, high, moved))
        m.d.comb += self.o.eq(stage(self.out_shape, "clamped", clamped))
        return m

    def _start_of_each_stage(self, m):
        starts = [self.start]
        for stage in range(1, self.latency):
            # A start that a reset leaves on its way is overtaken by that of the next run.
            later = data_register(1, name=f"start_{stage}")
            m.d.sync += later.eq(starts[-1])
            starts.append(later)
        return starts


def shift_and_jam(m, value, amount, unit):
    """``value`` shifted right by ``amount * unit`` with its sign; bit 0 keeps what falls out."""
    value = value.as_signed()
    for position, bit in enumerate(amount):
        distance = min(unit << position, len(value) - 1)
        jammed = Signal(signed(len(value)), name=f"jammed_{unit << position}")
        lost = value[: distance + 1].any()
        shifted = Cat(lost, (value >> distance)[1:])
        m.d.comb += jammed.eq(Mux(bit, shifted, value))
        value = jammed
    return value
