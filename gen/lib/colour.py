"""Colours on a terminal; imports nothing that takes time."""

import os
import sys
from typing import TextIO

__all__ = ["red", "verdict"]

_RED, _GREEN, _YELLOW = 31, 32, 33

#: Words that a table ends in, to their colours.
_VERDICTS = {
    **dict.fromkeys(("yes", "ok"), _GREEN),
    **dict.fromkeys(("no", "FAIL", "failed", "MISSING"), _RED),
    **dict.fromkeys(("skipped", "optional"), _YELLOW),
}


def verdict(text: str) -> str:
    """A cell of a table for stdout, coloured if it is a word such as ``ok``, ``no`` or ``FAIL``."""
    colour = _VERDICTS.get(text)
    return text if colour is None else _coloured(text, colour, sys.stdout)


def red(text: str, stream: TextIO) -> str:
    """Text for a stream, which says that something is wrong."""
    return _coloured(text, _RED, stream)


def _coloured(text: str, colour: int, stream: TextIO) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if _enabled(stream) else text


def _enabled(stream: TextIO) -> bool:
    """Whether a stream takes colours: as no-color.org and force-color.org ask, else a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream is not None and stream.isatty()
