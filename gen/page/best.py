"""The best points for each workload on each target, and the headline of a report."""

import itertools
from dataclasses import dataclass

from .metrics import METRICS, SIZES
from .points import Point, front, location

__all__ = ["Best", "Headline", "best", "by_operands", "fronts", "groups", "headline"]

_THOUSANDS = {"lut": "kLUT", "gates": "kgate", "um2": "1000 µm²"}


@dataclass(frozen=True, kw_only=True)
class Best:
    """The point that is the best in one respect; ``title`` says in which."""

    title: str
    metric: str
    point: Point

    @property
    def text(self) -> str:
        """The value with its unit."""
        text = f"{self.point.shown(self.metric)} {METRICS[self.metric].unit}"
        return f"{text} {_THOUSANDS[self.point.size]}" if self.metric == "density" else text

    @property
    def others(self) -> str:
        """Its area and cycles, or one of them."""
        cycles = self.point.shown("cycles")
        texts = {
            "cycles": cycles and f"{cycles} {METRICS['cycles'].unit}",
            self.point.size: self.point.area_text(),
        }
        return ", ".join(text for name, text in texts.items() if text and name != self.metric)


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The best of the largest group of comparable points.

    Attributes
    ----------
    workload, target : str or None
    operands : str
    points : int
        Number of points that were compared.
    winners : dict of str to Best
        The fastest, the smallest, and the one with the most throughput per area.
    """

    workload: str | None
    target: str | None
    operands: str
    points: int
    winners: dict[str, Best]

    @property
    def title(self) -> str:
        """The workload, the target and the operands."""
        return ", ".join(filter(None, (location(self.workload, self.target), self.operands)))


def headline(points: list[Point]) -> Headline | None:
    """The headline of a report; ``None`` if no point has a number to be compared by.

    The largest group is the one with the most points that have cycles and an area. Of equal groups
    it is one with clocks, or else the first.
    """
    comparable = [
        (group, operands, members)
        for group, candidates in groups(points).items()
        for operands, members in by_operands(candidates).items()
        if best(members)
    ]
    if not comparable:
        return None

    def rank(row):
        rated = [point for point in row[2] if point.size and point.value("cycles") is not None]
        return len(rated), sum(point.value("time") is not None for point in rated), len(row[2])

    (workload, target), operands, members = max(comparable, key=rank)
    by_metric = {winner.metric: winner for winner in best(members)[operands]}
    if "time" in by_metric:
        del by_metric["cycles"]
    titles = {"time": "Fastest", "cycles": "Fastest", **dict.fromkeys(SIZES, "Smallest")}
    return Headline(
        workload=workload,
        target=target,
        operands=operands,
        points=len(members),
        winners={titles.get(name, "Best per area"): row for name, row in by_metric.items()},
    )


def groups(points: list[Point]) -> dict[tuple[str | None, str | None], list[Point]]:
    """Comparable points with results, by workload and target."""
    by_job = {}
    for point in points:
        if point.ok:
            by_job.setdefault((point.workload, point.target), []).append(point)
    return by_job


def best(points: list[Point]) -> dict[str, list[Best]]:
    """The best of a group in each respect that has numbers, by operands.

    Fewer bits take less of everything, so points are compared with those of the same operands.
    """
    sizes = {point.size for point in points} - {None}
    size = sizes.pop() if len(sizes) == 1 else None
    wanted = {"cycles": "fewest cycles", "time": "shortest time"}
    if size:
        wanted[size] = {"lut": "fewest LUTs", "gates": "fewest gates", "um2": "least area"}[size]
        per = {"lut": "gops_per_lut", "um2": "gops_per_mm2"}.get(size)
        clocked = per and any(point.value(per) is not None for point in points)
        wanted[per if clocked else "density"] = "most throughput per area"
    winners = {}
    for operands, group in by_operands(points).items():
        for metric, title in wanted.items():
            rated = [point for point in group if point.value(metric) is not None]
            if rated:
                winner = min(rated, key=_loss(metric, size))
                row = Best(title=title, metric=metric, point=winner)
                winners.setdefault(operands, []).append(row)
    return winners


def by_operands(points: list[Point]) -> dict[str, list[Point]]:
    """Points by the formats of their operands, in the order of those."""
    by_format = {}
    for point in points:
        by_format.setdefault(point.operands, []).append(point)
    return dict(sorted(by_format.items()))


def _loss(metric, size):
    """Order by a metric; of equals the smaller one, then the faster."""
    names = [metric, *([size] if size else []), "cycles"]

    def loss(point):
        values = [(point.value(name), METRICS[name].better) for name in names]
        return [float("inf") if value is None else -better * value for value, better in values]

    return loss


def fronts(points: list[Point]) -> set[int]:
    """Numbers of the points on the Pareto front of their group.

    No other point with the same operands is as good in area of every kind and in cycles, or in
    time where the clock is known, and better in one of them.
    """
    numbers = set()
    comparable = (by_operands(group).values() for group in groups(points).values())
    for group in itertools.chain.from_iterable(comparable):
        for metric in ("cycles", "time"):
            rated = [p for p in group if p.size and p.value(metric) is not None]
            best = front(rated, lambda p, m=metric: (*p.resources(), p.value(m)))
            numbers |= {point.number for point in best}
    return numbers
