"""Sweep files, and the points that they ask for.

A file is TOML:

    name = "widths"                # of the results file
    targets = ["ecp5", "gates"]    # what area is measured on; see: brickwork synth --help
    workloads = ["digits"]         # what cycles are counted of: names, or files beside this one
    liberty = "cells.lib"          # of the target liberty, beside this file
    pnr = false                    # place and route, for the clock, on targets that have it
    seeds = 1                      # of place and route

    [[grid]]                       # every combination of the values
    design = "gemm_ws"
    set = { rows = [4, 8], cols = [4, 8], a_format = ["int8", "int4"] }
    modes = { }                    # what is chosen at run time, of one value or several, too
    zip = ["rows", "cols"]         # lists that go together; or a list of such lists
    sample = 3                     # that many of the combinations, at random
    seed = 1                       # of the sample

    [[points]]                     # one combination
    design = "gemm_os"
    set = { rows = 8 }

``targets`` and ``workloads`` may be left out, but not both. A grid or a point may have its own in
place of the sweep's. A point is a combination on one target under one workload; equal ones count
once. The file's order is the order of the points.
"""

import contextlib
import itertools
import json
import math
import random
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path

from ...sim import cache
from ...sim.designs._gemm import tiling
from ...sim.golden.sparse import ASSIGNMENTS
from .. import workloads
from ..designs import registry
from ..emission.emit import outline
from ..flow import targets
from ..flow.synthesis import check_liberty
from ..lib.errors import Refused

__all__ = ["MOST_POINTS", "Netlist", "Plan", "Point", "made", "places", "read", "ready"]

#: More than anybody waits for.
MOST_POINTS = 100_000

_READY = Path(__file__).with_name("builtin")


@dataclass(frozen=True, kw_only=True)
class Netlist:
    """A design with all its parameters; of a combination that does not exist, as far as given."""

    design: str
    parameters: dict


