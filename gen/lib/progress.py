"""Progress of long work: bars on a terminal, calls of a function, or nothing."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Callback", "progress", "show_progress"]

#: Takes a label, the number of finished items, and that of all, ``None`` if it is not known.
Callback = Callable[[str, int, int | None], object]

#: ``None``: nothing is shown; ``"bars"``: bars of tqdm; or a callback.
_display: ContextVar[Callback | str | None] = ContextVar("display", default=None)


@contextlib.contextmanager
def show_progress(callback: Callback | None = None) -> Iterator[None]:
    """Long calls in a ``with`` block show their progress; elsewhere they are silent.

    Parameters
    ----------
    callback : function
        Called with a label, the number of finished items, and the number of all, or ``None`` if
        that is not known. By default tqdm draws bars on stderr, if that is a terminal.
    """
    token = _display.set(callback or "bars")
    try:
        yield
    finally:
        _display.reset(token)


def progress(
    items: Iterable | None = None, *, total: int | None = None, label: str = "", eta: bool = False
) -> "tqdm | _Reporter":
    """Progress of some work, as :func:`show_progress` says: by default nothing is shown.

    Parameters
    ----------
    items : iterable or None
        Work items: the bar is iterated over in their place. Without items it is used in a ``with``
        statement and counts calls of ``update``.
    total : int or None
        Number of items. A total of 1 is not shown.
    label : str
        In front of the count.
    eta : bool
        Show the elapsed and the remaining time.
    """
    display = _display.get()
    if callable(display):
        return _Reporter(items, total, label, display)
    from tqdm import tqdm

    count = {None: " [{n}]", 1: ""}.get(total, " [{n}/{total}]")
    count += " {elapsed}, {remaining} left" if eta else ""
    return tqdm(
        items,
        total=total,
        desc=label,
        file=sys.stderr,
        disable=display is None or None,  # None: where stderr is no terminal
        leave=False,
        bar_format="{desc}" + count,
    )


class _Reporter:
    """A bar of tqdm's interface that calls a function in place of drawing."""

    def __init__(self, items, total, label, callback):
        self._items, self._total, self._label = items, total, label
        self._count, self._callback = 0, callback

    def __enter__(self):
        self._report()
        return self

    def __exit__(self, *_):
        pass

    def __iter__(self):
        with self:
            for item in self._items:
                yield item
                self.update()

    def update(self, count: int = 1) -> None:
        self._count += count
        self._report()

    def set_description(self, label: str) -> None:
        self._label = label
        self._report()

    set_description_str = set_description

    def _report(self):
        self._callback(self._label, self._count, self._total)
