"""The report as one page of HTML, with everything in it."""

from dataclasses import dataclass
from pathlib import Path

from . import benches
from .best import best, groups
from .markup import Markup, element, joined
from .metrics import METRICS, shown
from .points import location
from .report import Report, emit_command

__all__ = ["Drawn", "page"]

_HERE = Path(__file__).parent
#: Nothing can be loaded, whatever a results file holds.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
#: Changes that the page shows; the CSV file has all.
_MOST_CHANGES = 60
#: Characters of a log that the page shows, its last.
_MOST_LOG = 2000


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A plot as the page takes it: see ``figures.Plot``; ``png`` is the address of its file."""

    title: str
    caption: str
    front: bool
    workload: str | None
    target: str | None
    svg: Markup
    png: str


def page(report: Report, drawn: list[Drawn]) -> str:
    """The page's HTML."""
    style, script = (Markup((_HERE / name).read_text("utf-8")) for name in ("page.css", "page.js"))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", f"{report.title} · Brickwork"),
        element("style", style),
    )
    sections = list(_sections(report, drawn))
    links = [element("a", title, href=f"#{name}") for name, title, _ in sections]
    body = element(
        "body",
        element(
            "header",
            element("h1", report.title),
            [element("p", text) for text in (*report.results.descriptions, report.summary())],
            [element("p", remark, class_="notice") for remark in report.results.remarks],
            element(
                "p",
                element("code", report.command),
                # The script shows it: without one nothing could be copied.
                element("button", "copy", type="button", hidden=True),
                class_="command",
            ),
            element("nav", links, aria_label="Sections"),
            element(
                "nav",
                element("span", "Files"),
                [element("a", name, href=name) for name in report.exports],
                aria_label="Files",
            ),
        ),
        element("main", [_section(*section) for section in sections]),
        _footer(report),
        element("div", id="tip", role="status", hidden=True),
        element("script", script),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _section(name, title, content):
    return element("section", element("h2", title), content, id=name)


def _sections(report, drawn):
    """Name, title and content of each section with content."""
    plot = _front(report.headline, drawn)
    if report.headline:
        yield "headline", report.headline.title, _headline(report.headline, plot)
    if report.good:
        yield "best", "Best configurations", _best(report)
    if report.comparison:
        yield "changes", "Changes since the baseline", _changes(report.comparison)
    yield "notes", "About the numbers", _list(report.notes())
    if report.good:
        yield "plots", "Plots", joined(_filters(report), _plots(d for d in drawn if d is not plot))
        yield "points", "Points", _points(report)
    if report.benches:
        yield "benches", "Test benches", _benches(report.benches)
    left_out = list(report.left_out())
    if left_out:
        yield "left-out", "Failed and infeasible", _left_out(left_out)


def _front(headline, drawn):
    """The plot of the headline's points: of throughput where there is one, else of cycles."""
    if headline is None:
        return None
    wanted = (True, headline.workload, headline.target)
    fronts = [plot for plot in drawn if (plot.front, plot.workload, plot.target) == wanted]
    return fronts[-1] if fronts else None


def _headline(headline, plot):
    rows = [
        element(
            "div",
            element("dt", title),
            element("dd", element("strong", winner.text), _link(winner.point), _small(winner)),
        )
        for title, winner in headline.winners.items()
    ]
    compared = "1 point" if headline.points == 1 else f"{headline.points} points"
    note = element(
        "p",
        f"Of {compared} with this workload, target and operands, the largest group of this report.",
    )
    left = element("div", element("dl", rows), note)
    return element("div", left, plot and _figure(plot), class_="headline")


def _small(winner):
    return element("small", winner.others)


def _best(report):
    cards = []
    for group, points in groups(report.points).items():
        rows = best(points)
        titles = list(dict.fromkeys(winner.title for row in rows.values() for winner in row))
        heads = [element("th", title, scope="col") for title in ("operands", *titles)]
        table = element(
            "table",
            element("thead", element("tr", heads)),
            element("tbody", [_best_row(*row, titles) for row in rows.items()]),
        )
        content = table if rows else element("p", "No numbers.")
        cards.append(element("article", element("h3", location(*group)), content))
    return element("div", cards, class_="cards")


def _best_row(operands, row, titles):
    by_title = {winner.title: winner for winner in row}
    return element(
        "tr",
        element("th", operands or "any", scope="row"),
        [_best_cell(title, by_title.get(title)) for title in titles],
    )


def _best_cell(title, winner):
    if winner is None:
        return element("td", data_title=title)
    return element(
        "td",
        _link(winner.point),
        element("strong", winner.text),
        _small(winner),
        data_title=title,
    )


def _link(point, name=None):
    return element("a", name or point.name, href=f"#p{point.number}")


def _changes(comparison):
    rows = [
        element(
            "tr",
            element("th", _link(change.point, change.name), scope="row"),
            element("td", change.location),
            element("td", METRICS[change.metric].title),
            element("td", change.delta, class_="n"),
            element("td", change.verdict, class_=change.verdict),
            element("td", shown(change.before), class_="n"),
            element("td", shown(change.after), class_="n"),
        )
        for change in comparison.changes[:_MOST_CHANGES]
    ]
    titles = ("configuration", "workload, target", "metric", "change", "verdict", "before", "now")
    table = _table(titles, rows) if rows else None
    more = len(comparison.changes) - len(rows)
    note = element("p", f"{more} more are in changes.csv.") if more else None
    return joined(_list(comparison.lines()), table, note)


def _benches(rows):
    note = "Faults drawn in each unit's netlist, and what its test bench notices of them."
    lines = []
    for name, *numbers in benches.table(rows):
        cells = [element("td", number, class_="n") for number in numbers]
        lines.append(element("tr", element("th", name, scope="row"), cells))
    return joined(element("p", note), _table(benches.COLUMNS.values(), lines))


def _list(texts):
    return element("ul", [element("li", text) for text in texts])


def _table(titles, rows):
    heads = element("thead", element("tr", [element("th", t, scope="col") for t in titles]))
    table = element("table", heads, element("tbody", rows))
    return _scroll(table)


def _scroll(table):
    """A table that scrolls; the script hides the hint where it does not."""
    hint = element("p", "The table scrolls sideways →", class_="hint")
    return joined(hint, element("div", table, class_="scroll", tabindex=0))


def _filters(report):
    choices = [
        ("workload", [point.workload for point in report.good]),
        ("target", [point.target for point in report.good]),
        ("design", [point.design for point in report.good]),
    ]
    selects = [
        element("label", name, _select(name, sorted({value for value in values if value})))
        for name, values in choices
    ]
    words = element("input", type="search", name="filter", placeholder="8×8 int4")
    front = element("input", type="checkbox", name="front")
    return element(
        "form",
        selects,
        element("label", "filter", words),
        element("label", front, "on a front only", class_="check"),
        element("button", "reset", type="reset"),
        element("output", name="count"),
        id="filters",
        hidden=True,
        aria_label="Filters of plots and points",
    )


def _select(name, values):
    options = [element("option", "all", value="")]
    options += [element("option", value, value=value) for value in values]
    return element("select", options, name=name)


def _plots(drawn):
    """The figures of each workload, then those of targets alone."""
    groups = {}
    for plot in drawn:
        groups.setdefault(plot.workload or "Targets", []).append(_figure(plot))
    for name, figures in groups.items():
        plots = element("div", figures, class_="plots")
        yield element("div", element("h3", name), plots, class_="group")


def _figure(drawn):
    caption = element(
        "figcaption",
        f"{drawn.caption} ",
        element("a", "PNG", href=drawn.png, aria_label=f"{drawn.title} as PNG"),
    )
    return element(
        "figure", drawn.svg, caption, data_workload=drawn.workload, data_target=drawn.target
    )


def _points(report):
    """A table for each target, with the metrics that have numbers there."""
    by_target = {}
    for point in report.good:
        by_target.setdefault(point.target, []).append(point)
    note = "A click on a point in a plot marks its row here, and the other way."
    yield element("p", note, class_="scripted", hidden=True)
    for target in sorted(by_target, key=lambda name: (name is None, name)):
        table = _points_table(by_target[target], report.best)
        title = element("h3", target or "no target")
        yield element("div", title, _scroll(table), class_="target")
    shared = _list(f"{design}: {text}" for design, text in _shared(report.good).items())
    yield element("details", element("summary", "Parameters that do not vary"), shared)


def _points_table(points, best):
    metrics = [name for name in METRICS if any(p.value(name) is not None for p in points)]
    titles = [
        ("name", "configuration", "number in the plots; size, formats, varying parameters", 0),
        ("workload", "workload", "", 0),
        ("front", "front", "whether no other point is as good in area and cycles or time", 1),
        *((n, METRICS[n].title, METRICS[n].meaning, METRICS[n].better) for n in metrics),
        ("emit", "to emit it", "the command that writes its Verilog", 0),
    ]
    heads = [
        element(
            "th",
            element("button", title, type="button", title=meaning or None),
            scope="col",
            aria_sort="none",
            data_key=name,
            data_better=better if better > 0 else None,
            class_="n" if name in METRICS else None,
        )
        for name, title, meaning, better in titles
    ]
    rows = [_row(point, metrics, point.number in best) for point in points]
    return element("table", element("thead", element("tr", heads)), element("tbody", rows))


def _row(point, metrics, front):
    return element(
        "tr",
        element("th", element("button", point.name, type="button"), scope="row"),
        element("td", point.workload or ""),
        element("td", "●" if front else ""),
        [_number(point, name) for name in metrics],
        element("td", element("code", emit_command(point))),
        id=f"p{point.number}",
        data_workload=point.workload or "",
        data_target=point.target or "",
        data_design=point.design,
    )


def _number(point, metric):
    """A cell with a number, and with the exact one if its text is another."""
    text, value = point.shown(metric), point.value(metric)
    exact = value is None or text.replace(",", "") == repr(value)
    return element("td", text, class_="n", data_v=None if exact else repr(value))


def _shared(points):
    """Design to its parameters that are the same in all points, as text."""
    texts = {}
    for design in dict.fromkeys(point.design for point in points):
        first, *others = [p.record["parameters"] for p in points if p.design == design]
        shared = [
            f"{name}={value}"
            for name, value in first.items()
            if all(values.get(name) == value for values in others)
        ]
        texts[design] = ", ".join(shared) or "none"
    return texts


def _left_out(rows):
    titles = ("configuration", "status", "workload, target", "reason")
    return _table(
        titles,
        [
            element(
                "tr",
                element("th", row.point.name, scope="row"),
                element("td", row.status, class_="worse" if row.status == "failed" else None),
                element("td", "; ".join(row.locations)),
                element("td", row.reason or "no reason is recorded", _log(row.log)),
            )
            for row in rows
        ],
    )


def _log(log):
    if not log:
        return None
    return element("details", element("summary", "log"), element("pre", log[-_MOST_LOG:]))


def _footer(report):
    tools = ", ".join(f"{name} {version}" for name, version in report.results.tools.items())
    return element("footer", element("p", f"Made by brickwork report; measured with {tools}."))
