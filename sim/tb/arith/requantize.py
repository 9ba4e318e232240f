"""Testbench of the requantizer."""

import cocotb

from ...golden.output.output_channel import output_channel
from ...lib.bench import Bench, manifest
from ...lib.channels import Channels
from ...lib.trace import play

LATENCY = {"shift": 5, "scale": 7}


def channels(bench):
    """Values of channels of the unit, whichever way it rounds."""
    params = dict(manifest().parameters)
    del params["rounding"]
    return Channels(bench.rng, **params)


async def check(bench, runs):
    """Runs of accumulators, (channel values, accumulators), each as soon as it may come."""
    params = manifest().parameters
    make = channels(bench)
    output, latency = params["output"], LATENCY[params["output"]]
    # From a start on the values have to stay for the latency, and so long the next one waits.
    # All of `i` from the cycle after a start to that of the next are accumulators of the channel.
    accs, starts, words, expected = [make.acc()], [], [], [None]
    for values, run in runs:
        run = run + [make.acc() for _ in range(latency - len(run))]
        idle = len(run) - latency
        starts += [1] + [0] * (len(run) - 1)
        words += [make.word(values)] * latency + [bench.rng.getrandbits(make.width)] * idle
        accs += run
        expected += output_channel(run, values, output, params["rounding"])
    tail = [0] * (latency + 1)
    inputs = {"i": accs + tail, "start": [*starts, 0, *tail], "channel": [*words, 0, *tail]}
    trace = await play(bench, inputs)
    expected = [None] * latency + expected + [None]
    trace.check("o", [value or 0 for value in expected], [value is not None for value in expected])


@cocotb.test()
async def corners(dut):
    """Extremes, ties, saturation edges, every shift; one result a cycle, with exact latency."""
    bench = Bench(dut)
    for name, runs in channels(bench).corners().items():
        cocotb.log.info("%s", name)
        await bench.reset()
        await check(bench, runs)


@cocotb.test()
async def random(dut):
    """Channels as short as they may be, and longer ones."""
    bench = Bench(dut)
    await bench.reset()
    make = channels(bench)
    lengths = [*([1] * 150), *(bench.rng.randint(1, 20) for _ in range(100))]
    values = [make.random() for _ in lengths]
    await check(
        bench,
        [
            (each, [bench.rng.choice([make.acc(), make.acc_by_tie(each)]) for _ in range(n)])
            for each, n in zip(values, lengths, strict=True)
        ],
    )
