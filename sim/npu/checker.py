"""Faults of a program that show without its data."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .accesses import accesses, overlap, overtakes
from .assembly import text
from .core import Core
from .instruction import Instruction
from .schedule import COUNTER_MAX, DeadlockError, Schedule, until_halt

__all__ = ["Finding", "Order", "check", "faults"]


@dataclass(frozen=True)
class Finding:
    """A fault of a program.

    Attributes
    ----------
    number : int
        Of the instruction.
    line : str
        Its text.
    reason : str
        What is wrong, and what to do.
    """

    number: int
    line: str
    reason: str

    def __str__(self):
        return f"Instruction {self.number} ({self.line}): {self.reason}"


def check(
    core: Core, program: Sequence[Instruction], segments: Mapping[str, int] | None = None
) -> list[Finding]:
    """All faults of a program; a program without any gives the same bytes in every order.

    Parameters
    ----------
    core : Core
    program : sequence of Instruction
    segments : mapping of str to int, optional
        Bytes of the segments of DRAM. Without it, accesses to DRAM have no limit.

    Returns
    -------
    list of Finding, in the order of the program
    """
    try:
        program = until_halt(program)
    except ValueError as error:
        return [Finding(len(program), "", f"{error}; append a halt")]
    reasons = [
        (number, reason)
        for number, instruction in enumerate(program)
        for reason in faults(core, instruction, segments)
    ]
    order = Order(core, program)
    reasons += _sums(program) + _unmatched(program) + order.faults
    reasons += _races(core, program, order, segments)
    reasons.sort(key=lambda reason: reason[0])
    return [
        Finding(number, text(program[number], core.instructions), reason)
        for number, reason in reasons
    ]


# One instruction


def faults(
    core: Core, instruction: Instruction, segments: Mapping[str, int] | None = None
) -> list[str]:
    """What is wrong with an instruction by itself; see :func:`check`."""
    reasons = []
    if instruction.opcode == "matrix":
        reasons += _matrix(core, instruction.values)
    elif instruction.opcode == "vector":
        reasons += _vector(core, instruction.values)
    elif instruction.opcode in ("load", "store"):
        reasons += _at_most(instruction.values, "tail", core.rows, "rows")
    if instruction.opcode == "store" and (memory := instruction["memory"]) != "buffer":
        reasons.append(f"stores words of {memory}, but only those of buffer can be stored")
    within = True
    for access in accesses(core, instruction):
        if (reason := _beyond(core, access, segments)) is not None:
            within = False
            reasons.append(reason)
    if within and instruction.opcode in ("matrix", "vector"):
        word = overtakes(core, instruction)
        if word is not None:
            reasons.append(
                f"reads word {word} of buffer, perhaps behind its own write of it; write to other "
                "words"
            )
    return reasons


def _at_most(values, name, limit, what):
    if values[name] <= limit:
        return []
    return [f"{name} must be at most {limit} (the {what}), not {values[name]}"]


def _matrix(core, values):
    oh, ow, nb = values["oh"], values["ow"], values["nb"]
    reasons = _at_most(values, "out_tail", core.cols, "columns")
    if oh * ow > core.acc_depth:
        reasons.append(
            f"{oh * ow} pixels (= {oh} * {ow}) are more than the {core.acc_depth} rows of "
            "accumulators; split the output"
        )
    if nb != 1 and not (values["first"] and values["last"]):
        reasons.append(f"blocks must be 1 with accumulate or keep, not {nb}; split the outputs")
    if values["w_zero"]:
        reasons.append(f"w_zero must be 0, not {values['w_zero']}: weights have no zero point")
    if values["packed"]:
        reasons += [
            f"{name} must be 1 with packed, not {values[name]}"
            for name in ("kw", "sx", "dx")
            if values[name] != 1
        ]
        reasons += _at_most(values, "ix0", core.rows - 1, "last byte of a word")
        if (low := values["in_blk"] & 63) >= core.rows:
            reasons.append(
                f"bits 5 to 0 of in_blk must be at most {core.rows - 1} with packed, not {low}"
            )
    return reasons


def _vector(core, values):
    reasons = _at_most(values, "tail", core.rows, "rows")
    if values["function"] == "depthwise" and values["ow"] > core.dw_depth:
        columns = 1 if values["dx"] > 1 else core.dw_x
        if values["kh"] > core.dw_y or values["kw"] > columns:
            reasons.append(
                f"ow must be at most {core.dw_depth} (dw_depth) for a window larger than "
                f"{core.dw_y}x{columns}, not {values['ow']}; split the output"
            )
    return reasons


def _beyond(core, access, segments):
    """The reason if an access is not within its memory or segment."""
    limit = _limit(core, access.space, segments)
    if limit is None or access.highest < limit:
        return None
    verb = "writes" if access.write else "reads"
    unit = "words" if access.space in core.words else "bytes"
    return (
        f"{verb} {access.space} up to {access.highest}, which has {limit} {unit}; move or shrink it"
    )


def _limit(core, space, segments):
    """Words of a memory, or bytes of a segment; ``None`` if they are not known."""
    if space in core.words:
        return core.words[space]
    return None if segments is None else segments.get(space.removeprefix("segment "), 0)


# Sums and tokens


def _sums(program):
    """Faults of the sequences of MATRIX that share sums."""
    reasons, open_ = [], None
    for number, instruction in enumerate(program):
        if instruction.opcode != "matrix":
            continue
        values = instruction.values
        size = values["oh"], values["ow"]
        if values["first"]:
            if open_ is not None:
                reasons.append(_dropped(*open_))
        elif open_ is None:
            reasons.append((number, "accumulates without sums; a matrix with keep must be ahead"))
        elif open_[1] != size:
            sizes = [f"{oh}x{ow}" for oh, ow in (size, open_[1])]
            reasons.append(
                (number, f"accumulates {sizes[0]} sums, but instruction {open_[0]} kept {sizes[1]}")
            )
        open_ = None if values["last"] else (number, size)
    if open_ is not None:
        reasons.append(_dropped(*open_))
    return reasons


def _dropped(number, _):
    return number, "keeps sums that no matrix adds to; let the next matrix accumulate"


def _unmatched(program):
    """Tokens that nothing gives, and those that nothing takes."""
    gives, takes = {}, {}
    for number, instruction in enumerate(program):
        for other in instruction["signal"]:
            gives.setdefault((instruction.engine, other), []).append(number)
        for other in instruction["wait"]:
            takes.setdefault((other, instruction.engine), []).append(number)
    reasons = []
    for giver, taker in sorted(gives.keys() | takes.keys()):
        givers, takers = gives.get((giver, taker), []), takes.get((giver, taker), [])
        if len(takers) > len(givers):
            number = takers[len(givers)]
            reasons.append(
                (
                    number,
                    f"waits for token {len(givers) + 1} of {giver}, which gives only "
                    f"{len(givers)}; add signal={taker} to an instruction of {giver}, or remove "
                    f"wait={giver}",
                )
            )
        elif len(givers) > len(takers):
            number = givers[len(takers)]
            reasons.append(
                (
                    number,
                    f"gives token {len(takers) + 1} to {taker}, which takes only {len(takers)}; "
                    f"add wait={giver} to an instruction of {taker}, or remove signal={taker}",
                )
            )
    return reasons


class Order:
    """The order of instructions that queues and tokens guarantee.

    Attributes
    ----------
    engine, position : int arrays
        Of each instruction: number of its engine, and how many instructions of it are ahead.
    ended : int array, instructions × engines
        How many instructions of each engine have ended for certain when an instruction starts; -1
        of those that never start.
    faults : list of (int, str)
        Deadlocks, and counters that can need room for more tokens than they have.
    """

    def __init__(self, core: Core, program: Sequence[Instruction]):
        names = core.instructions.engines
        numbers = {name: number for number, name in enumerate(names)}
        count = len(program)
        self.engine = np.array(
            [numbers.get(instruction.engine, len(names)) for instruction in program]
        )
        self.position = np.zeros(count, np.int64)
        for number in range(len(names) + 1):
            mine = self.engine == number
            self.position[mine] = np.arange(np.count_nonzero(mine))
        self.ended = np.full((count, len(names)), -1)
        self.faults = []
        # What has ended when the instruction that started last in each engine started.
        clocks = np.zeros((len(names), len(names)), np.int64)
        takes = {}
        schedule = Schedule(program, core, None)
        try:
            for event, number in schedule:
                if event != "start":
                    continue
                engine = self.engine[number]
                for giver in schedule.taken:
                    pair = self.engine[giver], engine
                    takes.setdefault(pair, []).append(self.position[number])
                    clocks[engine] = np.maximum(clocks[engine], self._at_end(giver))
                if program[number].opcode == "sync":
                    clocks[engine, engine] = self.position[number]
                self.ended[number] = clocks[engine]
        except DeadlockError as error:
            waits = "; ".join(error.waits)
            self.faults.append((error.blocked[0], f"is in a deadlock: {waits}"))
        self._count(program, names, numbers, takes)

    def _at_end(self, number):
        """How many instructions of each engine have ended for certain when this one ends."""
        clock = self.ended[number].copy()
        clock[self.engine[number]] = self.position[number] + 1
        return clock

    def _count(self, program, names, numbers, takes):
        """Finds counters that may have to hold too many tokens."""
        gives = {}
        for number, instruction in enumerate(program):
            for taker in instruction["signal"] if self.ended[number, 0] >= 0 else ():
                pair = self.engine[number], numbers[taker]
                gives[pair] = gives.get(pair, 0) + 1
                ended = self.ended[number, pair[1]]
                if gives[pair] - bisect_left(takes.get(pair, ()), ended) == COUNTER_MAX + 1:
                    self.faults.append(
                        (
                            number,
                            f"may give {taker} token {COUNTER_MAX + 1} while none is taken, and a "
                            f"counter holds {COUNTER_MAX}; let {names[pair[0]]} wait for {taker} "
                            "ahead of it",
                        )
                    )

    def unordered(self, first: np.ndarray, second: int) -> np.ndarray:
        """Whether instructions and a later one may run in either order.

        Of the same engine: whether the later one may read before the earlier ones have written.
        """
        engine = self.engine[second]
        before = self.ended[second, self.engine[first]] > self.position[first]
        behind = self.ended[first, engine] > self.position[second]
        return ~before & ~behind


# Races


def _races(core, program, order, segments):
    """Accesses to the same addresses of which one writes, without an order."""
    spaces = {}
    for number, instruction in enumerate(program):
        if order.engine[number] < order.ended.shape[1] and order.ended[number, 0] >= 0:
            for access in accesses(core, instruction):
                spaces.setdefault(access.space, []).append((number, access))
    reasons = {}
    for space, entries in spaces.items():
        # Addresses beyond the memory are a fault already, and may be many.
        limit = _limit(core, space, segments)
        entries = [entry for entry in entries if limit is None or entry[1].highest < limit]
        numbers = np.array([number for number, _ in entries])
        writes = np.array([access.write for _, access in entries])
        lowest = np.array([access.lowest for _, access in entries])
        highest = np.array([access.highest for _, access in entries])
        for at, (number, access) in enumerate(entries):
            earlier = numbers[:at]
            close = (lowest[:at] <= access.highest) & (highest[:at] >= access.lowest)
            close &= writes[:at] | access.write
            # Reads of an engine keep their order, writes do, and a write is behind earlier reads.
            same = order.engine[earlier] == order.engine[number]
            close &= ~same | (writes[:at] & (not access.write))
            candidates = np.flatnonzero(close)
            candidates = candidates[order.unordered(earlier[candidates], number)]
            for other in candidates[::-1]:
                key = number, space, order.engine[entries[other][0]]
                if key in reasons or entries[other][0] == number:
                    continue
                shared = overlap(access, entries[other][1])
                if shared is not None:
                    reasons[key] = _race(core, program, entries[at], entries[other], shared)
    return [(key[0], reason) for key, reason in reasons.items()]


def _race(core, program, entry, earlier, shared):
    number, access = entry
    other, other_access = earlier
    first, last = shared
    unit = "byte" if access.space.startswith("segment") else "word"
    addresses = f"{unit} {first}" if first == last else f"{unit}s {first} to {last}"
    verbs = ["writes" if each.write else "reads" for each in (access, other_access)]
    line = text(program[other], core.instructions)
    engine, other_engine = program[number].engine, program[other].engine
    if engine == other_engine:
        remedy = f"put sync {engine} between them"
    else:
        remedy = (
            f"let {other_engine} signal {engine} at instruction {other} or behind it, and {engine} "
            f"wait for {other_engine} at instruction {number} or ahead of it"
        )
    return (
        f"{verbs[0]} {addresses} of {access.space}, which instruction {other} ({line}) {verbs[1]}, "
        f"in either order; {remedy}"
    )
