"""Products of matrices on a simulated GEMM engine, checked against the golden model."""

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..golden.engine import product as golden_product
from ..golden.engine import special_results
from ..lib.patterns import stalls_of_streams
from ..manifest import Manifest
from ..verilator.build import Build
from ..verilator.core import Core, CycleLimitError, SimulationError
from ._gemm import CHANNELS, Channels, Tiling, tiling

__all__ = ["Chain", "Factors", "Product", "matches_golden", "multiply", "multiply_all"]


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product that was computed on an engine.

    Attributes
    ----------
    y : int64 array, M × N
        What the engine gave.
    cycles : int
        Clock edges from the first accepted input word to the last result word, both counted.
    macs : int
        M · K · N.
    ideal_cycles : int
        Those of an array all of whose elements work in every cycle.
    cycle_bound, formula
        See :class:`Tiling`; they hold for a host that never stalls.
    matches_golden : bool
        Whether every result is the golden model's.
    special : bool array, M × N, or None
        Results that the engine says may depend on NaN or an infinity, if it can tell.
    seconds, simulation_seconds : float
        Elapsed time, of everything and of the simulation alone.
    build : Build
    waves : Path or None
    """

    y: np.ndarray
    cycles: int
    macs: int
    ideal_cycles: int
    cycle_bound: int
    formula: str
    matches_golden: bool
    special: np.ndarray | None
    seconds: float
    simulation_seconds: float
    build: Build
    waves: Path | None

    @property
    def utilization(self) -> float:
        return self.ideal_cycles / self.cycles


@dataclass(frozen=True, kw_only=True, eq=False)
class Factors:
    """What a product of :func:`multiply_all` is of; all as the parameters of :func:`multiply`."""

    a: np.ndarray
    w: np.ndarray
    channels: Channels | None = None
    modes: dict = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Chain:
    """Products that were computed one after the other, without a pause of the host's.

    Attributes
    ----------
    y : list of int64 arrays, M × N
        What the engine gave for each.
    cycles : int
        Clock edges from the first accepted input word of the first product to the last result word
        of the last, both counted. An engine begins with a product before the one before has ended.
    matches_golden : list of bool
        Whether every result of each is the golden model's.
    simulation_seconds : float
        Elapsed time of the simulation.
    """

    y: list[np.ndarray]
    cycles: int
    matches_golden: list[bool]
    simulation_seconds: float


def multiply(
    manifest: Path,
    a: np.ndarray,
    w: np.ndarray,
    channels: Channels | None = None,
    *,
    workdir: Path,
    stall_in: int = 0,
    stall_out: int = 0,
    seed: int = 1,
    limit: int = 0,
    waves: bool = False,
    cocotb: bool = False,
    **modes,
) -> Product:
    """Computes A · W, and what the engine's output stage does, in simulation.

    Parameters
    ----------
    manifest : Path
        Manifest of an emitted engine.
    a, w : integer arrays, M × K and K × N
        Codes of the engine's formats; of an integer format the integers themselves.
    channels : Channels or None
        Must be given unless the engine puts out raw accumulators.
    workdir : Path
        Gets waves if they are asked for; with cocotb the job and the log too.
    stall_in, stall_out : int
        Percentage of cycles in which the host holds back operands, and results.
    limit : int
        Most cycles, or 0 for several times as many as the product should take.
    cocotb : bool
        Drive the simulation by a testbench in place of the compiled driver: much slower, with the
        same results and cycles.
    **modes
        What is chosen at run time: see :func:`tiling`.

    Raises
    ------
    SimulationError
        If the simulation fails; a wrong result does not raise.
    """
    start = time.monotonic()
    manifest, workdir = Path(manifest), Path(workdir)
    facts = Manifest.read(manifest)
    (m, k), n = a.shape, w.shape[1]
    plan = tiling(facts, m, k, n, **modes)
    stalls = stalls_of_streams(facts.streams, stall_in, stall_out, seed)
    if not limit:
        # Enough for any stalls of these percentages; less than forever, for a design that hangs.
        slack = 100 // (100 - stall_in) * 100 // (100 - stall_out)
        limit = 8 * slack * plan.cycle_bound + 10_000
    drive = _by_cocotb if cocotb else _by_driver
    done = drive(manifest, plan, a, w, channels, stalls, limit, workdir, waves)
    size = facts.parameters["rows"] * facts.parameters["cols"] * plan.terms
    return Product(
        macs=m * k * n,
        ideal_cycles=-(-m * k * n * len(plan.passes) // size),
        cycle_bound=plan.cycle_bound,
        formula=plan.formula,
        matches_golden=matches_golden(facts, plan, a, w, channels, done["y"], done["special"]),
        seconds=time.monotonic() - start,
        **done,
    )


def multiply_all(manifest: Path, products: Sequence[Factors], *, limit: int = 0) -> Chain:
    """Computes products in one simulation, the words of each right behind those of the one before.

    Parameters
    ----------
    manifest : Path
        Manifest of an emitted engine.
    products : sequence of Factors
        At least one.
    limit : int
        Most cycles, or 0 for several times as many as all should take.

    Raises
    ------
    ValueError
        If there are no products.
    SimulationError
        If the simulation fails; a wrong result does not raise.
    """
    if not products:
        raise ValueError("Products must be at least one, not none")
    core = Core(manifest)
    plans = [tiling(core.manifest, *one.a.shape, one.w.shape[1], **one.modes) for one in products]
    words = [
        plan.words(one.a, one.w, one.channels) for plan, one in zip(plans, products, strict=True)
    ]
    streams = {name: itertools.chain(*(one[name] for one in words)) for name in words[0]}
    counts = [plan.result_words for plan in plans]
    if not limit:
        limit = 8 * sum(plan.cycle_bound for plan in plans) + 10_000
    try:
        results, stats = core.run(**streams, results=sum(counts), limit=limit)
    except CycleLimitError as error:
        raise CycleLimitError(f"{core.manifest.design}: {error}") from None
    y, matches = [], []
    for plan, one, part in zip(plans, products, _cut(results["results"], counts), strict=True):
        given = core.manifest, plan, one.a, one.w, one.channels
        y.append(plan.gather(part))
        matches.append(matches_golden(*given, y[-1], plan.gather_special(part)))
    return Chain(y=y, cycles=stats.cycles, matches_golden=matches, simulation_seconds=stats.seconds)


def _cut(words, counts):
    """Words, or a dict of their fields, cut into as many as each count says."""
    ends = np.cumsum(counts)[:-1]
    if not isinstance(words, dict):
        return np.split(words, ends)
    fields = {name: np.split(values, ends) for name, values in words.items()}
    return [{name: fields[name][i] for name in fields} for i in range(len(counts))]


def matches_golden(facts, plan: Tiling, a, w, channels, y, special) -> bool:
    """Whether results, and the flags of special ones, are the golden model's."""
    equal = np.array_equal(y, golden_product(facts, a, w, channels, **plan.modes))
    if special is None:
        return equal
    needed = special_results(a, w, **plan.modes)
    # Others of the same run may be flagged too, but none where nothing is special.
    return bool(equal and special[needed].all() and special.any() <= needed.any())


