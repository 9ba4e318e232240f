"""STORE: words of the buffer to bytes of DRAM."""

from collections.abc import Callable, Mapping, Sequence

from .run_addresses import run_addresses

__all__ = ["store_engine"]


def store_engine(
    fields: Mapping[str, int], bases: Sequence[int], word: Callable[[int], bytes]
) -> list[tuple[int, int]]:
    """Address and byte of every byte that an instruction writes, in order.

    Parameters
    ----------
    fields : mapping
        Fields of the instruction, counts less one.
    bases : sequence of int
        Address of each segment in DRAM.
    word : function
        Bytes of a word of the buffer.
    """
    counts, length = (fields["n1"] + 1, fields["n2"] + 1), fields["run"] + 1
    starts = run_addresses(fields["offset"], *counts, fields["stride1"], fields["stride2"])
    words = run_addresses(fields["base"], *counts, fields["base1"], fields["base2"])
    writes = []
    for start, first in zip(starts, words, strict=True):
        address = bases[fields["segment"]] + start
        size = len(word(first))
        for n in range(length):
            lane = n % size
            if not fields["tail"] or lane < fields["tail"]:
                writes.append((address + n, word(first + n // size)[lane]))
    return writes
