"""Areas of PEs of one-bit products: the table of the README."""

import re
from pathlib import Path

import pytest
from brickwork.gen.emission.emit import emit_unit
from brickwork.gen.flow.synthesis import synthesize
from brickwork.gen.studies.bitfusion_area import FLOWS
from brickwork.gen.studies.unit_area import UnitAreas
from brickwork.hdl.binary.pe_binary import PeBinary
from brickwork.hdl.systolic.pe_ws import PeWs

README = Path(__file__).parents[2] / "hdl" / "binary" / "README.md"
ROWS = 16
INT8 = dict(a_format="int8", w_format="int8", psum_width=20, pipeline=2)
CELLS = re.compile(r"\| (\d+), `(\w+)` \| ([\d.,]+) \| ([\d.]+) \| (\d+) \| (\d+) \| ([\d.]+) \|")


def pe(pack, code, count):
    width = (ROWS * pack).bit_length()
    formats = dict(a_format=code, w_format=code, psum_width=width, pipeline=2)
    return PeBinary(**formats, pack=pack, count=count)


@pytest.mark.parametrize(("pack", "code"), [(8, "bin"), (32, "bin"), (64, "bin"), (32, "bit")])
def test_table(pack, code, tmp_path):
    shown = {(int(row[0]), row[1]): row[2:] for row in CELLS.findall(README.read_text())}
    with UnitAreas(tmp_path) as areas:
        gates, dense = (
            min(areas.of(unit, flow).total for flow in FLOWS)
            for unit in (pe(pack, code, "compressors"), PeWs(**INT8))
        )
    luts = [
        synthesize(emit_unit(pe(pack, code, count), tmp_path / count).manifest, "xilinx7")["total"]
        for count in ("compressors", "adders")
    ]
    compressors, adders = (total["lut"] for total in luts)
    assert shown[pack, code] == (
        f"{gates:,}",
        f"{gates / dense:.2f}",
        str(compressors),
        str(adders),
        f"{adders / pack:.2f}",
    )
    assert adders < compressors
