"""Products of matrices on a simulated GEMM engine, checked against the golden model."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .build import Build
from .core import Core, CycleLimitError, SimulationError
from .golden.engine import product as golden_product
from .golden.engine import special_results
from .lib.patterns import stalls_of_streams
from .tiling import CHANNELS, Channels, Tiling, tiling

__all__ = ["Product", "multiply"]


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


def multiply(
    manifest: Path,
    a: np.ndarray,
    w: np.ndarray,
    channels: Channels | None = None,
    *,
    a_type: str | None = None,
    w_type: str | None = None,
    workdir: Path,
    stall_in: int = 0,
    stall_out: int = 0,
    seed: int = 1,
    limit: int = 0,
    waves: bool = False,
    cocotb: bool = False,
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
    a_type, w_type : str or None
        Formats of the operands, of an engine with several; ``None`` is the first.
    workdir : Path
        Gets waves if they are asked for; with cocotb the job and the log too.
    stall_in, stall_out : int
        Percentage of cycles in which the host holds back operands, and results.
    limit : int
        Most cycles, or 0 for several times as many as the product should take.
    cocotb : bool
        Drive the simulation by a testbench in place of the compiled driver: much slower, with the
        same results and cycles.

    Raises
    ------
    SimulationError
        If the simulation fails; a wrong result does not raise.
    """
    start = time.monotonic()
    manifest, workdir = Path(manifest), Path(workdir)
    facts = json.loads(manifest.read_text("utf-8"))
    (m, k), n = a.shape, w.shape[1]
    plan = tiling(facts, m, k, n, a_type, w_type)
    stalls = stalls_of_streams(facts["streams"], stall_in, stall_out, seed)
    if not limit:
        # Enough for any stalls of these percentages; less than forever, for a design that hangs.
        slack = 100 // (100 - stall_in) * 100 // (100 - stall_out)
        limit = 8 * slack * plan.cycle_bound + 10_000
    drive = _by_cocotb if cocotb else _by_driver
    done = drive(manifest, plan, a, w, channels, stalls, limit, workdir, waves)
    size = facts["parameters"]["rows"] * facts["parameters"]["cols"]
    types = {"a_type": plan.a_type, "w_type": plan.w_type}
    expected = golden_product(facts, a, w, channels, **types)
    matches = np.array_equal(done["y"], expected)
    if done["special"] is not None:
        needed = special_results(a, w, **types)
        # Others of the same run may be flagged too, but none where nothing is special.
        matches &= bool(done["special"][needed].all() and done["special"].any() <= needed.any())
    return Product(
        macs=m * k * n,
        ideal_cycles=-(-m * k * n * len(plan.passes) // size),
        cycle_bound=plan.cycle_bound,
        formula=plan.formula,
        matches_golden=bool(matches),
        seconds=time.monotonic() - start,
        **done,
    )


def _by_driver(manifest, plan: Tiling, a, w, channels, stalls, limit, workdir, waves) -> dict:
    core = Core(manifest, waves=waves)
    file = workdir / f"{core.manifest['top']}.fst" if waves else None
    if waves:
        workdir.mkdir(parents=True, exist_ok=True)
    words = plan.words(a, w, channels)
    try:
        results, stats = core.run(
            **words, results=plan.result_words, limit=limit, stalls=stalls, waves=file
        )
    except CycleLimitError as error:
        raise CycleLimitError(f"{core.manifest['design']}: {error}") from None
    return {
        "y": plan.gather(results["results"]),
        "special": plan.gather_special(results["results"]),
        "cycles": stats.cycles,
        "simulation_seconds": stats.seconds,
        "build": core.build,
        "waves": file,
    }


def _by_cocotb(manifest, plan: Tiling, a, w, channels, stalls, limit, workdir, waves) -> dict:
    from .simulate import simulate

    workdir.mkdir(parents=True, exist_ok=True)
    job = {"a": a, "w": w, "a_type": plan.a_type, "w_type": plan.w_type, "limit": limit}
    job |= {f"stalls_{name}": pattern for name, pattern in stalls.items()}
    if channels is not None:
        job |= {name: getattr(channels, name) for name in CHANNELS}
    np.savez(workdir / "job.npz", **job)
    done = workdir / "done.npz"
    done.unlink(missing_ok=True)
    outcome = simulate(manifest, "brickwork.sim.tb.gemm_job", workdir=workdir, waves=waves)
    if not outcome.passed:
        design = json.loads(manifest.read_text("utf-8"))["design"]
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
