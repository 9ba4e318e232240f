"""The text of programs: one instruction a line, and back.

A line is an opcode, the function of ``vector`` or the engine of ``sync``, then fields
``name=value`` and flags in any order, then a comment behind a semicolon::

    load chip=buffer:0x0/4 dram=input:0x100/64 run=16x8 signal=matrix ; rows 0 to 7
    matrix in=0x0/4 out=0x40/4 size=8x4 kernel=3x3 pad=-1,-1 bound=8x4 wait=load signal=store
    store chip=buffer:0x40/4 dram=output:0x0/64 run=16x8 wait=matrix
    halt

Numbers are decimal or hexadecimal (``0x``), those between ``x`` decimal. A field that is left out
has its default; the text of an instruction leaves out all defaults.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .instruction import Instruction, InstructionSet

__all__ = ["Line", "assemble", "disassemble", "text"]


@dataclass(frozen=True)
class _Key:
    """A field of the text: fields of the instruction with a separator between their values.

    ``defaults`` are those of the last fields; those ahead have to be there. ``least`` values are
    always shown. ``named`` is a field whose name stands in front, with a colon behind it.
    """

    name: str
    fields: tuple[str, ...]
    separator: str = ""
    defaults: tuple[int, ...] = ()
    least: int = 1
    named: str | None = None
    named_default: str | None = None

    @property
    def required(self):
        return len(self.fields) > len(self.defaults)

    @property
    def all_fields(self):
        return (self.named, *self.fields) if self.named else self.fields

    @property
    def form(self):
        form = self.separator.join(self.fields)
        return f"{self.named}:{form}" if self.named else form


@dataclass(frozen=True)
class _Flag:
    """A word that gives a field of one bit the value that is not its default."""

    name: str
    field: str
    value: int = 1


def _address(name, fields, defaults=2, **named):
    return _Key(name, fields, "/", (0,) * defaults, **named)


_WINDOW = (
    _Key("stride", ("sy", "sx"), ",", (1, 1), least=2),
    _Key("dilation", ("dy", "dx"), ",", (1, 1), least=2),
    _Key("pad", ("iy0", "ix0"), ",", (0, 0), least=2),
    _Key("bound", ("ih", "iw"), "x", least=2),
)
_MOVE = (
    _address("chip", ("base", "base1", "base2"), named="memory"),
    _address("dram", ("offset", "stride1", "stride2"), named="segment"),
    _Key("run", ("run", "n1", "n2"), "x", (1, 1)),
    _Key("tail", ("tail",), defaults=(0,)),
    _Key("fill", ("fill",), defaults=(0,)),
)
_KEYS = {
    "halt": (),
    "sync": (),
    "load": _MOVE,
    "store": _MOVE,
    "matrix": (
        _address("in", ("in_base", "in_row", "in_blk")),
        _address("out", ("out_base", "out_row", "out_blk"), 3),
        _Key("size", ("oh", "ow"), "x", least=2),
        _Key("kernel", ("kh", "kw", "kc"), "x", (1, 1, 1), least=2),
        *_WINDOW,
        _Key("blocks", ("nb",), defaults=(1,)),
        _Key("weights", ("w_base",), defaults=(0,)),
        _Key("channels", ("p_base",), defaults=(0,)),
        _Key("a_zero", ("a_zero",), defaults=(0,)),
        _Key("w_zero", ("w_zero",), defaults=(0,)),
        _Key("step", ("out_step",), defaults=(1,)),
        _Key("lane", ("out_lane",), defaults=(0,)),
        _Key("tail", ("out_tail",), defaults=(0,)),
        _Flag("accumulate", "first", 0),
        _Flag("keep", "last", 0),
        _Flag("packed", "packed"),
    ),
    "vector": (
        _address("a", ("a_base", "a_row", "a_blk")),
        _address("b", ("b_base", "b_row", "b_blk"), named="b_mode", named_default="tensor"),
        _address("out", ("d_base", "d_row", "d_blk")),
        _Key("size", ("oh", "ow"), "x", least=2),
        _Key("kernel", ("kh", "kw"), "x", (1, 1), least=2),
        *_WINDOW,
        _Key("blocks", ("nb",), defaults=(1,)),
        _Key("taps", ("w_base",), defaults=(0,)),
        _Key("channels", ("p_base",), defaults=(0,)),
        _Key("table", ("table",), defaults=(0,)),
        _Key("a_zero", ("a_zero",), defaults=(0,)),
        _Key("step", ("out_step",), defaults=(1,)),
        _Key("tail", ("tail",), defaults=(0,)),
        _Flag("shared", "shared"),
    ),
}
_TOKENS = ("wait", "signal")
_COMMON = (_Flag("mark", "mark"), _Flag("irq", "irq"))
#: Fields that stand behind the opcode, without a name.
_LEADING = {"sync": "engine", "vector": "function"}
#: Fields that the text does not show, as they have one value so far.
_FIXED = {"w_source": "weights"}
#: Fields that are shown in hexadecimal digits.
_ADDRESSES = {
    *("base", "offset", "in_base", "out_base", "w_base", "a_base", "b_base", "d_base", "p_base"),
}


@dataclass(frozen=True)
class Line:
    """A line of a program's text.

    Attributes
    ----------
    instruction : Instruction
    number : int
        Of the line, from 1 up.
    comment : str
    """

    instruction: Instruction
    number: int
    comment: str = ""


class _WordError(Exception):
    """What is wrong with a word of a line, and the word's column."""


