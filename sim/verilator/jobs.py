"""Jobs on simulated cores, checked against the golden model."""

import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ..designs.base import Job, check_core
from ..lib.patterns import stalls_of_streams
from ..manifest import Manifest
from ..steps import step
from .build import Build
from .core import Core, CycleLimitError, SimulationError, Stats

__all__ = [
    "JOB_BENCH",
    "Chain",
    "Result",
    "read_results",
    "run_job",
    "run_jobs",
    "write_job",
]

#: The test bench that does a job which :func:`write_job` has written.
JOB_BENCH = "brickwork.sim.tb.job"

#: Cycles from which on an optimized build pays. Measured with 8×8 PEs: it takes 0.5 s longer, and
#: saves 0.3 s in 100,000 cycles. Both grow with the design.
_LONG_CYCLES = 100_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The outcome of a job on a simulated core.

    Attributes
    ----------
    job : Job
    y : int64 array
        The core's results.
    flags : bool array or None
        Flags of results with NaN or infinite operands; ``None`` for a core without flags.
    matches_golden : bool
        Whether every result, and every flag, matches the golden model.
    cycles : int
        Clock edges from the first accepted word to the last result word, both counted; after the
        filling of memories, from the first descriptor of a product on.
    fill_cycles : int
        Clock edges before that, in which memories are filled; 0 for a core without such memories.
    seconds, simulation_seconds : float
        Elapsed time of the whole run, and of the simulation alone.
    build : Build
    waves : Path or None
    """

    job: Job
    y: np.ndarray
    flags: np.ndarray | None
    matches_golden: bool
    cycles: int
    fill_cycles: int = 0
    seconds: float
    simulation_seconds: float
    build: Build
    waves: Path | None

    @property
    def macs(self) -> int:
        """Multiplications that contribute to the results."""
        return self.job.macs

    @property
    def ideal_cycles(self) -> float:
        """Cycles of an array whose PEs all multiply in every cycle."""
        return self.job.ideal_cycles

    @property
    def utilization(self) -> float:
        """Share of all PEs' cycles in which they multiply, 0 to 1."""
        return self.ideal_cycles / self.cycles

    @property
    def cycle_bound(self) -> int:
        """Worst-case cycles of the whole job with a host that never stalls."""
        return self.job.cycle_bound

    @property
    def formula(self) -> str:
        """The formula of the worst-case cycles, with the job's numbers."""
        return self.job.formula


@dataclass(frozen=True, kw_only=True, eq=False)
class Chain:
    """The outcome of jobs one after the other, with a host that never pauses.

    Attributes
    ----------
    y : list of int64 arrays
        The core's results, job by job.
    cycles : int
        Clock edges from the first accepted word of the first job to the last result word of the
        last, both counted. A core begins a job before the previous one has ended.
    matches_golden : list of bool
        Whether every result of the job matches the golden model, job by job.
    simulation_seconds : float
        Elapsed time of the simulation.
    """

    y: list[np.ndarray]
    cycles: int
    matches_golden: list[bool]
    simulation_seconds: float


def run_job(
    manifest: Path,
    job: Job,
    *,
    stall_in: int = 0,
    stall_out: int = 0,
    seed: int = 1,
    limit: int = 0,
    waves: Path | None = None,
    cocotb: Path | None = None,
) -> Result:
    """Runs a job on a simulated core.

    Parameters
    ----------
    manifest : Path
        Manifest of the emitted core; the job must be made from it.
    job : Job
    stall_in, stall_out : int
        Percentage of cycles in which the host holds back words, and results.
    seed : int
        Seed of the stalls.
    limit : int
        Most cycles, or 0 for several times the worst case.
    waves : Path or None
        The FST file to write.
    cocotb : Path or None
        Work folder of a cocotb testbench that drives the simulation in place of the compiled
        driver: much slower, with the same results and cycles.

    Raises
    ------
    SimulationError
        If the simulation fails; a wrong result does not raise.
    """
    start = time.monotonic()
    manifest = Path(manifest)
    check_core(job, Manifest.read(manifest))
    stalls = stalls_of_streams(job.manifest.streams, stall_in, stall_out, seed)
    if not limit:
        # More than any stalls of these percentages can take; it ends a design that hangs.
        slack = 100 // (100 - stall_in) * 100 // (100 - stall_out)
        limit = 8 * slack * job.cycle_bound + 10_000
    drive = _by_driver if cocotb is None else _by_cocotb
    words, measures = drive(manifest, job, stalls, limit, waves, cocotb)
    y, flags = job.gather(words), job.flags(words)
    return Result(
        job=job,
        y=y,
        flags=flags,
        matches_golden=job.matches(y, flags),
        seconds=time.monotonic() - start,
        **measures,
    )


