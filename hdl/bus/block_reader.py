"""Blocks of beats out of memory, by their numbers."""

from amaranth.hdl import Mux, Signal
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..unit import data_register
from .axi_reader import AxiReader
from .transfer_checker import TransferChecker

__all__ = ["BlockReader"]


class BlockReader(AxiReader):
    """Reads blocks of words, each by its number, in any order and as often as it comes.

    All blocks of a job have ``size`` words, and each begins with a beat: block n begins n times the
    beats of a block behind ``address``. Bursts of a block are asked for while beats of those before
    arrive, for as many beats as ``outstanding`` whole bursts have. Throughput is a beat a cycle,
    with blocks of 5 beats and more and bursts of 4 and more, if beats come in time.

    A block that does not lie within the ``count`` words from ``address`` on is told by ``failed``;
    block 0 is read in its place.

    Parameters
    ----------
    data_width, address_width, words_per_beat, beats_per_word, burst, outstanding
        Those of :class:`AxiReader`.
    most : int
        Most words of a block.

    Members
    -------
    address, count, none, aligned, fits, stop, bursts, data, valid
        Those of :class:`AxiReader`.
    size : ``In(range(most + 1))``
        Words of a block.
    short : ``Out(1)``
        ``count`` words that fit have fewer beats than a block, or a block has none; 2 cycles after
        the inputs. No job begins then.
    start : ``In(1)``
        Only while ``idle``, with ``address``, ``count`` and ``size`` there for 2 cycles.
    idle : ``Out(1)``
    blocks : ``In(stream.Signature(32))``
        Numbers of blocks.
    failed : ``Out(1)``
    o : ``Out(stream.Signature(beat_layout(data_width)))``
        One packet for each block.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    def __init__(self, *, most, **reader):
        check_integer("Most words of a block", most, 1, 1 << 16)
        super().__init__(**reader)

    @property
    def job_ports(self):
        return {
            "size": In(range(self.parameters["most"] + 1)),
            "short": Out(1),
            "blocks": In(stream.Signature(32)),
            "failed": Out(1),
        }

    def _packet_width(self, checker):
        words, factor = (self.parameters[n] for n in ("words_per_beat", "beats_per_word"))
        return (-(-(1 << len(self.size)) // words) * factor).bit_length()

    def _ask(self, m, checker, left, index, empty):
        width = len(checker.beats)
        m.submodules.block = block = TransferChecker(**self.transfer)
        # What a job says is kept: its registers may change while it runs.
        base = data_register(len(index), name="base")
        total = data_register(width, name="total")
        beats = data_register(self._packet_width(checker), name="beats")
        number = data_register(32, name="number")
        offset = data_register(min(32, width) + len(beats), name="offset")
        far = data_register(1, name="far")
        wrong = data_register(1, name="wrong")
        waiting = Signal()
        m.d.comb += [
            block.address.eq(0),
            block.count.eq(self.size),
            self.short.eq(checker.fits & ((block.beats > checker.beats) | (block.beats == 0))),
            self.idle.eq(empty & waiting),
        ]
        with m.If(self.start):
            m.d.sync += [
                base.eq(self.address[checker.size_bits :]),
                total.eq(checker.beats),
                beats.eq(block.beats),
            ]
        m.d.sync += [
            # Every block has a beat: a number that has more bits than those is too large.
            far.eq(number[width:].any()),
            offset.eq(number[:width] * beats),
            wrong.eq(far | (offset + beats > total)),
        ]
        # While nothing is left to ask for, nobody looks where it would be.
        with m.If(left == 0):
            m.d.sync += index.eq(base + Mux(wrong, 0, offset))
        with m.FSM():
            # The number of the next block is awaited.
            with m.State("NUMBER"):
                m.d.comb += [waiting.eq(1), self.blocks.ready.eq(1)]
                m.d.sync += number.eq(self.blocks.payload)
                with m.If(self.blocks.valid & ~self.stop):
                    m.next = "PLACE"
            # Its place is computed, a cycle for the product ...
            with m.State("PLACE"):
                m.next = "CHECK"
            # ... and one for the check, while bursts of the block before are asked for.
            with m.State("CHECK"):
                m.next = "ASK"
            # All bursts of the block before have been asked for, or it waits for that.
            with m.State("ASK"):
                with m.If(self.stop):
                    m.next = "NUMBER"
                with m.Elif(left == 0):
                    m.d.comb += self.failed.eq(wrong)
                    m.d.sync += left.eq(beats)
                    m.next = "NUMBER"
        return block, beats
