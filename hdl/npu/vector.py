"""The vector engine: everything but products of matrices."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import check_integer, check_relation
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from . import isa
from .address_generator import AddressGenerator
from .buffer import lane_write_layout
from .depthwise import Depthwise
from .lane import CHANNEL
from .lanes import Lanes
from .parameter_loader import ParameterLoader
from .window_steps import WindowSteps

__all__ = ["Vector"]

_FUNCTIONS = isa.FUNCTIONS
_WINDOWS = ("window_max", "window_sum", "depthwise")
_REDUCTIONS = ("reduce_sum", "reduce_max")
_OF_B = ("add", "mul")
_WITHOUT_PARAMETERS = ("copy", "window_max", "reduce_max")
#: Bits of a row and of a column of a window's tap, with their sign: 255 · 8 + 15 · 8 + 127 rows.
_ROW_WIDTH, _COLUMN_WIDTH = 13, 16
#: Instructions whose iterations have not all gone.
_OPEN = 4
#: Iterations whose operands are on their way.
_AHEAD = 8
#: Results in the lanes and behind them.
_RESULTS = 16
#: Loops of columns, rows and blocks.
_PLAIN = {
    "levels": 3,
    "address_width": 16,
    "count_width": 11,
    "row_width": 0,
    "column_width": 0,
}
#: An iteration: whether its code is within bounds, and where it stands in the loops.
_ITERATION = data.StructLayout(
    {
        "inside": 1,
        "window_first": 1,
        "block_first": 1,
        "first": 1,
        "window_last": 1,
        "block_last": 1,
        "last": 1,
    }
)
#: What all iterations of an instruction have in common; ``single``: one code of operand b counts.
_CONTEXT = data.StructLayout(
    {
        "function": 5,
        "table": 4,
        "a_zero": signed(8),
        "single": 1,
        "reduces": 1,
        "of_b": 1,
        "of_sums": 1,
        "of_parameters": 1,
        "shared": 1,
    }
)
#: Blocks of an instruction less one, and lanes of the last one.
_ENDING = data.StructLayout({"blocks": 8, "tail": 6})


def _is_any(function, names):
    return Cat(function == _FUNCTIONS[name] for name in names).any()


class Vector(Unit):
    """Executes VECTOR instructions: an iteration a cycle, of all lanes.

    An iteration is a tap of a window, or else a pixel; functions are those of the
    [README](README.md). Instructions overlap: the next one's operands are asked for while results
    of the last one are on their way, except that a depthwise window waits until the operands of
    other functions were used, and the other way round.

    **Throughput** is an iteration a cycle, over blocks of channels and instructions, when operands
    come in time, except that a block with parameters of its own takes ``rows + Lanes.hold + 1``
    cycles at least. **Latency** is ``latency`` cycles from an iteration's operands to its word,
    plus the time of both memories.

    Parameters
    ----------
    rows : int
        Lanes of a word of the buffer.
    rounding : str
        That of :class:`Lanes`.
    tables : int
        Tables of 256 codes.
    dw_x, dw_y, dw_depth : int
        Those of :class:`Depthwise`; with 0 and 0 there are no depthwise windows.

    Members
    -------
    instruction : ``In(stream.Signature(256))``
    done : ``Out(1)``
        An instruction has ended, in their order: its last word is in the buffer.
    idle : ``Out(1)``
    read_<n>, data_<n> : streams of addresses and words of the buffer
        A port for each row of taps of operand a, one at least; the last is for operand b and taps.
    channels, parameter_words : streams of addresses and words of the channel memory
    write : ``Out(stream.Signature(lane_write_layout(rows)))``
    written : ``In(1)``
        That of the :class:`Buffer`.
    table_writes : ``In(stream.Signature(table_write_layout(tables)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "npu vector"

    def __init__(self, *, rows, rounding, tables, dw_x, dw_y, dw_depth):
        check_integer("Row count", rows, 1, 64)
        self.word_width = 8 * rows
        self.lanes = {"lanes": rows, "rounding": rounding, "tables": tables}
        self.windows = {"lanes": rows, "dw_x": dw_x, "dw_y": dw_y, "depth": dw_depth}
        self.windows["address_width"] = 16
        lanes = Lanes(**self.lanes)
        self.latency = lanes.latency
        table_words = lanes.signature.members["table_writes"]
        for name, value in (("columns", dw_x), ("rows", dw_y)):
            check_integer(f"Tap {name}", value, 0, 3)
        check_relation(
            (dw_x == 0) == (dw_y == 0),
            f"Tap columns and tap rows must both be 0, or neither, not {dw_x} and {dw_y}",
        )
        self.has_windows = dw_x > 0
        if self.has_windows:
            Depthwise(**self.windows)
        self.a_ports = max(1, dw_y)
        address = Out(stream.Signature(unsigned(16)))
        word = In(stream.Signature(unsigned(self.word_width)))
        ports = {"instruction": In(stream.Signature(unsigned(256))), "done": Out(1), "idle": Out(1)}
        for number in range(self.a_ports + 1):
            ports |= {f"read_{number}": address, f"data_{number}": word}
        super().__init__(
            ports
            | {
                "channels": Out(stream.Signature(unsigned(12))),
                "parameter_words": In(stream.Signature(unsigned(CHANNEL.size))),
                "write": Out(stream.Signature(lane_write_layout(rows))),
                "written": In(1),
                "table_writes": table_words,
            }
        )

    def build(self):
        m = Module()
        fields = isa.layout("vector")(self.instruction.payload)
        window, reduces, of_b, of_sums, of_parameters = (
            Signal(name=name) for name in ("window", "reduces", "of_b", "of_sums", "of_parameters")
        )
        function = fields.function
        m.d.comb += [
            window.eq(_is_any(function, _WINDOWS)),
            reduces.eq(_is_any(function, _REDUCTIONS)),
            of_b.eq(_is_any(function, _OF_B)),
            of_sums.eq(self.has_windows & (function == _FUNCTIONS["depthwise"])),
            of_parameters.eq(~_is_any(function, _WITHOUT_PARAMETERS)),
        ]
        m.submodules.steps = steps = WindowSteps(pitch_width=12, address_width=16)
        m.submodules.a = a = AddressGenerator(
            levels=5,
            address_width=16,
            count_width=11,
            row_width=_ROW_WIDTH,
            column_width=_COLUMN_WIDTH,
        )
        m.submodules.b = b = AddressGenerator(**_PLAIN)
        m.submodules.d = d = AddressGenerator(**_PLAIN)
        windows = None
        if self.has_windows:
            m.submodules.windows = windows = Depthwise(**self.windows)
            m.d.comb += [
                windows.instruction.payload[name].eq(fields[name])
                for name, _ in windows.instruction.payload.shape()
            ]
        m.submodules.parameters = loader = ParameterLoader(
            lanes=self.lanes["lanes"],
            width=CHANNEL.size,
            address_width=12,
            hold=Lanes.hold,
        )
        m.submodules.contexts = contexts = Fifo(width=_CONTEXT.size, depth=_OPEN)
        m.submodules.endings = endings = Fifo(width=_ENDING.size, depth=_OPEN)

        # Steps of rows first, a cycle for the loops, then a job for each unit that is needed.
        asked = Signal()
        prepared = Signal()
        ready = Signal()
        m.d.comb += [
            steps.i.payload.pitch.eq(fields.a_row),
            steps.i.payload.iy0.eq(Mux(window, fields.iy0, 0)),
            steps.i.payload.sy.eq(Mux(window, fields.sy, 0)),
            steps.i.payload.dy.eq(fields.dy),
            steps.i.valid.eq(self.instruction.valid & ~asked),
            self.instruction.ready.eq(ready),
            steps.o.ready.eq(ready),
        ]
        with m.If(steps.i.valid & steps.i.ready):
            m.d.sync += asked.eq(1)
        m.d.sync += prepared.eq(steps.o.valid & ~ready)
        with m.If(ready):
            m.d.sync += asked.eq(0)
        self._walks(m, fields, steps.o.payload, (window, reduces, of_sums), (a, b, d))
        context, ending = Signal(_CONTEXT), Signal(_ENDING)
        blocks = loader.i.payload
        m.d.comb += [
            context.function.eq(function),
            context.table.eq(fields.table),
            context.a_zero.eq(fields.a_zero),
            context.single.eq(fields.b_mode >= isa.B_MODES["scalar"]),
            context.reduces.eq(reduces),
            context.of_b.eq(of_b),
            context.of_sums.eq(of_sums),
            context.of_parameters.eq(of_parameters),
            context.shared.eq(fields.shared),
            contexts.i.payload.eq(context),
            ending.blocks.eq(fields.nb),
            ending.tail.eq(fields.tail),
            endings.i.payload.eq(ending),
            blocks.base.eq(fields.p_base),
            blocks.count.eq(fields.nb),
            blocks.shared.eq(fields.shared),
        ]
        # The ports belong to depthwise windows or to other functions until all is used.
        open_count = Signal(range(_OPEN + 1))
        of_windows = Signal()
        starts = Signal()
        m.d.comb += starts.eq(
            self.instruction.valid
            & prepared
            & (open_count != _OPEN)
            & ((open_count == 0) | (of_windows == of_sums))
        )
        streams = ((a.i, 1), (d.i, 1), (contexts.i, 1), (endings.i, 1), (b.i, of_b))
        streams += ((loader.i, of_parameters),)
        if self.has_windows:
            streams += ((windows.instruction, of_sums),)
        m.d.comb += ready.eq(_send(m, starts, streams))
        with m.If(starts):
            m.d.sync += of_windows.eq(of_sums)

        wiring.connect(m, loader.channels, wiring.flipped(self.channels))
        wiring.connect(m, wiring.flipped(self.parameter_words), loader.words)
        results, ended = self._operands(m, a, b, windows, of_windows, contexts, loader)
        m.d.sync += open_count.eq(open_count + ready - ended)
        self._write(m, results, d, endings)

        flying = Signal(range(2 * _OPEN + 3))
        m.d.sync += flying.eq(flying + ready - self.written)
        m.d.comb += [self.idle.eq((flying == 0) & ~self.instruction.valid)]
        m.d.comb += self.done.eq(self.written)
        return m

    def _walks(self, m, fields, steps, flags, generators):
        """The loops of both operands and of the output."""
        window, reduces, of_sums = flags
        a, b, d = generators
        taps, stride, dilation = Signal(), Signal(4), Signal(4)
        tensor, block, pixel = (
            fields.b_mode == isa.B_MODES[name] for name in ("tensor", "block", "pixel")
        )
        m.d.comb += [
            taps.eq(window & ~of_sums),
            stride.eq(Mux(window, fields.sx, 0) + 1),
            dilation.eq(Mux(taps, fields.dx, 0) + 1),
        ]
        # From level to level: columns of taps, rows of taps, columns, rows, blocks.
        _set(
            m,
            a,
            base=fields.a_base + Mux(window, steps.start + fields.ix0, 0),
            counts=[
                *(Mux(taps, count, 0) for count in (fields.kw, fields.kh)),
                *(fields.ow, fields.oh, fields.nb),
            ],
            steps=[dilation, steps.tap, stride, steps.window, fields.a_blk],
            # Sums of depthwise windows take the place of words: no iteration is inside then.
            row=Mux(of_sums, -1, Mux(taps, fields.iy0, 0)),
            row_steps=[0, Mux(taps, fields.dy + 1, 0), 0, Mux(taps, fields.sy + 1, 0), 0],
            rows=Mux(taps, fields.ih, -1),
            column=Mux(taps, fields.ix0, 0),
            column_steps=[Mux(taps, dilation, 0), 0, Mux(taps, stride, 0), 0, 0],
            columns=Mux(taps, fields.iw, -1),
        )
        moves = tensor | pixel
        _set(
            m,
            b,
            base=fields.b_base,
            counts=[fields.ow, fields.oh, fields.nb],
            steps=[moves, Mux(moves, fields.b_row, 0), Mux(tensor | block, fields.b_blk, 0)],
        )
        pixels = [Mux(reduces, 0, count) for count in (fields.ow, fields.oh)]
        _set(
            m,
            d,
            base=fields.d_base,
            counts=[*pixels, fields.nb],
            steps=[fields.out_step + 1, fields.d_row, fields.d_blk],
        )

    def _operands(self, m, a, b, windows, of_windows, contexts, loader):
        """Reads, and iterations into the lanes; returns the lanes and a flag for the last one."""
        ports = [
            (getattr(self, f"read_{n}"), getattr(self, f"data_{n}"))
            for n in range(self.a_ports + 1)
        ]
        *a_ports, b_port = ports
        m.submodules.ahead = ahead = Fifo(width=_ITERATION.size, depth=_AHEAD)
        step, entering = a.o.payload, Signal(_ITERATION)
        read, data_a = a_ports[0]
        asks = Signal()
        m.d.comb += [
            entering.inside.eq(step.inside),
            entering.window_first.eq(step.first[1]),
            entering.block_first.eq(step.first[3]),
            entering.first.eq(step.first[4]),
            entering.window_last.eq(step.last[1]),
            entering.block_last.eq(step.last[3]),
            entering.last.eq(step.last[4]),
            ahead.i.payload.eq(entering),
            ahead.i.valid.eq(a.o.valid & (read.ready | ~step.inside)),
            a.o.ready.eq(ahead.i.ready & (read.ready | ~step.inside)),
            asks.eq(a.o.valid & step.inside & ahead.i.ready),
        ]
        for number, (port, words) in enumerate(ports if self.has_windows else ()):
            taps = number == len(a_ports)
            ask = windows.read_taps if taps else getattr(windows, f"read_{number}")
            answer = windows.data_taps if taps else getattr(windows, f"data_{number}")
            m.d.comb += [
                port.payload.eq(ask.payload),
                port.valid.eq(ask.valid & of_windows),
                ask.ready.eq(port.ready & of_windows),
                answer.payload.eq(words.payload),
                answer.valid.eq(words.valid & of_windows),
                words.ready.eq(answer.ready & of_windows),
            ]
        with m.If(~of_windows):
            m.d.comb += [
                read.payload.eq(step.address),
                read.valid.eq(asks),
                b_port[0].payload.eq(b.o.payload.address),
                b_port[0].valid.eq(b.o.valid),
                b.o.ready.eq(b_port[0].ready),
            ]

        iteration, context = _ITERATION(ahead.o.payload), _CONTEXT(contexts.o.payload)
        data_b = b_port[1]
        m.submodules.lanes = lanes = Lanes(**self.lanes)
        sums_valid = Signal()
        room = Signal(range(_RESULTS + 1), init=_RESULTS)
        goes, gives, left = Signal(), Signal(), Signal()
        # The first iteration with a set of parameters, and the last one.
        sets, ends = Signal(), Signal()
        armed = Signal()  # the lanes have the set of the next iteration that begins with one
        between = Signal(init=1)  # no further iteration uses the set before
        m.d.comb += [
            sets.eq(
                context.of_parameters & Mux(context.shared, iteration.first, iteration.block_first)
            ),
            ends.eq(
                context.of_parameters & Mux(context.shared, iteration.last, iteration.block_last)
            ),
            gives.eq(Mux(context.reduces, iteration.block_last, iteration.window_last)),
            goes.eq(
                ahead.o.valid
                & contexts.o.valid
                & (data_a.valid | ~iteration.inside)
                & (data_b.valid & ~lanes.table_busy | ~context.of_b)
                & (sums_valid | ~context.of_sums)
                & (armed | ~sets)
                & (room != 0)
            ),
            ahead.o.ready.eq(goes),
            contexts.o.ready.eq(goes & iteration.last),
            # The lanes take a set in the cycle of the last iteration that uses the one before.
            loader.take.eq(loader.loaded & (goes & ends | between & ~armed)),
        ]
        with m.If(~of_windows):
            m.d.comb += [
                data_a.ready.eq(goes & iteration.inside),
                data_b.ready.eq(goes & context.of_b),
            ]
        with m.If(loader.take):
            m.d.sync += armed.eq(1)
        with m.Elif(goes & sets):
            m.d.sync += armed.eq(0)
        with m.If(goes & context.of_parameters):
            m.d.sync += between.eq(ends)
        word = lanes.i
        b_word = data_b.payload
        m.d.comb += [
            lanes.valid.eq(goes),
            lanes.start.eq(loader.take),
            Cat(lanes.channel).eq(Cat(loader.values)),
            Cat(word.a).eq(data_a.payload),
            Cat(word.b).eq(Mux(context.single, b_word[:8].replicate(self.lanes["lanes"]), b_word)),
            word.function.eq(context.function),
            word.first.eq(Mux(context.reduces, iteration.block_first, iteration.window_first)),
            word.last.eq(gives),
            word.inside.eq(iteration.inside),
            word.a_zero.eq(context.a_zero),
            word.table.eq(context.table),
        ]
        if self.has_windows:
            m.d.comb += [
                sums_valid.eq(windows.o.valid),
                windows.o.ready.eq(goes & context.of_sums),
                Cat(word.sums).eq(Cat(windows.o.payload)),
            ]
        m.submodules.results = results = Fifo(width=self.word_width, depth=_RESULTS)
        m.d.comb += [
            results.i.payload.eq(Cat(lanes.o)),
            results.i.valid.eq(lanes.valid_o),
            left.eq(results.o.valid & results.o.ready),
        ]
        m.d.sync += room.eq(room - (goes & gives) + left)
        wiring.connect(m, wiring.flipped(self.table_writes), lanes.table_writes)
        return results.o, goes & iteration.last

    def _write(self, m, results, d, endings):
        """Results with their addresses, to the buffer."""
        rows = self.lanes["lanes"]
        ending = _ENDING(endings.o.payload)
        block = Signal(8)
        masked = Signal()
        moves = Signal()
        word = self.write.payload
        below = Cat(lane < ending.tail for lane in range(rows))
        m.d.comb += [
            masked.eq((block == ending.blocks) & (ending.tail != 0)),
            word.address.eq(d.o.payload.address),
            word.data.eq(results.payload),
            word.mask.eq(Mux(masked, below, -1)),
            word.last.eq(d.o.payload.last[2]),
            self.write.valid.eq(results.valid & d.o.valid & endings.o.valid),
            moves.eq(self.write.valid & self.write.ready),
            results.ready.eq(d.o.valid & endings.o.valid & self.write.ready),
            d.o.ready.eq(moves),
            endings.o.ready.eq(moves & word.last),
        ]
        with m.If(moves):
            m.d.sync += block.eq(Mux(word.last, 0, block + d.o.payload.last[1]))


def _set(m, generator, **values):
    """Loops for an address generator, through a register."""
    layout = generator.i.payload.shape()
    loops = data_register(layout, name="loops")
    for name, value in values.items():
        if isinstance(value, list):
            m.d.sync += [loops[name][level].eq(each) for level, each in enumerate(value)]
        else:
            m.d.sync += loops[name].eq(value)
    m.d.comb += generator.i.payload.eq(loops)


def _send(m, starts, streams):
    """Hands a payload to each stream that wants it, once; returns when the last one takes it.

    ``streams`` are pairs of a stream and whether it wants the payload, while ``starts`` is set.
    """
    sent = Signal(len(streams))
    taken, last = [], []
    for number, (to, wanted) in enumerate(streams):
        m.d.comb += to.valid.eq(starts & wanted & ~sent[number])
        taken.append(to.valid & to.ready)
        last.append(sent[number] | to.ready | ~wanted)
    ends = Signal()
    m.d.comb += ends.eq(starts & Cat(last).all())
    m.d.sync += sent.eq(Mux(ends, 0, sent | Cat(taken)))
    return ends
