"""The report as CSV and as Markdown."""

import csv
import io

from . import benches
from .best import best, groups
from .compare import Comparison
from .metrics import METRICS, shown
from .points import Point, location
from .report import Report

__all__ = ["changes_csv", "markdown", "points_csv"]


def points_csv(points: list[Point], best: set[int]) -> str:
    """All points with all their values, whatever their status."""
    parameters = _names(point.record["parameters"] for point in points)
    modes = _names(point.record["modes"] or {} for point in points)
    areas = _names(_area(point) for point in points)
    fields = ("status", "reason", "cycles_kind", "simulated_share", "macs", "key")
    titles = ["number", "workload", "target", "design", "configuration", "front"]
    titles += [*METRICS, "fmax_worst", "fmax_best", *(f"area.{name}" for name in areas)]
    titles += [f"parameters.{name}" for name in parameters] + [f"modes.{name}" for name in modes]
    rows = []
    for point in points:
        record, clocks = point.record, point.clocks() or [None]
        row = [point.number, point.workload, point.target, point.design, point.label]
        row += [int(point.number in best), *(point.value(name) for name in METRICS)]
        row += [clocks[0], clocks[-1], *(_area(point).get(name) for name in areas)]
        row += [record["parameters"].get(name) for name in parameters]
        row += [(record["modes"] or {}).get(name) for name in modes]
        rows.append(row + [record[name] for name in fields])
    return _csv([*titles, *fields], rows)


def changes_csv(comparison: Comparison) -> str:
    """Every change since the baseline."""
    titles = ("workload or target", "configuration")
    rows = [
        (
            *(change.location, change.name),
            *(change.metric, change.before, change.after, change.verdict),
        )
        for change in comparison.changes
    ]
    return _csv([*titles, "metric", "before", "now", "verdict"], rows)


def markdown(report: Report) -> str:
    """The best configurations, changes and what failed, for a comment or a note."""
    texts = (*report.results.descriptions, report.summary(), *report.results.remarks)
    blocks = [f"# {_plain(report.title)}", *map(_plain, texts)]
    if report.headline:
        blocks += [
            f"## {_plain(report.headline.title)}",
            "\n".join(
                f"- {title}: {_plain(f'{winner.text}, {winner.point.name}')}"
                for title, winner in report.headline.winners.items()
            ),
        ]
    rows = []
    for group, points in groups(report.points).items():
        for operands, winners in best(points).items():
            for name in dict.fromkeys(winner.point.name for winner in winners):
                mine = [winner for winner in winners if winner.point.name == name]
                titles, texts = (", ".join(getattr(w, n) for w in mine) for n in ("title", "text"))
                rows.append((location(*group), operands, titles, name, texts))
    if rows:
        blocks += [
            "## Best configurations",
            _table(("for", "operands", "best in", "configuration", "reaches"), rows),
        ]
    if report.comparison:
        blocks += ["## Changes since the baseline", *_changes(report.comparison)]
    blocks += ["## About the numbers", "\n".join(f"- {_plain(note)}" for note in report.notes())]
    if report.benches:
        table = _table(list(benches.COLUMNS.values()), benches.table(report.benches))
        blocks += ["## Test benches", table]
    rows = [
        (row.status, row.point.name, "; ".join(row.locations), row.reason)
        for row in report.left_out()
    ]
    if rows:
        titles = ("status", "configuration", "workload, target", "reason")
        blocks += ["## Failed and infeasible", _table(titles, rows)]
    blocks.append(f"Made by {_plain(report.command)}")
    return "\n\n".join(blocks) + "\n"


def _changes(comparison):
    rows = [
        (
            change.name,
            change.location,
            METRICS[change.metric].title,
            shown(change.before),
            shown(change.after),
            change.delta,
            change.verdict,
        )
        for change in comparison.changes
    ]
    if rows:
        titles = ("configuration", "workload, target", "metric", "before", "now", "change", "")
        yield _table(titles, rows)
    yield "\n".join(f"- {_plain(line)}" for line in comparison.lines())


def _names(dictionaries):
    return list(dict.fromkeys(name for values in dictionaries for name in values))


def _area(point):
    return point.record["area"]["total"] if point.record["area"] else {}


def _csv(titles, rows):
    with io.StringIO(newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(titles)
        writer.writerows(rows)
        return file.getvalue()


def _table(titles, rows):
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(map(_plain, line))} |" for line in lines)


def _plain(text):
    """Text with the special characters of Markdown and its tables escaped."""
    for sign in "\\|*_`<[":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
