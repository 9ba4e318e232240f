"""Instructions of a program out of memory."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out, connect, flipped

from ..bus.axi_reader import AxiReader, burst_layout
from ..bus.beats_to_words import BeatsToWords
from ..bus.layout import check_data_width, word_layout
from ..bus.registers import ERRORS as BUS_ERRORS
from ..checks import check_integer
from ..unit import Unit
from . import isa
from .errors import ERRORS
from .issue import instruction_layout

__all__ = ["Fetch"]

_WORD = 8 * isa.INSTRUCTION_BYTES


class Fetch(Unit):
    """Reads the instructions of a program in order, ahead of their use, up to its HALT.

    Up to ``burst`` · ``outstanding`` beats are asked for ahead: see :class:`AxiReader`. Beats that
    were asked for behind the HALT still come, and are dropped. The program lies at a multiple of a
    beat's bytes, or of an instruction's 32 bytes if a beat is wider.

    After an error no further instruction is offered, ``failed`` is asserted until the next start,
    with the error and the index of the first instruction that was not offered. Errors are
    ``"READ"``, a beat that came with ``error`` before the HALT was taken, and ``"END"``, an end of
    the program without HALT.

    ``stop`` ends a program at once: nothing more is asked for, but for a burst that is offered,
    and an instruction that is offered is taken back, as who takes it is reset. It stays
    asserted until ``idle``.

    Throughput is an instruction in max(1, 256 / ``data_width``) cycles while beats come in time.
    An instruction is offered 3 cycles after its last beat came, or 2 with a queue of up to 4 beats.

    Parameters
    ----------
    data_width : int
        Bits of a beat, one of ``DATA_WIDTHS`` of the bus wrappers.
    address_width, burst, outstanding : int
        Those of :class:`AxiReader`.
    pc_width : int
        Bits of an instruction's index, 1 to 31.

    Members
    -------
    address : ``In(address_width)``
        First byte of the program.
    length : ``In(pc_width)``
        Instructions of the program, the HALT included.
    none, aligned, fits : ``Out(1)``
        ``length`` is 0; ``address`` is such a multiple; the last byte has an address. 2 cycles
        after ``address`` and ``length``.
    start : ``In(1)``
        Only while ``idle`` and without ``stop``, for a program that is aligned and fits, with
        ``address`` and ``length`` there for 2 cycles.
    stop : ``In(1)``
    idle : ``Out(1)``
        No beat is on its way, and no instruction is here.
    bursts : ``Out(stream.Signature(burst_layout(...)))``
    data : ``In(data_width)``, with ``valid`` : ``In(1)`` and ``error`` : ``In(1)``
        A beat, which cannot be refused.
    o : ``Out(stream.Signature(instruction_layout(pc_width)))``
    failed : ``Out(1)``, with ``failed_kind`` : ``Out(8)``, ``failed_pc`` : ``Out(pc_width)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "npu control"

    def __init__(self, *, data_width, address_width, burst, outstanding, pc_width):
        check_data_width(data_width)
        check_integer("Program counter width", pc_width, 1, 31)
        layout = word_layout(_WORD, data_width)
        self._reader = AxiReader(
            data_width=data_width,
            address_width=address_width,
            words_per_beat=layout.words_per_beat,
            beats_per_word=layout.beats_per_word,
            burst=burst,
            outstanding=outstanding,
        )
        super().__init__(
            {
                "address": In(address_width),
                "length": In(pc_width),
                "none": Out(1),
                "aligned": Out(1),
                "fits": Out(1),
                "start": In(1),
                "stop": In(1),
                "idle": Out(1),
                "bursts": Out(stream.Signature(burst_layout(self._reader.index_width))),
                "data": In(data_width),
                "valid": In(1),
                "error": In(1),
                "o": Out(stream.Signature(instruction_layout(pc_width))),
                "failed": Out(1),
                "failed_kind": Out(8),
                "failed_pc": Out(pc_width),
            }
        )

    def build(self):
        m = Module()
        width = self.parameters["data_width"]
        m.submodules.reader = reader = self._reader
        m.submodules.words = words = BeatsToWords(width=_WORD, data_width=width)
        # In beats of two instructions the program may begin with the upper one.
        half = self.address[5] if width > _WORD else Const(0)
        low = Const(1 << 5 if width > _WORD else 0, len(self.address))
        connect(m, reader.bursts, flipped(self.bursts))
        m.d.comb += [
            reader.address.eq(self.address & ~low),
            reader.count.eq(self.length + half),
            self.aligned.eq(reader.aligned),
            self.fits.eq(reader.fits),
            reader.start.eq(self.start),
            reader.data.eq(self.data),
            reader.valid.eq(self.valid),
        ]
        m.d.sync += self.none.eq(self.length == 0)

        active = Signal()  # instructions are offered
        stopping = Signal()  # no program runs, but its beats are still here, or on their way
        waits = Signal()  # an instruction is offered, and was not taken
        drops = Signal()
        skips = Signal()  # the lower half of the first beat is not the program's
        takes = Signal()
        ends = Signal()
        pc = Signal(self.parameters["pc_width"])
        word = words.o.payload
        m.d.comb += [
            drops.eq(stopping & ~waits),
            reader.stop.eq(self.stop | stopping),
            # Empty packets bring the converter to the begin of a word.
            words.i.payload.data.eq(reader.o.payload.data),
            words.i.payload.keep.eq(Mux(drops, 0, reader.o.payload.keep)),
            words.i.payload.last.eq(reader.o.payload.last | drops),
            words.i.valid.eq(reader.o.valid | drops),
            reader.o.ready.eq(words.i.ready | drops),
            self.o.payload.word.eq(word.word),
            self.o.payload.pc.eq(pc),
            self.o.valid.eq(words.o.valid & ~skips & (active | waits)),
            words.o.ready.eq(drops | skips | (self.o.ready & (active | waits))),
            takes.eq(self.o.valid & self.o.ready),
            self.idle.eq(~active & ~stopping),
        ]
        with m.If(words.o.valid):
            m.d.sync += skips.eq(0)
        m.d.sync += [
            pc.eq(pc + takes),
            waits.eq(self.o.valid & ~self.o.ready & ~self.stop),
        ]
        halts = data.View(isa.layout("halt"), self.o.payload.word).op == isa.OPCODES["halt"]
        with m.If(drops & reader.idle & ~words.o.valid):
            m.d.sync += stopping.eq(0)
        with m.If(active & takes & (halts | word.last)):
            m.d.comb += ends.eq(1)
        with m.If(active & (ends | self.stop | (self.valid & self.error))):
            m.d.sync += [active.eq(0), stopping.eq(1)]
        with m.If(active & ~self.stop):
            self._fail(m, self.valid & self.error & ~(ends & halts), BUS_ERRORS["READ"][0], pc)
            self._fail(m, ends & ~halts, ERRORS["END"][0], pc)
        with m.If(self.start):
            m.d.sync += [active.eq(1), skips.eq(half), pc.eq(0), self.failed.eq(0)]
        return m

    def _fail(self, m, condition, kind, pc):
        with m.If(condition):
            m.d.sync += [
                self.failed.eq(1),
                self.failed_kind.eq(kind),
                self.failed_pc.eq(pc + self.o.valid),
            ]