def _by_driver(manifest, plan: Tiling, a, w, channels, stalls, limit, workdir, waves) -> dict:
    core = Core(manifest, waves=waves)
    file = workdir / f"{core.manifest.top}.fst" if waves else None
    if waves:
        workdir.mkdir(parents=True, exist_ok=True)
    words = plan.words(a, w, channels)
    try:
        results, stats = core.run(
            **words, results=plan.result_words, limit=limit, stalls=stalls, waves=file
        )
    except CycleLimitError as error:
        raise CycleLimitError(f"{core.manifest.design}: {error}") from None
    return {
        "y": plan.gather(results["results"]),
        "special": plan.gather_special(results["results"]),
        "cycles": stats.cycles,
        "simulation_seconds": stats.seconds,
        "build": core.build,
        "waves": file,
    }


def _by_cocotb(manifest, plan: Tiling, a, w, channels, stalls, limit, workdir, waves) -> dict:
    from ..verilator.simulate import simulate

    workdir.mkdir(parents=True, exist_ok=True)
    job = {"a": a, "w": w, "limit": limit}
    job |= {f"mode_{name}": value for name, value in plan.modes.items()}
    job |= {f"stalls_{name}": pattern for name, pattern in stalls.items()}
    if channels is not None:
        job |= {name: getattr(channels, name) for name in CHANNELS}
    np.savez(workdir / "job.npz", **job)
    done = workdir / "done.npz"
    done.unlink(missing_ok=True)
    outcome = simulate(manifest, "brickwork.sim.tb.gemm_job", workdir=workdir, waves=waves)
    if not outcome.passed:
        design = Manifest.read(manifest).design
        raise SimulationError(f"{design}: {outcome.reason} (log: {outcome.log})")
    with np.load(done) as found:
        return {
            "y": found["y"],
            "special": found.get("special"),
            "cycles": int(found["cycles"]),
            "simulation_seconds": sum(test.seconds for test in outcome.tests),
            "build": outcome.build,
            "waves": outcome.waves,
        }
