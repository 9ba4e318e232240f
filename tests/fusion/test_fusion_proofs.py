"""Proofs about the Verilog of fusion units, with the decoder of modes that goes with them.

With 8 bits on both sides, or 4 on one, there are few enough operands for tables of all sums. For
any operands of 64 bits the two kinds of units are proven to be alike.
"""

import functools
import graphlib
import itertools
import json

import numpy as np
import pytest
from brickwork.gen.emission.emit import emit_unit
from brickwork.gen.lib import yosys
from brickwork.hdl.fusion.fusion_unit import FusionUnit
from brickwork.hdl.fusion.mode import WIDTHS, ModeDecoder

TREES = ("separable", "paper")
SIGNS = list(itertools.product((0, 1), repeat=2))
#: Values that are computed at a time, as a power of two.
AT_ONCE = 16


def prepare(folder, inputs, mode, lines):
    """Write the decoder, units of both kinds, and a module ``harness`` around them.

    Parameters
    ----------
    inputs : str
        Ports of the harness.
    mode : tuple
        Widths and signs.
    lines : list of str
        Verilog that makes ``a`` and ``w``, and uses the units' outputs.

    Returns
    -------
    list of str
        The commands for yosys that read it all.
    """
    widths, (a_signed, w_signed) = [WIDTHS.index(bits) for bits in mode[:2]], mode[2:]
    text = [
        f"module harness({inputs});",
        "wire [31:0] a, w;",
        f"wire [5:0] choice = {{1'd{w_signed}, 1'd{a_signed}, 2'd{widths[1]}, 2'd{widths[0]}}};",
        "wire [11:0] mode;",
        "wire [16:0] offset;",
        "decoder decoder(.i(choice), .o(mode), .offset(offset));",
    ]
    for tree in TREES:
        emit_unit(FusionUnit(tree=tree), folder, tree)
        ports = ["a", "w", "mode", "offset"]
        connected = ", ".join(f".{port}({port})" for port in ports)
        text += [f"wire [16:0] of_{tree};", f"{tree} {tree}({connected}, .o(of_{tree}));"]
    emit_unit(ModeDecoder(), folder, "decoder")
    (folder / "harness.v").write_text("\n".join([*text, *lines, "endmodule"]) + "\n")
    read = [f"read_verilog {name}.v" for name in ("decoder", *TREES, "harness")]
    return [
        *read,
        "hierarchy -check -top harness",
        "proc",
        "check -assert",
        "flatten -noscopeinfo",
        "opt -full",
    ]


class Gates:
    """A module of logic as gates, computed for as many values at once as integers have bits."""

    def __init__(self, folder, commands):
        yosys.run(
            [*commands, "techmap", "opt", "aigmap", "opt_clean", "write_json gates"], cwd=folder
        )
        module = json.loads((folder / "gates").read_text())["modules"]["harness"]
        self.ports = {name: port["bits"] for name, port in module["ports"].items()}
        drivers = {}
        for cell in module["cells"].values():
            assert cell["type"] in ("$_AND_", "$_NOT_")
            (out,) = cell["connections"].pop("Y")
            drivers[out] = [bit for (bit,) in cell["connections"].values()]
        order = graphlib.TopologicalSorter(drivers).static_order()
        self.gates = [(bit, drivers[bit]) for bit in order if bit in drivers]

    def values(self, inputs, ones, port):
        """The bits of an output; ``inputs`` are those of all inputs, ``ones`` is all ones."""
        values = dict(zip([bit for name in "xy" for bit in self.ports[name]], inputs, strict=True))
        values |= {"0": 0, "1": ones}
        for out, (first, *second) in self.gates:
            values[out] = values[first] & values[second[0]] if second else values[first] ^ ones
        return [values[bit] for bit in self.ports[port]]


def as_integer(bits):
    return int.from_bytes(np.packbits(bits.astype(np.uint8), bitorder="little").tobytes(), "little")


@functools.cache
def counting(bits):
    """Each bit of all numbers of ``bits`` bits, in ascending order of the numbers."""
    return [as_integer(np.arange(1 << bits) >> bit & 1) for bit in range(bits)]


def spread(name, bits):
    """Verilog for a word of four bytes, of which neighbours are the same."""
    slices = [f"{name}[{at} +: 8]" for at in range(bits - 8, -1, -8)]
    return f"{{{', '.join(f'{{{32 // bits}{{{byte}}}}}' for byte in slices)}}}"


