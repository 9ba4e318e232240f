"""Synthesis: areas in gates and in cells of a library, and what PEs consist of."""

import bz2
import gzip
import json
import lzma
import re
import tempfile

import pytest
from brickwork.gen.cli import main
from brickwork.gen.emission.verilog import convert_shared
from brickwork.gen.flow.synthesis import area, check_liberty, library_bytes
from brickwork.gen.lib import yosys
from brickwork.hdl.systolic.pe_os import PeOs
from brickwork.hdl.systolic.pe_ws import PeWs
from liberty import LIBRARY

DESIGN = """
module register(input clk, input a, input b, output reg y);
  always @(posedge clk) y <= ~(a & b);
endmodule
module top(input clk, input a, input b, input rst, input en, output y, output reg z);
  register first(.clk(clk), .a(a), .b(b), .y(y));
  always @(posedge clk) if (rst) z <= 0; else if (en) z <= a;
endmodule
module wires(input a, output b);
  assign b = a;
endmodule
"""

#: What a PE is for plain integers: a product and a sum between registers.
PLAIN_WS = """
module plain(
  input clk, input shift, input swap, input signed [7:0] acts,
  input signed [7:0] weights, input signed [21:0] psums, output reg shift_o, output reg swap_o,
  output reg signed [7:0] acts_o, output reg signed [7:0] weights_o,
  output reg signed [21:0] psums_o
);
  reg signed [7:0] weight;
  reg signed [15:0] product;
  always @(posedge clk) begin
    acts_o <= acts;
    if (shift) weights_o <= weights;
    if (swap) weight <= weights_o;
    product <= acts_o * weight;
    psums_o <= psums + product;
    shift_o <= shift;
    swap_o <= swap;
  end
endmodule
"""
PLAIN_OS = """
module plain(
  input clk, input first, input done, input signed [7:0] acts,
  input signed [7:0] weights, output reg first_o, output reg done_o,
  output reg signed [7:0] acts_o, output reg signed [7:0] weights_o, output signed [25:0] sums
);
  reg signed [15:0] product;
  reg signed [25:0] acc;
  assign sums = done ? acc : 26'd0;
  always @(posedge clk) begin
    acts_o <= acts;
    weights_o <= weights;
    product <= acts_o * weights_o;
    acc <= (first ? 26'sd0 : acc) + product;
    first_o <= first;
    done_o <= done;
  end
endmodule
"""


@pytest.fixture
def design(tmp_path):
    path = tmp_path / "design.v"
    path.write_text(DESIGN)
    return path


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "tiny.lib"
    path.write_text(LIBRARY)
    return path


class TestArea:
    def test_gates(self, design):
        found = area(design, "register")
        assert found.cells == {"$_DFF_P_": 1, "$_NAND_": 1}
        assert (found.total, found.flip_flops, found.logic) == (5, 4, 1)

    def test_library(self, design, library):
        found = area(design, "register", library)
        assert found.cells == {"DFF": 1, "NAND": 1}
        assert (found.total, found.flip_flops, found.logic) == (13, 10, 3)

    def test_hierarchy_resets_and_enables(self, design, library):
        """There are plain flip-flops only, with gates before them."""
        found = area(design, "top")
        assert found.cells["$_DFF_P_"] == 2
        assert found.flip_flops == 8
        assert found.logic > 1
        mapped = area(design, "top", library)
        assert mapped.cells["DFF"] == 2
        assert set(mapped.cells) <= {"DFF", "BUF", "INV", "NAND", "NOR"}

    def test_wires_are_for_free(self, design, library):
        assert area(design, "wires").total == area(design, "wires", library).total == 0

    def test_leaves_nothing_behind(self, design, library, monkeypatch):
        place = design.parent / "temporary"
        place.mkdir()
        monkeypatch.setenv("TMPDIR", str(place))
        monkeypatch.setattr(tempfile, "tempdir", None)
        area(design, "register", library)
        assert list(place.iterdir()) == []

    def test_refused(self, design):
        with pytest.raises(yosys.YosysError, match="Module `other' not found"):
            area(design, "other")


