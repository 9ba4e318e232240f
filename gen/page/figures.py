"""The plots of a report: fronts, rooflines, scaling, clocks and areas."""

import functools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.figure import Figure

from ..designs import registry
from ..lib.plots import COLOURS
from .axes import bare, brief, colour, dot, label_dots, legend, legend_of_colours, scale
from .best import groups
from .metrics import METRICS
from .points import Point, front
from .svg import mark

__all__ = ["Plot", "plots"]

#: Bars of areas in a figure.
_MOST_BARS = 16

#: Colours of roles; those of designs come last.
_ROLES = [
    COLOURS[name] for name in ("sky", "orange", "yellow", "purple", "green", "vermilion", "blue")
]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure with its title and caption.

    Attributes
    ----------
    name : str
        For its file.
    title, caption : str
        Plain text.
    front : bool
        Whether it shows the Pareto fronts of a workload on a target.
    workload, target : str or None
        Of its points; ``None`` if it is of all.
    figure : Figure
    """

    name: str
    title: str
    caption: str
    front: bool = False
    workload: str | None = None
    target: str | None = None
    figure: Figure


def plots(points: list[Point], best: set[int]) -> Iterator[Plot]:
    """The plots with numbers: those of workloads first, then those of targets.

    ``best`` are the numbers of the points on a front.
    """
    good = [point for point in points if point.ok]
    for workload in _names(point.workload for point in good):
        mine = [point for point in good if point.workload == workload]
        for (_, target), group in groups(mine).items():
            if target:
                yield from _fronts(workload, target, group)
        yield from _scaling(workload, mine)
        yield from _roofline(workload, mine)
    colours = _role_colours(good)
    for target in _names(point.target for point in good):
        mine = [point for point in good if point.target == target]
        yield from _clocks(target, mine)
        yield from _breakdown(target, mine, best, colours)


def _names(names):
    return sorted({name for name in names if name})


def _file_name(*names):
    """A file's name; names of workloads may hold anything."""
    return "-".join(re.sub(r"[^A-Za-z0-9_.]+", "_", name) for name in names)


def _fronts(workload, target, points):
    """Cycles, and throughput where the clock is known, over area."""
    for metric, title, corner in (
        ("cycles", "Cycles over area", "below and to the left"),
        ("gops", "Throughput over area", "above and to the left"),
    ):
        rated = [point for point in points if point.size and point.value(metric) is not None]
        if not rated:
            continue
        title = f"{title}: {workload} on {target}"
        area, value = METRICS[rated[0].size].title, METRICS[metric].title
        scarce = "LUT, DSP, BRAM" if rated[0].size == "lut" else f"{area}, memory"
        caption = (
            f"Better is {corner}. Filled: on the Pareto front, no other point with the same "
            f"operands is as good in {scarce} and {value} and better in one. Lines: fronts of "
            f"{area} and {value} alone."
        )
        if missing := len([point for point in points if point.value("cycles")]) - len(rated):
            caption += f" {missing} without {value} are left out."
        yield Plot(
            name=_file_name(metric, workload, target),
            title=title,
            caption=caption,
            front=True,
            workload=workload,
            target=target,
            figure=_tradeoff(title, [[point] for point in rated], metric),
        )


def _clocks(target, points):
    """Clocks over area, with the range of the seeds."""
    rated = [p for p in points if p.size and p.value("fmax") is not None]
    if not rated:
        return
    title = f"Clock over area: {target}"
    netlists = list(_grouped(rated, lambda point: point.configuration))
    seeds = sorted({len(row[0].clocks()) for row in netlists})
    count = " to ".join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))
    yield Plot(
        name=_file_name("fmax", target),
        title=title,
        caption="Better is above and to the left. Fmax after place and route: the median, and "
        f"lines from the worst to the best of {count} seeds. Filled: on the Pareto front of the "
        "same formats.",
        target=target,
        figure=_tradeoff(title, netlists, "fmax"),
    )


