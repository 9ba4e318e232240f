"""Sweep files, and the points that they describe.

A file is TOML:

    name = "widths"                # of the results file
    targets = ["ecp5", "gates"]    # targets of synthesis; see: brickwork synth --help
    workloads = ["digits"]         # workloads to simulate: names, or files beside this one
    liberty = "cells.lib"          # library of the target liberty, beside this file
    pnr = false                    # place and route, for the clock, on targets that have it
    seeds = 1                      # seeds of place and route

    [[grid]]                       # all combinations of the values
    design = "<design>"            # a name; see: brickwork list
    set = { rows = [4, 8], cols = [4, 8], a_format = ["int8", "int4"] }
    modes = { }                    # modes at run time, of one value or several
    zip = ["rows", "cols"]         # lists that advance together; or a list of such lists
    sample = 3                     # size of a random sample of the combinations
    seed = 1                       # seed of the sample

    [[points]]                     # a single combination
    design = "<design>"
    set = { rows = 8 }

A sweep needs ``targets``, ``workloads`` or both; those of a grid or a point replace the sweep's.
A point is a combination on one target under one workload. Equal points count once. Points are in
the order of the file.
"""

import contextlib
import itertools
import json
import math
import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

from ...sim import cache
from ...sim.text_file import read_text
from .. import workloads
from ..designs import registry
from ..flow import targets
from ..flow.synthesis import check_liberty
from ..lib.errors import UsageError
from ..lib.messages import closest

__all__ = [
    "MOST_POINTS",
    "Netlist",
    "Plan",
    "Point",
    "builtin_sweeps",
    "from_dict",
    "has_place_and_route",
    "read",
]

#: A sweep with more points is taken for a mistake.
MOST_POINTS = 100_000

_BUILTIN = Path(__file__).with_name("builtin")


@dataclass(frozen=True, kw_only=True)
class Netlist:
    """A design with all its parameters.

    For an infeasible combination these are the file's values, and defaults for the others.

    Attributes
    ----------
    design : str
    parameters : dict
    origin : dict
        Digests of the plug-ins and of the own code that the design comes from, by what they are of;
        empty for a stock design.
    """

    design: str
    parameters: dict
    origin: dict = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A combination on a target, under a workload.

    Attributes
    ----------
    key : str
        Digest of the point; two points with the same key are the same.
    netlist : Netlist
    modes : dict
        Modes that are set at run time.
    target, workload : str or None
        Names; ``None`` without synthesis, or without simulation.
    pes : int or None
        Number of PEs.
    macs_per_cycle : int or float or None
        Peak rate of the whole array in these modes.
    reason : str or None
        Why the point is infeasible; ``None`` for a feasible one.
    """

    key: str
    netlist: Netlist
    modes: dict
    target: str | None
    workload: str | None
    pes: int | None = None
    macs_per_cycle: int | float | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A sweep file, checked and expanded into points.

    Attributes
    ----------
    name : str
    source : dict
        Content of the file.
    points : list of Point
        All different.
    workloads : dict
        Name to :class:`Workload`.
    liberty : Path or None
        Absolute path of the Liberty file.
    library : str or None
        Digest of the Liberty file.
    pnr : bool
    seeds : int
    """

    name: str
    source: dict
    points: list[Point] = field(repr=False)
    workloads: dict[str, workloads.Workload]
    liberty: Path | None
    library: str | None
    pnr: bool
    seeds: int


def builtin_sweeps() -> dict[str, Path]:
    """The sweeps that come with the program, by name."""
    return {path.stem: path for path in sorted(_BUILTIN.glob("*.toml"))}


def has_place_and_route(target: str) -> bool:
    """Whether a target has place and route."""
    return targets.load(target).place is not None


