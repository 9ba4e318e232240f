"""Triangular delays that turn words into wavefronts and back."""

from amaranth.hdl import Cat, Module, unsigned
from amaranth.lib.wiring import In, Out

from ..checks import check_integer
from ..unit import Unit, data_register
from .delay import Delay
from .grid import spans

__all__ = ["Skew"]


#: Lanes in one module; more are made of groups, so that the Verilog of wide skews stays short.
GROUP = 16


class Skew(Unit):
    """Delays lane *n* by *n* times ``step`` cycles, or, reversed, lane ``lanes - 1 - n``.

    One reversed after one that is not delays every lane by ``(lanes - 1) * step``. Throughput is
    one word a cycle.

    Parameters
    ----------
    lanes : int
    width : int
        Width of a lane in bits.
    backwards : int
        0, or 1 for the reversed order.
    step : int
        Cycles from a lane to the next.

    Members
    -------
    i : ``In(lanes * width)``
        Lane 0 in the low bits.
    o : ``Out(lanes * width)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "skew"

    def __init__(self, *, lanes, width, backwards, step=1):
        check_integer("Lane count", lanes, 1)
        check_integer("Lane width", width, 1)
        check_integer("Backwards", backwards, 0, 1)
        check_integer("Step", step, 1)
        super().__init__({"i": In(unsigned(lanes * width)), "o": Out(unsigned(lanes * width))})

    def build(self):
        m = Module()
        lanes, width = self.parameters["lanes"], self.parameters["width"]
        backwards, step = self.parameters["backwards"], self.parameters["step"]
        if lanes > GROUP:
            self._build_of_groups(m, spans(lanes, GROUP))
            return m
        # Each stage drops the lane that is ready, at one end or the other, and delays the rest:
        # as many registers as there are lanes, instead of one for each lane and cycle.
        waiting, ready = self.i, []
        for lane in range(lanes):
            for delay in range((lane - 1) * step, lane * step) if lane else ():
                stage = data_register(len(waiting), name=f"delayed_{delay + 1}")
                m.d.sync += stage.eq(waiting)
                waiting = stage
            ready.append(waiting[-width:] if backwards else waiting[:width])
            waiting = waiting[:-width] if backwards else waiting[width:]
        m.d.comb += self.o.eq(Cat(reversed(ready)) if backwards else Cat(ready))
        return m

    def _build_of_groups(self, m, groups):
        """A skew in each group, and before it as many equal delays as there are groups ahead."""
        width, backwards = self.parameters["width"], self.parameters["backwards"]
        step = self.parameters["step"]
        outputs = []
        for index, (first, count) in enumerate(groups):
            word = self.i[first * width : (first + count) * width]
            ahead = groups[index + 1 :] if backwards else groups[:index]
            for number, (_, cycles) in enumerate(ahead):
                delay = Delay(width=len(word), cycles=cycles * step, content="data")
                m.submodules[f"delay_{index}_{number}"] = delay
                m.d.comb += delay.i.eq(word)
                word = delay.o
            skew = Skew(lanes=count, width=width, backwards=backwards, step=step)
            m.submodules[f"skew_{index}"] = skew
            m.d.comb += skew.i.eq(word)
            outputs.append(skew.o)
        m.d.comb += self.o.eq(Cat(outputs))
