"""Progress of long commands, on stderr, and only where someone looks on."""

import sys
from collections.abc import Iterable

__all__ = ["progress"]


def progress(items: Iterable | None = None, *, total: int | None = None, what: str = ""):
    """A line with what is being done, and how much of ``total`` is; it goes when all is.

    Returns tqdm's progress bar: to be iterated over when ``items`` are given, else to be used in
    a ``with`` statement.
    """
    from tqdm import tqdm

    count = {None: " [{n}]", 1: ""}.get(total, " [{n}/{total}]")
    return tqdm(
        items,
        total=total,
        desc=what,
        file=sys.stderr,
        disable=None,  # where stderr is no terminal
        leave=False,
        bar_format="{desc}" + count,
    )
