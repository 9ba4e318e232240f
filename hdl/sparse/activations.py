"""The activations of a PE: where they are kept, and their way to the tree."""

from amaranth.hdl import Cat, Const, Module, Signal, signed, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, data_register

__all__ = ["Activations"]


class Activations(Unit):
    """``depth`` activations; ``scan`` sends those that are not zero, with their numbers, to ``o``.

    A scan looks at an activation a cycle, so that one PE alone passes them on at most at that
    rate; several look at theirs side by side. It may begin while activations are still written in
    the order of their numbers, and then follows a cycle behind.

    Parameters
    ----------
    depth : int
    width : int
        Width of an activation.

    Members
    -------
    write, index, value : ``In``
        Writes an activation.
    filling : ``In(1)``
        The activations from ``index`` on are yet to be written: a scan waits for them.
    scan : ``In(1)``
        Begins, with activation 0.
    last : ``In(range(depth))``
        The last to look at.
    busy : ``Out(1)``
        A scan is not complete, or has words that were not taken.
    o : ``Out(stream.Signature(width + bits of an index))``
        The activation in the low bits.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "activations"

    def __init__(self, *, depth, width):
        check_integer("Activation count", depth, 1, 1 << 16)
        check_integer("Activation width", width, 2, 32)
        index = index_shape(depth)
        super().__init__(
            {
                "write": In(1),
                "index": In(index),
                "value": In(signed(width)),
                "filling": In(1),
                "scan": In(1),
                "last": In(index),
                "busy": Out(1),
                "o": Out(stream.Signature(unsigned(width + index.width))),
            }
        )

    def build(self):
        m = Module()
        depth, width = self.parameters["depth"], self.parameters["width"]
        index = index_shape(depth)
        m.submodules.values = store = memory.Memory(
            shape=signed(width), depth=max(2, depth), init=[]
        )
        write, read = store.write_port(), store.read_port()
        m.submodules.queue = queue = Fifo(width=width + index.width, depth=2)
        at = data_register(index, name="at")
        at_q = data_register(index, name="at_q")
        scanning = Signal()
        present = Signal()
        moves = Signal()
        nonzero = Signal()
        looks = Signal()
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        m.d.comb += [
            looks.eq(scanning & ~(self.filling & (at == self.index))),
            write.addr.eq(self.index),
            write.data.eq(self.value),
            write.en.eq(self.write),
            read.addr.eq(at),
            read.en.eq(moves),
            nonzero.eq(read.data != Const(0, signed(width))),
            queue.i.payload.eq(Cat(read.data, at_q)),
            queue.i.valid.eq(present & nonzero),
            moves.eq(~present | ~nonzero | queue.i.ready),
            self.busy.eq(scanning | present | queue.o.valid),
        ]
        with m.If(moves):
            m.d.sync += [present.eq(looks), at_q.eq(at)]
            with m.If(looks):
                m.d.sync += at.eq(at + 1)
                with m.If(at == self.last):
                    m.d.sync += scanning.eq(0)
        with m.If(self.scan):
            m.d.sync += [scanning.eq(1), at.eq(0)]
        return m
