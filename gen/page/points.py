"""Points of a sweep, with names that tell them apart."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from string import Formatter

from ..designs import registry
from ..designs.base import Design
from .identity import configuration, identity
from .metrics import METRICS, RESOURCES, SIZES, shown

__all__ = ["Point", "front", "location", "points"]


@dataclass(frozen=True, kw_only=True)
class Point:
    """A point of a sweep.

    Attributes
    ----------
    number : int
        From 1, in the order of the report.
    record : dict
        As the sweep wrote it.
    shape : str
        Rows and columns, or the number of PEs.
    formats : str
        Of the operands of the netlist, if its parameters give them.
    operands : str
        Those of this point, which modes may select.
    options, modes : str
        All other parameters and modes that vary among the points of its design.
    """

    number: int
    record: dict
    shape: str
    formats: str
    operands: str
    options: str
    modes: str

    @property
    def ok(self) -> bool:
        return self.record["status"] == "ok"

    @property
    def design(self) -> str:
        return self.record["design"]

    @property
    def workload(self) -> str | None:
        return self.record["workload"]

    @property
    def target(self) -> str | None:
        return self.record["target"]

    @cached_property
    def identity(self) -> str:
        return identity(self.record)

    @cached_property
    def configuration(self) -> str:
        return configuration(self.record)

    @cached_property
    def job(self) -> str:
        """Stands for the configuration and modes, which with a workload give the cycles."""
        return f"{self.configuration} {json.dumps(self.record['modes'], sort_keys=True)}"

    @property
    def label(self) -> str:
        """Its difference from other points of its design."""
        formats = self.formats if self.formats != self.operands else ""
        return _joined(self.shape, formats, self.operands, self.options, self.modes)

    @property
    def name(self) -> str:
        return _joined(self.design, self.label)

    @property
    def netlist(self) -> str:
        """The label without modes."""
        return _joined(self.shape, self.formats, self.options)

    @property
    def series(self) -> str:
        """The label without the shape."""
        return self.label.removeprefix(self.shape).strip()

    @property
    def extrapolated(self) -> bool:
        return self.record["cycles_kind"] == "extrapolated"

    def value(self, metric: str) -> float | None:
        return METRICS[metric].of(self.record, self.record["fmax_mhz"])

    def shown(self, metric: str) -> str:
        """The value as text, nothing if there is none; ``≈`` before extrapolated cycles."""
        text = shown(self.value(metric))
        return f"≈ {text}" if text and metric == "cycles" and self.extrapolated else text

    def clocks(self) -> list[float]:
        """Clocks that place and route found, in MHz: one for each seed."""
        clock = self.record["clock"]
        return sorted(run["fmax_mhz"] for run in clock["runs"]) if clock else []

    def range(self, metric: str) -> tuple[float, float] | None:
        """The least and the greatest value that the clocks of all seeds give."""
        clocks = self.clocks() if METRICS[metric].clocked else []
        values = [METRICS[metric].of(self.record, fmax) for fmax in clocks]
        if not values or None in values:
            value = self.value(metric)
            return None if value is None else (value, value)
        return min(values), max(values)

    @property
    def size(self) -> str | None:
        """Name of the metric that stands for its area."""
        return next((name for name in SIZES if self.value(name) is not None), None)

    def resources(self) -> tuple[float, ...]:
        """Its use of all scarce resources."""
        return tuple(self.value(name) or 0 for name in RESOURCES)

    def area_text(self) -> str:
        """Its area in words: ``1,234 LUT, 16 DSP``."""
        names = [name for name in RESOURCES if name == self.size or self.value(name)]
        return ", ".join(f"{self.shown(name)} {METRICS[name].unit}" for name in names)


def points(records: Iterable[dict]) -> list[Point]:
    """The records as points, in an order that does not depend on theirs."""
    records = sorted(records, key=_order)
    good = _varying(record for record in records if record["status"] == "ok")
    everything = _varying(records)
    return [
        Point(
            number=number,
            record=record,
            **_texts(record, (good if record["status"] == "ok" else everything)[record["design"]]),
        )
        for number, record in enumerate(records, 1)
    ]


def front(candidates: list[Point], losses: Callable[[Point], tuple[float, ...]]) -> list[Point]:
    """Points that no other point beats, as good in every respect and better in one.

    ``losses`` gives numbers of which less is better.
    """
    rows = [(losses(point), point) for point in candidates]
    return [
        point
        for loss, point in rows
        if not any(
            rival != loss and all(a <= b for a, b in zip(rival, loss, strict=True))
            for rival, _ in rows
        )
    ]


def location(workload: str | None, target: str | None) -> str:
    """A workload and a target in words."""
    return " on ".join(filter(None, (workload, target))) or "no workload or target"


def _varying(records):
    """For each design the names of parameters and modes that are not the same in all points."""
    by_design = {}
    for record in records:
        settings = record["parameters"] | (record["modes"] or {})
        by_design.setdefault(record["design"], []).append(settings)
    return {
        design: {
            name
            for name in set().union(*every)
            if len({str(settings.get(name)) for settings in every}) > 1
        }
        for design, every in by_design.items()
    }


def _texts(record, varying):
    """The fields of :class:`Point` that are texts."""
    values, modes = record["parameters"], record["modes"] or {}
    design = registry.DESIGNS.get(record["design"], Design)
    in_size = {name for _, name, *_ in Formatter().parse(design.SIZE_LABEL) if name}
    size = design.SIZE_LABEL.format(**values) if in_size <= set(values) else ""
    remaining = varying - in_size - _OPERANDS
    options, selected = (
        _joined(*(f"{name}={settings[name]}" for name in settings if name in remaining))
        for settings in (values, modes)
    )
    return {
        "shape": size,
        "formats": _pair(*(values.get(f"{side}_format") for side in "aw")),
        "operands": _pair(*(design.operand_label(side, values, modes) for side in "aw")),
        "options": options,
        "modes": selected,
    }


#: Parameters and modes that are in the label of operands.
_OPERANDS = {f"{side}_{name}" for side in "aw" for name in ("format", "type", "bits", "signed")}


def _pair(a, w):
    return "×".join(dict.fromkeys(str(name) for name in (a, w) if name))


def _joined(*texts):
    return " ".join(filter(None, texts))


def _order(record):
    designs = list(registry.DESIGNS)
    design = record["design"]
    index = designs.index(design) if design in designs else len(designs)
    values = sorted((record["parameters"] | (record["modes"] or {})).items())
    # Numbers by size; with texts, numbers have no order.
    sizes = [
        (name, False, value) if isinstance(value, int | float) else (name, True, str(value))
        for name, value in values
    ]
    group = (record["workload"] or "", record["target"] or "")
    return *group, index, design, record["pes"] or 0, sizes, identity(record)
