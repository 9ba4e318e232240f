"""Files of targets and boards: their keys are checked, and a new family needs nothing else."""

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from brickwork.gen.flow import boards, synthesis, targets
from brickwork.gen.flow.bitstream import ESTIMATORS, bitstream
from brickwork.gen.flow.board_constraints import WRITERS
from brickwork.gen.lib import catalogue
from brickwork.sim.manifest import Manifest

CONSTRAINTS = Path(targets.__file__).resolve().parent.parent.parent / "constraints"


@dataclass(frozen=True, kw_only=True)
class Part:
    size: float
    pins: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Entry:
    name: str
    count: int
    fast: bool = False
    spare: Part | None = None
    parts: dict[str, Part] = field(default_factory=dict)


class TestRecord:
    def test_nested(self):
        table = {"count": 3, "spare": {"size": 1}, "parts": {"a": {"size": 0.5, "pins": ["x"]}}}
        assert catalogue.record(Entry, table, Path("x.toml"), name="x") == Entry(
            name="x", count=3, spare=Part(size=1), parts={"a": Part(size=0.5, pins=["x"])}
        )

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({}, "File x.toml must have the key 'count'"),
            (
                {"count": 1, "part": {}},
                "File x.toml must not have the key 'part'; keys of the file are count, fast, "
                "spare, parts; did you mean 'parts'?",
            ),
            (
                {"count": 1, "parts": {"a": {"size": 1, "sise": 2}}},
                "File x.toml must not have the key 'parts.a.sise'; keys of the table parts.a are "
                "size, pins; did you mean 'size'?",
            ),
            ({"count": 1, "spare": {}}, "File x.toml must have the key 'spare.size'"),
            ({"count": "1"}, "File x.toml: key 'count' must be an integer, not '1'"),
            ({"count": True}, "File x.toml: key 'count' must be an integer, not True"),
            ({"count": 1, "fast": 1}, "File x.toml: key 'fast' must be true or false, not 1"),
            ({"count": 1, "spare": 2}, "File x.toml: key 'spare' must be a table, not 2"),
            (
                {"count": 1, "spare": {"size": 1, "pins": ["a", 2]}},
                "File x.toml: key 'spare.pins[1]' must be a string, not 2",
            ),
            (
                {"count": 1, "spare": {"size": 1, "pins": "a"}},
                "File x.toml: key 'spare.pins' must be a list, not 'a'",
            ),
        ],
    )
    def test_wrong(self, table, message):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            catalogue.record(Entry, table, Path("x.toml"), name="x")

    def test_no_toml(self, tmp_path):
        (tmp_path / "x.toml").write_text("a = ")
        with pytest.raises(ValueError, match=rf"^File {tmp_path}/x\.toml must be TOML: "):
            catalogue.read(tmp_path / "x.toml")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of ``constraints/`` that targets and boards come from."""
    copy = tmp_path / "constraints"
    shutil.copytree(CONSTRAINTS, copy)
    monkeypatch.setattr(targets, "_FOLDER", copy)
    monkeypatch.setattr(boards, "_FOLDER", copy / "boards")
    loaders = (targets.load, boards._boards)
    for load in loaders:
        load.cache_clear()
    yield copy
    for load in loaders:
        load.cache_clear()


def change(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_wrong_keys(folder):
    path = folder / "ice40.toml"
    change(path, 'program = "nextpnr-ice40"', 'programme = "nextpnr-ice40"')
    message = (
        f"File {path} must not have the key 'place.programme'; keys of the table place are program,"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        targets.load("ice40")
    path = folder / "boards" / "ulx3s.toml"
    change(path, 'led = { site = "B2", io = "LVCMOS33" }', 'led = { io = "LVCMOS33" }')
    message = f"File {path} must have the key 'pins.led.site'"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        boards.load("ulx3s")


def test_board_without_devices(folder):
    path = folder / "boards" / "pynq_z2.toml"
    change(path, "[devices.xc7z020]\n", "")
    with pytest.raises(ValueError, match=f"^File {re.escape(str(path))} must have the key 'dev"):
        boards.load("pynq_z2")


@pytest.mark.parametrize("name", targets.names())
def test_names_in_files_exist(name):
    target = targets.load(name)
    assert set(target.netlist_passes) <= set(synthesis.NETLIST_PASSES)
    assert set(target.estimates.values()) <= set(ESTIMATORS)
    assert set(target.constraints) <= set(WRITERS)
    if target.place is not None:
        assert any("{pins}" in option for option in target.place.pins)
        assert any("{result}" in option for option in target.bitstream.result)
        assert {"{result}", "{bitstream}"} <= {*target.bitstream.arguments}


VERILOG = """
module echo(input clk, input uart_rx, output uart_tx, output led);
  reg line;
  always @(posedge clk) line <= uart_rx;
  assign uart_tx = line;
  assign led = line;
endmodule
"""

REPORT = """
{
  "fmax": {"clk": {"achieved": 50}},
  "critical_paths": [{"path": [
    {"type": "clk-to-q", "from": {"cell": "line_MY_FF_Q"}, "to": {"cell": "a"}, "delay": 5},
    {"type": "setup", "from": {"cell": "a"}, "to": {"cell": "line"}, "delay": 15}
  ]}],
  "utilization": {"MY_LC": {"used": 1, "available": 10}}
}
"""


def test_a_new_family_is_one_file(folder, tmp_path, monkeypatch):
    """A target and a board of a family that no Python knows: synthesized, placed and packed."""
    target = (folder / "ice40.toml").read_text()
    for old, new in {"nextpnr-ice40": "nextpnr-mine", '"icepack"': '"minepack"'}.items():
        assert old in target
        target = target.replace(old, new)
    target = target.replace('result = ["--asc"', 'result = ["--mine"').replace(
        "ICESTORM_LC", "MY_LC"
    )
    (folder / "mine.toml").write_text(target)
    board = (folder / "boards" / "icebreaker.toml").read_text()
    board = board.replace('target = "ice40"', 'target = "mine"')
    (folder / "boards" / "myboard.toml").write_text(board)
    (tmp_path / "report.json").write_text(REPORT)
    programs = {
        "nextpnr-mine": f'[ "$1" = --version ] && echo 1.0 && exit\ncp "{tmp_path}/report.json" .\n'
        'echo "$@" > result',
        "minepack": 'cat "$1" > "$2"',
    }
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("BRICKWORK_CACHE", str(tmp_path / "cache"))
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
    assert "nextpnr-mine" in targets.placers()
    product = bitstream(tmp_path / "echo.json", boards.load("myboard"), 1)
    words = product["bitstream"].decode().split()
    assert {"--pcf", "pins.txt", "--mine", "result", "--up5k"} <= {*words}
    assert product["utilization"] == {"lc": {"used": 1, "available": 10}}
    assert (product["fmax_mhz"], product["suffix"]) == (50, "bin")
