"""Trace of instructions: the records of what happened."""

from collections import deque
from collections.abc import Iterable, Mapping

__all__ = ["ENGINES", "trace"]

ENGINES = ("load", "matrix", "vector", "store")


def trace(cycles: Iterable[Mapping[str, Mapping]]) -> dict[str, list[int]]:
    """The records of each engine, in order.

    Parameters
    ----------
    cycles : iterable of mappings
        What happens in each cycle, from cycle 0 on: ``begin``, from engines to pairs of index and
        opcode, and ``end``, ``waits`` and ``stalls``, from engines to anything.

    Returns
    -------
    dict of lists of int
        A record has 32 bytes, little-endian: index (4), engine (1), opcode (1), zeros (2), start
        (8), end (8), cycles before the end in which the engine waited (4), or stalled (4).
    """
    records: dict[str, list[int]] = {engine: [] for engine in ENGINES}
    running: dict[str, deque] = {engine: deque() for engine in ENGINES}
    waits, stalls = dict.fromkeys(ENGINES, 0), dict.fromkeys(ENGINES, 0)
    for now, events in enumerate(cycles):
        for engine in events["end"]:
            (index, opcode), start = running[engine].popleft()
            fields = (
                (index, 4),
                (ENGINES.index(engine), 1),
                (opcode, 1),
                (0, 2),
                (start, 8),
                (now, 8),
                (waits[engine], 4),
                (stalls[engine], 4),
            )
            record = b"".join(value.to_bytes(size, "little") for value, size in fields)
            records[engine].append(int.from_bytes(record, "little"))
        for engine, instruction in events["begin"].items():
            running[engine].append((instruction, now))
        for engine in events["waits"]:
            waits[engine] += 1
        for engine in events["stalls"]:
            stalls[engine] += 1
    return records
