"""Products on simulated designs."""

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...hdl.checks import check_integer
from ...sim.manifest import Manifest
from ...sim.verilator.jobs import Result, run_job
from ..designs._operands import Operands
from ..designs.base import Design, Task
from ..emission.emit import Emission, emit
from ..lib.files import exclusive_lock
from ..lib.messages import errors
from ..lib.tables import Report

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Product", "run"]


@dataclass(frozen=True, eq=False)
class Product(Report):
    """A product that a design has computed in simulation.

    Printed, it is the report of ``brickwork run``; in a notebook a table.

    Attributes
    ----------
    design : Design
    emission : Emission
        Verilog and manifest of the simulated core.
    task : Task
        The operands in the design's formats.
    result : Result
        The job in RTL.
    """

    design: Design
    emission: Emission
    task: Task
    result: Result

    @property
    def y(self) -> "NDArray[np.int64 | np.float32]":
        """Results of the core, M × N; of one vector on a sparse engine N.

        Integers, or float32 where the core puts out floats.
        """
        return self.task.shaped(self.result.y)

    @property
    def cycles(self) -> int:
        """Clock edges from the first accepted word to the last result, both counted."""
        return self.result.cycles

    @property
    def utilization(self) -> float:
        """Share of all PEs' cycles in which they multiply, 0 to 1."""
        return self.result.utilization

    @cached_property
    def expected(self) -> "NDArray[np.int64 | np.float32]":
        """Results of the golden model, in the shape of ``y``."""
        return self.task.shaped(self.task.expected(self.result.job))

    @cached_property
    def matches_golden(self) -> bool:
        """Whether every result matches the golden model."""
        if not self.result.matches_golden:
            return False
        nan = self.y.dtype.kind == "f"
        return np.array_equal(self.y, self.expected, equal_nan=nan)

    @cached_property
    def real(self) -> "NDArray[np.float64] | None":
        """Results as real numbers; ``None`` if no operand has a scale."""
        return self.task.real(self.y)

    @cached_property
    def errors(self) -> dict[str, float] | None:
        """Distance of ``real`` from the product before quantization.

        ``relative``, by the root of the sum of squares, and the ``largest``.
        """
        if self.real is None:
            return None
        return errors(np.atleast_2d(self.real), self.task.reference())

    def record(self) -> dict[str, Any]:
        """All figures of the run, as ``brickwork run --json`` prints them."""
        result = self.result
        return {
            "design": self.design.design(),
            "digest": self.emission.digest,
            "parameters": self.design.as_dict(),
            "cycles": self.cycles,
            "macs": result.macs,
            "utilization": self.utilization,
            **self.task.record(result),
            "seconds": round(result.seconds, 3),
            "build_seconds": round(result.build.seconds, 3),
            "simulation_seconds": round(result.simulation_seconds, 3),
            "matches_golden": self.matches_golden,
            "errors": self.errors,
            "waves": result.waves and str(result.waves),
            "verilog": str(self.emission.verilog),
            "manifest": str(self.emission.manifest),
        }

    def rows(self) -> dict[str, str | None]:
        distance = None
        if self.errors is not None and not math.isfinite(self.errors["relative"]):
            distance = "the product in floats is beyond float64"
        elif self.errors is not None:
            distance = (
                f"{self.errors['relative']:.3%} of the product in floats (root of the sum of "
                f"squares), at most {self.errors['largest']:.4g}"
            )
        size = self.design.SIZE_LABEL.format(**self.design.as_dict())
        return {
            "design": f"{self.design.design()} {size}",
            **self.task.rows(self.result),
            "matches golden": "yes" if self.matches_golden else "no",
            "error": distance,
            "seconds": f"{self.result.seconds:.1f} (simulator built in "
            f"{self.result.build.seconds:.1f}, simulated in {self.result.simulation_seconds:.1f})",
        }


def run(
    design: Design,
    operands: Operands,
    *,
    workdir: Path | str,
    stall_in: int = 0,
    stall_out: int = 0,
    seed: int = 1,
    limit: int = 0,
    waves: bool = False,
) -> Product:
    """Emits a design, simulates it with the operands, and compares with the golden model.

    Parameters
    ----------
    workdir : Path
        Gets the Verilog and its manifest, and below ``run/`` waves.
    stall_in, stall_out : int
        Percentage of cycles in which the host holds back operands, and results.
    seed : int
        Of the stalls.
    limit : int
        Most cycles, or 0 for several times the worst case.

    Raises
    ------
    UsageError, TypeError, ValueError
        If an operand does not fit the design or the others, or a number is out of range.
    SimulationError
        If the simulation fails; a wrong result does not raise.
    """
    for side, stream in ((stall_in, "operands"), (stall_out, "results")):
        check_integer(f"Stall percentage of {stream}", side, 0, 99)
    check_integer("Seed", seed, 0, (1 << 32) - 1)
    check_integer("Cycle limit", limit, 0)
    task = design.task(operands)
    emission = emit(design, Path(workdir))
    job = task.job(Manifest.read(emission.manifest))
    folder = Path(workdir) / "run" / emission.folder.name
    with exclusive_lock(folder):
        result = run_job(
            emission.manifest,
            job,
            stall_in=stall_in,
            stall_out=stall_out,
            seed=seed,
            limit=limit,
            waves=folder / f"{emission.verilog.stem}.fst" if waves else None,
        )
    return Product(design, emission, task, result)
