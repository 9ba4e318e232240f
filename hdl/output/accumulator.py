"""Accumulators of the weight-stationary array: partial sums over the tiles of K."""

from itertools import pairwise

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, memory
from amaranth.lib.wiring import In, Out

from ..arith.exact import WIDEST_SUM, index_shape
from ..arith.saturate import saturated
from ..checks import check_choice, check_integer, check_relation
from ..unit import Unit, data_register

__all__ = ["Accumulator", "AccumulatorBank", "visit_layout"]

#: Cycles from a visit's announcement to its partial sum: the read port and the register after it.
LEAD = 2
#: Cycles from a visit's announcement until a read sees what the visit has written.
SETTLED = 4


def visit_layout(depth):
    """One visit of an accumulator: ``valid``, ``first`` (replace, don't add) and the ``row``."""
    return data.StructLayout({"valid": 1, "first": 1, "row": index_shape(depth)})


class Accumulator(Unit):
    """``depth`` sums of one column of the array.

    A visit is announced 2 cycles ahead of its partial sum. ``sums`` is the row's new sum, 3 cycles
    after the announcement; ``visit_o`` is ``visit`` a cycle later, for the next column. Throughput
    is one visit a cycle. Visits of the same row must be at least ``revisit`` cycles apart; where
    that is less than 4, sums that are still on their way to the memory are taken from there. After
    a reset the first visit of each row replaces its sum.

    Parameters
    ----------
    psum_width, acc_width : int
        Widths of partial sums and sums.
    overflow : str
        What a sum does that does not fit: ``"wrap"`` or ``"saturate"``, once for each visit.
    depth : int
        Number of rows.
    revisit : int
        Least distance of two visits of the same row in cycles.

    Members
    -------
    visit, visit_o : ``In``, ``Out(visit_layout(depth))``
    psums : ``In(signed(psum_width))``
    sums : ``Out(signed(acc_width))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "accumulators"

    def __init__(self, *, psum_width, acc_width, overflow, depth, revisit):
        check_integer("Partial sum width", psum_width, 2)
        check_integer("Accumulator width", acc_width, 2, WIDEST_SUM)
        check_choice("Overflow", overflow, ["wrap", "saturate"])
        check_integer("Accumulator depth", depth, 1)
        check_integer("Revisit distance", revisit, 1)
        check_relation(
            overflow == "saturate" or psum_width <= acc_width,
            f"Partial sum width {psum_width} is more than the accumulator width {acc_width}, "
            f"which wraps",
        )
        super().__init__(
            {
                "visit": In(visit_layout(depth)),
                "visit_o": Out(visit_layout(depth)),
                "psums": In(signed(psum_width)),
                "sums": Out(signed(acc_width)),
            }
        )

    def build(self):
        m = Module()
        width, depth = self.parameters["acc_width"], self.parameters["depth"]
        m.submodules.memory = storage = memory.Memory(
            shape=signed(width), depth=max(2, depth), init=[]
        )
        write, read = storage.write_port(), storage.read_port()

        # Sums that a read of the same row would miss, by their distance in cycles.
        unsettled = range(self.parameters["revisit"], SETTLED)

        # visits[n] is the visit announced n cycles ago. Those that a reset leaves on their way are
        # ahead of the next ones in all columns: a sum that one writes is replaced before it is
        # read.
        visits = [self.visit]
        for age in range(1, LEAD + 2 + (len(unsettled) > 0)):
            visits.append(data_register(self.visit.shape(), name=f"visit_{age}"))
        m.d.sync += [later.eq(visit) for visit, later in pairwise(visits)]
        m.d.comb += self.visit_o.eq(visits[1])

        # sums[n] is the sum of the visit announced LEAD + 1 + n cycles ago.
        sums = [data_register(signed(width), name="sum_0")]
        for age in range(1, len(unsettled) and SETTLED - 1):
            older = data_register(signed(width), name=f"sum_{age}")
            m.d.sync += older.eq(sums[-1])
            sums.append(older)

        stored = data_register(signed(width), name="stored")
        # What is written in the same cycle is never needed from here: it is in a register, or comes
        # too early to be allowed. Not to read it spares block RAM a bypass.
        meets = Signal()
        m.d.comb += [
            meets.eq(write.en & (write.addr == self.visit.row)),
            read.addr.eq(self.visit.row),
            read.en.eq(~meets),
        ]
        m.d.sync += stored.eq(read.data)
        addend = stored
        for distance in reversed(unsettled):
            missed = data_register(1, name=f"missed_{distance}")
            earlier = visits[1 + distance]
            m.d.sync += missed.eq(earlier.valid & (earlier.row == visits[1].row))
            addend = Mux(missed, sums[distance - 1], addend)

        total = Signal(signed(max(width, self.parameters["psum_width"]) + 1))
        m.d.comb += total.eq(Mux(visits[LEAD].first, 0, addend) + self.psums)
        if self.parameters["overflow"] == "saturate":
            total = saturated(m, total, width)
        m.d.sync += sums[0].eq(total)
        m.d.comb += [
            self.sums.eq(sums[0]),
            write.addr.eq(visits[LEAD + 1].row),
            write.data.eq(sums[0]),
            write.en.eq(visits[LEAD + 1].valid),
        ]
        return m


class AccumulatorBank(Unit):
    """Neighbouring accumulators; each is visited a cycle after the one before it.

    Parameters
    ----------
    lanes : int
    psum_width, acc_width, overflow, depth, revisit
        Those of :class:`Accumulator`.

    Members
    -------
    visit, visit_o : ``In``, ``Out(visit_layout(depth))``
        Visits of lane 0, and of the lane after the last.
    psums : ``In(data.ArrayLayout(signed(psum_width), lanes))``
    sums : ``Out(data.ArrayLayout(signed(acc_width), lanes))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "accumulators"

    def __init__(self, *, lanes, psum_width, acc_width, overflow, depth, revisit):
        check_integer("Lane count", lanes, 1)
        Accumulator(
            psum_width=psum_width,
            acc_width=acc_width,
            overflow=overflow,
            depth=depth,
            revisit=revisit,
        )
        super().__init__(
            {
                "visit": In(visit_layout(depth)),
                "visit_o": Out(visit_layout(depth)),
                "psums": In(data.ArrayLayout(signed(psum_width), lanes)),
                "sums": Out(data.ArrayLayout(signed(acc_width), lanes)),
            }
        )

    def build(self):
        m = Module()
        accumulator = dict(self.parameters)
        visit = self.visit
        for lane in range(accumulator.pop("lanes")):
            m.submodules[f"accumulator_{lane}"] = unit = Accumulator(**accumulator)
            m.d.comb += [
                unit.visit.eq(visit),
                unit.psums.eq(self.psums[lane]),
                self.sums[lane].eq(unit.sums),
            ]
            visit = unit.visit_o
        m.d.comb += self.visit_o.eq(visit)
        return m
