"""Tokens between engines: which requests of a sequence succeed."""

from collections.abc import Iterable, Mapping

__all__ = ["CAPACITY", "PEERS", "tokens"]

#: The other engines, in the order of the bits of a mask.
PEERS = {
    "load": ("matrix", "vector", "store"),
    "matrix": ("load", "vector", "store"),
    "vector": ("load", "matrix", "store"),
    "store": ("load", "matrix", "vector"),
}
#: Tokens on their way from an engine to another at most.
CAPACITY = 15


def tokens(
    attempts: Iterable[Mapping[tuple[str, str], int]],
) -> list[set[tuple[str, str]]]:
    """Which engines take and give tokens, in each step of a sequence.

    Parameters
    ----------
    attempts : iterable of mappings
        A mapping for each step, from ``("take", engine)`` and ``("give", engine)`` to a mask.

    Returns
    -------
    list of set
        The keys that succeed in each step, from an empty beginning. Tokens that are given in a step
        are there in the next one, and so is the space of those that are taken.
    """
    given: list[tuple[str, str]] = []
    results = []
    for step in attempts:
        successes = set()
        moved: list[tuple[str, tuple[str, str]]] = []
        for (action, engine), mask in step.items():
            peers = [peer for bit, peer in enumerate(PEERS[engine]) if mask >> bit & 1]
            if action == "take":
                pairs = [(peer, engine) for peer in peers]
                success = all(pair in given for pair in pairs)
            else:
                pairs = [(engine, peer) for peer in peers]
                success = all(given.count(pair) < CAPACITY for pair in pairs)
            if success:
                successes.add((action, engine))
                moved += [(action, pair) for pair in pairs]
        for action, pair in moved:
            if action == "give":
                given.append(pair)
            else:
                given.remove(pair)
        results.append(successes)
    return results
