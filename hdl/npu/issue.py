"""Between the queue of an engine's instructions and the engine."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from ..checks import check_choice, check_integer
from ..stream.fifo import Fifo
from ..unit import Unit, data_register
from . import isa
from .tokens import others

__all__ = ["Issue", "check_issue", "instruction_layout"]

_WORD = 8 * isa.INSTRUCTION_BYTES


def instruction_layout(pc_width):
    """An instruction word, and its index in the program."""
    return data.StructLayout({"word": _WORD, "pc": pc_width})


def check_issue(queue, flight, pc_width):
    """Check the sizes of an engine's queue.

    Raises
    ------
    TypeError, ValueError
        If they are no integers or out of range.
    """
    check_integer("Queue depth", queue, 2, 64)
    check_integer("Instructions in flight", flight, 2, 16)
    check_integer("Program counter width", pc_width, 1, 31)


class Issue(Unit):
    """Takes an instruction's tokens, hands it to the engine, and gives its tokens at its end.

    Instructions begin in order: the tokens that ``wait`` flags are taken, and the instruction is
    offered to the engine in the next cycle. At most ``flight`` instructions have begun and not
    ended. ``done`` tells that the engine has ended the oldest of them; then the tokens that
    ``signal`` flags are given, as soon as their counters have room, and ``interrupt`` pulses in the
    same cycle if ``irq`` is set. A SYNC begins when nothing is in flight, never reaches the engine,
    and ends at once.

    An instruction is offered to the engine ``latency`` cycles after it came, if its tokens are
    there and nothing is ahead of it. Throughput is an instruction a cycle if the engine ends each
    within the ``flight - 2`` cycles after it took it. Tokens are given in the cycle of ``done``, so
    between two units an instruction is offered 2 cycles after the ``done`` of that which it waits
    for.

    ``i.ready`` and ``o`` come from registers. ``o.ready`` reaches ``request``, and ``done`` reaches
    ``give``, within the cycle.

    Parameters
    ----------
    engine : str
        One of ``isa.ENGINES``.
    queue : int
        Instructions that wait here, 2 to 64.
    flight : int
        Instructions that have begun and not ended, 2 to 16.
    pc_width : int
        Bits of an instruction's index, 1 to 31.

    Members
    -------
    i : ``In(stream.Signature(instruction_layout(pc_width)))``
    o : ``Out(stream.Signature(256))``
    done : ``In(1)``
        The engine has ended its oldest instruction: not before the cycle in which it took it.
    wait, request, granted, signal, give, accepted
        To the ports of :class:`Tokens` for the engine.
    interrupt : ``Out(1)``
        An instruction with ``irq`` has ended.
    idle : ``Out(1)``
        No instruction is here or in the engine, from the cycle on after the last one has ended.
    pc : ``Out(pc_width)``
        The oldest instruction in flight, from 2 cycles after it began on at the latest, else the
        next one; anything while ``idle``.
    waiting : ``Out(1)``
        An instruction could begin or end, but for tokens.
    marks : ``Out(1)``, with ``mark_op`` : ``Out(4)``, ``mark_pc`` : ``Out(pc_width)``
        An instruction with ``mark`` begins.
    mark_ends : ``Out(1)``
        The oldest instruction of ``marks`` ends.
    mark_room : ``In(1)``
        There is room for its record; without it such an instruction does not end.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of another type or out of range.
    """

    role = "npu control"

    def __init__(self, *, engine, queue, flight, pc_width):
        check_choice("Engine", engine, isa.ENGINES)
        check_issue(queue, flight, pc_width)
        mask = len(others(engine))
        self._queue = Fifo(width=_WORD + pc_width, depth=queue)
        self.latency = self._queue.latency + 1
        super().__init__(
            {
                "i": In(stream.Signature(instruction_layout(pc_width))),
                "o": Out(stream.Signature(_WORD)),
                "done": In(1),
                "wait": Out(mask),
                "request": Out(1),
                "granted": In(1),
                "signal": Out(mask),
                "give": Out(1),
                "accepted": In(1),
                "interrupt": Out(1),
                "idle": Out(1),
                "pc": Out(pc_width),
                "waiting": Out(1),
                "marks": Out(1),
                "mark_op": Out(4),
                "mark_pc": Out(pc_width),
                "mark_ends": Out(1),
                "mark_room": In(1),
            }
        )

    def build(self):
        m = Module()
        params = self.parameters
        flight, pc_width = params["flight"], params["pc_width"]
        flying = data.StructLayout({"pc": pc_width, "signal": 3, "mark": 1, "irq": 1})
        m.submodules.queue = queue = self._queue
        m.submodules.flying = begun = Fifo(width=flying.size, depth=flight)
        m.d.comb += [
            queue.i.payload.eq(self.i.payload),
            queue.i.valid.eq(self.i.valid),
            self.i.ready.eq(queue.i.ready),
        ]
        # An instruction begins.
        head = data.View(instruction_layout(pc_width), queue.o.payload)
        fields = data.View(isa.layout("sync"), head.word)
        sync = Signal()
        in_flight = Signal(range(flight + 1))
        free = Signal()
        word = data_register(_WORD, name="word")
        m.d.comb += [
            sync.eq(fields.op == isa.OPCODES["sync"]),
            free.eq(Mux(sync, in_flight == 0, ~self.o.valid | self.o.ready)),
            self.wait.eq(fields.wait),
            self.request.eq(queue.o.valid & begun.i.ready & free),
            queue.o.ready.eq(self.granted),
            begun.i.valid.eq(self.granted),
            self.o.payload.eq(word),
            self.marks.eq(self.granted & fields.mark),
            self.mark_op.eq(fields.op),
            self.mark_pc.eq(head.pc),
        ]
        entry = data.View(flying, begun.i.payload)
        m.d.comb += [
            entry[name].eq(head.pc if name == "pc" else fields[name]) for name in flying.members
        ]
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [word.eq(head.word), self.o.valid.eq(self.granted & ~sync)]
        # The oldest one ends. Its entry may come later than ``done``.
        oldest = data.View(flying, begun.o.payload)
        ended = Signal(range(flight + 1))
        m.d.comb += [
            self.signal.eq(oldest.signal),
            self.give.eq(
                begun.o.valid & ((ended != 0) | self.done) & (~oldest.mark | self.mark_room)
            ),
            begun.o.ready.eq(self.accepted),
            self.interrupt.eq(self.accepted & oldest.irq),
            self.mark_ends.eq(self.accepted & oldest.mark),
        ]
        m.d.sync += [
            ended.eq(ended + (self.done | (self.granted & sync)) - self.accepted),
            in_flight.eq(in_flight + self.granted - self.accepted),
        ]
        inside = Signal(range(params["queue"] + flight + 1))
        m.d.sync += inside.eq(inside + (self.i.valid & self.i.ready) - self.accepted)
        m.d.comb += [
            self.idle.eq(inside == 0),
            self.pc.eq(Mux(begun.o.valid, oldest.pc, head.pc)),
            self.waiting.eq((self.request & ~self.granted) | (self.give & ~self.accepted)),
        ]
        return m
