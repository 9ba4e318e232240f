"""Testbench of the sender to a serial line."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Source, never, stalls


class Sampler:
    """Records the line and ``ready``, cycle by cycle."""

    def __init__(self, dut):
        self.dut = dut
        self.levels, self.ready = [], []

    def step(self, cycle):
        self.levels.append(int(self.dut.o.value))
        self.ready.append(int(self.dut.i_ready.value))


async def send(dut, pause):
    bench = Bench(dut)
    divisor = manifest().parameters["divisor"]
    stream = manifest().streams["i"]
    words = [0x00, 0xFF, 0x55, 0xAA, 0x01, 0x80, *(bench.rng.getrandbits(8) for _ in range(30))]
    source, recorder, line = (
        Source(dut, stream, words, pause),
        Recorder(dut, "i", stream),
        Sampler(dut),
    )
    await bench.reset()
    bench.agents = [source, recorder, line]
    await bench.run(lambda: recorder.count == len(words), 40 * 10 * divisor)
    for _ in range(12 * divisor):
        await bench.tick()
    assert recorder.words == words
    # Recorded from cycle 1 on. The whole waveform follows from the cycles of the transfers.
    expected = [1] * len(line.levels)
    ready = [1] * len(line.levels)
    for byte, cycle in zip(recorder.words, recorder.accepted, strict=True):
        for bit, level in enumerate([0, *(byte >> position & 1 for position in range(8)), 1]):
            first = cycle + bit * divisor
            expected[first : first + divisor] = [level] * divisor
        # The next byte is taken in the last cycle of the stop bit.
        ready[cycle : cycle + 10 * divisor - 1] = [0] * (10 * divisor - 1)
    assert line.levels == expected
    assert line.ready == ready
    return divisor, recorder.accepted


@cocotb.test()
async def throughput(dut):
    """Frames without a pause: a byte in 10 bits."""
    divisor, accepted = await send(dut, never)
    assert [cycle - accepted[0] for cycle in accepted] == [
        10 * divisor * n for n in range(len(accepted))
    ]


@cocotb.test()
@cocotb.parametrize(percent=[50, 97])
async def pauses(dut, percent):
    """Bytes that come at any time; frames are whole, and the line is high between them."""
    rng = Bench(dut).rng
    await send(dut, stalls(percent, rng))


@cocotb.test()
async def reset(dut):
    """A reset in a frame takes the line high, and the next frame is right."""
    bench = Bench(dut)
    stream = manifest().streams["i"]
    divisor = manifest().parameters["divisor"]
    bench.agents = [Source(dut, stream, [0], never)]
    await bench.reset()
    for _ in range(5 * divisor + divisor // 2):
        await bench.tick()
    assert not dut.o.value
    await bench.reset(any_state=False)
    bench.agents = []
    for _ in range(20):
        await bench.tick()
        assert dut.o.value
        assert dut.i_ready.value
    await send(dut, never)


@cocotb.test()
async def ready_and_line_come_from_registers(dut):
    bench = Bench(dut)
    stream = manifest().streams["i"]
    bench.agents = [Source(dut, stream, range(200), stalls(50, bench.rng))]
    await bench.reset()
    for _ in range(100):
        await bench.tick()
        await check_no_paths(bench, ["i_payload", "i_valid"], ["i_ready", "o"])
