"""Testbench of the counters."""

import cocotb

from ...golden.npu.counters import WIDTHS, counters
from ...lib.bench import Bench, settle

NAMES = tuple(WIDTHS)


async def check(bench, sequence):
    """Events, a set a cycle; all values after each."""
    dut = bench.dut
    for number, events in enumerate(sequence):
        dut.events.value = sum(1 << NAMES.index(name) for name in events - {"clear"})
        dut.clear.value = "clear" in events
        await bench.tick()
        await settle()
        values, low = {}, 0
        word = int(dut.values.value)
        for name, width in WIDTHS.items():
            values[name] = word >> low & ((1 << width) - 1)
            low += width
        expected = counters(sequence[: number + 1])
        assert values == expected, f"after cycle {number}"


async def begin(dut):
    bench = Bench(dut)
    await bench.reset()
    dut.events.value, dut.clear.value = 0, 0
    return bench


@cocotb.test()
async def each_event(dut):
    """Each alone, once more often than the one before it."""
    bench = await begin(dut)
    await check(bench, [{name} for n, name in enumerate(NAMES) for _ in range(n + 1)])


@cocotb.test()
async def throughput(dut):
    """All of them in each cycle, up to a carry."""
    bench = await begin(dut)
    await check(bench, [set(NAMES)] * 260)


@cocotb.test()
async def clears(dut):
    """In the midst of events, in adjacent cycles, and after a reset."""
    bench = await begin(dut)
    every = set(NAMES)
    await check(bench, [every, every, every | {"clear"}, every, {"clear"}, {"clear"}, every, set()])
    bench = await begin(dut)
    await check(bench, [set(), every])


@cocotb.test()
@cocotb.parametrize(share=[10, 50, 90])
async def random(dut, share):
    bench = await begin(dut)
    rng = bench.rng
    sequence = []
    for _ in range(300):
        events = {name for name in NAMES if rng.randrange(100) < share}
        sequence.append(events | ({"clear"} if rng.randrange(40) == 0 else set()))
    await check(bench, sequence)
