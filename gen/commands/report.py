"""The command ``brickwork report``: results of sweeps as a page, tables and plots."""

import json
from pathlib import Path

from ..emission.emit import write_whole
from ..lib import plots
from ..lib.files import check_folder
from ..lib.progress import progress
from ..page import axes, figures, svg
from ..page.best import fronts
from ..page.compare import compare
from ..page.page import Drawn, page
from ..page.points import points
from ..page.report import Report
from ..page.results import read
from ..page.tables import changes_csv, markdown, points_csv

__all__ = ["report", "write"]

_DPI = 120


def report(options) -> int:
    results = read(options.results)
    before = read([options.baseline]) if options.baseline else None
    found = points(results.records)
    comparison = before and compare(found, points(before.records), results, before)
    contents = Report(results=results, points=found, best=fronts(found), comparison=comparison)
    out = check_folder(Path(options.out) / "report")
    path = write(out, contents)
    if options.json:
        print(json.dumps({"page": str(path), "points": len(found)}, indent=2))
    else:
        print(contents.summary(), *results.remarks, f"page: {path}", sep="\n")
    return 0


def write(out: Path, contents: Report) -> Path:
    """Writes everything into a folder, the page last; returns the page's path.

    Equal results give equal bytes, in whatever order they came.
    """
    drawn = []
    with plots.settings(**axes.SETTINGS):
        for plot in progress(figures.plots(contents.points, contents.best), what="plots"):
            png = f"plots/{plot.name}.png"
            image = plots.rendered(plot.figure, format="png", dpi=_DPI, metadata={"Software": None})
            write_whole(out / png, image)
            drawn.append(
                Drawn(
                    title=plot.title,
                    caption=plot.caption,
                    workload=plot.workload,
                    target=plot.target,
                    svg=svg.inline(plot.figure, f"f{len(drawn)}", plot.title),
                    png=png,
                )
            )
    write_whole(out / "points.csv", points_csv(contents.points, contents.best))
    write_whole(out / "report.md", markdown(contents))
    if contents.comparison:
        write_whole(out / "changes.csv", changes_csv(contents.comparison))
    else:
        (out / "changes.csv").unlink(missing_ok=True)  # of an earlier report
    write_whole(out / "index.html", page(contents, drawn))
    return out / "index.html"
