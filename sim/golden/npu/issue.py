"""Issue of an engine's instructions: what happens with each of them, and in which order."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["History", "Issued", "issue"]


@dataclass(frozen=True)
class Issued:
    """What an instruction does beside its work.

    Attributes
    ----------
    runs : bool
        The engine executes it; else it is a SYNC.
    wait, signal : int
        Masks of the tokens that it takes and gives.
    mark, irq : bool
    """

    runs: bool
    wait: int
    signal: int
    mark: bool
    irq: bool


def issue(word: int) -> Issued:
    """Bits 3:0 are the opcode, 6:4 ``wait``, 9:7 ``signal``, 10 ``mark``, 11 ``irq``."""
    return Issued(
        runs=word & 15 != 1,
        wait=word >> 4 & 7,
        signal=word >> 7 & 7,
        mark=bool(word >> 10 & 1),
        irq=bool(word >> 11 & 1),
    )


class History:
    """Follows a program's instructions, and fails if an event comes when it must not.

    Parameters
    ----------
    words : iterable of int
        The engine's instructions.
    flight : int
        Instructions that have begun and not ended at most.

    Attributes
    ----------
    taken, started, done, ended : int
        Instructions that have taken their tokens, that the engine has got, and has ended (of those
        that it executes), and that have given their tokens.
    """

    def __init__(self, words: Iterable[int], flight: int):
        self.words = list(words)
        self.issued = [issue(word) for word in self.words]
        self.runs = [n for n, instruction in enumerate(self.issued) if instruction.runs]
        self.flight = flight
        self.taken = self.started = self.done = self.ended = 0

    def take(self, wait: int) -> Issued:
        """The next instruction begins."""
        instruction = self.issued[self.taken]
        assert wait == instruction.wait, f"instruction {self.taken} takes {wait:03b}"
        assert self.taken - self.ended < self.flight, "too many instructions are in flight"
        if not instruction.runs:
            assert self.ended == self.taken, f"SYNC {self.taken} overtakes"
        self.taken += 1
        return instruction

    def start(self, word: int) -> None:
        """The engine gets an instruction."""
        number = self.runs[self.started]
        assert number < self.taken, f"instruction {number} starts without its tokens"
        assert word == self.words[number], f"instruction {number} is {word:#x}"
        self.started += 1

    def end(self) -> None:
        """The engine has ended its oldest instruction."""
        assert self.done < self.started
        self.done += 1

    def give(self, signal: int) -> Issued:
        """The oldest instruction gives its tokens."""
        number, instruction = self.ended, self.issued[self.ended]
        assert number < self.taken, f"instruction {number} ends before it begins"
        assert signal == instruction.signal, f"instruction {number} gives {signal:03b}"
        if instruction.runs:
            assert number in self.runs[: self.done], f"instruction {number} gives too early"
        self.ended += 1
        return instruction
