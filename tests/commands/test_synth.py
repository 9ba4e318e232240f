"""Synthesis of designs: what they take, and which of their units take it."""

import ast
import json
import re
from pathlib import Path
from typing import ClassVar

import pytest
from brickwork import Eie, GemmFusion, GemmOs, GemmWs, hdl
from brickwork.gen.cli import main
from brickwork.gen.emission.emit import emit
from brickwork.gen.emission.verilog import convert_shared
from brickwork.gen.flow import synthesis, targets
from brickwork.gen.flow.synthesis import area, synthesize
from brickwork.gen.lib import yosys
from brickwork.hdl.systolic.pe_ws import PeWs
from brickwork.sim.manifest import Manifest
from liberty import LIBRARY

SMALL = {"rows": 2, "cols": 2, "a_format": "int4", "w_format": "int4"}
SETTINGS = [f"--set={name}={value}" for name, value in SMALL.items()]
FPGAS = [name for name in targets.names() if targets.load(name).unit == "cells"]
#: DSP blocks of a product of 4 × 4 bits.
DSP_BLOCKS = {"ecp5": 1, "gowin": 0.5}


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "tiny.lib"
    path.write_text(LIBRARY)
    return path


def check_sums(result):
    """The parts of a record make up its whole."""
    counters = synthesis.COUNTERS[result["unit"]]
    assert tuple(result["total"]) == counters
    for name in counters:
        total = sum(row[name] for row in result["modules"])
        assert total == pytest.approx(result["total"][name], abs=0.1), name
        of_pes = sum(row[name] for row in result["modules"] if row["role"] == "PEs")
        assert result["per_pe"][name] * result["pes"] == pytest.approx(of_pes, abs=0.1)
        per_mac = result["total"][name] / result["macs"]
        assert result["per_mac"][name] == pytest.approx(per_mac, abs=0.01)
    assert result["estimate"] is True
    assert result["tools"].keys() == {"pyosys"}


