"""Scores of the units' test benches, from a file of ``brickwork mutate``."""

import json
from pathlib import Path

from ..lib.errors import UsageError

__all__ = ["COLUMNS", "read", "table"]

#: Fields of a unit's row, with the titles of their columns.
COLUMNS = {
    "unit": "unit",
    "mutants": "mutants",
    "killed": "noticed",
    "timed_out": "timed out",
    "equivalent": "equivalent",
    "unreachable": "unreachable",
    "accepted": "accepted",
    "survived": "survived",
    "score": "score, %",
    "resets": "lost resets",
    "resets_score": "score of resets, %",
}


def read(path: str) -> list[dict]:
    """The rows of units; the last one may be that of all.

    Raises
    ------
    UsageError
        If the file cannot be read, or is none of ``brickwork mutate``.
    """
    try:
        rows = json.loads(Path(path).read_text("utf-8"))["units"]
        if rows and all(set(COLUMNS) <= set(row) for row in rows):
            return rows
    except OSError as error:
        raise UsageError(f"Scores file cannot be read: {path}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise UsageError(
        f"Scores file must be mutation.json of this version's brickwork mutate, which {path} is not"
    )


def table(rows: list[dict]) -> list[list[str]]:
    """A line of texts for each unit; a score that no mutant counts for is empty."""
    return [["" if row[name] is None else str(row[name]) for name in COLUMNS] for row in rows]
