"""Selection of a part of a word, and of one of several values."""

from functools import reduce
from operator import or_

from amaranth.hdl import Mux

__all__ = ["one_hot", "selected"]


def one_hot(flags, values):
    """The value whose flag is set, of which there is one at most; 0 without one.

    Flags may be more than values.
    """
    return reduce(or_, (value & flags[n].replicate(len(value)) for n, value in enumerate(values)))


def selected(word, index, width):
    """The part of ``word`` of ``width`` bits that ``index`` counts, by multiplexers in a tree.

    A shift by a variable, which is how a dynamic slice is emitted, is far larger to simulate. Parts
    beyond the word are its last.
    """
    fields = [word[at : at + width] for at in range(0, len(word), width)]
    for bit in index:
        if len(fields) > 1:
            fields += fields[-1:] if len(fields) % 2 else []
            fields = [
                Mux(bit, high, low) for low, high in zip(fields[::2], fields[1::2], strict=True)
            ]
    return fields[0]
