"""``brickwork.toml``: the user's defaults of all commands.

An option that a key can stand for is marked by :func:`.arguments.default_from`. The command line
wins; ``set``, ``modes`` and ``bus`` are merged with it name by name.
"""

import argparse
import contextlib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import NamedTuple

from ..lib import catalogue
from ..lib.errors import UsageError

__all__ = ["Applied", "Defaults", "Keys", "read"]


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The keys of the file, all of which may be left out.

    Attributes
    ----------
    design : str
    set, modes : dict
        Parameters and modes of the design.
    top : str
        The bus wrapper.
    bus : dict
        Its parameters.
    clock : float
        In MHz.
    target : str
        Target of synthesis.
    device : str
        A device of the target.
    liberty : str
        Library of the target ``liberty``, relative to the file.
    board : str
    baud : int
        Of the serial line on the board.
    workload : str
        Name, or a file relative to this one.
    seed : int
        Of everything random in a simulation.
    seeds : int
        Number of placements.
    workers : int
        Number of processes.
    out : str
        Folder for artefacts, relative to the file.
    """

    design: str | None = None
    set: dict[str, int | str] = field(default_factory=dict)
    modes: dict[str, int | str] = field(default_factory=dict)
    top: str | None = None
    bus: dict[str, int] = field(default_factory=dict)
    clock: float | None = None
    target: str | None = None
    device: str | None = None
    liberty: str | None = None
    board: str | None = None
    baud: int | None = None
    workload: str | None = None
    seed: int | None = None
    seeds: int | None = None
    workers: int | None = None
    out: str | None = None


#: Tables, and the key of the thing that they, or a device, are properties of.
_OWNERS = {"set": "design", "modes": "design", "bus": "top", "device": "target"}


class Applied(NamedTuple):
    """Keys that were used, and the arguments that stand for them."""

    keys: list[str]
    positional: list[str]
    options: list[str]


def read(path: Path) -> "Defaults":
    """The defaults in a file.

    Raises
    ------
    OSError
        If the file cannot be read.
    UsageError, ValueError
        If it is not TOML, or a key is unknown or of the wrong type.
    """
    path = Path(path)
    try:
        _, table = catalogue.read(path)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"Configuration file cannot be read: {path}: {reason}") from None
    keys = catalogue.record(Keys, table, path)
    for name, owner in _OWNERS.items():
        if getattr(keys, name) and getattr(keys, owner) is None:
            raise UsageError(f"File {path} must have the key {owner!r} beside {name!r}")
    return Defaults(keys, path)


class Defaults:
    """The keys of a file as the defaults of one command line.

    Attributes
    ----------
    keys : Keys
    path : Path
    """

    def __init__(self, keys: Keys, path: Path):
        self.keys, self.path = keys, path
        self._arguments: dict[str, argparse.Action] = {}
        self._ordinary: dict[str, object] = {}

    def prepare(self, parser: argparse.ArgumentParser) -> None:
        """Lets the arguments of a command be left out that the file has a default for."""
        for action in parser._actions:
            key = getattr(action, "key", None)
            if key is None or getattr(self.keys, key) in (None, {}):
                continue
            self._arguments[key] = action
            if key not in _TABLES:
                self._ordinary[key] = action.default
                action.default, action.required = _UNSET, False
                if not action.option_strings and action.nargs is None:
                    action.nargs = argparse.OPTIONAL

    def apply(self, options: argparse.Namespace) -> Applied:
        """Completes options by the defaults.

        Raises
        ------
        UsageError
            If a default is wrong.
        """
        applied = Applied([], [], [])
        for item in fields(self.keys):  # owners before their properties
            action = self._arguments.get(item.name)
            if action is None:
                continue
            complete = self._complete_table if item.name in _TABLES else self._complete
            if texts := complete(action, options):
                applied.keys.append(item.name)
                if action.option_strings:
                    flag = action.option_strings[0]
                    applied.options.extend(word for text in texts for word in (flag, text))
                else:
                    applied.positional.extend(texts)
        if texts := self._complete_clock_hz(options):
            applied.keys.append("clock")
            applied.options.extend(["--bus", *texts])
        return applied

    def _complete_clock_hz(self, options):
        """Adds ``clock_hz`` of a bus wrapper, where a command has no other use for the clock."""
        if self.keys.clock is None or getattr(options, "top", None) is None:
            return []
        from ..designs.wrappers import WRAPPERS

        has_clock_hz = hasattr(WRAPPERS.get(options.top), "clock_hz")
        if not has_clock_hz or getattr(options, "clock", None) or "clock_hz" in _names(options.bus):
            return []
        texts = [f"clock_hz={round(self.keys.clock * 1e6)}"]
        options.bus = [*options.bus, *texts]
        return texts

    def _complete(self, action, options):
        """Sets an option that the command line leaves out; its text if that is the file's."""
        if getattr(options, action.dest) is not _UNSET:
            return []
        if not self._counts(action, options):
            setattr(options, action.dest, self._ordinary[action.key])
            return []
        text = str(getattr(self.keys, action.key))
        with self._explained(action.key):
            value = action.type(text) if action.type else text
            if action.key in _FILES:
                value = text = _FILES[action.key](text, self.path.parent)
            if action.key in _CHECKS:
                _CHECKS[action.key](text)
        setattr(options, action.dest, [value] if action.nargs == argparse.ZERO_OR_MORE else value)
        return [text]

    def _complete_table(self, action, options):
        """Adds the entries that the command line has not; their texts."""
        if not self._counts(action, options):
            return []
        entries = {
            name: f"{name}={value}" for name, value in getattr(self.keys, action.key).items()
        }
        with self._explained(action.key):
            _CHECKS[action.key](getattr(self.keys, _OWNERS[action.key]), list(entries.values()))
        settings = getattr(options, action.dest)
        taken = _names(settings)
        texts = [text for name, text in entries.items() if name not in taken]
        setattr(options, action.dest, [*settings, *texts])
        return texts

    def _counts(self, action, options):
        """Whether a default is for the design, bus wrapper or target that the options name."""
        if action.only_with and not getattr(options, action.only_with):
            return False
        if action.key == "liberty":
            return getattr(options, "target", None) in (None, "liberty")
        if action.key == "clock":
            return "clock_hz" not in _names(getattr(options, "bus", ()))
        owner = _OWNERS.get(action.key)
        if owner not in self._arguments:
            return True
        value = getattr(self.keys, owner)
        return getattr(options, self._arguments[owner].dest) in (value, [value])

    @contextlib.contextmanager
    def _explained(self, key):
        """Puts the file and the key in front of an error's message."""
        try:
            yield
        except (UsageError, OSError, TypeError, ValueError) as error:
            raise UsageError(f"File {self.path}, key {key!r}: {error}") from None