def products(x, y, mode):
    """Σ a · w of words of operands: in one number follows number in a byte, in the other bytes."""
    a_bits, w_bits, a_signed, w_signed = mode

    def number(word, n, bits, signed):
        code = word >> n & ((1 << bits) - 1)
        return code - (signed * (code >> (bits - 1)) << bits)

    sums = 0
    for m, n in itertools.product(range(8 // w_bits), range(8 // a_bits)):
        a = number(x, 8 * m + a_bits * n, a_bits, a_signed)
        sums = sums + a * number(y, 8 * n + w_bits * m, w_bits, w_signed)
    return sums


def wrong_sums(folder, mode, trees, expected):
    """The number of operands with wrong sums."""
    a_bits, w_bits, *_ = mode
    x_bits, y_bits = 64 // w_bits, 64 // a_bits
    ports = f"input [{x_bits - 1}:0] x, input [{y_bits - 1}:0] y"
    lines = [f"assign a = {spread('x', x_bits)}, w = {spread('y', y_bits)};"]
    for tree in trees:
        ports += f", output [16:0] {tree}_o"
        lines.append(f"assign {tree}_o = of_{tree};")
    gates = Gates(folder, prepare(folder, ports, mode, lines))
    total = x_bits + y_bits
    at_once = min(total, AT_ONCE)
    ones = (1 << (1 << at_once)) - 1
    wrong = 0
    for high in range(1 << (total - at_once)):
        fixed = [ones * (high >> bit & 1) for bit in range(total - at_once)]
        words = np.arange(1 << at_once) | high << at_once
        sums = expected(words & ((1 << x_bits) - 1), words >> x_bits, mode)
        columns = [as_integer(sums >> bit & 1) for bit in range(17)]
        for tree in trees:
            actual = gates.values([*counting(at_once), *fixed], ones, f"{tree}_o")
            differ = 0
            for value, reference in zip(actual, columns, strict=True):
                differ |= value ^ reference
            wrong += differ.bit_count()
    return wrong


@pytest.mark.parametrize(("a_signed", "w_signed"), SIGNS)
def test_products_of_bytes(a_signed, w_signed, tmp_path):
    assert wrong_sums(tmp_path, (8, 8, a_signed, w_signed), TREES, products) == 0


@pytest.mark.parametrize(("a_signed", "w_signed"), SIGNS)
@pytest.mark.parametrize(("a_bits", "w_bits"), [(8, 4), (4, 8)])
def test_two_products(a_bits, w_bits, a_signed, w_signed, tmp_path):
    """All 2^24 operands."""
    mode = (a_bits, w_bits, a_signed, w_signed)
    assert wrong_sums(tmp_path, mode, ["separable"], products) == 0


def test_a_table_can_be_wrong(tmp_path):
    """One sum that is one more is found, in both units."""

    def one_more(x, y, mode):
        return products(x, y, mode) + ((x == 128) & (y == 128))

    assert wrong_sums(tmp_path, (8, 8, 1, 1), TREES, one_more) == 2


def prove_alike(folder, mode, change=""):
    """That the two kinds of units give the same, whatever the operands."""
    lines = ["assign a = x, w = y;", f"assign equal = of_separable == of_paper{change};"]
    commands = prepare(folder, "input [31:0] x, input [31:0] y, output equal", mode, lines)
    log = yosys.run([*commands, "sat -verify -prove equal 1 -show x,y harness"], cwd=folder)
    assert "SAT proof finished - no model found: SUCCESS!" in log


@pytest.mark.parametrize(
    "mode",
    [
        *((*widths, 1, 1) for widths in itertools.product(WIDTHS, WIDTHS)),
        *((bits, bits, 0, 0) for bits in WIDTHS),
        (2, 8, 0, 1),
        (8, 8, 1, 0),
    ],
    ids=lambda mode: "{}x{}-{}{}".format(*mode),
)
def test_units_are_alike(mode, tmp_path):
    prove_alike(tmp_path, mode)


def test_a_proof_can_fail(tmp_path):
    """The units differ for one pair of words."""
    with pytest.raises(yosys.YosysError, match="proof did fail"):
        prove_alike(tmp_path, (2, 2, 1, 1), " + (x == 32'h12345678 && y == 32'h9abcdef0)")
