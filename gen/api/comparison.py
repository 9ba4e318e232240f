"""The designs side by side under one workload and for one area.

Every design has the same number of PEs. Its area is that of the whole engine without large
memories; its cycles are simulated, or follow from the formula that a simulation confirms. A larger
area holds several instances of a design, also a fractional number: at equal clocks, speed grows
with fewer cycles and with less area.
"""

import dataclasses
import functools
import itertools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from ...hdl.checks import check_integer
from ..designs import registry
from ..designs.base import Contender
from ..flow.synthesis import check_liberty
from ..lib.errors import UsageError
from ..lib.progress import progress
from ..lib.tables import html_table, table
from ..sweep import plan as plans
from ..sweep.cluster import check_workers, connected
from ..sweep.measure import tools as find_tools
from ..sweep.run import points
from ..workloads import Workload

__all__ = ["CLAIMS", "Comparison", "claims", "compare", "contenders", "rows"]

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

_NOTES = """\
Areas without wires and without memories of more than 64 words, which are macros on a chip: SRAM
tells their bits. speed-up: over the first design for the same area, at equal clocks. A sparse
engine's cycles count non-zero weights and activations alone, the others' count all of them; its
area is that of a few PEs, scaled to their number."""


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


@dataclass(frozen=True, eq=False)
class Comparison:
    """Contenders under a workload; printed, the tables of ``brickwork compare``.

    Attributes
    ----------
    workload : Workload
    shape : dict
        ``rows`` and ``cols`` of the arrays; a sparse engine has as many PEs.
    density : float or None
        Share of non-zero weights on a sparse engine; ``None`` for a workload with densities.
    records : dict
        Contender to its record, as of a sweep.
    area : float or None
        The area budget; ``None`` for that of the first contender.
    """

    workload: Workload
    shape: dict[str, int]
    density: float | None
    records: dict[str, dict]
    area: float | None = None

    def rows(self) -> list[dict[str, Any]]:
        """A row for each measured contender."""
        return list(rows(self.records, self.area))

    def claims(self) -> list[dict[str, Any]]:
        """Speed in papers, and as measured."""
        return list(claims(self.records))

    def record(self) -> dict[str, Any]:
        """Everything, as ``brickwork compare --json`` prints it."""
        designs = [row | {"record": self.records[row["name"]]} for row in self.rows()]
        header = {"workload": self.workload.name, **self.shape, "density": self.density}
        return header | {"designs": designs, "claims": self.claims()}

    def __str__(self) -> str:
        areas = (record["area"]["unit"] for record in self.records.values() if record["area"])
        density = (
            "densities of the layers"
            if self.density is None
            else f"{self.density:g} of the weights not zero"
        )
        paragraphs = [
            f"{self.workload.title}: {self.shape['rows']}×{self.shape['cols']} PEs, areas in "
            f"{next(areas, '')}, sparse engines: {density}",
            table(self.rows()),
        ]
        missing = [
            f"{name}: {record['status']}, {record['reason']}"
            for name, record in self.records.items()
            if record["status"] != "ok"
        ]
        if missing:
            paragraphs.append("\n".join(missing))
        paragraphs += ["Speed as papers claim it, and as measured here", table(self.claims())]
        return "\n\n".join([*paragraphs, _NOTES])

    def _repr_html_(self) -> str:
        return html_table(self.rows()) + html_table(self.claims())


def compare(
    workload: Workload,
    *,
    rows: int = 8,
    cols: int = 8,
    area: float | None = None,
    density: float | None = None,
    liberty: Path | None = None,
    workers: int | None = None,
) -> Comparison:
    """Measures every contender.

    Parameters
    ----------
    workload : Workload
    rows, cols : int
        Of the arrays; a sparse engine has as many PEs.
    area : float or None
        The area budget.
    density : float or None
        Share of non-zero weights on a sparse engine.
    liberty : Path or None
        Liberty file of the cells to map to; two-input NAND gates without one.
    workers : int or None
        Processes.

    Raises
    ------
    UsageError, TypeError, ValueError
        If the layers have densities and ``density`` is set, or a number is out of range; if Dask
        is missing.
    """
    for side, count in (("rows", rows), ("cols", cols)):
        check_integer(f"Number of {side}", count, 2, 64)
    _check_number("Area", area, 1, 1e12)
    _check_number("Density", density, 0.001, 1)
    check_workers(workers)
    if liberty is not None:
        check_liberty(liberty)
    shape = {"rows": rows, "cols": cols}
    density = _density(density, workload)
    records = _measure(workload, shape, density, liberty, workers)
    return Comparison(workload, shape, density, records, area)


