"""Loading of a chain of shadow registers while the values before are in use."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..stream.register_slice import RegisterSlice
from ..unit import Unit

__all__ = ["Loader"]


class Loader(Unit):
    """Shifts sets of ``steps`` words into a chain of ``steps`` shadow registers.

    The chain takes a new word at its head and moves on by one at every step, so the word for the
    last register comes first. The old set leaves with a wavefront: ``take`` says that the head
    gives up its value in this cycle, and register *n* follows *n* cycles later. Therefore
    register *n* takes no part in the first *n* steps of a set (bit *n* of ``shift`` is low), in
    which nothing could reach it that it has to keep: a set can begin to load in the very cycle of
    ``take``, with the other registers still waiting for the wavefront, and one register each is
    enough. Sets follow each other every ``steps`` cycles.

    ``take`` may come from a register: ``soon`` tells a cycle ahead that there will be a set.

    A word is moved one cycle after it was accepted, or once the old set has been taken.

    Parameters
    ----------
    width : int
        Width of a word in bits.
    steps : int
        Length of the chain.

    Members
    -------
    i : ``In(stream.Signature(width))``
        The words.
    take : ``In(1)``
        The set that is ``loaded`` begins to leave the chain.
    word : ``Out(width)``
        What the head of the chain is offered.
    shift : ``Out(steps)``
        Which registers of the chain take the value before them, at the end of this cycle.
    loaded : ``Out(1)``
        The chain holds a whole set.
    soon : ``Out(1)``
        It will in the next cycle.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not a positive integer.
    """

    role = "weights"

    def __init__(self, *, width, steps):
        check_integer("Word width", width, 1)
        check_integer("Chain length", steps, 1)
        super().__init__(
            {
                "i": In(stream.Signature(unsigned(width))),
                "take": In(1),
                "word": Out(width),
                "shift": Out(steps),
                "loaded": Out(1),
                "soon": Out(1),
            }
        )

    def build(self):
        m = Module()
        steps = self.parameters["steps"]
        m.submodules.hold = register = RegisterSlice(width=self.parameters["width"])
        # Bit n is set when the chain has come so far that register n takes part.
        reached = Signal(steps, init=1)
        step = Signal()
        wiring.connect(m, wiring.flipped(self.i), register.i)
        m.d.comb += [
            step.eq(register.held & (~self.loaded | self.take)),
            register.take.eq(step),
            self.word.eq(register.word),
            self.shift.eq(Mux(step, reached, 0)),
            self.soon.eq((self.loaded & ~self.take) | (step & reached[-1])),
        ]
        m.d.sync += self.loaded.eq(self.soon)
        with m.If(step):
            m.d.sync += reached.eq(Mux(reached[-1], 1, Cat(1, reached)))
        return m
