"""Processing element (PE) of EIE."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..arith.select import selected
from ..checks import check_integer, check_relation
from ..output.accumulator import Accumulator
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from .activations import Activations
from .column_reader import ColumnReader, column_layout, span_layout
from .entry_reader import EntryReader, entry_layout
from .write_back import LATENCY, WriteBack, finish_layout

__all__ = ["LOAD_TARGETS", "PeEie", "load_layout"]

#: Numbers of the memories that a word of the load stream can write, by the names of what they hold.
LOAD_TARGETS = {"entries": 0, "pointers": 1, "weights": 2}


def load_layout(
    *,
    pes,
    columns,
    entries,
    entries_per_word,
    entries_per_cycle,
    index_width,
    run_length_width,
    codebooks,
    weight_width,
):
    """A word that fills memories: of which PE, which memory, where, and with what.

    ``what`` is one of :data:`LOAD_TARGETS`: a word of entries; a pointer, which counts groups of
    ``entries_per_cycle`` entries; or a weight of a codebook, whose address is the codebook's number
    above the weight's index.
    """
    layout = entry_layout(index_width, run_length_width)
    addresses = (max(2, -(-entries // entries_per_word)), columns + 1, codebooks << index_width)
    widths = (
        entries_per_word * layout.size,
        index_shape(_groups(entries, entries_per_cycle) + 1).width,
        weight_width,
    )
    return data.StructLayout(
        {
            "pe": index_shape(pes),
            "what": 2,
            "address": index_shape(max(addresses)),
            "data": max(widths),
        }
    )


def _groups(entries, entries_per_cycle):
    return -(-entries // entries_per_cycle)


class PeEie(Unit):
    """Multiplies the activations that are broadcast by the non-zeros of its rows.

    Han et al., "EIE: Efficient Inference Engine on Compressed Deep Neural Network", ISCA 2016,
    section IV: activation queue, pointers in two banks, entries, codebook, accumulators, and the
    activations of its own. An entry takes a cycle, also if it is of the same row as the one before
    it. Products and sums are exact; the accumulators wrap.

    With ``entries_per_cycle`` above 1, which the paper has not, a column's entries come in groups
    of so many, the last filled up with entries of index 0, and a group takes a cycle: an entry in
    each lane. Each lane has multiplier and accumulators of its own, so that no two entries ever
    meet in a memory; the lanes' sums are added when they leave. Queue, pointers and the memory of
    entries are the same for all.

    Parameters
    ----------
    queue_depth : int
        Activations that wait: with ``skip_empty_columns=0`` for their pointers, as in the paper;
        with ``skip_empty_columns=1`` for their entries, so that columns without entries take no
        room.
    columns, entries : int
        Most columns, and most entries of this PE.
    entries_per_word : int
        Entries in a word, a power of two, at least twice ``entries_per_cycle``.
    entries_per_cycle : int
        Entries of a column that are multiplied in a cycle: 1, 2, 4 or 8.
    index_width, run_length_width
        Those of :class:`EntryReader`.
    act_width, weight_width, acc_width : int
    acts, rows : int
        Activations and rows of the matrix that belong to this PE.
    codebooks : int
        Codebooks.
    skip_empty_columns : int
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
        That sum, :attr:`latency` cycles later.
    busy : ``Out(1)``

    Attributes
    ----------
    latency : int
        Cycles from ``take`` to ``result``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "PEs"

    def __init__(
        self,
        *,
        queue_depth,
        columns,
        entries,
        entries_per_word,
        entries_per_cycle,
        index_width,
        run_length_width,
        act_width,
        weight_width,
        acc_width,
        acts,
        rows,
        codebooks,
        skip_empty_columns,
    ):
        check_integer("Queue depth", queue_depth, 2, 1024)
        check_integer("Entry count", entries, 1, 1 << 24)
        check_integer("Entries in a word", entries_per_word, 2, 64)
        check_integer("Entries per cycle", entries_per_cycle, 1, 8)
        for name, value in (
            ("Entries in a word", entries_per_word),
            ("Entries per cycle", entries_per_cycle),
        ):
            check_relation(value & (value - 1) == 0, f"{name} must be a power of two, not {value}")
        check_relation(
            entries_per_word >= 2 * entries_per_cycle,
            f"Entries in a word must be at least {2 * entries_per_cycle} for {entries_per_cycle} "
            f"entries per cycle, not {entries_per_word}",
        )
        check_integer("Weight width", weight_width, 2, 32)
        check_integer("Codebook count", codebooks, 1, 64)
        check_integer("Row count", rows, 1, 1 << 16)
        # The parts check the rest.
        groups = _groups(entries, entries_per_cycle)
        ColumnReader(
            columns=columns,
            groups=groups,
            act_width=act_width,
            skip_empty_columns=skip_empty_columns,
        )
        EntryReader(
            groups=groups,
            groups_per_word=entries_per_word // entries_per_cycle,
            lanes=entries_per_cycle,
            index_width=index_width,
            run_length_width=run_length_width,
            act_width=act_width,
        )
        Activations(depth=acts, width=act_width)
        WriteBack(acc_width=acc_width, act_width=act_width)
        load = load_layout(
            pes=1,
            columns=columns,
            entries=entries,
            entries_per_word=entries_per_word,
            entries_per_cycle=entries_per_cycle,
            index_width=index_width,
            run_length_width=run_length_width,
            codebooks=codebooks,
            weight_width=weight_width,
        )
        self.latency = 3 + (entries_per_cycle > 1) + LATENCY
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
                "book": In(index_shape(codebooks)),
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
        params = self.parameters
        lanes = params["entries_per_cycle"]
        groups = _groups(params["entries"], lanes)
        broadcast = self.broadcast.payload
        skip, depth = params["skip_empty_columns"], params["queue_depth"]
        m.submodules.queue = queue = Fifo(width=broadcast.shape().size, depth=2 if skip else depth)
        m.submodules.columns = columns = ColumnReader(
            columns=params["columns"],
            groups=groups,
            act_width=params["act_width"],
            skip_empty_columns=skip,
        )
        spans, waits = columns.o, queue.o.valid
        if skip:
            layout = span_layout(groups, params["act_width"])
            m.submodules.spans = queue_of_spans = Fifo(width=layout.size, depth=depth)
            wiring.connect(m, columns.o, queue_of_spans.i)
            spans = queue_of_spans.o
            waits = waits | spans.valid
        m.submodules.entries = entries = EntryReader(
            groups=groups,
            groups_per_word=params["entries_per_word"] // lanes,
            lanes=lanes,
            index_width=params["index_width"],
            run_length_width=params["run_length_width"],
            act_width=params["act_width"],
        )
        m.submodules.acts = acts = Activations(depth=params["acts"], width=params["act_width"])
        wiring.connect(m, wiring.flipped(self.broadcast), queue.i)
        wiring.connect(m, queue.o, columns.i)
        wiring.connect(m, spans, entries.i)
        wiring.connect(m, acts.o, wiring.flipped(self.offered))
        m.d.comb += [
            columns.write.eq(self.load & (self.what == LOAD_TARGETS["pointers"])),
            columns.address.eq(self.address),
            columns.pointer.eq(self.data),
            entries.write.eq(self.load & (self.what == LOAD_TARGETS["entries"])),
            entries.address.eq(self.address),
            entries.word.eq(self.data),
            acts.write.eq(self.act_write),
            acts.index.eq(self.act_index),
            acts.value.eq(self.act_value),
            acts.filling.eq(self.filling),
            acts.scan.eq(self.scan),
            acts.last.eq(self.scan_last),
        ]
        products = self._products(m, entries)
        sums, settling = self._sums(m, entries, self._rows(m, entries), products)
        m.submodules.write_back = write_back = WriteBack(
            acc_width=params["acc_width"], act_width=params["act_width"]
        )
        m.d.comb += [
            write_back.i.eq(sums),
            write_back.how.eq(self.how),
            self.result.eq(write_back.o),
            self.busy.eq(acts.busy | waits | columns.busy | entries.busy | settling),
        ]
        return m

    def _rows(self, m, entries):
        """For each lane the row of the entry that leaves, or that is put out."""
        shape = index_shape(self.parameters["rows"])
        row_before = data_register(shape, name="row_before")
        rows = []
        for lane, entry in enumerate(entries.group):
            row = Signal(shape, name=f"row_{lane}")
            passed = rows[-1] if rows else row_before
            following = passed + entry.zeros + 1
            m.d.comb += row.eq(following if rows else Mux(entries.first, entry.zeros, following))
            rows.append(row)
        with m.If(entries.valid):
            m.d.sync += row_before.eq(rows[-1])
        return [Mux(self.take, self.take_row, row) for row in rows]

    def _products(self, m, entries):
        """For each lane the product of an entry, 2 cycles later; 0 for what is put out."""
        params = self.parameters
        index_width, weight = params["index_width"], signed(params["weight_width"])
        m.submodules.codebooks = store = memory.Memory(
            shape=weight, depth=params["codebooks"] << index_width, init=[]
        )
        write = store.write_port()
        act_q = data_register(signed(params["act_width"]), name="act")
        m.d.comb += [
            write.addr.eq(self.address),
            write.data.eq(self.data),
            write.en.eq(self.load & (self.what == LOAD_TARGETS["weights"])),
        ]
        taken = data_register(1, name="taken")
        m.d.sync += [taken.eq(self.take), act_q.eq(entries.act.as_signed())]
        products = []
        for lane, entry in enumerate(entries.group):
            read = store.read_port(domain="comb")
            weight_q = data_register(weight, name=f"weight_{lane}")
            product = data_register(signed(len(weight_q) + len(act_q)), name=f"product_{lane}")
            m.d.comb += read.addr.eq(Cat(entry.value, self.book))
            m.d.sync += [
                weight_q.eq(read.data),
                # Factors may be unknown before the first entry, and so their product is.
                product.eq(Mux(taken, 0, weight_q * act_q)),
            ]
            products.append(product)
        return products

    def _sums(self, m, entries, rows, products):
        """The sum of each visit, and whether some are on their way."""
        params = self.parameters
        sums, visits = [], []
        for lane, (row, product) in enumerate(zip(rows, products, strict=True)):
            m.submodules[f"accumulator_{lane}"] = accumulator = Accumulator(
                psum_width=min(len(product), params["acc_width"]),
                acc_width=params["acc_width"],
                overflow="wrap",
                depth=params["rows"],
                revisit=1,
            )
            touched = Signal(params["rows"], name=f"touched_{lane}")
            known, adds = Signal(name=f"known_{lane}"), Signal(name=f"adds_{lane}")
            visit, visited = accumulator.visit, Signal(len(row), name=f"visited_{lane}")
            m.d.comb += [
                visited.eq(row),
                # Index 0 is that of entries which only count zeros.
                adds.eq(entries.valid & (entries.group[lane].value != 0)),
                # Within a word by a shift: a tree of single bits is far larger to simulate.
                known.eq((selected(touched, visited[5:], 32) >> visited[:5])[0]),
                visit.valid.eq(adds | self.take),
                visit.first.eq(~known),
                visit.row.eq(visited),
                accumulator.psums.eq(product),
            ]
            with m.If(self.clear):
                m.d.sync += touched.eq(0)
            with m.Elif(adds):
                # A shift, as a comparison for each row is far larger to simulate.
                m.d.sync += touched.eq(touched | (Const(1) << visited))
            sums.append(accumulator.sums)
            visits.append(visit.valid)
        # Without a reset: a scan takes longer to begin than visits take from before a reset.
        on_their_way = data_register(4, name="on_their_way")
        m.d.sync += on_their_way.eq(Cat(Cat(visits).any(), on_their_way))
        if len(sums) == 1:
            return sums[0], on_their_way.any()
        total = data_register(signed(params["acc_width"]), name="total")
        m.d.sync += total.eq(sum(sums[1:], sums[0]))
        return total, on_their_way.any()
