"""The engine of the instruction MATRIX: a GEMM engine between the memories on chip."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.exact import index_shape
from ..checks import check_integer, check_relation
from ..stream.fifo import Fifo
from ..systolic.gemm_ws import GemmWs
from ..unit import Unit, data_register
from . import isa
from .address_generator import AddressGenerator
from .aligner import Aligner
from .regroup import LANE_WIDTH, MOST_LANES, Regroup, output_layout, write_layout
from .window_steps import WindowSteps

__all__ = ["EVENTS", "Matrix"]

#: Events of the array that are counted: see :data:`.counters.COUNTERS`.
EVENTS = ("steps", "no_weights", "no_acts", "no_room")

(_FORM,) = isa.forms("matrix")
_FIELDS = data.StructLayout(
    {field.name: isa.layout("matrix")[field.name].shape for field in _FORM.fields}
    | {"reserved": 8 * isa.INSTRUCTION_BYTES - sum(field.width for field in _FORM.fields)}
)
_ADDRESS = _FIELDS["in_base"].width
_CHANNEL = _FIELDS["p_base"].width
#: Instructions between the array and the last write of the oldest.
_FLIGHT = 8
#: Rows of activations that are asked for, so that reads of the buffer may take some cycles.
_ROWS_ASKED = 8
#: Words of weights that are asked for: as many as the cycles from a request to its word's place.
_WEIGHTS_ASKED = 4
#: Bits of the bytes below a word in ``in_blk``, if the input is packed.
_BYTES = 6
#: Bits of a row and of a column of a tap, with their sign.
_ROW, _COLUMN = 13, 16


def _layout(*names, **others):
    """A layout of fields of MATRIX, and of others."""
    return data.StructLayout({name: _FIELDS[name].shape for name in names} | others)


_ACTS = _layout(
    *("in_blk", "oh", "ow", "kh", "kw", "kc", "nb", "sy", "sx", "dy", "dx"),
    *("iy0", "ih", "iw", "last", "packed", "a_zero"),
    column=_FIELDS["ix0"].shape,
    byte=_BYTES,
    base=_ADDRESS,
    window=_ADDRESS,
    tap=_ADDRESS,
)
_ROWS = data.StructLayout({"byte": _BYTES, "bytes": _BYTES, "a_zero": LANE_WIDTH, "last": 1})
_CHANNELS = _layout("p_base", "nb")


class Matrix(Unit):
    """Executes MATRIX instructions on a :class:`GemmWs` that it contains.

    ``README.md`` of this folder says exactly what an instruction does. Addresses of the buffer and
    of weights are modulo 2^16, those of channels modulo 2^12. In ``packed`` instructions ``ix0``
    and the low 6 bits of ``in_blk`` are less than ``rows``. ``w_source`` and ``w_zero`` are
    ignored.

    Reads of the buffer, of weights and of channels follow each other in the order of the
    instructions, and so do writes. Activations outside of the input are not read; ``read_1`` asks
    for the word behind that of ``read_0`` where a packed row of activations reaches into it.

    **Throughput.** A tile takes ``max(oh * ow, rows, 2)`` cycles at most, also from an instruction
    to the next, when operands and room are there. An instruction takes at least 10 cycles, a group
    of columns at least ``cols + 6``, and the last tile of a group a cycle for each write of its
    results: see :class:`Regroup`. **Latency** is 13 cycles from an instruction to its first read of
    the buffer. Stalls of any stream at any time change when words are written, never which.

    Parameters
    ----------
    rows, cols, tile_rows, tile_cols, w_format, pipeline, acc_depth, rounding
        Those of :class:`GemmWs`: activations are int8, and so are results, which are requantized
        from sums of 32 bits that wrap. Rows and columns are at most 64, and ``w_format`` is a
        single format.

    Members
    -------
    instruction : ``In(stream.Signature(fields of MATRIX in 256 bits))``
    done : ``Out(1)``
        A pulse for each instruction, in order: with ``last`` when its last word was written,
        otherwise when all of its activations and weights were read.
    idle : ``Out(1)``
        No instruction is on its way.
    read_0, read_1 : ``Out(stream.Signature(16))``
        Words of the buffer to be read.
    data_0, data_1 : ``In(stream.Signature(8 * rows))``
        These words, in order.
    weight_enable, weight_address, weight_data : ``Out(1)``, ``Out(16)``, ``In(...)``
        A word of weights is there in the cycle after ``weight_enable``.
    channel_address : ``Out(stream.Signature(12))``
    channel_data : ``In(stream.Signature(channel_layout(...)))``
    write : ``Out(stream.Signature(write_layout(rows)))``
    written : ``In(1)``
        A write with ``last`` was performed.
    steps, no_weights, no_acts, no_room : ``Out(1)``
        The array takes a row of activations; a row waits and weights are not there; activations
        are not there; results are not taken.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or parameters don't fit together.
    """

    role = "npu control"

    def __init__(
        self, *, rows, cols, tile_rows, tile_cols, w_format, pipeline, acc_depth, rounding
    ):
        check_integer("Row count", rows, 1, MOST_LANES)
        check_integer("Column count", cols, 1, MOST_LANES)
        check_relation(
            not formats.get(w_format, "Weight format").type_width,
            f"Weight format must be a single format, not {w_format!r}",
        )
        self.core = {
            **self.parameters,
            "a_format": "int8",
            "max_k": 1 << 24,
            "acc_width": 32,
            "overflow": "wrap",
            "nan_inf": "saturate",
            "output": "scale",
            "out_format": "int8",
        }
        core = GemmWs(**self.core)
        word = unsigned(rows * LANE_WIDTH)
        self.weight_width = len(Value.cast(core.weights.payload))
        super().__init__(
            {
                "instruction": In(stream.Signature(_FIELDS)),
                "done": Out(1),
                "idle": Out(1),
                "read_0": Out(stream.Signature(unsigned(_ADDRESS))),
                "data_0": In(stream.Signature(word)),
                "read_1": Out(stream.Signature(unsigned(_ADDRESS))),
                "data_1": In(stream.Signature(word)),
                "weight_enable": Out(1),
                "weight_address": Out(_ADDRESS),
                "weight_data": In(self.weight_width),
                "channel_address": Out(stream.Signature(unsigned(_CHANNEL))),
                "channel_data": In(stream.Signature(core.channels.payload.shape())),
                "write": Out(stream.Signature(write_layout(rows))),
                "written": In(1),
                **{name: Out(1) for name in EVENTS},
            }
        )

    def build(self):
        m = Module()
        rows, cols = self.parameters["rows"], self.parameters["cols"]
        m.submodules.core = core = GemmWs(**self.core)
        acts, walk, channels, outputs, order = self._set_up(m)
        acts_end = self._acts(m, acts, core)
        weights_end = self._weights(m, walk, core)
        self._channels(m, channels, core)
        m.submodules.regroup = regroup = Regroup(rows=rows, cols=cols)
        wiring.connect(m, outputs, regroup.outputs)
        wiring.connect(m, regroup.o, wiring.flipped(self.write))
        m.d.comb += [
            regroup.results.payload.as_value().eq(core.results.payload.as_value()),
            regroup.results.valid.eq(core.results.valid),
            core.results.ready.eq(regroup.results.ready),
        ]
        self._end(m, order, acts_end, weights_end)
        acts, weights, results = core.acts, core.weights, core.results
        m.d.comb += [
            self.steps.eq(acts.valid & acts.ready),
            self.no_weights.eq(acts.valid & ~acts.ready & weights.ready & ~weights.valid),
            self.no_acts.eq(acts.ready & ~acts.valid & ~self.idle),
            self.no_room.eq(results.valid & ~results.ready),
        ]
        return m

    def _set_up(self, m):
        """Products of the fields of an instruction, while the one ahead runs.

        Returns the streams of jobs for activations, for tiles and weights, for channels, and for
        results, and of the instructions' ``last``, which have queues of their own: weights are
        loaded while the activations of the tile ahead pass, and results come later than both.
        """
        new = self.instruction.payload
        fields = data_register(_FIELDS, name="fields")
        m.submodules.steps = steps = WindowSteps(
            pitch_width=_FIELDS["in_row"].width, address_width=_ADDRESS
        )
        # The pixels of a tile less one, oh * (ow + 1) + ow, are there before the steps are.
        length = data_register(index_shape(self.parameters["acc_depth"]), name="length")
        term = data_register(len(length), name="term")
        bits = data_register(_FIELDS["oh"].width, name="bits")
        taken = Signal()
        m.d.comb += [
            *(steps.i.payload[name].eq(new[name]) for name in ("iy0", "sy", "dy")),
            steps.i.payload.pitch.eq(new.in_row),
            steps.i.valid.eq(self.instruction.valid),
            self.instruction.ready.eq(steps.i.ready),
            taken.eq(self.instruction.valid & self.instruction.ready),
        ]
        m.d.sync += [
            length.eq(length + Mux(bits[0], term, 0)),
            term.eq(term << 1),
            bits.eq(bits >> 1),
        ]
        with m.If(taken):
            m.d.sync += [
                fields.eq(new),
                length.eq(new.ow),
                term.eq(new.ow + 1),
                bits.eq(new.oh),
            ]
        in_flight = Signal(range(_FLIGHT + 2))
        m.d.comb += self.idle.eq(in_flight == 0)
        m.d.sync += in_flight.eq(in_flight + taken - self.done)

        products = steps.o.payload
        column = Mux(fields.packed, 0, fields.ix0)
        walk = _layout("kh", "kw", "kc", "nb", "first", "last", "w_base", length=length.shape())
        queues = {
            "acts": (_ACTS, 2),
            "walk": (walk, 2),
            "channels": (_CHANNELS, 2),
            "outputs": (output_layout(), _FLIGHT),
            "order": (_layout("last"), _FLIGHT),
        }
        values = {
            "column": column,
            "byte": Mux(fields.packed, fields.ix0, 0),
            "base": fields.in_base + products.start + column,
            "window": products.window,
            "tap": products.tap,
            "length": length,
        }
        room = Signal(len(queues))
        streams = []
        for number, (name, (layout, depth)) in enumerate(queues.items()):
            m.submodules[f"queue_{name}"] = queue = Fifo(width=layout.size, depth=depth)
            job = data.View(layout, queue.i.payload)
            needed = fields.last if name in ("channels", "outputs") else 1
            m.d.comb += [
                room[number].eq(queue.i.ready),
                queue.i.valid.eq(steps.o.valid & room.all() & needed),
                *(job[key].eq(values[key] if key in values else fields[key]) for key, _ in layout),
            ]
            streams.append(stream.Signature(layout).create(path=(name,)))
            m.d.comb += [
                streams[-1].payload.eq(queue.o.payload),
                streams[-1].valid.eq(queue.o.valid),
                queue.o.ready.eq(streams[-1].ready),
            ]
        m.d.comb += steps.o.ready.eq(room.all())
        return streams

    def _acts(self, m, jobs, core):
        """Rows of activations to the core; returns when the last one of sums that stay was read."""
        rows = self.parameters["rows"]
        job = jobs.payload
        m.submodules.walk = walk = AddressGenerator(
            levels=6,
            address_width=_ADDRESS,
            count_width=_FIELDS["ow"].width,
            row_width=_ROW,
            column_width=_COLUMN,
        )
        loops = walk.i.payload
        packed = job.packed
        right, down = job.dx + 1, job.dy + 1
        pixel = Mux(packed, job.in_blk[_BYTES:], job.sx + 1)
        block = Mux(packed, 1, job.in_blk)
        levels = (  # count, and steps of address, row and column; innermost first
            (job.ow, pixel, 0, Mux(packed, 0, job.sx + 1)),
            (job.oh, job.window, job.sy + 1, 0),
            (job.kw, right, 0, right),
            (job.kh, job.tap, down, 0),
            (job.kc, block, 0, 0),
            (job.nb, 0, 0, 0),
        )
        # Of the instruction whose addresses leave the walk: its rows of activations.
        m.submodules.queue_rows = queue = Fifo(width=_ROWS.size, depth=4)
        new = data.View(_ROWS, queue.i.payload)
        m.d.comb += [
            loops.base.eq(job.base),
            loops.row.eq(job.iy0),
            loops.rows.eq(job.ih),
            loops.column.eq(job.column),
            loops.columns.eq(job.iw),
            *(
                side[level].eq(value)
                for level, values in enumerate(levels)
                for side, value in zip(
                    (loops.counts, loops.steps, loops.row_steps, loops.column_steps),
                    values,
                    strict=True,
                )
            ),
            new.byte.eq(job.byte),
            new.bytes.eq(Mux(packed, job.in_blk[:_BYTES], 0)),
            new.a_zero.eq(job.a_zero),
            new.last.eq(job.last),
            walk.i.valid.eq(jobs.valid & queue.i.ready),
            queue.i.valid.eq(jobs.valid & walk.i.ready),
            jobs.ready.eq(walk.i.ready & queue.i.ready),
        ]
        asked = self._requests(m, walk.o, queue.o)

        # A row is put together of one or two words, or of none outside of the input.
        m.submodules.aligner = aligner = Aligner(lanes=rows)
        info, pair = asked.payload, aligner.i.payload
        second = Signal()
        goes = Signal()
        first_there = self.data_0.valid | ~info.inside
        second_there = self.data_1.valid | ~second
        m.d.comb += [
            second.eq(info.offset != 0),
            pair.low.eq(Mux(info.inside, self.data_0.payload, info.a_zero.replicate(rows))),
            pair.high.eq(self.data_1.payload),
            pair.offset.eq(info.offset),
            aligner.i.valid.eq(asked.valid & first_there & second_there),
            goes.eq(aligner.i.valid & aligner.i.ready),
            asked.ready.eq(first_there & second_there & aligner.i.ready),
            self.data_0.ready.eq(asked.valid & info.inside & second_there & aligner.i.ready),
            self.data_1.ready.eq(asked.valid & second & first_there & aligner.i.ready),
            core.acts.payload.as_value().eq(aligner.o.payload),
            core.acts.valid.eq(aligner.o.valid),
            aligner.o.ready.eq(core.acts.ready),
        ]
        return goes & info.ends

    def _requests(self, m, steps, rows_stream):
        """Requests of words of the buffer; returns a stream of what becomes of each."""
        rows = self.parameters["rows"]
        step, row = steps.payload, data.View(_ROWS, rows_stream.payload)
        info_layout = data.StructLayout(
            {"inside": 1, "offset": range(rows), "a_zero": LANE_WIDTH, "ends": 1}
        )
        # The byte of a packed row in its word, and the words that bytes were carried into, both
        # kept along x.
        next_byte = data_register(range(rows), name="next_byte")
        next_carries = data_register(_FIELDS["ow"].width + 1, name="next_carries")
        byte = Signal(range(rows))
        carries = Signal(len(next_carries))
        total = Signal(range(2 * rows))
        wraps = Signal()
        address = Signal(_ADDRESS)
        asks = Signal()
        m.d.comb += [
            byte.eq(Mux(step.first[0], row.byte, next_byte)),
            carries.eq(Mux(step.first[0], 0, next_carries)),
            total.eq(byte + row.bytes),
            wraps.eq(total >= rows),
            address.eq(step.address + carries),
        ]
        info = Signal(info_layout)
        m.d.comb += [
            info.inside.eq(step.inside),
            info.offset.eq(Mux(step.inside, byte, 0)),
            info.a_zero.eq(row.a_zero),
            info.ends.eq(step.last[-1] & ~row.last),
        ]
        wanted = {
            "read_0": (self.read_0, step.inside, address),
            "read_1": (self.read_1, step.inside & (byte != 0), address + 1),
        }
        room = Signal(3)
        for number, (name, (port, needed, payload)) in enumerate(wanted.items()):
            m.submodules[f"queue_{name}"] = queue = Fifo(width=_ADDRESS, depth=2)
            wiring.connect(m, queue.o, wiring.flipped(port))
            m.d.comb += [
                room[number].eq(queue.i.ready),
                queue.i.valid.eq(asks & needed),
                queue.i.payload.eq(payload),
            ]
        m.submodules.queue_info = queue = Fifo(width=info_layout.size, depth=_ROWS_ASKED)
        asked = stream.Signature(info_layout).create(path=("asked",))
        m.d.comb += [
            room[2].eq(queue.i.ready),
            asks.eq(steps.valid & room.all()),
            steps.ready.eq(room.all()),
            rows_stream.ready.eq(asks & step.last[-1]),
            queue.i.valid.eq(asks),
            queue.i.payload.eq(info),
            asked.valid.eq(queue.o.valid),
            asked.payload.eq(queue.o.payload),
            queue.o.ready.eq(asked.ready),
        ]
        with m.If(asks):
            m.d.sync += [
                next_byte.eq(Mux(wraps, total - rows, total)),
                next_carries.eq(carries + wraps),
            ]
        return asked

    def _weights(self, m, jobs, core):
        """Tiles and their weights to the core; returns when the last of sums that stay was read."""
        job, last_row = jobs.payload, self.parameters["rows"] - 1
        begun = Signal()
        loads = Signal()
        step = Signal()
        tile_ends = Signal()
        told = Signal()  # the core knows the tile
        at_last = Signal()
        asked = data_register(_ADDRESS, name="weight_asked")
        first_tile = data_register(1, name="first_tile")
        row = data_register(range(last_row + 1), name="row")
        address = data_register(_ADDRESS, name="weights_from")
        held = {
            name: data_register(len(Value.cast(job[name])), name=f"tile_{name}")
            for name in ("length", "first", "last")
        }
        lasts, ends = [], tile_ends  # of each loop of tiles, the innermost first
        for level in ("kw", "kh", "kc", "nb"):
            most = data_register(_FIELDS[level].width, name=f"{level}_most")
            left = data_register(_FIELDS[level].width, name=f"{level}_left")
            last = Signal(name=f"{level}_last")
            m.d.comb += last.eq(left == 0)
            with m.If(loads):
                m.d.sync += [most.eq(job[level]), left.eq(job[level])]
            with m.Elif(ends):
                m.d.sync += left.eq(Mux(last, most, left - 1))
            lasts.append(last)
            ends = ends & last
        last_tile = Cat(lasts[:-1]).all()

        # Words that are asked for have a place in the queue, which hides the memory's latency.
        width = self.weight_width
        m.submodules.queue_weights = queue = Fifo(width=width, depth=_WEIGHTS_ASKED)
        places = Signal(range(_WEIGHTS_ASKED + 1), init=_WEIGHTS_ASKED)
        arrives = Signal()
        tiles = core.tiles
        m.d.comb += [
            loads.eq(ends | ~begun),
            jobs.ready.eq(loads),
            tiles.valid.eq(begun & ~told),
            tiles.payload.length.eq(held["length"]),
            tiles.payload.first.eq(held["first"] & first_tile),
            tiles.payload.last.eq(held["last"] & last_tile),
            at_last.eq(row == last_row),
            step.eq(begun & (places != 0) & (~at_last | told | tiles.ready)),
            tile_ends.eq(step & at_last),
            queue.i.valid.eq(arrives),
            queue.i.payload.eq(self.weight_data),
            core.weights.valid.eq(queue.o.valid),
            core.weights.payload.as_value().eq(queue.o.payload),
            queue.o.ready.eq(core.weights.ready),
            self.weight_address.eq(asked),
        ]
        m.d.sync += [
            places.eq(places - step + (queue.o.valid & queue.o.ready)),
            self.weight_enable.eq(step),
            arrives.eq(self.weight_enable),
            asked.eq(address),
            told.eq(begun & ~tile_ends & (told | tiles.ready)),
        ]
        with m.If(loads | tile_ends):
            m.d.sync += [row.eq(0), first_tile.eq(loads | last_tile)]
        with m.Elif(step):
            m.d.sync += row.eq(row + 1)
        with m.If(loads):
            m.d.sync += [begun.eq(jobs.valid), address.eq(job.w_base)]
            m.d.sync += [register.eq(job[name]) for name, register in held.items()]
        with m.Elif(step):
            m.d.sync += address.eq(address + 1)
        ended = Signal()  # with the last request
        m.d.sync += ended.eq(ends & ~held["last"])
        return ended

    def _channels(self, m, jobs, core):
        """Requests of the groups' channels, the last column's first, and these to the core."""
        cols = self.parameters["cols"]
        wiring.connect(m, wiring.flipped(self.channel_data), core.channels)
        job = jobs.payload
        begun = Signal()
        loads = Signal()
        goes = Signal()
        at_last = Signal()
        channel = data_register(_CHANNEL, name="channel")
        left = data_register(range(cols), name="columns_left")
        groups_left = data_register(_FIELDS["nb"].width, name="groups_left")
        m.d.comb += [
            at_last.eq(left == 0),
            goes.eq(begun & self.channel_address.ready),
            loads.eq(~begun | (goes & at_last & (groups_left == 0))),
            jobs.ready.eq(loads),
            self.channel_address.valid.eq(begun),
            self.channel_address.payload.eq(channel),
        ]
        with m.If(loads):
            m.d.sync += [
                begun.eq(jobs.valid),
                channel.eq(job.p_base + (cols - 1)),
                left.eq(cols - 1),
                groups_left.eq(job.nb),
            ]
        with m.Elif(goes):
            m.d.sync += [
                channel.eq(channel + Mux(at_last, 2 * cols - 1, -1)),
                left.eq(Mux(at_last, cols - 1, left - 1)),
                groups_left.eq(groups_left - at_last),
            ]

    def _end(self, m, order, acts_end, weights_end):
        """Ends instructions in order, from events that may come earlier."""
        events = {"written": self.written, "acts": acts_end, "weights": weights_end}
        writes = order.payload.last
        some = {}
        for name, event in events.items():
            count = Signal(range(_FLIGHT + 2), name=f"{name}_ended")
            counts = writes if name == "written" else ~writes
            m.d.sync += count.eq(count + event - (self.done & counts))
            some[name] = count != 0
        m.d.comb += [
            self.done.eq(
                order.valid & Mux(writes, some["written"], some["acts"] & some["weights"])
            ),
            order.ready.eq(self.done),
        ]
