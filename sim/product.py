"""Products of matrices on a simulated GEMM engine, checked against the golden model."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .golden.engine import engine
from .simulate import Outcome, simulate
from .tb.gemm_job import CHANNELS
from .tiling import Channels, tiling

__all__ = ["Product", "SimulationError", "multiply"]


class SimulationError(Exception):
    """A simulation that did not come to its end; one line."""


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
    seconds : float
        Elapsed time, the build included.
    outcome : Outcome
        The simulation.
    """

    y: np.ndarray
    cycles: int
    macs: int
    ideal_cycles: int
    cycle_bound: int
    formula: str
    matches_golden: bool
    seconds: float
    outcome: Outcome

    @property
    def utilization(self) -> float:
        return self.ideal_cycles / self.cycles


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
    debug: bool = False,
) -> Product:
    """Computes A · W, and what the engine's output stage does, in simulation.

    Parameters
    ----------
    manifest : Path
        Manifest of an emitted engine.
    a, w : integer arrays, M × K and K × N
        Operands within the engine's formats.
    channels : Channels or None
        Must be given unless the engine puts out raw accumulators.
    workdir : Path
        Gets the job, the log, and waves if they are asked for.
    stall_in, stall_out : int
        Percentage of cycles in which the host holds back operands, and results.
    limit : int
        Most cycles, or 0 for several times as many as the product should take.

    Raises
    ------
    SimulationError
        If the simulation fails; a wrong result does not raise.
    """
    start = time.monotonic()
    facts = json.loads(Path(manifest).read_text("utf-8"))
    (m, k), n = a.shape, w.shape[1]
    workdir = Path(workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    job = {"a": a, "w": w, "stall_in": stall_in, "stall_out": stall_out, "limit": limit}
    if channels is not None:
        job |= {name: getattr(channels, name) for name in CHANNELS}
    np.savez(workdir / "job.npz", **job)
    done = workdir / "done.npz"
    done.unlink(missing_ok=True)
    outcome = simulate(
        manifest,
        "brickwork.sim.tb.gemm_job",
        workdir=workdir,
        seed=seed,
        waves=waves,
        debug=debug,
    )
    if not outcome.passed:
        raise SimulationError(f"{facts['design']}: {outcome.reason} (log: {outcome.log})")
    with np.load(done) as found:
        y, cycles = found["y"], int(found["cycles"])
    plan = tiling(facts, m, k, n)
    size = facts["parameters"]["rows"] * facts["parameters"]["cols"]
    return Product(
        y=y,
        cycles=cycles,
        macs=m * k * n,
        ideal_cycles=-(-m * k * n // size),
        cycle_bound=plan.cycle_bound,
        formula=plan.formula,
        matches_golden=bool(np.array_equal(y, engine(facts, a, w, channels))),
        seconds=time.monotonic() - start,
        outcome=outcome,
    )
