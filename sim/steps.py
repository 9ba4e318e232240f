"""Steps of long work: their labels reach whoever shows progress."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

__all__ = ["Display", "shown_by", "step"]

#: From the label of a step to a context manager that shows the step while it is entered.
Display = Callable[[str], contextlib.AbstractContextManager]

_display: ContextVar[Display | None] = ContextVar("display", default=None)


@contextlib.contextmanager
def step(label: str) -> Iterator[None]:
    """Around a step that may take long; ``label`` begins with a participle, ``building …``."""
    display = _display.get()
    with display(label) if display else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def shown_by(display: Display) -> Iterator[None]:
    """``display`` shows the steps in the ``with`` block."""
    token = _display.set(display)
    try:
        yield
    finally:
        _display.reset(token)
