"""Shared by the plots of points: scales, markers, labels and legends."""

import math
from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from ..designs import registry
from ..lib.plots import COLOURS
from .points import Point
from .svg import GRID, INK, PAPER, mark

__all__ = [
    *("SETTINGS", "bare", "brief", "colour", "dot", "label_dots", "legend", "legend_of_colours"),
    "scale",
]

#: matplotlib's settings for figures of the page: readable on a phone, colours of its scheme.
SETTINGS = {
    "font_size": 10,
    "svg_fonttype": "none",
    "text_color": INK,
    "axes_edgecolor": INK,
    "axes_labelcolor": INK,
    "xtick_color": INK,
    "ytick_color": INK,
    "axes_titlesize": 11,
    "axes_titleweight": "bold",
    "axes_titlelocation": "left",
    "axes_axisbelow": True,
    "grid_color": GRID,
}

_SIZE = (4.6, 3.8)
_COLOURS = [COLOURS[name] for name in ("blue", "vermilion", "green", "purple", "orange", "sky")]
_MARKERS = "os^DvP"
_MOST_TICKS = 7
#: Ticks of a decade, from many to one.
_STEPS = ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))
#: Where a label may be: offsets from its point in typographic points, and its alignment.
_PLACES = (
    *((7, 4, "left"), (-7, -12, "right"), (7, -12, "left"), (-7, 4, "right")),
    *((0, 9, "center"), (0, -18, "center"), (9, -4, "left"), (-9, -4, "right")),
    *((12, 14, "left"), (-12, -22, "right"), (12, -22, "left"), (-12, 14, "right")),
)
#: From this ratio of the greatest to the least value on an axis is logarithmic.
_LOGARITHMIC = 3