def _entries(opcode, fields):
    """The fields of the text, and flags, that an instruction with these fields has."""
    entries = [
        entry
        for entry in (*_KEYS[opcode], *_COMMON)
        if (entry.field if isinstance(entry, _Flag) else entry.fields[0]) in fields
    ]
    shown = {"op", *_TOKENS, _LEADING.get(opcode), *_FIXED}
    for entry in entries:
        shown |= {entry.field} if isinstance(entry, _Flag) else set(entry.all_fields)
    if unknown := fields.keys() - shown:
        raise ValueError(
            f"Instruction set has the field {min(unknown)} of {opcode}, which the assembly lacks"
        )
    return {entry.name: entry for entry in entries}


def text(instruction: Instruction, instructions: InstructionSet) -> str:
    """The line of an instruction, without defaults."""
    opcode, values = instruction.opcode, instruction.values
    words = [opcode]
    if opcode in _LEADING:
        words.append(values[_LEADING[opcode]])
    fields = instructions.fields(opcode, values.get("function"))
    flags = []
    for entry in _entries(opcode, fields).values():
        if isinstance(entry, _Flag):
            if values[entry.field] == entry.value:
                flags.append(entry.name)
            continue
        shown = [values[name] for name in entry.fields]
        defaults = entry.defaults
        while len(shown) > entry.least and defaults and shown[-1] == defaults[-1]:
            shown, defaults = shown[:-1], defaults[:-1]
        name = values[entry.named] if entry.named else None
        if (
            not entry.required
            and name == entry.named_default
            and tuple(shown) == entry.defaults[: len(shown)]
        ):
            continue
        front = "" if name == entry.named_default else f"{name}:"
        numbers = (
            hex(value) if field in _ADDRESSES else str(value)
            for field, value in zip(entry.fields, shown, strict=False)
        )
        words.append(f"{entry.name}={front}{entry.separator.join(numbers)}")
    words += flags
    words += [f"{name}={','.join(values[name])}" for name in _TOKENS if values[name]]
    return " ".join(words)


def disassemble(program: Sequence[Instruction], instructions: InstructionSet) -> str:
    """The text of a program, a line each."""
    return "".join(f"{text(instruction, instructions)}\n" for instruction in program)


def assemble(source: str, instructions: InstructionSet, file: str = "program") -> list[Line]:
    """The instructions of a program's text.

    Parameters
    ----------
    source : str
    instructions : InstructionSet
    file : str
        Name for messages.

    Raises
    ------
    ValueError
        Of the first line that is wrong: file, line, column, and what is expected there.
    """
    lines = []
    for number, line in enumerate(source.splitlines(), 1):
        code, _, comment = line.partition(";")
        words = [(match[0], match.start() + 1) for match in re.finditer(r"\S+", code)]
        if not words:
            continue
        try:
            instruction = _instruction(words, instructions)
        except _WordError as error:
            message, column = error.args
            raise ValueError(f"{file}:{number}:{column}: {message}") from None
        lines.append(Line(instruction, number, comment.strip()))
    return lines


