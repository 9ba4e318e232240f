"""What to lower of a design that does not fit a board."""

import tempfile
from dataclasses import replace

from ..emission.emit import emit
from .bitstream import counts, shortage

__all__ = ["smaller"]

#: Parameters that a design gets smaller with, the best first, by what is short.
_LOWER = {
    "bram": ("acc_depth", "entries", "columns", "cols", "rows", "pes"),
    None: ("rows", "cols", "pes", "lanes"),
}

_POWERS_OF_TWO = ("acc_depth", "entries", "columns", "pes", "lanes")


def smaller(top, board, limits: dict) -> dict | None:
    """Parameters of the core with which the top fits, as far as synthesis can tell.

    Parameters are lowered one after the other, to half at most, and synthesis counts each time.

    Parameters
    ----------
    top : Top
    board : Board
    limits : dict
        What :func:`counts` may count at most.

    Returns
    -------
    dict or None
        Name to value of what has changed; None if nothing fits.
    """
    first = core = top.core
    total = _counts(top, board)
    while short := shortage(total, limits):
        kind = short[0][0]
        for candidate in _lowered(core, *short[0]):
            less = _counts(replace(top, core=candidate), board)
            if less[kind] < total[kind]:
                core, total = candidate, less
                break
        else:
            return None
    return {name: value for name, value in core.as_dict().items() if value != first.as_dict()[name]}


def _counts(top, board):
    with tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
        emission = emit(top, folder)
        return counts(emission.manifest, board)


def _lowered(core, kind, needed, available):
    """Cores with one parameter lowered, the best first."""
    names = [name for name in _LOWER.get(kind, _LOWER[None]) if hasattr(core, name)]
    if kind != "bram":
        names.sort(key=lambda name: -getattr(core, name))
    for name in names:
        value = getattr(core, name)
        lower = max(value // 2, min(value - 1, value * available // needed))
        if name in _POWERS_OF_TWO and lower:
            lower = 1 << (lower.bit_length() - 1)
        try:
            yield replace(core, **{name: int(lower)})
        except ValueError:
            continue
