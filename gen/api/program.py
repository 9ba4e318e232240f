"""Programs on a simulated network processor."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...sim.manifest import Manifest
from ...sim.npu.core import Core
from ...sim.npu.device import execute
from ...sim.npu.program_file import ProgramFile
from ...sim.npu.simulator import Simulator
from ..designs.base import Design
from ..designs.wrappers import wrapped
from ..emission.emit import Emission, emit
from ..lib.files import exclusive_lock
from ..lib.tables import Report

__all__ = ["ProgramRun", "run_program"]


@dataclass(frozen=True, eq=False)
class ProgramRun(Report):
    """A program that a network processor has executed in simulation.

    Attributes
    ----------
    design : Design
    emission : Emission
        Verilog and manifest of the simulated core.
    instructions : int
    segments, expected : dict of str to uint8 array
        Contents of DRAM at the end, and those by the simulator of instructions.
    cycles : int
    """

    design: Design
    emission: Emission
    instructions: int
    segments: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]
    cycles: int

    @property
    def difference(self) -> str:
        """Where the contents differ first; empty if they do not."""
        for name, content in self.expected.items():
            wrong = np.flatnonzero(self.segments[name] != content)
            if wrong.size:
                first = int(wrong[0])
                values = self.segments[name][first], content[first]
                return (
                    f"{wrong.size} of {content.size} bytes of the segment {name} differ from the "
                    f"simulator of instructions, byte {first} first: {values[0]} instead of "
                    f"{values[1]}"
                )
        return ""

    def record(self) -> dict:
        return {
            "design": self.design.design(),
            "digest": self.emission.digest,
            "instructions": self.instructions,
            "cycles": self.cycles,
            "matches_golden": not self.difference,
            "verilog": str(self.emission.verilog),
            "manifest": str(self.emission.manifest),
        }

    def rows(self) -> dict[str, str | None]:
        size = self.design.SIZE_LABEL.format(**self.design.as_dict())
        return {
            "design": f"{self.design.design()} {size}",
            "instructions": f"{self.instructions:,}",
            "cycles": f"{self.cycles:,}",
            "matches golden": "no" if self.difference else "yes",
        }


def run_program(
    design: Design,
    program: Path | str,
    memory: Mapping[str, np.ndarray],
    *,
    workdir: Path | str,
    pauses: int = 0,
    latency: int = 30,
    seed: int = 1,
    limit: int = 0,
) -> ProgramRun:
    """Emits a network processor, and runs a program in RTL and on the simulator of instructions.

    Parameters
    ----------
    design : Design
    program : Path
        A container, or instructions alone.
    memory : mapping of str to uint8 array
        Contents of segments of DRAM, beside those of the container.
    workdir : Path
        Gets the Verilog and its manifest.
    pauses : int
        Percentage of cycles in which the memory stalls.
    latency : int
        Most cycles from a request to its response.
    seed : int
        Of pauses and latencies.
    limit : int
        Most cycles, or 0 for a hundred millions.

    Raises
    ------
    ValueError
        If the program or a segment does not fit the core.
    SimulationError
        If the simulation fails; wrong bytes do not raise.
    """
    emission = emit(wrapped(design), Path(workdir))
    core = Core.from_manifest(Manifest.read(emission.manifest))
    file = ProgramFile.read(program, core.instructions)
    file.check_core(core)
    segments = _segments(core, file, memory)
    golden = Simulator(core, segments)
    golden.run(file.program, seed)
    with exclusive_lock(Path(workdir) / "run" / emission.folder.name):
        outcome = execute(
            emission.manifest,
            file.program,
            segments,
            pauses=pauses,
            latency=latency,
            seed=seed,
            **({"limit": limit} if limit else {}),
        )
    return ProgramRun(
        design, emission, len(file.program), outcome.segments, golden.segments, outcome.cycles
    )


def _segments(core, file, memory):
    names = core.isa["names"]["segment"]
    for name, content in memory.items():
        if name not in names or name == "program":
            others = ", ".join(each for each in names if each != "program")
            raise ValueError(f"Segment must be one of {others}, not {name!r}")
        if content.dtype != np.uint8 or content.ndim != 1:
            raise ValueError(
                f"Segment {name} must be a vector of uint8, not {content.dtype} of shape "
                f"{content.shape}"
            )
    segments = {}
    if file.container is not None:
        sizes = file.segments or {}
        for name, content in memory.items():
            if content.size != sizes.get(name, content.size):
                raise ValueError(
                    f"Segment {name} must have {sizes[name]} bytes, as {file.path} says, not "
                    f"{content.size}"
                )
        segments = {name: np.zeros(size, np.uint8) for name, size in sizes.items()}
        weights = np.frombuffer(file.container.weights_segment(), np.uint8)
        if weights.size:
            segments["weights"] = weights
    return segments | dict(memory)
