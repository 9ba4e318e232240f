"""Targets of synthesis: the files in ``constraints/``, which alone know names of devices."""

import functools
from dataclasses import dataclass, field
from pathlib import Path

from ..lib import catalogue

__all__ = [
    "CHIP_MEMORIES",
    "REGISTER_FILE_WORDS",
    "Bitstream",
    "Device",
    "Placer",
    "Target",
    "check",
    "load",
    "names",
    "placers",
]

#: On a chip, memories of more words are SRAM; those of fewer than 8 are flip-flops in all targets.
REGISTER_FILE_WORDS = 64

#: What memories count on targets of a chip: those of gates and of library cells.
CHIP_MEMORIES = f"""\
Memories of 8 to {REGISTER_FILE_WORDS} words are register files: a bit with a port to write and one
to read counts as half a flip-flop, without decoders. Larger ones are SRAM macros on a chip, and not
counted; smaller ones are flip-flops."""

_FOLDER = Path(__file__).resolve().parent.parent.parent / "constraints"


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device to place on.

    Attributes
    ----------
    options : list of str
        The placer's options that name the device.
    commands, mapping : list of str or None
        Synthesis for this device, where it differs from the target's.
    pins : str
        Contents of a constraints file with pins for ``clk``, ``i`` and ``o``, for a placer that
        needs pins.
    """

    options: list[str]
    commands: list[str] | None = None
    mapping: list[str] | None = None
    pins: str = ""


@dataclass(frozen=True, kw_only=True)
class Placer:
    """A program of nextpnr.

    Attributes
    ----------
    program : str
        Its name.
    pins : list of str
        Options that name the constraints file, with ``{pins}`` for it.
    no_pins : list of str
        Options for a design without such a file.
    frame : list of str
        Yosys commands that follow those of synthesis, for the ports of what is placed.
    resources : dict
        Nextpnr's name of a resource to its name here.
    devices : dict
        Name to :class:`Device`; the first is the default.
    """

    program: str
    pins: list[str]
    no_pins: list[str] = field(default_factory=list)
    frame: list[str] = field(default_factory=list)
    resources: dict[str, str]
    devices: dict[str, Device]


@dataclass(frozen=True, kw_only=True)
class Bitstream:
    """How a bitstream comes from what nextpnr writes.

    Attributes
    ----------
    result : list of str
        Nextpnr's options that name its result, with ``{result}`` for the file.
    packer : str
        The program that makes the bitstream.
    arguments : list of str
        Its arguments, after the board's, with ``{result}`` and ``{bitstream}`` for the files.
    suffix : str
        That of the bitstream's file, without a dot.
    """

    result: list[str]
    packer: str
    arguments: list[str]
    suffix: str


@dataclass(frozen=True, kw_only=True)
class Target:
    """One file of ``constraints/``.

    Attributes
    ----------
    name, description : str
    unit : str
        What is counted: ``"cells"``, ``"gates"`` or ``"µm²"``.
    commands, mapping : list of str
        Yosys commands from Verilog to gates, and on to cells, with ``{top}`` for the top-level
        module. They must not end with new names for cells and nets.
    netlist_passes : list of str
        Names in :data:`synthesis.NETLIST_PASSES`: changes of the mapped netlist.
    cells : dict
        Cell name to the resources that one of them takes. Empty if a library tells them.
    estimates : dict
        Resource that the placer packs out of several cells, to a name in
        :data:`bitstream.ESTIMATORS`.
    constraints : list of str
        Formats of a board's constraints files, of :data:`board_constraints.WRITERS`: pins first,
        then the clock, where it has a file of its own. Empty if there can be no board.
    place : Placer or None
    bitstream : Bitstream or None
        None if the bitstream needs a vendor's tool.
    text : str
        The file's text, for keys of what is made with it.
    """

    name: str
    description: str
    unit: str
    commands: list[str]
    mapping: list[str]
    text: str
    netlist_passes: list[str] = field(default_factory=list)
    cells: dict[str, dict[str, float]] = field(default_factory=dict)
    estimates: dict[str, str] = field(default_factory=dict)
    constraints: list[str] = field(default_factory=list)
    place: Placer | None = None
    bitstream: Bitstream | None = None

    def device(self, name: str | None = None) -> Device:
        """The device of this name; by default the first.

        Raises
        ------
        ValueError
            If there is none.
        """
        devices = {} if self.place is None else self.place.devices
        if name is None and devices:
            return next(iter(devices.values()))
        if not devices:
            raise ValueError(
                f"Device must be left out for the target {self.name}, which has none, "
                f"not be {name!r}"
            )
        return devices[catalogue.check_name("Device", name, devices)]

    def steps(self, device: str | None = None) -> tuple[list[str], list[str]]:
        """``commands`` and ``mapping`` for a device; by default the first.

        Raises what :meth:`device` does.
        """
        if device is None and self.place is None:
            return self.commands, self.mapping
        override = self.device(device)
        return override.commands or self.commands, override.mapping or self.mapping


def names() -> list[str]:
    """Names of all targets, in alphabetical order."""
    return catalogue.stems(_FOLDER)


def check(name: str) -> str:
    """Return ``name``, which must be a target's.

    Raises
    ------
    ValueError
        If there is no such target.
    """
    return catalogue.check_name("Target", name, names())


@functools.cache
def load(name: str) -> Target:
    """The target of this name.

    Raises
    ------
    ValueError
        If there is none, or its file has a wrong key.
    """
    path = _FOLDER / f"{check(name)}.toml"
    text, table = catalogue.read(path)
    return catalogue.record(Target, table, path, name=name, text=text)


def placers() -> list[str]:
    """Programs of nextpnr that targets are placed with, each once."""
    programs = (place.program for name in names() if (place := load(name).place) is not None)
    return list(dict.fromkeys(programs))
