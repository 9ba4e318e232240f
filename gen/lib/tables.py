"""Tables as text."""

import html
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

__all__ = [
    "Listing",
    "Report",
    "columns",
    "html_table",
    "markdown_table",
    "table",
    "utilization_rows",
]


def columns(
    rows: Iterable[Iterable], right: Collection[int] = (), paint: Callable[[str], str] = str
) -> Iterator[str]:
    """Rows as lines of aligned columns, those with indices in ``right`` aligned to the right.

    ``paint`` may add colours to a cell, which take no width.
    """
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = []
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            padding = " " * (width - len(cell))
            cells.append(padding + paint(cell) if index in right else paint(cell) + padding)
        yield "  ".join(cells).rstrip()


def table(records: list[dict]) -> str:
    """Records as lines of aligned columns below their names; numbers to the right."""
    names = list(dict.fromkeys(name for record in records for name in record))
    rows = [[_text(record.get(name)) for name in names] for record in records]
    right = {
        index
        for index, name in enumerate(names)
        if all(not isinstance(record.get(name), str) for record in records)
    }
    return "\n".join(columns([[name.replace("_", " ") for name in names], *rows], right))


def utilization_rows(utilization: dict[str, dict[str, int]]) -> list[dict]:
    """Rows for :func:`table` from resources to ``used`` and ``available``, with percentages."""
    return [
        {"resource": resource, **amount, "%": round(100 * amount["used"] / amount["available"], 1)}
        for resource, amount in utilization.items()
    ]


def _text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def html_table(records: list[dict]) -> str:
    """Records as an HTML table."""
    names = list(dict.fromkeys(name for record in records for name in record))
    head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in names)
    rows = (
        "".join(f"<td>{html.escape(_text(record.get(name)))}</td>" for name in names)
        for record in records
    )
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def markdown_table(records: list[dict]) -> str:
    """Records as a Markdown table."""
    names = list(dict.fromkeys(name for record in records for name in record))
    rows = [[name.replace("_", " ") for name in names], ["---"] * len(names)]
    rows += ([_text(record.get(name)) for name in names] for record in records)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


class Listing(list[dict[str, Any]]):
    """Records, dicts with the same keys, that print as a table, in a notebook as HTML."""

    def __str__(self) -> str:
        return table(self)

    def _repr_html_(self) -> str:
        return html_table(self)


class Report:
    """A result that prints as lines of a label and a value, and in a notebook as a table."""

    def rows(self) -> dict[str, str | None]:
        """Label to value, in their order; ``None`` is left out."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text()

    def text(self, paint: Callable[[str], str] = str) -> str:
        """The lines; ``paint`` may add colours to a value."""
        rows = {label: value for label, value in self.rows().items() if value is not None}
        width = max([15, *(len(label) + 1 for label in rows)])
        return "\n".join(f"{label:{width}}{paint(value)}" for label, value in rows.items())

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><th>{html.escape(label)}</th><td>{html.escape(value)}</td></tr>"
            for label, value in self.rows().items()
            if value is not None
        )
        return f"<table>{''.join(rows)}</table>"