def _instruction(words, instructions):
    (opcode, start), *rest = words
    if opcode not in instructions.opcodes:
        names = ", ".join(instructions.opcodes)
        raise _WordError(f"Opcode must be one of {names}, not {opcode!r}", start)
    values = {}
    if opcode in _LEADING:
        name = _LEADING[opcode]
        names = instructions.functions if name == "function" else instructions.names[name]
        word, column = rest.pop(0) if rest else ("", start)
        if word not in names:
            subject = name.capitalize()
            raise _WordError(f"{subject} must be one of {', '.join(names)}, not {word!r}", column)
        values[name] = word
    fields = instructions.fields(opcode, values.get("function"))
    entries = _entries(opcode, fields)
    # Whether ix0 has a sign depends on a flag that may come later.
    packed = any(word == "packed" for word, _ in rest)
    seen = set()
    for word, column in rest:
        key, equals, value = word.partition("=")
        if key in seen:
            raise _WordError(f"Field {key} must be there once", column)
        seen.add(key)
        entry = entries.get(key)
        if key in _TOKENS and equals:
            values[key] = _engines(key, value, opcode, values, instructions, column)
        elif isinstance(entry, _Flag) and not equals:
            values[entry.field] = entry.value
        elif isinstance(entry, _Key) and equals:
            values |= _values(entry, value, fields, packed, instructions, column)
        elif entry is not None:
            form = key if isinstance(entry, _Flag) else f"{key}={entry.form}"
            raise _WordError(f"Field {key} must be {form}, not {word!r}", column)
        else:
            names = ", ".join([*entries, *_TOKENS])
            raise _WordError(f"Field of {opcode} must be one of {names}, not {word!r}", column)
    for entry in entries.values():
        if isinstance(entry, _Flag):
            values.setdefault(entry.field, 1 - entry.value)
        elif entry.name not in seen:
            if entry.required:
                raise _WordError(f"Field {entry.name}={entry.form} of {opcode} is missing", start)
            values |= dict(zip(entry.fields, entry.defaults, strict=True))
            if entry.named:
                values[entry.named] = entry.named_default
    values |= {name: value for name, value in _FIXED.items() if name in fields}
    values = {name: () for name in _TOKENS} | values
    return Instruction(opcode, {name: values[name] for name in fields if name != "op"})


def _engines(key, value, opcode, values, instructions, column):
    engine = Instruction(opcode, values).engine
    others = instructions.others(engine) if engine else ()
    named = value.split(",")
    for name in named:
        if name not in others:
            allowed = f"of {', '.join(others)}" if others else "absent"
            raise _WordError(f"Field {key} of {opcode} must be {allowed}, not {name!r}", column)
    return tuple(name for name in others if name in named)


def _values(entry, value, fields, packed, instructions, column):
    values = {}
    column += len(entry.name) + 1
    if entry.named:
        front, colon, behind = value.rpartition(":")
        if colon or entry.named_default is None:
            names = instructions.names[entry.named]
            if not colon or front not in names:
                raise _WordError(
                    f"Field {entry.name} must begin with one of {', '.join(names)} and a colon, "
                    f"not {value!r}",
                    column,
                )
            values[entry.named] = front
            value, column = behind, column + len(front) + 1
        else:
            values[entry.named] = entry.named_default
    texts = value.split(entry.separator) if entry.separator else [value]
    least = max(entry.least, len(entry.fields) - len(entry.defaults))
    if not least <= len(texts) <= len(entry.fields):
        raise _WordError(f"Field {entry.name} must be {entry.form}, not {value!r}", column)
    for name, number in zip(entry.fields, texts, strict=False):
        values[name] = _number(name, number, fields[name], packed, instructions, column)
        column += len(number) + 1
    missing = len(entry.fields) - len(texts)
    if missing:
        values |= zip(entry.fields[-missing:], entry.defaults[-missing:], strict=True)
    return values


def _number(name, number, item, packed, instructions, column):
    if not re.fullmatch(r"-?(?:0[xX][0-9a-fA-F]+|[0-9]+)", number):
        raise _WordError(f"Field {name} must be an integer, not {number!r}", column)
    value = int(number, 16 if "x" in number.lower() else 10)
    lowest, highest = instructions.limits(item, packed)
    if not lowest <= value <= highest:
        raise _WordError(f"Field {name} must be from {lowest} to {highest}, not {number}", column)
    return value