@dataclass(frozen=True, kw_only=True)
class Point:
    """A combination on a target, under a workload.

    Attributes
    ----------
    key : str
        Stands for everything that was asked for; two points with the same key are the same.
    netlist : Netlist
    modes : dict
        What is chosen at run time.
    target, workload : str or None
        Names; ``None`` if no area is asked for, or no cycles.
    pes : int or None
        Processing elements.
    macs_per_cycle : int or float or None
        Products that all elements can do in a cycle in these modes.
    reason : str or None
        Why there cannot be such a point.
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
    """What a sweep file asks for.

    Attributes
    ----------
    name : str
    given : dict
        The file.
    points : list of Point
        All different.
    workloads : dict
        Name to :class:`Workload`.
    liberty : Path or None
        Absolute.
    library : str or None
        Digest of that file.
    pnr : bool
    seeds : int
    """

    name: str
    given: dict
    points: list[Point] = field(repr=False)
    workloads: dict[str, workloads.Workload]
    liberty: Path | None
    library: str | None
    pnr: bool
    seeds: int


def ready() -> dict[str, Path]:
    """The sweeps that come with the program, by name."""
    return {path.stem: path for path in sorted(_READY.glob("*.toml"))}


def places(target: str) -> bool:
    """Whether there is place and route for a target."""
    return targets.load(target).place is not None


def read(file: str) -> Plan:
    """The sweep of a file, or the ready one of that name.

    Raises
    ------
    OSError
        If a file cannot be read.
    Refused, TypeError, ValueError
        If something is wrong with it.
    """
    path = ready().get(file, Path(file))
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        names = ", ".join(ready())
        raise OSError(
            f"Sweep cannot be read: {path}: {error.strerror or error}; ready ones are {names}"
        ) from None
    except UnicodeDecodeError:
        raise Refused(f"Sweep {path} must be a text in UTF-8") from None
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"Sweep {path} must be TOML: {error}") from None
    try:
        return _Reader(given, path.parent).plan()
    except (Refused, OSError, TypeError, ValueError) as error:
        raise Refused(f"{path}: {error}") from None


def made(given: dict, loaded: dict[str, workloads.Workload]) -> Plan:
    """The sweep of what could be in a file, with workloads that are no files, by name.

    Raises what :func:`read` raises for what is wrong in a file.
    """
    return _Reader(given, Path(), loaded).plan()


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
_KINDS = {
    str: "a text",
    list: "a list",
    bool: "true or false",
    int: "an integer",
    dict: "a table { … }",
}


class _Reader:
    """Checks a sweep file, and finds its points."""

    def __init__(self, given: dict, folder: Path, loaded: dict | None = None):
        _check(given, _KEYS, "")
        self.given, self.folder = given, folder
        self.name = given.get("name", "")
        if not self.name or any(not (c.isalnum() or c in "-_.") for c in self.name):
            raise Refused(
                f"name must be letters, digits, - and _, as in a file's name, not {self.name!r}"
            )
        if self.name.startswith("."):
            raise Refused(f"name must not begin with a dot, not be {self.name!r}")
        self.pnr, self.seeds = given.get("pnr", False), given.get("seeds", 1)
        if not 1 <= self.seeds <= 99:
            raise Refused(f"seeds must be an integer from 1 to 99, not {self.seeds}")
        self.loaded: dict[str, workloads.Workload] = dict(loaded or {})
        self.liberty = self._liberty()
        self.library = cache.digest(self.liberty.read_bytes()) if self.liberty else None

    def plan(self) -> Plan:
        points: dict[str, Point] = {}
        entries = [
            (f"[[{table}]] {number}", entry, table == "grid")
            for table in ("grid", "points")
            for number, entry in enumerate(self.given.get(table, []), 1)
        ]
        if not entries:
            raise Refused("there must be a [[grid]] or [[points]], one at least")
        for place, entry, several in entries:
            for point in self._points(place, entry, several):
                points.setdefault(point.key, point)
                if len(points) > MOST_POINTS:
                    raise Refused(f"{place}: points must be at most {MOST_POINTS:,}; give a sample")
        used = {point.target for point in points.values()}
        if self.liberty is not None and "liberty" not in used:
            raise Refused('liberty must go with the target "liberty", which no point has')
        if "liberty" in used and self.liberty is None:
            raise Refused('target "liberty" needs a library: liberty = "file.lib"')
        if self.pnr and not any(target and places(target) for target in used):
            raise Refused("pnr must go with a target that has place and route, which no point has")
        if all(point.reason for point in points.values()):
            reason = next(iter(points.values())).reason
            raise Refused(f"points must be possible, which none is; the first is not: {reason}")
        return Plan(
            name=self.name,
            given=self.given,
            points=list(points.values()),
            workloads=self.loaded,
            liberty=self.liberty,
            library=self.library,
            pnr=self.pnr,
            seeds=self.seeds,
        )

    def _liberty(self):
        if "liberty" not in self.given:
            return None
        path = (self.folder / self.given["liberty"]).absolute()
        check_liberty(path)
        return path

    def _points(self, place, entry, several) -> Iterator[Point]:
        if not isinstance(entry, dict):
            raise Refused(f"{place} must be a table with a design, not {entry!r}")
        _check(entry, _GRID_KEYS if several else _POINT_KEYS, f"{place}, ")
        if "design" not in entry:
            raise Refused(f"{place} must have a design")
        with _at(place):
            kind = registry.design(entry["design"])
        axes = _axes(kind, place, entry, several)
        chosen = self._names(place, entry, "targets"), self._names(place, entry, "workloads")
        if chosen == ([None], [None]):
            raise Refused(f"{place} must have targets or workloads: there is nothing to measure")
        for values in _combinations(place, entry, axes):
            given = {"set": {}, "modes": {}}
            for (table, name), value in values.items():
                given[table][name] = value
            yield from self._each(place, kind, given["set"], given["modes"], *chosen)

    def _names(self, place, entry, key):
        """Targets or workloads of an entry, or those of the sweep; checked."""
        where = f"{place}, {key}" if key in entry else key
        names = entry.get(key, self.given.get(key, []))
        for name in names:
            if not isinstance(name, str):
                raise Refused(f"{where} must be a list of names, not {names!r}")
            with _at(where):
                if key == "targets":
                    targets.check(name)
                elif name not in self.loaded:
                    self.loaded[name] = workloads.load(name, self.folder)
        return names or [None]

    def _each(self, place, kind, settings, modes, chosen_targets, chosen_workloads):
        """The points of one combination."""
        design = kind.design()
        facts, why, parameters = {}, None, None
        try:
            with _at(place, TypeError):
                parameters = kind(**settings)
            modes = _modes(parameters, modes)
            facts = _peak(parameters, modes)
        except ValueError as error:
            why = str(error)
        every = {item.name: item.default for item in fields(kind)} | settings
        netlist = Netlist(design=design, parameters=every)
        for target, workload in itertools.product(chosen_targets, chosen_workloads):
            yield Point(
                key=self._key(netlist, modes, target, workload),
                netlist=netlist,
                modes=modes,
                target=target,
                workload=workload,
                reason=why or self._too_large(parameters, modes, workload),
                **facts,
            )

    def _too_large(self, parameters, modes, workload):
        """Why a design cannot compute a workload; whether entries fit a matrix alone tells."""
        for layer in self.loaded[workload].layers if workload is not None else ():
            if parameters.design() == "eie":
                sizes = {"rows": -(-layer.n // parameters.pes), "columns": layer.k}
                for name, needed in sizes.items():
                    if needed > getattr(parameters, name):
                        return f"layer {layer.name}: {name} must be at least {needed} for it"
                continue
            try:
                parameters.check_k(layer.k, modes)
            except ValueError as error:
                return f"layer {layer.name}: {error}"
        return None

    def _key(self, netlist, modes, target, workload):
        asked = [netlist.design, netlist.parameters, modes, target]
        if target is not None:
            asked.append(self.seeds if self.pnr and places(target) else 0)
        if target == "liberty":
            asked.append(self.library)
        if workload is not None:
            asked.append([layer.as_dict() for layer in self.loaded[workload].layers])
        return cache.digest(json.dumps([*asked, workload], sort_keys=True))[:20]


@contextlib.contextmanager
def _at(place, kinds=(TypeError, ValueError, OSError)):
    """Says where in the file it was that a value was refused."""
    try:
        yield
    except kinds as error:
        raise Refused(f"{place}: {error}") from None


def _check(given, known, place):
    for key, value in given.items():
        if key not in known:
            raise Refused(
                f"{place}key must be one of {', '.join(known)}, not {key!r}"
                f"{registry.closest(key, known)}"
            )
        kind = known[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Refused(f"{place}{key} must be {_KINDS[kind]}, not {value!r}")


def _axes(kind, place, entry, several):
    """What varies: (``set`` or ``modes``, name) to a list of values."""
    design = kind.design()
    known = {
        "set": [item.name for item in fields(kind)],
        "modes": ["assign"] if design == "eie" else list(kind.MODES),
    }
    axes = {}
    for table, what in (("set", "Parameter"), ("modes", "Mode")):
        for name, value in entry.get(table, {}).items():
            if name not in known[table]:
                raise Refused(
                    f"{place}, {table}: {what} of {design} must be one of "
                    f"{', '.join(known[table])}, not {name!r}"
                    f"{registry.closest(name, known[table])}"
                )
            values = value if several and isinstance(value, list) else [value]
            if not values:
                raise Refused(f"{place}, {name} must have a value at least, not []")
            for one in values:
                if type(one) not in (int, str):
                    kinds = "integers or texts" if several else "an integer or a text"
                    raise Refused(f"{place}, {name} must be {kinds}, not {one!r}")
            axes[table, name] = values
    return axes


def _combinations(place, entry, axes):
    """Yield dicts from an axis to its value, in the file's order or as sampled."""
    bundles = _bundles(place, entry.get("zip", []), axes)
    sizes = [len(axes[bundle[0]]) for bundle in bundles]
    total = math.prod(sizes)
    chosen = range(total)
    if "sample" in entry:
        count = entry["sample"]
        if not 1 <= count <= total:
            raise Refused(
                f"{place}, sample must be an integer from 1 to {total}, the combinations that "
                f"there are, not {count}"
            )
        chosen = sorted(random.Random(entry.get("seed", 1)).sample(chosen, count))
    elif "seed" in entry:
        raise Refused(f"{place}, seed must go with a sample")
    if len(chosen) > MOST_POINTS:
        raise Refused(
            f"{place}: combinations must be at most {MOST_POINTS:,}, not {len(chosen):,}; "
            f"give a sample"
        )
    for number in chosen:
        values = {}
        for bundle, size in zip(reversed(bundles), reversed(sizes), strict=True):
            number, index = divmod(number, size)
            values |= {axis: axes[axis][index] for axis in bundle}
        yield values


