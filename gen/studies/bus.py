"""Throughput of cores behind a bus: cycles in RTL beside the bare core's and the bus's least."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...sim.host.bus_job import Beats, BusJob
from ...sim.manifest import Manifest
from ...sim.verilator.simulate import simulate
from ..designs.eie import Eie
from ..designs.gemm_fusion import GemmFusion
from ..designs.gemm_os import GemmOs
from ..designs.gemm_ws import GemmWs
from ..designs.wrappers import Axi, Axis
from ..emission.emit import emit
from ..lib.errors import CheckFailed
from ..lib.progress import progress
from . import engines
from .study import Study

__all__ = [
    *("DESIGNS", "LATENCIES", "LEAST", "MEMORY_WIDTHS", "NOTES", "STUDY", "WIDTHS"),
    *("measure", "stream_cycles"),
]

#: Widths of the buses in bits.
WIDTHS = (32, 64, 128, 256, 512)
#: Width of the memory's bus, and its latencies in cycles.
MEMORY_WIDTHS = (64, 256)
LATENCIES = (1, 30, 100)
#: Share of the bare core's throughput, in percent, behind a bus whose beats hold whole words.
LEAST = 95

#: The cores, with M, K and N of their products; of eie rows and columns of the matrix.
DESIGNS = {
    "gemm_ws": (GemmWs(rows=8, cols=8, acc_width=32), (128, 64, 64)),
    "gemm_os": (GemmOs(rows=8, cols=8, acc_width=32), (64, 128, 64)),
    "gemm_fusion": (GemmFusion(rows=4, cols=4), (128, 64, 32)),
    "eie": (Eie(pes=4, columns=256, entries=2048, act_width=16), (64, 256)),
}

#: Vectors that the sparse engine multiplies.
_VECTORS = 8
#: Bytes beyond the last ones of a job in memory.
_PAGE = 4096

#: Notes below the table.
NOTES = f"""\
cycles: from the first transfer to the last of all streams, or on the memory's bus, both counted;
nothing pauses. core: of the bare core for the same words. % of core: the core's throughput that is
left, at least {LEAST} where no word takes more than a beat of AXI4-Stream. least: core's cycles, or
those of the slowest stream if they are more: a word a cycle, or a beat a cycle of words that take
several (one of w bits on a bus of B bits takes ceil(w / B)); in memory, a beat a cycle for all
reads. It is not reached where results come in bursts, a run at a time, that the bus takes longer
for than the core, nor by eie, whose memories are filled before it begins. beats/cycle: of the
slowest stream, or of all reads. Bursts have 16 beats, and a stream asks for 4 ahead, so that a
memory of latency L gives it at most 64 beats in L cycles."""


@dataclass(frozen=True)
class _Work:
    """A core's job behind a bus, its results, and the cycles of the bare core."""

    job: Callable[[dict], BusJob]
    expected: np.ndarray
    core_cycles: int
    exact: bool


def measure(
    out: Path,
    *,
    designs: dict = DESIGNS,
    widths: Sequence[int] = WIDTHS,
    memory_widths: Sequence[int] = MEMORY_WIDTHS,
    latencies: Sequence[int] = LATENCIES,
) -> list[dict]:
    """A record for each core and bus; every result is checked.

    ``widths`` are those of AXI4-Stream in bits, ``memory_widths`` and ``latencies`` those of AXI4
    in bits and in cycles.
    """
    buses = [(Axis, width, None) for width in widths]
    buses += [(Axi, width, latency) for width in memory_widths for latency in latencies]
    records = []
    with progress(total=len(designs) * len(buses), label="bus") as bar:
        for name, (core, shape) in designs.items():
            work = (_sparse if name == "eie" else _dense)(out, core, shape)
            for wrapper, width, latency in buses:
                bar.set_description_str(f"bus, {name} with {wrapper.NAME} of {width} bits")
                top = emit(wrapper(core=core, data_width=width), out)
                manifest = Manifest.read(top.manifest)
                outcome = _run(top, manifest, work.job(manifest), latency, work.core_cycles)
                records.append(
                    {
                        "design": name,
                        "array": str(core.pes) if name == "eie" else f"{core.rows}x{core.cols}",
                        "product": "x".join(map(str, shape)),
                        "top": wrapper.NAME,
                        "bus": width,
                        "latency": latency,
                        **_figures(manifest, work, outcome),
                    }
                )
                bar.update()
    return records


def _report(records):
    return [list(map(_row, records)), NOTES]


def _row(record):
    return {
        **{name: record[name] for name in ("design", "array", "product", "top", "bus", "latency")},
        "core": record["core_cycles"],
        "cycles": record["cycles"],
        "% of core": f"{record['percent_of_core']:.1f}",
        "slowest": record["slowest"],
        "least": record["least_cycles"],
        "% of least": f"{record['percent_of_least']:.1f}",
        "beats/cycle": f"{record['beats_per_cycle']:.3f}",
        "matches_golden": record["exact"],
    }


