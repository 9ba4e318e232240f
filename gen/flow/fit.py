"""The parameters to lower of a design that does not fit a board."""

from dataclasses import replace

from ...sim import scratch
from ..emission.emit import emit
from .bitstream import counts, shortage

__all__ = ["smaller"]


def smaller(top, board, limits: dict) -> dict | None:
    """Parameters of the core with which the wrapper fits, as far as synthesis can tell.

    Parameters are lowered one after the other, to half at most, and synthesis counts each time.
    The core's ``SHRINK`` tells which parameters to lower.

    Parameters
    ----------
    top : Wrapper
    board : Board
    limits : dict
        Resource to the most that :func:`counts` may tell.

    Returns
    -------
    dict or None
        Each parameter that is lowered, with its value; None if nothing fits.
    """
    first = core = top.core
    total = _counts(top, board)
    while short := shortage(total, limits):
        resource = short[0][0]
        for candidate in _lowered(core, *short[0]):
            less = _counts(replace(top, core=candidate), board)
            if less[resource] < total[resource]:
                core, total = candidate, less
                break
        else:
            return None
    return {name: value for name, value in core.as_dict().items() if value != first.as_dict()[name]}


def _counts(top, board):
    with scratch.folder() as folder:
        emission = emit(top, folder)
        return counts(emission.manifest, board)


def _lowered(core, resource, needed, available):
    """Cores with one parameter lowered, the best first."""
    if resource in core.SHRINK:
        names = core.SHRINK[resource]
    else:
        # Logic grows with all parameters alike: the largest first.
        names = sorted(core.SHRINK.get(None, ()), key=lambda name: -getattr(core, name))
    for name in names:
        value = getattr(core, name)
        lower = max(value // 2, min(value - 1, value * available // needed))
        if name in core.POWERS_OF_TWO and lower:
            lower = 1 << (lower.bit_length() - 1)
        try:
            yield replace(core, **{name: int(lower)})
        except ValueError:
            continue
