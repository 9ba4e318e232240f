"""EIE: the engine."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, connect_stream
from .column_reader import column_layout
from .lnzd import LnzdTree
from .pe_eie import PeEie, load_layout
from .write_back import finish_layout

__all__ = ["Eie", "job_layout"]


def job_layout(*, acts, rows, columns, books):
    """One job: up to ``acts`` activations an element, by the columns from ``column`` on.

    With ``fill`` it does nothing but take so many words of ``load``.
    ``load``: words of ``acts`` come first, ``in_last`` + 1 of them; else the activations are what a
    job before left. ``clear``: the sums begin anew. ``finish``: rows 0 to ``out_last`` are put out
    (``emit``) or become the activations (``keep``), or both, with ``shift`` and ``relu``.
    """
    fields = {
        "fill": 24,
        "in_last": index_shape(acts),
        "out_last": index_shape(rows),
        "column": index_shape(columns),
        "book": index_shape(books),
        "load": 1,
        "clear": 1,
        "finish": 1,
        "emit": 1,
        "keep": 1,
    }
    return data.StructLayout(fields | {name: field.shape for name, field in finish_layout()})


class Eie(Unit):
    """Multiplies sparse matrices, kept in the elements' memories, by sparse vectors.

    Han et al., "EIE: Efficient Inference Engine on Compressed Deep Neural Network", ISCA 2016.
    Element *k* of N owns the rows and the activations k, k + N, ... Each column of its rows is a
    list of entries: the index of a weight in a codebook, and the zeros before it. Activations that
    are not zero are found by a quadtree, broadcast one a cycle, wait in a queue in each element,
    and meet the entries of their columns there.

    Sums are exact up to ``acc_width`` bits, beyond which they wrap, so no order of additions
    matters. They leave, or become the activations of the next job, shifted right with one rounding
    to nearest, ties to even, after ReLU if wanted, and saturated to ``act_width`` bits.

    * ``load`` fills memories: see :func:`load_layout`.
    * ``jobs``: see :func:`job_layout`.
    * ``acts``: for a job with ``load`` its activations, one for each element in a word.
    * ``results``: for a job with ``emit`` its rows, one of each element in a word.

    Parameters
    ----------
    pes : int
        Elements, 1 to 256.
    queue_depth, columns, entries, per_word, lanes, value_width, zeros_width, act_width,
    weight_width, acc_width, acts, rows, books, skip
        Those of :class:`PeEie`.

    Members
    -------
    load, jobs, acts : ``In(stream.Signature(...))``
    results : ``Out(stream.Signature(data.ArrayLayout(signed(act_width), pes)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "top level"

    def __init__(
        self,
        *,
        pes,
        queue_depth,
        columns,
        entries,
        per_word,
        lanes,
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
        check_integer("Element count", pes, 1, 256)
        PeEie(**{name: value for name, value in self.parameters.items() if name != "pes"})
        load = load_layout(
            pes=pes,
            columns=columns,
            entries=entries,
            per_word=per_word,
            lanes=lanes,
            value_width=value_width,
            zeros_width=zeros_width,
            books=books,
            weight_width=weight_width,
        )
        jobs = job_layout(acts=acts, rows=rows, columns=columns, books=books)
        acts_layout = data.ArrayLayout(signed(act_width), pes)
        super().__init__(
            {
                "load": In(stream.Signature(load)),
                "jobs": In(stream.Signature(jobs)),
                "acts": In(stream.Signature(acts_layout)),
                "results": Out(stream.Signature(acts_layout)),
            }
        )

    def build(self):
        m = Module()
        given = self.parameters
        pes = [
            PeEie(**{name: value for name, value in given.items() if name != "pes"})
            for _ in range(given["pes"])
        ]
        for number, pe in enumerate(pes):
            m.submodules[f"pe_{number}"] = pe
        self._broadcast(m, pes)
        self._load(m, pes)
        self._jobs(m, pes)
        return m

    def _broadcast(self, m, pes):
        """From the elements' activations through the tree to their queues."""
        given = self.parameters
        layout = column_layout(given["columns"], given["act_width"])
        m.submodules.tree = tree = LnzdTree(leaves=len(pes), width=layout.size)
        self.job = Signal(self.jobs.payload.shape(), name="job")
        for number, pe in enumerate(pes):
            leaf = getattr(tree, f"i_{number}")
            act = pe.offered.payload[: given["act_width"]]
            index = pe.offered.payload[given["act_width"] :]
            column = data.View(layout, leaf.payload)
            m.d.comb += [
                column.act.eq(act),
                column.column.eq(self.job.column + index * len(pes) + number),
                leaf.valid.eq(pe.offered.valid),
                pe.offered.ready.eq(leaf.ready),
            ]
        ready = Signal()
        m.d.comb += [
            ready.eq(Cat(pe.broadcast.ready for pe in pes).all()),
            tree.o.ready.eq(ready),
        ]
        for pe in pes:
            m.d.comb += [
                Value.cast(pe.broadcast.payload).eq(tree.o.payload),
                pe.broadcast.valid.eq(tree.o.valid & ready),
            ]
        self.on_its_way = tree.o.valid

    def _load(self, m, pes):
        word = self.load.payload
        for number, pe in enumerate(pes):
            m.d.comb += [
                pe.load.eq(self.load.valid & self.load.ready & (word.pe == number)),
                pe.what.eq(word.what),
                pe.address.eq(word.address),
                pe.data.eq(word.data),
            ]

    def _jobs(self, m, pes):
        """One job after the other: activations, the broadcast, the sums."""
        given = self.parameters
        job = self.job
        latency = pes[0].latency
        # Results that are on their way have a place each.
        depth = latency + 4
        m.submodules.queue = queue = Fifo(width=len(pes) * given["act_width"], depth=depth)
        room = Signal(range(depth + 1), init=depth)
        at = Signal(max(len(job.in_last), len(job.out_last)))
        quiet = Signal(range(max(QUIET, latency + 1) + 1))
        take = Signal()
        left = Signal()
        busy = Signal()
        scan = Signal()
        clear = Signal()
        writes = Signal()
        filling = Signal()
        flags, rows = [take], [at[: len(job.out_last)]]
        for cycle in range(latency):
            flag = Signal(name=f"taken_{cycle}")
            row = Signal(job.out_last.shape(), name=f"row_{cycle}")
            m.d.sync += [flag.eq(flags[-1]), row.eq(rows[-1])]
            flags.append(flag)
            rows.append(row)
        m.d.comb += [
            busy.eq(Cat(pe.busy for pe in pes).any() | self.on_its_way),
            *connect_stream(queue.o, self.results),
            left.eq(self.results.valid & self.results.ready),
            queue.i.payload.eq(Cat(pe.result for pe in pes)),
            queue.i.valid.eq(flags[-1] & job.emit),
            clear.eq(scan & job.clear),
        ]
        m.d.sync += room.eq(room - (take & job.emit) + left)
        for number, pe in enumerate(pes):
            m.d.comb += [
                pe.act_write.eq(writes | (flags[-1] & job.keep)),
                pe.act_index.eq(Mux(filling, at, rows[-1])),
                pe.act_value.eq(Mux(writes, self.acts.payload[number], pe.result)),
                pe.filling.eq(filling),
                pe.scan.eq(scan),
                pe.scan_last.eq(job.in_last),
                pe.book.eq(job.book),
                pe.clear.eq(clear),
                pe.take.eq(take),
                pe.take_row.eq(at),
                pe.how.shift.eq(job.shift),
                pe.how.relu.eq(job.relu),
            ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.jobs.ready.eq(1)
                m.d.sync += [job.eq(self.jobs.payload), at.eq(0)]
                with m.If(self.jobs.valid):
                    with m.If(self.jobs.payload.fill != 0):
                        m.next = "FILL"
                    with m.Elif(self.jobs.payload.load):
                        m.next = "LOAD"
                    with m.Else():
                        m.next = "SCAN"
            with m.State("FILL"):
                m.d.comb += self.load.ready.eq(1)
                with m.If(self.load.valid):
                    m.d.sync += job.fill.eq(job.fill - 1)
                    with m.If(job.fill == 1):
                        m.next = "IDLE"
            with m.State("LOAD"):
                # The elements look at the activations as these come.
                m.d.comb += [
                    self.acts.ready.eq(1),
                    filling.eq(1),
                    writes.eq(self.acts.valid),
                    scan.eq(self.acts.valid & (at == 0)),
                ]
                m.d.sync += quiet.eq(QUIET)
                with m.If(self.acts.valid):
                    m.d.sync += at.eq(at + 1)
                    with m.If(at == job.in_last):
                        m.d.sync += at.eq(0)
                        m.next = "RUN"
            with m.State("SCAN"):
                m.d.comb += scan.eq(1)
                m.d.sync += quiet.eq(QUIET)
                m.next = "RUN"
            with m.State("RUN"):
                m.d.sync += quiet.eq(Mux(busy, QUIET, quiet - 1))
                with m.If(quiet == 0):
                    m.d.sync += quiet.eq(latency + 1)
                    with m.If(job.finish):
                        m.next = "FINISH"
                    with m.Else():
                        m.next = "IDLE"
            with m.State("FINISH"):
                m.d.comb += take.eq((room != 0) | ~job.emit)
                with m.If(take):
                    m.d.sync += at.eq(at + 1)
                    with m.If(at == job.out_last):
                        m.next = "SETTLE"
            with m.State("SETTLE"):
                m.d.sync += quiet.eq(quiet - 1)
                with m.If(quiet == 0):
                    m.next = "IDLE"


#: Cycles without any sign of work after which there is none: the depth of the tree and two.
QUIET = 6
