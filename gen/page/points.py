"""Points of a sweep, with names that tell them apart."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from ..designs import registry
from .identity import configuration, identity
from .metrics import METRICS, RESOURCES, SIZES, shown

__all__ = ["Point", "front", "place", "points"]


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
        Rows and columns, or the number of elements.
    formats : str
        Of the operands that the netlist takes, if parameters say so.
    operands : str
        Those of this point, which modes may have chosen.
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
        """What tells it from other points of its design."""
        formats = self.formats if self.formats != self.operands else ""
        return _joined(self.shape, formats, self.operands, self.options, self.modes)

    @property
    def name(self) -> str:
        return _joined(self.design, self.label)

    @property
    def netlist(self) -> str:
        """The label without what modes choose."""
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
        """What it takes of all that is scarce."""
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


def front(found: list[Point], losses: Callable[[Point], tuple[float, ...]]) -> list[Point]:
    """Points that no other one beats: is as good as in every respect, and better in one.

    ``losses`` gives what is the better the less it is.
    """
    rows = [(losses(point), point) for point in found]
    return [
        point
        for mine, point in rows
        if not any(
            other != mine and all(a <= b for a, b in zip(other, mine, strict=True))
            for other, _ in rows
        )
    ]


def place(workload: str | None, target: str | None) -> str:
    """A workload and a target in words."""
    return " on ".join(filter(None, (workload, target))) or "no workload or target"


def _varying(records):
    """For each design the names of parameters and modes that are not the same in all points."""
    found = {}
    for record in records:
        values = found.setdefault(record["design"], {})
        for name, value in (record["parameters"] | (record["modes"] or {})).items():
            values.setdefault(name, set()).add(str(value))
    return {
        design: {name for name, several in values.items() if len(several) > 1}
        for design, values in found.items()
    }


def _texts(record, varying):
    """The fields of :class:`Point` that are texts."""
    values, modes = record["parameters"], record["modes"] or {}
    shape, told = "", {*_SIDES}
    if "pes" in values:
        shape, told = f"{values['pes']} PEs", {*told, "pes"}
    elif {"rows", "cols"} <= set(values):
        shape, told = f"{values['rows']}×{values['cols']}", {*told, "rows", "cols"}
    options, chosen = (
        _joined(*(f"{name}={found[name]}" for name in found if name in varying - told))
        for found in (values, modes)
    )
    formats = _pair(*(values.get(f"{side}_format") for side in "aw"))
    operands = _pair(*(_operand(side, values, modes) for side in "aw"))
    return {
        "shape": shape,
        "formats": formats,
        "operands": operands,
        "options": options,
        "modes": chosen,
    }


#: Parameters and modes that say what operands are.
_SIDES = [f"{side}_{what}" for side in "aw" for what in ("format", "type", "bits", "signed")]


def _operand(side, values, modes):
    """The format of activations or weights."""
    if f"{side}_bits" in modes:
        return f"{'' if modes.get(f'{side}_signed', 1) else 'u'}int{modes[f'{side}_bits']}"
    if "value_width" in values:
        names = {"a": f"int{values.get('act_width')}", "w": f"codebook{values['value_width']}"}
        return names[side]
    return modes.get(f"{side}_type") or values.get(f"{side}_format")


def _pair(a, w):
    return "×".join(dict.fromkeys(str(name) for name in (a, w) if name))


def _joined(*texts):
    return " ".join(filter(None, texts))


def _order(record):
    designs = list(registry.DESIGNS)
    design = record["design"]
    at = designs.index(design) if design in designs else len(designs)
    values = sorted((record["parameters"] | (record["modes"] or {})).items())
    # Numbers by size; with texts, numbers have no order.
    sizes = [
        (name, False, value) if isinstance(value, int | float) else (name, True, str(value))
        for name, value in values
    ]
    where = (record["workload"] or "", record["target"] or "")
    return *where, at, design, record["pes"] or 0, sizes, identity(record)
