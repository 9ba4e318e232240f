"""Shared-module emission: equivalence, determinism, and what the text may not contain."""

import os
import re
import subprocess
import sys

import pytest
from brickwork import GemmOs, GemmWs
from brickwork.gen.emission import verilog
from brickwork.gen.emission.emit import emit
from brickwork.gen.lib import yosys
from integration import CORES, TOPS

SMALL = {"rows": 3, "cols": 2, "tile_rows": 2, "tile_cols": 2, "a_format": "int3", "max_k": 8}
CASES = [
    GemmWs(**SMALL, w_format="uint2", acc_depth=4),
    GemmWs(**SMALL, w_format="int3", acc_depth=2, output="scale", out_format="int4", pipeline=2),
    GemmOs(**SMALL, w_format="uint2"),
    GemmOs(**SMALL, w_format="int3", output="scale", out_format="int4", pipeline=0),
]


#: A constant with an undefined bit, which simulators and synthesis read in different ways.
UNDEFINED = re.compile(r"\d'[bdh][0-9a-f]*[xz]")


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param(
            case,
            id=f"{case.design()}-{case.output}",
            marks=() if case in CASES[1:3] else pytest.mark.slow,
        )
        for case in CASES
    ],
)
def test_shared_modules_are_equivalent_to_plain_conversion(parameters, tmp_path):
    name = parameters.design()
    shared, units = verilog.convert_shared(parameters.unit(), name)
    plain = verilog.convert_plain(parameters.unit(), name)
    assert plain.count("\nmodule ") > shared.count("\nmodule ") >= len(units)
    (tmp_path / "shared.v").write_text(shared)
    (tmp_path / "plain.v").write_text(plain)
    # Points of comparison are found by name. Where Amaranth had to number signals of one name,
    # the one without a number need not be the one of that name on the other side.
    listed = yosys.run([*_prepared("plain.v", name, "gold"), "select -list w:*$*"], cwd=tmp_path)
    numbered = re.findall(r"^gold/(.*)\$\d+$", listed, re.MULTILINE)
    (tmp_path / "ambiguous").write_text("".join(f"\\{wire}\n" for wire in sorted(set(numbered))))
    log = yosys.run(
        [
            *_prepared("plain.v", name, "gold"),
            *_prepared("shared.v", name, "gate"),
            *_compared("-blacklist ambiguous"),
        ],
        cwd=tmp_path,
    )
    proven = re.search(r"Of those cells (\d+) are proven and 0 are unproven", log)
    assert proven, log[-2000:]
    assert int(proven[1]) > 500
    assert "Equivalence successfully proven!" in log


def _compared(options=""):
    return [
        "design -copy-from gold -as gold gold",
        "design -copy-from gate -as gate gate",
        f"equiv_make {options} gold gate equiv",
        "hierarchy -top equiv",
        "equiv_simple",
        "equiv_induct",
        "equiv_status -assert",
    ]


def _prepared(file, top, name):
    return [
        "design -reset",
        f"read_verilog {file}",
        f"hierarchy -check -top {top}",
        "proc",
        "flatten",
        "memory -nomap",
        "memory_map",
        "opt_clean",
        f"rename {top} {name}",
        f"design -save {name}",
    ]


def test_equivalence_check_can_fail(tmp_path):
    name = "gemm_os"
    shared, _ = verilog.convert_shared(CASES[2].unit(), name)
    broken = shared.replace(") * $", ") + $", 1)
    assert broken != shared
    (tmp_path / "shared.v").write_text(shared)
    (tmp_path / "broken.v").write_text(broken)
    with pytest.raises(yosys.YosysError, match="unproven"):
        yosys.run(
            [
                *_prepared("shared.v", name, "gold"),
                *_prepared("broken.v", name, "gate"),
                *_compared(),
            ],
            cwd=tmp_path,
        )


SCRIPT = """
import sys
from pathlib import Path
from brickwork.gen.designs.registry import parameters_from_text
from brickwork.gen.emission.emit import emit
for design in ("gemm_ws", "gemm_os"):
    emit(parameters_from_text(design, ["rows=3", "cols=5", "output=scale"]), Path(sys.argv[1]))
"""


def test_equal_parameters_give_equal_bytes_whatever_the_hash_seed(tmp_path):
    trees = []
    for seed in ("0", "1", "12345"):
        out = tmp_path / seed
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(out)],
            # A cache of its own, or the first would be compared with itself.
            env={"PYTHONHASHSEED": seed, "PATH": os.environ["PATH"], "BRICKWORK_CACHE": str(out)},
            check=True,
        )
        found = [*out.glob("gemm_*/*.v"), *out.glob("gemm_*/*.json")]
        trees.append({path.relative_to(out): path.read_bytes() for path in found})
    assert len(trees[0]) == 4
    assert trees[0] == trees[1] == trees[2]


@pytest.mark.parametrize("parameters", CASES, ids=lambda case: f"{case.design()}-{case.output}")
def test_the_text_is_clean(parameters, tmp_path):
    emission = emit(parameters, tmp_path)
    text = emission.verilog.read_text()
    assert parameters.digest in text.split("\nmodule ")[0]
    for name, value in parameters.as_dict().items():
        assert f"//   {name} = {value}\n" in text
    assert str(tmp_path) not in text
    assert not re.search(r"Yosys|src *=|dump_module|\$auto|brickwork_data|Generated by", text)
    assert not UNDEFINED.search(text)
    # Names that need no escaping: some tools don't take others.
    assert not re.search(r"^ *(module|reg|wire|input|output).*\\", text, re.MULTILINE)
    # Every module says which unit it is, and is there once.
    modules = re.findall(r"^module (\w+)", text, re.MULTILINE)
    assert len(modules) == len(set(modules))
    assert all(module.startswith(parameters.design()) for module in modules)


@pytest.mark.parametrize("parameters", [*CORES.values(), *TOPS.values()], ids=str)
def test_no_bit_is_undefined(parameters, tmp_path):
    assert not UNDEFINED.search(emit(parameters, tmp_path).verilog.read_text())


def test_another_name_renames_every_module(tmp_path):
    emission = emit(CASES[0], tmp_path, "conv1")
    modules = re.findall(r"^module (\w+)", emission.verilog.read_text(), re.MULTILINE)
    assert emission.verilog.name == "conv1.v"
    assert emission.folder.name == f"conv1-{CASES[0].digest}"
    assert modules[0] == "conv1"
    assert all(module.startswith("conv1_") for module in modules[1:])


def test_yosys_error_is_an_exception():
    with pytest.raises(yosys.YosysError, match="No such command: no_such_command"):
        yosys.run(["no_such_command"])