class TestTargets:
    def test_names(self):
        assert targets.names() == [
            *("ecp5", "gates", "gowin", "ice40", "liberty", "xilinx7", "xilinxup"),
        ]
        assert targets.check("ecp5") == "ecp5"

    @pytest.mark.parametrize("name", targets.names())
    def test_files(self, name):
        target = targets.load(name)
        assert target.unit in synthesis.COUNTERS
        resources = {resource for takes in target.cells.values() for resource in takes}
        allowed = {"cells": {"lut", "ff", "dsp", "bram", "lutram", "carry"}}
        assert resources <= allowed.get(target.unit, {"flip_flops", "logic"})
        assert bool(resources) == (name != "liberty")
        for takes in target.cells.values():
            assert takes.get("lutram", 0) <= takes.get("lut", 0)

    def test_unknown(self):
        message = (
            "Target must be one of ecp5, gates, gowin, ice40, liberty, xilinx7, xilinxup, "
            "not 'ice-40'; did you mean 'ice40'?"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            targets.check("ice-40")

    def test_transistors_are_those_of_yosys(self, tmp_path):
        """Every kind of gate, twice."""
        sizes = targets.load("gates").cells
        pins = {"$_MUX_": "ABSY", "$_NMUX_": "ABSY", "$_DFF_P_": "DCQ"}
        pins |= dict.fromkeys(("$_NOT_", "$_BUF_"), "AY")
        pins |= dict.fromkeys(("$_AOI3_", "$_OAI3_"), "ABCY")
        pins |= dict.fromkeys(("$_AOI4_", "$_OAI4_"), "ABCDY")
        lines = ["module gates(input a, output y);"]
        for number, name in enumerate([*sizes, *sizes]):
            ports = ", ".join(f".{pin}(a)" for pin in pins.get(name, "ABY")[:-1])
            lines.append(f"  \\{name} g{number} ({ports});")
        (tmp_path / "gates.v").write_text("\n".join([*lines, "endmodule", ""]))
        commands = ["read_verilog -icells gates.v", "tee -q -o stat.json stat -json -tech cmos"]
        yosys.run(commands, cwd=tmp_path)
        result = json.loads((tmp_path / "stat.json").read_text())["modules"][r"\gates"]
        assert result["num_cells_by_type"] == dict.fromkeys(sorted(sizes), 2)
        transistors = 2 * sum(sum(takes.values()) for takes in sizes.values())
        assert int(result["estimated_num_transistors"]) == transistors


#: A register with logic before it, a unit that only passes on and inverts, and one of both.
PARTS = """
module keep(input clk, input [3:0] i, output reg [3:0] o);
  always @(posedge clk) o <= i;
endmodule
module invert(input [3:0] i, output [3:0] same, output [3:0] o);
  assign same = i;
  assign o = ~i;
endmodule
module pair(input clk, input [3:0] i, output [3:0] o);
  wire [3:0] between, same, inverted;
  keep first(.clk(clk), .i(i), .o(between));
  invert not_1(.i(between), .same(same), .o(inverted));
  keep second(.clk(clk), .i(inverted), .o(o));
endmodule
module top(input clk, input [3:0] i, input s, output [3:0] o, output reg z);
  wire [3:0] a, b, unused;
  pair pair_0(.clk(clk), .i(i), .o(a));
  pair pair_1(.clk(clk), .i(a), .o(b));
  keep end_0(.clk(clk), .i(b & {4{s}}), .o(o));
  always @(posedge clk) z <= ^b;
endmodule
"""
UNITS = {
    "keep": {"unit": "skew", "role": "skew"},
    "invert": {"unit": "decoder", "role": "decoders"},
    "pair": {"unit": "pe_ws", "role": "PEs"},
    "top": {"unit": "gemm_ws", "role": "top level"},
}


class TestOwners:
    @pytest.fixture
    def write(self, tmp_path):
        def write(modules=UNITS, derived=None):
            (tmp_path / "top.v").write_text(PARTS)
            manifest = Manifest(
                design="top",
                parameters={},
                top="top",
                verilog="top.v",
                ports=[],
                modules=modules,
                derived=derived or {},
            )
            (tmp_path / "top.json").write_text(manifest.to_json())
            return tmp_path / "top.json"

        return write

    @pytest.fixture
    def manifest(self, write):
        return write()

    def test_every_cell_has_its_unit(self, manifest):
        result = synthesize(manifest, "gates")
        rows = {(row["unit"], row["part_of"]): row for row in result["modules"]}
        takes = {
            key: (row["role"], row["instances"], row["flip_flops"], row["logic"])
            for key, row in rows.items()
        }
        # 4 gates a flip-flop; half a gate an inverter; of the top itself three XORs of 3, and four
        # ANDs of 1.5, also although they are before the register of another unit.
        assert takes.pop(("gemm_ws", None)) == ("top level", 1, 4, 15)
        assert takes.pop(("decoder", "pe_ws")) == ("decoders", 2, 0, 4)
        assert takes.pop(("skew", "pe_ws")) == ("skew", 4, 64, 0)
        assert takes.pop(("skew", "gemm_ws")) == ("skew", 1, 16, 0)
        assert takes == {}
        assert result["pes"] == result["macs"] == 2
        assert result["per_pe"] == {
            "area": 34, "flip_flops": 32, "logic": 2, "register_files": 0, "transistors": 136
        }  # fmt: skip
        assert result["memories"] == []

    def test_pes_within_pes_are_parts(self, write):
        """Two pairs, whose registers count in them, and a register by itself."""
        modules = UNITS | {"keep": {"unit": "lane", "role": "PEs"}}
        record = synthesize(write(modules, {"macs_per_pe": 4}), "gates")
        assert (record["pes"], record["macs"]) == (3, 12)
        assert record["per_pe"]["flip_flops"] == pytest.approx((2 * 32 + 16) / 3, abs=0.01)

    @pytest.mark.parametrize("target", ["ecp5", pytest.param("xilinx7", marks=pytest.mark.slow)])
    def test_registers(self, manifest, target):
        result = synthesize(manifest, target)
        rows = {(row["unit"], row["part_of"]): row for row in result["modules"]}
        assert rows["skew", "gemm_ws"]["ff"] == 4
        assert rows["gemm_ws", None]["ff"] == 1
        # Some have shift registers for the others.
        inner = rows["skew", "pe_ws"]
        assert inner["ff"] == 16 or inner["lutram"] > 0

    def test_unknown_cell(self, manifest, monkeypatch):
        target = targets.load("ecp5")
        cells = {name: takes for name, takes in target.cells.items() if name != "LUT4"}
        changed = targets.Target(**vars(target) | {"cells": cells, "text": "other"})
        monkeypatch.setattr(targets, "load", lambda name: changed)
        with pytest.raises(ValueError, match=r"^Target ecp5 must say in its file what LUT4 takes$"):
            synthesize(manifest, "ecp5")


MEMORIES = """
module top(input clk, input [6:0] w, input [6:0] r, input [6:0] s, input [3:0] d, input we,
           output [3:0] few, output [3:0] file, output reg [3:0] clocked, output [3:0] sram,
           output [3:0] ports);
  (* keep *) store #(7) a(clk, w[2:0], r[2:0], d, we, few);
  (* keep *) store #(8) b(clk, w[2:0], r[2:0], d, we, file);
  wire [3:0] c_read;
  (* keep *) store #(64) c(clk, w[5:0], r[5:0], d, we, c_read);
  always @(posedge clk) clocked <= c_read;
  (* keep *) store #(65) e(clk, w, r, d, we, sram);
  reg [3:0] words [0:15];
  always @(posedge clk) if (we) words[w[3:0]] <= d;
  assign ports = words[r[3:0]] ^ words[s[3:0]];
endmodule
module store #(parameter N = 2, parameter W = $clog2(N))
             (input clk, input [W-1:0] w, input [W-1:0] r, input [3:0] d, input we,
              output [3:0] q);
  reg [3:0] words [0:N-1];
  always @(posedge clk) if (we) words[w] <= d;
  assign q = words[r];
endmodule
"""


class TestMemories:
    @pytest.fixture
    def manifest(self, tmp_path):
        (tmp_path / "top.v").write_text(MEMORIES)
        manifest = Manifest(
            design="top",
            parameters={},
            top="top",
            verilog="top.v",
            ports=[],
            modules={"top": {"unit": "top", "role": "PEs"}},
            derived={},
        )
        (tmp_path / "top.json").write_text(manifest.to_json())
        return tmp_path / "top.json"

    KINDS: ClassVar[dict] = {
        "words": (16, "register file"),
        "a.words": (7, "flip-flops"),
        "b.words": (8, "register file"),
        "c.words": (64, "register file"),
        "e.words": (65, "macro"),
    }

    #: Bits with two ports, and bits with a second port to read.
    FLIP_FLOPS = (8 + 64) * 4 * 8 / 16 + 16 * 4 * 10 / 16

    def check(self, result, flip_flop):
        kinds = {each["name"]: (each["words"], each["kind"]) for each in result["memories"]}
        assert kinds == self.KINDS
        total = result["total"]
        assert total["register_files"] == self.FLIP_FLOPS * flip_flop
        # The words of the smallest, and the register behind another, which yosys moves into it.
        assert total["flip_flops"] == (7 * 4 + 4) * flip_flop
        assert total["area"] == total["flip_flops"] + total["logic"] + total["register_files"]
        check_sums(result)

    def test_gates(self, manifest):
        result = synthesize(manifest, "gates")
        self.check(result, 4)
        assert result["total"]["transistors"] == 4 * result["total"]["area"]
        assert not any("words" in name for name in result["cells"])

    def test_library(self, manifest, library):
        self.check(synthesize(manifest, "liberty", liberty=library), 10)


def test_every_unit_has_a_role():
    """Also the parts that only benchmarks use."""
    folder = Path(next(iter(hdl.__path__)))
    classes = [
        (node, path)
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and [ast.unparse(base) for base in node.bases] == ["Unit"]
    ]
    assert len(classes) > 30
    for node, path in classes:
        names = [ast.unparse(each.targets[0]) for each in node.body if isinstance(each, ast.Assign)]
        assert "role" in names, f"{path}: {node.name}"


class TestDesigns:
    @pytest.mark.parametrize(
        "target",
        [
            *(
                pytest.param(name, marks=pytest.mark.slow if name == "xilinxup" else ())
                for name in FPGAS
            ),
            "gates",
        ],
    )
    def test_targets(self, tmp_path, target):
        result = synthesize(emit(GemmWs(**SMALL), tmp_path), target)
        check_sums(result)
        assert result["target"] == target
        assert result["pes"] == result["macs"] == 4
        rows = {row["unit"]: row for row in result["modules"]}
        assert rows["pe_ws"]["instances"] == 4
        assert {"PEs", "accumulators", "queues", "control"} <= {
            r["role"] for r in result["modules"]
        }
        sums = [memory for memory in result["memories"] if memory["words"] == 512]
        assert len(sums) == 2
        for memory in sums:
            assert re.fullmatch(r"accumulators_0\.accumulator_[01]\.memory", memory["name"])
            assert memory["width"] == synthesize_width(result)
            assert memory["kind"] == ("macro" if target == "gates" else "block RAM")
        if target != "gates":
            assert result["total"]["dsp"] == 4 * DSP_BLOCKS.get(target, 0)
            blocks = sum(memory.get("blocks", 0) for memory in result["memories"])
            assert blocks == result["total"]["bram"]
            assert rows["accumulator"]["bram"] == sum(memory["blocks"] for memory in sums)

    def test_devices(self, tmp_path):
        """One of the two has DSP blocks."""
        emission = emit(GemmOs(rows=1, cols=1), tmp_path)
        assert synthesize(emission, "ice40", device="HX8K")["total"]["dsp"] == 0
        assert synthesize(emission, "ice40", device="UP5K")["total"]["dsp"] == 1

    def test_library(self, tmp_path, library):
        emission = emit(GemmWs(**SMALL), tmp_path)
        result = synthesize(emission, "liberty", liberty=library)
        check_sums(result)
        assert result["unit"] == "µm²"
        (file,) = (each for each in result["memories"] if each["kind"] == "register file")
        # With a register at the output of the file.
        assert result["total"]["flip_flops"] == 10 * (result["cells"]["DFF"] + file["width"])
        assert result["total"]["register_files"] == 5 * file["words"] * file["width"]
        gates = {"BUF": 2, "INV": 1, "NAND": 3, "NOR": 3}
        logic = sum(result["cells"].get(name, 0) * size for name, size in gates.items())
        assert result["total"]["logic"] == logic

    def test_other_areas_in_the_library(self, tmp_path, library):
        emission = emit(GemmWs(**SMALL), tmp_path)
        before = synthesize(emission, "liberty", liberty=library)["total"]
        library.write_text(LIBRARY.replace("area: 10;", "area: 20;"))
        after = synthesize(emission, "liberty", liberty=library)["total"]
        assert after["flip_flops"] == 2 * before["flip_flops"]

    @pytest.mark.slow
    def test_elements_by_themselves(self, tmp_path):
        """What is found of the PEs in a design is what they are alone."""
        parameters = GemmWs(rows=3, cols=2, a_format="flint4", w_format="flint4")
        emission = emit(parameters, tmp_path)
        result = synthesize(emission, "gates")
        check_sums(result)
        rows = {row["unit"]: row for row in result["modules"]}
        unit = parameters.unit()
        names = ("a_format", "w_format", "pipeline")
        pe = PeWs(
            psum_width=unit.derived["psum_width"],
            **{name: unit.parameters[name] for name in names},
        )
        (tmp_path / "pe.v").write_text(convert_shared(pe, "pe")[0])
        alone = area(tmp_path / "pe.v", "pe")
        # PEs at the edges of the array lack registers that nobody looks at.
        assert 0.85 * alone.total < result["per_pe"]["area"] < 1.02 * alone.total
        assert rows["decoder"]["role"] == "decoders"
        assert 0 < rows["decoder"]["logic"] < 0.1 * rows["pe_ws"]["logic"]
        # Each of a decoder's 5 bits comes from 4. They lead straight to registers of PEs, but
        # are no part of these.
        mapped = {row["unit"]: row for row in synthesize(emission, "ecp5")["modules"]}
        assert mapped["decoder"]["instances"] == 5
        assert mapped["decoder"]["lut"] == 25

    @pytest.mark.parametrize(
        ("parameters", "macs", "units"),
        [
            (GemmFusion(rows=1, cols=1, acc_depth=16), 1, {"pe_fusion", "unpack", "accumulator"}),
            (
                Eie(pes=1, columns=64, entries=128, acts=16, rows=16, acc_width=24),
                1,
                {"pe_eie", "fifo", "entry_reader", "activations"},
            ),
            pytest.param(
                Eie(
                    pes=1,
                    columns=64,
                    entries=128,
                    acts=16,
                    rows=16,
                    acc_width=24,
                    entries_per_cycle=2,
                ),
                2,
                {"pe_eie", "fifo", "entry_reader", "activations"},
                marks=pytest.mark.slow,
            ),
        ],
        ids=["gemm_fusion", "eie", "eie_lanes"],
    )
    def test_other_designs(self, tmp_path, parameters, macs, units):
        result = synthesize(emit(parameters, tmp_path), "ecp5")
        assert (result["pes"], result["macs"]) == (1, macs)
        assert units <= {row["unit"] for row in result["modules"]}
        assert "other" not in {row["role"] for row in result["modules"]}
        for name, value in result["total"].items():
            assert sum(row[name] for row in result["modules"]) == value
        assert result["per_pe"]["lut"] < result["total"]["lut"]

    def test_only_once(self, tmp_path, monkeypatch):
        first = synthesize(emit(GemmWs(**SMALL), tmp_path / "a"), "ecp5")
        monkeypatch.setattr(yosys, "run", lambda *_, **__: pytest.fail("synthesized again"))
        copy = emit(GemmWs(**SMALL), tmp_path / "b")
        assert synthesize(copy.manifest, "ecp5") == first


def synthesize_width(result):
    """The width of accumulators, from the width of the queue of results."""
    (queue,) = [m for m in result["memories"] if m["name"].startswith("results_stage")]
    return queue["width"] // 2


class TestCommand:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_text(self, capsys):
        assert main(["synth", "gemm_ws", *SETTINGS, "--target", "ecp5"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        title, rows, notes, memories = out.split("\n\n")
        assert re.fullmatch(
            r"gemm_ws \w{12} for ecp5: Lattice ECP5, in cells \(yosys [\d.]+\)", title
        )
        head, *body = rows.splitlines()
        assert re.split(r"  +", head) == [
            *("role", "unit", "part of", "instances"),
            *("lut", "ff", "dsp", "bram", "lutram", "carry", "%"),
        ]
        assert any(re.match(r"PEs +pe_ws +tile_ws +4 ", row) for row in body)
        assert [row.split()[0] for row in body[-3:]] == ["total", "per", "per"]
        assert notes.startswith("Estimates: ")
        assert re.search(
            r"^accumulators_\*\.accumulator_\*\.memory +2 +512 +\d+ +block RAM +2$",
            memories,
            re.MULTILINE,
        )

    def test_gates(self, capsys):
        assert main(["synth", "gemm_ws", *SETTINGS, "--target", "gates"]) == 0
        out = capsys.readouterr().out
        assert "in gates (yosys" in out
        assert "a flip-flop is 4 of them. No wires." in out
        assert re.search(r"\.memory +2 +512 +\d+ +macro$", out, re.MULTILINE)

    def test_json(self, capsys, folder):
        argv = ["synth", "gemm_ws", *SETTINGS, "--target", "xilinx7", "--out", "rtl", "--json"]
        assert main(argv) == 0
        result = json.loads(capsys.readouterr().out)
        assert result["design"] == "gemm_ws"
        assert result["parameters"]["rows"] == 2
        assert result["clock"] is None
        check_sums(result["synthesis"])
        manifest = Path(result["manifest"])
        assert manifest.parent.parent == Path("rtl")
        assert Manifest.read(manifest).digest == result["digest"]
        assert Path(result["verilog"]).exists()

    @pytest.mark.parametrize(
        ("message", "argv"),
        [
            (
                "Target must be one of ecp5, gates, gowin, ice40, liberty, xilinx7, xilinxup, "
                "not 'ecp6'; did you mean 'ecp5'?",
                ["--target", "ecp6"],
            ),
            (
                "Liberty file must be given for the target liberty: --liberty FILE",
                ["--target", "liberty"],
            ),
            (
                "Liberty file must be left out for the target gates, which has cells of its own; "
                "it is for the target liberty",
                ["--target", "gates", "--liberty", "x.lib"],
            ),
            (
                "Liberty file cannot be read: x.lib: No such file or directory",
                ["--target", "liberty", "--liberty", "x.lib"],
            ),
            (
                "Target to place on must be one of ecp5, gowin, ice40, not 'xilinx7'",
                ["--target", "xilinx7", "--pnr"],
            ),
            (
                "Device must be one of HX8K, UP5K, not 'HX9K'; did you mean 'HX8K'?",
                ["--target", "ice40", "--device", "HX9K"],
            ),
            (
                "Device must be left out for the target gates, which has none, not be 'HX8K'",
                ["--target", "gates", "--device", "HX8K"],
            ),
            (
                "Number of seeds must be an integer from 1 to 1000, not '0'",
                ["--target", "ecp5", "--pnr", "--seeds", "0"],
            ),
            (
                "--seeds is for --pnr alone; give both or neither",
                ["--target", "ecp5", "--seeds", "2"],
            ),
        ],
    )
    def test_refused(self, capsys, folder, message, argv):
        assert main(["synth", "gemm_ws", *argv]) == 2
        assert capsys.readouterr() == ("", f"brickwork: error: {message}\n")
        assert list(folder.iterdir()) == []

    def test_no_library(self, capsys, folder):
        Path("x.lib").write_text("nothing")
        assert main(["synth", "gemm_ws", "--target", "liberty", "--liberty", "x.lib"]) == 2
        captured = capsys.readouterr()
        message = "brickwork: error: Liberty file must have gates and a flip-flop with areas, which"
        assert captured.err.startswith(f"{message} 'x.lib' has not")
        assert captured.err.count("\n") == 1
        assert [path.name for path in folder.iterdir()] == ["x.lib"]
