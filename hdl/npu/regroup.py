"""Results of an array's columns as words of the buffer."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..unit import Unit, data_register
from . import buffer, isa

__all__ = ["LANE_WIDTH", "MOST_LANES", "Regroup", "output_layout", "write_layout"]

#: Bits of a lane of the buffer.
LANE_WIDTH = 8
#: Most lanes that the instructions' fields of lanes can tell.
MOST_LANES = 64

_FIELDS = (
    *("out_base", "out_row", "out_blk", "oh", "ow", "nb"),
    *("out_step", "out_lane", "out_tail"),
)


def output_layout():
    """The fields of MATRIX that describe its output."""
    matrix = isa.layout("matrix")
    return data.StructLayout({name: matrix[name].shape for name in _FIELDS})


def write_layout(rows):
    """A write to the buffer, with a bit of ``mask`` for each lane."""
    depth = 1 << output_layout()["out_base"].width
    return buffer.write_layout(width=LANE_WIDTH * rows, depth=depth, granularity=LANE_WIDTH)


class Regroup(Unit):
    """Writes results of ``cols`` lanes to words of ``rows`` lanes, where a MATRIX wants them.

    Column q of group n is channel ``out_lane + n*cols + q``, and channel k of pixel (y, x) is lane
    k mod rows of word ``out_base + (k // rows)*out_blk + y*out_row + x*out_step``, modulo 2^16. In
    the last group only ``out_tail`` columns are written, unless it is 0. ``mask`` has a bit for
    each written lane; other lanes of ``data`` are undefined. Results come in the order n, y, x.
    Writes leave in the same order, blocks of a result in ascending order; ``last`` marks the last
    write of an instruction.

    **Latency** is 3 cycles from a result to its first write. **Throughput** is a write a cycle, so
    a result takes as many cycles as its columns touch blocks: one where the columns of a group
    divide the lanes of a word. Groups and instructions follow each other without a gap when a
    group has at least ``max(out_lane, cols) // rows + 4`` writes. The fields have to stay as they
    are while ``outputs`` waits. ``o.ready`` reaches ``results.ready`` within a cycle.

    Parameters
    ----------
    rows, cols : int
        Lanes of a word of the buffer, and of a word of results; 1 to 64.

    Members
    -------
    outputs : ``In(stream.Signature(output_layout()))``
        An instruction, which is taken with its last group.
    results : ``In(stream.Signature(data.ArrayLayout(8, cols)))``
    o : ``Out(stream.Signature(write_layout(rows)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu addresses"
    latency = 3

    def __init__(self, *, rows, cols):
        check_integer("Row count", rows, 1, MOST_LANES)
        check_integer("Column count", cols, 1, MOST_LANES)
        super().__init__(
            {
                "outputs": In(stream.Signature(output_layout())),
                "results": In(stream.Signature(data.ArrayLayout(LANE_WIDTH, cols))),
                "o": Out(stream.Signature(write_layout(rows))),
            }
        )

    def build(self):
        m = Module()
        rows, cols = self.parameters["rows"], self.parameters["cols"]
        # Of the group of the result that is held; ``goes`` says that a block of it is written.
        lane = data_register(range(rows), name="lane")
        end = data_register(range(rows + cols), name="end")  # channels up to the last of the group
        left = data_register(range(rows + cols), name="left")  # of these from this block on
        first_block = Signal()
        last_block = Signal()
        held = Signal()
        goes = Signal()
        advances = Signal()
        m.d.comb += [
            advances.eq(~self.o.valid | self.o.ready),
            last_block.eq((left <= rows) if cols > 1 else 1),
            self.results.ready.eq(~held | (goes & last_block)),
        ]
        with m.If(self.results.ready):
            m.d.sync += held.eq(self.results.valid)
        address, begun, last_pixel = self._pixels(m, goes, last_block, lane, end, left)
        m.d.comb += goes.eq(held & begun & advances)
        with m.If(goes | ~begun):
            m.d.sync += first_block.eq(last_block | ~begun)

        # Lanes of a block before they are turned by ``lane``, its address and mask.
        chosen_valid = Signal()
        written = self.o.payload
        # Columns never begin behind the last lane.
        ahead = Cat((n < lane for n in range(rows - 1)), Const(0, 1))
        mask = Cat(n < left for n in range(rows)) & ~Mux(first_block, ahead, 0)
        chosen = self._chosen(m, goes, lane)
        stages = {"address": address, "mask": mask, "last": last_pixel & last_block}
        turn = data_register(lane.shape(), name="turn")
        with m.If(advances):
            m.d.sync += [chosen_valid.eq(goes), turn.eq(lane), self.o.valid.eq(chosen_valid)]
        for name, value in stages.items():
            earlier = data_register(len(value), name=f"{name}_chosen")
            later = data_register(len(value), name=f"{name}_q")
            m.d.comb += written[name].eq(later)
            with m.If(advances):
                m.d.sync += [earlier.eq(value), later.eq(earlier)]
        word = data_register(rows * LANE_WIDTH, name="data_chosen")
        data_q = data_register(rows * LANE_WIDTH, name="data_q")
        m.d.comb += written.data.eq(data_q)
        with m.If(advances):
            m.d.sync += [word.eq(chosen), data_q.eq(_turned(m, word, rows, turn))]
        return m

    def _pixels(self, m, goes, last_block, lane, end, left):
        """Walks through the pixels of one group after the other; loads the group's registers.

        Returns the address of the block, whether there is a group, and whether the pixel is the
        instruction's last.
        """
        rows = self.parameters["rows"]
        group, group_base, group_lane, group_end = self._groups(m)
        fields = output_layout()
        held = {
            name: data_register(fields[name].width, name=f"{name}_held")
            for name in ("out_row", "out_blk", "ow", "out_step")
        }
        last_group = data_register(1, name="last_group")
        address = data_register(16, name="address")
        pixel = data_register(16, name="pixel")
        row = data_register(16, name="row")
        x_left = data_register(fields["ow"].width, name="x_left")
        y_left = data_register(fields["oh"].width, name="y_left")
        begun = Signal()
        group_ends = Signal()
        last_x, last_y = x_left == 0, y_left == 0
        m.d.comb += [
            group_ends.eq(goes & last_block & last_x & last_y),
            group.ready.eq(group_ends | ~begun),
        ]
        start = Mux(last_block, Mux(last_x, row, pixel), address)
        step = Mux(last_x, held["out_row"], held["out_step"] + 1)
        following = Signal(16)
        m.d.comb += following.eq(start + Mux(last_block, step, held["out_blk"]))
        with m.If(group.ready):
            values = self.outputs.payload
            m.d.sync += [
                begun.eq(group.valid),
                *(register.eq(values[name]) for name, register in held.items()),
                last_group.eq(group.payload),
                x_left.eq(values.ow),
                y_left.eq(values.oh),
                lane.eq(group_lane),
                end.eq(group_end),
                left.eq(group_end),
                *(register.eq(group_base) for register in (address, pixel, row)),
            ]
        with m.Elif(goes):
            m.d.sync += [address.eq(following), left.eq(left - rows)]
            with m.If(last_block):
                m.d.sync += [pixel.eq(following), left.eq(end), x_left.eq(x_left - 1)]
                with m.If(last_x):
                    m.d.sync += [row.eq(following), x_left.eq(held["ow"]), y_left.eq(y_left - 1)]
        return address, begun, last_group & last_x & last_y

    def _groups(self, m):
        """A stream of groups, with the instruction's last marked.

        And of each its word of the first pixel, the lane of the first column in it, and the lane
        behind the last column. Blocks are counted by subtraction, while the group ahead leaves.
        """
        rows, cols = self.parameters["rows"], self.parameters["cols"]
        values = self.outputs.payload
        base = data_register(16, name="next_base")
        lane = data_register(range(max(MOST_LANES, rows + cols)), name="next_lane")
        groups_left = data_register(len(Value.cast(values.nb)), name="groups_left")
        begun = Signal()
        last = Signal()
        count = Signal(range(cols + 1))
        group = stream.Signature(1).create(path=("group",))
        m.d.comb += [
            last.eq(groups_left == 0),
            count.eq(Mux(last & (values.out_tail != 0), values.out_tail, cols)),
            group.valid.eq(begun & (lane < rows)),
            group.payload.eq(last),
            self.outputs.ready.eq(group.valid & group.ready & last),
        ]
        with m.If(~begun):
            m.d.sync += [
                begun.eq(self.outputs.valid),
                base.eq(values.out_base),
                lane.eq(values.out_lane),
                groups_left.eq(values.nb),
            ]
        with m.Elif(lane >= rows):
            m.d.sync += [base.eq(base + values.out_blk), lane.eq(lane - rows)]
        with m.Elif(group.ready):
            m.d.sync += [
                lane.eq(lane + cols),
                groups_left.eq(groups_left - 1),
                begun.eq(~last),
            ]
        return group, base, lane, lane + count

    def _chosen(self, m, goes, lane):
        """The lanes of the result that go to a block, lane 0 being that of column 0, and so on."""
        rows, cols = self.parameters["rows"], self.parameters["cols"]
        size = rows * LANE_WIDTH
        word = data_register(cols * LANE_WIDTH, name="word")
        with m.If(self.results.ready):
            m.d.sync += word.eq(Value.cast(self.results.payload))
        if cols <= rows:
            return word
        # Up to ``rows`` columns, and those ahead of them, for the lanes at which a block begins.
        ahead = data_register(size, name="ahead")
        with m.Elif(goes):
            m.d.sync += word.eq(word[size:])
        with m.If(goes):
            m.d.sync += ahead.eq(word[:size])
        return Cat(
            Mux(n + lane < rows, word.word_select(n, LANE_WIDTH), ahead.word_select(n, LANE_WIDTH))
            for n in range(rows)
        )


def _turned(m, word, lanes, turn):
    """The lanes of a word, moved up by ``turn`` lanes, and from the top to the bottom."""
    for bit in range(len(turn)):
        moved = Signal(len(word), name=f"turned_{1 << bit}")
        distance = (1 << bit) % lanes * LANE_WIDTH
        m.d.comb += moved.eq(Mux(turn[bit], word.rotate_left(distance), word))
        word = moved
    return word
