"""Leading zeros, and parts of a word: mere expressions, tried on every value."""

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator
from brickwork.hdl.arith.leading import leading_zeros
from brickwork.hdl.arith.select import selected


def values_of(expression, inputs, cases):
    """What an expression is for each case, a tuple of values of its inputs."""
    m = Module()
    output = Signal(len(expression))
    m.d.comb += output.eq(expression)
    found = []

    async def bench(ctx):
        for case in cases:
            for signal, value in zip(inputs, case, strict=True):
                ctx.set(signal, value)
            found.append(ctx.get(output))

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@pytest.mark.parametrize("width", [1, 2, 3, 7, 8])
def test_leading_zeros(width):
    value = Signal(width)
    cases = [(number,) for number in range(1 << width)]
    expected = [width - number.bit_length() for (number,) in cases]
    assert values_of(leading_zeros(value), [value], cases) == expected


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_selected(count):
    """Beyond the word it is the last part."""
    word, index = Signal(4 * count), Signal(3)
    parts = [(5 * n + 3) % 16 for n in range(count)]
    number = sum(part << (4 * n) for n, part in enumerate(parts))
    found = values_of(selected(word, index, 4), [word, index], [(number, n) for n in range(8)])
    assert found[:count] == parts
    width = (count - 1).bit_length()
    assert found[count : 1 << width] == parts[-1:] * ((1 << width) - count)
