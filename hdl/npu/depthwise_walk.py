"""The walk of depthwise windows: from an instruction to reads, steps of the datapath and taps."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from . import isa

__all__ = [
    "DepthwiseWalk",
    "check_depthwise",
    "instruction_layout",
    "step_layout",
    "tap_layout",
]

#: The fields of the instruction that the windows depend on.
_FIELDS = (
    *("a_base", "a_row", "a_blk", "w_base", "oh", "ow", "nb", "ih", "iw", "a_zero"),
    *("kh", "kw", "sy", "sx", "dy", "dx", "iy0", "ix0"),
)

#: Rows are at most 255 * 8 + 127 + 15 * 8, columns at most 2047 * 8 + 31 + 15 * 8.
_ROW = signed(13)
_COLUMN = signed(16)
_COLUMN_SPACE = signed(17)
#: Sets of taps that wait to be listed.
_TAP_SETS = 4
#: Columns of the first window are -32 to 31 + 15 * 8 + 2.
_FIRST_COLUMN = signed(9)
_FIRST_SPACE = signed(13)


def instruction_layout():
    """The fields of a VECTOR instruction that describe depthwise windows, as ``isa`` codes them."""
    form = next(form for form in isa.forms("vector") if "depthwise" in form.functions)
    return data.StructLayout(
        {
            field.name: signed(field.width) if field.coding == "signed" else unsigned(field.width)
            for field in form.fields
            if field.name in _FIELDS
        }
    )


def step_layout(*, dw_x, dw_y, depth, address_width=None):
    """A step: each port k of ``reads`` gives a word, a column moves in, and a window may leave.

    With ``address_width`` the addresses of the reads come first. ``emit`` says that the window
    gives a sum, which uses column ``columns[a]``, a columns behind the newest, and row ``rows[k]``
    where these are 1, and ``a_zero`` elsewhere. It is pixel ``x`` of a row in the ``first`` or
    ``last`` pass, and with ``switch`` the taps change ahead of it.
    """
    addresses = {"addresses": data.ArrayLayout(address_width, dw_y)} if address_width else {}
    return data.StructLayout(
        addresses
        | {
            "reads": dw_y,
            "emit": 1,
            "columns": dw_x,
            "rows": dw_y,
            "x": index_shape(depth),
            "first": 1,
            "last": 1,
            "switch": 1,
            "a_zero": signed(8),
        }
    )


def tap_layout(*, dw_x, dw_y):
    """The tap register of a word: ``age`` columns behind the newest, ``row``; ``last`` of a set."""
    return data.StructLayout({"age": index_shape(dw_x), "row": index_shape(dw_y), "last": 1})


def check_depthwise(*, dw_x, dw_y, depth):
    """Check the parameters that all units of depthwise windows have."""
    check_integer("Tap columns", dw_x, 1, 3)
    check_integer("Tap rows", dw_y, 1, 3)
    check_integer("Partial sum depth", depth, 1, 2048)


def _pass_layout(dw_y, address_width):
    """A pass over the columns of a row of outputs: ``start`` is the first column's address.

    That column is ``column``, ``lead`` columns ahead of the first window's last one. Later windows
    have ``fresh`` new columns, the first of them ``hop`` columns on. ``space`` columns of the input
    follow the first one; fewer than 0 if it is outside.
    """
    return data.StructLayout(
        {
            "start": data.ArrayLayout(address_width, dw_y),
            "rows": dw_y,
            "column": _FIRST_COLUMN,
            "lead": 2,
            "fresh": 2,
            "hop": 4,
            "first": 1,
            "last": 1,
            "switch": 1,
            "final": 1,
            "sx": 4,
            "ow": 11,
            "space": _FIRST_SPACE,
            "a_zero": signed(8),
        }
    )


def _set_layout(address_width):
    """The taps of a pass: rows of so many columns, both less one, ``pitch`` words apart."""
    return data.StructLayout({"at": address_width, "pitch": 5, "rows": 2, "columns": 2})


class DepthwiseWalk(Unit):
    """Walks the windows of a depthwise VECTOR instruction, without multipliers.

    For each block n and row y of outputs, passes take ``dw_y`` rows and ``dw_x`` columns of the
    kernel at a time (one column where dx > 1), columns innermost. A pass moves columns of the input
    into a window register, one a step. The window of output x leaves when its last column is in.
    Of its columns, those are moved that the window before did not have: min(sx, columns of the
    pass).

    Columns outside of the input are not read. Those left of it take no step, but an output takes at
    least one. Those right of it take a step each; steps at the end of a pass that move none of its
    own columns in move the first columns of the next pass in, those ahead of its first output. So
    a window of 3 columns with a column of padding on each side takes a step for each output. Such
    steps wait for the next pass of the instruction, but not for the next instruction.

    Taps of a pass are listed in the order of the kernel, with each pass if there are several a row,
    else once a block.

    The first step is offered 6 cycles after an instruction was accepted, then one a cycle; the
    first tap 3 cycles after, then one a cycle. The next instruction is accepted when the last pass
    is in a queue of two passes. All outputs come from registers.

    Parameters
    ----------
    dw_x, dw_y : int
        Columns and rows of taps, 1 to 3.
    depth : int
        Most outputs of a row when it takes several passes, 1 to 2048.
    address_width : int
        Width of addresses, 1 to 16; they wrap.

    Members
    -------
    i : ``In(stream.Signature(instruction_layout()))``
    steps : ``Out(stream.Signature(step_layout(...)))``
        With addresses.
    taps : ``Out(stream.Signature({"address": address_width, "tap": tap_layout(...)}))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu addresses"

    def __init__(self, *, dw_x, dw_y, depth, address_width):
        check_depthwise(dw_x=dw_x, dw_y=dw_y, depth=depth)
        check_integer("Address width", address_width, 1, 16)
        step = step_layout(dw_x=dw_x, dw_y=dw_y, depth=depth, address_width=address_width)
        tap = tap_layout(dw_x=dw_x, dw_y=dw_y)
        super().__init__(
            {
                "i": In(stream.Signature(instruction_layout())),
                "steps": Out(stream.Signature(step)),
                "taps": Out(
                    stream.Signature(data.StructLayout({"address": address_width, "tap": tap}))
                ),
            }
        )

    def build(self):
        m = Module()
        layout = _pass_layout(self.parameters["dw_y"], self.parameters["address_width"])
        m.submodules.passes = passes = Fifo(width=layout.size, depth=2)
        self._walk_passes(m, layout, passes.i)
        self._walk_columns(m, data.View(layout, passes.o.payload), passes.o)
        return m

    def _walk_passes(self, m, layout, queue):
        """Loops over blocks, rows of outputs, and groups of rows and columns of the kernel.

        An instruction takes a cycle for products of the pitch, one for sums of these, then a cycle
        for each pass that the queue takes. Its first taps are listed meanwhile.
        """
        dw_x, dw_y = self.parameters["dw_x"], self.parameters["dw_y"]
        address = unsigned(self.parameters["address_width"])
        work = data_register(self.i.payload.shape(), name="work")

        def kept(shape, name):
            return data_register(shape, name=name)

        low, high = kept(address, "low"), kept(address, "high")
        row_pitch, tap_pitch = kept(address, "row_pitch"), kept(address, "tap_pitch")
        block_taps = kept(unsigned(9), "block_taps")
        blocks, rows = kept(8, "blocks"), kept(8, "rows")
        tap_rows, tap_columns = kept(5, "tap_rows"), kept(5, "tap_columns")
        block_at, row_at, group_at = (kept(address, f"{name}_at") for name in _LEVELS)
        block_tap, group_tap, tap = (
            kept(address, name) for name in ("block_tap", "group_tap", "tap")
        )
        row, group_row = kept(_ROW, "row"), kept(_ROW, "group_row")
        column = kept(_FIRST_COLUMN, "column")
        first, new_block, listed = kept(1, "first"), kept(1, "new_block"), kept(1, "listed")

        busy, ready = Signal(), Signal()  # there is an instruction; its passes may be walked
        prepared = Signal()
        m.d.comb += self.i.ready.eq(~busy)
        with m.If(~busy):
            new = self.i.payload
            m.d.sync += [
                busy.eq(self.i.valid),
                prepared.eq(0),
                work.eq(new),
                blocks.eq(new.nb),
                rows.eq(new.oh),
                tap_rows.eq(new.kh + 1),
                tap_columns.eq(new.kw + 1),
                block_tap.eq(new.w_base),
                group_tap.eq(new.w_base),
                tap.eq(new.w_base),
                row.eq(new.iy0),
                group_row.eq(new.iy0),
                column.eq(new.ix0),
                first.eq(1),
                new_block.eq(1),
                listed.eq(0),
            ]
        m.d.sync += [
            low.eq(_times(work.a_row, work.iy0[:4])),
            high.eq(_times(work.a_row, work.iy0[4:7]) - (Mux(work.iy0[7], work.a_row, 0) << 3)),
            row_pitch.eq(_times(work.a_row, work.sy) + work.a_row),
            tap_pitch.eq(_times(work.a_row, work.dy) + work.a_row),
            block_taps.eq(_times(work.kw + 1, work.kh) + work.kw + 1),
        ]
        with m.If(busy & ~ready):
            start = work.a_base + low + (high << 4)
            m.d.sync += [
                prepared.eq(1),
                ready.eq(prepared),
                block_at.eq(start),
                row_at.eq(start),
                group_at.eq(start),
            ]

        # The pass at hand.
        most, most_columns = Signal(2), Signal(2)
        group_rows, last_rows, last_columns = Signal(2), Signal(), Signal()
        step_x, fresh, hop, lead = Signal(4), Signal(2), Signal(4), Signal(2)
        end, end_back, begin = (Signal(_FIRST_COLUMN, name=n) for n in ("end", "end_back", "begin"))
        last, switch, final = Signal(), Signal(), Signal()
        space = Signal(_FIRST_SPACE)
        m.d.comb += [
            most.eq(Mux(work.dx == 0, dw_x, 1)),
            last_rows.eq(tap_rows <= dw_y),
            last_columns.eq(tap_columns <= most),
            group_rows.eq(Mux(last_rows, tap_rows, dw_y)),
            most_columns.eq(Mux(last_columns, tap_columns, most)),
            step_x.eq(work.sx + 1),
            end_back.eq(most_columns - 1),
            end.eq(column + end_back),
            lead.eq(Mux(end < 0, 0, Mux(end < end_back, end, end_back))),
            begin.eq(Mux(column >= 0, column, Mux(end < 0, end, 0))),
            space.eq(work.iw - begin),
            fresh.eq(Mux(step_x < most_columns, step_x, most_columns)),
            hop.eq(step_x - fresh + 1),
            last.eq(last_rows & last_columns),
            switch.eq(new_block | ~first | ~last),
            final.eq(last & (rows == 0) & (blocks == 0)),
        ]
        inside, start = Signal(dw_y), Signal(data.ArrayLayout(address, dw_y))
        for k in range(dw_y):
            at = Signal(_ROW, name=f"row_{k}")
            m.d.comb += [
                at.eq(group_row + _small(work.dy + 1, k)),
                inside[k].eq((at >= 0) & (at <= work.ih) & (k < tap_rows)),
                start[k].eq(group_at + _small(tap_pitch, k) + begin),
            ]
        fields = {
            "start": start,
            "rows": inside,
            "column": begin,
            "lead": lead,
            "fresh": fresh,
            "hop": hop,
            "first": first,
            "last": last,
            "switch": switch,
            "final": final,
            "sx": step_x,
            "ow": work.ow,
            "space": space,
            "a_zero": work.a_zero,
        }
        # Fields depend on each other: assigned one by one they would be a loop to Verilator.
        m.d.comb += queue.payload.eq(Cat(fields[name] for name, _ in layout))
        # Taps are listed ahead of the walk over columns, which would wait for them otherwise.
        tap_set = Signal(_set_layout(self.parameters["address_width"]))
        m.submodules.tap_sets = sets = Fifo(width=len(tap_set.as_value()), depth=_TAP_SETS)
        moves = Signal()
        m.d.comb += [
            tap_set.at.eq(tap),
            tap_set.pitch.eq(work.kw + 1),
            tap_set.rows.eq(group_rows - 1),
            tap_set.columns.eq(most_columns - 1),
            sets.i.payload.eq(tap_set),
            sets.i.valid.eq(busy & switch & ~listed),
            queue.valid.eq(ready & (~switch | listed | sets.i.ready)),
            moves.eq(queue.valid & queue.ready),
        ]
        self._list_taps(m, data.View(tap_set.shape(), sets.o.payload), sets.o)

        with m.If(sets.i.valid & sets.i.ready):
            m.d.sync += listed.eq(1)
        with m.If(moves):
            m.d.sync += [listed.eq(0), first.eq(last), new_block.eq(0)]
            with m.If(~last_columns):
                m.d.sync += [
                    tap_columns.eq(tap_columns - most),
                    column.eq(column + Mux(work.dx == 0, dw_x, work.dx + 1)),
                    tap.eq(tap + most),
                ]
            with m.Else():
                m.d.sync += [tap_columns.eq(work.kw + 1), column.eq(work.ix0)]
            with m.If(last_columns & ~last_rows):
                next_tap = group_tap + _small(work.kw + 1, dw_y)
                m.d.sync += [
                    tap_rows.eq(tap_rows - dw_y),
                    group_at.eq(group_at + _small(tap_pitch, dw_y)),
                    group_row.eq(group_row + _small(work.dy + 1, dw_y)),
                    group_tap.eq(next_tap),
                    tap.eq(next_tap),
                ]
            with m.If(last):
                next_tap = Mux(rows == 0, block_tap + block_taps, block_tap)
                m.d.sync += [tap_rows.eq(work.kh + 1), group_tap.eq(next_tap), tap.eq(next_tap)]
                with m.If(rows == 0):
                    m.d.sync += [
                        rows.eq(work.oh),
                        blocks.eq(blocks - 1),
                        block_at.eq(block_at + work.a_blk),
                        block_tap.eq(next_tap),
                        new_block.eq(1),
                    ]
                with m.Else():
                    m.d.sync += rows.eq(rows - 1)
                next_at = Mux(rows == 0, block_at + work.a_blk, row_at + row_pitch)
                next_row = Mux(rows == 0, work.iy0, row + work.sy + 1)
                m.d.sync += [
                    row_at.eq(next_at),
                    group_at.eq(next_at),
                    row.eq(next_row),
                    group_row.eq(next_row),
                ]
            with m.If(final):
                m.d.sync += [busy.eq(0), ready.eq(0)]

    def _list_taps(self, m, following, queue):
        """Lists the taps of a pass in the order of the kernel."""
        active = Signal()
        current = data_register(following.shape(), name="tap_set")
        at = data_register(current.at.shape(), name="tap_at")
        row, left = data_register(2, name="tap_row"), data_register(2, name="taps_left")
        tap, next_row = self.taps.payload.tap, Signal(current.at.shape())
        m.d.comb += [
            self.taps.valid.eq(active),
            self.taps.payload.address.eq(at),
            tap.age.eq(left),
            tap.row.eq(row),
            tap.last.eq((left == 0) & (row == current.rows)),
            next_row.eq(current.at + current.pitch),
            queue.ready.eq(~active | (self.taps.ready & tap.last)),
        ]
        with m.If(self.taps.ready):
            m.d.sync += [at.eq(at + 1), left.eq(left - 1)]
            with m.If(left == 0):
                m.d.sync += [
                    at.eq(next_row),
                    current.at.eq(next_row),
                    left.eq(current.columns),
                    row.eq(row + 1),
                ]
        with m.If(queue.ready):
            m.d.sync += [
                active.eq(queue.valid),
                current.eq(following),
                at.eq(following.at),
                row.eq(0),
                left.eq(following.columns),
            ]

    def _walk_columns(self, m, following, queue):
        """Walks the columns of a pass, and the first ones of the following in its last steps."""
        dw_x, dw_y = self.parameters["dw_x"], self.parameters["dw_y"]
        present = data_register(following.shape(), name="present")
        active = Signal()
        at = data_register(data.ArrayLayout(self.parameters["address_width"], dw_y), name="at")
        column, ahead = data_register(_COLUMN, name="column"), data_register(2, name="ahead")
        # Outputs that follow; columns of the following pass that are moved in.
        left, led = data_register(11, name="left"), data_register(2, name="led")
        x = data_register(index_shape(self.parameters["depth"]), name="x")
        first_output = data_register(1, name="first_output")

        space = data_register(_COLUMN_SPACE, name="space")
        emit, beyond, moves, ends = Signal(), Signal(), Signal(), Signal()
        near_end, leads, waits = Signal(), Signal(), Signal()
        m.d.comb += [
            emit.eq(ahead == 0),
            beyond.eq(space < 0),
            ends.eq(emit & (left == 0)),
            # The last step but one.
            near_end.eq(Mux(emit, (left == 1) & (present.fresh == 1), (ahead == 1) & (left == 0))),
            leads.eq(
                queue.valid
                & beyond
                & ((ends & (following.lead != 0)) | (near_end & (following.lead == 2)))
            ),
            waits.eq(beyond & (ends | near_end) & ~present.final & ~queue.valid),
        ]
        step = Signal(self.steps.payload.shape())
        reads_own, reads_next = Signal(), Signal()
        m.d.comb += [
            reads_own.eq((column >= 0) & ~beyond),
            reads_next.eq(leads & (following.space >= led)),
            step.reads.eq(Mux(reads_own, present.rows, 0) | Mux(reads_next, following.rows, 0)),
            step.emit.eq(emit),
            step.columns.eq(Cat((column >= age) & (space >= -age) for age in range(dw_x))),
            step.rows.eq(present.rows),
            step.x.eq(x),
            step.first.eq(present.first),
            step.last.eq(present.last),
            step.switch.eq(emit & first_output & present.switch),
            step.a_zero.eq(present.a_zero),
        ]
        for k in range(dw_y):
            m.d.comb += step.addresses[k].eq(Mux(leads, following.start[k] + led, at[k]))

        held = data_register(step.shape(), name="held")
        m.d.comb += [
            self.steps.payload.eq(held),
            moves.eq((~self.steps.valid | self.steps.ready) & active & ~waits),
            queue.ready.eq(~active | (moves & ends)),
        ]
        with m.If(~self.steps.valid | self.steps.ready):
            m.d.sync += [self.steps.valid.eq(moves), held.eq(step)]

        # To the next column. Left of the input the next window's first one may be cut off.
        end, distance = Signal(_FIRST_COLUMN), Signal(_FIRST_COLUMN)
        least = Signal(2)
        m.d.comb += [
            least.eq(present.fresh - 1),
            end.eq(column[: len(end)].as_signed() + present.sx),
        ]
        with m.If(~emit):
            m.d.comb += distance.eq(1)
        with m.Elif((column >= 0) | (end >= least)):
            m.d.comb += distance.eq(present.hop)
        with m.Elif(end >= 0):
            m.d.comb += distance.eq(-column[: len(end)].as_signed())
        with m.Else():
            m.d.comb += distance.eq(present.sx)
        with m.If(moves):
            m.d.sync += [
                column.eq(column + distance),
                space.eq(space - distance),
                led.eq(led + leads),
            ]
            for k in range(dw_y):
                m.d.sync += at[k].eq(at[k] + distance)
            with m.If(emit):
                m.d.sync += [left.eq(left - 1), x.eq(x + 1), first_output.eq(0)]
                m.d.sync += ahead.eq(
                    Mux((column >= 0) | (end >= least), least, Mux(end >= 0, end, 0))
                )
            with m.Else():
                m.d.sync += ahead.eq(ahead - 1)
        # To the following pass: behind its columns that are in. ``leads`` comes late.
        more, took = Signal(2), Signal()
        m.d.comb += [more.eq(led + 1), took.eq(active & leads)]
        with m.If(queue.ready):
            m.d.sync += [
                active.eq(queue.valid),
                present.eq(following),
                column.eq(Mux(took, following.column + more, following.column + led)),
                space.eq(Mux(took, following.space - more, following.space - led)),
                ahead.eq(Mux(took, following.lead - more, following.lead - led)),
                left.eq(following.ow),
                led.eq(0),
                x.eq(0),
                first_output.eq(1),
            ]
            for k in range(dw_y):
                start = following.start[k]
                m.d.sync += at[k].eq(Mux(took, start + more, start + led))


#: What addresses are kept for: the loops from the outermost on.
_LEVELS = ("block", "row", "group")


def _times(value, factor):
    """The product, as a sum of shifted values."""
    return sum((Mux(bit, value, 0) << position for position, bit in enumerate(factor)), Const(0, 1))


def _small(value, factor):
    """The product with a constant 0 to 3."""
    return (Const(0, 1), value, value << 1, value + (value << 1))[factor]