def stream_cycles(bus: dict, counts: dict[str, int]) -> dict[str, int]:
    """The least cycles of each stream; for a wrapper with DMA those of all reads and all writes.

    A word a cycle, or a beat a cycle of words that take several; in memory a beat a cycle.

    Parameters
    ----------
    bus : dict
        Of the manifest of a core in a bus wrapper.
    counts : dict
        Words of each stream.
    """
    streams = bus["streams"]
    cycles = {name: count * streams[name]["beats_per_word"] for name, count in counts.items()}
    if bus["top"] == "axi":
        beats = _beats(bus, counts)
        cycles["writes"] = beats.pop("results")
        cycles["reads"] = sum(beats.values())
    return cycles


def _beats(bus, counts):
    """Beats of each stream."""
    streams = bus["streams"]
    return {
        name: -(-count // streams[name]["words_per_beat"]) * streams[name]["beats_per_word"]
        for name, count in counts.items()
    }


def _figures(manifest, work, outcome):
    bus, job = manifest.bus, work.job(manifest)
    beats, cycles = _beats(bus, job.counts), stream_cycles(bus, job.counts)
    beats |= {"writes": beats["results"], "reads": sum(beats.values()) - beats["results"]}
    slowest = max(cycles, key=cycles.get)
    least = max(work.core_cycles, cycles[slowest])
    words_fit = all(stream["beats_per_word"] == 1 for stream in bus["streams"].values())
    of_core = 100 * work.core_cycles / outcome["cycles"]
    return {
        "core_cycles": work.core_cycles,
        "cycles": outcome["cycles"],
        "percent_of_core": round(of_core, 2),
        "words": job.counts,
        "beats": {name: beats[name] for name in job.counts},
        "slowest": slowest,
        "slowest_cycles": cycles[slowest],
        "least_cycles": least,
        "percent_of_least": round(100 * least / outcome["cycles"], 2),
        "beats_per_cycle": round(beats[slowest] / outcome["cycles"], 4),
        "fast_enough": of_core >= LEAST if words_fit and bus["top"] == "axis" else None,
        "exact": work.exact and np.array_equal(outcome["y"], work.expected),
    }


def _dense(out, core, shape):
    m, k, n = shape
    rng = np.random.default_rng(1)
    a, w = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
    bare = engines.product(emit(core, out), a, w)
    return _Work(
        job=lambda manifest: engines.bus_job(manifest, a, w),
        expected=bare.y,
        core_cycles=bare.cycles,
        exact=bare.matches_golden,
    )


def _sparse(out, core, shape):
    rng = np.random.default_rng(1)
    indices = rng.integers(1, 16, shape) * (rng.random(shape) < 0.3)
    codebook = np.concatenate([[0], rng.integers(-99, 100, 15)])
    layers = [engines.SparseLayer(encoded=engines.encoded(core, indices, codebook))]
    a = rng.integers(-99, 100, (_VECTORS, shape[1])) * (rng.random((_VECTORS, shape[1])) < 0.5)
    bare = engines.sparse(emit(core, out), layers, a)
    return _Work(
        job=lambda manifest: engines.sparse_bus_job(manifest, layers, a),
        expected=bare.y,
        core_cycles=bare.fill_cycles + bare.cycles,
        exact=bare.matches_golden,
    )


def _run(top, manifest, job, latency, core_cycles):
    """Results and cycles of a job behind a bus."""
    inputs = {"limit": 100 * core_cycles + 100_000}
    if latency is None:
        for name in job.words:
            beats = job.beats(name)
            inputs |= {f"{name}_data": beats.data, f"{name}_keep": beats.keep}
    else:
        addresses, sizes = job.addresses(), job.sizes
        ends = {name: address + sizes[name] for name, address in addresses.items()}
        memory = np.zeros(max(ends.values()) + _PAGE, np.uint8)
        for name in job.words:
            memory[addresses[name] : ends[name]] = job.memory(name)
        offsets = {register["name"]: register["offset"] for register in manifest.bus["registers"]}
        writes = [(offsets["INTERRUPT_ENABLE"], 1)]
        writes += [(offset, value) for _, offset, value in job.writes()]
        inputs |= {"memory": memory, "writes": np.array(writes), "latency": latency}
    work = top.folder / "bench"
    work.mkdir(parents=True, exist_ok=True)
    np.savez(work / "job.npz", **inputs)
    simulation = simulate(top.manifest, "brickwork.sim.tb.bus_job", workdir=work)
    if not simulation.passed:
        raise CheckFailed(
            f"Simulation of {manifest.top} failed: {simulation.reason}; see {simulation.log}"
        )
    arrays = np.load(work / "done.npz")
    if latency is None:
        last = np.arange(len(arrays["data"])) == len(arrays["data"]) - 1
        results = Beats(data=arrays["data"], keep=arrays["keep"], last=last)
    else:
        results = arrays["memory"][addresses["results"] :]
    return {"y": job.gather(results), "cycles": int(arrays["cycles"])}


STUDY = Study(measure=measure, report=_report)
