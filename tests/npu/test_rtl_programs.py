"""Random programs on the Verilog and on the simulator of instructions, byte for byte."""

from pathlib import Path

import numpy as np
import pytest
from brickwork import Npu
from brickwork.gen.designs.wrappers import wrapped
from brickwork.gen.emission.emit import emit
from brickwork.sim.manifest import Manifest
from brickwork.sim.npu.core import Core
from brickwork.sim.npu.device import execute
from brickwork.sim.npu.random_programs import random_program
from brickwork.sim.npu.simulator import Simulator

SMALL = {"acc_depth": 64, "buffer": 512, "weights": 1024, "channels": 64, "tables": 8}
SMALL |= {"dw_depth": 32, "queue": 4}
#: Every shape, number of banks, unit of depthwise windows and rounding; latency and pauses.
CASES = {
    "1x1": ({"rows": 1, "cols": 1, "banks": 1, "dw_x": 1, "dw_y": 1, "rounding": "exact"}, 1, 0),
    "3x5": ({"rows": 3, "cols": 5, "banks": 8, "dw_x": 3, "dw_y": 1}, 300, 20),
    "4x4": ({"rows": 4, "cols": 4, "banks": 1, "dw_x": 0, "dw_y": 0}, 60, 0),
    "8x8": ({"rows": 8, "cols": 8, "banks": 8, "dw_x": 3, "dw_y": 3, "rounding": "exact"}, 30, 50),
    "16x16": ({"rows": 16, "cols": 16, "banks": 8, "dw_x": 3, "dw_y": 3}, 100, 10),
    "5x2": ({"rows": 5, "cols": 2, "banks": 2, "dw_x": 1, "dw_y": 3, "w_format": "int4"}, 5, 5),
}
#: Instructions of a case beside those of tokens.
COUNT = 1800


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_random_programs(name, tmp_path):
    """Ten thousand instructions in all, with pauses and latencies up to 300 cycles."""
    settings, latency, pauses = CASES[name]
    design = wrapped(Npu(**SMALL | settings), data_width=64 if settings["rows"] < 8 else 128)
    manifest = Path(emit(design, tmp_path).manifest)
    core = Core.from_manifest(Manifest.read(manifest))
    rng = np.random.default_rng(len(name) + settings["rows"])
    executed = 0
    while executed < COUNT:
        program = random_program(core, rng, 200)
        golden = Simulator(core, program.segments)
        golden.run(program.instructions, executed)
        outcome = execute(
            manifest,
            program.instructions,
            program.segments,
            pauses=pauses,
            latency=latency,
            seed=executed + 1,
        )
        for segment, content in golden.segments.items():
            wrong = np.flatnonzero(outcome.segments[segment] != content)
            assert not wrong.size, f"program at {executed}: segment {segment}, byte {wrong[0]}"
        executed += 200
    print(f"{name}: {executed} instructions and those of tokens")
