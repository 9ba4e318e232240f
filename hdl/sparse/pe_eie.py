"""Processing element of EIE."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, memory, stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..arith.select import selected
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..systolic.accumulator import Accumulator
from ..unit import Unit, connect_stream, data_register
from .activations import Activations
from .column_reader import ColumnReader, column_layout, span_layout
from .entry_reader import EntryReader, entry_layout
from .write_back import LATENCY, WriteBack, finish_layout

__all__ = ["RESULT_LATENCY", "PeEie", "load_layout"]

#: Cycles from the visit of an accumulator to the activation that its sum becomes.
RESULT_LATENCY = 3 + LATENCY
#: What a word of the load stream writes.
ENTRIES, POINTER, WEIGHT = range(3)


def load_layout(*, pes, columns, entries, per_word, value_width, zeros_width, books, weight_width):
    """A word that fills memories: of which element, which memory, where, and with what.

    ``what`` is 0 for a word of entries, 1 for a pointer, 2 for a weight of a codebook, whose
    address is the codebook's number above the weight's index.
    """
    layout = entry_layout(value_width, zeros_width)
    addresses = (max(2, -(-entries // per_word)), columns + 1, books << value_width)
    widths = (per_word * layout.size, index_shape(entries + 1).width, weight_width)
    return data.StructLayout(
        {
            "pe": index_shape(pes),
            "what": 2,
            "address": index_shape(max(addresses)),
            "data": max(widths),
        }
    )


class PeEie(Unit):
    """Multiplies the activations that are broadcast by the non-zeros of its rows.

    Han et al., "EIE: Efficient Inference Engine on Compressed Deep Neural Network", ISCA 2016,
    section IV: activation queue, pointers in two banks, entries, codebook, accumulators, and the
    activations of its own. An entry takes a cycle, also if it is of the same row as the one before
    it. Products and sums are exact; the accumulators wrap.

    Parameters
    ----------
    queue_depth : int
        Activations that wait: with ``skip=0`` for their pointers, as in the paper; with ``skip=1``
        for their entries, so that columns without entries don't take places.
    columns, entries : int
        Most columns, and most entries of this element.
    per_word, value_width, zeros_width
        Those of :class:`EntryReader`.
    act_width, weight_width, acc_width : int
    acts, rows : int
        Activations and rows of the matrix that belong to this element.
    books : int
        Codebooks.
    skip : int
        That of :class:`ColumnReader`.

    Members
    -------
    broadcast : ``In(stream.Signature(column_layout(columns, act_width)))``
    offered : ``Out(stream.Signature(...))``
        Of its own activations those that are not zero.
    load : ``In(1)``, ``what``, ``address``, ``data``
        Fills a memory.
    act_write, act_index, act_value : ``In``
        Writes an activation.
    filling, scan, scan_last : ``In``
        Those of :class:`Activations`.
    book : ``In``
        The codebook in use.
    clear : ``In(1)``
        Forgets the sums.
    take : ``In(1)``, ``take_row`` : ``In``
        Puts the sum of a row out; nothing else may be on its way.
    how : ``In(finish_layout())``
    result : ``Out(signed(act_width))``
        That sum, ``RESULT_LATENCY`` cycles later.
    busy : ``Out(1)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    def __init__(
        self,
        *,
        queue_depth,
        columns,
        entries,
        per_word,
        value_width,
        zeros_width,
        act_width,
        weight_width,
        acc_width,
        acts,
        rows,
        books,
        skip,
    ):
        check_integer("Queue depth", queue_depth, 2, 1024)
        check_integer("Weight width", weight_width, 2, 32)
        check_integer("Codebook count", books, 1, 64)
        check_integer("Row count", rows, 1, 1 << 16)
        # The parts check the rest.
        ColumnReader(columns=columns, entries=entries, act_width=act_width, skip=skip)
        EntryReader(
            entries=entries,
            per_word=per_word,
            value_width=value_width,
            zeros_width=zeros_width,
            act_width=act_width,
        )
        Activations(depth=acts, width=act_width)
        WriteBack(acc_width=acc_width, act_width=act_width)
        load = load_layout(
            pes=1,
            columns=columns,
            entries=entries,
            per_word=per_word,
            value_width=value_width,
            zeros_width=zeros_width,
            books=books,
            weight_width=weight_width,
        )
        index = index_shape(acts)
        super().__init__(
            {
                "broadcast": In(stream.Signature(column_layout(columns, act_width))),
                "offered": Out(stream.Signature(unsigned(act_width + index.width))),
                "load": In(1),
                "what": In(load["what"].shape),
                "address": In(load["address"].shape),
                "data": In(load["data"].shape),
                "act_write": In(1),
                "act_index": In(index),
                "act_value": In(signed(act_width)),
                "filling": In(1),
                "scan": In(1),
                "scan_last": In(index),
                "book": In(index_shape(books)),
                "clear": In(1),
                "take": In(1),
                "take_row": In(index_shape(rows)),
                "how": In(finish_layout()),
                "result": Out(signed(act_width)),
                "busy": Out(1),
            }
        )

    def build(self):
        m = Module()
        given = self.parameters
        part = {name: given[name] for name in ("columns", "entries", "act_width")}
        broadcast = self.broadcast.payload
        skip, depth = given["skip"], given["queue_depth"]
        m.submodules.queue = queue = Fifo(width=broadcast.shape().size, depth=2 if skip else depth)
        m.submodules.columns = columns = ColumnReader(**part, skip=skip)
        spans, waits = columns.o, queue.o.valid
        if skip:
            layout = span_layout(given["entries"], given["act_width"])
            m.submodules.spans = queue_of_spans = Fifo(width=layout.size, depth=depth)
            m.d.comb += connect_stream(columns.o, queue_of_spans.i)
            spans = queue_of_spans.o
            waits = waits | spans.valid
        m.submodules.entries = entries = EntryReader(
            entries=given["entries"],
            per_word=given["per_word"],
            value_width=given["value_width"],
            zeros_width=given["zeros_width"],
            act_width=given["act_width"],
        )
        m.submodules.acts = acts = Activations(depth=given["acts"], width=given["act_width"])
        m.d.comb += [
            *connect_stream(self.broadcast, queue.i),
            *connect_stream(queue.o, columns.i),
            *connect_stream(spans, entries.i),
            columns.write.eq(self.load & (self.what == POINTER)),
            columns.address.eq(self.address),
            columns.pointer.eq(self.data),
            entries.write.eq(self.load & (self.what == ENTRIES)),
            entries.address.eq(self.address),
            entries.word.eq(self.data),
            acts.write.eq(self.act_write),
            acts.index.eq(self.act_index),
            acts.value.eq(self.act_value),
            acts.filling.eq(self.filling),
            acts.scan.eq(self.scan),
            acts.last.eq(self.scan_last),
            *connect_stream(acts.o, self.offered),
        ]
        product = self._product(m, entries)
        sums, settling = self._sums(m, entries, self._row(m, entries), product)
        m.submodules.write_back = write_back = WriteBack(
            acc_width=given["acc_width"], act_width=given["act_width"]
        )
        m.d.comb += [
            write_back.i.eq(sums),
            write_back.how.eq(self.how),
            self.result.eq(write_back.o),
            self.busy.eq(acts.busy | waits | columns.busy | entries.busy | settling),
        ]
        return m

    def _row(self, m, entries):
        """The row of the entry that leaves, or that is put out."""
        row = Signal(index_shape(self.parameters["rows"]))
        before = Signal(row.shape())
        zeros = entries.entry.zeros
        m.d.comb += row.eq(
            Mux(self.take, self.take_row, Mux(entries.first, zeros, before + zeros + 1))
        )
        with m.If(entries.valid):
            m.d.sync += before.eq(row)
        return row

    def _product(self, m, entries):
        """The product of an entry, 2 cycles later."""
        given = self.parameters
        value_width, weight = given["value_width"], signed(given["weight_width"])
        m.submodules.codebooks = store = memory.Memory(
            shape=weight, depth=given["books"] << value_width, init=[]
        )
        write, read = store.write_port(), store.read_port(domain="comb")
        weight_q = data_register(weight, name="weight")
        act_q = data_register(signed(given["act_width"]), name="act")
        product = data_register(signed(given["weight_width"] + given["act_width"]), name="product")
        m.d.comb += [
            write.addr.eq(self.address),
            write.data.eq(self.data),
            write.en.eq(self.load & (self.what == WEIGHT)),
            read.addr.eq(Cat(entries.entry.value, self.book)),
        ]
        # Index 0 is that of entries which only count zeros, and stands for zero.
        nothing = ~entries.valid | (entries.entry.value == 0)
        m.d.sync += [
            weight_q.eq(Mux(nothing, 0, read.data)),
            act_q.eq(entries.act.as_signed()),
            product.eq(weight_q * act_q),
        ]
        return product

    def _sums(self, m, entries, row, product):
        """The sum of each visit, and whether some are on their way."""
        given = self.parameters
        m.submodules.accumulator = accumulator = Accumulator(
            psum_width=min(len(product), given["acc_width"]),
            acc_width=given["acc_width"],
            overflow="wrap",
            depth=given["rows"],
            revisit=1,
        )
        touched = Signal(given["rows"])
        visit = accumulator.visit
        adds = entries.valid & (entries.entry.value != 0)
        known = Signal()
        m.d.comb += [
            known.eq(selected(touched, row, 1)),
            visit.valid.eq(adds | self.take),
            visit.first.eq(~known),
            visit.row.eq(row),
            accumulator.psums.eq(product),
        ]
        with m.If(self.clear):
            m.d.sync += touched.eq(0)
        with m.Elif(adds):
            m.d.sync += touched.eq(touched | Cat(row == n for n in range(given["rows"])))
        on_their_way = Signal(4)
        m.d.sync += on_their_way.eq(Cat(visit.valid, on_their_way))
        return accumulator.sums, on_their_way.any()
