"""Programs on the simulated Verilog of a network processor."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..host.mmio import Mmio
from ..verilator.core import CycleLimitError, SimulationError
from .core import Core
from .instruction import Instruction

__all__ = ["Outcome", "execute"]

#: Segments begin at multiples of these bytes.
_ALIGNMENT = 4096
_START, _DONE, _ERROR, _ALL = 2, 1, 2, 7


class Outcome(NamedTuple):
    """What a program has done.

    Attributes
    ----------
    segments : dict of str to uint8 array
        Contents of the segments of DRAM at its end.
    cycles : int
        From the command to the end.
    """

    segments: dict[str, np.ndarray]
    cycles: int


def execute(
    manifest: Path,
    program: Sequence[Instruction],
    segments: Mapping[str, np.ndarray],
    *,
    pauses: int = 0,
    latency: int = 30,
    seed: int = 1,
    limit: int = 100_000_000,
) -> Outcome:
    """Runs a program on an emitted core, with its segments in a simulated DRAM.

    Parameters
    ----------
    manifest : Path
        Of the core in the bus wrapper ``axi``.
    program : sequence of Instruction
    segments : mapping of str to uint8 array
    pauses, latency, seed
        Those of :class:`Mmio`.
    limit : int
        Most cycles.

    Raises
    ------
    SimulationError
        If the core reports an error or does not come to an end.
    """
    with Mmio(
        manifest,
        size=_size(program, segments),
        seed=seed,
        pauses=pauses,
        latency=latency,
        patience=limit,
    ) as device:
        core = Core.from_manifest(device.manifest)
        content = {"program": np.frombuffer(core.instructions.program(program), np.uint8)}
        content |= segments
        bases, at = {}, 0
        for name, bytes_ in content.items():
            bases[name] = at
            device.memory[at : at + len(bytes_)] = bytes_
            device.write(f"BASE_LOW_{name.upper()}", at)
            at += -(-len(bytes_) // _ALIGNMENT) * _ALIGNMENT
        device.write("LENGTH", len(program))
        device.write("INTERRUPT_ENABLE", _DONE | _ERROR)
        device.write("COMMAND", _START)
        try:
            device.wait()
        except CycleLimitError as error:
            counters = {name: device.read(f"PC_{name.upper()}") for name in core.isa["engines"]}
            waits = ", ".join(f"{name} at instruction {pc}" for name, pc in counters.items())
            raise CycleLimitError(f"{error}; {waits}") from None
        happened = device.read("INTERRUPT")
        device.write("INTERRUPT", _ALL)
        if happened & _ERROR:
            raise SimulationError(_trouble(device))
        cycles = device.read("CYCLES_LOW") | device.read("CYCLES_HIGH") << 32
        return Outcome(
            {
                name: device.memory[bases[name] : bases[name] + len(bytes_)].copy()
                for name, bytes_ in segments.items()
            },
            cycles,
        )


def _size(program, segments):
    sizes = [32 * len(program), *map(len, segments.values())]
    return sum(-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)


def _trouble(device):
    """The error of a core, with its instruction."""
    value, pc = device.read("ERROR"), device.read("ERROR_PC")
    errors = device.manifest.bus["errors"]
    for name, error in errors.items():
        if error["number"] == value & 0xFF:
            return f"Core reports {name} ({error['meaning']}) at instruction {pc}"
    return f"Core reports an error of the unknown number {value & 0xFF} at instruction {pc}"
