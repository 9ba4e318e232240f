"""Boards: the files in ``constraints/boards``, which alone know their pins, clocks and devices."""

import difflib
import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Board", "Pin", "check", "load", "names"]

_FOLDER = Path(__file__).resolve().parent.parent.parent / "constraints" / "boards"


@dataclass(frozen=True, kw_only=True)
class Pin:
    """Where a port is: a pin of the package, and its IO standard, if it can be chosen."""

    site: str
    io: str = ""


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board with one of the devices that it is sold with.

    Attributes
    ----------
    name, description : str
    target : str
        What to synthesize for, one of :func:`targets.names`.
    synthesis : str or None
        The target's device to synthesize for, where that makes a difference.
    part : str
        The device with its package and speed, in its vendor's words.
    clock_hz : int
        Frequency of the clock at the pin ``clk``.
    pins : dict
        Name of a port, as the FPGA sees it, to :class:`Pin`.
    available : dict
        What the device has, by the names of :func:`bitstream.counts`.
    options, pack : list of str
        What the placer, and what makes the bitstream, take to know the device.
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
    synthesis: str | None = None
    options: list[str] = field(default_factory=list)
    pack: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def clock_mhz(self) -> float:
        return self.clock_hz / 1e6


def names() -> list[str]:
    """Names of all boards; one that has a choice of devices is there by itself and with each."""
    return list(_boards())


def check(name: str) -> str:
    """Return ``name``, which must be a board's.

    Raises
    ------
    ValueError
        If it is none.
    """
    known = names()
    if name not in known:
        close = difflib.get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"Board must be one of {', '.join(known)}, not {name!r}{hint}")
    return name


def load(name: str) -> Board:
    """The board of this name; without a device's name, with the first of its file.

    Raises
    ------
    ValueError
        If there is none.
    """
    return _boards()[check(name)]


@functools.cache
def _boards():
    found = {}
    for path in sorted(_FOLDER.glob("*.toml")):
        facts = tomllib.loads(path.read_text("utf-8"))
        pins = {port: Pin(**where) for port, where in facts.pop("pins").items()}
        devices = facts.pop("devices")
        choices = [(path.stem, next(iter(devices.values())))]
        if len(devices) > 1:
            choices += [(f"{path.stem}-{name}", device) for name, device in devices.items()]
        for name, device in choices:
            found[name] = Board(name=name, pins=pins, **facts, **device)
    return found