def bare(title: str, height: float = _SIZE[1]) -> tuple[Figure, Axes]:
    """A figure with axes and a title."""
    figure = Figure(figsize=(_SIZE[0], height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(brief(title, 42))
    return figure, axes


def brief(text: str, most: int) -> str:
    """Text that is cut where there would be no room for it."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def colour(design: str) -> str:
    return _COLOURS[_style(design)]


def _style(design):
    """The same for a design in every plot; unknown designs share the last."""
    designs = [*registry.DESIGNS][: len(_COLOURS) - 1]
    return designs.index(design) if design in designs else len(_COLOURS) - 1


def dot(
    axes: Axes, x: float, y: float, points: list[Point], filled: bool = True, plus: bool = True
) -> None:
    """Draws a marker for points that are the same here; with a plus if it is extrapolated."""
    first = points[0]
    options = {"linestyle": "", "clip_on": False, "gid": mark("point", [p.number for p in points])}
    style = {"marker": _MARKERS[_style(first.design)], "markeredgecolor": colour(first.design)}
    face = colour(first.design) if filled else PAPER
    axes.plot([x], [y], **style, **options, ms=7, markerfacecolor=face, zorder=3 + filled)
    if plus and first.extrapolated:
        edge = PAPER if filled else colour(first.design)
        axes.plot([x], [y], "+", ms=4.5, markeredgecolor=edge, zorder=3.5 + filled, **options)


def legend(
    figure: Figure, points: Iterable[Point], hollow: str | None = None, plus: bool = True
) -> None:
    """Explains the designs of the points, hollow markers, and those with a plus."""
    points = list(points)
    entries = {
        design: {"marker": _MARKERS[_style(design)], "color": colour(design)}
        for design in sorted({point.design for point in points}, key=_style)
    }
    grey = {"color": COLOURS["grey"], "markeredgecolor": COLOURS["grey"]}
    if hollow:
        entries[hollow] = {"marker": "o", "markerfacecolor": PAPER, **grey}
    if plus and any(point.extrapolated for point in points):
        entries["extrapolated cycles"] = {"marker": "+", **grey}
    lines = [Line2D([], [], linestyle="", label=brief(n, 24), **s) for n, s in entries.items()]
    _legend(figure, lines)


def legend_of_colours(figure: Figure, entries: list[tuple[str, str]]) -> None:
    """Explains the colours of bars."""
    _legend(figure, [Patch(label=brief(name, 24), facecolor=face) for name, face in entries])


def _legend(figure, handles):
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=2,
        frameon=False,
        fontsize=9,
        handlelength=1,
        handletextpad=0.4,
        columnspacing=1.0,
    )


def scale(axes: Axes, which: str, values: Iterable[float], label: str, exact: bool = False) -> None:
    """Scales an axis, ``x`` or ``y``, for values: logarithmic if they differ by much.

    With ``exact`` the ticks are the values, as far as there is room, else round numbers.
    """
    low, high = min(values), max(values)
    logarithmic = low > 0 and high / low > _LOGARITHMIC
    if logarithmic:
        getattr(axes, f"set_{which}scale")("log")
        room = max((high / low) ** 0.06, 1.15)
        low, high = low / room, high * room
        locator = FixedLocator(_ticks(low, high))
    else:
        room = 0.08 * (high - low) or 0.1 * abs(high) or 1
        low, high = low - room, high + room
        locator = MaxNLocator(5, steps=(1, 2, 5, 10))
    if exact:
        locator = FixedLocator(_apart(values, math.log if logarithmic else float))
    getattr(axes, f"set_{which}lim")(low, high)
    axis = getattr(axes, f"{which}axis")
    axis.set_label_text(label)
    axis.set_major_locator(locator)
    axis.set_minor_locator(NullLocator())
    text = "{:.0f}".format if exact else _short
    axis.set_major_formatter(FuncFormatter(lambda value, position: text(value)))
    axis.set_tick_params(length=0)
    axis.grid(True, linewidth=0.8)


def _ticks(low, high):
    """Round numbers, few enough for an axis."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in _STEPS:
        ticks = [
            step * 10.0**e for e in exponents for step in steps if low <= step * 10.0**e <= high
        ]
        if len(ticks) <= _MOST_TICKS:
            return ticks
    return ticks[:: -(-len(ticks) // _MOST_TICKS)]


def _apart(values, position):
    """Values whose labels have room beside each other, the least and the greatest among them."""
    low, high = min(values), max(values)
    apart = (position(high) - position(low)) / _MOST_TICKS
    ticks = [low]
    for value in sorted({*values} - {low, high}):
        if min(position(value) - position(ticks[-1]), position(high) - position(value)) >= apart:
            ticks.append(value)
    return list(dict.fromkeys([*ticks, high]))


def _short(value: float) -> str:
    """A number for an axis: ``2.5k``, ``10M``."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"


def label_dots(
    figure: Figure, axes: Axes, labels: list[tuple[float, float, str]], dots: list[tuple]
) -> None:
    """Writes labels beside their points, as far as there is room among dots, lines and labels."""
    figure.draw_without_rendering()
    inside = axes.get_window_extent()
    boxes = [_box(*axes.transData.transform(dot)) for dot in dots]
    lines = [axes.transData.transform_path(line.get_path()) for line in axes.lines]
    for x, y, text in labels:
        for dx, dy, side in _PLACES:
            note = axes.annotate(
                brief(text, 32),
                (x, y),
                (dx, dy),
                textcoords="offset points",
                ha=side,
                fontsize=8.5,
                zorder=6,
                in_layout=False,
            )
            box = note.get_window_extent()
            free = not any(map(box.overlaps, boxes))
            free = free and not any(line.intersects_bbox(box, filled=False) for line in lines)
            inside_x = inside.x0 <= box.x0 and box.x1 <= figure.bbox.x1
            if free and inside_x and inside.y0 <= box.y0 and box.y1 <= inside.y1:
                boxes.append(box)
                break
            note.remove()


def _box(x, y, size=5):
    return Bbox([[x - size, y - size], [x + size, y + size]])
