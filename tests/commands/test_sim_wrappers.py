"""``brickwork sim --top``, as users type it: every design in every bus wrapper."""

import itertools
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from brickwork.gen.designs.registry import DESIGNS
from brickwork.gen.designs.wrappers import WRAPPERS

#: Settings that keep a core small, of those that it has.
SMALL = {"rows": 2, "cols": 3, "acc_depth": 8, "pes": 2, "columns": 12, "entries": 24, "acts": 4}
#: Settings of single designs.
OWN = {"gemm_outlier": {"rows": 6, "group_lanes": 4}, "gemm_binary": {"pack": 5}}
OWN["npu"] = {"acc_depth": 32, "buffer": 512, "weights": 1024, "channels": 64}

#: Tests of the wrappers have the other designs.
FEW = {("gemm_os", "axi")}
PAIRS = [
    pytest.param(design, top, marks=[] if (design, top) in FEW else pytest.mark.slow)
    for design, top in itertools.product(DESIGNS, WRAPPERS)
    if top in DESIGNS[design].TOPS
]


@pytest.mark.parametrize(("design", "top"), PAIRS)
def test_every_design_in_every_wrapper(tmp_path, design, top):
    settings = [
        argument
        for name, value in (SMALL | OWN.get(design, {})).items()
        if name in DESIGNS[design].__dataclass_fields__
        for argument in ("--set", f"{name}={value}")
    ]
    bus = ["--bus", "data_width=32"] if top != "uart" else ["--bus", "baud=6250000"]
    done = subprocess.run(
        [sys.executable, "-m", "brickwork.gen", "sim", design, *settings, "--top", top, *bus],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    (suite,) = ElementTree.parse(tmp_path / "out" / "sim" / "results.xml").getroot()
    assert int(suite.get("tests")) > 3
    assert suite.get("failures") == "0"
