"""The instruction set of the network processor: the only place with its fields."""

from dataclasses import dataclass
from itertools import accumulate

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

__all__ = [
    "B_MODES",
    "ENGINES",
    "FORMS",
    "FUNCTIONS",
    "INSTRUCTION_BYTES",
    "MEMORIES",
    "OPCODES",
    "SEGMENTS",
    "VERSION",
    "W_SOURCES",
    "Field",
    "Form",
    "description",
    "forms",
    "layout",
]

#: Version of the instruction set. A program of another version is refused.
VERSION = 1
#: Bytes of an instruction, least significant first.
INSTRUCTION_BYTES = 32

#: The engines, in the order of the bits of ``wait`` and ``signal``, which leave out their own.
ENGINES = ("load", "matrix", "vector", "store")
OPCODES = {"halt": 0, "sync": 1, "load": 2, "store": 3, "matrix": 4, "vector": 5}
#: Memories on chip that LOAD and STORE name.
MEMORIES = {"buffer": 0, "weights": 1, "channels": 2, "tables": 3}
#: Segments of DRAM, each with a base address in registers.
SEGMENTS = {
    "program": 0,
    "weights": 1,
    "input": 2,
    "output": 3,
    "scratch": 4,
    "state": 5,
    "trace": 6,
    "spare": 7,
}
FUNCTIONS = {
    "copy": 0,
    "add": 1,
    "mul": 2,
    "affine": 3,
    "window_max": 4,
    "window_sum": 5,
    "depthwise": 6,
    "reduce_sum": 7,
    "reduce_max": 8,
}
#: Where operand b of VECTOR comes from: a tensor, a word a block, one code, one code a pixel.
B_MODES = {"tensor": 0, "block": 1, "scalar": 2, "pixel": 3}
#: Where weights of MATRIX come from: the weight memory, the buffer, the buffer transposed.
W_SOURCES = {"weights": 0, "buffer": 1, "transposed": 2}

