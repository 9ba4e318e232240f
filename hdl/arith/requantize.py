"""Requantization of accumulators to the format of the next layer's operands."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from .. import formats
from ..checks import check_choice, check_integer, check_relation
from ..unit import Unit, data_register

__all__ = [
    "CHANNEL_OUTPUTS",
    "MULTIPLIER_WIDTH",
    "ROUNDINGS",
    "WIDEST",
    "Requantize",
    "channel_layout",
    "check_rounding",
    "held",
    "registered",
    "rounded_and_clamped",
    "shift_and_jam",
    "shift_width",
    "widest_sum",
]

#: Outputs with values for each channel.
CHANNEL_OUTPUTS = ("bias", "scale", "shift", "threshold")

#: The significand of a float32, hidden bit included.
MULTIPLIER_WIDTH = 24
#: The exact product rounded once, or rounded to a float32 before.
ROUNDINGS = ("exact", "float32")
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


def check_rounding(rounding, output):
    """Check that ``rounding`` is one of :data:`ROUNDINGS`, and that ``output`` has it.

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    check_choice("Rounding", rounding, ROUNDINGS)
    check_relation(
        rounding == "exact" or output == "scale",
        f"Rounding must be exact with output={output}, not {rounding}: only output=scale has "
        "products that a float32 may not hold",
    )


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
    """Scales an accumulator to an output of few bits.

    Computes ``clamp(round(v) + zero_point, low, high)`` of ``v = (i + bias) * multiplier /
    2**shift``; sum and product keep all their bits. With ``output="shift"`` the multiplier is 1 and
    there is none in hardware. A float32 scale is the case of its 24-bit significand and its
    exponent, so that no scale is approximated: the shift has as many bits as the sums' width makes
    use of (:func:`shift_width`).

    With ``rounding="exact"`` there is one rounding, to nearest, ties to even. With ``"float32"``
    a value counts as the half-integer ``h`` next to it, so goes to the even neighbour, where
    ``abs(v - h) <= 2**(t - 24)`` with ``t = floor(log2(abs(v)))``. The result is that of a product
    rounded to float32 and then to an integer, wherever ``i + bias`` is a float32, as below 2^24: a
    half-integer is an even multiple of float32's spacing, to which whatever lies within half a
    spacing is rounded. ONNX Runtime computes QLinearMatMul and QLinearConv that way on x86-64.

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
    rounding : str
        ``"exact"``, or with ``"scale"`` ``"float32"``.

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

    def __init__(self, *, acc_width, output, out_format, rounding):
        check_choice("Output", output, ["scale", "shift"])
        check_rounding(rounding, output)
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
            return held(m, self.channel[field], starts[stage], name=field)

        width = self.parameters["acc_width"] + 1
        biased = registered(m, self.i + parameter(0, "bias"), signed(width), name="biased")
        at = 1
        scaled = biased
        if self.parameters["output"] == "scale":
            width += MULTIPLIER_WIDTH
            product = biased * parameter(at, "multiplier")
            scaled = registered(m, product, signed(width), name="product")
            # A second register after the product, for the DSP blocks to draw into their cascade.
            scaled = registered(m, scaled, signed(width), name="scaled")
            at += 2
        result = rounded_and_clamped(
            m,
            scaled,
            lambda stage, field: parameter(at + stage, field),
            out_shape=self.out_shape,
            rounding=self.parameters["rounding"],
        )
        m.d.comb += self.o.eq(registered(m, result, self.out_shape, name="clamped"))
        return m

    def _start_of_each_stage(self, m):
        starts = [self.start]
        for stage in range(1, self.latency):
            # A start that a reset leaves on its way is overtaken by that of the next run.
            starts.append(registered(m, starts[-1], 1, name=f"start_{stage}"))
        return starts


def registered(m, value, shape, *, name):
    """A register without reset, which takes ``value`` in every cycle."""
    register = data_register(shape, name=name)
    m.d.sync += register.eq(value)
    return register


def held(m, value, start, *, name):
    """A register that takes a parameter, ``value`` of that name, at ``start``, and keeps it."""
    register = data_register(value.shape(), name=f"{name}_held")
    with m.If(start):
        m.d.sync += register.eq(value)
    return register


def rounded_and_clamped(m, scaled, parameter, *, out_shape, rounding):
    """``clamp(round(scaled / 2**shift) + zero_point, low, high)``, of a value a cycle.

    Three registers are inside: the result belongs to the value of 3 cycles before.

    Parameters
    ----------
    scaled : Value
        Signed.
    parameter : callable
        ``parameter(stage, field)`` is the field of the channel for the value that passed so many of
        the registers.
    out_shape : Shape
        Of the zero point and the limits.
    rounding : str
        One of :data:`ROUNDINGS`.
    """
    # Above the point: the bits of all values that some zero point moves between the limits. Below
    # it: the half, the bits that tell a tie of float32, and a bit that is set when anything that
    # was shifted out is not zero.
    float32 = rounding == "float32"
    fraction = 1 + (MULTIPLIER_WIDTH if float32 else 0) + 1
    width = out_shape.width + 1 + fraction
    shift = parameter(0, "shift")
    value, beyond = shift_into(m, Cat(Const(0, fraction), scaled), shift[3:], 8, width + 7)
    coarse = registered(m, value, signed(len(value)), name="coarse")
    coarse_beyond = registered(m, beyond, 1, name="coarse_beyond")
    fine_shift = registered(m, shift[:3], 3, name="fine_shift")
    value, beyond = shift_into(m, coarse, fine_shift, 1, width)
    fine = registered(m, value, signed(len(value)), name="fine")
    fine_beyond = registered(m, coarse_beyond | beyond, 1, name="fine_beyond")

    # A value beyond the width ends at a limit, whichever way it is rounded.
    whole = fine[fraction:].as_signed()
    limit = Cat((~whole[-1]).replicate(len(whole) - 1), whole[-1]).as_signed()
    narrow = Signal(signed(len(whole)))
    round_up = Signal()
    m.d.comb += narrow.eq(Mux(fine_beyond, limit, whole))
    if float32:
        m.d.comb += round_up.eq(widened_tie(m, whole, fine[:fraction]))
    else:
        m.d.comb += round_up.eq(fine[1] & (fine[0] | fine[2]))
    # Few accumulator bits may be narrower than the zero point (unsigned: one bit more).
    moved = registered(
        m,
        narrow + parameter(2, "zero_point") + round_up,
        signed(max(len(narrow), out_shape.width + 1) + 1),
        name="moved",
    )
    low, high = parameter(3, "low"), parameter(3, "high")
    return Mux(moved < low, low, Mux(moved > high, high, moved))


def shift_and_jam(m, value, amount, unit):
    """``value`` shifted right by ``amount * unit`` with its sign; bit 0 keeps what falls out."""
    value = value.as_signed()
    for position, bit in enumerate(amount):
        value = _jammed(m, value, bit, unit << position)
    return value


def shift_into(m, value, amount, unit, width):
    """As :func:`shift_and_jam`, but the low ``width`` bits alone, and whether they are not enough.

    The largest distance comes first: behind each, only the bits are kept that the distances left
    may bring into the width.

    Returns
    -------
    (Value, Value)
        The value, of ``width`` bits or fewer, and 1 if it has bits beyond: then its sign alone is
        right.
    """
    value = value.as_signed()
    beyond = Const(0, 1)
    for position, bit in reversed(list(enumerate(amount))):
        distance = unit << position
        kept = min(len(value), width + distance - unit)
        # The bits above, and the sign of those that are kept, without the shift and with it.
        above = value[kept - 1 :]
        border = min(distance, len(above) - 1)
        beyond |= (~bit & _differ(above[: border + 1])) | _differ(above[border:])
        jammed = _jammed(m, value, bit, distance)
        value = Cat(jammed[: kept - 1], value[-1]).as_signed()
    return value, beyond


def _jammed(m, value, bit, distance):
    """``value`` shifted right by ``distance`` if ``bit`` is set; bit 0 keeps what falls out."""
    jammed = Signal(signed(len(value)), name=f"jammed_{distance}")
    distance = min(distance, len(value) - 1)
    lost = value[: distance + 1].any()
    shifted = Cat(lost, (value >> distance)[1:])
    m.d.comb += jammed.eq(Mux(bit, shifted, value))
    return jammed


def _differ(bits):
    return bits.any() & ~bits.all()


def widened_tie(m, whole, fraction):
    """Whether a value is rounded up that counts as a tie within half a spacing of float32.

    Only one side of a tie matters: behind an even integer a value of more than a half, which goes
    down when it is near enough, and behind an odd one a value of less, which then goes up. The
    bits between the half and the last one, inverted behind an odd integer, are the distance from
    the tie in units of 2^-25, and ``limit`` is half a spacing in these units. On the side that
    matters, ``|v|`` has the leading one of the integer between 0 and it, or it is from 1/2 to 1.

    Parameters
    ----------
    whole : Value
        Signed: the integer below.
    fraction : Value
        The half, 24 bits below it, and a bit that is set if anything is below them.
    """
    below, distance, half = fraction[0], fraction[1:-1], fraction[-1]
    odd, negative = whole[0], whole[-1]
    magnitude = whole[:-1] ^ negative.replicate(len(whole) - 1)
    # Bit n is set if a one is in bit n or above it, the first always: the limit is 2^-25 at least.
    reached = Signal(len(magnitude) + 1)
    limit = Signal(len(reached))
    away = Signal(len(distance))
    past = Signal()
    m.d.comb += [
        reached.eq(Cat(Const(1, 1), *(magnitude[n:].any() for n in range(len(magnitude))))),
        limit.eq(reached & ~(reached >> 1)),
        away.eq(distance ^ odd.replicate(len(distance))),
    ]
    # Inverted bits are less by one unit of the last bit, so that they are past the limit at it.
    near, far = away[: len(limit)], away[len(limit) :]
    m.d.comb += past.eq(far.any() | (Cat(odd | below, near) > Cat(Const(0, 1), limit)))
    return Mux(past, half, odd)
