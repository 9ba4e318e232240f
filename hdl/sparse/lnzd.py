"""Leading-non-zero detection: one activation after the other from all elements."""

from amaranth.hdl import Module, Mux, unsigned
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..unit import Unit, connect_stream, data_register

__all__ = ["LnzdNode", "LnzdTree"]

#: Children of a node.
RADIX = 4


class LnzdNode(Unit):
    """Passes on the word of the first of its children that has one.

    Latency is 1 cycle, throughput one word a cycle. ``ready`` depends on ``o.ready`` and on the
    ``valid`` of the children before, within a cycle.

    Parameters
    ----------
    children : int
        1 to 4.
    width : int
        Width of a word in bits.

    Members
    -------
    i_0, i_1, ... : ``In(stream.Signature(width))``
    o : ``Out(stream.Signature(width))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "broadcast"

    def __init__(self, *, children, width):
        check_integer("Child count", children, 1, RADIX)
        check_integer("Word width", width, 1)
        word = stream.Signature(unsigned(width))
        super().__init__({f"i_{n}": In(word) for n in range(children)} | {"o": Out(word)})

    def build(self):
        m = Module()
        children = [getattr(self, f"i_{n}") for n in range(self.parameters["children"])]
        word = data_register(self.parameters["width"], name="word")
        free = ~self.o.valid | self.o.ready
        chosen = children[-1].payload
        taken = 0
        for child in reversed(children[:-1]):
            chosen = Mux(child.valid, child.payload, chosen)
        for child in children:
            m.d.comb += child.ready.eq(free & ~taken)
            taken = taken | child.valid
        m.d.comb += self.o.payload.eq(word)
        with m.If(free):
            m.d.sync += [self.o.valid.eq(taken), word.eq(chosen)]
        return m


class LnzdTree(Unit):
    """A quadtree of :class:`LnzdNode` over any number of leaves.

    Han et al., "EIE: Efficient Inference Engine on Compressed Deep Neural Network", ISCA 2016,
    section IV: the leaves are the processing elements, each with its next non-zero activation.
    Leaves with lower numbers go first. A word arrives after as many cycles as the tree has levels;
    throughput is one word a cycle.

    Parameters
    ----------
    leaves : int
    width : int

    Members
    -------
    i_0, i_1, ... : ``In(stream.Signature(width))``
    o : ``Out(stream.Signature(width))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "broadcast"

    def __init__(self, *, leaves, width):
        check_integer("Leaf count", leaves, 1, 256)
        check_integer("Word width", width, 1)
        word = stream.Signature(unsigned(width))
        super().__init__({f"i_{n}": In(word) for n in range(leaves)} | {"o": Out(word)})

    def build(self):
        m = Module()
        level, width = 0, self.parameters["width"]
        streams = [getattr(self, f"i_{n}") for n in range(self.parameters["leaves"])]
        while level == 0 or len(streams) > 1:
            joined = []
            for first in range(0, len(streams), RADIX):
                children = streams[first : first + RADIX]
                node = LnzdNode(children=len(children), width=width)
                m.submodules[f"node_{level}_{first // RADIX}"] = node
                for n, child in enumerate(children):
                    m.d.comb += connect_stream(child, getattr(node, f"i_{n}"))
                joined.append(node.o)
            streams = joined
            level += 1
        m.d.comb += connect_stream(streams[0], self.o)
        return m
