"""Loading of the parameters of a block's lanes."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer
from ..unit import Unit, data_register

__all__ = ["ParameterLoader", "blocks_layout"]


def blocks_layout(address_width):
    """Blocks of channels: the first channel ``base``, ``count`` of blocks less one, ``shared``."""
    return data.StructLayout({"base": address_width, "count": 8, "shared": 1})


class ParameterLoader(Unit):
    """Brings the parameters of a block of channels to all lanes at once, block after block.

    Block n has the channels ``base + n * lanes + lane``. With ``shared`` there is one set of
    parameters for all blocks: those of channel ``base`` in all lanes.

    A set is ``loaded`` until ``take``, after which ``values`` stay for another ``hold`` cycles;
    then those of the next block move in, a lane a cycle.

    **Latency**: a set is loaded in the cycle after its last word was accepted. **Throughput**: a
    set every ``lanes + hold + 1`` cycles, also from blocks to the next ones.

    Parameters
    ----------
    lanes : int
    width : int
        Bits of a channel's parameters.
    address_width : int
        Bits of a channel's number; addresses wrap.
    hold : int
        Cycles, from 1 on.

    Members
    -------
    i : ``In(stream.Signature(blocks_layout(address_width)))``
    channels : ``Out(stream.Signature(address_width))``
        Channels that are asked for.
    words : ``In(stream.Signature(width))``
        Their parameters, in order.
    values : ``Out(data.ArrayLayout(width, lanes))``
    loaded : ``Out(1)``
    take : ``In(1)``
        Only while ``loaded``.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a positive integer.
    """

    role = "npu vector"

    def __init__(self, *, lanes, width, address_width, hold):
        check_integer("Lane count", lanes, 1)
        check_integer("Parameter width", width, 1)
        check_integer("Channel address width", address_width, 1)
        check_integer("Hold time", hold, 1)
        super().__init__(
            {
                "i": In(stream.Signature(blocks_layout(address_width))),
                "channels": Out(stream.Signature(unsigned(address_width))),
                "words": In(stream.Signature(unsigned(width))),
                "values": Out(data.ArrayLayout(width, lanes)),
                "loaded": Out(1),
                "take": In(1),
            }
        )

    def build(self):
        m = Module()
        self._ask(m)
        lanes, hold = self.parameters["lanes"], self.parameters["hold"]
        held = Signal(hold)  # a bit for each cycle for which a taken set has to stay
        left = Signal(index_shape(lanes), init=lanes - 1)
        moves = Signal()
        values = [data_register(len(self.words.payload), name=f"lane_{n}") for n in range(lanes)]
        m.d.comb += [
            self.words.ready.eq(~self.loaded & ~held[0]),
            moves.eq(self.words.valid & self.words.ready),
            Cat(self.values[lane] for lane in range(lanes)).eq(Cat(values)),
        ]
        m.d.sync += held.eq(Mux(self.take, (1 << hold) - 1, held >> 1))
        with m.If(moves):
            # The word of lane 0 comes first.
            m.d.sync += Cat(values).eq(Cat(*values[1:], self.words.payload))
            m.d.sync += left.eq(Mux(left == 0, lanes - 1, left - 1))
            m.d.sync += self.loaded.eq(left == 0)
        with m.If(self.take):
            m.d.sync += self.loaded.eq(0)
        return m

    def _ask(self, m):
        """Channel numbers, a set after the other."""
        lanes = self.parameters["lanes"]
        active = Signal()
        shared = data_register(1, name="shared")
        channel = data_register(self.parameters["address_width"], name="channel")
        lane = data_register(index_shape(lanes), name="lane")
        block = data_register(8, name="block")
        asked = Signal()
        ends = Signal()
        m.d.comb += [
            self.channels.payload.eq(channel),
            self.channels.valid.eq(active),
            asked.eq(active & self.channels.ready),
            ends.eq((lane == 0) & ((block == 0) | shared)),
            self.i.ready.eq(~active | (asked & ends)),
        ]
        with m.If(asked):
            m.d.sync += lane.eq(Mux(lane == 0, lanes - 1, lane - 1))
            with m.If(~shared):
                m.d.sync += channel.eq(channel + 1)
                m.d.sync += block.eq(block - (lane == 0))
            with m.If(ends):
                m.d.sync += active.eq(0)
        with m.If(self.i.valid & self.i.ready):
            blocks = self.i.payload
            m.d.sync += [active.eq(1), shared.eq(blocks.shared), channel.eq(blocks.base)]
            m.d.sync += [lane.eq(lanes - 1), block.eq(blocks.count)]
