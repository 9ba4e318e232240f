"""The network processor: memories on chip, engines of products and vectors, and their control."""

from amaranth.hdl import Module, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import check_integer, check_relation
from ..unit import Unit
from . import isa
from .buffer import Buffer, write_layout
from .control import Control
from .issue import instruction_layout
from .lane import CHANNEL
from .load_engine import CHANNEL_BYTES, TABLE_BYTES
from .matrix import EVENTS, Matrix
from .ram import Ram
from .vector import Vector

__all__ = ["Npu"]

#: Bits of the number of an instruction.
PC_WIDTH = 24
#: Instructions of an engine that may have begun and not ended.
FLIGHT = 16

_CONTROL_OUT = ("done", "failed", "failed_kind", "failed_pc", "interrupt", "idle", "waiting")


class Npu(Unit):
    """Executes instructions on memories that whoever moves data to and from DRAM fills and reads.

    LOAD and STORE leave as they came, when their tokens are there: ``done_load`` and ``done_store``
    answer each of them, in order. :class:`NpuTop` adds both, and the fetching of programs.

    Parameters
    ----------
    rows, cols, tile_rows, tile_cols, w_format, pipeline, acc_depth
        Those of :class:`Matrix`.
    buffer, banks : int
        Words of the buffer, a multiple of the banks, at most 65,536.
    weights : int
        Words of the weight memory, at most 65,536.
    channels : int
        Channels of the parameter memory, at most 4,096.
    tables, rounding, dw_x, dw_y, dw_depth
        Those of :class:`Vector`.
    queue : int
        Instructions that wait ahead of each engine.

    Members
    -------
    instructions : ``In(stream.Signature(instruction_layout(...)))``
    load, store : ``Out(stream.Signature(256))``
    done_load, done_store : ``In(1)``
    read : ``In(stream.Signature(...))``, ``data`` : ``Out(stream.Signature(8 * rows))``
        Words of the buffer.
    write : ``In(stream.Signature(write_layout(...)))``, ``written`` : ``Out(1)``
        Likewise; ``written`` is that of the :class:`Buffer`.
    write_weights, write_channels, write_tables : streams of words with their addresses
    channels_written : ``Out(1)``
        A word of the parameter memory is there.
    events : ``Out(...)``
        ``bank_<engine>``: it waits for a bank of the buffer, a cycle late; and those of the
        :class:`Matrix`.
    done, failed, failed_kind, failed_pc, interrupt, idle, waiting, pc_<engine>
        Those of :class:`Control`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or parameters don't fit together.
    """

    role = "npu control"
    number = 9
    #: No descriptors are tiles: see :class:`.Engine`.
    rows_stream = None
    #: The instruction set, for the manifest.
    isa = isa.description()

    @property
    def axi_top(self):
        """Class of the unit that fetches programs and moves data to and from memory."""
        from .npu_top import NpuTop

        return NpuTop

    @property
    def identity(self):
        """Values of the registers ``CAPS``, ``SHAPE``, ``LIMIT``, ``WIDTHS`` and ``MAX_K``.

        Those of ``CAPS`` are without the fields of the bus wrapper.
        """
        params = self.parameters
        weight = self.matrix.weight_width // params["cols"]
        widths = (8, weight, 8, 32)
        return {
            "CAPS": self.number | 1 << 16,
            "SHAPE": params["rows"] | params["cols"] << 16,
            "LIMIT": params["acc_depth"],
            "WIDTHS": sum(width << 8 * index for index, width in enumerate(widths)),
            "MAX_K": 0,
        }

    def __init__(
        self,
        *,
        rows,
        cols,
        tile_rows,
        tile_cols,
        w_format,
        pipeline,
        acc_depth,
        rounding,
        buffer,
        banks,
        weights,
        channels,
        tables,
        dw_x,
        dw_y,
        dw_depth,
        queue,
    ):
        check_integer("Buffer", buffer, 2)
        check_relation(
            buffer <= 1 << 16,
            f"Buffer of {buffer} words is more than the 65536 that an instruction can address",
        )
        check_integer("Weight memory", weights, 2, 1 << 16)
        check_integer("Parameter memory", channels, 2, 1 << 12)
        self.matrix = Matrix(
            rows=rows,
            cols=cols,
            tile_rows=tile_rows,
            tile_cols=tile_cols,
            w_format=w_format,
            pipeline=pipeline,
            acc_depth=acc_depth,
            rounding=rounding,
        )
        self.vector = Vector(
            rows=rows, rounding=rounding, tables=tables, dw_x=dw_x, dw_y=dw_y, dw_depth=dw_depth
        )
        functions = [name for name in isa.FUNCTIONS if dw_x or name != "depthwise"]
        self.control = Control(
            functions=",".join(functions), queue=queue, flight=FLIGHT, pc_width=PC_WIDTH
        )
        self.memories = {
            # Two ports of the array, those of the vector engine, and that of STORE.
            "buffer": Buffer(
                width=8 * rows,
                depth=buffer,
                banks=banks,
                reads=2 + self.vector.a_ports + 1 + 1,
                writes=3,
                granularity=8,
            ),
            "weights": Ram(
                width=self.matrix.weight_width,
                depth=weights,
                granularity=self.matrix.weight_width,
            ),
            "channels": Buffer(
                width=CHANNEL.size,
                depth=channels,
                banks=1,
                reads=2,
                writes=1,
                granularity=CHANNEL.size,
            ),
        }
        members = {name: self.control.signature.members[name] for name in _CONTROL_OUT}
        members |= {
            name: self.control.signature.members[name]
            for name in (*(f"pc_{engine}" for engine in isa.ENGINES), "load", "store")
        }
        self.event_names = (*(f"bank_{engine}" for engine in isa.ENGINES), *EVENTS)
        self.sizes = {"buffer": 8 * rows, "weights": 8 * -(-self.matrix.weight_width // 8)}
        self.sizes["channels"] = 8 * CHANNEL_BYTES
        super().__init__(
            members
            | {
                "instructions": In(stream.Signature(instruction_layout(PC_WIDTH))),
                "done_load": In(1),
                "done_store": In(1),
                "read": In(stream.Signature(unsigned(16))),
                "data": Out(stream.Signature(unsigned(8 * rows))),
                "write": In(stream.Signature(_write(8 * rows, 8))),
                "written": Out(1),
                "write_weights": In(stream.Signature(_write(self.sizes["weights"]))),
                "write_channels": In(stream.Signature(_write(self.sizes["channels"]))),
                "channels_written": Out(1),
                "events": Out(data.StructLayout(dict.fromkeys(self.event_names, 1))),
                "write_tables": In(stream.Signature(_write(8 * TABLE_BYTES))),
            }
        )

    def build(self):
        m = Module()
        m.submodules.control = control = self.control
        m.submodules.matrix = matrix = self.matrix
        m.submodules.vector = vector = self.vector
        for name, memory in self.memories.items():
            m.submodules[name] = memory
        buffer, weights, channels = self.memories.values()
        wiring.connect(m, wiring.flipped(self.instructions), control.i)
        m.d.comb += [
            *(
                getattr(self, name).eq(getattr(control, name))
                for name in (*_CONTROL_OUT, *(f"pc_{engine}" for engine in isa.ENGINES))
            ),
            control.done_load.eq(self.done_load),
            control.done_store.eq(self.done_store),
            control.done_matrix.eq(matrix.done),
            control.done_vector.eq(vector.done),
            control.mark_room.eq(-1),
            matrix.instruction.payload.eq(control.matrix.payload),
            matrix.instruction.valid.eq(control.matrix.valid),
            control.matrix.ready.eq(matrix.instruction.ready),
        ]
        wiring.connect(m, control.vector, vector.instruction)
        for name in ("load", "store"):
            wiring.connect(m, getattr(control, name), wiring.flipped(getattr(self, name)))

        engines = [(matrix, n) for n in range(2)]
        engines += [(vector, n) for n in range(vector.a_ports + 1)]
        reads = [(getattr(each, f"read_{n}"), getattr(each, f"data_{n}")) for each, n in engines]
        reads.append((wiring.flipped(self.read), wiring.flipped(self.data)))
        for port, (address, word) in enumerate(reads):
            _pass(m, address, getattr(buffer, f"read_{port}"))
            _pass(m, getattr(buffer, f"data_{port}"), word)
        for port, write in enumerate((matrix.write, vector.write, wiring.flipped(self.write))):
            _pass_write(m, write, getattr(buffer, f"write_{port}"))
        m.d.comb += [
            matrix.written.eq(buffer.written_0),
            vector.written.eq(buffer.written_1),
            self.written.eq(buffer.written_2),
        ]

        matrix_reads, vector_reads, store_reads = (
            buffer.read_waits[:2],
            buffer.read_waits[2:-1],
            buffer.read_waits[-1],
        )
        m.d.comb += [
            self.events.bank_load.eq(buffer.write_waits[2]),
            self.events.bank_matrix.eq(matrix_reads.any() | buffer.write_waits[0]),
            self.events.bank_vector.eq(vector_reads.any() | buffer.write_waits[1]),
            self.events.bank_store.eq(store_reads),
            *(self.events[name].eq(getattr(matrix, name)) for name in EVENTS),
        ]

        port = self.write_weights
        m.d.comb += [
            weights.read_address.eq(matrix.weight_address),
            weights.read_enable.eq(matrix.weight_enable),
            matrix.weight_data.eq(weights.read_data),
            weights.write_address.eq(port.payload.address),
            weights.write_data.eq(port.payload.data),
            weights.write_mask.eq(port.valid),
            port.ready.eq(1),
        ]
        _pass(m, matrix.channel_address, channels.read_0)
        _pass(m, channels.data_0, matrix.channel_data)
        _pass(m, vector.channels, channels.read_1)
        _pass(m, channels.data_1, vector.parameter_words)
        _pass_write(m, wiring.flipped(self.write_channels), channels.write_0)
        m.d.comb += self.channels_written.eq(channels.written_0)
        tables = self.write_tables
        m.d.comb += [
            vector.table_writes.payload.address.eq(tables.payload.address),
            vector.table_writes.payload.word.eq(tables.payload.data),
            vector.table_writes.valid.eq(tables.valid),
            tables.ready.eq(vector.table_writes.ready),
        ]
        return m


def _write(width, granularity=None):
    """A word of a memory with its address; ``last`` of an instruction."""
    return write_layout(width=width, depth=1 << 16, granularity=granularity or width)


def _pass(m, source, sink):
    """Connects streams whose payloads may differ in width."""
    m.d.comb += [
        Value.cast(sink.payload).eq(Value.cast(source.payload)),
        sink.valid.eq(source.valid),
        source.ready.eq(sink.ready),
    ]


def _pass_write(m, source, sink):
    """Connects writes whose fields may differ in width."""
    m.d.comb += [
        *(sink.payload[name].eq(source.payload[name]) for name, _ in sink.payload.shape()),
        sink.valid.eq(source.valid),
        source.ready.eq(sink.ready),
    ]
