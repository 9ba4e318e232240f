"""Progress of long work: on a terminal, as lines of text, by calls of a function, or not at all."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar

from ...sim import steps

__all__ = ["Callback", "progress", "show_progress"]

#: Takes a label, the number of finished items, and that of all, ``None`` if it is not known.
Callback = Callable[[str, int, int | None], object]

#: Steps that take less leave no line.
PATIENCE_SECONDS = 0.5

#: ``None``: nothing is shown; ``"stderr"``: bars or lines there; or a callback.
_display: ContextVar[Callback | str | None] = ContextVar("display", default=None)


@contextlib.contextmanager
def show_progress(callback: Callback | None = None) -> Iterator[None]:
    """Long calls in a ``with`` block show their progress; elsewhere they are silent.

    Parameters
    ----------
    callback : function
        Called with a label, the number of finished items, and the number of all, or ``None`` if
        that is not known. By default progress is shown on stderr: bars on a terminal, and a line
        with the elapsed time for each step that takes longer than a moment.
    """
    token = _display.set(callback or "stderr")
    try:
        with steps.shown_by(lambda label: progress(total=1, label=label)):
            yield
    finally:
        _display.reset(token)


def progress(
    items: Iterable | None = None, *, total: int | None = None, label: str = "", eta: bool = False
) -> "_Bar":
    """Progress of some work, as :func:`show_progress` says: by default nothing is shown.

    Parameters
    ----------
    items : iterable or None
        Work items: the bar is iterated over in their place. Without items it is used in a ``with``
        statement and counts calls of ``update``.
    total : int or None
        Number of items; 1 for a single step, which is not counted.
    label : str
        In front of the count.
    eta : bool
        Show the elapsed and the remaining time.
    """
    display = _display.get()
    if callable(display):
        return _Reporter(items, total, label, display)
    if display is None:
        return _Bar(items, total, label)
    if not sys.stderr.isatty():
        return _Line(items, total, label)
    return _TerminalBar(items, total, label, eta)


class _Bar:
    """Work that shows nothing."""

    def __init__(self, items, total, label):
        self._items, self._total, self._label = items, total, label
        self._count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __iter__(self):
        with self:
            for item in self._items:
                yield item
                self.update()

    def update(self, count: int = 1) -> None:
        """Counts finished items."""
        self._count += count

    def set_description_str(self, label: str) -> None:
        """Replaces the label."""
        self._label = label

    def external_write_mode(self) -> contextlib.AbstractContextManager:
        """Around other output, which goes above the bar."""
        return contextlib.nullcontext()


class _Reporter(_Bar):
    """A bar that calls a function."""

    def __init__(self, items, total, label, callback):
        super().__init__(items, total, label)
        self._callback = callback

    def __enter__(self):
        self._report()
        return self

    def update(self, count: int = 1) -> None:
        super().update(count)
        self._report()

    def set_description_str(self, label: str) -> None:
        super().set_description_str(label)
        self._report()

    def _report(self):
        self._callback(self._label, self._count, self._total)


class _Timed(_Bar):
    """A bar with a thread that shows it while the work goes on."""

    def __enter__(self):
        self._start = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._ended.set()
        self._thread.join()
        seconds = time.monotonic() - self._start
        ending = f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
        with contextlib.suppress(OSError):  # of a closed or full stderr, which must stop no work
            self._end(ending if kind is None else f"stopped after {ending}")

    @property
    def _is_long(self):
        return time.monotonic() - self._start >= PATIENCE_SECONDS


class _Line(_Timed):
    """A line without control characters: the label after a moment, the elapsed time at the end."""

    _lock = threading.Lock()
    #: The line whose end is not written yet.
    _open: "_Line | None" = None

    def __enter__(self):
        # Bars that get their labels later count commands' lines on stdout.
        self._text = self._label
        if self._text and self._total not in (None, 1):
            self._text += f" [{self._total}]"
        self._begun = False
        return super().__enter__()

    def _watch(self):
        if self._text and not self._ended.wait(PATIENCE_SECONDS):
            with self._lock, contextlib.suppress(OSError):
                self._write("" if _Line._open is None else "\n", f"{self._text} …")
                self._begun, _Line._open = True, self

    def _end(self, ending):
        if not self._begun:
            return
        with self._lock:
            if _Line._open is self:
                _Line._open = None
                self._write(f" {ending}\n")
            else:
                # A step within this one has ended its line.
                self._write(f"{self._text} … {ending}\n")

    def _write(self, *texts):
        print(*texts, sep="", end="", file=sys.stderr, flush=True)


class _TerminalBar(_Timed):
    """A bar of tqdm; a single step leaves a line."""

    def __init__(self, items, total, label, eta):
        super().__init__(items, total, label)
        count = " [{n}]" if total is None else " [{n}/{total}]"
        count += " {elapsed}, {remaining} left" if eta else ""
        self._format = "{desc}" + (" … {elapsed}" if total == 1 else count)

    def __enter__(self):
        from tqdm import tqdm

        # The default is also for processes, and leaves a semaphore when this one is killed.
        tqdm.set_lock(threading.RLock())
        self._tqdm = tqdm(
            total=self._total,
            desc=self._label,
            file=sys.stderr,
            leave=False,
            bar_format=self._format,
        )
        return super().__enter__()

    def update(self, count: int = 1) -> None:
        super().update(count)
        self._tqdm.update(count)

    def set_description_str(self, label: str) -> None:
        super().set_description_str(label)
        self._tqdm.set_description_str(label)

    def external_write_mode(self) -> contextlib.AbstractContextManager:
        return self._tqdm.external_write_mode()

    def _watch(self):
        while not self._ended.wait(1):
            with contextlib.suppress(OSError):
                self._tqdm.refresh()

    def _end(self, ending):
        self._tqdm.close()
        if self._total == 1 and self._is_long:
            self._tqdm.write(f"{self._label} … {ending}", file=sys.stderr)
