"""The designs side by side under one workload and for one area.

Every design has the same number of PEs. Its area is that of the whole engine, without SRAM where
that is a macro; its cycles are simulated, or follow from the formula that a simulation confirms. A
larger area holds several instances of a design, also a fractional number: speed grows with fewer
cycles, with less area, and with the clock where it is measured.
"""

import collections
import dataclasses
import functools
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from ...hdl.checks import check_integer
from ..designs import registry
from ..designs.base import Contender
from ..flow import targets
from ..lib.errors import UsageError
from ..lib.messages import closest
from ..lib.progress import progress
from ..lib.tables import html_table, table
from ..sweep import plan as plans
from ..sweep.cluster import check_workers, connected
from ..sweep.measure import tools as find_tools
from ..sweep.run import points
from ..workloads import Layer, Sparsity, Workload
from .area import check_target

__all__ = ["CLAIMS", "Comparison", "chosen", "claims", "compare", "contenders", "rows"]

#: Density of the weights on a sparse engine, for workloads without densities.
DENSITY = 0.1

#: Speed-up at equal area in papers: contender, baseline, factor, source. The widths are those that
#: keep the accuracy there, which is not measured here.
CLAIMS = [
    ("flint4 (ANT)", "Bit Fusion, 8 × 8", 2.8, "ANT, MICRO 2022, abstract"),
    ("flint4 (ANT)", "AdaptivFloat, 8 bits", 4.0, "ANT, MICRO 2022, its simulator's results"),
    ("ovp_int4 (OliVe)", "ANT's types, int8", 3.7, "OliVe, ISCA 2023"),
    ("ovp_int4 (OliVe)", "AdaptivFloat, 8 bits", 4.8, "OliVe, ISCA 2023"),
]

_AREA_NOTES = {
    "cells": """\
Areas are LUTs after yosys. Flip-flops, DSP blocks and block RAM stand beside them, and do not limit
what fits.""",
    "gates": f"Areas without wires. {targets.CHIP_MEMORIES}",
    "µm²": f"Areas without wires. {targets.CHIP_MEMORIES}",
}
_NOTES = """\
speed-up: over the first design for the same area, at {clocks} clocks. Each design leaves out the
zeros that it can. W_MiB: weights on their stream, with indices and scales. The area of an engine
for sparse vectors is that of a few PEs, scaled to their number{own_clock}."""


def contenders() -> list[Contender]:
    """The contenders of all designs; the first is the reference."""
    every = itertools.chain.from_iterable(
        design.contenders() for design in registry.DESIGNS.values()
    )
    ordered, names = [], set()
    for contender in sorted(every, key=lambda contender: contender.order):
        if contender.name in names:
            name = f"{contender.name}, {contender.design}"
            contender = dataclasses.replace(contender, name=name)
        names.add(contender.name)
        ordered.append(contender)
    return ordered


def chosen(designs: Iterable[str] | None) -> list[Contender]:
    """The contenders of these designs or names, in their order; all of them for ``None``.

    A name may be shortened at its end, and written with x for ×. A design without contenders is one
    with its default parameters.

    Raises
    ------
    UsageError
        If there is none of a name.
    """
    every = contenders()
    if designs is None:
        return every
    matches: dict[str, Contender] = {}
    for text in designs:
        by_text = _matching(every, text)
        if not by_text:
            names = [*registry.DESIGNS, *(each.name for each in every)]
            raise UsageError(
                f"Design to compare must be one of {'; '.join(names)}, not {text!r}"
                f"{closest(text, names)}"
            )
        matches |= {each.name: each for each in by_text}
    if not matches:
        raise UsageError("Designs to compare must be one at least")
    return list(matches.values())


def _matching(every, text):
    """The contenders of a design, or with names that begin like this."""
    if text in registry.DESIGNS:
        matches = [each for each in every if each.design == text]
        return matches or [Contender(name=text, design=text)]
    start = _plain(text)
    return [each for each in every if start and _plain(each.name).startswith(start)]


def _plain(name):
    return "".join(name.lower().replace("×", "x").split())


