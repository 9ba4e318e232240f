"""Output side of an array: bias and requantization, words out of wavefronts, the result queue."""

from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..arith.requantize import CHANNEL_OUTPUTS, channel_layout, check_rounding
from ..array.delay import Delay
from ..array.grid import spans
from ..array.loader import Loader
from ..array.skew import Skew
from ..checks import check_choice, check_integer, check_relation
from ..float.layout import FLOATS
from ..float.narrow import Narrow
from ..float.to_float import ToFloat
from ..stream.fifo import Fifo
from ..unit import Unit
from .output_channel import OutputChannelBank, output_latency, output_shape

__all__ = ["OutputStage", "add_output_stage", "result_layout"]

#: Cycles from the acceptance of a channel's values until the chain of channels can hold them.
ARRIVAL = 3
#: Outputs of sums in binary32.
_OF_FLOATS = ("raw", *(name for name in FLOATS if name != "fp32"))


def result_layout(shape, cols, special=0):
    """One word of results: a lane a column, and above them, if wanted, ``special``."""
    lanes = data.ArrayLayout(shape, cols)
    return data.StructLayout({"lane": lanes, "special": 1}) if special else lanes


class OutputStage(Unit):
    """Takes the sums of a run of rows and offers them as a stream of words, a lane a column.

    The array cannot be stopped, so a run is asked for before it begins: ``may_launch`` says that
    the channels' values for one more run are there, ``launch`` claims them, and ``reserve``
    takes that many words of ``room``, the queue's space that no row on its way needs. The sums
    of column 0 come with ``valid``, each column's a cycle after those of the one before it.
    ``start`` is one cycle ahead of the first row of a run, a fixed time after ``launch``.

    The lanes of a bank are brought into line by delays, the banks by their queues: each has one,
    and a word is offered when that of the last bank, the latest, has it.

    A row leaves ``output_latency(output, float_sums) + cols + 1`` cycles after its column 0 came.
    Throughput is one row a cycle. Runs with channel values begin at least
    ``cols + output_latency(output) - 1`` cycles apart, the time in which the values of the next
    run replace those of the last.

    Parameters
    ----------
    cols : int
        Columns of the array: channels.
    bank_cols : int
        Columns in a bank.
    acc_width, output, out_format, rounding
        Those of :class:`OutputChannel`. Without a stream ``channels``, ``output`` may be ``"raw"``
        too, the sums as they are, or ``"fp32"``, ``"bf16"`` or ``"fp16"``, the sums rounded once.
    depth : int
        Words in the queue.
    max_reserve : int
        Most words reserved at once.
    run_interval : int
        Expected cycles between launch and first sum, for the depth of the channels' queue.
    special : int
        1 for words with a flag, which comes with ``valid``.
    unit : int
        Exponent of the power of two that the sums count in, for floats as output.
    float_sums : int
        1 for sums that are codes of binary32, for floats as output.

    Members
    -------
    sums : ``In(data.ArrayLayout(signed(acc_width), cols))``
    valid, start, launch : ``In(1)``
    special : ``In(1)``, if wanted
    reserve : ``In(range(max_reserve + 1))``
    room : ``Out(range(depth + 1))``
    some_room : ``Out(1)``
        ``room`` is not 0.
    may_launch : ``Out(1)``
    channels : ``In(stream.Signature(channel_layout(...)))``
        ``cols`` words for each run, the last column's first.
    results : ``Out(stream.Signature(result_layout(output_shape(...), cols, special)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "results"

    def __init__(
        self,
        *,
        cols,
        bank_cols,
        acc_width,
        output,
        out_format,
        rounding,
        depth,
        max_reserve,
        run_interval,
        special=0,
        unit=0,
        float_sums=0,
    ):
        check_integer("Column count", cols, 1)
        check_integer("Bank column count", bank_cols, 1)
        check_choice("Output", output, ("raw", *CHANNEL_OUTPUTS, *FLOATS))
        check_rounding(rounding, output)
        check_integer("Result queue depth", depth, 2)
        check_integer("Largest reservation", max_reserve, 1)
        check_integer("Run interval", run_interval, 1)
        check_integer("Special flag", special, 0, 1)
        check_integer("Float sums", float_sums, 0, 1)
        check_relation(
            not float_sums or (output in _OF_FLOATS and acc_width == FLOATS["fp32"].bits),
            f"Sums in binary32 must have 32 bits and an output of raw, bf16 or fp16, not "
            f"{acc_width} bits and {output}",
        )
        check_integer("Unit", unit, -1024, 1024)
        if output in FLOATS and not float_sums:
            ToFloat(width=acc_width, unit=unit, format=output)
        channel = {"acc_width": acc_width, "output": output, "out_format": out_format}
        self.out_shape = output_shape(**channel, float_sums=float_sums)
        ports = {
            "sums": In(data.ArrayLayout(signed(acc_width), cols)),
            "valid": In(1),
            "start": In(1),
            "launch": In(1),
            "reserve": In(range(max_reserve + 1)),
            "room": Out(range(depth + 1), init=depth),
            "some_room": Out(1, init=1),
            "may_launch": Out(1),
            "results": Out(stream.Signature(result_layout(self.out_shape, cols, special))),
        }
        if special:
            ports["special"] = In(1)
        if output in CHANNEL_OUTPUTS:
            ports["channels"] = In(stream.Signature(channel_layout(**channel)))
        super().__init__(ports)

    def build(self):
        m = Module()
        cols, output = self.parameters["cols"], self.parameters["output"]
        latency = output_latency(output, self.parameters["float_sums"])
        if output in CHANNEL_OUTPUTS:
            lanes = self._channels(m)
        else:
            lanes = self._converted(m) if latency else Value.cast(self.sums)
            m.d.comb += self.may_launch.eq(1)

        width = self.out_shape.width
        left = Signal()
        m.d.comb += left.eq(self.results.valid & self.results.ready)
        words = []
        banks = spans(cols, self.parameters["bank_cols"])
        cycles, flags = latency - 1, self.valid
        if self.parameters["special"]:
            flags = Cat(self.valid, self.special)
        for index, (first, count) in enumerate(banks):
            depth = self.parameters["depth"]
            m.submodules[f"skew_{index}"] = skew = Skew(lanes=count, width=width, backwards=1)
            delay = Delay(width=len(flags), cycles=cycles + count)
            m.submodules[f"written_{index}"] = written = delay
            word = skew.o
            if index == len(banks) - 1:  # the special flag, if any, goes above the last lane
                word = Cat(word, written.o[1:])
            m.submodules[f"queue_{index}"] = queue = Fifo(width=len(word), depth=depth)
            m.d.comb += [
                skew.i.eq(lanes[first * width : (first + count) * width]),
                written.i.eq(flags),
                queue.i.payload.eq(word),
                queue.i.valid.eq(written.o[0]),
                queue.o.ready.eq(left),
            ]
            words.append(queue.o.payload)
            cycles, flags = 0, written.o
        m.d.comb += [
            self.results.payload.eq(Cat(words)),
            self.results.valid.eq(queue.o.valid),
        ]
        m.d.sync += [
            self.room.eq(self.room - self.reserve + left),
            self.some_room.eq((self.room > self.reserve) | left),
        ]
        return m

    def _converted(self, m):
        """The sums as floats, each lane for itself."""
        params = self.parameters
        lanes = []
        for lane in range(params["cols"]):
            if params["float_sums"]:
                unit = Narrow(format=params["output"])
            else:
                unit = ToFloat(
                    width=params["acc_width"], unit=params["unit"], format=params["output"]
                )
            m.submodules[f"float_{lane}"] = unit
            m.d.comb += unit.i.eq(self.sums[lane])
            lanes.append(unit.o)
        return Cat(lanes)

    def _channels(self, m):
        """The chain of channels, fed from a queue; returns their outputs."""
        cols = self.parameters["cols"]
        names = ("acc_width", "output", "out_format", "rounding")
        channel = {name: self.parameters[name] for name in names}
        latency = output_latency(self.parameters["output"])
        width = len(Value.cast(self.channels.payload))
        interval = cols + latency - 1

        # Values of runs that were launched wait until the runs before have begun; meanwhile those
        # of the runs to come arrive.
        runs = 2 + -(-self.parameters["run_interval"] // interval)
        m.submodules.queue_channels = queue = Fifo(width=width, depth=max(2, runs * cols))
        m.submodules.loader = loader = Loader(width=width, steps=cols)
        m.submodules.taken = taken = Delay(width=1, cycles=latency - 1)
        wiring.connect(m, wiring.flipped(self.channels), queue.i)
        wiring.connect(m, queue.o, loader.i)
        m.d.comb += [
            taken.i.eq(self.start),
            loader.take.eq(taken.o),
        ]

        start, word, lanes = self.start, loader.word, []
        for index, (first, count) in enumerate(spans(cols, self.parameters["bank_cols"])):
            m.submodules[f"bank_{index}"] = bank = OutputChannelBank(lanes=count, **channel)
            sums = Cat(self.sums[lane] for lane in range(first, first + count))
            m.d.comb += [
                bank.i.eq(sums),
                bank.start.eq(start),
                bank.shift.eq(loader.shift[first : first + count]),
                bank.word.eq(word),
            ]
            start, word = bank.start_o, bank.word_o
            lanes.append(bank.o)

        accepted = Signal(index_shape(cols))
        complete = Signal()
        m.d.comb += complete.eq(self.channels.valid & self.channels.ready & (accepted == cols - 1))
        with m.If(self.channels.valid & self.channels.ready):
            m.d.sync += accepted.eq(accepted + 1)
        with m.If(complete):
            m.d.sync += accepted.eq(0)
        m.submodules.arrived = arrived = Delay(width=1, cycles=ARRIVAL)
        sets = Signal(range(runs + 3))
        spacing = Signal(range(interval + 1))
        m.d.comb += [
            arrived.i.eq(complete),
            self.may_launch.eq((sets != 0) & (spacing == 0)),
        ]
        m.d.sync += sets.eq(sets + arrived.o - self.launch)
        with m.If(self.launch):
            m.d.sync += spacing.eq(interval - 1)
        with m.Elif(spacing != 0):
            m.d.sync += spacing.eq(spacing - 1)
        return Cat(lanes)


def add_output_stage(m, stage, *, sums, flags, launch, reserve, latency, channels, results):
    """Add an output stage to an engine, with delays from the engine's sequencer.

    Parameters
    ----------
    stage : OutputStage
    sums : Value
        A column each, a cycle after the one before it.
    flags : Value
        1 bit: a row with results enters the array; above it, if the stage has it, its flag
        ``special``.
    launch : Value
        The first row of an accumulation group enters the array.
    reserve : Value
        Words to be reserved.
    latency : int
        Cycles from ``launch`` to ``stage.start``; the sums follow a cycle later.
    channels : stream or None
        Per-channel quantization parameters, if the output has any.
    results : stream
    """
    m.submodules.results_stage = stage
    m.submodules.emitted = emitted = Delay(width=len(flags), cycles=latency + 1)
    m.submodules.started = started = Delay(width=1, cycles=latency)
    wiring.connect(m, stage.results, wiring.flipped(results))
    m.d.comb += [
        emitted.i.eq(flags),
        started.i.eq(launch),
        stage.sums.eq(sums),
        stage.valid.eq(emitted.o[0]),
        stage.start.eq(started.o),
        stage.launch.eq(launch),
        stage.reserve.eq(reserve),
    ]
    if len(flags) > 1:
        m.d.comb += stage.special.eq(emitted.o[1])
    if channels is not None:
        wiring.connect(m, wiring.flipped(channels), stage.channels)
