"""What weight-stationary engines have in common: from the array's partial sums to the results."""

from amaranth.hdl import Cat, Signal, Value

from ..arith.requantize import output_latency
from ..output.accumulator import LEAD, AccumulatorBank
from ..output.results import Results
from ..unit import connect_stream, data_register
from .delay import Delay
from .grid import spans

__all__ = ["add_accumulators", "add_entry", "add_results", "array_latency"]


def array_latency(rows, pipeline):
    """Cycles from a row's step to the partial sum of column 0."""
    return rows + (2 if pipeline == 0 else 3)


def add_entry(m, swap, row):
    """Registers between the control's decisions and the array: what enters a cycle later.

    Without them a row's step would reach all of the array's first elements, and the weights on
    their way there, within the cycle in which it is decided.

    Parameters
    ----------
    swap : Value
        A row's step, if it is its tile's first.
    row : Value
        What enters with a step, lanes and all.
    """
    swap_q, row_q = Signal(name="swap_q"), data_register(len(row), name="row_q")
    m.d.sync += [swap_q.eq(swap), row_q.eq(row)]
    return swap_q, row_q


def add_accumulators(m, control, psums, *, array_latency, cols, tile_cols, **accumulator):
    """The accumulators of all columns; returns their sums, skewed by column.

    Parameters
    ----------
    control : ControlWs
    psums : sequence of Value
        A column each, a cycle after the one before it.
    array_latency : int
        Cycles from a row's step to the partial sum of column 0.
    cols, tile_cols : int
        Columns, and how many have their accumulators in one module.
    **accumulator
        Parameters of :class:`Accumulator`.
    """
    m.submodules.visits = visits = Delay(
        width=len(Value.cast(control.visit)), cycles=array_latency - LEAD
    )
    m.d.comb += visits.i.eq(Value.cast(control.visit))
    visit, sums = visits.o, []
    for index, (first, count) in enumerate(spans(cols, tile_cols)):
        m.submodules[f"accumulators_{index}"] = bank = AccumulatorBank(lanes=count, **accumulator)
        m.d.comb += [
            Value.cast(bank.visit).eq(visit),
            Value.cast(bank.psums).eq(Cat(psums[n] for n in range(first, first + count))),
        ]
        visit = Value.cast(bank.visit_o)
        sums.append(Value.cast(bank.sums))
    return Cat(sums)


def add_results(m, engine, control, sums, *, array_latency, special=None):
    """The output side of an engine, from the sums of its columns to its stream ``results``.

    Parameters
    ----------
    engine : Unit
        With the attributes ``parameters``, ``channel`` and the streams.
    control : ControlWs
    sums : Value
        A column each, a cycle after the one before it.
    array_latency : int
        Cycles from a row's step to the partial sum of column 0.
    special : Value or None
        A flag for the row that went a cycle before.
    """
    given = engine.parameters
    output = given["output"]
    m.submodules.results_stage = out = Results(
        cols=given["cols"],
        bank_cols=given["tile_cols"],
        **engine.channel,
        depth=given["rows"] + given["cols"] + output_latency(output) + 8,  # a place's round trip
        max_reserve=1,
        run_interval=array_latency,
        special=int(special is not None),
    )
    m.submodules.emitted = emitted = Delay(width=1, cycles=array_latency + 1)
    m.submodules.started = started = Delay(width=1, cycles=array_latency)
    m.d.comb += [
        emitted.i.eq(control.emit),
        started.i.eq(control.launch),
        Value.cast(out.sums).eq(sums),
        out.valid.eq(emitted.o),
        out.start.eq(started.o),
        out.launch.eq(control.launch),
        out.reserve.eq(control.emit),
        control.room.eq(out.some_room),
        control.may_launch.eq(out.may_launch),
        *connect_stream(out.results, engine.results),
    ]
    if special is not None:
        m.submodules.flagged = flagged = Delay(width=1, cycles=array_latency)
        m.d.comb += [flagged.i.eq(special), out.special.eq(flagged.o)]
    if output != "raw":
        m.d.comb += connect_stream(engine.channels, out.channels)
