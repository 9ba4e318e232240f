"""A word at any byte of memory."""

from amaranth.hdl import Cat, Module, Mux
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit

__all__ = ["Aligner", "pair_layout"]


def pair_layout(lanes):
    """Two neighbouring words, ``low`` and ``high``, and the ``offset`` of a byte in the lower."""
    return data.StructLayout({"low": 8 * lanes, "high": 8 * lanes, "offset": index_shape(lanes)})


class Aligner(Unit):
    """Takes a word at a byte offset out of two neighbouring words.

    Lane k is byte ``offset + k`` of the words, those of ``low`` first. ``offset`` is less than the
    number of lanes.

    **Latency** is a cycle, **throughput** a word a cycle. ``valid`` and ``ready`` come from
    registers.

    Parameters
    ----------
    lanes : int
        Bytes of a word.

    Members
    -------
    i : ``In(stream.Signature(pair_layout(lanes)))``
    o : ``Out(stream.Signature(8 * lanes))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu memories"
    latency = 1

    def __init__(self, *, lanes):
        check_integer("Number of lanes", lanes, 1)
        super().__init__(
            {
                "i": In(stream.Signature(pair_layout(lanes))),
                "o": Out(stream.Signature(8 * lanes)),
            }
        )

    def build(self):
        m = Module()
        lanes = self.parameters["lanes"]
        m.submodules.queue = queue = Fifo(width=8 * lanes, depth=2)
        pair = self.i.payload
        word = Cat(pair.low, pair.high)
        # Large shifts first: each leaves the bytes that the smaller ones may still need.
        for bit in reversed(range(len(pair.offset))):
            needed = 8 * (lanes + (1 << bit) - 1)
            word = Mux(pair.offset[bit], word[8 << bit :][:needed], word[:needed])
        m.d.comb += [
            queue.i.payload.eq(word),
            queue.i.valid.eq(self.i.valid),
            self.i.ready.eq(queue.i.ready),
            self.o.payload.eq(queue.o.payload),
            self.o.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.o.ready),
        ]
        return m
