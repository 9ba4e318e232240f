"""Tokens by which engines wait for each other."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from ..unit import Unit
from .isa import ENGINES

__all__ = ["MOST_TOKENS", "Tokens", "others"]

#: Tokens that a counter holds at most.
MOST_TOKENS = 15


def others(engine):
    """The engines that the bits of ``wait`` and ``signal`` of an engine stand for, in order."""
    return tuple(name for name in ENGINES if name != engine)


class Tokens(Unit):
    """A counter of tokens from each engine to each other one, 0 to :data:`MOST_TOKENS`.

    An engine takes a token from each flagged engine at once, in a cycle in which all of these
    tokens are there, and gives a token to each flagged engine at once, in a cycle in which none of
    these counters is full. A token can be taken in the cycle after it was given. After a reset
    there are none.

    Bit n of a mask stands for engine n of :func:`others`. Requests reach answers within the cycle;
    the tokens themselves are in registers.

    Members
    -------
    wait_<engine> : ``In(3)``, with ``request_<engine>`` : ``In(1)``
        Tokens to take.
    granted_<engine> : ``Out(1)``
        They are taken in this cycle.
    signal_<engine> : ``In(3)``, with ``give_<engine>`` : ``In(1)``
        Tokens to give.
    accepted_<engine> : ``Out(1)``
        They are given in this cycle.
    """

    role = "npu control"

    def __init__(self):
        ports = {}
        for engine in ENGINES:
            mask = len(others(engine))
            ports |= {
                f"wait_{engine}": In(mask),
                f"request_{engine}": In(1),
                f"granted_{engine}": Out(1),
                f"signal_{engine}": In(mask),
                f"give_{engine}": In(1),
                f"accepted_{engine}": Out(1),
            }
        super().__init__(ports)

    def build(self):
        m = Module()
        level = {
            (giver, taker): Signal(range(MOST_TOKENS + 1), name=f"{giver}_to_{taker}")
            for giver in ENGINES
            for taker in others(giver)
        }
        takes, gives = {}, {}
        for engine in ENGINES:
            wait, signal = (getattr(self, f"{name}_{engine}") for name in ("wait", "signal"))
            granted, accepted = (
                getattr(self, f"{name}_{engine}") for name in ("granted", "accepted")
            )
            empty = Cat(level[other, engine] == 0 for other in others(engine))
            full = Cat(level[engine, other] == MOST_TOKENS for other in others(engine))
            m.d.comb += [
                granted.eq(getattr(self, f"request_{engine}") & ~(wait & empty).any()),
                accepted.eq(getattr(self, f"give_{engine}") & ~(signal & full).any()),
            ]
            for bit, other in enumerate(others(engine)):
                takes[other, engine] = granted & wait[bit]
                gives[engine, other] = accepted & signal[bit]
        for pair, tokens in level.items():
            with m.If(gives[pair] ^ takes[pair]):
                m.d.sync += tokens.eq(Mux(gives[pair], tokens + 1, tokens - 1))
        return m