def run_jobs(manifest: Path, jobs: Sequence[Job], *, limit: int = 0) -> Chain:
    """Runs jobs in one simulation, the words of each right behind those of the previous one.

    Parameters
    ----------
    manifest : Path
        Manifest of the emitted core; the jobs must be made from it.
    jobs : sequence of Job
        At least one.
    limit : int
        Most cycles, or 0 for several times the worst case of all jobs.

    Raises
    ------
    ValueError
        If the sequence of jobs is empty.
    SimulationError
        If the simulation fails; a wrong result does not raise.
    """
    if not jobs:
        raise ValueError("Jobs must be at least one, not none")
    core = Core(manifest, optimized=_is_long(*jobs))
    for job in jobs:
        check_core(job, core.manifest)
    words = [job.words() for job in jobs]
    streams = {name: itertools.chain(*(each[name] for each in words)) for name in words[0]}
    counts = [job.result_words for job in jobs]
    limit = limit or 8 * sum(job.cycle_bound for job in jobs) + 10_000
    results, stats = _run(core, streams, sum(counts), limit=limit)
    y, matches = [], []
    for job, portion in zip(jobs, _cut(results, counts), strict=True):
        y.append(job.gather(portion))
        matches.append(job.matches(y[-1], job.flags(portion)))
    return Chain(y=y, cycles=stats.cycles, matches_golden=matches, simulation_seconds=stats.seconds)


def _is_long(*jobs):
    """Whether jobs run long enough for an optimized build."""
    return sum(job.cycle_bound for job in jobs) >= _LONG_CYCLES


def _cut(words, counts):
    """Words, or a dict of their fields, cut into portions of ``counts`` words."""
    ends = np.cumsum(counts)[:-1]
    if not isinstance(words, dict):
        return np.split(words, ends)
    split = {name: np.split(values, ends) for name, values in words.items()}
    return [{name: split[name][i] for name in split} for i in range(len(counts))]


def _run(core, streams, count, **options):
    try:
        results, stats = core.run(**streams, results=count, **options)
    except CycleLimitError as error:
        raise CycleLimitError(f"{core.manifest.design}: {error}") from None
    return results["results"], stats


def _by_driver(manifest, job, stalls, limit, waves, _):
    if waves:
        waves.parent.mkdir(parents=True, exist_ok=True)
    core = Core(manifest, waves=waves is not None, optimized=_is_long(job))
    with step(f"simulating, at most {job.cycle_bound:,} cycles"):
        words, stats = _run(
            core, job.words(), job.result_words, limit=limit, stalls=stalls, waves=waves
        )
    return words, {
        **job.measures(stats),
        "simulation_seconds": stats.seconds,
        "build": core.build,
        "waves": waves,
    }


def _by_cocotb(manifest, job, stalls, limit, waves, folder):
    from .simulate import simulate

    folder.mkdir(parents=True, exist_ok=True)
    file = write_job(folder, job, limit=limit, stalls=stalls)
    outcome = simulate(
        manifest,
        JOB_BENCH,
        workdir=folder,
        waves=waves is not None,
        # The build of the compiled driver.
        optimized=_is_long(job),
        shared=False,
    )
    if not outcome.passed:
        design = Manifest.read(manifest).design
        raise SimulationError(f"{design}: {outcome.reason} (log: {outcome.log})")
    words, stats = read_results(file)
    return words, {
        **job.measures(stats),
        "simulation_seconds": sum(test.seconds for test in outcome.tests),
        "build": outcome.build,
        "waves": outcome.waves,
    }


def write_job(
    folder: Path, job: Job, *, limit: int, stalls: Mapping = MappingProxyType({})
) -> Path:
    """Writes the job for :data:`JOB_BENCH` to run in ``folder``; returns the file of its results.

    That file does not exist until the bench has run.
    """
    entries = {f"stalls_{name}": pattern for name, pattern in stalls.items()}
    for name, chunks in job.words().items():
        entries[f"words_{name}"] = np.concatenate(list(chunks))
    np.savez(folder / "job.npz", limit=limit, results=job.result_words, **entries)
    file = folder / "done.npz"
    file.unlink(missing_ok=True)
    return file


def read_results(file: Path) -> tuple[np.ndarray | dict[str, np.ndarray], Stats]:
    """Words of results, lanes or their fields, and the cycles of a job in :data:`JOB_BENCH`."""
    with np.load(file) as results:
        words = {name[6:]: results[name] for name in results if name.startswith("field_")}
        first = {name[6:]: int(results[name]) for name in results if name.startswith("first_")}
        last = int(results["last"])
    stats = Stats(
        cycles=last - min(first.values()) + 1,
        words={},
        waited={},
        first=first,
        last={"results": last},
        seconds=0.0,
    )
    return words["lane"] if len(words) == 1 else words, stats
