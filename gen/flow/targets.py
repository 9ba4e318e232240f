"""What can be synthesized for: the files in ``constraints/``, which alone know names of devices."""

import difflib
import functools
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Device", "Placer", "Target", "check", "load", "names"]

_FOLDER = Path(__file__).resolve().parent.parent.parent / "constraints"


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device to place on.

    Attributes
    ----------
    options : list of str
        What the placer takes to know the device.
    commands, mapping : list of str or None
        Synthesis for this device, where it differs from the target's.
    pins : str
        A file of constraints, ``pins.txt``, for a placer that wants to know pins.
    """

    options: list[str]
    commands: list[str] | None = None
    mapping: list[str] | None = None
    pins: str = ""


@dataclass(frozen=True, kw_only=True)
class Placer:
    """The program that places and routes.

    Attributes
    ----------
    program : str
        Its name.
    options : list of str
        Given for every device.
    frame : list of str
        Yosys commands, after those of synthesis, for what stands around a design to be placed.
    resources : dict
        The program's name of a resource to what it is called here.
    devices : dict
        Name to :class:`Device`; the first is the default.
    """

    program: str
    options: list[str]
    frame: list[str]
    resources: dict[str, str]
    devices: dict[str, Device]


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
        module. New names may not be given yet in the end.
    pack : bool
        Whether registers are moved into blocks, by :func:`pack.pack`.
    cells : dict
        Name of a cell to what one of them takes. Empty if a library says it.
    place : Placer or None
    text : str
        What the file says, for keys of what is made with it.
    """

    name: str
    description: str
    unit: str
    commands: list[str]
    mapping: list[str]
    text: str
    pack: bool = False
    cells: dict[str, dict[str, float]] = field(default_factory=dict)
    place: Placer | None = None

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
        if name not in devices:
            raise ValueError(
                f"Device must be one of {', '.join(devices)}, not {name!r}{_closest(name, devices)}"
            )
        return devices[name]

    def steps(self, device: str | None = None) -> tuple[list[str], list[str]]:
        """``commands`` and ``mapping`` for a device; by default the first.

        Raises what :meth:`device` does.
        """
        if device is None and self.place is None:
            return self.commands, self.mapping
        chosen = self.device(device)
        return chosen.commands or self.commands, chosen.mapping or self.mapping


def names() -> list[str]:
    """Names of all targets."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def check(name: str) -> str:
    """Return ``name``, which must be a target's.

    Raises
    ------
    ValueError
        If it is none.
    """
    if name not in names():
        known = names()
        raise ValueError(
            f"Target must be one of {', '.join(known)}, not {name!r}{_closest(name, known)}"
        )
    return name


def _closest(name, known):
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


@functools.cache
def load(name: str) -> Target:
    """The target of this name.

    Raises
    ------
    ValueError
        If there is none.
    """
    text = (_FOLDER / f"{check(name)}.toml").read_text("utf-8")
    found = tomllib.loads(text)
    place = found.pop("place", None)
    if place is not None:
        devices = {device: Device(**facts) for device, facts in place.pop("devices").items()}
        place = Placer(**place, devices=devices)
    return Target(name=name, text=text, place=place, **found)