_NAMED = {
    "engine": {name: number for number, name in enumerate(ENGINES)},
    "memory": MEMORIES,
    "segment": SEGMENTS,
    "function": FUNCTIONS,
    "b_mode": B_MODES,
    "w_source": W_SOURCES,
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """Bits ``low`` to ``low + width - 1`` of an instruction.

    Attributes
    ----------
    name : str
    low, width : int
    coding : str
        ``"unsigned"``, ``"signed"`` (two's complement), or ``"count"`` (a count less one).
    meaning : str
    """

    name: str
    low: int
    width: int
    coding: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of instruction words: the fields of one opcode, for VECTOR of some functions.

    Attributes
    ----------
    opcode : str
    engine : str or None
        The engine that executes it; ``None`` if the word names it, or for none.
    functions : tuple of str
        Functions of VECTOR that the form is for; empty for other opcodes.
    fields : tuple of Field
        From bit 0 up; bits without a field are zero.
    """

    opcode: str
    engine: str | None
    functions: tuple[str, ...] = ()
    fields: tuple[Field, ...]

    @property
    def reserved(self):
        """The bits that have to be zero, as an integer."""
        used = sum(((1 << field.width) - 1) << field.low for field in self.fields)
        return (1 << 8 * INSTRUCTION_BYTES) - 1 & ~used


#: Fields in the order of the bits: name, width, coding, meaning.
_HEAD = (
    ("op", 4, "unsigned", "opcode"),
    ("wait", 3, "unsigned", "other engines to take a token from before the start, a bit for each"),
    ("signal", 3, "unsigned", "other engines to give a token to at the end, a bit for each"),
    ("mark", 1, "unsigned", "append a record to the trace"),
    ("irq", 1, "unsigned", "raise an interrupt at the end"),
)
_SYNC = (("engine", 2, "unsigned", "engine that takes and gives the tokens"),)
_MOVE = (
    ("memory", 2, "unsigned", "memory on chip"),
    ("segment", 3, "unsigned", "segment of DRAM"),
    ("offset", 32, "unsigned", "first byte in the segment"),
    ("base", 16, "unsigned", "first word on chip"),
    ("run", 16, "count", "bytes of a run"),
    ("n1", 12, "count", "runs in a group"),
    ("n2", 12, "count", "groups"),
    ("stride1", 24, "unsigned", "bytes from a run to the next in DRAM"),
    ("stride2", 24, "unsigned", "bytes from a group to the next in DRAM"),
    ("base1", 12, "unsigned", "words from a run to the next on chip"),
    ("base2", 16, "unsigned", "words from a group to the next on chip"),
    ("tail", 6, "unsigned", "valid lanes of each word of the buffer; 0: all"),
    ("fill", 8, "unsigned", "code in the other lanes (LOAD)"),
)
_MATRIX = (
    ("in_base", 16, "unsigned", "word of row 0, column 0 of the first block of the input"),
    ("in_row", 12, "unsigned", "words from a row of the input to the next"),
    (
        "in_blk",
        16,
        "unsigned",
        "words from a block of the input to the next; packed: from a pixel to the next, "
        "bytes below a word in bits 5 to 0, words above them",
    ),
    ("out_base", 16, "unsigned", "word of the first pixel of the output"),
    ("out_row", 12, "unsigned", "words from a row of the output to the next"),
    ("out_blk", 16, "unsigned", "words from a block of the output to the next"),
    ("oh", 8, "count", "rows of the output"),
    ("ow", 11, "count", "columns of the output"),
    ("kh", 4, "count", "rows of the window"),
    ("kw", 4, "count", "columns of the window; packed: 1"),
    ("kc", 10, "count", "blocks of the input; packed: words of a row of the window"),
    ("nb", 8, "count", "groups of columns of the array"),
    ("sy", 3, "count", "rows from a window to the next"),
    ("sx", 3, "count", "columns from a window to the next; packed: 1"),
    ("dy", 3, "count", "rows from a tap to the next"),
    ("dx", 3, "count", "columns from a tap to the next; packed: 1"),
    ("iy0", 8, "signed", "row of the first tap of the first window"),
    ("ix0", 6, "signed", "column of that tap; packed: its byte in the word, unsigned"),
    ("ih", 11, "count", "rows of the input"),
    ("iw", 11, "count", "columns of the input"),
    ("w_base", 16, "unsigned", "first word of weights"),
    ("p_base", 12, "unsigned", "channel of the first column"),
    ("first", 1, "unsigned", "sums begin at zero"),
    ("last", 1, "unsigned", "sums are requantized and written"),
    ("w_source", 2, "unsigned", "where weights come from"),
    ("packed", 1, "unsigned", "the input is folded: rows of bytes"),
    ("a_zero", 8, "unsigned", "code of activations outside of the input"),
    ("w_zero", 8, "unsigned", "zero point of weights"),
    ("out_step", 2, "count", "words from a pixel of the output to the next"),
    ("out_lane", 6, "unsigned", "lane of the first column"),
    ("out_tail", 6, "unsigned", "columns of the last group that are written; 0: all"),
)
_WINDOW = (
    ("kh", 4, "count", "rows of the window"),
    ("kw", 4, "count", "columns of the window"),
    ("sy", 3, "count", "rows from a window to the next"),
    ("sx", 3, "count", "columns from a window to the next"),
    ("dy", 3, "count", "rows from a tap to the next"),
    ("dx", 3, "count", "columns from a tap to the next"),
    ("iy0", 8, "signed", "row of the first tap of the first window"),
    ("ix0", 6, "signed", "column of that tap"),
)
_VECTOR = (
    ("function", 5, "unsigned", "function"),
    ("a_base", 16, "unsigned", "word of row 0, column 0 of the first block of operand a"),
    ("a_row", 12, "unsigned", "words from a row of a to the next"),
    ("a_blk", 16, "unsigned", "words from a block of a to the next"),
    ("b_base", 16, "unsigned", "first word of operand b"),
    ("b_row", 12, "unsigned", "words from a row of b to the next"),
    ("b_blk", 16, "unsigned", "words from a block of b to the next"),
    ("d_base", 16, "unsigned", "word of the first pixel of the output"),
    ("d_row", 12, "unsigned", "words from a row of the output to the next"),
    ("d_blk", 16, "unsigned", "words from a block of the output to the next"),
    ("oh", 8, "count", "rows of the output; of a for reductions"),
    ("ow", 11, "count", "columns of the output; of a for reductions"),
    ("nb", 8, "count", "blocks of channels"),
    ("ih", 11, "count", "rows of a"),
    ("iw", 11, "count", "columns of a"),
    ("p_base", 12, "unsigned", "channel of the first lane"),
    ("table", 4, "unsigned", "table of results, 0: none; add, mul: first of operand b's four"),
    ("b_mode", 2, "unsigned", "where operand b comes from"),
    ("out_step", 2, "count", "words from a pixel of the output to the next"),
    ("tail", 6, "unsigned", "valid lanes of the last block; 0: all"),
    ("a_zero", 8, "unsigned", "zero point of a; code outside of its bounds"),
    ("w_base", 16, "unsigned", "word of the first tap in the buffer"),
    ("shared", 1, "unsigned", "one channel's parameters for all lanes"),
)
_OPERAND_B = ("b_base", "b_row", "b_blk")
#: Fields of VECTOR that some functions lack.
_OPTIONAL = {"ih", "iw", "p_base", "b_mode", "a_zero", "w_base", "shared"}
#: Functions of VECTOR with the fields of ``_OPTIONAL`` that they have. Those with the bounds of an
#: input have a window in place of operand b.
_FUNCTION_FIELDS = (
    (("copy", "reduce_max"), ()),
    (("add",), ("p_base", "b_mode", "shared")),
    (("mul",), ("p_base", "b_mode", "a_zero", "shared")),
    (("affine", "reduce_sum"), ("p_base", "shared")),
    (("window_max",), ("ih", "iw")),
    (("window_sum",), ("ih", "iw", "p_base", "a_zero", "shared")),
    (("depthwise",), ("ih", "iw", "p_base", "a_zero", "w_base", "shared")),
)


def _placed(fields, low=0):
    lows = accumulate((width for _, width, *_ in fields), initial=low)
    return tuple(
        Field(name=name, low=at, width=width, coding=coding, meaning=meaning)
        for at, (name, width, coding, meaning) in zip(lows, fields, strict=False)
    )


def _vector_forms():
    placed = _placed(_HEAD + _VECTOR)
    window = _placed(_WINDOW, next(field.low for field in placed if field.name == "b_base"))
    for functions, optional in _FUNCTION_FIELDS:
        left_out = _OPTIONAL - set(optional)
        if "b_mode" not in optional:
            left_out |= set(_OPERAND_B)
        fields = [field for field in placed if field.name not in left_out]
        if "ih" in optional:
            fields = sorted([*fields, *window], key=lambda field: field.low)
        yield Form(opcode="vector", engine="vector", functions=functions, fields=tuple(fields))


#: All forms of instruction words.
FORMS = (
    Form(opcode="halt", engine=None, fields=_placed(_HEAD)),
    Form(opcode="sync", engine=None, fields=_placed(_HEAD + _SYNC)),
    Form(opcode="load", engine="load", fields=_placed(_HEAD + _MOVE)),
    Form(opcode="store", engine="store", fields=_placed(_HEAD + _MOVE[:-1])),
    Form(opcode="matrix", engine="matrix", fields=_placed(_HEAD + _MATRIX)),
    *_vector_forms(),
)


def forms(opcode):
    """The forms of an opcode."""
    return tuple(form for form in FORMS if form.opcode == opcode)


def layout(opcode):
    """All fields of an opcode's forms as a layout of an instruction word.

    Fields of different forms may overlap, as the window and operand b of VECTOR do.
    """
    members = {}
    for form in forms(opcode):
        for field in form.fields:
            shape = signed(field.width) if field.coding == "signed" else unsigned(field.width)
            members[field.name] = data.Field(shape, field.low)
    return data.FlexibleLayout(8 * INSTRUCTION_BYTES, members)


def description():
    """The instruction set for the manifest, from which every program that reads it takes it."""
    return {
        "version": VERSION,
        "instruction_bytes": INSTRUCTION_BYTES,
        "engines": list(ENGINES),
        "opcodes": OPCODES,
        "names": _NAMED,
        "forms": [
            {
                "opcode": form.opcode,
                "engine": form.engine,
                "functions": list(form.functions),
                "fields": [
                    {
                        "name": field.name,
                        "low": field.low,
                        "width": field.width,
                        "coding": field.coding,
                        "meaning": field.meaning,
                    }
                    for field in form.fields
                ],
            }
            for form in FORMS
        ],
    }
