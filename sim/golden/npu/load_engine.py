"""LOAD: bytes of DRAM to words on chip."""

from collections.abc import Callable, Mapping, Sequence

from .run_addresses import run_addresses

__all__ = ["load_engine"]

_BUFFER = 0


def load_engine(
    fields: Mapping[str, int],
    bases: Sequence[int],
    read: Callable[[int, int], bytes],
    sizes: Sequence[int],
) -> list[tuple[int, int, bytes]]:
    """Memory, address and bytes of every word that an instruction writes, in order.

    Parameters
    ----------
    fields : mapping
        Fields of the instruction, counts less one.
    bases : sequence of int
        Address of each segment in DRAM.
    read : function
        Bytes of DRAM from an address and their number.
    sizes : sequence of int
        Bytes of a word of each memory.
    """
    memory, size, length = fields["memory"], sizes[fields["memory"]], fields["run"] + 1
    counts = fields["n1"] + 1, fields["n2"] + 1
    starts = run_addresses(fields["offset"], *counts, fields["stride1"], fields["stride2"])
    words = run_addresses(fields["base"], *counts, fields["base1"], fields["base2"])
    valid = fields["tail"] if memory == _BUFFER and fields["tail"] else size
    writes = []
    for start, word in zip(starts, words, strict=True):
        run = read(bases[fields["segment"]] + start, length)
        for number, at in enumerate(range(0, length, size)):
            lanes = run[at : at + size][:valid]
            fill = bytes([fields["fill"]]) * (size - len(lanes))
            writes.append((memory, word + number, lanes + fill))
    return writes
