"""Random instructions and programs, small enough for the simulation of RTL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .accesses import accesses, overlap
from .checker import faults
from .core import CHANNEL_FIELDS, Core
from .instruction import Instruction
from .schedule import COUNTER_MAX

__all__ = ["RandomProgram", "random_instruction", "random_program", "random_segments"]

#: Bytes of each segment that programs use.
SEGMENT_BYTES = 1 << 14
#: Channels at the beginning of the segment of weights.
SEGMENT_CHANNELS = 64
#: Segments that programs read and write.
_READ = ("weights", "input", "output", "scratch", "state")
_WRITTEN = ("output", "scratch", "state")
#: Highest number of words of each memory that programs use; all tables.
_SPANS = {"buffer": 256, "weights": 640, "channels": SEGMENT_CHANNELS, "tables": 1 << 16}
#: Most instructions between two barriers, at which all engines wait for each other.
_BARRIER = 12
_ATTEMPTS = 1000


@dataclass(frozen=True)
class RandomProgram:
    """A program and the segments that it begins with.

    Attributes
    ----------
    instructions : list of Instruction
        With ``halt`` as the last.
    segments : dict of str to uint8 array
    """

    instructions: Sequence[Instruction]
    segments: Mapping[str, np.ndarray] = field(repr=False)


def spans(core: Core) -> dict[str, int]:
    """Words of each memory on chip that random instructions use."""
    return {name: min(words, _SPANS[name]) for name, words in core.words.items()}


def random_segments(core: Core, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Contents of the segments of DRAM.

    That of weights begins with parameters of channels that scale sums into the range of codes; all
    else is random bytes. LOAD moves only the former into the channel memory.
    """
    segments = {name: rng.integers(0, 256, SEGMENT_BYTES).astype(np.uint8) for name in _READ}
    words = [_random_channel(core, rng) for _ in range(SEGMENT_CHANNELS)]
    channels = np.frombuffer(b"".join(words), np.uint8)
    segments["weights"][: channels.size] = channels
    return segments


def _random_channel(core, rng):
    low, high = np.sort(rng.choice([-128, 127, *rng.integers(-128, 128, 2)], 2, replace=False))
    values = {
        "bias": rng.integers(-(1 << int(rng.integers(1, 16))), 1 << 15),
        "multiplier": rng.integers(1 << 23, 1 << 24),
        "shift": rng.integers(22, 40),
        "zero_point": rng.integers(-128, 128),
        "low": low,
        "high": high,
    }
    word = at = 0
    for name, width, _ in CHANNEL_FIELDS:
        word |= (int(values[name]) & (1 << width) - 1) << at
        at += width
    return word.to_bytes(core.word_bytes["channels"], "little")


def random_instruction(
    core: Core,
    rng: np.random.Generator,
    opcode: str,
    function: str | None = None,
    **fixed: int | str,
) -> Instruction:
    """A random instruction without tokens, within the memories of :func:`random_segments`.

    Parameters
    ----------
    core : Core
    rng : numpy random generator
    opcode : str
        ``"load"``, ``"store"``, ``"matrix"`` or ``"vector"``.
    function : str, optional
        Of VECTOR.
    **fixed
        Values that some fields have to have. MATRIX has ``first`` and ``last`` by default.

    Raises
    ------
    ValueError
        If the memories are too small for such an instruction.
    """
    limits = dict.fromkeys(_READ, SEGMENT_BYTES)
    draw = {"load": _move, "store": _move, "matrix": _matrix, "vector": _vector}[opcode]
    for _ in range(_ATTEMPTS):
        values = {"wait": (), "signal": (), "mark": 0, "irq": 0}
        if function is not None:
            values["function"] = function
        values |= {
            name: value if isinstance(value, str) else int(value)
            for name, value in draw(core, rng, opcode, function, fixed).items()
        }
        values |= fixed
        fields = core.instructions.fields(opcode, function)
        instruction = Instruction(opcode, {name: values[name] for name in fields if name != "op"})
        instruction = _moved(core, rng, instruction, fixed)
        if instruction is not None and not faults(core, instruction, limits):
            return instruction
    raise ValueError(f"Memories are too small for {opcode} with {fixed}")


