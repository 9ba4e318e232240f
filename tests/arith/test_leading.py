"""Leading zeros and their removal, on all values of few bits."""

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator
from brickwork.hdl.arith.leading import leading_zeros, normalized


def values_of(m, i, outputs, inputs):
    """The outputs for each input, combinational."""
    simulator = Simulator(m)
    seen = []

    async def process(ctx):
        for value in inputs:
            ctx.set(i, value)
            await ctx.delay(1e-6)
            seen.append(tuple(ctx.get(output) for output in outputs))

    simulator.add_testbench(process)
    simulator.run()
    return seen


@pytest.mark.parametrize("width", range(1, 10))
def test_leading_zeros(width):
    m = Module()
    i, count = Signal(width), Signal(width.bit_length())
    m.d.comb += count.eq(leading_zeros(i))
    for value, (zeros,) in enumerate(values_of(m, i, [count], range(1 << width))):
        assert zeros == width - value.bit_length()


@pytest.mark.parametrize("most", [None, 1, 3, 5])
@pytest.mark.parametrize("width", [2, 3, 5, 8, 9])
def test_normalized(width, most):
    m = Module()
    i, o, distance = Signal(width), Signal(width), Signal(4)
    normal, moved = normalized(m, i, most)
    m.d.comb += [o.eq(normal), distance.eq(moved)]
    for value, (shifted, by) in enumerate(values_of(m, i, [o, distance], range(1 << width))):
        assert shifted == (value << by) % (1 << width)
        if value:
            zeros = width - value.bit_length()
            assert by == (zeros if most is None else min(zeros, most))


@pytest.mark.parametrize("near", [1, 3, 4])
def test_low_bits_that_are_zero(near):
    """Where the distance is 4 or more; below, they are any."""
    width = 10
    inputs = [
        value
        for value in range(1, 1 << width)
        if width - value.bit_length() < 4 or value % (1 << near) == 0
    ]
    m = Module()
    i, o = Signal(width), Signal(width)
    m.d.comb += o.eq(normalized(m, i, near=near)[0])
    for value, (shifted,) in zip(inputs, values_of(m, i, [o], inputs), strict=True):
        assert shifted == value << width - value.bit_length()
