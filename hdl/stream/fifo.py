"""First-in first-out queue between two streams."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import fifo, stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..unit import Unit, data_register

__all__ = ["Fifo"]

#: Up to this depth registers or LUT RAM are smaller than a block RAM and its output register.
SHALLOW = 4


class Fifo(Unit):
    """A queue whose ``ready`` and ``valid`` come from registers alone.

    An item is offered one cycle after it was taken when the queue is shallow (2 items in registers,
    or up to 4, read asynchronously), two cycles after when it is deeper (read synchronously, so
    that the storage becomes block RAM). Throughput is one item a cycle at every depth from 2.

    Parameters
    ----------
    width : int
        Width of an item in bits.
    depth : int
        Items that the queue holds, at least 2.

    Members
    -------
    i : ``In(stream.Signature(width))``
    o : ``Out(stream.Signature(width))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "queues"

    def __init__(self, *, width, depth):
        check_integer("Queue width", width, 1)
        check_integer("Queue depth", depth, 2)
        self.latency = 1 if depth <= SHALLOW else 2
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(width))),
                "o": Out(stream.Signature(unsigned(width))),
            }
        )

    def build(self):
        m = Module()
        if self.parameters["depth"] == 2:
            self._registers(m)
            return m
        queue_class = fifo.SyncFIFO if self.latency == 1 else fifo.SyncFIFOBuffered
        m.submodules.queue = queue = queue_class(**self.parameters)
        m.d.comb += [
            queue.w_data.eq(self.i.payload),
            queue.w_en.eq(self.i.valid),
            self.i.ready.eq(queue.w_rdy),
            self.o.payload.eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
        ]
        return m

    def _registers(self, m):
        """Two registers that take turns; whether there are items is in registers, too."""
        level = Signal(2)  # a bit for each item
        some, two = level
        writes = Signal()  # which of them is written next, and read
        reads = Signal()
        put = Signal()
        get = Signal()
        items = []
        for turn in range(2):
            item = data_register(self.parameters["width"], name=f"item_{turn}")
            with m.If(~two & (writes == turn)):
                m.d.sync += item.eq(self.i.payload)
            items.append(item)
        m.d.comb += [
            self.i.ready.eq(~two),
            self.o.valid.eq(some),
            self.o.payload.eq(Mux(reads, items[1], items[0])),
            put.eq(self.i.valid & ~two),
            get.eq(some & self.o.ready),
        ]
        m.d.sync += [
            writes.eq(writes ^ put),
            reads.eq(reads ^ get),
            level.eq(Cat(put | two | (some & ~get), (two | (some & put)) & ~get)),
        ]
