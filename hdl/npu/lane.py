"""A lane of the vector engine: sums, maxima and products of codes, requantized."""

from amaranth.hdl import Cat, Const, Module, Mux, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..arith.requantize import (
    MULTIPLIER_WIDTH,
    channel_layout,
    held,
    registered,
    rounded_and_clamped,
)
from ..arith.select import selected
from ..unit import Unit, data_register

__all__ = ["BYPASSED", "CHANNEL", "CODE", "LATENCY", "REQUANTIZED", "SUM", "Lane", "control_layout"]

#: A code, and a sum of a depthwise window.
CODE, SUM = signed(8), signed(24)
#: Quantization parameters of a lane's channel.
CHANNEL = channel_layout(acc_width=32, output="scale", out_format="int8")

#: Registers from a code to the limits, to the result ahead of a table, and to the output.
BYPASSED, REQUANTIZED, LATENCY = 9, 10, 13
#: Registers ahead of the stages that hold parameters: bias and multiplier, then the others.
_OPERANDS, _SHIFT = 2, 6

_SUM_WIDTH = 33
_FACTOR = signed(MULTIPLIER_WIDTH + 1)
#: Low bits of a sum that a DSP block multiplies: unsigned, so one less than its 18.
_LOW = 17


def control_layout():
    """What all lanes are told, each field when a word reaches its stage.

    The number in a name is that of the registers between the word's entry and the stage.
    """
    return data.StructLayout(
        {
            # The sum of a depthwise window in place of the code; the code in place of one outside.
            "windows_0": 1,
            "inside_0": 1,
            "outside_0": CODE,
            # The sum begins with the bias, or else with the offset.
            "valid_2": 1,
            "first_2": 1,
            "biased_2": 1,
            "offset_2": signed(9),
            # The word of the table is the factor and the bias is added, or the word is added.
            "mul_2": 1,
            "add_2": 1,
            "maximum_9": 1,
            # A byte of the table's word replaces the result.
            "lookup_12": 1,
            "byte_12": 2,
            # When stages take parameters.
            "starts": data.ArrayLayout(unsigned(1), BYPASSED + 1),
        }
    )


class Lane(Unit):
    """One lane of :class:`Lanes`, which has the control, the table memories and the contract.

    The sum or the code is multiplied in two DSP blocks of 25 × 18 bits. The first multiplies its
    low 17 bits and adds the addend, the second the other bits, whose product comes a cycle later
    for the cascade to add both.

    Parameters
    ----------
    rounding : str
        One of :data:`.requantize.ROUNDINGS`.

    Members
    -------
    a : ``In(signed(8))``
    window : ``In(signed(24))``
        The sum of a depthwise window.
    control : ``In(control_layout())``
    channel : ``In(CHANNEL)``
    result : ``Out(signed(8))``
        After 10 cycles: the code to look up.
    word : ``In(32)``
        A word of the table, a cycle after its address: that of operand b, which comes along with
        a, or that of ``result``.
    o : ``Out(signed(8))``
        After 13 cycles.
    """

    role = "npu vector"

    def __init__(self, *, rounding):
        super().__init__(
            {
                "a": In(CODE),
                "window": In(SUM),
                "control": In(control_layout()),
                "channel": In(CHANNEL),
                "result": Out(CODE),
                "word": In(32),
                "o": Out(CODE),
            }
        )

    def build(self):
        m = Module()
        control = self.control

        def parameter(stage, field):
            return held(m, self.channel[field], control.starts[stage], name=field)

        # A register that a block RAM has inside.
        word = registered(m, self.word, 32, name="word_register")
        code = Mux(control.inside_0, self.a, control.outside_0)
        term = registered(m, Mux(control.windows_0, self.window, code), SUM, name="term_1")
        term = registered(m, term, SUM, name="term_2")

        total = data_register(signed(_SUM_WIDTH), name="total")
        maximum = data_register(CODE, name="maximum_3")
        bias = parameter(_OPERANDS, "bias")
        begin = Mux(control.biased_2, bias, control.offset_2)
        code = term[: CODE.width].as_signed()
        with m.If(control.valid_2):
            m.d.sync += total.eq(Mux(control.first_2, begin, total) + term)
            with m.If(control.first_2 | (code > maximum)):
                m.d.sync += maximum.eq(code)

        multiplier = Cat(parameter(_OPERANDS, "multiplier"), Const(0, 1))
        factor = Mux(control.mul_2, word[: _FACTOR.width], multiplier)
        factor = registered(m, factor.as_signed(), _FACTOR, name="factor_3")
        addend = Mux(control.add_2, word.as_signed(), Mux(control.mul_2, bias, 0))
        addend = registered(m, addend, signed(32), name="addend_3")
        addend = registered(m, addend, signed(32), name="addend_4")

        low_shape = signed(_LOW + _FACTOR.width)
        low = Cat(total[:_LOW], Const(0, 1)).as_signed() * factor
        low = registered(m, low, low_shape, name="low_4")
        low = registered(m, low + addend, signed(low_shape.width + 1), name="low_5")
        high = registered(m, total[_LOW:], signed(_SUM_WIDTH - _LOW), name="high_4")
        factor = registered(m, factor, _FACTOR, name="factor_4")
        high = registered(m, high * factor, signed(len(high) + len(factor)), name="high_5")
        width = _SUM_WIDTH + MULTIPLIER_WIDTH
        scaled = Cat(low[:_LOW], (low >> _LOW) + high)[:width].as_signed()
        scaled = registered(m, scaled, signed(width), name="scaled_6")

        clamped = rounded_and_clamped(
            m,
            scaled,
            lambda stage, field: parameter(_SHIFT + stage, field),
            out_shape=CODE,
            rounding=self.parameters["rounding"],
        )
        for stage in range(4, BYPASSED + 1):
            maximum = registered(m, maximum, CODE, name=f"maximum_{stage}")
        result = Mux(control.maximum_9, maximum, clamped)
        result = registered(m, result, CODE, name="result_10")
        m.d.comb += self.result.eq(result)
        for stage in range(REQUANTIZED + 1, LATENCY):
            result = registered(m, result, CODE, name=f"result_{stage}")
        looked_up = selected(word, control.byte_12, CODE.width).as_signed()
        result = Mux(control.lookup_12, looked_up, result)
        m.d.comb += self.o.eq(registered(m, result, CODE, name="result_13"))
        return m
