"""slang, which keeps close to the standard, accepts all Verilog that is emitted, in any order."""

import itertools

import pytest
from brickwork.gen.designs.wrappers import Axi, Axis, Uart
from integration import CORES, FLOATS, LINE, written
from pyslang import driver

WRAPPED = {
    "stream": lambda core: core,
    "axis": lambda core: Axis(core=core, data_width=64),
    "axi": lambda core: Axi(core=core, data_width=32),
    "uart": lambda core: Uart(core=core, **LINE),
}

USER = """\
`timescale 1ns / 1ps
module user;
endmodule
"""


def complaints(*files):
    """The number of errors and warnings."""
    slang = driver.Driver()
    slang.addStandardArgs()
    assert slang.parseCommandLine(" ".join(["slang", *map(str, files)]))
    assert slang.processOptions()
    assert slang.parseAllSources()
    slang.reportCompilation(slang.createCompilation(), False)
    return slang.diagEngine.numErrors + slang.diagEngine.numWarnings


#: Every core, bare; in wrappers, which are the same for all, two with different streams.
NETLISTS = CORES | FLOATS
FAST = {(design, "stream") for design in NETLISTS} | {("gemm_nm", "axi"), ("eie", "uart")}
PAIRS = [
    pytest.param(design, top, marks=() if (design, top) in FAST else pytest.mark.slow)
    for design, top in itertools.product(NETLISTS, WRAPPED)
]


@pytest.mark.parametrize(("design", "top"), PAIRS)
def test_no_complaints(design, top, tmp_path):
    emission, manifest = written(WRAPPED[top](NETLISTS[design]), tmp_path)
    bench = emission.folder / f"{manifest.top}_tb.v"
    user = tmp_path / "user.v"
    user.write_text(USER)
    for files in (
        [emission.verilog],
        [emission.verilog, bench],
        [bench, emission.verilog],
        [emission.verilog, user],
        [user, emission.verilog],
    ):
        assert complaints(*files) == 0, files


def test_complaints_are_counted(tmp_path):
    emission, _ = written(CORES["gemm_os"], tmp_path)
    user = tmp_path / "user.v"
    user.write_text(USER.partition("\n")[2])
    assert complaints(emission.verilog, user) == 1