class TestLiberty:
    def test_accepted(self, library):
        check_liberty(library)

    @pytest.mark.parametrize(
        "data",
        [
            gzip.compress(LIBRARY.encode()),
            gzip.compress(LIBRARY.replace("\n", "\r\n").encode("utf-8-sig")),
            LIBRARY.encode("utf-16"),
            b"/* caf\xe9 */" + LIBRARY.encode(),
        ],
        ids=["gzip", "gzip, CRLF, mark", "UTF-16", "Latin-1"],
    )
    def test_encodings(self, library, data):
        """Whatever the name of the file."""
        library.write_bytes(data)
        assert LIBRARY.encode() in library_bytes(library)
        check_liberty(library)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (lzma.compress(LIBRARY.encode()), "must be text, or text that gzip compressed, which "),
            (bz2.compress(LIBRARY.encode()), "must be text, or text that gzip compressed, which "),
            (b"lib\0rary", "must be text, or text that gzip compressed, which "),
            (gzip.compress(LIBRARY.encode())[:50], "tiny.lib cannot be decompressed: "),
        ],
        ids=["xz", "bzip2", "binary", "damaged"],
    )
    def test_other_files(self, library, data, message):
        library.write_bytes(data)
        with pytest.raises(ValueError, match=rf"^Liberty file .*{re.escape(message)}"):
            check_liberty(library)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "library(empty) {}",
            "{{",
            LIBRARY[: LIBRARY.index("cell(DFF)")] + "}",
            LIBRARY.replace("function", "other"),
            re.sub(r"area: \d+;", "", LIBRARY),
        ],
        ids=["empty", "no cells", "no Liberty", "no flip-flop", "no gates", "no areas"],
    )
    def test_useless(self, library, text):
        library.write_text(text)
        message = "Liberty file must have gates and a flip-flop with areas, which '.*' has not"
        with pytest.raises(ValueError, match=f"^{message}"):
            check_liberty(library)

    @pytest.mark.parametrize(("name", "reason"), [("x.lib", "No such file"), (".", "Is a dir")])
    def test_unreadable(self, tmp_path, monkeypatch, capsys, name, reason):
        monkeypatch.chdir(tmp_path)
        assert main(["bench", "area", "--liberty", name]) == 2
        captured = capsys.readouterr()
        message = f"brickwork: error: Liberty file cannot be read: {name}: {reason}"
        assert captured.err.startswith(message)
        assert captured.err.count("\n") == 1
        assert captured.out == ""
        assert list(tmp_path.iterdir()) == []


def cells(text, top, folder):
    """Operators and registers with their numbers, before anything is mapped."""
    (folder / "design.v").write_text(text)
    commands = ["read_verilog design.v", f"prep -flatten -top {top}", "delete t:$scopeinfo"]
    yosys.run([*commands, "tee -q -o stat.json stat -json -width"], cwd=folder)
    return json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]


@pytest.mark.parametrize(
    ("kind", "width", "plain"),
    [(PeWs, {"psum_width": 22}, PLAIN_WS), (PeOs, {"acc_width": 26, "overflow": "wrap"}, PLAIN_OS)],
)
def test_integers_take_no_more_than_plain_ones(tmp_path, kind, width, plain):
    """Formats with exponents cost the others nothing."""
    unit = kind(a_format="int8", w_format="int8", pipeline=2, **width)
    text, _ = convert_shared(unit, unit.name)
    assert "exponent" not in text
    assert "shifted" not in text
    assert cells(text, unit.name, tmp_path) == cells(plain, "plain", tmp_path)
    flint, _ = convert_shared(kind(a_format="flint4", w_format="flint4", pipeline=2, **width), "pe")
    assert "exponent" in flint
    assert "shifted" in flint
