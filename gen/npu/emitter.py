"""From layers to instructions: memories on chip, loads ahead of their use, pieces of outputs."""

from typing import NamedTuple

from ...sim.npu.core import Core
from ...sim.npu.instruction import Instruction
from .memory import Regions, Slots
from .order import Order

__all__ = ["MOST_ROWS", "Emitter", "Piece", "pieces"]

_MOST_RUN, _MOST_RUNS, _MOST_STEP = 1 << 16, 1 << 12, (1 << 12) - 1
#: Most rows and columns of an instruction's output.
MOST_ROWS, _MOST_COLUMNS = 1 << 8, 1 << 11


class Piece(NamedTuple):
    """Rows ``y`` to ``y + rows - 1`` of an output, and its columns likewise."""

    y: int
    rows: int
    x: int
    columns: int


def pieces(height: int, width: int, most: int, columns: int = _MOST_COLUMNS) -> list[Piece]:
    """Pieces of an output of at most so many pixels and columns, about equally large."""
    across = _spans(width, min(columns, _MOST_COLUMNS, most))
    down = _spans(height, min(MOST_ROWS, max(1, most // across[0][1])))
    return [Piece(y, rows, x, count) for y, rows in down for x, count in across]


def _spans(length, most):
    """First and count of about equal spans."""
    count = -(-length // most)
    size = -(-length // count)
    return [(at, min(size, length - at)) for at in range(0, length, size)]


class Emitter:
    """Puts the instructions of layers into an order, with their words on chip.

    Parameters
    ----------
    core : Core
    bases : dict of str to int
        Bytes of the segment ``weights`` at which ``weights``, ``channels`` and ``tables`` begin.

    Attributes
    ----------
    buffer : Regions
    order : Order
    origin : str
        Of the instructions that follow.
    """

    def __init__(self, core: Core, bases: dict[str, int]):
        self.core = core
        self.buffer = Regions(core.buffer)
        self.order = Order(core)
        self.origin = ""
        self._bases = bases
        self._ahead = []
        self._slots = {}
        self._taps = None

    def slots(self, memory: str) -> Slots:
        """The slots of a memory.

        Raises
        ------
        ValueError
            If the memory is too small for one.
        """
        if memory not in self._slots:
            core = self.core
            least = {
                "weights": core.rows,
                "channels": max(core.rows, core.cols),
                "tables": 256,
            }
            self._slots[memory] = Slots(memory, core.words[memory], least[memory])
        return self._slots[memory]

    def taps(self, words: int) -> int:
        """A region of the buffer for the taps of a layer, until the second layer with some.

        So that taps come while the layer before still reads its own.
        """
        base = self.buffer.take(words, "Its window")
        if self._taps is not None:
            self.buffer.free(self._taps)
        self._taps = base
        return base

    def layer(self, loads: list[Instruction], rest: list[Instruction]) -> None:
        """Append loads to slots, and instructions that use them.

        The loads come ahead of the rest of the call before, so that queues never hold them up,
        unless their memory has a single slot.
        """
        if any(self._slots[load["memory"]].count == 1 for load in loads):
            self.flush()
        self.flush(loads)
        self._ahead = [(instruction, self.origin) for instruction in rest]

    def flush(self, loads: list[Instruction] = ()) -> None:
        """Append what was held back."""
        for load in loads:
            self.order.append(load, self.origin)
        for instruction, origin in self._ahead:
            self.order.append(instruction, origin)
        self._ahead = []

    def load(
        self, memory: str, section: str, offset: int, base: int, words: int
    ) -> list[Instruction]:
        """LOADs of words one behind the other, from a section of the weights or a segment."""
        segment = "weights" if section in self._bases else section
        return self._moves(
            "load", memory, segment, self._bases.get(section, 0) + offset, base, words
        )

    def store(self, segment: str, offset: int, base: int, words: int, tail: int = 0):
        """STOREs of words one behind the other."""
        return self._moves("store", "buffer", segment, offset, base, words, tail)

    def _moves(self, opcode, memory, segment, offset, base, words, tail=0):
        size = self.core.word_bytes[memory]
        run = min(_MOST_RUN // size, _MOST_STEP, words)
        moves = []
        while words:
            runs = max(1, min(words // run, _MOST_RUNS))
            step = min(run, words)
            values = {
                **{"memory": memory, "segment": segment, "offset": offset, "base": base},
                **{"run": step * size, "n1": runs, "n2": 1, "stride1": step * size},
                **{"stride2": 0, "base1": step, "base2": 0, "tail": tail},
            }
            if opcode == "load":
                values["fill"] = 0
            moves.append(self.instruction(opcode, values))
            offset += runs * step * size
            base += runs * step
            words -= runs * step
        return moves

    def instruction(self, opcode: str, values: dict) -> Instruction:
        """An instruction, with zeros or ones in fields that are not named.

        Raises
        ------
        ValueError
            If a value does not fit its field.
        """
        instructions = self.core.instructions
        defaults = {"wait": (), "signal": ()}
        for name, item in instructions.fields(opcode, values.get("function")).items():
            if name != "op" and name not in defaults:
                names = instructions.names.get(name)
                defaults[name] = names[0] if names else int(item["coding"] == "count")
        instruction = Instruction(opcode, defaults | values)
        instructions.encode(instruction)
        return instruction
