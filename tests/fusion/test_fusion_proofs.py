"""Proofs about the Verilog of fusion units, with the decoder of modes that goes with them.

Where one operand or both have 8 bits, products are few enough for tables of all their values. For
all modes the two kinds of units are proven to be alike, whatever their 64 bits of operands.
"""

import functools
import graphlib
import itertools
import json

import numpy as np
import pytest
from brickwork.gen import yosys
from brickwork.gen.emit import emit_unit
from brickwork.hdl.fusion.fusion_unit import FusionUnit
from brickwork.hdl.fusion.mode import WIDTHS, ModeDecoder

SIGNS = list(itertools.product((0, 1), repeat=2))
#: Operands of one value of a table are a word of so many bits; the upper ones come from outside.
LOW = 18


def choice(a_bits, w_bits, a_signed, w_signed):
    """The decoder's input, from its lowest field up."""
    return WIDTHS.index(a_bits) | WIDTHS.index(w_bits) << 2 | a_signed << 4 | w_signed << 5


def units(folder, trees):
    """Emit units; returns the commands that read them, and Verilog that connects them."""
    emit_unit(ModeDecoder(), folder, "decoder")
    lines = [
        "wire [11:0] mode;",
        "wire [16:0] offset;",
        "decoder decoder(.i(choice), .o(mode), .offset(offset));",
    ]
    for tree in trees:
        emit_unit(FusionUnit(tree=tree), folder, tree)
        lines += [
            f"wire signed [16:0] {tree}_o;",
            f"{tree} {tree}(.a(a), .w(w), .mode(mode), .offset(offset), .o({tree}_o));",
        ]
    read = [f"read_verilog {name}.v" for name in ("decoder", *trees, "harness")]
    return [*read, "hierarchy -check -top harness", "proc", "flatten", "opt -full"], lines


class Gates:
    """A combinational module as gates, for as many values at once as integers have bits."""

    def __init__(self, folder, commands):
        yosys.run(
            [*commands, "techmap", "opt -full", "aigmap", "opt_clean -purge", "write_json gates"],
            cwd=folder,
        )
        module = json.loads((folder / "gates").read_text())["modules"]["harness"]
        self.inputs, self.outputs = (
            [bit for port in module["ports"].values() if port["direction"] == way for bit in port["bits"]]
            for way in ("input", "output")
        )
        drivers = {}
        for cell in module["cells"].values():
            assert cell["type"] in ("$_AND_", "$_NOT_"), cell["type"]
            (out,) = cell["connections"].pop("Y")
            drivers[out] = [bit for (bit,) in cell["connections"].values()]
        order = graphlib.TopologicalSorter(drivers).static_order()
        self.gates = [(bit, drivers[bit]) for bit in order if bit in drivers]

    def values(self, inputs, ones):
        """Outputs from inputs, bit by bit; ``ones`` has as many ones as there are values."""
        known = dict(zip(self.inputs, inputs, strict=True)) | {"0": 0, "1": ones}
        for out, (first, *second) in self.gates:
            known[out] = known[first] & known[second[0]] if second else known[first] ^ ones
        return [known[bit] for bit in self.outputs]


@functools.cache
def patterns(count):
    """Of all words of ``count`` bits each bit, as an integer: 0101..., 00110011..., and so on."""
    words = np.arange(1 << count)
    return [as_integer(words >> place & 1) for place in range(count)]


def as_integer(bits):
    packed = np.packbits(bits.astype(np.uint8), bitorder="little")
    return int.from_bytes(packed.tobytes(), "little")


def numbers(words, bits, signed):
    return words - (signed * (words >> (bits - 1)) << bits)


def table_differs(folder, tree, a_bits, w_bits, signs, change=lambda words, sums: sums):
    """Whether any sum of a unit is not that of products of integers, which ``change`` may alter.

    There are one or two products: numbers of 8 bits on a side, with one or two on the other.
    """
    commands, lines = units(folder, [tree])
    size = 8 * (16 // min(a_bits, w_bits)) // 2 if a_bits != w_bits else 8
    # Activations side by side in a byte meet weights of the bytes behind each other.
    a = {(8, 8): "{4{x[7:0]}}", (4, 8): "{4{x[7:0]}}", (8, 4): "{{2{x[15:8]}}, {2{x[7:0]}}}"}
    w = {(8, 8): "{4{y[7:0]}}", (4, 8): "{{2{y[15:8]}}, {2{y[7:0]}}}", (8, 4): "{4{y[7:0]}}"}
    del size
    x_size, y_size = 8 * 8 // w_bits, 8 * 8 // a_bits
    text = [
        f"module harness(input [{x_size - 1}:0] x, input [{y_size - 1}:0] y, output [16:0] o);",
        f"wire [5:0] choice = {choice(a_bits, w_bits, *signs)};",
        f"wire [31:0] a = {a[a_bits, w_bits]}, w = {w[a_bits, w_bits]};",
        *lines,
        f"assign o = {tree}_o;",
        "endmodule",
    ]
    (folder / "harness.v").write_text("\n".join(text) + "\n")
    gates = Gates(folder, commands)
    total = x_size + y_size
    low = min(total, LOW)
    ones = (1 << (1 << low)) - 1
    for high in range(1 << (total - low)):
        fixed = [ones * (high >> place & 1) for place in range(total - low)]
        found = gates.values([*patterns(low), *fixed], ones)
        words = np.arange(1 << low) | high << low
        x, y = words & ((1 << x_size) - 1), words >> x_size
        sums = 0
        for n in range(max(x_size, y_size) // 8):
            a_word = x >> (8 * n if x_size > 8 else a_bits * n) & ((1 << a_bits) - 1)
            w_word = y >> (8 * n if y_size > 8 else w_bits * n) & ((1 << w_bits) - 1)
            sums = sums + numbers(a_word, a_bits, signs[0]) * numbers(w_word, w_bits, signs[1])
        sums = change(words, sums)
        if any(as_integer(sums >> place & 1) != bit for place, bit in enumerate(found)):
            return True
    return False