def _tradeoff(title, rows, metric):
    """A figure of a metric over area; the points of a row coincide in it."""
    size, loss = rows[0][0].size, -METRICS[metric].better
    first = [row[0] for row in rows]
    xy = {point.number: (point.value(size), point.value(metric)) for point in first}
    # Modes influence neither area nor clock.
    modes = metric != "fmax"
    figure, axes = bare(title)
    scale(axes, "x", [x for x, _ in xy.values()], METRICS[size].title)
    ends = [end for point in first for end in point.range(metric)]
    scale(axes, "y", ends, METRICS[metric].title)
    best, labels = set(), []
    for group in _grouped(first, lambda point: point.operands if modes else point.formats):
        line = front(group, lambda p: (p.value(size), loss * p.value(metric)))
        labels += [(*xy[p.number], p.label if modes else p.netlist) for p in line]
        steps = sorted(xy[point.number] for point in line)
        axes.plot(*zip(*steps, strict=True), color=COLOURS["grey"], lw=1.2, drawstyle="steps-post")
        winners = front(group, lambda p: (*p.resources(), loss * p.value(metric)))
        best |= {point.number for point in winners}
    for row in rows:
        x, y = xy[row[0].number]
        low, high = row[0].range(metric)
        if low != high:
            gid = mark("point", [point.number for point in row])
            axes.plot([x, x], [low, high], color=colour(row[0].design), lw=1.2, gid=gid)
        dot(axes, x, y, row, filled=row[0].number in best, plus=modes)
    legend(figure, first, hollow="not on the front", plus=modes)
    label_dots(figure, axes, sorted(labels), xy.values())
    return figure


def _grouped(points, key):
    """Groups of points with equal keys."""
    groups = {}
    for point in points:
        groups.setdefault(key(point), []).append(point)
    return groups.values()


def _scaling(workload, points):
    """Cycles and utilization over the number of PEs."""
    for metric, title, caption in (
        ("cycles", "Scaling", "Dashed: one multiplication in each PE and cycle."),
        (
            "utilization",
            "Utilization",
            "The workload's share of the multiplications that an array could do.",
        ),
    ):
        rated = [p for p in points if p.value("pes") and p.value(metric)]
        if len({point.value("pes") for point in rated}) < 2:
            continue
        title = f"{title}: {workload}"
        figure, axes = bare(title)
        scale(axes, "x", [p.value("pes") for p in rated], "PEs", exact=True)
        scale(axes, "y", [p.value(metric) for p in rated], METRICS[metric].title)
        if metric == "cycles":
            _ideal(axes, rated)
        _series(figure, axes, rated, metric)
        yield Plot(
            name=_file_name(f"{metric}-over-pes", workload),
            title=title,
            caption="Lines join points of the same design and options, the best for each number "
            f"of PEs. {caption}",
            workload=workload,
            figure=figure,
        )


def _ideal(axes, points):
    ends = [end(point.value("pes") for point in points) for end in (min, max)]
    macs = points[0].record["macs"]
    axes.plot(ends, [macs / end for end in ends], "--", color=COLOURS["grey"], lw=1.2)


def _series(figure, axes, points, metric):
    labels, dots = {}, []
    best = min if METRICS[metric].better < 0 else max
    for series in _grouped(points, lambda point: (point.design, point.series)):
        line = {}
        for row in _grouped(series, lambda point: (point.value("pes"), point.value(metric))):
            x, y = row[0].value("pes"), row[0].value(metric)
            dots.append((x, y))
            dot(axes, x, y, row)
            line[x] = best(y, line.get(x, y))
        axes.plot(*zip(*sorted(line.items()), strict=True), color=colour(series[0].design), lw=1)
        if series[0].series:
            labels.setdefault(max(line.items()), []).append(series[0].series)
    labels = [(*end, ", ".join(dict.fromkeys(names))) for end, names in labels.items()]
    legend(figure, points)
    label_dots(figure, axes, labels, dots)


def _roofline(workload, points):
    """MACs per cycle over MACs per byte, below the limits of each array's ports and PEs."""
    rated = [(point, roof) for point in points if (roof := _roof(point))]
    if not rated:
        return
    title = f"Roofline: {workload}"
    figure, axes = bare(title)
    dots = {point.number: (_intensity(point), point.value("rate")) for point, _ in rated}
    ridges = [peak / width for _, (peak, width) in rated]
    scale(axes, "x", [*ridges, *(x for x, _ in dots.values())], "MACs per byte through the ports")
    peaks = [peak for _, (peak, _) in rated]
    scale(axes, "y", [*peaks, *(y for _, y in dots.values())], "MAC/cycle")
    left, right = axes.get_xlim()
    for row in _grouped(rated, lambda pair: pair[1]):
        peak, width = row[0][1]
        gid = mark("roof", [point.number for point, _ in row])
        roof = [left, peak / width, right], [left * width, peak, peak]
        axes.plot(*roof, color=COLOURS["grey"], lw=0.8, gid=gid, zorder=1)
        axes.plot([peak / width], [peak], "|", color=COLOURS["grey"], ms=9, gid=gid, zorder=2)
    for row in _grouped((point for point, _ in rated), lambda point: point.job):
        dot(axes, *dots[row[0].number], row)
    legend(figure, (point for point, _ in rated))
    caption = (
        "Lines: limits of an array's PEs, and of its ports at a word each in every cycle; "
        "ticks: its ridge. Left of it the ports limit, right of it the PEs."
    )
    if missing := len([p for p in points if p.value("cycles")]) - len(rated):
        caption += f" Points without such a roof are left out: {missing}."
    yield Plot(
        name=_file_name("roofline", workload),
        title=title,
        caption=caption,
        workload=workload,
        figure=figure,
    )


