"""The orders in which engines may execute a program."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .assembly import text
from .core import Core
from .instruction import Instruction

__all__ = ["COUNTER_MAX", "DeadlockError", "Schedule", "until_halt"]

#: Most tokens of a counter.
COUNTER_MAX = 15
#: Most instructions of an engine that have started and not ended.
_FLIGHT = 4


class DeadlockError(ValueError):
    """Engines wait for each other, with a line for each that waits in ``waits``.

    ``blocked`` are the instructions that wait, by their numbers.
    """

    def __init__(self, waits, blocked):
        super().__init__("Program ends in a deadlock: " + "; ".join(waits))
        self.waits = waits
        self.blocked = blocked


def until_halt(program: Sequence[Instruction]) -> Sequence[Instruction]:
    """The instructions that are executed: those up to the first ``halt``.

    Raises
    ------
    ValueError
        If there is none.
    """
    for number, instruction in enumerate(program):
        if instruction.opcode == "halt":
            return program[: number + 1]
    raise ValueError("Program must end with halt")


@dataclass
class _Engine:
    """Numbers of instructions: in the queue, started, of these read and written, in their order."""

    queue: deque = field(default_factory=deque)
    flight: deque = field(default_factory=deque)
    written: int = 0


class Schedule:
    """One order of a program's events: any that queues and tokens allow.

    Each engine starts its instructions in the order of the program. At its start an instruction
    takes its tokens and reads; then it writes; then it ends, and gives its tokens. Starts, writes
    and ends of an engine keep the order of the program, and some instructions may be between start
    and end. ``sync`` starts when its engine has nothing in flight.

    Iteration gives pairs of an event, ``"start"``, ``"write"`` or ``"end"``, and the number of an
    instruction.

    Parameters
    ----------
    program : sequence of Instruction
        Up to ``halt``.
    core : Core
    seed : int or None
        Chooses the order; ``None`` gives the order of a core whose instructions take no time.

    Raises
    ------
    DeadlockError
        From the iteration, when nothing can happen any more.
    """

    def __init__(self, program: Sequence[Instruction], core: Core, seed: int | None):
        self._program = program
        self._core = core
        self._rng = None if seed is None else np.random.default_rng(seed)
        names = core.instructions.engines
        self._engines = {name: _Engine() for name in names}
        tokens = {(giver, taker): deque() for giver in names for taker in names}
        # Numbers of the instructions that gave them, in the counters that an instruction takes from
        # and gives to.
        self._takes = [
            [tokens[giver, instruction.engine] for giver in instruction["wait"]]
            for instruction in program
        ]
        self._gives = [
            [tokens[instruction.engine, taker] for taker in instruction["signal"]]
            for instruction in program
        ]
        self._engine_of = [self._engines.get(instruction.engine) for instruction in program]
        self._fence = [instruction.opcode == "sync" for instruction in program]
        self._next = 0
        #: Who gave the tokens that the last instruction to start has taken.
        self.taken = []

    def __iter__(self):
        choices = [(self._can_dispatch, self._dispatch, None, None)]
        for engine in self._engines.values():
            choices += [
                (self._can_end, self._end, "end", engine),
                (self._can_write, self._write, "write", engine),
                (self._can_start, self._start, "start", engine),
            ]
        weights, patience = None, 0
        while not self._done():
            if self._rng is None:
                enabled = next((choice for choice in choices if choice[0](choice[3])), None)
                if enabled is None:
                    raise self._deadlock()
                _, do, event, engine = enabled
            else:
                if patience == 0:
                    # Uneven chances make some engines run far ahead of others, for some time.
                    weights = 10.0 ** self._rng.uniform(-3, 3, len(choices))
                    patience = int(self._rng.integers(1, 200))
                patience -= 1
                enabled = [at for at, choice in enumerate(choices) if choice[0](choice[3])]
                if not enabled:
                    raise self._deadlock()
                chances = weights[enabled].cumsum()
                at = int(chances.searchsorted(self._rng.uniform(0, chances[-1])))
                _, do, event, engine = choices[enabled[at]]
            number = do(engine)
            if event is not None:
                yield event, number

    def _done(self):
        halted = self._next == len(self._program) - 1
        return halted and not any(each.queue or each.flight for each in self._engines.values())

    def _can_dispatch(self, _):
        engine = self._engine_of[self._next]
        return engine is not None and len(engine.queue) < self._core.queue

    def _dispatch(self, _):
        self._engine_of[self._next].queue.append(self._next)
        self._next += 1

    def _can_start(self, engine):
        if not engine.queue or len(engine.flight) == _FLIGHT:
            return False
        number = engine.queue[0]
        return all(self._takes[number]) and not (self._fence[number] and engine.flight)

    def _start(self, engine):
        number = engine.queue.popleft()
        engine.flight.append(number)
        self.taken = [counter.popleft() for counter in self._takes[number]]
        return number

    def _can_write(self, engine):
        return engine.written < len(engine.flight)

    def _write(self, engine):
        engine.written += 1
        return engine.flight[engine.written - 1]

    def _can_end(self, engine):
        if engine.written == 0:
            return False
        return all(len(counter) < COUNTER_MAX for counter in self._gives[engine.flight[0]])

    def _end(self, engine):
        engine.written -= 1
        number = engine.flight.popleft()
        for counter in self._gives[number]:
            counter.append(number)
        return number

    def _deadlock(self):
        waits, blocked = [], []
        for name, engine in self._engines.items():
            if engine.flight:
                number = engine.flight[0]
                takers = zip(self._program[number]["signal"], self._gives[number], strict=True)
                full = [taker for taker, counter in takers if len(counter) == COUNTER_MAX]
                cause = f"room for tokens to {' and '.join(full)}"
            elif engine.queue:
                number = engine.queue[0]
                givers = zip(self._program[number]["wait"], self._takes[number], strict=True)
                missing = [giver for giver, counter in givers if not counter]
                cause = f"a token of {' and '.join(missing)}"
            else:
                waits.append(f"{name} is idle")
                continue
            line = text(self._program[number], self._core.instructions)
            waits.append(f"{name} waits in instruction {number} ({line}) for {cause}")
            blocked.append(number)
        if (engine := self._program[self._next].engine) is not None:
            waits.append(f"instruction {self._next} waits for room in the queue of {engine}")
        return DeadlockError(waits, blocked)
