"""Settings and colours of all plots; equal numbers give equal bytes."""

import contextlib
import io
from collections.abc import Iterator

from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.figure import Figure

__all__ = ["COLOURS", "SETTINGS", "rendered", "settings"]

#: Okabe and Ito's colours, which the colour-blind tell apart; they differ in brightness too.
COLOURS = {
    "blue": "#0072b2",
    "vermilion": "#d55e00",
    "green": "#009e73",
    "purple": "#cc79a7",
    "orange": "#e69f00",
    "sky": "#56b4e9",
    "yellow": "#f0e442",
    "grey": "#999999",
}

SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9,
    "svg.fonttype": "path",  # looks the same everywhere
    "svg.hashsalt": "brickwork",  # equal numbers give equal bytes
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@contextlib.contextmanager
def settings(**more) -> Iterator[None]:
    """A context with :data:`SETTINGS` and more settings, in whose names underscores are dots.

    All others are matplotlib's defaults: those of the user's matplotlibrc have no influence.
    """
    with rc_context():
        rcdefaults()
        rcParams.update(SETTINGS | {name.replace("_", "."): more[name] for name in more})
        yield


def rendered(figure: Figure, **options) -> bytes:
    """The figure as a file's content; ``options`` go to ``savefig``, by default for SVG."""
    with io.BytesIO() as file:
        figure.savefig(file, **{"format": "svg", "metadata": {"Date": None}} | options)
        return file.getvalue()
