"""``brickwork.toml``: the user's defaults of all commands."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.gen.commands import COMMANDS
from brickwork.gen.commands.defaults import Keys

PARAMETERS = {"rows": 2, "cols": 3, "a_format": "int4", "w_format": "int4"}
FILE = """\
design = "gemm_os"
out = "made"
[set]
rows = 2
cols = 3
a_format = "int4"
w_format = "int4"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(folder):
    def write(text, name="brickwork.toml"):
        folder.joinpath(name).write_text(text)

    return write


@pytest.fixture
def emitted(capsys):
    """The record of ``emit``, and the line that tells the defaults."""

    def emit(*argv, own=()):
        assert main([*own, "emit", *argv, "--json"]) == 0
        captured = capsys.readouterr()
        return json.loads(captured.out), captured.err

    return emit


@pytest.fixture
def refused(folder, capsys):
    """Checks that a command line is refused with this last line, and that nothing is made."""

    def check(message, *argv):
        before = sorted(folder.rglob("*"))
        assert main(list(argv)) == 2
        captured = capsys.readouterr()
        assert captured.err.splitlines()[-1] == f"brickwork: error: {message}"
        assert captured.out == ""
        assert sorted(folder.rglob("*")) == before
        return captured.err

    return check


def told(keys):
    return f"brickwork: defaults from brickwork.toml: {keys}\n"


