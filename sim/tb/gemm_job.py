"""Runs products on a GEMM engine: reads ``job.npz`` in the current folder, writes ``done.npz``.

A product is ``a``, ``w`` and the channels' arrays. The host stalls as the job says. What comes
out is not judged here, but every word that the product should give must come, and none more.
"""

from pathlib import Path

import cocotb
import numpy as np

from ..lib.bench import Bench, manifest
from ..lib.streams import Monitor, Sink, Source, stalls
from ..tiling import Channels, tiling

CHANNELS = ("bias", "multiplier", "shift", "zero_point", "low", "high")


def _integers(chunks):
    for chunk in chunks:
        for word in chunk:
            yield int.from_bytes(word.tobytes(), "little")


@cocotb.test()
async def product(dut):
    facts = manifest()
    job = np.load(Path("job.npz"))
    a, w = job["a"], job["w"]
    plan = tiling(facts, len(a), len(w), w.shape[1])
    channels = Channels(**{name: job[name] for name in CHANNELS}) if "bias" in job else None
    bench = Bench(dut)
    stall_in, stall_out = int(job["stall_in"]), int(job["stall_out"])
    streams = facts["streams"]
    sources = [
        Source(dut, streams[name], _integers(words), stalls(stall_in, bench.rng))
        for name, words in plan.words(a, w, channels).items()
    ]
    sink = Sink(dut, streams["results"], stalls(stall_out, bench.rng))
    await bench.reset()
    bench.parts = [*sources, sink]
    if stall_in or stall_out:
        bench.parts += [Monitor(dut, name, stream) for name, stream in streams.items()]

    bound = plan.cycle_bound
    slack = 100 // (100 - stall_in) * 100 // (100 - stall_out)
    limit = int(job["limit"]) or (8 * slack * bound + 10_000)
    await bench.run(lambda: len(sink.words) >= plan.result_words, limit)
    last = sink.last_taken
    # A word too many would come right after, and all inputs must have been used by now.
    for _ in range(20):
        await bench.tick()
    assert len(sink.words) == plan.result_words, "more results than the product has"
    assert all(source.done for source in sources), "input words were left over"

    size = -(-streams["results"]["width"] // 8)
    packed = b"".join(word.to_bytes(size, "little") for word in sink.words)
    first = min(source.first_accepted for source in sources)
    np.savez(
        "done.npz",
        y=plan.gather(np.frombuffer(packed, np.uint8).reshape(-1, size)),
        cycles=last - first + 1,
    )
