"""Throughput of cores behind a bus: cycles in RTL beside the bare core's and the bus's least."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...sim.designs._eie import Layer, matvec
from ...sim.designs._product import multiply
from ...sim.golden.sparse import encode
from ...sim.host.axi import Beats, Job, gemm_job, sparse_job
from ...sim.manifest import Manifest
from ...sim.verilator.simulate import simulate
from ..designs.base import Eie, GemmFusion, GemmOs, GemmWs
from ..designs.wrappers import Axi, Axis
from ..emission.emit import emit
from ..lib.errors import Failed
from ..lib.progress import progress

__all__ = [
    *("DESIGNS", "LATENCIES", "LEAST", "MEMORY_WIDTHS", "NOTES", "WIDTHS"),
    *("measure", "rows", "stream_cycles"),
]

#: Widths of the buses in bits.
WIDTHS = (32, 64, 128, 256, 512)
#: Width of the memory's bus, and its latencies in cycles.
MEMORY_WIDTHS = (64, 256)
LATENCIES = (1, 30, 100)
#: What part of the bare core's throughput a bus leaves whose beats hold whole words, in percent.
LEAST = 95

#: The cores, with M, K and N of their products; of eie rows and columns of the matrix.
DESIGNS = {
    "gemm_ws": (GemmWs(rows=8, cols=8, acc_width=32), (128, 64, 64)),
    "gemm_os": (GemmOs(rows=8, cols=8, acc_width=32), (64, 128, 64)),
    "gemm_fusion": (GemmFusion(rows=4, cols=4), (128, 64, 32)),
    "eie": (Eie(pes=4, columns=256, entries=2048, act_width=16), (64, 256)),
}

#: What stands below the table.
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
    """A core's job behind a bus, what comes of it, and how the bare core fares."""

    job: Callable[[dict], Job]
    expected: np.ndarray
    core_cycles: int
    exact: bool


def measure(
    out: Path,
    *,
    designs: dict | None = None,
    widths: Sequence[int] = WIDTHS,
    memory_widths: Sequence[int] = MEMORY_WIDTHS,
    latencies: Sequence[int] = LATENCIES,
) -> list[dict]:
    """A record for each core and bus; every result is checked.

    Parameters
    ----------
    out : Path
        For emitted designs.
    designs : dict
        By default :data:`DESIGNS`.
    widths : sequence of int
        Of AXI4-Stream, in bits.
    memory_widths, latencies : sequence of int
        Of AXI4, in bits and in cycles.
    """
    designs = DESIGNS if designs is None else designs
    buses = [(Axis, width, None) for width in widths]
    buses += [(Axi, width, latency) for width in memory_widths for latency in latencies]
    records = []
    with progress(total=len(designs) * len(buses), what="bus") as bar:
        for name, (core, shape) in designs.items():
            work = (_sparse if name == "eie" else _dense)(out, core, shape)
            for kind, width, latency in buses:
                bar.set_description_str(f"bus, {name} with {kind.kind()} of {width} bits")
                top = emit(kind(core=core, data_width=width), out)
                facts = Manifest.read(top.manifest)
                done = _run(top, facts, work.job(facts), latency, work.core_cycles)
                records.append(
                    {
                        "design": name,
                        "array": str(core.pes) if name == "eie" else f"{core.rows}x{core.cols}",
                        "product": "x".join(map(str, shape)),
                        "top": kind.kind(),
                        "bus": width,
                        "latency": latency,
                        **_figures(facts, work, done),
                    }
                )
                bar.update()
    return records


def rows(records: list[dict]) -> Iterator[dict]:
    """The records in the columns of the table."""
    for row in records:
        shown = {name: row[name] for name in ("design", "array", "product", "top", "bus")}
        yield shown | {
            "latency": row["latency"],
            "core": row["core_cycles"],
            "cycles": row["cycles"],
            "% of core": f"{row['percent_of_core']:.1f}",
            "slowest": row["slowest"],
            "least": row["least_cycles"],
            "% of least": f"{row['percent_of_least']:.1f}",
            "beats/cycle": f"{row['beats_per_cycle']:.3f}",
            "equals_golden": row["exact"],
        }


