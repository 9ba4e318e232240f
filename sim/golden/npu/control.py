"""Control of a program: which instructions have to end before another one starts."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .dispatch import dispatch
from .issue import issue
from .tokens import PEERS

__all__ = ["Start", "control"]


@dataclass(frozen=True)
class Start:
    """An instruction that an engine executes.

    Attributes
    ----------
    index : int
        Its place in the program.
    word : int
    after : frozenset of int
        Instructions that have ended before it starts, by their places.
    """

    index: int
    word: int
    after: frozenset[int]


def control(words: Iterable[int], functions: Collection[str]) -> dict[str, list[Start]]:
    """The instructions of each engine in order, of a program up to its HALT or its error.

    An instruction starts after those that gave the tokens that it takes: tokens from one engine to
    another are taken in the order in which they are given. After a SYNC, an engine starts no
    instruction before all those ahead of the SYNC, and those that it waits for, have ended.
    """
    words = list(words)
    given: dict[tuple[str, str], list[frozenset[int]]] = defaultdict(list)
    ahead: dict[str, set[int]] = defaultdict(set)
    barrier: dict[str, frozenset[int]] = defaultdict(frozenset)
    starts: dict[str, list[Start]] = {engine: [] for engine in PEERS}
    for event, index, *_ in dispatch(words, functions):
        if event not in PEERS:
            break
        engine, instruction = event, issue(words[index])
        after = set(barrier[engine])
        for bit, peer in enumerate(PEERS[engine]):
            if instruction.wait >> bit & 1:
                after |= given[peer, engine].pop(0)
        if instruction.runs:
            starts[engine].append(Start(index, words[index], frozenset(after)))
            ahead[engine].add(index)
        else:
            barrier[engine] = frozenset(after | ahead[engine])
        # Instructions of an engine end in order.
        ended = frozenset(after | ahead[engine])
        for bit, peer in enumerate(PEERS[engine]):
            if instruction.signal >> bit & 1:
                given[engine, peer].append(ended)
    return starts