def _names(settings):
    """The names in texts ``NAME=VALUE``."""
    return {setting.partition("=")[0] for setting in settings}


def _check_design(name):
    from ..designs import registry

    registry.design(name)


def _check_set(design, settings):
    from ..designs import registry

    registry.parameters_from_text(design, settings)


def _check_modes(design, settings):
    from ..designs import registry
    from .arguments import modes_from_text

    modes_from_text(settings, registry.design(design))


def _check_top(top, settings=()):
    from ..designs import wrappers

    wrappers.settings_from_text(top, settings)


def _check_target(name):
    from ..flow import targets

    targets.check(name)


def _check_board(name):
    from ..flow import boards

    boards.check(name)


def _relative(name, folder):
    return str(folder / name)


def _workload(name, folder):
    from .. import workloads

    return name if name in workloads.names() else _relative(name, folder)


#: Keys with entries that are merged with those of the command line.
_TABLES = ("set", "modes", "bus")

#: Checks of a default, before the command sees it, so that the message names the file.
_CHECKS = {
    "design": _check_design,
    "set": _check_set,
    "modes": _check_modes,
    "top": _check_top,
    "bus": _check_top,
    "target": _check_target,
    "board": _check_board,
}

#: Names of files and folders, which are relative to the file.
_FILES = {"liberty": _relative, "workload": _workload, "out": _relative}

#: The default of an argument that the command line may leave out.
_UNSET = object()
