"""A core with beats in and out, and registers: what all tops have in common."""

from dataclasses import asdict

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Module, ResetSignal, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import check_choice, check_integer
from ..unit import Unit, connect_stream
from .beats_to_words import BeatsToWords
from .control import Control, register_bus
from .cores import core_of
from .layout import beat_layout, word_layout
from .packets import Packets
from .registers import ERRORS
from .words_to_beats import WordsToBeats

__all__ = ["TOPS", "Shell"]

#: Numbers of the tops in the register ``CAPS``.
TOPS = {"axis": 1, "axi": 2, "uart": 3}


class Shell(Unit):
    """A core whose streams have beats of a bus, with the registers of :func:`register_map`.

    A packet of commands makes a packet of results: see :class:`Packets`. While the register
    ``CONTROL`` says so, and until ``drained``, the core and the converters are in reset; beats
    that come are dropped, and none are offered.

    A word takes a cycle longer in, and two out, than in the core alone, and as many as it has
    beats. Throughput is the core's, limited by a word a cycle, or a beat a cycle for wider words,
    on each stream.

    Parameters
    ----------
    core : Unit
        One of the designs.
    top : str
        One of :data:`TOPS`.
    data_width : int
        Width of a beat in bits.
    address_width, counters
        Those of :class:`Control`.
    digest : int
        Value of the register ``DIGEST``.

    Members
    -------
    registers : ``In(register_bus())``
    interrupt : ``Out(1)``
    reset : ``Out(1)``
        The core is in reset.
    drained : ``In(1)``
        Nothing that was under way at the soft reset is left.
    quiet : ``Out(1)``
        No word is in a converter, and no results are owed.
    <name> : ``In(stream.Signature(beat_layout(data_width)))``
        Each stream into the core.
    results : ``Out(stream.Signature(beat_layout(data_width)))``
    start, running, done, failed, failed_kind, failed_stream, address, count
        Those of :class:`Control`, with DMA; ``running`` is ``STATUS.busy``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "bus"

    def __init__(self, *, core, top, data_width, digest, address_width=0, counters=1):
        check_choice("Top", top, list(TOPS))
        check_integer("Digest", digest, 0, 0xFFFF_FFFF)
        self.figures = core_of(core)
        identity = dict(self.figures.identity)
        beat = (data_width // 8).bit_length() - 1
        identity["CAPS"] |= TOPS[top] << 8 | beat << 12
        identity["DIGEST"] = digest
        self.control = {
            "streams": ",".join(self.figures.widths),
            "address_width": address_width,
            "counters": counters,
            "identity": tuple(identity.items()),
        }
        self.map = Control(**self.control).map
        self.inputs = [name for name in self.figures.widths if name != "results"]
        beats = stream.Signature(beat_layout(data_width))
        ports = {"registers": In(register_bus())}
        ports |= {name: In(beats) for name in self.inputs}
        ports |= {
            "results": Out(beats),
            "interrupt": Out(1),
            "reset": Out(1),
            "drained": In(1, init=1),
            "quiet": Out(1),
        }
        if address_width:
            members = Control(**self.control).signature.members
            ports |= {name: members[name] for name in ("start", "address", "count")}
            ports |= {"running": In(1), "done": In(1)}
            ports |= {"failed": In(1), "failed_kind": In(8), "failed_stream": In(8)}
        super().__init__(ports)
        self.bus = self.facts()

    def facts(self):
        """What the manifest says of a top: how words lie in its beats, registers, errors."""
        layouts = {
            name: word_layout(width, self.parameters["data_width"])
            for name, width in self.figures.widths.items()
        }
        return {
            "top": self.parameters["top"],
            "data_width": self.parameters["data_width"],
            "streams": {
                name: {
                    "index": index,
                    "direction": "output" if name == "results" else "input",
                    "width": layout.width,
                    "stride": layout.stride,
                    "words_per_beat": layout.words_per_beat,
                    "beats_per_word": layout.beats_per_word,
                }
                for index, (name, layout) in enumerate(layouts.items())
            },
            "registers": [asdict(register) for register in self.map],
            "errors": {
                name: {"number": number, "meaning": meaning}
                for name, (number, meaning) in ERRORS.items()
            },
        }

    def build(self):
        m = Module()
        m.submodules.control = control = Control(**self.control)
        wiring.connect(m, wiring.flipped(self.registers), control.registers)
        self._reset(m, control)
        core = self._part(m, "core", self.figures.unit)
        width = self.figures.widths["results"]
        packets = self._part(m, "packets", Packets(width=width, max_owed=self.figures.max_owed))
        moves, waits, broken, empty = [], [], [], []
        for name in self.inputs:
            port = getattr(core, name)
            words = self._input(m, name, port, broken, empty)
            valid, ready = words.valid, port.ready
            if name == self.figures.command:
                accepted = Signal()
                m.d.comb += [
                    accepted.eq(valid & ready & packets.room),
                    port.valid.eq(valid & packets.room),
                    words.ready.eq(ready & packets.room),
                    packets.accepted.eq(accepted),
                    packets.last.eq(words.payload.last),
                    packets.owed.eq(self.figures.owed(port.payload)),
                ]
            else:
                m.d.comb += [port.valid.eq(valid), words.ready.eq(ready)]
            moves.append(port.valid & ready)
            waits.append(ready & ~port.valid)
        last = self._output(m, core, packets, broken, empty)
        moves.append(core.results.valid & core.results.ready)
        waits.append(core.results.valid & ~core.results.ready)
        # Counters may be a cycle late; paths from streams to them are long enough.
        m.d.sync += [control.moves.eq(Cat(moves)), control.waits.eq(Cat(waits))]
        m.d.comb += [
            control.broken.eq(Cat(broken)),
            self.quiet.eq(Cat(empty).all() & ~packets.busy),
            self.interrupt.eq(control.interrupt),
        ]
        if self.parameters["address_width"]:
            self._job(m, control)
        else:
            m.d.comb += [
                packets.single.eq(control.single),
                control.busy.eq(packets.busy),
                control.done.eq(last),
            ]
        return m

    def _part(self, m, name, unit):
        """Add a unit that the soft reset resets."""
        unit.domain = "core"
        m.submodules[name] = unit
        return unit

    def _reset(self, m, control):
        m.domains.core = domain = ClockDomain("core", local=True)
        draining = Signal()
        resets = Signal()
        m.d.comb += [
            domain.clk.eq(ClockSignal()),
            domain.rst.eq(ResetSignal() | resets),
            resets.eq(control.reset | draining),
            self.reset.eq(resets),
            control.resetting.eq(resets),
        ]
        m.d.sync += draining.eq(resets & ~self.drained)

    def _input(self, m, name, port, broken, empty):
        """From the beats of a stream; returns its words."""
        width, beats = self.figures.widths[name], getattr(self, name)
        parameters = {"width": width, "data_width": self.parameters["data_width"]}
        part = self._part(m, f"{name}_words", BeatsToWords(**parameters))
        m.d.comb += [
            part.i.payload.eq(beats.payload),
            part.i.valid.eq(beats.valid & ~self.reset),
            beats.ready.eq(part.i.ready | self.reset),
            Value.cast(port.payload).eq(part.o.payload.word),
        ]
        broken.append(part.broken)
        empty.append(~part.o.valid)
        return part.o

    def _output(self, m, core, packets, broken, empty):
        """To the beats of the results; returns whether the last of a packet leaves."""
        parameters = {"width": len(packets.i.payload), "data_width": self.parameters["data_width"]}
        beats = self._part(m, "results_beats", WordsToBeats(**parameters))
        last = Signal()
        m.d.comb += [
            *connect_stream(core.results, packets.i),
            *connect_stream(packets.o, beats.i),
            self.results.payload.eq(beats.o.payload),
            self.results.valid.eq(beats.o.valid & ~self.reset),
            beats.o.ready.eq(self.results.ready & ~self.reset),
            last.eq(beats.o.valid & beats.o.ready & beats.o.payload.last),
        ]
        empty.append(~beats.o.valid)
        return last

    def _job(self, m, control):
        m.d.comb += [
            self.start.eq(control.start),
            self.address.eq(control.address),
            self.count.eq(control.count),
            control.busy.eq(self.running),
            control.done.eq(self.done),
            control.failed.eq(self.failed),
            control.failed_kind.eq(self.failed_kind),
            control.failed_stream.eq(self.failed_stream),
        ]
