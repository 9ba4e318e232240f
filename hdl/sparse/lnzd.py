"""Leading-non-zero detection: one activation after the other from all PEs."""

from amaranth.hdl import Module, Mux, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..unit import Unit, data_register

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
        first_word = children[-1].payload
        any_valid = 0
        for child in reversed(children[:-1]):
            first_word = Mux(child.valid, child.payload, first_word)
        for child in children:
            m.d.comb += child.ready.eq(free & ~any_valid)
            any_valid = any_valid | child.valid
        m.d.comb += self.o.payload.eq(word)
        with m.If(free):
            m.d.sync += [self.o.valid.eq(any_valid), word.eq(first_word)]
        return m


class LnzdTree(Unit):
    """A quadtree of :class:`LnzdNode` over any number of leaves.

    Han et al., "EIE: Efficient Inference Engine on Compressed Deep Neural Network", ISCA 2016,
    section IV: the leaves are the PEs, each with its next non-zero activation.
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
        leaves = range(self.parameters["leaves"])
        streams = [wiring.flipped(getattr(self, f"i_{n}")) for n in leaves]
        while level == 0 or len(streams) > 1:
            joined = []
            for first in range(0, len(streams), RADIX):
                children = streams[first : first + RADIX]
                node = LnzdNode(children=len(children), width=width)
                m.submodules[f"node_{level}_{first // RADIX}"] = node
                for n, child in enumerate(children):
                    wiring.connect(m, child, getattr(node, f"i_{n}"))
                joined.append(node.o)
            streams = joined
            level += 1
        wiring.connect(m, streams[0], wiring.flipped(self.o))
        return m
