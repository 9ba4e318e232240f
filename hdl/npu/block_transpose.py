"""Transposition of blocks of codes, word by word."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit

__all__ = ["BlockTranspose"]


class BlockTranspose(Unit):
    """Turns each ``lanes`` words into as many words with rows and columns exchanged.

    Lane i of the j-th word that leaves is lane j of the i-th word of the same block. A memory for
    each lane holds two blocks: one is written while the other is read. Word k is written turned by
    k lanes, so the codes of a column are in different memories.

    **Latency** is 2 cycles from the last word of a block to its first word. **Throughput** is a
    word in and a word out a cycle, also from a block to the next. ``valid`` and ``ready`` come from
    registers.

    Parameters
    ----------
    lanes : int
        Codes of a word, and words of a block.
    width : int
        Bits of a code.

    Members
    -------
    i : ``In(stream.Signature(data.ArrayLayout(width, lanes)))``
    o : ``Out(stream.Signature(data.ArrayLayout(width, lanes)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu memories"
    latency = 2

    def __init__(self, *, lanes, width):
        check_integer("Number of lanes", lanes, 1)
        check_integer("Code width", width, 1)
        word = data.ArrayLayout(unsigned(width), lanes)
        super().__init__({"i": In(stream.Signature(word)), "o": Out(stream.Signature(word))})

    def build(self):
        m = Module()
        lanes, width = self.parameters["lanes"], self.parameters["width"]
        m.submodules.queue = queue = Fifo(width=lanes * width, depth=2)
        full = Signal(2)  # of each half: a whole block is there
        put, get = Signal(), Signal()
        write_half, write_row = self._walk(m, "write", put)
        read_half, read_column = self._walk(m, "read", get)
        m.d.comb += [
            self.i.ready.eq(~Mux(write_half, full[1], full[0])),
            put.eq(self.i.valid & self.i.ready),
            queue.i.valid.eq(Mux(read_half, full[1], full[0])),
            get.eq(queue.i.valid & queue.i.ready),
        ]
        for half in range(2):
            with m.If(put & (write_half == half) & (write_row == lanes - 1)):
                m.d.sync += full[half].eq(1)
            with m.If(get & (read_half == half) & (read_column == lanes - 1)):
                m.d.sync += full[half].eq(0)

        codes = [self.i.payload[lane] for lane in range(lanes)]
        codes = _turned(codes, write_row, 1)
        column = []
        for lane, code in enumerate(codes):
            depth = 2 << len(write_row)
            m.submodules[f"lane_{lane}"] = store = memory.Memory(
                shape=unsigned(width), depth=depth, init=[]
            )
            write, read = store.write_port(), store.read_port(domain="comb")
            # The row whose code of the column is in this memory.
            row = Signal(len(read_column), name=f"row_{lane}")
            beyond = read_column > lane if lane < lanes - 1 else Const(0)
            m.d.comb += [
                row.eq(Mux(beyond, lane + lanes, lane) - read_column),
                write.addr.eq(Cat(write_row, write_half)),
                write.data.eq(code),
                write.en.eq(put),
                read.addr.eq(Cat(row, read_half)),
            ]
            column.append(read.data)
        m.d.comb += [
            queue.i.payload.eq(Cat(_turned(column, read_column, -1))),
            self.o.payload.eq(queue.o.payload),
            self.o.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.o.ready),
        ]
        return m

    def _walk(self, m, name, moves):
        """The half and the word in it that come next; a half after the other."""
        last = self.parameters["lanes"] - 1
        half = Signal(name=f"{name}_half")
        word = Signal(index_shape(last + 1), name=f"{name}_word")
        with m.If(moves):
            m.d.sync += word.eq(Mux(word == last, 0, word + 1))
            with m.If(word == last):
                m.d.sync += half.eq(~half)
        return half, word


def _turned(codes, amount, direction):
    """The codes, each moved ``amount`` lanes up (or down), those beyond the last to the first."""
    for bit in range(len(amount)):
        by = direction << bit
        codes = [
            Mux(amount[bit], codes[(lane - by) % len(codes)], code)
            for lane, code in enumerate(codes)
        ]
    return codes