@dataclass(frozen=True, eq=False)
class Comparison:
    """Contenders under a workload; printed, the tables of ``brickwork compare``.

    Attributes
    ----------
    workload : Workload
    shape : dict
        ``rows`` and ``cols`` of the arrays; a sparse engine has as many PEs.
    density : float or None
        Share of non-zero weights on a sparse engine; ``None`` for a workload with sparsity, and
        with ``sparsity``.
    records : dict
        Contender to its record, as of a sweep.
    sparsity : tuple of str
        What the network was pruned to; a contender that can use one stands for itself, with this
        behind its name.
    target : str
        Target of synthesis.
    area : float or None
        The area budget; ``None`` for that of the first contender.
    """

    workload: Workload
    shape: dict[str, int]
    density: float | None
    records: dict[str, dict]
    target: str = "gates"
    area: float | None = None
    sparsity: tuple[str, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """A row for each measured contender."""
        return list(rows(self.records, self.area))

    def claims(self) -> list[dict[str, Any]]:
        """Speed in papers, and as measured."""
        return list(claims(self.records))

    def record(self) -> dict[str, Any]:
        """Everything, as ``brickwork compare --json`` prints it."""
        designs = [row | {"record": self.records[row["name"]]} for row in self.rows()]
        header: dict[str, Any] = {"workload": self.workload.name, **self.shape}
        header |= {"density": self.density, "sparsity": list(self.sparsity), "target": self.target}
        return header | {"designs": designs, "claims": self.claims()}

    def write(self, path: Path | str) -> None:
        """Writes a file of the type that its suffix says: .csv, .json, .html, .md, .png, .svg or
        .pdf."""
        from .comparison_files import write

        write(self, path)

    def missing(self) -> dict[str, dict[str, str]]:
        """``status`` and ``reason`` of each contender that could not be measured."""
        return {
            name: {key: record[key] for key in ("status", "reason")}
            for name, record in self.records.items()
            if record["status"] != "ok"
        }

    @property
    def area_unit(self) -> str:
        """What areas are counted in."""
        unit = targets.load(self.target).unit
        return f"LUTs of {self.target}" if unit == "cells" else unit

    @property
    def title(self) -> str:
        """The workload and what it runs on."""
        sparsity = ", ".join(self.sparsity) or "as the layers say"
        if self.density is not None:
            sparsity = f"{self.density:g} of the weights not zero, or as their names say"
        return (
            f"{self.workload.title}: {self.shape['rows']}×{self.shape['cols']} PEs, areas in "
            f"{self.area_unit}, sparse engines: {sparsity}"
        )

    def __str__(self) -> str:
        paragraphs = [self.title, table(self.rows())]
        missing = [
            f"{name}: {each['status']}, {each['reason']}" for name, each in self.missing().items()
        ]
        if missing:
            paragraphs.append("\n".join(missing))
        if claimed := self.claims():
            paragraphs += ["Speed as papers claim it, and as measured here", table(claimed)]
        has_clocks = any(record["fmax_mhz"] for record in self.records.values())
        notes = _NOTES.format(
            clocks="their own" if has_clocks else "equal",
            own_clock="; its clock is theirs" if has_clocks else "",
        )
        return "\n\n".join([*paragraphs, f"{_AREA_NOTES[targets.load(self.target).unit]}\n{notes}"])

    def _repr_html_(self) -> str:
        return html_table(self.rows()) + html_table(self.claims())


def compare(
    workload: Workload,
    *,
    rows: int = 8,
    cols: int = 8,
    area: float | None = None,
    density: float | None = None,
    sparsity: Sequence[str] = (),
    target: str | None = None,
    liberty: Path | None = None,
    pnr: bool = False,
    designs: Iterable[str] | None = None,
    workers: int | None = None,
) -> Comparison:
    """Measures contenders.

    Parameters
    ----------
    workload : Workload
    rows, cols : int
        Of the arrays; a sparse engine has as many PEs.
    area : float or None
        The area budget.
    density : float or None
        Share of non-zero weights on a sparse engine.
    sparsity : sequence of str
        What the network is pruned to, see :meth:`.Sparsity.parse`: each design that can use it is
        measured with each, and the first also without.
    target : str or None
        Target of synthesis; ``None`` for ``"gates"``, or ``"liberty"`` with a library.
    liberty : Path or None
        Liberty file of the cells to map to.
    pnr : bool
        Whether to place and route for the clock, on targets that have it.
    designs : sequence of str or None
        Names of designs or of contenders, the first of which is the reference; ``None`` for all.
    workers : int or None
        Processes.

    Raises
    ------
    UsageError, TypeError, ValueError
        If the layers are sparse and ``density`` or ``sparsity`` is set, or a number is out of
        range; if a target or design does not exist, or does not fit the rest; if Dask is missing.
    """
    for side, count in (("rows", rows), ("cols", cols)):
        check_integer(f"Number of {side}", count, 2, 64)
    _check_number("Area", area, 1, 1e12)
    _check_number("Density", density, 0.001, 1)
    check_workers(workers)
    entrants = chosen(designs)
    target = target or ("gates" if liberty is None else "liberty")
    check_target(target, liberty, pnr=pnr)
    shape = {"rows": rows, "cols": cols}
    variants = tuple(dict.fromkeys(sparsity))
    for text in variants:
        Sparsity.parse(text)
    density = _density(density, workload, variants)
    steps = {"targets": [target], "pnr": pnr}
    if liberty is not None:
        steps["liberty"] = str(Path(liberty).absolute())
    records = _measure(entrants, workload, shape, density, variants, steps, workers)
    return Comparison(workload, shape, density, records, target, area, variants)


def _check_number(subject, value, lowest, highest):
    """Refuses a value that is out of range, as NaN is; ``None`` is not set."""
    if value is None or (isinstance(value, Real) and lowest <= value <= highest):
        return
    error = ValueError if isinstance(value, Real) else TypeError
    raise error(f"{subject} must be a number from {lowest} to {highest}, not {value!r}")


def _density(density, workload, variants):
    """The share of non-zero weights on a sparse engine; ``None`` where it is not needed."""
    for option, value in (("--density", density), ("--sparsity", variants)):
        if value and workload.is_sparse:
            raise UsageError(f"{option} must not go with {workload.name}, whose layers are sparse")
    if density is not None and variants:
        raise UsageError("--density must not go with --sparsity")
    return None if workload.is_sparse or variants else density or DENSITY


def _measure(entrants, workload, shape, density, variants, steps, workers):
    """The record of each contender, composed of its entries in a sweep with these ``steps``."""
    dense = workload.each(f"{workload.name}, dense", Layer.dense)
    loaded = {dense.name: dense}
    entries_of: dict[str, list[dict]] = {}
    for contender in entrants:
        cls = registry.design(contender.design)
        usable = cls(**contender.set).usable
        if workload.is_sparse:
            cases = {"": workload}
        elif variants:
            cases = {} if entries_of else {"": dense}  # of the first, which is the reference
            cases |= {f": {text}": _pruned(workload, text) for text in variants}
        else:
            cases = {"": _pruned(workload, contender.sparsity or str(density))}
        for suffix, case in cases.items():
            if case.each("", usable) == dense.each("", usable):
                suffix, case = "", dense
            entries_of[contender.name + suffix] = cls.comparison(contender, shape, case)
            loaded[case.name] = case
    entries = []  # contenders may share an entry
    for entry in itertools.chain.from_iterable(entries_of.values()):
        if entry not in entries:
            entries.append(entry)
    sweep = {"name": "compare", "points": entries} | steps
    plan = plans.from_dict(sweep, loaded)
    with connected(None, workers or len(os.sched_getaffinity(0))) as client:
        done = points(client, plan, find_tools(), plan.points)
        bar = progress(done, total=len(plan.points), label="compare", eta=True)
        by_key = {record["key"]: record for record in bar}
    records = [by_key[point.key] for point in plan.points]
    return {
        name: functools.reduce(_merged, (records[entries.index(entry)] for entry in needed))
        for name, needed in entries_of.items()
    }


def _pruned(workload, text):
    sparsity = Sparsity.parse(text)
    return workload.each(f"{workload.name}, {text}", lambda layer: layer.pruned(sparsity))


def _merged(record, addition):
    """A record with the first and the last layer of another one, or with its area."""
    for each in (record, addition):
        if each["status"] != "ok":
            return each
    if addition["cycles"] is None:
        area = _scaled(addition["area"], record["pes"] / addition["pes"])
        return record | {"area": area} | {key: addition[key] for key in ("clock", "fmax_mhz")}
    layers = list(record["layers"])
    for index in (0, -1):
        layers[index] = addition["layers"][index]
    cycles = sum(layer["count"] * layer["cycles"] for layer in layers)
    return record | {"layers": layers, "cycles": cycles, "utilization": None, "bytes": None}


def _scaled(area, factor):
    """The area of ``factor`` times the PEs."""
    total = {name: value * factor for name, value in area["total"].items()}
    memories = [memory | {"number": factor} for memory in area["memories"]]
    return {"unit": area["unit"], "total": total, "memories": memories}


def rows(records: dict[str, dict], area: float | None = None) -> Iterator[dict]:
    """A row for each measured contender.

    ``area`` is the budget; by default the area of the first contender.
    """
    first = next(iter(records.values()))
    for name, record in records.items():
        if record["status"] != "ok":
            continue
        size = _size(record)
        fits = (area or _size(first)) / size
        speed = {"cycles": record["cycles"], "cycles_are": record["cycles_kind"]}
        if record["fmax_mhz"]:
            time = record["cycles"] / record["fmax_mhz"]
            speed |= {"MHz": record["fmax_mhz"], "µs": round(time, 1), "fit": round(fits, 2)}
            speed["µs_in_area"] = round(time / fits, 1)
        else:
            speed |= {"fit": round(fits, 2), "cycles_in_area": round(record["cycles"] / fits)}
        yield {
            "name": name,
            **_resources(record["area"], size / _size(first)),
            **speed,
            "speed_up": round(_speed_up(record, first), 2),
            **_traffic(record),
        }


def _traffic(record):
    """Bytes of weights with their indices and scales, as often as the engine loads them."""
    count = (record.get("bytes") or {}).get("weights")
    return {} if count is None else {"W_MiB": round(count / 2**20, 2)}


def _resources(area, of_first):
    """What a contender takes on its target."""
    total = area["total"]
    if area["unit"] == "cells":
        taken = {name: round(total[name]) for name in ("lut", "ff", "dsp", "bram")}
        return {"lut": taken.pop("lut"), "of_first": round(of_first, 3)} | taken
    bits: collections.Counter = collections.Counter()
    for memory in area["memories"]:
        bits[memory["kind"]] += memory["words"] * memory["width"] * memory.get("number", 1)
    return {
        "area": round(total["area"]),
        "of_first": round(of_first, 3),
        "in_register_files": round(total["register_files"]),
        "SRAM_KiB": round(bits["macro"] / 2**13, 1),
    }


def _size(record):
    """The area of a contender: gates, µm² or LUTs."""
    return next(iter(record["area"]["total"].values()))


def claims(records: dict[str, dict], papers: Iterable[tuple] = CLAIMS) -> Iterator[dict]:
    """Speed of one contender over another in papers, and as measured."""
    for over, under, claimed, source in papers:
        if not {over, under} <= records.keys():
            continue
        first, second = records[over], records[under]
        if first["status"] == second["status"] == "ok":
            yield {
                "of": over,
                "over": under,
                "paper": claimed,
                "for_the_same_area": round(_speed_up(first, second), 2),
                "for_the_same_PEs": round(_duration(second) / _duration(first), 2),
                "source": source,
            }


def _speed_up(record, baseline):
    """Speed of a contender over another, for the same area."""

    def slowness(each):
        return _duration(each) * _size(each)

    return slowness(baseline) / slowness(record)


def _duration(record):
    """Cycles, or the time that they take where the clock is known."""
    return record["cycles"] / (record["fmax_mhz"] or 1)
