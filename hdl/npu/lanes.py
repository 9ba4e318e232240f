"""The lanes of the vector engine, with their tables."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, memory, stream
from amaranth.lib.wiring import In, Out

from ..arith.requantize import ROUNDINGS, registered
from ..checks import check_choice, check_integer, check_relation
from ..unit import Unit
from .isa import FUNCTIONS
from .lane import BYPASSED, CHANNEL, CODE, LATENCY, REQUANTIZED, SUM, Lane, control_layout

__all__ = ["CODES", "TABLES_PER_WORD", "Lanes", "table_write_layout", "word_layout"]

#: Words of a table, one for each code, and the tables that share them, a byte each.
CODES = 256
TABLES_PER_WORD = 4

_LOWEST = -(1 << CODE.width - 1)


def word_layout(lanes):
    """A word for all lanes: operands, and what to do with them."""
    codes = data.ArrayLayout(CODE, lanes)
    return data.StructLayout(
        {
            "a": codes,
            "b": codes,
            "sums": data.ArrayLayout(SUM, lanes),
            "function": range(len(FUNCTIONS)),
            "first": 1,
            "last": 1,
            "inside": 1,
            "a_zero": CODE,
            "table": 4,
        }
    )


def table_write_layout(tables):
    """A word of the tables with its address."""
    return data.StructLayout({"address": range(tables // TABLES_PER_WORD * CODES), "word": 32})


class Lanes(Unit):
    """The datapath of VECTOR instructions: a word of codes in, a word of codes out.

    Nothing stalls the lanes: their user has room for the results. Each cycle may bring a word of
    any function. Words from ``first`` to ``last`` make one result; functions of one word have both
    set. Cycles without a word may come between these words, words of other functions may not. For
    each lane, with the parameters of its channel:

    ================================ ===============================================================
    ``copy window_max reduce_max``   the largest a; -128 for that of words without ``inside``
    ``affine window_sum reduce_sum`` ``v = (sum of a + bias) * multiplier``; ``a_zero`` for the a of
                                     words without ``inside``
    ``depthwise``                    ``v = (sum of sums + bias) * multiplier``
    ``add``                          ``v = a*multiplier + T[b]``
    ``mul``                          ``v = (a - a_zero)*T25[b] + bias``
    ================================ ===============================================================

    Other functions than maxima have the result ``clamp(round(v / 2**shift) + zero_point, low,
    high)``, rounded as ``rounding`` says: see :class:`.Requantize`. Sums with the bias have
    33 bits and wrap. ``T[b]`` is word ``256*(table // 4) + b`` of the tables, signed, and ``T25``
    its low 25 bits. For functions but ``add`` and ``mul`` a ``table`` other than 0 replaces the
    result y by byte ``table % 4`` of word ``256*(table // 4) + y``. Codes are indices by their
    bits.

    Words with new parameters begin with ``start``, one cycle ahead of the first of them.
    ``channel`` then stays for :attr:`hold` cycles, from that of ``start`` on, while words ahead
    still use the parameters before. A reset drops all words.

    Two lanes share a memory of tables, which has two ports. A word of ``add`` or ``mul`` must not
    come while ``table_busy`` is asserted, 10 cycles behind the last word of a result that is looked
    up. Words are written while no lane reads, so that a write may wait for a pause of the words
    that read.

    Latency is 13 cycles from the last word of a result; throughput is one word a cycle.

    Parameters
    ----------
    lanes : int
    rounding : str
        ``"exact"`` or ``"float32"``.
    tables : int
        Tables of 256 codes, a multiple of 4 up to 16; ``table`` is less.

    Members
    -------
    i : ``In(word_layout(lanes))``
    valid : ``In(1)``
    start : ``In(1)``
    channel : ``In(data.ArrayLayout(CHANNEL, lanes))``
    table_busy : ``Out(1)``
    table_writes : ``In(stream.Signature(table_write_layout(tables)))``
        The same word for all lanes.
    o : ``Out(data.ArrayLayout(signed(8), lanes))``
    valid_o : ``Out(1)``

    Attributes
    ----------
    latency : int
        Cycles from the last word of a result to the result.
    hold : int
        Cycles that ``channel`` stays, and the least from a ``start`` to the next.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "npu vector"
    latency = LATENCY
    hold = BYPASSED + 1

    def __init__(self, *, lanes, rounding, tables):
        check_integer("Lane count", lanes, 1)
        check_choice("Rounding", rounding, ROUNDINGS)
        check_integer("Table count", tables, TABLES_PER_WORD, 16)
        check_relation(
            tables % TABLES_PER_WORD == 0,
            f"Table count must be a multiple of {TABLES_PER_WORD}, the tables in a word, "
            f"not {tables}",
        )
        self.words = tables // TABLES_PER_WORD * CODES
        super().__init__(
            {
                "i": In(word_layout(lanes)),
                "valid": In(1),
                "start": In(1),
                "channel": In(data.ArrayLayout(CHANNEL, lanes)),
                "table_busy": Out(1),
                "table_writes": In(stream.Signature(table_write_layout(tables))),
                "o": Out(data.ArrayLayout(CODE, lanes)),
                "valid_o": Out(1),
            }
        )

    def build(self):
        m = Module()
        lanes, word = self.parameters["lanes"], self.i

        def function(*names):
            return Cat(word.function == FUNCTIONS[name] for name in names).any()

        def late(name, value, cycles):
            """``value`` after 0, 1 … ``cycles`` cycles."""
            stages = [value]
            for stage in range(1, cycles + 1):
                stages.append(registered(m, stages[-1], value.shape(), name=f"{name}_{stage}"))
            return stages

        add, mul, maximum = Signal(), Signal(), Signal()
        lookup = Signal()
        offset = Signal(signed(9))
        m.d.comb += [
            add.eq(function("add")),
            mul.eq(function("mul")),
            maximum.eq(function("copy", "window_max", "reduce_max")),
            lookup.eq(word.table.any() & ~add & ~mul),
            offset.eq(Mux(mul, -word.a_zero, 0)),
        ]
        starts = late("start", self.start, BYPASSED)
        lookups = late("lookup", lookup, LATENCY - 1)
        tables = late("table", word.table, LATENCY - 1)

        # The words of a result that a reset drops change a sum, which the next result begins anew.
        valid = late("valid", self.valid, 2)
        results = [self.valid & word.last]
        for stage in range(1, LATENCY + 1):
            results.append(Signal(name=f"result_{stage}"))
            m.d.sync += results[-1].eq(results[-2])
        m.d.comb += self.valid_o.eq(results[-1])

        # Memories are read for the operand of a word that comes, or for a result, or written.
        reads_b, reads_result, writes = Signal(), Signal(), Signal()
        m.d.comb += [
            reads_b.eq(self.valid & (add | mul)),
            reads_result.eq(results[REQUANTIZED] & lookups[REQUANTIZED]),
            self.table_busy.eq(reads_result),
            self.table_writes.ready.eq(~reads_b & ~reads_result),
            writes.eq(self.table_writes.valid & self.table_writes.ready),
        ]
        reads = reads_b | reads_result
        table = Mux(reads_result, tables[REQUANTIZED], word.table)

        control = Signal(control_layout())
        m.d.comb += [
            control.windows_0.eq(function("depthwise")),
            control.inside_0.eq(word.inside),
            control.outside_0.eq(Mux(maximum, _LOWEST, word.a_zero)),
            control.valid_2.eq(valid[-1]),
            control.first_2.eq(late("first", word.first, 2)[-1]),
            control.biased_2.eq(late("biased", ~(add | mul), 2)[-1]),
            control.offset_2.eq(late("offset", offset, 2)[-1]),
            control.mul_2.eq(late("mul", mul, 2)[-1]),
            control.add_2.eq(late("add", add, 2)[-1]),
            control.maximum_9.eq(late("maximum", maximum, BYPASSED)[-1]),
            control.lookup_12.eq(lookups[-1]),
            control.byte_12.eq(tables[-1]),
            Cat(control.starts).eq(Cat(starts)),
        ]

        for number in range(lanes):
            m.submodules[f"lane_{number}"] = lane = Lane(rounding=self.parameters["rounding"])
            index = Mux(reads_result, lane.result, word.b[number])
            address = Cat(index, table // TABLES_PER_WORD)
            if number % 2 == 0:
                m.submodules[f"tables_{number}"] = store = memory.Memory(
                    shape=unsigned(32), depth=self.words, init=[]
                )
                # The address of the port is that of a read and a write in one expression: such a
                # memory with two ports is block RAM.
                port_address = Signal(range(self.words), name=f"address_{number}")
                write, written = store.write_port(), self.table_writes.p
                m.d.comb += [
                    port_address.eq(Mux(reads, address, written.address)),
                    write.addr.eq(port_address),
                    write.data.eq(written.word),
                    write.en.eq(writes),
                ]
                address = port_address
            read = store.read_port()
            m.d.comb += [
                read.addr.eq(address),
                read.en.eq(reads),
                lane.a.eq(word.a[number]),
                lane.window.eq(word.sums[number]),
                lane.control.eq(control),
                lane.channel.eq(self.channel[number]),
                lane.word.eq(read.data),
                self.o[number].eq(lane.o),
            ]
        return m
