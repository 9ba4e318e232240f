"""Accumulators in binary32: sums over the tiles of K."""

from dataclasses import asdict
from itertools import pairwise

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..output.accumulator import LEAD, visit_layout
from ..unit import Unit, data_register
from .fp_add import FpAdd
from .layout import FLOATS

__all__ = ["REVISIT", "FloatAccumulator", "FloatAccumulatorBank"]

#: Least cycles from a visit of a row to the next: read, addition and write of the first.
REVISIT = LEAD + FpAdd.latency + 1


class FloatAccumulator(Unit):
    """``depth`` sums in binary32 of one column of the array.

    A visit adds its partial sum to the row's sum, or with ``first`` to +0: see :class:`FpAdd`. A
    visit is announced 2 cycles ahead of its partial sum. ``sums`` is the row's new sum, 5 cycles
    after the announcement; ``visit_o`` is ``visit`` a cycle later, for the next column. Throughput
    is one visit a cycle. Visits of the same row must be at least ``REVISIT`` = 6 cycles apart.
    After a reset the first visit of each row replaces its sum.

    Parameters
    ----------
    depth : int
        Number of rows.

    Members
    -------
    visit, visit_o : ``In``, ``Out(visit_layout(depth))``
    psums : ``In(32)``
    sums : ``Out(32)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "accumulators"

    def __init__(self, *, depth):
        check_integer("Accumulator depth", depth, 1)
        super().__init__(
            {
                "visit": In(visit_layout(depth)),
                "visit_o": Out(visit_layout(depth)),
                "psums": In(FLOATS["fp32"].bits),
                "sums": Out(FLOATS["fp32"].bits),
            }
        )

    def build(self):
        m = Module()
        bits, depth = FLOATS["fp32"].bits, self.parameters["depth"]
        m.submodules.memory = storage = memory.Memory(shape=bits, depth=max(2, depth), init=[])
        write, read = storage.write_port(), storage.read_port()
        m.submodules.add = add = FpAdd(**asdict(FLOATS["fp32"]))

        # visits[n] is the visit announced n cycles ago. Those that a reset leaves on their way are
        # ahead of the next ones in all columns.
        visits = [self.visit]
        for age in range(1, LEAD + FpAdd.latency + 1):
            visits.append(data_register(self.visit.shape(), name=f"visit_{age}"))
        m.d.sync += [later.eq(visit) for visit, later in pairwise(visits)]
        stored = data_register(bits, name="stored")
        m.d.sync += stored.eq(read.data)
        # A row that is written in the same cycle comes too early to be allowed, or is replaced.
        meets = Signal()
        m.d.comb += [
            self.visit_o.eq(visits[1]),
            meets.eq(write.en & (write.addr == self.visit.row)),
            read.addr.eq(self.visit.row),
            read.en.eq(~meets),
            add.a.eq(Mux(visits[LEAD].first, 0, stored)),
            add.b.eq(self.psums),
            self.sums.eq(add.o),
            write.addr.eq(visits[-1].row),
            write.data.eq(add.o),
            write.en.eq(visits[-1].valid),
        ]
        return m


class FloatAccumulatorBank(Unit):
    """Neighbouring accumulators; each is visited a cycle after the one before it.

    Parameters
    ----------
    lanes : int
    depth : int
        That of :class:`FloatAccumulator`.

    Members
    -------
    visit, visit_o : ``In``, ``Out(visit_layout(depth))``
        Visits of lane 0, and of the lane after the last.
    psums : ``In(data.ArrayLayout(32, lanes))``
    sums : ``Out(data.ArrayLayout(32, lanes))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "accumulators"

    def __init__(self, *, lanes, depth):
        check_integer("Lane count", lanes, 1)
        FloatAccumulator(depth=depth)
        words = data.ArrayLayout(FLOATS["fp32"].bits, lanes)
        super().__init__(
            {
                "visit": In(visit_layout(depth)),
                "visit_o": Out(visit_layout(depth)),
                "psums": In(words),
                "sums": Out(words),
            }
        )

    def build(self):
        m = Module()
        visit = self.visit
        for lane in range(self.parameters["lanes"]):
            unit = FloatAccumulator(depth=self.parameters["depth"])
            m.submodules[f"accumulator_{lane}"] = unit
            m.d.comb += [
                unit.visit.eq(visit),
                unit.psums.eq(self.psums[lane]),
                self.sums[lane].eq(unit.sums),
            ]
            visit = unit.visit_o
        m.d.comb += self.visit_o.eq(visit)
        return m
