"""Tokens between instructions, from the words on chip that these read and write."""

import numpy as np

from ...sim.npu.accesses import accesses
from ...sim.npu.core import Core
from ...sim.npu.instruction import Instruction
from ...sim.npu.schedule import COUNTER_MAX

__all__ = ["Order"]

#: Tokens on their way from an engine to another at which the first one begins to wait, and those
#: that are on their way then.
_MANY, _FEW = 8, 4


class Order:
    """A program whose engines wait for each other just where they touch the same words.

    Instructions are appended in an order in which they could run one by one. Each takes a token
    from an earlier one of another engine if that must have ended first, unless other tokens prove
    it. Where an instruction reads what its own engine wrote, a ``sync`` precedes it. Accesses to
    DRAM have no order: no program reads what it stored.

    Parameters
    ----------
    core : Core

    Attributes
    ----------
    origins : list of str
        Of each instruction.
    """

    def __init__(self, core: Core):
        self._core = core
        self._names = core.instructions.engines
        self._program = []
        self.origins = []
        engines = len(self._names)
        # For each engine: its instructions, and what had ended when each of them started.
        self._numbers = [[] for _ in self._names]
        self._clocks = [[] for _ in self._names]
        self._clock = np.zeros((engines, engines), np.int64)
        # For each pair of engines: the positions of instructions that take its tokens.
        self._takes = {(g, t): [] for g in range(engines) for t in range(engines)}
        # For each word the position plus one of the instruction of each engine that touched it.
        self._touched = {
            (name, write): np.zeros((engines, words), np.int64)
            for name, words in core.words.items()
            for write in (False, True)
        }

    def program(self) -> list[Instruction]:
        """The instructions with their tokens."""
        return [
            instruction.replace(
                **{
                    side: tuple(name for name in self._names if name in names)
                    for side, names in tokens.items()
                }
            )
            for instruction, tokens in self._program
        ]

    def append(self, instruction: Instruction, origin: str = "") -> None:
        """Append an instruction; its own ``wait`` and ``signal`` are replaced."""
        if instruction.engine is None:
            self._add(instruction, origin)
            return
        engine = self._names.index(instruction.engine)
        touched = [
            (access, self._mask(access))
            for access in accesses(self._core, instruction)
            if access.space in self._core.words
        ]
        needs = np.zeros(len(self._names), np.int64)
        for access, mask in touched:
            writers = self._touched[access.space, True][:, mask].max(axis=1)
            if access.write:
                readers = self._touched[access.space, False][:, mask].max(axis=1)
                writers = np.maximum(writers, readers)
                writers[engine] = 0  # an engine's writes stay behind its earlier accesses
            needs = np.maximum(needs, writers)
        if needs[engine] > self._clock[engine, engine]:
            self._start(_sync(self._names[engine]), origin, engine, np.zeros_like(needs))
            self._clock[engine, engine] = len(self._numbers[engine])
        position = self._start(instruction, origin, engine, needs)
        for access, mask in touched:
            self._touched[access.space, access.write][engine, mask] = position + 1

    def _mask(self, access):
        starts, ends = access.intervals
        change = np.zeros(self._core.words[access.space] + 1, np.int8)
        change[starts] += 1
        change[ends] -= 1
        return np.cumsum(change[:-1], dtype=np.int8).astype(bool)

    def _add(self, instruction, origin):
        self._program.append((instruction, {"wait": set(), "signal": set()}))
        self.origins.append(origin)
        return len(self._program) - 1

    def _start(self, instruction, origin, engine, needs):
        number = self._add(instruction, origin)
        position = len(self._numbers[engine])
        for other in range(len(self._names)):
            if other == engine:
                continue
            takes = self._takes[engine, other]
            if self._open(engine, other, self._clock[engine]) >= _MANY:
                needs[other] = max(needs[other], takes[-_FEW] + 1)
            if needs[other] > self._clock[engine, other]:
                self._take(number, position, other, engine, needs[other] - 1)
        self._numbers[engine].append(number)
        self._clocks[engine].append(self._clock[engine].copy())
        return position

    def _open(self, giver, taker, clock):
        """Tokens that may not be taken yet, by what has ended."""
        takes = self._takes[giver, taker]
        return len(takes) - int(np.searchsorted(takes, clock[taker]))

    def _take(self, number, position, giver, taker, needed):
        clocks = self._clocks[giver]
        if self._open(giver, taker, clocks[needed]) >= COUNTER_MAX - 1:
            needed = len(clocks) - 1  # one token for all so far
        self._program[self._numbers[giver][needed]][1]["signal"].add(self._names[taker])
        self._program[number][1]["wait"].add(self._names[giver])
        self._takes[giver, taker].append(position)
        ended = clocks[needed].copy()
        ended[giver] = needed + 1
        self._clock[taker] = np.maximum(self._clock[taker], ended)


def _sync(engine):
    return Instruction("sync", {"engine": engine, "wait": (), "signal": (), "mark": 0, "irq": 0})
