"""Saturation, exhaustively in Amaranth's simulator."""

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator
from brickwork.hdl.arith.saturate import saturated


@pytest.mark.parametrize(("width", "to"), [(6, 3), (5, 4), (7, 2), (4, 4), (3, 5)])
def test_every_value(width, to):
    m = Module()
    value = Signal(signed(width))
    result = Signal(signed(max(width, to)))
    m.d.comb += result.eq(saturated(m, value, to))
    checked = 0

    async def bench(context):
        nonlocal checked
        for number in range(-(2 ** (width - 1)), 2 ** (width - 1)):
            context.set(value, number)
            await context.delay(1e-9)
            expected = min(max(number, -(2 ** (to - 1))), 2 ** (to - 1) - 1)
            assert context.get(result) == expected
            checked += 1

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    assert checked == 2**width
