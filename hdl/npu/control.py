"""From the instructions of a program to those of four engines."""

from amaranth.hdl import Cat, Module
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out, connect, flipped

from ..unit import Unit
from . import isa
from .dispatch import Dispatch
from .issue import Issue, check_issue, instruction_layout
from .tokens import Tokens

__all__ = ["Control"]


class Control(Unit):
    """Dispatches instructions, and issues those of each engine as their tokens allow.

    :class:`Dispatch`, an :class:`Issue` for each engine, and :class:`Tokens` between them. An
    instruction without tokens is offered to its engine ``latency`` cycles after it came. Throughput
    is an instruction a cycle, also of one engine. Two engines that wait for each other in turn, and
    end each instruction in the cycle after they took it, take 6 cycles for the two instructions.

    Parameters
    ----------
    functions : str
        That of :class:`Dispatch`.
    queue, flight, pc_width : int
        Those of :class:`Issue`.

    Members
    -------
    i : ``In(stream.Signature(instruction_layout(pc_width)))``
    <engine> : ``Out(stream.Signature(256))``, for each of ``isa.ENGINES``
    done_<engine> : ``In(1)``
        ``done`` of its :class:`Issue`.
    done, failed, failed_kind, failed_pc
        Those of :class:`Dispatch`.
    interrupt : ``Out(1)``
        An instruction with ``irq`` has ended.
    idle, waiting : ``Out(4)``
        A bit for each engine: see :class:`Issue`.
    pc_<engine> : ``Out(pc_width)``
    marks, mark_ends : ``Out(4)``, with ``mark_op_<engine>``, ``mark_pc_<engine>``
    mark_room : ``In(4)``
        Those of each :class:`Issue`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of another type or out of range.
    """

    role = "npu control"

    def __init__(self, *, functions, queue, flight, pc_width):
        check_issue(queue, flight, pc_width)
        self._dispatch = Dispatch(functions=functions, pc_width=pc_width)
        self._issues = {
            engine: Issue(engine=engine, queue=queue, flight=flight, pc_width=pc_width)
            for engine in isa.ENGINES
        }
        self.latency = 1 + self._issues["load"].latency
        count = len(isa.ENGINES)
        members = {
            "i": In(stream.Signature(instruction_layout(pc_width))),
            "done": Out(1),
            "failed": Out(1),
            "failed_kind": Out(8),
            "failed_pc": Out(pc_width),
            "interrupt": Out(1),
            "idle": Out(count),
            "waiting": Out(count),
            "marks": Out(count),
            "mark_ends": Out(count),
            "mark_room": In(count),
        }
        for engine in isa.ENGINES:
            members |= {
                engine: Out(stream.Signature(8 * isa.INSTRUCTION_BYTES)),
                f"done_{engine}": In(1),
                f"pc_{engine}": Out(pc_width),
                f"mark_op_{engine}": Out(4),
                f"mark_pc_{engine}": Out(pc_width),
            }
        super().__init__(members)

    def build(self):
        m = Module()
        m.submodules.dispatch = dispatch = self._dispatch
        m.submodules.tokens = tokens = Tokens()
        issues = list(self._issues.values())
        connect(m, flipped(self.i), dispatch.i)
        m.d.comb += [
            getattr(self, name).eq(getattr(dispatch, name))
            for name in ("done", "failed", "failed_kind", "failed_pc")
        ]
        for number, (engine, issue) in enumerate(self._issues.items()):
            m.submodules[f"issue_{engine}"] = issue
            connect(m, getattr(dispatch, engine), issue.i)
            connect(m, issue.o, flipped(getattr(self, engine)))
            m.d.comb += [
                *(
                    getattr(tokens, f"{name}_{engine}").eq(getattr(issue, name))
                    for name in ("wait", "request", "signal", "give")
                ),
                *(
                    getattr(issue, name).eq(getattr(tokens, f"{name}_{engine}"))
                    for name in ("granted", "accepted")
                ),
                *(
                    getattr(self, f"{name}_{engine}").eq(getattr(issue, name))
                    for name in ("pc", "mark_op", "mark_pc")
                ),
                issue.done.eq(getattr(self, f"done_{engine}")),
                issue.mark_room.eq(self.mark_room[number]),
            ]
        m.d.comb += [
            dispatch.idle.eq(self.idle),
            self.interrupt.eq(Cat(issue.interrupt for issue in issues).any()),
            *(
                getattr(self, name).eq(Cat(getattr(issue, name) for issue in issues))
                for name in ("idle", "waiting", "marks", "mark_ends")
            ),
        ]
        return m
