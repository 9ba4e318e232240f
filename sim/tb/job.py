"""Runs a job on a core: reads ``job.npz`` in the current folder, writes ``done.npz``.

A job is the packed words of each input stream, ``words_<stream>``, the number of ``results``, the
``limit`` of cycles, and for streams that stall ``stalls_<stream>``. The results are not judged
here, but each word of them must come, and none more.
"""

import itertools
from pathlib import Path

import cocotb
import numpy as np

from ..host.packing import integers, unpack_fields
from ..lib.bench import Bench, manifest
from ..lib.streams import Monitor, Sink, Source, never


def _stalls(job, name):
    key = f"stalls_{name}"
    return itertools.cycle(job[key].tolist()).__next__ if key in job else never


@cocotb.test()
async def job(dut):
    streams, entries = manifest().streams, np.load(Path("job.npz"))
    bench, count = Bench(dut), int(entries["results"])
    sources = [
        Source(dut, streams[name], integers(entries[f"words_{name}"]), _stalls(entries, name))
        for name in manifest().inputs
    ]
    sink = Sink(dut, streams["results"], _stalls(entries, "results"))
    await bench.reset()
    bench.agents = [*sources, sink]
    if any(name.startswith("stalls_") for name in entries):
        bench.agents += [Monitor(dut, name, stream) for name, stream in streams.items()]

    await bench.run(lambda: len(sink.words) >= count, int(entries["limit"]))
    last = sink.last_taken
    # A word too many would come right after, and all inputs must have been used by now.
    for _ in range(20):
        await bench.tick()
    assert len(sink.words) == count, "more results than the job has"
    assert all(source.done for source in sources), "input words were left over"

    packed = b"".join(
        word.to_bytes(manifest().word_bytes("results"), "little") for word in sink.words
    )
    words = np.frombuffer(packed, np.uint8).reshape(count, -1)
    words = unpack_fields(words, streams["results"]["fields"])
    if not isinstance(words, dict):
        words = {"lane": words}
    results = {f"field_{name}": values for name, values in words.items()}
    for name, source in zip(manifest().inputs, sources, strict=True):
        results[f"first_{name}"] = source.first_accepted
    np.savez("done.npz", last=last, **results)