def stream_cycles(bus: dict, counts: dict[str, int]) -> dict[str, int]:
    """The least cycles that each stream takes, or of a top with DMA all reads and all writes.

    A word a cycle, or a beat a cycle of words that take several; in memory a beat a cycle.

    Parameters
    ----------
    bus : dict
        Of a top's manifest.
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


def _figures(facts, work, done):
    bus, job = facts.bus, work.job(facts)
    beats, cycles = _beats(bus, job.counts), stream_cycles(bus, job.counts)
    beats |= {"writes": beats["results"], "reads": sum(beats.values()) - beats["results"]}
    slowest = max(cycles, key=cycles.get)
    least = max(work.core_cycles, cycles[slowest])
    whole = all(stream["beats_per_word"] == 1 for stream in bus["streams"].values())
    of_core = 100 * work.core_cycles / done["cycles"]
    return {
        "core_cycles": work.core_cycles,
        "cycles": done["cycles"],
        "percent_of_core": round(of_core, 2),
        "words": job.counts,
        "beats": {name: beats[name] for name in job.counts},
        "slowest": slowest,
        "slowest_cycles": cycles[slowest],
        "least_cycles": least,
        "percent_of_least": round(100 * least / done["cycles"], 2),
        "beats_per_cycle": round(beats[slowest] / done["cycles"], 4),
        "fast_enough": of_core >= LEAST if whole and bus["top"] == "axis" else None,
        "exact": work.exact and np.array_equal(done["y"], work.expected),
    }


def _dense(out, core, shape):
    m, k, n = shape
    rng = np.random.default_rng(1)
    a, w = rng.integers(-128, 128, (m, k)), rng.integers(-128, 128, (k, n))
    emission = emit(core, out)
    alone = multiply(emission.manifest, a, w, workdir=emission.folder / "bench")
    return _Work(lambda facts: gemm_job(facts, a, w), alone.y, alone.cycles, alone.matches_golden)


def _sparse(out, core, shape):
    rng = np.random.default_rng(1)
    indices = rng.integers(1, 16, shape) * (rng.random(shape) < 0.3)
    codebook = np.concatenate([[0], rng.integers(-99, 100, 15)])
    layers = [Layer(encoded=encode(indices, codebook, pes=core.pes))]
    a = rng.integers(-99, 100, (_VECTORS, shape[1])) * (rng.random((_VECTORS, shape[1])) < 0.5)
    alone = matvec(emit(core, out).manifest, layers[0].encoded, a)
    cycles = alone.fill_cycles + alone.cycles
    return _Work(lambda facts: sparse_job(facts, layers, a), alone.y, cycles, alone.matches_golden)


def _run(top, facts, job, latency, core_cycles):
    """What a top gives for a job, and its cycles."""
    given = {"limit": 100 * core_cycles + 100_000}
    if latency is None:
        for name in job.words:
            beats = job.beats(name)
            given |= {f"{name}_data": beats.data, f"{name}_keep": beats.keep}
    else:
        places, sizes = job.addresses(), job.sizes
        memory = np.zeros(max(places[name] + sizes[name] for name in places) + _PAGE, np.uint8)
        for name in job.words:
            memory[places[name] : places[name] + sizes[name]] = job.memory(name)
        offsets = {register["name"]: register["offset"] for register in facts.bus["registers"]}
        writes = [(offsets["INTERRUPT_ENABLE"], 1)]
        writes += [(offset, value) for _, offset, value in job.writes()]
        given |= {"memory": memory, "writes": np.array(writes), "latency": latency}
    work = top.folder / "bench"
    work.mkdir(parents=True, exist_ok=True)
    np.savez(work / "job.npz", **given)
    outcome = simulate(top.manifest, "brickwork.sim.tb.bus_job", workdir=work)
    if not outcome.passed:
        raise Failed(f"Simulation of {facts.top} failed: {outcome.reason}; see {outcome.log}")
    done = np.load(work / "done.npz")
    if latency is None:
        last = np.arange(len(done["data"])) == len(done["data"]) - 1
        results = Beats(data=done["data"], keep=done["keep"], last=last)
    else:
        results = done["memory"][places["results"] :]
    return {"y": job.gather(results), "cycles": int(done["cycles"])}


#: Vectors that the sparse engine multiplies.
_VECTORS = 8
#: Bytes beyond the last ones of a job in memory.
_PAGE = 4096
