"""Weight-stationary PEs and meshes: what they are tried with, and sums of words of activations."""

import numpy as np

from ...lib.bench import Bench, manifest
from ...lib.trace import Trace, late, skewed

__all__ = ["RATES", "check_words", "try_extremes", "try_random"]

#: How often weights move: seldom, often and in every cycle.
RATES = (0.05, 0.5, 1.0)


async def try_extremes(bench: Bench, check) -> None:
    """Limits of the operands, with sums that just fit, and sums at their own limits, that wrap.

    ``check(bench, operands=…, sums=…, moves=…)`` plays inputs that the functions ``operands`` (of a
    format and a shape) and ``sums`` (of a width and a length) draw, with weights that move so
    often.
    """
    draw = bench.random

    def limits(fmt, shape):
        return draw.choice([fmt.lowest, fmt.highest, 0, 1], shape)

    def zeros(width, length):
        return np.zeros(length, np.int64)

    def edges(width, length):
        half = 1 << (width - 1)
        return draw.choice([-half, -half + 1, -1, 0, 1, half - 1], length)

    for sums in (zeros, edges):
        for moves in (0.1, 0.9):
            await check(bench, operands=limits, sums=sums, moves=moves)


async def try_random(bench: Bench, check, moves: float) -> None:
    """Random operands and sums; ``check`` is as above."""
    draw = bench.random

    def any_operand(fmt, shape):
        return draw.integers(fmt.lowest, fmt.highest + 1, shape)

    def any_sum(width, length):
        return draw.integers(-1 << (width - 1), 1 << (width - 1), length)

    await check(bench, operands=any_operand, sums=any_sum, moves=moves)


def check_words(trace: Trace, psums: np.ndarray, checked: np.ndarray) -> None:
    """Compare what leaves the last row with the sums of each word, where ``checked``.

    Parameters
    ----------
    psums : words × columns
    checked : bools, one for each word
    """
    params = manifest().parameters
    delay = params["rows"] + params["pipeline"]
    rest = len(trace.words["psums"]) - len(psums)
    psums = skewed(np.pad(psums, ((0, rest), (0, 0))))
    where = skewed(np.repeat(np.pad(checked, (0, rest))[:, None], psums.shape[1], axis=1))
    trace.check("psums", late(psums, delay), late(where, delay))
