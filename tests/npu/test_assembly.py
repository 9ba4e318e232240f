"""Words, instructions and their text: inverse to each other, and errors in whole lines."""

import re

import numpy as np
import pytest
from brickwork.hdl.npu import isa
from brickwork.sim.manifest import Manifest
from brickwork.sim.npu.assembly import assemble, disassemble, text
from brickwork.sim.npu.core import Core
from brickwork.sim.npu.instruction import Instruction, InstructionSet
from npu_cores import core, manifest

SET = core().instructions
FORMS = list(SET.forms)


def word_of(rng, key):
    """A legal word: each field at an end of its range, zero, or random."""
    fields = SET.forms[key]
    word = 0
    for name, item in fields.items():
        ones = (1 << item["width"]) - 1
        value = int(rng.choice([0, ones, 1, int(rng.integers(ones + 1))]))
        if name == "op":
            value = SET.opcodes[key[0]]
        elif name == "function":
            value = SET.names["function"].index(key[1])
        elif name == "w_source" or (key[0] == "halt" and name in ("wait", "signal")):
            value = 0
        word |= value << item["low"]
    return word


@pytest.mark.parametrize("key", FORMS, ids=lambda key: key[1] or key[0])
def test_words_and_text_are_inverse(key):
    rng = np.random.default_rng(FORMS.index(key))
    for _ in range(300):
        word = word_of(rng, key)
        instruction = SET.decode(word)
        line = text(instruction, SET)
        assert SET.encode(instruction) == word
        (back,) = assemble(line, SET)
        assert back.instruction == instruction, line
        assert text(back.instruction, SET) == line


def test_every_bit_reaches_the_text():
    """Two words that differ in a bit that may differ have different texts."""
    for key in FORMS:
        word = word_of(np.random.default_rng(5), key)
        lines = {text(SET.decode(word), SET)}
        legal = 1
        for bit in range(256):
            try:
                instruction = SET.decode(word ^ 1 << bit)
            except ValueError:
                continue
            lines.add(text(instruction, SET))
            legal += 1
        assert len(lines) == legal > 3 - 2 * (key[0] == "halt"), key


def test_reads_what_the_hardware_lays_out():
    for opcode in isa.OPCODES:
        layout = isa.layout(opcode)
        for key in [key for key in FORMS if key[0] == opcode]:
            for name, item in SET.forms[key].items():
                assert (item["low"], item["width"]) == (layout[name].offset, layout[name].width)


def test_defaults_are_left_out():
    source = """
    load chip=buffer:0x0/4/0 dram=input:0x100/64/0 run=16x8x1 tail=0 fill=0 signal=matrix ; rows
      matrix in=0/4 out=64/4 size=8x4 kernel=3x3x1 stride=1,1 pad=-1,-1 bound=8x4 wait=load
    ; nothing
    vector add a=0x10 b=tensor:0x20 out=0x30 size=2x3 mark
    vector add a=0x10 b=block:0x0 out=0x30 size=2x3 shared wait=store,matrix
    vector window_max a=0x10 out=0x30/2 size=2x3 kernel=2x2 stride=2,2 bound=4x6
    matrix in=0x0 size=1x1 bound=1x1 pad=0,63 packed accumulate keep
    sync store wait=matrix
    halt irq
    """
    lines = assemble(source, SET, "net.s")
    assert [line.number for line in lines] == [2, 3, 5, 6, 7, 8, 9, 10]
    assert [line.comment for line in lines[:2]] == ["rows", ""]
    program = [line.instruction for line in lines]
    assert disassemble(program, SET).splitlines() == [
        "load chip=buffer:0x0/4 dram=input:0x100/64 run=16x8 signal=matrix",
        "matrix in=0x0/4 out=0x40/4 size=8x4 kernel=3x3 pad=-1,-1 bound=8x4 wait=load",
        "vector add a=0x10 b=0x20 out=0x30 size=2x3 mark",
        "vector add a=0x10 b=block:0x0 out=0x30 size=2x3 shared wait=matrix,store",
        "vector window_max a=0x10 out=0x30/2 size=2x3 kernel=2x2 stride=2,2 bound=4x6",
        "matrix in=0x0 size=1x1 pad=0,63 bound=1x1 accumulate keep packed",
        "sync store wait=matrix",
        "halt irq",
    ]
    assert SET.decode_program(SET.program(program)) == program
    assert (program[1]["oh"], program[1]["iy0"]) == (8, -1)
    assert [program[at].engine for at in (1, 6, 7)] == ["matrix", "store", None]


LOAD = "load chip=buffer:0x0 dram=input:0x0 run=4"
MATRIX = "matrix in=0x0 size=1x1 bound=1x1"
KEYS = (
    "in, out, size, kernel, stride, dilation, pad, bound, blocks, weights, channels, a_zero, "
    "w_zero, step, lane, tail, accumulate, keep, packed, mark, irq, wait, signal"
)

