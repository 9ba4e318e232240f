"""Boards: the files in ``constraints/boards``, which alone know their pins, clocks and devices."""

import functools
from dataclasses import dataclass, field
from pathlib import Path

from ..lib import catalogue

__all__ = ["Board", "Pin", "check", "load", "names"]

_FOLDER = Path(__file__).resolve().parent.parent.parent / "constraints" / "boards"


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A port's pin of the package, and its IO standard, where there is a choice."""

    site: str
    io: str = ""


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board with one of the devices that it is sold with.

    Attributes
    ----------
    name, description : str
    target : str
        The target of synthesis, one of :func:`targets.names`.
    target_device : str or None
        The target's device to synthesize for, where that makes a difference.
    part : str
        The device with its package and speed, in its vendor's words.
    clock_hz : int
        Frequency of the clock at the pin ``clk``.
    pins : dict
        Port, as the FPGA sees it, to :class:`Pin`.
    available : dict
        Resources of the device, by the names of :func:`bitstream.counts`.
    placer_options, packer_options : list of str
        Options of the placer, and of the program that makes the bitstream, that name the device.
    properties : dict
        Properties of the whole design, for Vivado.
    load : str
        The command that loads a bitstream, with ``{file}`` for its name.
    """

    name: str
    description: str
    target: str
    part: str
    clock_hz: int
    pins: dict[str, Pin]
    available: dict[str, int]
    load: str
    target_device: str | None = None
    placer_options: list[str] = field(default_factory=list)
    packer_options: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def clock_mhz(self) -> float:
        return self.clock_hz / 1e6


def names() -> list[str]:
    """Names of all boards; a board with a choice of devices by itself and with each of them."""
    return list(_boards())


def check(name: str) -> str:
    """Return ``name``, which must be a board's.

    Raises
    ------
    ValueError
        If there is no such board.
    """
    return catalogue.check_name("Board", name, names())


def load(name: str) -> Board:
    """The board of this name; without a device's name, with the first of its file.

    Raises
    ------
    ValueError
        If there is none, or a board's file has a wrong key.
    """
    return _boards()[check(name)]


@functools.cache
def _boards():
    boards = {}
    for stem in catalogue.stems(_FOLDER):
        path = _FOLDER / f"{stem}.toml"
        _, table = catalogue.read(path)
        devices = table.pop("devices", None)
        if not devices:
            raise ValueError(f"File {path} must have the key 'devices'")
        variants = [(stem, next(iter(devices.values())))]
        if len(devices) > 1:
            variants += [(f"{stem}-{name}", device) for name, device in devices.items()]
        for name, device in variants:
            boards[name] = catalogue.record(Board, table | device, path, name=name)
    return boards
