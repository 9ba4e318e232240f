"""The datapath of depthwise windows: taps, columns, products, and rows of partial sums."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, fifo, memory, stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from .depthwise_walk import check_depthwise, step_layout, tap_layout

__all__ = ["SUM_WIDTH", "DepthwiseMac"]

#: Sums of 16 * 16 products of two codes of 8 bits.
SUM_WIDTH = 24
_CODE_WIDTH = 8
#: Steps that wait for their words.
_STEPS = 16
#: Words of a port that wait for those of the other ports.
_WORDS = 4
#: Sums on their way or waiting: a sum takes up to 7 cycles until it is offered.
_SUMS = 16
#: Terms of a sum that is made in a cycle.
_FAN_IN = 3


class DepthwiseMac(Unit):
    """Multiplies windows of ``dw_y`` rows and ``dw_x`` columns by taps in ``lanes`` channels.

    A step takes a word of each port that it reads, and moves these as a column into the window
    register. A step that emits gives the sum of the products of taps and window, with ``a_zero``
    outside of the step's columns and rows, and adds the partial sum of its pixel behind the first
    pass. The sum of the last pass leaves; others become the partial sum. All sums are exact: a
    kernel has at most 256 taps.

    Taps fill a second set of registers while the first one is in use. A step with ``switch`` waits
    until the set is complete, and exchanges it; taps that were not written are 0.

    A step is taken in each cycle in which its words and taps, and room for its sum, are there: with
    ``switch`` from n + 1 cycles after the exchange before on, where n taps are written; behind the
    first pass from 3 cycles after the last step of its pixel on. Steps wait in a queue, which
    takes 2 cycles, and a sum is offered :attr:`latency` cycles after its step was taken.

    Parameters
    ----------
    lanes : int
        Channels of a word, 1 to 64.
    dw_x, dw_y : int
        Columns and rows of taps, 1 to 3.
    depth : int
        Partial sums, 1 to 2048.

    Members
    -------
    steps : ``In(stream.Signature(step_layout(...)))``
        Without addresses.
    data_<k> : ``In(stream.Signature(data.ArrayLayout(signed(8), lanes)))``
        The words that steps read.
    taps : ``In(stream.Signature(tap_layout(...)))``
    data_taps : ``In(stream.Signature(data.ArrayLayout(signed(8), lanes)))``
        A word for each tap.
    o : ``Out(stream.Signature(data.ArrayLayout(signed(24), lanes)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu vector"

    def __init__(self, *, lanes, dw_x, dw_y, depth):
        check_integer("Lane count", lanes, 1, 64)
        check_depthwise(dw_x=dw_x, dw_y=dw_y, depth=depth)
        #: Registers between the window register and the sum: operands, products, a tree.
        self.stages = 3 + _levels(dw_x * dw_y)
        #: Up to the window register, the sum, and the queue.
        self.latency = self.stages + 2
        words = stream.Signature(data.ArrayLayout(signed(_CODE_WIDTH), lanes))
        sums = data.ArrayLayout(signed(SUM_WIDTH), lanes)
        steps = step_layout(dw_x=dw_x, dw_y=dw_y, depth=depth)
        super().__init__(
            {
                "steps": In(stream.Signature(steps)),
                **{f"data_{k}": In(words) for k in range(dw_y)},
                "taps": In(stream.Signature(tap_layout(dw_x=dw_x, dw_y=dw_y))),
                "data_taps": In(words),
                "o": Out(stream.Signature(sums)),
            }
        )

    def build(self):
        m = Module()
        lanes, dw_y = self.parameters["lanes"], self.parameters["dw_y"]
        steps, words = self._queues(m)
        step = data.View(self.steps.payload.shape(), steps.payload)

        # All that a step waits for.
        ready, complete, room = Signal(), Signal(), Signal()
        missing = [step.reads[k] & ~words[k].valid for k in range(dw_y)]
        go, leaves, written = Signal(), Signal(), Signal()
        m.d.comb += [
            ready.eq(~Cat(missing).any() & (complete | ~step.switch) & (room | ~leaves) & written),
            leaves.eq(step.emit & step.last),
            steps.ready.eq(ready),
            go.eq(steps.valid & ready),
        ]
        m.d.comb += [words[k].ready.eq(go & step.reads[k]) for k in range(dw_y)]

        # A step in each stage. Flags are reset that change the window, taps, sums or the queue.
        moved, switched = Signal(), Signal()
        keeps, gives = Signal(self.stages + 1), Signal(self.stages + 1)
        pixels, adds = [step.x], [~step.first]
        for stage in range(self.stages + 1):
            for line, name in ((pixels, "x"), (adds, "adds")):
                later = data_register(unsigned(len(line[-1])), name=f"{name}_{stage}")
                m.d.sync += later.eq(line[-1])
                line.append(later)
        # The partial sum that a step adds was written by a step three cycles ahead, or before.
        late = [keeps[stage] & (pixels[stage + 1] == step.x) for stage in range(2)]
        m.d.comb += written.eq(~(step.emit & ~step.first & Cat(late).any()))
        columns = data_register(step.columns.shape(), name="columns")
        rows = data_register(step.rows.shape(), name="rows")
        a_zero = data_register(signed(_CODE_WIDTH), name="a_zero")
        m.d.sync += [
            moved.eq(go),
            switched.eq(go & step.switch),
            keeps.eq(Cat(go & step.emit & ~step.last, keeps)),
            gives.eq(Cat(go & leaves, gives)),
            columns.eq(step.columns),
            rows.eq(step.rows),
            a_zero.eq(step.a_zero),
        ]

        inside = [[column & row for row in rows] for column in columns]
        products = self._products(
            m, words, moved, inside, a_zero, self._taps(m, switched, complete)
        )

        store = memory.Memory(shape=unsigned(lanes * SUM_WIDTH), depth=self._depth, init=[])
        m.submodules.partial_sums = store
        read, write = store.read_port(), store.write_port()
        totals = data_register(self.o.payload.shape(), name="totals")
        partial = data.View(totals.shape(), read.data)
        m.d.comb += [
            read.addr.eq(pixels[self.stages - 1]),
            write.addr.eq(pixels[self.stages + 1]),
            write.data.eq(totals),
            write.en.eq(keeps[self.stages]),
        ]
        for lane in range(lanes):
            added = _tree(m, products[lane], f"sum_{lane}")
            m.d.sync += totals[lane].eq(added + Mux(adds[self.stages], partial[lane], 0))
        self._give(m, totals, gives[self.stages], go & leaves, room)
        return m

    @property
    def _depth(self):
        return max(2, self.parameters["depth"])

    def _queues(self, m):
        """Queues of steps and of words: ports may be apart, and memory takes its time."""
        queues = []
        dw_y = self.parameters["dw_y"]
        for name, port, depth in (
            ("steps", self.steps, _STEPS),
            *((f"data_{k}", getattr(self, f"data_{k}"), _WORDS) for k in range(dw_y)),
        ):
            queue = Fifo(width=_width(port), depth=depth)
            m.submodules[f"{name}_queue"] = queue
            m.d.comb += [
                queue.i.payload.eq(port.payload),
                queue.i.valid.eq(port.valid),
                port.ready.eq(queue.i.ready),
            ]
            queues.append(queue.o)
        return queues[0], queues[1:]

    def _products(self, m, words, moved, inside, a_zero, taps):
        """For each lane the products of the window, which words of a step ``moved`` into."""
        window = []
        for age, flags in enumerate(inside):
            column = []
            for k in range(len(flags)):
                word = data_register(self.data_taps.payload.shape(), name=f"word_{k}_{age}")
                if age == 0:
                    m.d.sync += word.eq(words[k].payload)
                else:
                    with m.If(moved):
                        m.d.sync += word.eq(window[-1][k])
                column.append(word)
            window.append(column)
        products = []
        for lane in range(self.parameters["lanes"]):
            products.append([])
            for age, column in enumerate(window):
                for k, word in enumerate(column):
                    name = f"{k}_{age}_{lane}"
                    operand = data_register(signed(_CODE_WIDTH), name=f"operand_{name}")
                    product = data_register(signed(2 * _CODE_WIDTH), name=f"product_{name}")
                    m.d.sync += [
                        operand.eq(Mux(inside[age][k], word[lane], a_zero)),
                        product.eq(operand * taps[age][k][lane]),
                    ]
                    products[-1].append(product)
        return products

    def _taps(self, m, switched, complete):
        """Two sets of taps: words fill the second one; ``switched`` makes it the first."""
        dw_x, dw_y = self.parameters["dw_x"], self.parameters["dw_y"]
        full, fills = Signal(), Signal()
        tap = self.taps.payload
        free = Signal()
        m.d.comb += [
            free.eq(~full | switched),
            self.taps.ready.eq(free & self.data_taps.valid),
            self.data_taps.ready.eq(free & self.taps.valid),
            fills.eq(free & self.taps.valid & self.data_taps.valid),
            complete.eq(full & ~switched),
        ]
        m.d.sync += full.eq((full & ~switched) | (fills & tap.last))
        sets = []
        for age in range(dw_x):
            column = []
            for k in range(dw_y):
                shape = self.data_taps.payload.shape()
                used = data_register(shape, name=f"tap_{k}_{age}")
                following = data_register(shape, name=f"next_tap_{k}_{age}")
                written, fill = Signal(name=f"written_{k}_{age}"), Signal(name=f"fill_{k}_{age}")
                m.d.comb += fill.eq(fills & (tap.age == age) & (tap.row == k))
                m.d.sync += written.eq(fill | (written & ~switched))
                with m.If(fill):
                    m.d.sync += following.eq(self.data_taps.payload)
                with m.If(switched):
                    m.d.sync += used.eq(Mux(written, following, 0))
                column.append(used)
            sets.append(column)
        return sets

    def _give(self, m, totals, valid, reserves, room):
        """A queue for the sums, with room for all that are on their way."""
        # Read asynchronously: LUT RAM, where block RAM would be as wide as the word.
        m.submodules.sums_queue = queue = fifo.SyncFIFO(width=_width(self.o), depth=_SUMS)
        free = Signal(range(_SUMS + 1), init=_SUMS)
        m.d.comb += [
            queue.w_data.eq(totals),
            queue.w_en.eq(valid),
            queue.r_en.eq(self.o.ready),
            self.o.payload.eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            room.eq(free != 0),
        ]
        m.d.sync += free.eq(free - reserves + (self.o.valid & self.o.ready))


def _width(port):
    """Bits of a stream's payload."""
    return len(port.payload.as_value())


def _levels(terms):
    """Levels of a tree of sums, each of up to three terms."""
    return 0 if terms == 1 else 1 + _levels(-(-terms // _FAN_IN))


def _tree(m, terms, name):
    """The sum of the terms, with a register behind each level."""
    level = 0
    while len(terms) > 1:
        sums = []
        for index in range(0, len(terms), _FAN_IN):
            value = sum(terms[index + 1 : index + _FAN_IN], terms[index])
            register = data_register(value.shape(), name=f"{name}_{level}_{index // _FAN_IN}")
            m.d.sync += register.eq(value)
            sums.append(register)
        terms, level = sums, level + 1
    return terms[0]
