"""Where the entries of a column are: the pointers."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, data_register

__all__ = ["ColumnReader", "column_layout", "span_layout"]


def column_layout(columns, act_width):
    """An activation, and the column of the matrix that it multiplies."""
    return data.StructLayout({"act": act_width, "column": index_shape(columns)})


def span_layout(groups, act_width):
    """An activation, and the groups of entries of its column: from ``start`` to ``end`` - 1."""
    address = index_shape(groups + 1)
    return data.StructLayout({"act": act_width, "start": address, "end": address})


class ColumnReader(Unit):
    """Looks up two neighbouring pointers in two banks, of which the columns' parity selects one.

    Han et al., "EIE", ISCA 2016, section IV, where a group is one entry. A column is read in a
    cycle; its span is offered 2 cycles after the column came. With ``skip_empty_columns=1`` columns
    without entries end here, and the reader runs up to 2 columns ahead; with
    ``skip_empty_columns=0``, as in the paper, they are passed on and cost the reader of entries a
    cycle.

    Parameters
    ----------
    columns : int
        Most columns; there is one pointer more.
    groups : int
        Most groups of entries.
    act_width : int
    skip_empty_columns : int
        0 or 1.

    Members
    -------
    i : ``In(stream.Signature(column_layout(columns, act_width)))``
    o : ``Out(stream.Signature(span_layout(groups, act_width)))``
    write : ``In(1)``
    address : ``In(...)``, ``pointer`` : ``In(...)``
        Writes a pointer.
    busy : ``Out(1)``
        Something is on its way.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "matrix"

    def __init__(self, *, columns, groups, act_width, skip_empty_columns):
        check_integer("Column count", columns, 1, 1 << 20)
        check_integer("Group count", groups, 1, 1 << 24)
        check_integer("Activation width", act_width, 2, 32)
        check_integer("Skip of empty columns", skip_empty_columns, 0, 1)
        super().__init__(
            {
                "i": In(stream.Signature(column_layout(columns, act_width))),
                "o": Out(stream.Signature(span_layout(groups, act_width))),
                "write": In(1),
                "address": In(index_shape(columns + 1)),
                "pointer": In(index_shape(groups + 1)),
                "busy": Out(1),
            }
        )

    def build(self):
        m = Module()
        params = self.parameters
        depth = max(2, (params["columns"] + 2) // 2)
        pointer = index_shape(params["groups"] + 1)
        reads = []
        moves = Signal()
        column = self.i.payload.column
        # The even bank has pointer 0, 2, ...; of columns 1, 3, ... it has the end.
        for bank, index in (("even", (column + 1) >> 1), ("odd", column >> 1)):
            m.submodules[f"{bank}_pointers"] = store = memory.Memory(
                shape=pointer, depth=depth, init=[]
            )
            write = store.write_port()
            read = store.read_port()
            m.d.comb += [
                write.addr.eq(self.address >> 1),
                write.data.eq(self.pointer),
                write.en.eq(self.write & (self.address[0] == (bank == "odd"))),
                read.addr.eq(index),
                read.en.eq(moves),
            ]
            reads.append(read.data)
        even, odd = reads
        layout = self.o.payload.shape()
        act = data_register(params["act_width"], name="act")
        swapped = data_register(1, name="swapped")
        present = Signal()
        span = Signal(layout)
        m.submodules.queue = queue = Fifo(width=layout.size, depth=2)
        empty = Signal()
        m.d.comb += [
            span.act.eq(act),
            span.start.eq(Mux(swapped, odd, even)),
            span.end.eq(Mux(swapped, even, odd)),
            empty.eq((span.start == span.end) & params["skip_empty_columns"]),
            queue.i.payload.eq(span),
            queue.i.valid.eq(present & ~empty),
            moves.eq(~present | empty | queue.i.ready),
            self.i.ready.eq(moves),
            self.busy.eq(present | queue.o.valid),
        ]
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        with m.If(moves):
            m.d.sync += [
                present.eq(self.i.valid),
                act.eq(self.i.payload.act),
                swapped.eq(column[0]),
            ]
        return m
