"""Files of a comparison: its table as CSV or a page, all of it as JSON, or a plot."""

import csv
import html
import io
from collections.abc import Callable
from pathlib import Path

from ..lib.errors import UsageError
from ..lib.extras import require
from ..lib.files import check_file, write_whole
from ..lib.messages import to_json
from ..lib.tables import markdown_table
from .comparison import Comparison

__all__ = ["check", "write"]


def check(path: Path | str) -> Path:
    """``path``, which can be that of a file of a comparison; writes nothing.

    Raises
    ------
    UsageError
        If its suffix is none of the types of file, or plots lack a package.
    """
    path = check_file(path)
    suffix = path.suffix.lower()
    if suffix not in _CONTENTS:
        raise UsageError(f"Output file must end in {', '.join(_CONTENTS)}, not {str(path)!r}")
    if suffix in _METADATA:
        with require("Plots"):
            import matplotlib  # noqa: F401
    return path


def write(comparison: Comparison, path: Path | str) -> None:
    """Writes a comparison to a file of the type that its suffix says.

    Raises
    ------
    OSError, UsageError
        If the file cannot be written, or :func:`check` refuses it.
    """
    path = check(path)
    write_whole(path, _CONTENTS[path.suffix.lower()](comparison, path.suffix.lower()))


def _csv(comparison, suffix):
    """The table; contenders that could not be measured have their reason."""
    rows = [row | {"status": "ok", "reason": ""} for row in comparison.rows()]
    rows += [{"name": name, **each} for name, each in comparison.missing().items()]
    names = dict.fromkeys(name for row in rows for name in row)
    with io.StringIO(newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return file.getvalue()


def _json(comparison, suffix):
    return to_json(comparison.record())


def _html(comparison, suffix):
    return (
        f'<!DOCTYPE html>\n<meta charset="utf-8">\n<title>{html.escape(comparison.title)}</title>\n'
        f"<h1>{html.escape(comparison.title)}</h1>\n{comparison._repr_html_()}\n"
    )


def _markdown(comparison, suffix):
    tables = filter(None, (comparison.rows(), comparison.claims()))
    return "\n\n".join([f"# {comparison.title}", *map(markdown_table, tables)]) + "\n"


def _plot(comparison, suffix):
    """Areas and speeds as bars, relative to the first contender."""
    from matplotlib.figure import Figure

    from ..lib import plots

    rows = comparison.rows()
    names = [row["name"] for row in rows]
    panels = {
        "of_first": f"area in {comparison.area_unit}, over that of the first",
        "speed_up": "speed-up over the first for the same area",
    }
    with plots.settings():
        figure = Figure(figsize=(10, 1.4 + 0.32 * len(rows)), layout="constrained")
        size = "{rows}×{cols}".format(**comparison.shape)
        figure.suptitle(f"{comparison.workload.title}: {size} PEs")
        axes = figure.subplots(1, len(panels), sharey=True)
        for panel, (column, title), colour in zip(
            axes, panels.items(), ("blue", "vermilion"), strict=True
        ):
            bars = panel.barh(names, [row[column] for row in rows], color=plots.COLOURS[colour])
            panel.bar_label(bars, fmt="{:g}", padding=3)
            panel.axvline(1, color=plots.COLOURS["grey"], linewidth=1, zorder=0)
            panel.set_xlabel(title)
            panel.margins(x=0.12)
        axes[0].invert_yaxis()
        metadata = _METADATA[suffix]
        return plots.rendered(figure, format=suffix[1:], metadata=metadata, dpi=150)


#: Suffix to what makes files equal for equal results: no dates, no versions.
_METADATA: dict[str, dict] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
_CONTENTS: dict[str, Callable[[Comparison, str], str | bytes]] = {
    ".csv": _csv,
    ".json": _json,
    ".html": _html,
    ".md": _markdown,
    **dict.fromkeys(_METADATA, _plot),
}