class TestMerged:
    def test_design_and_parameters(self, write, emitted):
        write(FILE)
        record, err = emitted()
        assert err == told("design, set, out")
        assert record["design"] == "gemm_os"
        assert {name: record["parameters"][name] for name in PARAMETERS} == PARAMETERS
        assert Path(record["verilog"]).parts[0] == "made"

    def test_the_command_line_wins(self, write, emitted):
        write(FILE)
        record, err = emitted("gemm_os", "--set", "rows=4", "--out", "mine")
        assert err == told("set")
        assert [record["parameters"][name] for name in ("rows", "cols")] == [4, 3]
        assert Path(record["verilog"]).parts[0] == "mine"

    def test_nothing_is_told_if_nothing_is_taken(self, write, emitted, capsys):
        write(FILE)
        settings = [f"--set={name}={value}" for name, value in PARAMETERS.items()]
        _, err = emitted("gemm_os", *settings, "--out=mine")
        assert err == ""
        assert main(["boards"]) == 0
        assert capsys.readouterr().err == ""

    def test_another_design_has_its_own_parameters(self, write, emitted):
        write(FILE)
        record, err = emitted("gemm_ws", "--set", "rows=3")
        assert err == told("out")
        assert [record["parameters"][name] for name in ("rows", "cols")] == [3, 8]

    def test_wrapper_and_clock(self, write, emitted):
        write('top = "axi"\nclock = 100\n[bus]\ndata_width = 128\nburst = 8\n')
        design = ("gemm_os", "--set", "rows=1", "--set", "cols=1")
        record, err = emitted(*design, "--bus", "burst=4")
        assert err == told("top, bus, clock")
        bus = {name: record["parameters"][name] for name in ("top", "data_width", "burst")}
        assert bus == {"top": "axi", "data_width": 128, "burst": 4}
        sdc = Path(record["verilog"]).with_suffix(".sdc").read_text()
        assert "create_clock -name aclk -period 10.000 " in sdc
        record, err = emitted(*design, "--top", "axis", "--clock", "50")
        assert err == ""
        assert record["parameters"]["data_width"] == 64

    @pytest.mark.parametrize(
        ("argv", "clock_hz"),
        [
            (["emit"], 48_000_000),
            (["emit", "--clock", "24"], 24_000_000),
            (["emit", "--bus", "clock_hz=16000000"], 16_000_000),
            (["lint"], 48_000_000),
        ],
    )
    def test_a_serial_line_has_one_clock(self, write, capsys, argv, clock_hz):
        write('top = "uart"\nclock = 48\n' + FILE)
        assert main([*argv, "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        record = record.get("designs", [record])[0]
        assert record["parameters"]["clock_hz"] == clock_hz

    def test_target(self, write, capsys):
        """What belongs to one target is not for another; options of --pnr are not without it."""
        keys = 'target = "ecp5"\ndevice = "LFE5U-25F"\nliberty = "x.lib"\nseeds = 2\nclock = 90\n'
        write(keys + FILE)
        assert main(["synth", "--json"]) == 0
        captured = capsys.readouterr()
        assert captured.err == told("design, set, target, device, out")
        assert json.loads(captured.out)["synthesis"]["target"] == "ecp5"
        assert main(["synth", "--target", "gates", "--json"]) == 0
        captured = capsys.readouterr()
        assert captured.err == told("design, set, out")
        assert json.loads(captured.out)["synthesis"]["target"] == "gates"

    def test_several_designs(self, write, capsys):
        """Without names, a command for several designs takes that of the file."""
        write(FILE)
        assert main(["lint", "--json"]) == 0
        captured = capsys.readouterr()
        assert captured.err == told("design, set, out")
        (record,) = json.loads(captured.out)["designs"]
        assert record["design"] == "gemm_os"
        assert {name: record["parameters"][name] for name in PARAMETERS} == PARAMETERS

    def test_modes(self, write, capsys):
        np.save("a.npy", np.full((2, 3), -1))
        np.save("w.npy", np.eye(3, dtype=int))
        np.save("s.npy", 1.0)
        write(FILE + "[modes]\nrelu = 1\n")
        argv = ["run", "--a", "a.npy", "--w", "w.npy", "--scale", "s.npy", "--out", "y.npy"]
        assert main([*argv, "--json"]) == 0
        captured = capsys.readouterr()
        assert captured.err == told("design, set, modes, out")
        assert json.loads(captured.out)["design"] == "gemm_os"
        assert not np.load("y.npy").any()
        assert main([*argv, "--mode", "relu=0"]) == 0
        assert np.load("y.npy").any()


class TestFile:
    def test_another_file(self, write, emitted):
        """Files that it names lie beside it."""
        Path("there").mkdir()
        write("design = 1\n")
        write(FILE, "there/mine.toml")
        record, err = emitted(own=["--config", "there/mine.toml"])
        assert err == "brickwork: defaults from there/mine.toml: design, set, out\n"
        assert Path(record["verilog"]).parts[:2] == ("there", "made")

    def test_no_file(self, write, refused):
        write("design = 1\n")
        err = refused(
            "the following arguments are required: DESIGN (see brickwork emit --help)",
            "--no-config",
            "emit",
        )
        assert err.count("\n") == 1

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                'desing = "gemm_ws"',
                "File brickwork.toml must not have the key 'desing'; keys of the file are "
                f"{', '.join(Keys.__dataclass_fields__)}; did you mean 'design'?",
            ),
            ("design = 3", "File brickwork.toml: key 'design' must be a string, not 3"),
            ("clock = true", "File brickwork.toml: key 'clock' must be a number, not True"),
            ("seeds = 1.5", "File brickwork.toml: key 'seeds' must be an integer, not 1.5"),
            ("set = 3", "File brickwork.toml: key 'set' must be a table, not 3"),
            (
                'design = "eie"\n[set]\nrows = [1]',
                "File brickwork.toml: key 'set.rows' must be an integer or a string, not [1]",
            ),
            ("[set]\nrows = 1", "File brickwork.toml must have the key 'design' beside 'set'"),
            ("[bus]\nburst = 1", "File brickwork.toml must have the key 'top' beside 'bus'"),
            ("design =", "File brickwork.toml must be TOML: Invalid value (at end of document)"),
        ],
    )
    def test_wrong_file(self, write, refused, text, message):
        write(text)
        assert refused(message, "doctor").count("\n") == 1

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (
                'design = "gem_os"',
                "'design': Design must be one of gemm_ws, gemm_os, gemm_fusion, gemm_nm, "
                "gemm_outlier, gemm_scaled, gemm_binary, eie, npu, not 'gem_os'; did you mean "
                "'gemm_os'?",
            ),
            (
                'design = "gemm_os"\n[set]\nrows = "many"',
                "'set': Row count must be an integer from 1 to 1024, not 'many'",
            ),
            (
                'design = "gemm_ws"\ntop = "axo"',
                "'top': Bus wrapper must be one of stream, axis, axi, uart, not 'axo'; did you "
                "mean 'axi'?",
            ),
            (
                'design = "gemm_ws"\ntop = "axis"\n[bus]\nburst = 2',
                "'bus': Parameter of bus wrapper axis must be one of data_width, not 'burst'; "
                "burst is a parameter of bus wrapper axi",
            ),
            (
                'design = "gemm_ws"\nclock = 0',
                "'clock': Clock in MHz must be a number from 0.001 to 10000, not '0'",
            ),
            ('design = "gemm_ws"\nout = ""', "'out': Output folder must have a name, not ''"),
        ],
    )
    def test_wrong_default(self, write, refused, text, message):
        write(text)
        assert refused(f"File brickwork.toml, key {message}", "emit").count("\n") == 1

    @pytest.mark.parametrize("argv", [["--help"], ["--version"], ["emit", "-h"]])
    def test_help_needs_no_file(self, write, argv):
        write("design =")
        with pytest.raises(SystemExit) as end:
            main(argv)
        assert end.value.code in (None, 0)

    def test_unreadable(self, refused, folder):
        reason = "Configuration file cannot be read: "
        refused(f"{reason}no.toml: No such file or directory", "--config", "no.toml", "list")
        folder.joinpath("brickwork.toml").mkdir()
        refused(f"{reason}brickwork.toml: Is a directory", "list")
        refused("Configuration file must have a name, not ''", "--config", "", "list")

    def test_not_text(self, refused, folder):
        folder.joinpath("brickwork.toml").write_bytes(b"\xff")
        message = "File brickwork.toml must be text in UTF-8, not binary data: byte 0 is 0xff"
        refused(message, "list")

    def test_keys_are_of_options(self):
        """Each key is the default of an option of some command."""
        from brickwork.gen.cli import _parser

        used = set()
        for name in COMMANDS:
            top = _parser([name])
            (commands,) = (each for each in top._actions if each.choices)
            actions = commands.choices[name]._actions
            used |= {action.key for action in actions if hasattr(action, "key")}
        assert used == set(Keys.__dataclass_fields__)


def test_reproduced_without_the_file(write, capsys):
    """A command line that a message tells does the same in another folder."""
    np.save("a.npy", np.ones((2, 3), int))
    np.save("w.npy", np.ones((3, 3), int))
    write("seed = 5\n" + FILE)
    assert main(["run", "--a", "a.npy", "--w", "w.npy", "--max-cycles", "2"]) == 1
    command = re.search(r"reproduce with: brickwork (.*)", capsys.readouterr().err)[1]
    settings = " ".join(f"--set {name}={value}" for name, value in PARAMETERS.items())
    assert command == (
        f"--no-config run gemm_os --a a.npy --w w.npy --max-cycles 2 {settings} --seed 5 "
        "--workdir made --waves"
    )


def test_only_the_command_line_reads_it(write):
    """Neither the Python API nor a child process does."""
    write('design = "nothing"\n')
    code = "import brickwork as bw; print(bw.GemmOs(rows=2, cols=2).emit('rtl').digest)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ
    )
    assert (done.returncode, done.stderr) == (0, "")