def read(file: str) -> Plan:
    """The sweep of a file, or the built-in sweep of that name.

    Raises
    ------
    OSError
        If a file cannot be read.
    UsageError, TypeError, ValueError
        If something is wrong with it.
    """
    path = builtin_sweeps().get(file, Path(file))
    try:
        text = read_text(path)
    except OSError as error:
        names = ", ".join(builtin_sweeps())
        raise OSError(
            f"Sweep cannot be read: {path}: {error.strerror or error}; built-in sweeps are {names}"
        ) from None
    try:
        source = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"Sweep {path} must be TOML: {error}") from None
    try:
        return _Reader(source, path.parent).plan()
    except (UsageError, OSError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from None


def from_dict(source: dict, loaded: dict[str, workloads.Workload]) -> Plan:
    """The sweep of a dictionary with the content of a file; ``loaded`` are workloads by name.

    Raises the errors of :func:`read` for wrong content.
    """
    return _Reader(source, Path(), loaded).plan()


_KEYS = {
    "name": str,
    "description": str,
    "targets": list,
    "workloads": list,
    "liberty": str,
    "pnr": bool,
    "seeds": int,
    "grid": list,
    "points": list,
}
_POINT_KEYS = {"design": str, "set": dict, "modes": dict, "targets": list, "workloads": list}
_GRID_KEYS = _POINT_KEYS | {"zip": list, "sample": int, "seed": int}
_TYPE_NAMES = {
    str: "a text",
    list: "a list",
    bool: "true or false",
    int: "an integer",
    dict: "a table { … }",
}


class _Reader:
    """Checks a sweep file and expands it into points."""

    def __init__(self, source: dict, folder: Path, loaded: dict | None = None):
        _check(source, _KEYS, "")
        self.source, self.folder = source, folder
        self.name = source.get("name", "")
        if not self.name or any(not (c.isalnum() or c in "-_.") for c in self.name):
            raise UsageError(
                f"name must be letters, digits, - and _, as in a file's name, not {self.name!r}"
            )
        if self.name.startswith("."):
            raise UsageError(f"name must not begin with a dot, not be {self.name!r}")
        self.pnr, self.seeds = source.get("pnr", False), source.get("seeds", 1)
        if not 1 <= self.seeds <= 99:
            raise UsageError(f"seeds must be an integer from 1 to 99, not {self.seeds}")
        self.loaded: dict[str, workloads.Workload] = dict(loaded or {})
        self._origins: dict[tuple, dict[str, str]] = {}
        self.liberty = self._liberty()
        self.library = cache.digest(self.liberty.read_bytes()) if self.liberty else None

    def plan(self) -> Plan:
        points: dict[str, Point] = {}
        entries = [
            (f"[[{table}]] {number}", entry, table == "grid")
            for table in ("grid", "points")
            for number, entry in enumerate(self.source.get(table, []), 1)
        ]
        if not entries:
            raise UsageError("there must be a [[grid]] or [[points]], one at least")
        for label, entry, is_grid in entries:
            for point in self._points(label, entry, is_grid):
                points.setdefault(point.key, point)
                if len(points) > MOST_POINTS:
                    raise UsageError(
                        f"{label}: points must be at most {MOST_POINTS:,}; give a sample"
                    )
        used = {point.target for point in points.values()}
        if self.liberty is not None and "liberty" not in used:
            raise UsageError('liberty must go with the target "liberty", which no point has')
        if "liberty" in used and self.liberty is None:
            raise UsageError('target "liberty" needs a library: liberty = "file.lib"')
        if self.pnr and not any(target and has_place_and_route(target) for target in used):
            raise UsageError(
                "pnr must go with a target that has place and route, which no point has"
            )
        if all(point.reason for point in points.values()):
            reason = next(iter(points.values())).reason
            raise UsageError(f"all points are infeasible; the first one: {reason}")
        return Plan(
            name=self.name,
            source=self.source,
            points=list(points.values()),
            workloads=self.loaded,
            liberty=self.liberty,
            library=self.library,
            pnr=self.pnr,
            seeds=self.seeds,
        )

    def _liberty(self):
        if "liberty" not in self.source:
            return None
        path = (self.folder / self.source["liberty"]).absolute()
        check_liberty(path)
        return path

    def _points(self, label, entry, is_grid) -> Iterator[Point]:
        if not isinstance(entry, dict):
            raise UsageError(f"{label} must be a table with a design, not {entry!r}")
        _check(entry, _GRID_KEYS if is_grid else _POINT_KEYS, f"{label}, ")
        if "design" not in entry:
            raise UsageError(f"{label} must have a design")
        with _at(label):
            cls = registry.design(entry["design"])
        axes = _axes(cls, label, entry, is_grid)
        names = self._names(label, entry, "targets"), self._names(label, entry, "workloads")
        if names == ([None], [None]):
            raise UsageError(f"{label} must have targets or workloads: there is nothing to measure")
        if names[1] != [None]:
            with _at(f"{label}, workloads"):
                registry.matrix_design(entry["design"])
        for values in _combinations(label, entry, axes):
            tables = {"set": {}, "modes": {}}
            for (table, name), value in values.items():
                tables[table][name] = value
            yield from self._combination(label, cls, tables["set"], tables["modes"], *names)

    def _names(self, label, entry, key):
        """Targets or workloads of an entry, or those of the sweep; checked."""
        where = f"{label}, {key}" if key in entry else key
        names = entry.get(key, self.source.get(key, []))
        for name in names:
            if not isinstance(name, str):
                raise UsageError(f"{where} must be a list of names, not {names!r}")
            with _at(where):
                if key == "targets":
                    targets.check(name)
                elif name not in self.loaded:
                    self.loaded[name] = workloads.load(name, self.folder)
        return names or [None]

    def _combination(self, label, cls, settings, modes, target_names, workload_names):
        """The points of one combination."""
        peak, reason, parameters = {}, None, None
        try:
            with _at(label, TypeError):
                parameters = cls(**settings)
            modes = parameters.checked_modes(modes)
            peak = dict(zip(("pes", "macs_per_cycle"), parameters.peak(modes), strict=True))
        except ValueError as error:
            reason = str(error)
        values = {item.name: item.default for item in fields(cls)} | settings
        netlist = Netlist(
            design=cls.design(), parameters=values, origin=self._origin(cls, parameters, values)
        )
        for target, workload in itertools.product(target_names, workload_names):
            yield Point(
                key=self._key(netlist, modes, target, workload),
                netlist=netlist,
                modes=modes,
                target=target,
                workload=workload,
                reason=reason or self._too_large(parameters, modes, workload),
                **peak,
            )

    def _origin(self, cls, parameters, values):
        """:attr:`Netlist.origin`, which depends on a design and on its formats."""
        texts = tuple(value for value in values.values() if isinstance(value, str))
        if parameters is None:
            return {}
        if (cls, texts) not in self._origins:
            self._origins[cls, texts] = parameters.origin()
        return self._origins[cls, texts]

    def _too_large(self, parameters, modes, workload):
        """Why a design cannot compute a workload; ``None`` if it can."""
        for layer in self.loaded[workload].layers if workload is not None else ():
            try:
                parameters.check_layer(layer, modes)
            except ValueError as error:
                return f"layer {layer.name}: {error}"
        return None

    def _key(self, netlist, modes, target, workload):
        inputs = [netlist.design, netlist.parameters, modes, target]
        inputs += [netlist.origin] if netlist.origin else []
        if target is not None:
            inputs.append(self.seeds if self.pnr and has_place_and_route(target) else 0)
        if target == "liberty":
            inputs.append(self.library)
        if workload is not None:
            inputs.append([layer.as_dict() for layer in self.loaded[workload].layers])
        return cache.digest(json.dumps([*inputs, workload], sort_keys=True))[:20]


@contextlib.contextmanager
def _at(label, types=(TypeError, ValueError, OSError)):
    """Puts the position in the file in front of an error's message."""
    try:
        yield
    except types as error:
        raise UsageError(f"{label}: {error}") from None


def _check(table, types, prefix):
    """Checks that a table has no keys but those of ``types``, each of its type."""
    for key, value in table.items():
        if key not in types:
            raise UsageError(
                f"{prefix}key must be one of {', '.join(types)}, not {key!r}{closest(key, types)}"
            )
        type_ = types[key]
        if not isinstance(value, type_) or (type_ is int and isinstance(value, bool)):
            raise UsageError(f"{prefix}{key} must be {_TYPE_NAMES[type_]}, not {value!r}")


def _axes(cls, label, entry, is_grid):
    """The axes of an entry: (``set`` or ``modes``, name) to a list of values."""
    axes = {}
    for table, noun, names in (
        ("set", "Parameter", [item.name for item in fields(cls)]),
        ("modes", "Mode", list(cls.MODES)),
    ):
        for name, value in entry.get(table, {}).items():
            if name in cls.RENAMED:
                raise UsageError(
                    f"{label}, {table}: {noun} {name} of {cls.design()} is now called "
                    f"{cls.RENAMED[name]}"
                )
            if name not in names:
                raise UsageError(
                    f"{label}, {table}: {noun} of {cls.design()} must be one of "
                    f"{', '.join(names)}, not {name!r}"
                    f"{registry.hint(name, names, cls.design())}"
                )
            values = value if is_grid and isinstance(value, list) else [value]
            if not values:
                raise UsageError(f"{label}, {name} must have a value at least, not []")
            for item in values:
                if type(item) not in (int, str):
                    types = "integers or texts" if is_grid else "an integer or a text"
                    raise UsageError(f"{label}, {name} must be {types}, not {item!r}")
            axes[table, name] = values
    return axes


def _combinations(label, entry, axes):
    """Yield dicts from an axis to its value, in the file's order or as sampled."""
    bundles = _bundles(label, entry.get("zip", []), axes)
    sizes = [len(axes[bundle[0]]) for bundle in bundles]
    total = math.prod(sizes)
    numbers = range(total)
    if "sample" in entry:
        count = entry["sample"]
        if not 1 <= count <= total:
            raise UsageError(
                f"{label}, sample must be an integer from 1 to {total}, the number of "
                f"combinations, not {count}"
            )
        numbers = sorted(random.Random(entry.get("seed", 1)).sample(numbers, count))
    elif "seed" in entry:
        raise UsageError(f"{label}, seed must go with a sample")
    if len(numbers) > MOST_POINTS:
        raise UsageError(
            f"{label}: combinations must be at most {MOST_POINTS:,}, not {len(numbers):,}; "
            f"give a sample"
        )
    for number in numbers:
        values = {}
        for bundle, size in zip(reversed(bundles), reversed(sizes), strict=True):
            number, index = divmod(number, size)
            values |= {axis: axes[axis][index] for axis in bundle}
        yield values


def _bundles(label, names, axes):
    """Lists of axes whose values advance together; most have one axis.

    ``names`` is the list of one such group, or a list of groups.
    """
    groups = names if names and all(isinstance(group, list) for group in names) else [names]
    groups = [group for group in groups if group]
    by_name = {name: axis for axis in axes for name in [axis[1]]}
    bundles, used = [], set()
    for group in groups:
        for name in group:
            if not isinstance(name, str) or name not in by_name:
                raise UsageError(
                    f"{label}, zip must be of names in set or modes, not {name!r}"
                    f"{closest(str(name), by_name)}"
                )
            if name in used:
                raise UsageError(f"{label}, zip must name {name} once, not twice")
            used.add(name)
        lengths = [len(axes[by_name[name]]) for name in group]
        if len(set(lengths)) > 1:
            sizes = ", ".join(f"{name} {n}" for name, n in zip(group, lengths, strict=True))
            raise UsageError(f"{label}, zip must be of lists of one length, not {sizes}")
        bundles.append([by_name[name] for name in group])
    first = {axis: bundle for bundle in bundles for axis in bundle}
    ordered = []
    for axis in axes:
        bundle = first.get(axis, [axis])
        if bundle not in ordered:
            ordered.append(bundle)
    return ordered