def _intensity(point):
    return point.record["macs"] / sum(point.record["bytes"].values())


def _roof(point):
    """The peak in MAC/cycle, and bytes through the ports in a cycle; None if one is unknown."""
    moved = point.record["bytes"]
    if not (moved and all(moved.values()) and point.value("rate") and point.value("peak")):
        return None
    widths = _ports(point.design, json.dumps(point.record["parameters"]))
    if not set(moved) <= set(widths):
        return None
    return point.value("peak"), sum(widths[name] for name in moved) / 8


@functools.cache
def _ports(design, parameters):
    """Widths in bits of a design's streams; none of an unknown design."""
    try:
        unit = registry.design(design)(**json.loads(parameters)).unit()
    except (TypeError, ValueError):
        return {}
    ends = "_payload"
    ports = unit.ports()
    return {name.removesuffix(ends): len(port) for name, port, *_ in ports if name.endswith(ends)}


def _breakdown(target, points, best, colours):
    """Shares of the area by the roles of modules, a bar for each netlist."""
    rows = list(_grouped(filter(_shares, points), lambda point: point.configuration))
    if not rows:
        return
    size = rows[0][0].size
    rows.sort(key=lambda row: (best.isdisjoint(p.number for p in row), row[0].value(size)))
    rows, left_out = rows[:_MOST_BARS], rows[_MOST_BARS:]
    rows.sort(key=lambda row: row[0].value(size))
    title = f"Area by role: {target}"
    shares = [_shares(row[0], colours) for row in rows]
    shown = [(role, face) for role, face in colours.items() if any(role in s for s in shares)]
    figure, axes = bare(title, height=1.3 + 0.37 * len(rows) + 0.2 * (len(shown) // 2))
    for y, (row, by_role) in enumerate(zip(rows, shares, strict=True)):
        gid, left = mark("point", [point.number for point in row]), 0.0
        for role, face in shown:
            if role in by_role:
                axes.barh(y, 100 * by_role[role], 0.5, left, color=face)[0].set_gid(gid)
                left += 100 * by_role[role]
        text = f"{row[0].design} {row[0].netlist}: {row[0].area_text()}"
        axes.text(0, y - 0.33, brief(text, 56), fontsize=8.5, va="bottom")
    axes.set(xlim=(0, 100), ylim=(len(rows) - 0.5, -0.9), yticks=[])
    axes.set_xlabel(f"share of {METRICS[size].title} in %")
    axes.spines["left"].set_visible(False)
    legend_of_colours(figure, shown)
    caption = "By the modules' roles, the smallest array first. Each bar is a whole netlist."
    if left_out:
        caption += f" {len(left_out)} more are left out; those on a front come first."
    yield Plot(
        name=_file_name("area", target), title=title, caption=caption, target=target, figure=figure
    )


def _shares(point, colours=None):
    """Role to its share of the area; roles without a colour are ``others``.

    Area outside of all modules is ``rest``.
    """
    total = point.size and point.value(point.size)
    if not total or not point.record["area"]["modules"]:
        return {}
    key = "lut" if point.size == "lut" else "area"
    areas = Counter()
    for module in point.record["area"]["modules"]:
        areas[module["role"]] += module.get(key) or 0
    total = max(total, areas.total())
    areas["rest"] += total - areas.total()
    shares = Counter()
    for role, area in areas.items():
        if area > 0.001 * total:  # less is rounding
            shares[role if colours is None or role in colours else "others"] += area / total
    return shares


def _role_colours(points):
    """Role to colour, the same for all targets; those with the largest shares have their own."""
    roles = sum((Counter(_shares(point)) for point in points), Counter()).most_common(len(_ROLES))
    colours = {role: face for (role, _), face in zip(roles, _ROLES, strict=False)}
    return colours | {"others": COLOURS["grey"]}