WRONG = {
    "mtrix in=0": "1: Opcode must be one of halt, sync, load, store, matrix, vector, not 'mtrix'",
    "sync": "1: Engine must be one of load, matrix, vector, store, not ''",
    "sync dma": "6: Engine must be one of load, matrix, vector, store, not 'dma'",
    "vector sub": (
        "8: Function must be one of copy, add, mul, affine, window_max, window_sum, depthwise, "
        "reduce_sum, reduce_max, not 'sub'"
    ),
    f"{MATRIX} kernl=3x3": f"34: Field of matrix must be one of {KEYS}, not 'kernl=3x3'",
    f"{MATRIX} kernel": "34: Field kernel must be kernel=khxkwxkc, not 'kernel'",
    f"{MATRIX} keep=1": "34: Field keep must be keep, not 'keep=1'",
    f"{MATRIX} kernel=3": "41: Field kernel must be khxkwxkc, not '3'",
    f"{MATRIX} stride=1,9": "43: Field sx must be from 1 to 8, not 9",
    f"{MATRIX} stride=1,two": "43: Field sx must be an integer, not 'two'",
    f"{MATRIX} pad=-1,40": "41: Field ix0 must be from -32 to 31, not 40",
    f"{MATRIX} packed pad=0,-1": "47: Field ix0 must be from 0 to 63, not -1",
    f"{MATRIX} in=0x1": "34: Field in must be there once",
    f"{MATRIX} wait=load,matrix": (
        "34: Field wait of matrix must be of load, vector, store, not 'matrix'"
    ),
    "matrix in=0x0 size=1x1": "1: Field bound=ihxiw of matrix is missing",
    "load run=4": "1: Field chip=memory:base/base1/base2 of load is missing",
    "load chip=bufer:0x0": (
        "11: Field chip must begin with one of buffer, weights, channels, tables and a colon, not "
        "'bufer:0x0'"
    ),
    "load chip=0x0": (
        "11: Field chip must begin with one of buffer, weights, channels, tables and a colon, not "
        "'0x0'"
    ),
    f"{LOAD} tail=64": "48: Field tail must be from 0 to 63, not 64",
    "load chip=buffer:0x10000": "18: Field base must be from 0 to 65535, not 0x10000",
    "halt wait=load": "6: Field wait of halt must be absent, not 'load'",
}


@pytest.mark.parametrize("line", WRONG)
def test_errors_name_file_line_and_column(line):
    with pytest.raises(ValueError, match=f"^net.s:3:{re.escape(WRONG[line])}$"):
        assemble(f"; a program\n{LOAD}\n{line}\nhalt\n", SET, "net.s")


def test_functions_that_the_core_lacks():
    lacking = core(dw_x=0, dw_y=0).instructions
    line = "vector depthwise a=0x0 out=0x0 size=1x1 bound=1x1"
    (full,) = assemble(line, SET)
    with pytest.raises(
        ValueError, match=r"^net.s:1:8: Function must be one of copy, add, mul, aff"
    ):
        assemble(line, lacking, "net.s")
    with pytest.raises(ValueError, match=r"^Function depthwise is none of this core's$"):
        lacking.decode(SET.encode(full.instruction))


@pytest.mark.parametrize(
    ("word", "message"),
    {
        6: "Opcode must be from 0 to 5, not 6",
        1 << 12: "Reserved bit 12 of halt must be 0",
        3 | 1 << 200 | 1 << 255: "Reserved bits 200, 255 of store must be 0",
        5 | 9 << 12: "Field function must be from 0 to 8, not 9",
        4 | 1 << 223: "Field w_source must be 0 (weights), not 1",
        4 | 3 << 223: "Field w_source must be from 0 to 2, not 3",
        1 << 4: "Field wait of halt must be 0",
        1 << 9: "Field signal of halt must be 0",
    }.items(),
)
def test_words_that_a_core_refuses(word, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        SET.decode(word)
    program = bytes(32) + word.to_bytes(32, "little")
    with pytest.raises(ValueError, match=f"^Instruction 1: {re.escape(message)}$"):
        SET.decode_program(program)
    with pytest.raises(ValueError, match=r"^Program must have a multiple of 32 bytes, not 63$"):
        SET.decode_program(program[:-1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kh": 17}, "Field kh must be from 1 to 16, not 17"),
        ({"iy0": -129}, "Field iy0 must be from -128 to 127, not -129"),
        ({"w_source": "buffer"}, "Field w_source must be one of weights, not 'buffer'"),
        (
            {"wait": ("matrix",)},
            "Field wait of matrix must be of load, vector, store, not 'matrix'",
        ),
        ({"odd": 1}, "Fields of matrix must be as in the manifest: odd"),
    ],
)
def test_values_that_do_not_fit(changes, message):
    (line,) = assemble(MATRIX, SET)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        SET.encode(line.instruction.replace(**changes))


def test_another_version():
    message = "Instruction set must have the version 1, not 2; emit the core again"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        InstructionSet(isa.description() | {"version": 2})
    fields = {"op": {}, "wait": {}, "signal": {}, "mark": {}, "irq": {}, "new": {}}
    odd = InstructionSet(isa.description())
    odd.forms["halt", None] = fields
    with pytest.raises(ValueError, match=r"^Instruction set has the field new of halt, which the "):
        text(Instruction("halt", {}), odd)


def test_core_of_a_manifest(tmp_path):
    path = tmp_path / "npu.json"
    path.write_text(manifest(rows=3, cols=5).to_json())
    read = Core.from_manifest(Manifest.at(tmp_path))
    assert read.instructions.forms == SET.forms
    assert read.digest == "0123456789abcdef"
    assert read.words == {"buffer": 256, "weights": 128, "channels": 64, "tables": 512}
    assert read.word_bytes == {"buffer": 3, "weights": 5, "channels": 12, "tables": 4}
    assert core(cols=5, w_format="int4").word_bytes["weights"] == 3
    other = Manifest(design="eie", parameters={}, top="eie", verilog="eie.v", ports=[])
    message = "Manifest eie must be that of a network processor (npu), not of eie"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Core.from_manifest(other)
