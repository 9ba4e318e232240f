"""Block-sparse weights behind AXI4: the wrapper's own walk beside tiles that the host lists."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...sim.host.mmio import Mmio
from ...sim.manifest import Manifest
from ..designs.base import Design
from ..designs.gemm_ws import GemmWs
from ..designs.wrappers import Axi
from ..emission.emit import emit
from ..lib.progress import progress
from . import engines
from .study import Study

__all__ = ["CORE", "DENSITIES", "STUDY", "measure"]

#: The core; its results are as narrow as its operands, so that writing them takes less time than
#: a tile does.
CORE = GemmWs(rows=16, cols=16, acc_depth=256, max_k=1024, output="scale")
#: Shares of blocks with weights.
DENSITIES = (1, 0.501, 0.227, 0.094, 0.05)
#: Width of the memory's bus, and its longest latency in cycles.
DATA_WIDTH, LATENCY = 256, 30

NOTES = """\
Every block row has a block. cycles: of STATUS.busy, from the start of the job to the last result in
memory, the reading of the index included. speed-up: over the dense product on the same wrapper;
of 1/density: that speed-up times the share of the tiles. read: bytes of memory that the job reads;
prepared: bytes that the host writes before."""


def measure(
    out: Path,
    *,
    core: Design = CORE,
    shape: tuple[int, int, int] = (256, 1024, 1024),
    block: int = 32,
    densities: Sequence[float] = DENSITIES,
) -> Iterator[dict]:
    """A record for each density and wrapper; the first density is the reference of speed-ups.

    ``shape`` are M, K and N; blocks have ``block`` rows and columns.
    """
    dense = {}
    with progress(total=2 * len(densities), label="walk") as bar:
        for density in densities:
            a, w, qparams = _operands(shape, block, density)
            for walk in (0, 1):
                top = emit(Axi(core=core, data_width=DATA_WIDTH, walk=walk), out)
                job = engines.bus_job(Manifest.read(top.manifest), a, w, qparams, skip_zeros=True)
                record = _run(top.manifest, job)
                dense.setdefault(walk, record)
                speedup = dense[walk]["cycles"] / record["cycles"]
                share = record["tiles"] / dense[walk]["tiles"]
                yield {
                    "density": density,
                    "walk": walk,
                    **record,
                    "speedup": round(speedup, 3),
                    "of_inverse": round(speedup * share, 4),
                }
                bar.update()


def _operands(shape, block, density):
    """A, W with a share of its blocks, and a scale that keeps some of each result."""
    m, k, n = shape
    rng = np.random.default_rng(1)
    a, w = rng.integers(-128, 128, (m, k)), rng.integers(1, 128, (k, n))
    kept = np.zeros((k // block, n // block), bool)
    kept[rng.integers(0, len(kept), kept.shape[1]), np.arange(kept.shape[1])] = True
    others = np.flatnonzero(~kept)
    more = max(0, round(kept.size * density) - kept.shape[1])
    kept.ravel()[rng.permutation(others)[:more]] = True
    w *= np.kron(kept, np.ones((block, block), int))
    return a, w, engines.requantization(n)


def _run(manifest, job):
    sizes = job.sizes
    size = sum(-(-length // 4096) * 4096 for length in sizes.values())
    with Mmio(manifest, size=size, latency=LATENCY) as core:
        y = core.run(job)
        cycles, counts = core.read("CYCLES_LOW"), core.counts
    return {
        "tiles": job.job.stream_words["tiles"],
        "cycles": cycles,
        "read_bytes": counts.read_beats * DATA_WIDTH // 8,
        "prepared_bytes": sum(sizes.values()) - sizes["results"],
        "exact": np.array_equal(y, job.job.expected),
    }


def _report(records):
    yield [
        {
            "density": record["density"],
            "tiles": record["tiles"],
            "from": "index" if record["walk"] else "list",
            "cycles": record["cycles"],
            "speed-up": record["speedup"],
            "of 1/density": f"{record['of_inverse']:.4f}",
            "read": record["read_bytes"],
            "prepared": record["prepared_bytes"],
            "matches_golden": record["exact"],
        }
        for record in records
    ]
    yield NOTES


STUDY = Study(measure=measure, report=_report)
