"""The entries of a column, one group after the other."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, memory, stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..arith.select import selected
from ..checks import check_integer, check_relation
from ..unit import Unit, data_register
from .column_reader import span_layout

__all__ = ["EntryReader", "entry_layout"]


def entry_layout(index_width, run_length_width):
    """One entry: index of the weight, and above it the zeros before it."""
    return data.StructLayout({"value": index_width, "zeros": run_length_width})


class EntryReader(Unit):
    """Reads words of entries and gives these out, ``lanes`` at once.

    Han et al., "EIE", ISCA 2016, section IV, with 8 entries in a word of 64 bits, one by one.
    A group of ``lanes`` entries has an address. While a word's groups leave the next word is read,
    of the next column if it was the last, so a group leaves in every cycle as long as columns come,
    even if each has one alone. A column without entries takes a cycle. The first group leaves
    2 cycles after its column came.

    Parameters
    ----------
    groups : int
        Most groups.
    groups_per_word : int
        Groups in a word, a power of two.
    lanes : int
    index_width, run_length_width, act_width : int

    Members
    -------
    i : ``In(stream.Signature(span_layout(groups, act_width)))``
    valid : ``Out(1)``
        A group leaves in this cycle.
    first : ``Out(1)``
        It is its column's first.
    group : ``Out(data.ArrayLayout(entry_layout(index_width, run_length_width), lanes))``
    act : ``Out(act_width)``
    write, address, word : ``In``
        Writes a word.
    busy : ``Out(1)``
        Something is on its way.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "matrix"

    def __init__(self, *, groups, groups_per_word, lanes, index_width, run_length_width, act_width):
        check_integer("Group count", groups, 1, 1 << 24)
        check_integer("Groups in a word", groups_per_word, 2, 64)
        check_relation(
            groups_per_word & (groups_per_word - 1) == 0,
            f"Groups in a word must be a power of two, not {groups_per_word}",
        )
        check_integer("Lane count", lanes, 1, 8)
        check_integer("Weight index width", index_width, 1, 8)
        check_integer("Run length width", run_length_width, 1, 8)
        check_integer("Activation width", act_width, 2, 32)
        self.layout = data.ArrayLayout(entry_layout(index_width, run_length_width), lanes)
        self.words = max(2, -(-groups // groups_per_word))
        super().__init__(
            {
                "i": In(stream.Signature(span_layout(groups, act_width))),
                "valid": Out(1),
                "first": Out(1),
                "group": Out(self.layout),
                "act": Out(act_width),
                "write": In(1),
                "address": In(index_shape(self.words)),
                "word": In(groups_per_word * self.layout.size),
                "busy": Out(1),
            }
        )

    def build(self):
        m = Module()
        params = self.parameters
        bits = (params["groups_per_word"] - 1).bit_length()
        width = params["groups_per_word"] * self.layout.size
        m.submodules.words = store = memory.Memory(shape=width, depth=self.words, init=[])
        write, read = store.write_port(), store.read_port()

        # A column waits at the input while its words are asked for.
        span = self.i.payload
        address = index_shape(self.words)
        at = data_register(address, name="at")
        begun = Signal()
        last = Signal(span.end.shape())
        first_word = Signal(address)
        last_word = Signal(address)
        now = Signal(address)
        empty = Signal()
        ends = Signal()
        asks = Signal()
        moves = Signal()
        done = Signal()

        # What is asked for, and what its word is then to give out.
        asked = Signal()
        asked_first = data_register(1, name="asked_first")
        asked_low = data_register(bits, name="asked_low")
        asked_high = data_register(bits, name="asked_high")
        asked_act = data_register(params["act_width"], name="asked_act")
        # The word whose groups leave.
        current = data_register(width, name="current")
        act = data_register(params["act_width"], name="act_q")
        present = Signal()
        first = data_register(1, name="first_q")
        low = data_register(bits, name="low")
        high = data_register(bits, name="high")
        m.d.comb += [
            write.addr.eq(self.address),
            write.data.eq(self.word),
            write.en.eq(self.write),
            empty.eq(span.start == span.end),
            last.eq(span.end - 1),
            first_word.eq(span.start >> bits),
            last_word.eq(last >> bits),
            now.eq(Mux(begun, at, first_word)),
            ends.eq(empty | (now == last_word)),
            done.eq(~present | (low == high)),  # the current word gives out its last group
            moves.eq(asked & done),
            asks.eq(self.i.valid & (~asked | moves)),
            read.addr.eq(now),
            read.en.eq(asks),
            self.i.ready.eq((~asked | moves) & ends),
            self.valid.eq(present),
            self.first.eq(first),
            self.group.eq(selected(current, low, self.layout.size)),
            self.act.eq(act),
            self.busy.eq(present | asked),
        ]
        with m.If(asks):
            m.d.sync += [begun.eq(~ends), at.eq(now + 1)]
        with m.If(~asked | moves):
            m.d.sync += [
                asked.eq(self.i.valid & ~empty),
                asked_first.eq(~begun),
                asked_low.eq(Mux(begun, 0, span.start)),
                asked_high.eq(Mux(ends, last, params["groups_per_word"] - 1)),
                asked_act.eq(span.act),
            ]
        with m.If(done):
            m.d.sync += [
                present.eq(asked),
                current.eq(read.data),
                low.eq(asked_low),
                high.eq(asked_high),
                first.eq(asked_first),
                act.eq(asked_act),
            ]
        with m.Else():
            m.d.sync += [low.eq(low + 1), first.eq(0)]
        return m
