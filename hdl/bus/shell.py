"""A core with beats in and out, and registers: common to all bus wrappers."""

from dataclasses import asdict

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import check_choice, check_integer, check_relation
from ..engine import check_engine
from ..unit import Unit, data_register
from .beats_to_words import BeatsToWords
from .block_walker import BlockWalker
from .layout import beat_layout, word_layout
from .register_bank import RegisterBank
from .register_file import register_bus
from .registers import ERRORS, MAP_VERSION, TOPS, register_map
from .result_packetizer import ResultPacketizer
from .words_to_beats import WordsToBeats

__all__ = ["INDEX", "Shell"]

#: The streams of an index of block-sparse weights.
INDEX = ("row_ptr", "col_idx")


class Shell(Unit):
    """A core whose streams have beats of a bus, with the registers of :func:`register_map`.

    A packet of descriptors makes a packet of results: see :class:`ResultPacketizer`. While the
    register ``CONTROL`` says so, and until ``drained``, the core and the converters are in reset;
    beats that come are dropped, and none are offered.

    With ``walk`` the core's tiles are those of an index in the streams ``row_ptr`` and ``col_idx``
    (see :class:`BlockWalker`), which are in place of its descriptors, and the first two.

    A word takes a cycle longer in, and two out, than in the core alone, and as many as it has
    beats. Throughput is the core's, limited by a word a cycle, or a beat a cycle for wider words,
    on each stream.

    Parameters
    ----------
    core : Engine
    top : str
        One of :data:`TOPS`.
    data_width : int
        Width of a beat in bits.
    address_width, counters
        Those of :class:`RegisterBank`.
    walk : int
        1 for tiles of an index, else 0; only with DMA, and of a core that has a ``rows_stream``.
    digest, generator, revision : int
        Values of the registers ``DIGEST``, ``GENERATOR`` and ``REVISION``; 0 for none.

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
        Those of :class:`RegisterBank`, with DMA; ``running`` is ``STATUS.busy``.
    begin : ``In(1)``, with ``walk``
        A job begins.
    size : ``Out(range(core.limit + 1))``, with ``blocks`` : ``Out(stream.Signature(32))``, \
with ``walk``
        Words of rows that a tile takes, and numbers of the tiles along K whose rows they are.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "bus"

    def __init__(
        self,
        *,
        core,
        top,
        data_width,
        digest,
        generator=0,
        revision=0,
        address_width=0,
        counters=1,
        walk=0,
    ):
        check_choice("Top", top, list(TOPS))
        numbers = {"digest": digest, "generator": generator, "revision": revision}
        for name, value in numbers.items():
            check_integer(name.capitalize(), value, 0, 0xFFFF_FFFF)
        check_engine(core)
        check_integer("Block walk", walk, 0, 1)
        self.core = core
        widths = self.widths = core.stream_widths
        identity = core.identity
        tile = ()
        if walk:
            check_relation(address_width > 0, "Block walk must be 0 without DMA, not 1")
            check_relation(
                core.rows_stream is not None,
                f"Block walk must be 0 for {core.name}, whose operands are no tiles, not 1",
            )
            tile = tuple((name, field.width) for name, field in core.descriptor_layout)
            others = {name: width for name, width in widths.items() if name != core.descriptors}
            self.widths = dict.fromkeys(INDEX, 32) | others
            identity["CAPS"] += 1 << 22 | (len(self.widths) - len(widths)) << 18
        beat = (data_width // 8).bit_length() - 1
        identity["CAPS"] |= TOPS[top] << 8 | beat << 12
        identity |= {name.upper(): value for name, value in numbers.items()}
        self.control = {
            "streams": ",".join(self.widths),
            "address_width": address_width,
            "counters": counters,
            "identity": tuple(identity.items()),
        }
        if walk:
            self.control["tile"] = tile
        bank = RegisterBank(**self.control)
        self.map = register_map(
            streams=list(self.widths),
            address_width=address_width,
            counters=counters,
            identity=identity,
            design=f"{core.number} {core.name}",
            tile=tile,
        )
        self.inputs = [name for name in self.widths if name != "results"]
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
            members = bank.signature.members
            ports |= {name: members[name] for name in ("start", "address", "count")}
            ports |= {"running": In(1), "done": In(1)}
            ports |= {"failed": In(1), "failed_kind": In(8), "failed_stream": In(8)}
        if walk:
            ports |= {"begin": In(1), "size": Out(range(core.limit + 1))}
            ports |= {"blocks": Out(stream.Signature(32))}
        super().__init__(ports)
        self.bus = self.description()

    @property
    def required_streams(self):
        """Streams of which every job has words."""
        needed = self.core.required_streams
        if not self.parameters["walk"]:
            return needed
        return ("row_ptr", *(name for name in needed if name != self.core.descriptors))

    def description(self):
        """The manifest's entry ``bus``: the core, layouts of words in beats, registers, errors."""
        core = self.core
        layouts = {
            name: word_layout(width, self.parameters["data_width"])
            for name, width in self.widths.items()
        }
        return {
            "top": self.parameters["top"],
            "version": MAP_VERSION >> 16,
            "core": {
                "instance": "shell.core",  # below the top level, by names of submodules
                "design_number": core.number,
                "descriptors": core.descriptors,
                "required_streams": list(self.required_streams),
                "max_owed": core.max_owed,
            },
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
        m.submodules.control = bank = RegisterBank(**self.control)
        wiring.connect(m, wiring.flipped(self.registers), bank.registers)
        self._reset(m, bank)
        core = self._resettable(m, "core", self.core)
        width = self.widths["results"]
        packetizer = self._resettable(
            m, "packets", ResultPacketizer(width=width, max_owed=core.max_owed)
        )
        moves, waits, broken, empty = [], [], [], []
        tiles = walker = None
        if self.parameters["walk"]:
            tiles = walker = self._walk(m, bank, moves, waits, broken, empty)
        for name in core.stream_widths:
            if name == "results":
                continue
            port = getattr(core, name)
            if tiles is not None and name == core.descriptors:
                words = tiles.o
                m.d.comb += port.payload.eq(words.payload.word)
            else:
                words = self._input(m, name, port.payload, broken, empty)
            valid, ready = words.valid, port.ready
            if name == core.descriptors:
                accepted = Signal()
                m.d.comb += [
                    accepted.eq(valid & ready & packetizer.room),
                    port.valid.eq(valid & packetizer.room),
                    words.ready.eq(ready & packetizer.room),
                    packetizer.accepted.eq(accepted),
                    packetizer.last.eq(words.payload.last),
                    packetizer.owed.eq(core.results_owed(port.payload)),
                ]
            else:
                m.d.comb += [port.valid.eq(valid), words.ready.eq(ready)]
            if name in self.widths:
                moves.append(port.valid & ready)
                waits.append(ready & ~port.valid)
        last = self._output(m, core, packetizer, broken, empty)
        moves.append(core.results.valid & core.results.ready)
        waits.append(core.results.valid & ~core.results.ready)
        # Counters may be a cycle late; paths from streams to them are long enough.
        waited = data_register(len(waits), name="waited")  # counted while the core is busy
        m.d.sync += [bank.moves.eq(Cat(moves)), waited.eq(Cat(waits))]
        m.d.comb += [
            bank.waits.eq(waited),
            bank.broken.eq(Cat(broken)),
            self.quiet.eq(Cat(empty).all() & ~packetizer.busy),
            self.interrupt.eq(bank.interrupt),
        ]
        if self.parameters["address_width"]:
            self._job(m, bank, walker)
        else:
            m.d.comb += [
                packetizer.single.eq(bank.single),
                bank.busy.eq(packetizer.busy),
                bank.done.eq(last),
            ]
        return m

    def _resettable(self, m, name, unit):
        """Add a unit that the soft reset resets."""
        unit.domain = "core"
        m.submodules[name] = unit
        return unit

    def _reset(self, m, bank):
        m.domains.core = domain = ClockDomain("core", local=True)
        draining = Signal()
        resets = Signal()
        m.d.comb += [
            domain.clk.eq(ClockSignal()),
            domain.rst.eq(ResetSignal() | resets),
            resets.eq(bank.reset | draining),
            self.reset.eq(resets),
            bank.resetting.eq(resets),
        ]
        m.d.sync += draining.eq(resets & ~self.drained)

    def _input(self, m, name, payload, broken, empty):
        """From the beats of a stream to the ``payload`` of a port; returns its words."""
        width, beats = self.widths[name], getattr(self, name)
        parameters = {"width": width, "data_width": self.parameters["data_width"]}
        converter = self._resettable(m, f"{name}_words", BeatsToWords(**parameters))
        m.d.comb += [
            converter.i.payload.eq(beats.payload),
            converter.i.valid.eq(beats.valid & ~self.reset),
            beats.ready.eq(converter.i.ready | self.reset),
            payload.eq(converter.o.payload.word),
        ]
        broken.append(converter.broken)
        empty.append(~converter.o.valid)
        return converter.o

    def _walk(self, m, bank, moves, waits, broken, empty):
        """From the index to tiles; returns the walker."""
        layout = self.core.descriptor_layout
        marks = {name: layout[name].offset for name in ("first", "last")}
        walker = BlockWalker(width=len(bank.tile), **marks)
        self._resettable(m, "walker", walker)
        index = {"row_ptr": walker.row_ptr.payload.word, "col_idx": walker.col_idx.payload}
        for name, payload in index.items():
            words = self._input(m, name, payload, broken, empty)
            port = getattr(walker, name)
            m.d.comb += [port.valid.eq(words.valid), words.ready.eq(port.ready)]
            moves.append(words.valid & port.ready)
            waits.append(port.ready & ~words.valid)
            if name == "row_ptr":
                m.d.comb += port.payload.last.eq(words.payload.last)
        wiring.connect(m, walker.blocks, wiring.flipped(self.blocks))
        m.d.comb += [
            walker.start.eq(self.begin),
            walker.tile.eq(bank.tile),
            walker.count.eq(bank.count[INDEX.index("col_idx")]),
            self.size.eq(bank.tile_words),
        ]
        empty.append(~walker.busy)
        return walker

    def _output(self, m, core, packetizer, broken, empty):
        """To the beats of the results; returns whether the last of a packet leaves."""
        parameters = {
            "width": len(packetizer.i.payload),
            "data_width": self.parameters["data_width"],
        }
        beats = self._resettable(m, "results_beats", WordsToBeats(**parameters))
        last = Signal()
        wiring.connect(m, core.results, packetizer.i)
        wiring.connect(m, packetizer.o, beats.i)
        m.d.comb += [
            self.results.payload.eq(beats.o.payload),
            self.results.valid.eq(beats.o.valid & ~self.reset),
            beats.o.ready.eq(self.results.ready & ~self.reset),
            last.eq(beats.o.valid & beats.o.ready & beats.o.payload.last),
        ]
        empty.append(~beats.o.valid)
        return last

    def _job(self, m, bank, walker):
        m.d.comb += [
            self.start.eq(bank.start),
            self.address.eq(bank.address),
            self.count.eq(bank.count),
            bank.busy.eq(self.running),
            bank.done.eq(self.done),
            bank.failed.eq(self.failed),
            bank.failed_kind.eq(self.failed_kind),
            bank.failed_stream.eq(self.failed_stream),
        ]
        if walker is not None:
            with m.If(walker.failed & ~self.failed):
                m.d.comb += [
                    bank.failed.eq(1),
                    bank.failed_kind.eq(ERRORS["RANGE"][0]),
                    bank.failed_stream.eq(INDEX.index("row_ptr")),
                ]
