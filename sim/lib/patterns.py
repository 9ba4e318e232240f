"""Patterns of stalls: functions that decide, call by call, whether to hold back a word."""

import random
from collections.abc import Callable

import numpy as np

__all__ = ["always", "never", "sparse", "stalls", "stalls_of_streams", "waits"]


def never() -> bool:
    """A pattern without stalls."""
    return False


def always() -> bool:
    """A pattern of nothing but stalls."""
    return True


def waits(cycles: int) -> Callable[[], bool]:
    """A pattern with one stall, at the beginning."""
    left = cycles

    def pattern() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    return pattern


def sparse(words: int, cycles: int) -> Callable[[], bool]:
    """A pattern that lets ``words`` words pass, then stalls for ``cycles`` cycles, and so on."""
    at = 0

    def pattern() -> bool:
        nonlocal at
        at = (at + 1) % (words + cycles)
        return not 1 <= at <= words

    return pattern


def stalls(percent: int, rng: random.Random) -> Callable[[], bool]:
    """A pattern of stalls in ``percent`` of the cycles, in bursts of 1 to 8 cycles.

    Bursts fill and empty queues, which single cycles at random don't.
    """
    if not 0 <= percent < 100:
        raise ValueError(f"Stalls must be from 0 to 99 percent, not {percent}")
    if percent == 0:
        return never
    left = 0

    def pattern() -> bool:
        nonlocal left
        if left == 0:
            # Bursts of 4.5 cycles on average at this rate stall ``percent`` of the cycles.
            share = percent / 100
            if rng.random() >= share / (share + 4.5 * (1 - share)):
                return False
            left = rng.randint(1, 8)
        left -= 1
        return True

    return pattern


def stalls_of_streams(
    streams: dict[str, dict], stall_in: int, stall_out: int, seed: int
) -> dict[str, np.ndarray]:
    """Decisions of :func:`stalls` for each stream that stalls, uint8, for cyclic use.

    The compiled driver and a testbench with the same decisions hold back the same words.
    """
    rng = random.Random(seed)
    percents = {"input": stall_in, "output": stall_out}
    decisions = {}
    for name, stream in streams.items():
        if percent := percents[stream["direction"]]:
            pattern = stalls(percent, rng)
            decisions[name] = np.fromiter((pattern() for _ in range(_DECISIONS)), np.uint8)
    return decisions


#: Decisions before a pattern repeats: no power of two, so that it drifts against queues and bursts.
_DECISIONS = 16_381