def _check_number(subject, value, lowest, highest):
    """Refuses a value that is out of range, as NaN is; ``None`` is not set."""
    if value is None or (isinstance(value, Real) and lowest <= value <= highest):
        return
    error = ValueError if isinstance(value, Real) else TypeError
    raise error(f"{subject} must be a number from {lowest} to {highest}, not {value!r}")


def _density(density, workload):
    """The share of non-zero weights on a sparse engine; ``None`` for a workload with densities."""
    has_densities = any(layer.weights < 1 for layer in workload.layers)
    if density is not None and has_densities:
        raise UsageError(f"--density must not go with {workload.name}, whose layers have densities")
    return None if has_densities else density or DENSITY


def _measure(workload, shape, density, liberty, workers):
    """The record of each contender, composed of its entries in a sweep."""
    pruned = workload
    if density is not None:
        layers = (dataclasses.replace(layer, weights=density) for layer in workload.layers)
        pruned = dataclasses.replace(workload, name=f"{workload.name}, pruned", layers=(*layers,))
    dense = dataclasses.replace(
        workload,
        name=f"{workload.name}, dense",
        layers=tuple(
            dataclasses.replace(layer, weights=1.0, acts=1.0) for layer in workload.layers
        ),
    )
    entries_of = {
        contender.name: registry.design(contender.design).comparison(
            contender, shape, dense, pruned
        )
        for contender in contenders()
    }
    entries = []  # contenders may share an entry
    for entry in itertools.chain.from_iterable(entries_of.values()):
        if entry not in entries:
            entries.append(entry)
    sweep = {"name": "compare", "targets": ["gates"], "points": entries}
    if liberty is not None:
        sweep |= {"targets": ["liberty"], "liberty": str(Path(liberty).absolute())}
    plan = plans.from_dict(sweep, {each.name: each for each in (dense, pruned)})
    with connected(None, workers or len(os.sched_getaffinity(0))) as client:
        done = points(client, plan, find_tools(), plan.points)
        bar = progress(done, total=len(plan.points), label="compare", eta=True)
        by_key = {record["key"]: record for record in bar}
    records = [by_key[point.key] for point in plan.points]
    return {
        name: functools.reduce(_merged, (records[entries.index(entry)] for entry in needed))
        for name, needed in entries_of.items()
    }


def _merged(record, addition):
    """A record with the first and the last layer of another one, or with its area."""
    for each in (record, addition):
        if each["status"] != "ok":
            return each
    if addition["cycles"] is None:
        return record | {"area": _scaled(addition["area"], record["pes"] / addition["pes"])}
    layers = list(record["layers"])
    for index in (0, -1):
        layers[index] = addition["layers"][index]
    cycles = sum(layer["count"] * layer["cycles"] for layer in layers)
    return record | {"layers": layers, "cycles": cycles, "utilization": None}


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
        size = record["area"]["total"]["area"]
        fits = (area or first["area"]["total"]["area"]) / size
        macros = sum(
            memory["words"] * memory["width"] * memory.get("number", 1)
            for memory in record["area"]["memories"]
            if memory["kind"] == "macro"
        )
        yield {
            "name": name,
            "area": round(size),
            "of_first": round(size / first["area"]["total"]["area"], 3),
            "SRAM_KiB": round(macros / 2**13, 1),
            "cycles": record["cycles"],
            "cycles_are": record["cycles_kind"],
            "fit": round(fits, 2),
            "cycles_in_area": round(record["cycles"] / fits),
            "speed_up": round(_speed_up(record, first), 2),
        }


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
                "for_the_same_PEs": round(second["cycles"] / first["cycles"], 2),
                "source": source,
            }


def _speed_up(record, baseline):
    """Speed of a contender over another, for the same area."""

    def slowness(each):
        return each["cycles"] * each["area"]["total"]["area"]

    return slowness(baseline) / slowness(record)
