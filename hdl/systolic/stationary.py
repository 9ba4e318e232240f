"""What weight-stationary engines have in common: entry to the array, accumulators, output."""

from amaranth.hdl import Cat

from ..array.delay import Delay
from ..array.grid import spans
from ..output.accumulator import LEAD, AccumulatorBank
from ..output.output_channel import output_latency
from ..output.output_stage import OutputStage, add_output_stage
from ..unit import data_register

__all__ = ["add_accumulators", "add_entry", "add_output", "array_latency"]


def array_latency(rows, pipeline):
    """Cycles from a row's step to the partial sum of column 0."""
    return rows + (2 if pipeline == 0 else 3)


def add_entry(m, swap, row):
    """Registers between the sequencer's decisions and the array; returns both a cycle later.

    Without them a row's step would reach all of the array's first PEs, and the weights on their
    way there, within the cycle in which it is decided. A swap that a reset leaves on its way finds
    no weights loaded, and those of the next tile take its place.

    Parameters
    ----------
    swap : Value
        A row's step, if it is its tile's first.
    row : Value
        What enters with a step, lanes and all.
    """
    swap_q, row_q = data_register(1, name="swap_q"), data_register(len(row), name="row_q")
    m.d.sync += [swap_q.eq(swap), row_q.eq(row)]
    return swap_q, row_q


def add_accumulators(
    m,
    visit,
    psums,
    *,
    array_latency,
    cols,
    tile_cols,
    bank=AccumulatorBank,
    lanes=None,
    **accumulator,
):
    """The accumulators of all columns; returns their sums, skewed by column.

    Parameters
    ----------
    visit : View
        What a row's step does to the accumulators: see :func:`visit_layout`.
    psums : sequence of Value
        A column each, a cycle after the one before it.
    array_latency : int
        Cycles from a row's step to the partial sum of column 0.
    cols, tile_cols : int
        Columns, and how many have their accumulators in one module.
    bank : type
        Class of the units with the accumulators of several columns.
    lanes : dict or None
        Further ports of these units, name to the lanes of all columns and the width of a lane.
    **accumulator
        Parameters of an accumulator.
    """
    m.submodules.visits = visits = Delay(
        width=visit.shape().size, cycles=array_latency - LEAD, content="data"
    )
    m.d.comb += visits.i.eq(visit)
    visit, sums = visits.o, []
    for index, (first, count) in enumerate(spans(cols, tile_cols)):
        m.submodules[f"accumulators_{index}"] = unit = bank(lanes=count, **accumulator)
        m.d.comb += [
            unit.visit.eq(visit),
            unit.psums.eq(Cat(psums[n] for n in range(first, first + count))),
        ]
        for name, (value, width) in (lanes or {}).items():
            lane = value[first * width : (first + count) * width]
            m.d.comb += getattr(unit, name).eq(lane)
        visit = unit.visit_o
        sums.append(unit.sums)
    return Cat(sums)


def add_output(
    m,
    *,
    sums,
    emit,
    launch,
    channels,
    results,
    cols,
    tile_cols,
    sums_and_output,
    latency,
    special=None,
):
    """The output side of an engine, from the sums of its columns to its stream ``results``.

    Parameters
    ----------
    sums : Value
        A column each, a cycle after the one before it.
    emit, launch : Value
        A row's step, if its sums are results, and if they are the first of an accumulation group.
    channels : stream or None
        Per-channel quantization parameters, if the output has any.
    results : stream
    cols, tile_cols : int
    sums_and_output : dict
        Parameters of :class:`OutputStage` about the sums and the output.
    latency : int
        Cycles from a row's step to a cycle before its sum of column 0.
    special : Value or None
        A flag for the row that went a cycle before.

    Returns
    -------
    OutputStage
        A step with results may be made while its ``some_room`` is asserted.
    """
    output = sums_and_output["output"], sums_and_output.get("float_sums", 0)
    stage = OutputStage(
        cols=cols,
        bank_cols=tile_cols,
        **sums_and_output,
        # A credit's round trip.
        depth=latency + cols + output_latency(*output) + 5,
        max_reserve=1,
        run_interval=latency,
        special=int(special is not None),
    )
    add_output_stage(
        m,
        stage,
        sums=sums,
        flags=emit,
        launch=launch,
        reserve=emit,
        latency=latency,
        channels=channels,
        results=results,
    )
    if special is not None:
        m.submodules.flagged = flagged = Delay(width=1, cycles=latency)
        m.d.comb += [flagged.i.eq(special), stage.special.eq(flagged.o)]
    return stage
