"""Testbench of the steps of a window walk."""

import cocotb

from ...golden.npu.window_steps import window_steps
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, never, stalls
from ._fields import pack, unpack


class Steps:
    """The unit between windows, each (pitch, iy0, sy, dy), and a sink."""

    def __init__(self, dut, windows, stall=0):
        unit = manifest()
        self.bench, self.streams = Bench(dut), unit.streams
        width = unit.parameters["address_width"]
        self.expected = [window_steps(*window, width) for window in windows]
        words = [
            pack(self.streams["i"], {"pitch": pitch, "iy0": iy0, "sy": sy - 1, "dy": dy - 1})
            for pitch, iy0, sy, dy in windows
        ]
        pattern = (lambda: stalls(stall, self.bench.rng)) if stall else (lambda: never)
        self.source = Source(dut, self.streams["i"], words, pattern())
        self.sink = Sink(dut, self.streams["o"], pattern())
        self.i, self.o = (Recorder(dut, name, self.streams[name]) for name in ("i", "o"))

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self.source, self.sink, self.i, self.o]

    async def finish(self):
        await self.bench.run(lambda: self.o.count >= len(self.expected), 60 * len(self.expected))
        for _ in range(20):
            await self.bench.tick()
        assert [unpack(self.streams["o"], word) for word in self.o.words] == self.expected


def random_window(rng):
    pitch_width = {field["name"]: field["width"] for field in manifest().streams["i"]["fields"]}
    pitch = rng.getrandbits(pitch_width["pitch"])
    return pitch, rng.randint(-128, 127), rng.randint(1, 8), rng.randint(1, 8)


@cocotb.test()
async def corners(dut):
    """Each offset, each stride and dilation, the longest pitch; latency and throughput."""
    most = (1 << manifest().streams["i"]["fields"][0]["width"]) - 1
    windows = [(most, iy0, 1, 8) for iy0 in range(-128, 128)]
    windows += [(most, 0, sy, dy) for sy in range(1, 9) for dy in range(1, 9)]
    steps = Steps(dut, [*windows, (0, -1, 1, 1)])
    await steps.start()
    await steps.finish()
    late = {o - i for i, o in zip(steps.i.accepted, steps.o.offered, strict=True)}
    assert late == {9}, late
    accepted = steps.i.accepted
    assert accepted == list(range(accepted[0], accepted[0] + 10 * len(accepted), 10))


@cocotb.test()
@cocotb.parametrize(stall=[30, 80])
async def random_windows(dut, stall):
    rng = Bench(dut).rng
    steps = Steps(dut, [random_window(rng) for _ in range(60)], stall)
    await steps.start()
    await steps.finish()


@cocotb.test()
async def reset(dut):
    """A reset in any cycle of a product; the next one is right."""
    rng = Bench(dut).rng
    for cycles in range(14):
        steps = Steps(dut, [random_window(rng) for _ in range(2)])
        await steps.start()
        for _ in range(cycles):
            await steps.bench.tick()
        steps = Steps(dut, [random_window(rng)])
        await steps.start()
        await steps.finish()


@cocotb.test()
async def ready_and_valid_come_from_registers(dut):
    rng = Bench(dut).rng
    steps = Steps(dut, [random_window(rng) for _ in range(40)], 30)
    await steps.start()
    for _ in range(60):
        await steps.bench.tick()
        inputs = ["i_payload", "i_valid", "o_ready"]
        await check_no_paths(steps.bench, inputs, ["i_ready", "o_valid", "o_payload"])
    await steps.finish()
