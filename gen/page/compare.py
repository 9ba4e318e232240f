"""Comparison of results with earlier ones: what changed, and whether that is for the better."""

from dataclasses import dataclass

from .metrics import METRICS, shown
from .points import Point, location
from .results import Results

__all__ = ["COMPARED", "Change", "Comparison", "compare"]

#: Metrics that are compared; the others follow from them.
COMPARED = ("cycles", "fmax", "lut", "ff", "dsp", "bram", "lutram", "gates", "um2", "macro_bits")


@dataclass(frozen=True, kw_only=True)
class Change:
    """A metric that changed by more than noise.

    Attributes
    ----------
    point : Point
        The new one; of several with the same change, as areas depend on no workload, the first.
    metric : str
        Name of the metric.
    before, after : float
        Its values.
    better : bool
        Whether the new value is the better one.
    """

    point: Point
    metric: str
    before: float
    after: float
    better: bool

    @property
    def name(self) -> str:
        """The point's name; without modes where these do not matter."""
        point = self.point
        return point.name if self.metric == "cycles" else f"{point.design} {point.netlist}"

    @property
    def location(self) -> str:
        """The workload of cycles, the target of all other metrics."""
        return (self.point.workload if self.metric == "cycles" else self.point.target) or ""

    @property
    def delta(self) -> str:
        """``-3.2 %``, or the difference if it was zero before."""
        if not self.before:
            return f"+{shown(self.after)}"
        return f"{100 * (self.after / self.before - 1):+.1f} %"

    @property
    def verdict(self) -> str:
        return "better" if self.better else "worse"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The result of :func:`compare`.

    Attributes
    ----------
    changes : list of Change
        The worse first, then by their size.
    unchanged : int
        Points of both without a change.
    noise : int
        Clocks of netlists that differ within the spread of the seeds.
    unmeasured : int
        Those that differ, with a single seed on a side, so that the noise is unknown.
    statuses : list of (Point, str)
        Points whose status was another, with that.
    new, gone : list of Point
        Points of one side only.
    remarks : list of str
        Reasons why the two are hard to compare.
    """

    changes: list[Change]
    unchanged: int
    noise: int
    unmeasured: int
    statuses: list[tuple[Point, str]]
    new: list[Point]
    gone: list[Point]
    remarks: list[str]

    def lines(self) -> list[str]:
        """All but the changes in words."""
        counts = {
            "changes": len(self.changes),
            "points without a change": self.unchanged,
            "clocks that differ within the spread of their seeds, which is no change": self.noise,
            "clocks that differ, with a single seed, so that the noise is not known": (
                self.unmeasured
            ),
            "new points": len(self.new),
            "points of the baseline that are gone": len(self.gone),
        }
        lines = [f"{item}: {count:,}" for item, count in counts.items() if count]
        lines += [
            f"{point.name}, {location(point.workload, point.target)}: {status} before, "
            f"{point.record['status']} now"
            for point, status in self.statuses
        ]
        return lines + self.remarks


def compare(
    points: list[Point], earlier: list[Point], after: Results, before: Results
) -> Comparison:
    """Sets points beside the earlier ones of the same configuration, workload and target.

    Cycles and areas are exact, so that every difference counts. A clock differs from seed to seed:
    it counts as changed only if the ranges of all seeds do not overlap, and neither if a side has
    a single seed.
    """
    old = {point.identity: point for point in earlier}
    changes, noise, unmeasured, statuses, new = {}, set(), set(), [], []
    unchanged = 0
    for point in points:
        was = old.pop(point.identity, None)
        if was is None:
            new.append(point)
            continue
        if was.record["status"] != point.record["status"]:
            statuses.append((point, was.record["status"]))
            continue
        by_metric = {change.metric: change for change in _changes(was, point)}
        netlist = point.configuration, point.target
        if "fmax" in by_metric and (doubt := _doubt(was.clocks(), point.clocks())):
            del by_metric["fmax"]
            (noise if doubt == "noise" else unmeasured).add(netlist)
        for metric, change in by_metric.items():
            of = (point.job, point.workload) if metric == "cycles" else netlist
            changes.setdefault((metric, of), change)
        unchanged += not by_metric
    changes = sorted(changes.values(), key=lambda c: (c.better, -_size(c), c.point.number))
    return Comparison(
        changes=changes,
        unchanged=unchanged,
        noise=len(noise),
        unmeasured=len(unmeasured),
        statuses=statuses,
        new=new,
        gone=list(old.values()),
        remarks=_remarks(after, before),
    )


def _changes(was, point):
    """All metrics that are not equal."""
    for name in COMPARED:
        before, after = was.value(name), point.value(name)
        if None not in (before, after) and before != after:
            better = (after > before) == (METRICS[name].better > 0)
            yield Change(point=point, metric=name, before=before, after=after, better=better)


def _doubt(before, after):
    """Why clocks may differ by chance; None if they cannot."""
    if min(len(before), len(after)) < 2:
        return "unmeasured"
    return "noise" if before[0] <= after[-1] and after[0] <= before[-1] else None


def _size(change):
    return abs(change.after / change.before - 1) if change.before else float("inf")


def _remarks(after, before):
    remarks = list(before.remarks)
    for tool in sorted(after.tools | before.tools):
        was, now = (results.tools.get(tool, "not used") for results in (before, after))
        if was != now:
            remarks.append(f"{tool}: {was} before, {now} now")
    return remarks
