"""Runs a product on a GEMM engine: reads ``job.npz`` in the current folder, writes ``done.npz``.

A job is ``a``, ``w``, the channels' arrays, and for streams that stall ``stalls_<stream>``. What
comes out is not judged here, but every word that the product should give must come, and none more.
"""

import itertools
from pathlib import Path

import cocotb
import numpy as np

from ..designs._gemm import CHANNELS, Channels, tiling
from ..host.packing import unpack_fields
from ..lib.bench import Bench, manifest
from ..lib.streams import Monitor, Sink, Source, never


def _integers(chunks):
    for chunk in chunks:
        for word in chunk:
            yield int.from_bytes(word.tobytes(), "little")


def _stalls(job, name):
    key = f"stalls_{name}"
    return itertools.cycle(job[key].tolist()).__next__ if key in job else never


@cocotb.test()
async def product(dut):
    facts = manifest()
    job = np.load(Path("job.npz"))
    a, w = job["a"], job["w"]
    modes = {key[5:]: job[key].item() for key in job if key.startswith("mode_")}
    plan = tiling(facts, len(a), len(w), w.shape[1], **modes)
    channels = Channels(**{name: job[name] for name in CHANNELS}) if "bias" in job else None
    bench = Bench(dut)
    streams = facts.streams
    sources = [
        Source(dut, streams[name], _integers(words), _stalls(job, name))
        for name, words in plan.words(a, w, channels).items()
    ]
    sink = Sink(dut, streams["results"], _stalls(job, "results"))
    await bench.reset()
    bench.parts = [*sources, sink]
    if any(name.startswith("stalls_") for name in job):
        bench.parts += [Monitor(dut, name, stream) for name, stream in streams.items()]

    await bench.run(lambda: len(sink.words) >= plan.result_words, int(job["limit"]))
    last = sink.last_taken
    # A word too many would come right after, and all inputs must have been used by now.
    for _ in range(20):
        await bench.tick()
    assert len(sink.words) == plan.result_words, "more results than the product has"
    assert all(source.done for source in sources), "input words were left over"

    size = -(-streams["results"]["width"] // 8)
    packed = b"".join(word.to_bytes(size, "little") for word in sink.words)
    words = np.frombuffer(packed, np.uint8).reshape(-1, size)
    first = min(source.first_accepted for source in sources)
    words = unpack_fields(words, streams["results"]["fields"])
    done = {"y": plan.gather(words), "cycles": last - first + 1}
    if (special := plan.gather_special(words)) is not None:
        done["special"] = special
    np.savez("done.npz", **done)
