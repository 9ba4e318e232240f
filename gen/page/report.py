"""Contents of the page and of the Markdown summary."""

import functools
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..flow.targets import CHIP_MEMORIES
from .best import Headline, headline
from .compare import Comparison
from .metrics import shown
from .points import Point, location
from .results import STATUSES, Results

__all__ = ["LeftOut", "Report", "emit_command"]


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Points of one configuration without a result, for one reason.

    Attributes
    ----------
    status, reason, log : str
    point : Point
        The first of them.
    locations : list of str
        Workloads and targets.
    """

    status: str
    reason: str
    log: str
    point: Point
    locations: list[str]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The contents of a report.

    Attributes
    ----------
    results : Results
    points : list of Point
        All of them.
    best : set of int
        Numbers of the points on a front.
    comparison : Comparison or None
    command : str
        The command that makes the report, but for the folder that it is written to.
    benches : list of dict
        Scores of the units' test benches, see :mod:`.benches`; empty without.
    """

    results: Results
    points: list[Point]
    best: set[int]
    comparison: Comparison | None
    command: str
    benches: list[dict] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"Sweep {', '.join(self.results.names)}"

    @property
    def good(self) -> list[Point]:
        return [point for point in self.points if point.ok]

    @functools.cached_property
    def headline(self) -> Headline | None:
        return headline(self.points)

    @property
    def exports(self) -> list[str]:
        """Names of the files beside the page."""
        return ["points.csv", "report.md", *(["changes.csv"] if self.comparison else [])]

    def summary(self) -> str:
        """Numbers of points by status, of configurations and of designs."""
        counts = [(sum(p.record["status"] == s for p in self.points), s) for s in STATUSES]
        statuses = ", ".join(f"{count} {status}" for count, status in counts if count)
        netlists = len({point.configuration for point in self.good})
        return (
            f"{_count(len(self.points), 'point')}: {statuses}. "
            f"{_count(netlists, 'configuration')} of {_count(len(self.designs()), 'design')}."
        )

    def designs(self) -> list[str]:
        return list(dict.fromkeys(point.design for point in self.good))

    def notes(self) -> list[str]:
        """Notes for readers of the numbers."""
        notes = [_ESTIMATES[size] for size in _ESTIMATES if any(p.size == size for p in self.good)]
        if any(point.clocks() for point in self.good):
            notes.append(
                "Clocks are nextpnr's, of a core by itself: the median of several seeds. "
                "Time and throughput follow from it."
            )
        elif self.good:
            notes.append("Without place and route there is no clock, time or throughput.")
        if len({point.operands for point in self.good}) > 1:
            notes.append(
                "Operands differ. The accuracy that fewer bits cost is not measured here; the best "
                "points and fronts are among points with the same operands."
            )
        extrapolated = [point for point in self.good if point.extrapolated]
        if extrapolated:
            share = min(point.record["simulated_share"] or 0 for point in extrapolated)
            notes.append(
                f"Cycles of {_count(len(extrapolated), 'point')}, marked ≈, are extrapolated: "
                f"{_percent(share)} or more of the workload ran in RTL, the rest follows from "
                "it, on dense engines by a formula that is exact where it ran."
            )
        if any(point.record["cycles_kind"] == "rtl" for point in self.good):
            others = "other " if extrapolated else ""
            notes.append(f"All {others}cycles are those of simulated RTL.")
        return notes

    def left_out(self) -> Iterator[LeftOut]:
        """Points without a result, those of the same reason together; failed ones first."""
        groups = {}
        for status in ("failed", "infeasible"):
            for point in self.points:
                if point.record["status"] == status:
                    reason, log = (point.record[name] or "" for name in ("reason", "log"))
                    key = (status, point.name, reason, log)
                    groups.setdefault(key, []).append(point)
        for (status, _, reason, log), points in groups.items():
            jobs = [location(point.workload, point.target) for point in points]
            yield LeftOut(
                status=status,
                reason=reason,
                log=log,
                point=points[0],
                locations=[*dict.fromkeys(jobs)],
            )


_MEMORIES = " ".join(CHIP_MEMORIES.split())
_ESTIMATES = {
    "lut": "LUTs, flip-flops and blocks of FPGAs are counted after yosys, before place and route: "
    "estimates.",
    "gates": "Gates are two-input NAND gates' worth of logic, without wires: estimates. "
    f"{_MEMORIES}",
    "um2": f"µm² are cells of a Liberty file, without wires: estimates. {_MEMORIES}",
}


def emit_command(point: Point) -> str:
    """The command that makes a point's Verilog."""
    design, settings = json.loads(point.configuration)
    sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return shlex.join(["brickwork", "emit", design, *sets])


def _percent(share):
    return f"{shown(float(f'{100 * share:.2g}'))} %"


def _count(number, noun):
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
