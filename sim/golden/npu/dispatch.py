"""Dispatch of a program: where each instruction goes, up to the end or an error."""

from collections.abc import Collection, Iterable

__all__ = ["ENGINES", "ERRORS", "FUNCTIONS", "dispatch", "fault", "used_bits"]

ENGINES = ("load", "matrix", "vector", "store")
_HALT, _SYNC, _LOAD, _STORE, _MATRIX, _VECTOR = range(6)
FUNCTIONS = (
    "copy",
    "add",
    "mul",
    "affine",
    "window_max",
    "window_sum",
    "depthwise",
    "reduce_sum",
    "reduce_max",
)
ERRORS = {"OPCODE": 8, "FUNCTION": 9, "RESERVED": 10, "SOURCE": 11}

#: Bits of the fields that all functions of VECTOR have, first and last: up to a_blk; d_base to nb;
#: table; out_step and tail.
_ALWAYS = ((0, 60), (105, 175), (210, 213), (216, 223))
_B_OPERAND, _B_MODE, _WINDOW, _BOUNDS = (61, 104), (214, 215), (61, 94), (176, 197)
_P_BASE, _A_ZERO, _TAPS, _SHARED = (198, 209), (224, 231), (232, 247), (248, 248)
_OF_FUNCTION = {
    "copy": (),
    "add": (_B_OPERAND, _B_MODE, _P_BASE, _SHARED),
    "mul": (_B_OPERAND, _B_MODE, _P_BASE, _A_ZERO, _SHARED),
    "affine": (_P_BASE, _SHARED),
    "window_max": (_WINDOW, _BOUNDS),
    "window_sum": (_WINDOW, _BOUNDS, _P_BASE, _A_ZERO, _SHARED),
    "depthwise": (_WINDOW, _BOUNDS, _P_BASE, _A_ZERO, _TAPS, _SHARED),
    "reduce_sum": (_P_BASE, _SHARED),
    "reduce_max": (),
}
#: Used bits of the other opcodes, from bit 0 on.
_LENGTH = {_HALT: 12, _SYNC: 14, _LOAD: 195, _STORE: 187, _MATRIX: 256}


def used_bits(opcode: int, function: str | None = None) -> int:
    """The bits that belong to a field, as an integer."""
    if function is None:
        return (1 << _LENGTH[opcode]) - 1
    ranges = (*_ALWAYS, *_OF_FUNCTION[function])
    return sum(1 << bit for low, high in ranges for bit in range(low, high + 1))


def fault(word: int, functions: Collection[str]) -> str | None:
    """The first error of an instruction for a core that has ``functions``, if any."""
    opcode = word & 15
    if opcode > _VECTOR:
        return "OPCODE"
    function = None
    if opcode == _VECTOR:
        code = word >> 12 & 31
        function = FUNCTIONS[code] if code < len(FUNCTIONS) else None
        if function not in functions:
            return "FUNCTION"
    if word & ~used_bits(opcode, function):
        return "RESERVED"
    if (opcode == _MATRIX and word >> 223 & 3) or (opcode == _STORE and word >> 12 & 3):
        return "SOURCE"
    return None


def dispatch(
    words: Iterable[int], functions: Collection[str]
) -> list[tuple[str, int] | tuple[str, int, int]]:
    """What happens with each instruction, in order.

    Returns
    -------
    list of tuples
        ``(engine, index)``, ``("done", index)`` for a HALT, and at the end, if an instruction is
        not legal, ``("failed", index, number of the error)``.
    """
    events: list[tuple[str, int] | tuple[str, int, int]] = []
    for index, word in enumerate(words):
        error = fault(word, functions)
        if error:
            events.append(("failed", index, ERRORS[error]))
            break
        opcode = word & 15
        if opcode == _HALT:
            events.append(("done", index))
        elif opcode == _SYNC:
            events.append((ENGINES[word >> 12 & 3], index))
        else:
            engine = {_LOAD: "load", _STORE: "store", _MATRIX: "matrix", _VECTOR: "vector"}[opcode]
            events.append((engine, index))
    return events