#: Fields with first addresses.
_BASES = {
    "matrix": ("in_base", "w_base", "p_base", "out_base"),
    "vector": ("a_base", "b_base", "w_base", "p_base", "d_base"),
}


def _moved(core, rng, instruction, fixed):
    """The instruction with its bases moved to random places; ``None`` if it is too large."""
    names = _BASES.get(instruction.opcode, ())
    limits = spans(core)
    for name in names:
        if name not in instruction.values or name in fixed:
            continue
        # The accesses that move with the base tell how far it may move.
        there = accesses(core, instruction)
        moved = accesses(core, instruction.replace(**{name: instruction[name] + 1}))
        room = [
            limits[access.space] - 1 - access.highest
            for access, other in zip(there, moved, strict=True)
            if other.base != access.base
        ]
        if not room:
            continue
        if min(room) < 0:
            return None
        instruction = instruction.replace(**{name: int(rng.integers(min(room) + 1))})
    return instruction


def _move(core, rng, opcode, _function, fixed):
    limits = spans(core)
    memories = [name for name in limits if limits[name]] if opcode == "load" else ["buffer"]
    memory = fixed.get("memory", str(rng.choice(memories)))
    size = core.word_bytes[memory]
    run = rng.integers(1, 5 * size)
    n1, n2 = rng.integers(1, 5), rng.integers(1, 4)
    stride1, stride2 = rng.integers(0, 5 * size, 2)
    segment, room = str(rng.choice(_READ if opcode == "load" else _WRITTEN)), SEGMENT_BYTES
    unit = 1
    if memory == "channels":
        # Whole words of parameters.
        segment, room, unit = "weights", SEGMENT_CHANNELS * size, size
        run, stride1, stride2 = (-(-value // size) * size for value in (run, stride1, stride2))
    words = -(-run // size)
    base1, base2 = words + rng.integers(0, 3), rng.integers(0, 4 * words)
    room -= (n1 - 1) * stride1 + (n2 - 1) * stride2 + run
    on_chip = limits[memory] - (n1 - 1) * base1 - (n2 - 1) * base2 - words
    return {
        "memory": memory,
        "segment": segment,
        "offset": rng.integers(max(room, 0) // unit + 1) * unit,
        "base": rng.integers(max(on_chip, 0) + 1),
        **{"run": run, "n1": n1, "n2": n2, "stride1": stride1, "stride2": stride2},
        **{"base1": base1, "base2": base2},
        "tail": rng.choice([0, rng.integers(core.rows + 1)]),
        "fill": rng.integers(256),
    }


def _window(rng, size=3):
    return {
        "kh": rng.integers(1, size + 1),
        "kw": rng.integers(1, size + 1),
        "sy": rng.choice([1, 1, 2, 3]),
        "sx": rng.choice([1, 1, 2, 3]),
        "dy": rng.choice([1, 1, 2]),
        "dx": rng.choice([1, 1, 2]),
        "iy0": rng.integers(-3, 3),
        "ix0": rng.integers(-3, 3),
        "ih": rng.integers(1, 8),
        "iw": rng.integers(1, 8),
    }


def _matrix(core, rng, _opcode, _function, _fixed):
    oh, ow, nb = rng.integers(1, 5), rng.integers(1, 7), rng.integers(1, 4)
    values = _window(rng) | {"oh": oh, "ow": ow, "nb": nb, "kc": rng.integers(1, 4)}
    values["packed"] = rng.choice([0, 0, 0, 1])
    values["in_row"] = values["iw"] + rng.integers(3)
    values["in_blk"] = values["ih"] * values["in_row"] + rng.integers(3)
    if values["packed"]:
        values |= {"kw": 1, "sx": 1, "dx": 1, "ix0": rng.integers(core.rows)}
        values["in_blk"] = rng.integers(2) << 6 | rng.integers(core.rows)
        values["in_row"] = rng.integers(8)
    step = rng.choice([1, 1, 1, 2])
    out_row = ow * step + rng.integers(3)
    return values | {
        **{"in_base": 0, "out_base": 0, "w_base": 0, "p_base": 0, "w_source": "weights"},
        **{"out_step": step, "out_row": out_row, "out_blk": oh * out_row + rng.integers(3)},
        **{"first": 1, "last": 1, "w_zero": 0, "a_zero": rng.integers(256)},
        "out_lane": rng.choice([0, rng.integers(core.rows)]),
        "out_tail": rng.choice([0, rng.integers(core.cols + 1)]),
    }


def _vector(core, rng, _opcode, function, _fixed):
    values = _window(rng) | {"oh": rng.integers(1, 5), "ow": rng.integers(1, 7)}
    values["nb"] = rng.integers(1, 4)
    rows = values["ih"] if "window" in function or function == "depthwise" else values["oh"]
    columns = values["iw"] if rows is values["ih"] else values["ow"]
    step = rng.choice([1, 1, 1, 2])
    for name, width, height in (
        ("a", columns, rows),
        ("b", values["ow"], values["oh"]),
        ("d", values["ow"] * step, values["oh"]),
    ):
        values[f"{name}_base"] = 0
        values[f"{name}_row"] = width + rng.integers(3)
        values[f"{name}_blk"] = height * values[f"{name}_row"] + rng.integers(3)
    return values | {
        **{"p_base": 0, "w_base": 0, "out_step": step, "a_zero": rng.integers(256)},
        "table": rng.integers(max(core.tables, 1)),
        "b_mode": str(rng.choice(["tensor", "block", "scalar", "pixel"])),
        "tail": rng.choice([0, rng.integers(core.rows + 1)]),
        "shared": rng.integers(2),
    }


def random_program(core: Core, rng: np.random.Generator, length: int) -> RandomProgram:
    """A program without races: tokens order all accesses that meet.

    It begins with LOADs of all memories, so that nothing depends on what they held.

    Parameters
    ----------
    core : Core
    rng : numpy random generator
    length : int
        Instructions beside the first LOADs, tokens' ``sync`` and ``halt``.
    """
    program = _Program(core, rng)
    for memory, words in spans(core).items():
        if words:
            program.append(_fill(core, memory, words))
    program.barrier()
    functions = [
        name for name in core.instructions.functions if core.tables or name not in ("add", "mul")
    ]
    count = since = 0
    while count < length:
        opcode = str(rng.choice(["load", "store", "matrix", "vector"]))
        function = str(rng.choice(functions)) if opcode == "vector" else None
        chain = [random_instruction(core, rng, opcode, function)]
        if opcode == "matrix" and rng.integers(3) == 0:
            chain = _sums(core, rng, int(rng.integers(2, 4)))
        for instruction in chain:
            program.append(instruction)
        count, since = count + len(chain), since + len(chain)
        if since >= _BARRIER:
            program.barrier()
            since = 0
    program.barrier()
    halt = Instruction("halt", {"wait": (), "signal": (), "mark": 0, "irq": 1})
    return RandomProgram([*program.instructions, halt], random_segments(core, rng))


def _sums(core, rng, count):
    """MATRIX that add to the same sums, the last of which writes them."""
    size = {"oh": int(rng.integers(1, 4)), "ow": int(rng.integers(1, 5)), "nb": 1}
    ends = [{"first": int(at == 0), "last": int(at == count - 1)} for at in range(count)]
    return [random_instruction(core, rng, "matrix", **size, **end) for end in ends]


def _fill(core, memory, words):
    """LOAD of the words of a memory from the beginning of the segment of weights."""
    size = core.word_bytes[memory]
    runs = max(1, -(-words * size // SEGMENT_BYTES))
    while words % runs:
        runs += 1
    values = {
        **{"wait": (), "signal": (), "mark": 0, "irq": 0, "memory": memory},
        **{"segment": "weights", "offset": 0, "base": 0, "run": words // runs * size, "n1": runs},
        **{"n2": 1, "stride1": 0, "stride2": 0, "base1": words // runs, "base2": 0},
        **{"tail": 0, "fill": 0},
    }
    if memory != "channels":
        values["segment"] = "input"
    return Instruction("load", values)


class _Program:
    """A program under construction, and what is known of its order."""

    def __init__(self, core, rng):
        self.core, self.rng = core, rng
        self.names = core.instructions.engines
        self.instructions = []
        self._accesses = []
        self._positions = []
        #: Numbers of the instructions of each engine.
        self._of = {name: [] for name in self.names}
        #: For each instruction, how many of each engine have ended when it starts.
        self._ended = []
        self._clock = {name: dict.fromkeys(self.names, 0) for name in self.names}
        #: Instructions of an engine up to which another has its tokens.
        self._given = {(a, b): 0 for a in self.names for b in self.names}
        self._tokens = dict.fromkeys(self._given, 0)

    def append(self, instruction):
        """Appends an instruction; tokens or a ``sync`` order it behind what it meets."""
        engine = instruction.engine
        mine = accesses(self.core, instruction)
        needed = dict.fromkeys(self.names, 0)
        for number, earlier in enumerate(self.instructions):
            other = earlier.engine
            position = self._positions[number]
            if position < self._clock[engine][other]:
                continue
            for access in self._accesses[number]:
                for own in mine:
                    if not (access.write or own.write) or overlap(access, own) is None:
                        continue
                    if other != engine or (access.write and not own.write):
                        needed[other] = max(needed[other], position + 1)
        if needed[engine]:
            self._append(_sync(engine), {})
        # Tokens that nothing needs are as good.
        for other in self.core.instructions.others(engine):
            free = len(self._of[other]) > self._given[other, engine]
            if not needed[other] and free and self.rng.integers(4) == 0:
                needed[other] = self._given[other, engine] + 1
        self._append(instruction, needed, mine)

    def barrier(self):
        """Lets all engines wait for each other."""
        first, *others = self.names
        for other in others:
            self._append(_sync(other), {})
        self._append(_sync(first), {other: len(self._of[other]) for other in others})
        for other in others:
            self._append(_sync(other), {first: len(self._of[first])})
        self._tokens = {pair: int(pair[0] == first) for pair in self._tokens}

    def _append(self, instruction, needed, mine=()):
        """Appends an instruction that waits for so many of each other engine to have ended."""
        engine = instruction.engine
        clock = self._clock[engine]
        for other, ended in needed.items():
            if other == engine or not ended or ended <= clock[other]:
                continue
            if instruction.opcode != "sync" and self._tokens[other, engine] == COUNTER_MAX - 1:
                # One token of each pair is left for the barrier.
                self.barrier()
                return self._append(instruction, {}, mine)
            # Any instruction from the last that is needed on can give the token.
            last = len(self._of[other])
            position = int(self.rng.integers(max(ended, self._given[other, engine] + 1) - 1, last))
            giver = self._of[other][position]
            self._signal(giver, engine)
            self._given[other, engine] = position + 1
            self._tokens[other, engine] += 1
            instruction = instruction.replace(wait=(*instruction["wait"], other))
            at_end = self._ended[giver] | {other: position + 1}
            for name in self.names:
                clock[name] = max(clock[name], at_end[name])
        if instruction.opcode == "sync":
            clock[engine] = len(self._of[engine])
        order = self.core.instructions.others(engine)
        wait = tuple(name for name in order if name in instruction["wait"])
        self._positions.append(len(self._of[engine]))
        self._of[engine].append(len(self.instructions))
        self._ended.append(dict(clock))
        self.instructions.append(instruction.replace(wait=wait))
        self._accesses.append(list(mine))
        return None

    def _signal(self, number, taker):
        instruction = self.instructions[number]
        order = self.core.instructions.others(instruction.engine)
        signal = tuple(name for name in order if name in (*instruction["signal"], taker))
        self.instructions[number] = instruction.replace(signal=signal)


def _sync(engine):
    return Instruction("sync", {"wait": (), "signal": (), "mark": 0, "irq": 0, "engine": engine})
