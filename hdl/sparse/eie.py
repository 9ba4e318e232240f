"""EIE: the engine."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..engine import Engine
from ..stream.fifo import Fifo
from ..unit import data_register
from .column_reader import column_layout
from .lnzd import LnzdTree
from .pe_eie import LOAD_TARGETS, PeEie, load_layout
from .write_back import finish_layout

__all__ = ["Eie", "job_layout"]

#: Cycles in which no PE is busy, and no activation leaves the tree, after which none can be on its
#: way. An activation that has left its PE shows again when it is at the tree's root, at most
#: 4 levels later; the other two cycles are a margin.
QUIET = 6


def job_layout(*, acts, rows, columns, codebooks):
    """One job: up to ``acts`` activations a PE, by the columns from ``column`` on.

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
        "book": index_shape(codebooks),
        "load": 1,
        "clear": 1,
        "finish": 1,
        "emit": 1,
        "keep": 1,
    }
    return data.StructLayout(fields | {name: field.shape for name, field in finish_layout()})


class Eie(Engine):
    """Multiplies sparse matrices, kept in the PEs' memories, by sparse vectors.

    Han et al., "EIE: Efficient Inference Engine on Compressed Deep Neural Network", ISCA 2016.
    PE *k* of N owns the rows and the activations k, k + N, ... Each column of its rows is a
    list of entries: the index of a weight in a codebook, and the zeros before it. Activations that
    are not zero are found by a quadtree, broadcast one a cycle, wait in a queue in each PE,
    and meet the entries of their columns there.

    Sums are exact up to ``acc_width`` bits, beyond which they wrap, so no order of additions
    matters. They leave, or become the activations of the next job, shifted right with one rounding
    to nearest, ties to even, after ReLU if wanted, and saturated to ``act_width`` bits.

    A job is accepted when the one before it has ended. One that loads activations, with as many
    entries of each column in all PEs, and puts out a row, takes as many cycles as a PE has groups
    of ``entries_per_cycle`` entries in its columns, and 28: one more for each level of the tree,
    for ``skip_empty_columns``, for several entries a cycle, and for a ``queue_depth`` above 4.

    * ``load`` fills memories: see :func:`load_layout`.
    * ``jobs``: see :func:`job_layout`.
    * ``acts``: for a job with ``load`` its activations, one for each PE in a word.
    * ``results``: for a job with ``emit`` its rows, one of each PE in a word.

    Parameters
    ----------
    pes : int
        Number of PEs, 1 to 256.
    queue_depth, columns, entries, entries_per_word, entries_per_cycle, index_width,
    run_length_width, act_width, weight_width, acc_width, acts, rows, codebooks, skip_empty_columns
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

    number = 4
    descriptors = "jobs"
    pe = PeEie
    required_streams = ("jobs",)

    def __init__(
        self,
        *,
        pes,
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
        check_integer("PE count", pes, 1, 256)
        self.pe(**{name: value for name, value in self.parameters.items() if name != "pes"})
        load = load_layout(
            pes=pes,
            columns=columns,
            entries=entries,
            entries_per_word=entries_per_word,
            entries_per_cycle=entries_per_cycle,
            index_width=index_width,
            run_length_width=run_length_width,
            codebooks=codebooks,
            weight_width=weight_width,
        )
        jobs = job_layout(acts=acts, rows=rows, columns=columns, codebooks=codebooks)
        acts_layout = data.ArrayLayout(signed(act_width), pes)
        super().__init__(
            {
                "load": In(stream.Signature(load)),
                "jobs": In(stream.Signature(jobs)),
                "acts": In(stream.Signature(acts_layout)),
                "results": Out(stream.Signature(acts_layout)),
            }
        )
        self.max_owed, self.limit = rows, acts
        self.pe_rows, self.pe_cols, self.max_k = pes, 1, 0
        self.widths = {
            "act": act_width,
            "weight": weight_width,
            "result": act_width,
            "acc": acc_width,
        }
        self.derived = {"macs_per_pe": entries_per_cycle, "load_targets": LOAD_TARGETS}

    def results_owed(self, descriptor):
        """A job that puts out its sums owes them; one that only fills memories owes none."""
        emits = (descriptor.fill == 0) & descriptor.finish & descriptor.emit
        return Mux(emits, descriptor.out_last + 1, 0)

    def build(self):
        m = Module()
        params = self.parameters
        pes = [
            self.pe(**{name: value for name, value in params.items() if name != "pes"})
            for _ in range(params["pes"])
        ]
        for number, pe in enumerate(pes):
            m.submodules[f"pe_{number}"] = pe
        self._broadcast(m, pes)
        self._load(m, pes)
        self._jobs(m, pes)
        return m

    def _broadcast(self, m, pes):
        """From the PEs' activations through the tree to their queues."""
        params = self.parameters
        layout = column_layout(params["columns"], params["act_width"])
        m.submodules.tree = tree = LnzdTree(leaves=len(pes), width=layout.size)
        self.job = data_register(self.jobs.payload.shape(), name="job")
        for number, pe in enumerate(pes):
            leaf = getattr(tree, f"i_{number}")
            act = pe.offered.payload[: params["act_width"]]
            index = pe.offered.payload[params["act_width"] :]
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
                pe.broadcast.payload.eq(tree.o.payload),
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
        job = self.job
        latency = pes[0].latency
        at = data_register(max(len(job.in_last), len(job.out_last)), name="at")
        quiet = data_register(range(max(QUIET, latency + 1) + 1), name="quiet")
        busy = Signal()
        take = Signal()
        scan = Signal()
        clear = Signal()
        writes = Signal()
        filling = Signal()
        m.d.comb += busy.eq(Cat(pe.busy for pe in pes).any() | self.on_its_way)
        leaves, row, room = self._results(m, pes, take, at)
        m.d.comb += clear.eq(scan & job.clear)
        for number, pe in enumerate(pes):
            m.d.comb += [
                pe.act_write.eq(writes | (leaves & job.keep)),
                pe.act_index.eq(Mux(filling, at, row)),
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
        # One job at a time is between IDLE and IDLE; ``job`` keeps its descriptor. ``at`` counts
        # words of activations, then rows of results, and is 0 at the begin of each. No state looks
        # at what IDLE, or a state before it, has not written.
        with m.FSM():
            # Nothing is in the PEs, the tree or their pipelines: memories may be written.
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
            # Words of ``load`` go to the memories; ``job.fill`` counts those that are missing.
            with m.State("FILL"):
                m.d.comb += self.load.ready.eq(1)
                with m.If(self.load.valid):
                    m.d.sync += job.fill.eq(job.fill - 1)
                    with m.If(job.fill == 1):
                        m.next = "IDLE"
            # Words of ``acts`` go to the PEs, which scan them as these come: the scan begins with
            # the first word and stays behind ``at``.
            with m.State("LOAD"):
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
            # The PEs scan the activations that they have.
            with m.State("SCAN"):
                m.d.comb += scan.eq(1)
                m.d.sync += quiet.eq(QUIET)
                m.next = "RUN"
            # Activations are broadcast, and products added, until no PE has been busy for QUIET
            # cycles. Then all sums are in the accumulators.
            with m.State("RUN"):
                m.d.sync += quiet.eq(Mux(busy, QUIET, quiet - 1))
                with m.If(quiet == 0):
                    m.d.sync += quiet.eq(latency + 1)
                    with m.If(job.finish):
                        m.next = "FINISH"
                    with m.Else():
                        m.next = "IDLE"
            # The PEs put out the sums of a row a cycle; rows that become results wait for room.
            with m.State("FINISH"):
                m.d.comb += take.eq((room != 0) | ~job.emit)
                with m.If(take):
                    m.d.sync += at.eq(at + 1)
                    with m.If(at == job.out_last):
                        m.next = "SETTLE"
            # The last rows leave the PEs' pipelines, and are written where they become activations.
            with m.State("SETTLE"):
                m.d.sync += quiet.eq(quiet - 1)
                with m.If(quiet == 0):
                    m.next = "IDLE"

    def _results(self, m, pes, take, at):
        """The queue of results.

        Returns
        -------
        (Signal, Signal, Signal)
            Whether a row leaves the PEs, which was taken :attr:`PeEie.latency` cycles ago; its
            number; and words of the queue that no row on its way needs.
        """
        job = self.job
        latency = pes[0].latency
        depth = latency + 4  # a word for each row on its way
        width = len(pes) * self.parameters["act_width"]
        m.submodules.queue = queue = Fifo(width=width, depth=depth)
        wiring.connect(m, queue.o, wiring.flipped(self.results))
        room = Signal(range(depth + 1), init=depth)
        left = Signal()
        flags, rows = [take], [at[: len(job.out_last)]]
        for cycle in range(latency):
            flag = Signal(name=f"taken_{cycle}")
            row = data_register(job.out_last.shape(), name=f"row_{cycle}")
            m.d.sync += [flag.eq(flags[-1]), row.eq(rows[-1])]
            flags.append(flag)
            rows.append(row)
        m.d.comb += [
            left.eq(self.results.valid & self.results.ready),
            queue.i.payload.eq(Cat(pe.result for pe in pes)),
            queue.i.valid.eq(flags[-1] & job.emit),
        ]
        m.d.sync += room.eq(room - (take & job.emit) + left)
        return flags[-1], rows[-1], room
