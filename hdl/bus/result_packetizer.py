"""Packets of results for packets of commands."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from .layout import word_of_packet

__all__ = ["COUNT_WIDTH", "ResultPacketizer"]

#: Bits of a number of words in a packet.
COUNT_WIDTH = 32

#: Packets that may be on their way through the core.
_DEPTH = 8


class ResultPacketizer(Unit):
    """Marks the last word of results that a packet of commands calls for.

    Each command that the core accepts owes some words of results, perhaps none. With the last
    command of a packet it is known how many words its packet of results has. Commands that owe
    nothing may come long after all that the packet owes; so a word that may be the last waits in a
    register, until another that owes comes, or the packet's end. The core does not wait with it.
    With ``single`` each command that owes any makes a packet of its own. A packet that owes nothing
    has no packet of results.

    A word is offered in the cycle after it came, but for those that wait. Throughput is one word a
    cycle. ``i.ready`` depends on ``o.ready``.

    Parameters
    ----------
    width : int
        Width of a word of results in bits.
    max_owed : int
        Most words that one command owes.

    Members
    -------
    accepted : ``In(1)``
        The core takes a command in this cycle.
    owed : ``In(range(max_owed + 1))``
        The words it owes.
    last : ``In(1)``
        It is the last of its packet.
    single : ``In(1)``
    room : ``Out(1)``
        A command may be accepted.
    busy : ``Out(1)``
        A packet of commands has begun whose results have not all left.
    i : ``In(stream.Signature(width))``
    o : ``Out(stream.Signature(word_of_packet(width)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a positive integer.
    """

    role = "bus"

    def __init__(self, *, width, max_owed):
        check_integer("Word width", width, 1)
        check_integer("Words owed", max_owed, 1)
        super().__init__(
            {
                "accepted": In(1),
                "owed": In(range(max_owed + 1)),
                "last": In(1),
                "single": In(1),
                "room": Out(1),
                "busy": Out(1),
                "i": In(stream.Signature(unsigned(width))),
                "o": Out(stream.Signature(word_of_packet(width))),
            }
        )

    def build(self):
        m = Module()
        m.submodules.sizes = sizes = Fifo(width=COUNT_WIDTH, depth=_DEPTH)
        # A cycle later, because commands come late in theirs.
        accepted = Signal(name="accepted_q")
        owed = data_register(len(self.owed), name="owed_q")
        ends = Signal(name="ends_q")
        so_far = Signal(COUNT_WIDTH)
        total = Signal(COUNT_WIDTH)
        some = Signal()
        open_ = Signal(name="open_q")
        waiting = Signal(range(_DEPTH + 1))  # packets that have ended, whose results have not left
        leaves = Signal()
        m.d.sync += [
            accepted.eq(self.accepted),
            owed.eq(self.owed),
            ends.eq(self.accepted & (self.last | (self.single & (self.owed != 0)))),
            waiting.eq(waiting + sizes.i.valid - leaves),
        ]
        m.d.comb += [
            total.eq(so_far + owed),
            some.eq(total != 0),
            sizes.i.payload.eq(total),
            sizes.i.valid.eq(ends & some),
            # There may be one more on its way.
            self.room.eq(waiting < _DEPTH - 1),
            self.busy.eq(accepted | open_ | (waiting != 0)),
        ]
        with m.If(accepted):
            m.d.sync += [so_far.eq(Mux(ends, 0, total)), open_.eq(~ends)]
        self._words(m, sizes.o, leaves, waiting, so_far)
        return m

    def _words(self, m, sizes, leaves, waiting, so_far):
        """The register in which a word waits until it is known whether it is the last.

        What is known of it is found by its number, before it comes, and again while it waits.
        All of that takes long, and so goes from registers into registers.
        """
        size = data_register(COUNT_WIDTH, name="size")  # of the packet that leaves, if ``sized``
        sized = Signal()
        full = Signal()
        held = data_register(self.parameters["width"], name="held")
        known = data_register(1, name="known")
        last = data_register(1, name="last_q")
        # Of the word that is held, or left last, and of the next; the first of a packet is 1.
        number = data_register(COUNT_WIDTH, name="number")
        following = Signal(COUNT_WIDTH, init=1)
        looked_at = Signal(COUNT_WIDTH)
        waits = Signal()
        takes = Signal()
        sure = Signal()
        m.d.comb += [
            waits.eq(full & ~known),
            looked_at.eq(Mux(waits, number, following)),
            sure.eq(sized | ((waiting == 0) & (so_far > looked_at))),
            sizes.ready.eq(leaves | ~sized),
            self.o.payload.word.eq(held),
            self.o.payload.last.eq(last),
            self.o.valid.eq(full & known),
            self.i.ready.eq(~full | (self.o.ready & known)),
            takes.eq(self.i.valid & self.i.ready),
            leaves.eq(self.o.valid & self.o.ready & last),
        ]
        with m.If(sizes.ready):
            m.d.sync += [sized.eq(sizes.valid), size.eq(sizes.payload)]
        with m.If(leaves):
            # The next word is the first of another packet.
            m.d.sync += [
                known.eq(sizes.valid | (so_far > 1)),
                last.eq(sizes.valid & (sizes.payload == 1)),
            ]
        with m.Elif(self.i.ready | waits):
            m.d.sync += [known.eq(sure), last.eq(sized & (size == looked_at))]
        with m.If(self.i.ready):
            m.d.sync += [full.eq(self.i.valid), held.eq(self.i.payload)]
        with m.If(leaves):
            m.d.sync += [number.eq(takes), following.eq(Mux(takes, 2, 1))]
        with m.Elif(takes):
            m.d.sync += [number.eq(following), following.eq(following + 1)]
