"""The plot of ``brickwork bench quality``."""

import math
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from ...sim.golden import formats
from ..lib.files import write_whole
from ..lib.plots import COLOURS, rendered, settings
from .tensors import ANT, CENTROIDS, FORMATS, SHAPE, SHARES

__all__ = ["draw"]

_COLOURS = {
    "ANT's three formats": COLOURS["blue"],
    "ANT: the best of the three": COLOURS["sky"],
    "other formats": COLOURS["grey"],
    "OliVe's pairs": COLOURS["vermilion"],
    "outliers apart": COLOURS["green"],
}
_TITLES = {
    "gaussian": "Gaussian",
    "laplace": "Laplace",
    "uniform": "Uniform",
    "outliers": "Gaussian with outliers",
}


def draw(records: list[dict], path: Path) -> None:
    """Draws the records of ``tensors.measure`` with one scale for each tensor.

    A panel for each distribution has a bar for each format, the median of the seeds, and a line
    from the least to the greatest.
    """
    rows = [row for row in records if row["table"] == "tensors" and row["scale"] == "tensor"]
    heights = _heights()
    with settings(axes_spines_left=False):
        figure = Figure(figsize=(11, 4.8), layout="constrained")
        panels = figure.subplots(1, len(_TITLES), sharex=True, sharey=True)
        for panel, name in zip(panels, _TITLES, strict=True):
            _panel(panel, name, [row for row in rows if row["distribution"] == name], heights)
        panels[0].set_yticks(list(heights.values()), list(heights))
        panels[0].invert_yaxis()
        largest = max(row["sqnr_db"] for row in rows)
        panels[0].set_xlim(0, 1.3 * largest)  # leaves room for the labels
        panels[0].set_xticks(range(0, int(largest) + 1, 5))
        rows, columns, seeds = *SHAPE, len(rows[0]["nmse_by_seed"])
        figure.supxlabel(
            "signal to quantization noise in dB; bars: median, lines: range of "
            f"{seeds} tensors of {rows}×{columns}, each with one scale",
            fontsize=9,
        )
        _legend(figure)
        write_whole(path, rendered(figure))


def _heights():
    """The position of each format's bar, from above; groups have a gap between them."""
    heights, y, last = {}, -1.0, None
    for name in (*ANT, "ANT", *FORMATS[len(ANT) :], *SHARES, CENTROIDS):
        group = _group(name)
        y += 1.5 if last not in (None, group) and name != "ANT" else 1
        heights[name], last = y, group
    return heights


def _group(name):
    if name == "ANT":
        return "ANT: the best of the three"
    if name in ANT:
        return "ANT's three formats"
    if name in (*SHARES, CENTROIDS):
        return "outliers apart"
    return "OliVe's pairs" if formats.get(name).pair else "other formats"


def _panel(panel, distribution, rows, heights):
    best = max(round(row["sqnr_db"], 1) for row in rows)
    halo = [withStroke(linewidth=2.5, foreground="white")]
    for row in rows:
        name = row["format"]
        y = heights[name]
        panel.barh(y, row["sqnr_db"], height=0.72, color=_COLOURS[_group(name)])
        ends = [-10 * math.log10(error) for error in row["nmse_by_seed"]]
        panel.plot([min(ends), max(ends)], [y, y], color="black", lw=1.2, path_effects=halo)
        choices = "/".join(dict.fromkeys(row["chosen"] or []))
        panel.annotate(
            f"{row['sqnr_db']:.1f} {choices}",
            (max(ends), y),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            fontweight="bold" if round(row["sqnr_db"], 1) == best else "normal",
        )
    panel.set_title(_TITLES[distribution], fontsize=10)
    panel.tick_params(axis="y", length=0)


def _legend(figure):
    figure.legend(
        handles=[Patch(color=colour, label=group) for group, colour in _COLOURS.items()],
        loc="outside upper center",
        ncols=len(_COLOURS),
        frameon=False,
    )
