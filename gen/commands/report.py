"""``brickwork report``: results of sweeps as a page, tables and plots."""

import shlex
from pathlib import Path

from ..lib.extras import require
from ..lib.files import check_folder, write_whole
from ..lib.messages import print_json
from ..lib.progress import progress
from .arguments import add_json, add_out, path

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main", "write"]

SUMMARY = "show results of sweeps: best configurations, plots and tables"
EXAMPLE = "brickwork report out/sweep/small.jsonl --baseline before.jsonl"

_DPI = 120


def arguments(parser):
    parser.description += (
        "\n\nWrites report/index.html below --out, one page that needs no network, with plots,"
        " points.csv\nand report.md beside it."
    )
    parser.add_argument(
        "results",
        metavar="RESULTS",
        type=path("Results file"),
        nargs="+",
        help="files of brickwork sweep; where several have a point, the last counts",
    )
    parser.add_argument(
        "--baseline",
        metavar="RESULTS",
        type=path("Results file"),
        help="earlier results to compare with; a change of the clock counts if it exceeds the "
        "spread of the seeds",
    )
    parser.add_argument(
        "--benches",
        metavar="FILE",
        type=path("Scores file"),
        help="show scores of the units' test benches from this mutation.json of brickwork mutate",
    )
    add_out(parser)
    add_json(parser)


def main(options) -> int:
    from ..page import benches
    from ..page.best import fronts
    from ..page.compare import compare
    from ..page.points import points
    from ..page.report import Report
    from ..page.results import read

    with require("Plots"):
        from ..lib import plots  # noqa: F401
    results = read(options.results)
    baseline = read([options.baseline]) if options.baseline else None
    measured = points(results.records)
    comparison = baseline and compare(measured, points(baseline.records), results, baseline)
    command = ["brickwork", "report", *options.results]
    command += ["--baseline", options.baseline] if options.baseline else []
    command += ["--benches", options.benches] if options.benches else []
    contents = Report(
        results=results,
        points=measured,
        best=fronts(measured),
        comparison=comparison,
        command=shlex.join(command),
        benches=benches.read(options.benches) if options.benches else [],
    )
    path = write(check_folder(Path(options.out) / "report"), contents)
    if options.json:
        print_json({"page": str(path), "points": len(measured)})
    else:
        print(contents.summary(), *results.remarks, f"page: {path}", sep="\n")
    return 0


def write(out: Path, contents) -> Path:
    """Writes a :class:`.page.report.Report` into a folder, the page last, and returns its path.

    Equal contents give equal bytes, in whatever order the results came.
    """
    from ..page.exports import changes_csv, markdown, points_csv
    from ..page.page import page

    drawn = _draw(out, contents)
    write_whole(out / "points.csv", points_csv(contents.points, contents.best))
    write_whole(out / "report.md", markdown(contents))
    if contents.comparison:
        write_whole(out / "changes.csv", changes_csv(contents.comparison))
    else:
        (out / "changes.csv").unlink(missing_ok=True)  # of an earlier report
    write_whole(out / "index.html", page(contents, drawn))
    return out / "index.html"


def _draw(out, contents):
    """The plots as the page shows them; writes each as PNG."""
    with require("Plots"):
        from ..lib import plots
        from ..page import axes, figures, svg
    from ..page.page import Drawn

    drawn = []
    with plots.settings(**axes.SETTINGS):
        for plot in progress(figures.plots(contents.points, contents.best), label="plots"):
            png = f"plots/{plot.name}.png"
            image = plots.rendered(plot.figure, format="png", dpi=_DPI, metadata={"Software": None})
            write_whole(out / png, image)
            drawn.append(
                Drawn(
                    title=plot.title,
                    caption=plot.caption,
                    front=plot.front,
                    workload=plot.workload,
                    target=plot.target,
                    svg=svg.inline(plot.figure, f"f{len(drawn)}", plot.title),
                    png=png,
                )
            )
    return drawn
