"""Progress of long commands, on stderr, and only where someone looks on."""

import sys
from collections.abc import Iterable

__all__ = ["progress"]


def progress(items: Iterable | None = None, *, total: int | None = None, what: str = ""):
    """``items`` behind a progress bar, which is gone when they are."""
    from tqdm import tqdm

    return tqdm(
        items, total=total, desc=what, file=sys.stderr, disable=None, leave=False, delay=0.2
    )
