"""The memory of a bank: its testbench, parameters that are refused, and block RAM on FPGAs."""

import json

import pytest
from brickwork.gen.emission import verilog
from brickwork.gen.flow import targets
from brickwork.gen.lib import yosys
from brickwork.hdl.npu.ram import Ram
from refusals import integers

CASES = {
    "12x5": (Ram, dict(width=12, depth=5, granularity=4)),
    "32x64": (Ram, dict(width=32, depth=64, granularity=8)),
    "1x2": (Ram, dict(width=1, depth=2, granularity=1)),
    "96x16": (Ram, dict(width=96, depth=16, granularity=96)),
}
#: Further sizes, for the long regression.
SLOW = (
    "1x2",
    "96x16",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "width", "Word width", 1),
    *integers(GOOD, "depth", "Memory depth", 2),
    *integers(GOOD, "granularity", "Granularity", 1),
    (GOOD, {"granularity": 5}, ValueError, "Granularity 5 must divide the word width 12"),
]

#: Blocks of RAM that 1024 words of 32 bits in bytes take, and nothing else does.
BLOCKS = {
    "xilinx7": {"RAMB36E1": 1},
    "xilinxup": {"RAMB36E2": 1},
    "ecp5": {"DP16KD": 2},
    "ice40": {"SB_RAM40_4K": 8},
    "gowin": {"DPX9B": 2},
}


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)


@pytest.mark.parametrize(
    "target",
    [pytest.param(name, marks=() if name == "ice40" else pytest.mark.slow) for name in BLOCKS],
)
def test_block_ram(target, tmp_path):
    """Neither registers nor a bypass lie around it."""
    unit = Ram(width=32, depth=1024, granularity=8)
    (tmp_path / "ram.v").write_text(verilog.convert_shared(unit, "ram")[0])
    commands = [command.format(top="ram") for command in targets.load(target).commands]
    yosys.run(["read_verilog ram.v", *commands, "tee -q -o stat.json stat -json"], cwd=tmp_path)
    stat = json.loads((tmp_path / "stat.json").read_text())
    cells = stat["design"]["num_cells_by_type"]
    # Enables of several groups in one block are gates.
    assert {cell: n for cell, n in cells.items() if cell != "$_OR_"} == BLOCKS[target]