def _bundles(place, given, axes):
    """Lists of axes whose values go together; most are alone."""
    groups = given if given and all(isinstance(group, list) for group in given) else [given]
    groups = [group for group in groups if group]
    named = {name: axis for axis in axes for name in [axis[1]]}
    bundles, taken = [], set()
    for group in groups:
        for name in group:
            if not isinstance(name, str) or name not in named:
                raise Refused(
                    f"{place}, zip must be of names in set or modes, not {name!r}"
                    f"{registry.closest(str(name), named)}"
                )
            if name in taken:
                raise Refused(f"{place}, zip must name {name} once, not twice")
            taken.add(name)
        lengths = [len(axes[named[name]]) for name in group]
        if len(set(lengths)) > 1:
            found = ", ".join(f"{name} {n}" for name, n in zip(group, lengths, strict=True))
            raise Refused(f"{place}, zip must be of lists of one length, not {found}")
        bundles.append([named[name] for name in group])
    first = {axis: bundle for bundle in bundles for axis in bundle}
    ordered = []
    for axis in axes:
        bundle = first.get(axis, [axis])
        if bundle not in ordered:
            ordered.append(bundle)
    return ordered


def _modes(parameters, given):
    if parameters.design() != "eie":
        modes = parameters.modes(given)
        for side in "aw":
            if f"{side}_type" in modes:
                modes[f"{side}_type"] = parameters.formats(side, modes)[0]
                if "+" not in getattr(parameters, f"{side}_format"):
                    del modes[f"{side}_type"]
        return modes
    modes = {"assign": "modulo"} | given
    if modes["assign"] not in ASSIGNMENTS:
        raise ValueError(
            f"Mode assign must be one of {', '.join(ASSIGNMENTS)}, not {modes['assign']!r}"
        )
    return modes


def _peak(parameters, modes):
    if parameters.design() == "eie":
        return {"pes": parameters.pes, "macs_per_cycle": parameters.pes * parameters.lanes}
    plan = tiling(outline(parameters), 1, 1, 1, **modes)
    pes = parameters.rows * parameters.cols
    peak = Fraction(pes * plan.terms, len(plan.passes))
    return {"pes": pes, "macs_per_cycle": peak.numerator if peak.denominator == 1 else float(peak)}
