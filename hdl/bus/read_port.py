"""Several readers of one memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit
from .axi_reader import burst_layout

__all__ = ["ReadPort"]


class ReadPort(Unit):
    """Lets readers ask in turn, one burst a cycle, and hands them what comes by its ID.

    Among those that wait the one goes that comes next after the last, in a circle. A burst is
    offered in the cycle after it was taken. What was read passes within the cycle; data of
    different readers may be interleaved.

    Parameters
    ----------
    readers : int
        1 to 8.
    index_width, id_width : int

    Members
    -------
    i_<n> : ``In(stream.Signature(burst_layout(index_width)))``
    o : ``Out(stream.Signature(burst_layout(index_width)))``, with ``id`` : ``Out(id_width)``
    valid : ``In(1)``, with ``of`` : ``In(id_width)``
        Data come for a reader.
    to : ``Out(readers)``
        A bit for each reader.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "bus"

    def __init__(self, *, readers, index_width, id_width):
        check_integer("Reader count", readers, 1, 8)
        check_integer("Index width", index_width, 1)
        check_integer("ID width", id_width, (readers - 1).bit_length() or 1, 32)
        bursts = stream.Signature(burst_layout(index_width))
        super().__init__(
            {f"i_{number}": In(bursts) for number in range(readers)}
            | {"o": Out(bursts), "id": Out(id_width)}
            | {"valid": In(1), "of": In(id_width), "to": Out(readers)}
        )

    def build(self):
        m = Module()
        count = self.parameters["readers"]
        inputs = [getattr(self, f"i_{number}") for number in range(count)]
        number_width = len(Signal(index_shape(count)))
        width = burst_layout(self.parameters["index_width"]).size
        m.submodules.queue = queue = Fifo(width=width + number_width, depth=2)
        waiting = Signal(count)
        after = Signal(count)  # those behind the one that went last
        behind = Signal(count)
        chosen = Signal(index_shape(count))
        m.d.comb += [
            waiting.eq(Cat(port.valid for port in inputs)),
            behind.eq(waiting & after),
            chosen.eq(Mux(behind.any(), _lowest(behind), _lowest(waiting))),
            queue.i.valid.eq(waiting.any()),
            self.to.eq(Cat(self.valid & (self.of == number) for number in range(count))),
        ]
        word = inputs[0].payload.as_value()
        for number, port in enumerate(inputs):
            word = Mux(chosen == number, port.payload.as_value(), word)
            m.d.comb += port.ready.eq(queue.i.ready & (chosen == number))
        m.d.comb += [
            queue.i.payload.eq(Cat(word, chosen)),
            Cat(self.o.payload.as_value(), self.id[:number_width]).eq(queue.o.payload),
            self.o.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.o.ready),
        ]
        with m.If(queue.i.valid & queue.i.ready):
            # None comes before the first.
            m.d.sync += after.eq(Cat(Const(0, 1), *(chosen < n for n in range(1, count))))
        return m


def _lowest(flags):
    """Index of the lowest flag that is set."""
    lowest = 0
    for number in reversed(range(len(flags))):
        lowest = Mux(flags[number], number, lowest)
    return lowest
