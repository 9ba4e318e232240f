"""Progress of long commands, on stderr, and only where someone looks on."""

import sys
from collections.abc import Iterable

__all__ = ["progress"]


def progress(
    items: Iterable | None = None, *, total: int | None = None, what: str = "", eta: bool = False
):
    """A line with what is being done, and how much of ``total`` is; it goes when all is.

    With ``eta`` it tells the time since the beginning, and the time that is left, too.

    Returns tqdm's progress bar: to be iterated over when ``items`` are given, else to be used in
    a ``with`` statement.
    """
    from tqdm import tqdm

    count = {None: " [{n}]", 1: ""}.get(total, " [{n}/{total}]")
    count += " {elapsed}, {remaining} left" if eta else ""
    return tqdm(
        items,
        total=total,
        desc=what,
        file=sys.stderr,
        disable=None,  # where stderr is no terminal
        leave=False,
        bar_format="{desc}" + count,
    )
