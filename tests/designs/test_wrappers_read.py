"""Every bus wrapper of every design is read by Verilator, yosys and Icarus without a warning."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest
from brickwork.gen.commands.lint import findings
from brickwork.gen.commands.lint import main as lint
from brickwork.gen.designs.wrappers import Axi, Axis, Uart
from brickwork.gen.emission.emit import emit
from brickwork.sim.verilator import toolchain
from integration import CORES, FLOATS, LINE

#: Buses of different widths for each design.
TOPS = {
    "gemm_ws": [Axis(core=CORES["gemm_ws"], data_width=32), Axi(core=CORES["gemm_ws"])],
    "gemm_os": [Axis(core=CORES["gemm_os"], data_width=512), Axi(core=CORES["gemm_os"])],
    "gemm_fusion": [
        Axis(core=CORES["gemm_fusion"]),
        Axi(core=CORES["gemm_fusion"], data_width=32, address_width=64, burst=1),
    ],
    "gemm_nm": [
        Axis(core=CORES["gemm_nm"], data_width=128),
        Axi(core=CORES["gemm_nm"], data_width=64, outstanding=2),
    ],
    "gemm_outlier": [
        Axis(core=CORES["gemm_outlier"], data_width=64),
        Axi(core=CORES["gemm_outlier"], data_width=32, burst=4),
    ],
    "gemm_binary": [
        Axis(core=CORES["gemm_binary"], data_width=32),
        Axi(core=CORES["gemm_binary"], data_width=64, burst=2),
    ],
    "gemm_scaled": [
        Axis(core=CORES["gemm_scaled"], data_width=32),
        Axi(core=CORES["gemm_scaled"], data_width=64, burst=4),
    ],
    "fp32": [Axis(core=FLOATS["fp32"], data_width=128), Axi(core=FLOATS["fp32"], data_width=32)],
    "os-fp32": [Axis(core=FLOATS["os-fp32"]), Axi(core=FLOATS["os-fp32"], data_width=128)],
    "w4a16": [Axis(core=FLOATS["w4a16"], data_width=64), Axi(core=FLOATS["w4a16"])],
    "exact": [Axis(core=FLOATS["exact"]), Axi(core=FLOATS["exact"], outstanding=2)],
    "eie": [
        Axis(core=CORES["eie"], data_width=256),
        Axi(core=CORES["eie"], data_width=512, address_width=12, outstanding=8),
    ],
}
#: Their wrappers are those of gemm_ws.
LIKE_OTHERS = ("gemm_nm", "gemm_outlier", "gemm_binary", "exact", "fp32", "os-fp32", "w4a16")
CASES_OF_TOPS = [
    pytest.param(
        top,
        id=f"{top.module}-{top.options().get('data_width', '')}",
        marks=pytest.mark.slow if name in LIKE_OTHERS else (),
    )
    for name, tops in TOPS.items()
    for top in [*tops, Uart(core=(CORES | FLOATS)[name], **LINE)]
]


@pytest.mark.parametrize("top", CASES_OF_TOPS)
def test_no_findings(top, tmp_path):
    emission = emit(top, tmp_path)
    assert findings(toolchain.verilator(), emission) == []
    if shutil.which("iverilog") is None:
        pytest.skip("read by the others; iverilog is not installed")
    assert icarus(emission) == ""


def icarus(emission):
    """What Icarus finds."""
    command = ["iverilog", "-g2005", "-Wall", "-t", "null", str(emission.verilog)]
    return subprocess.run(command, capture_output=True, text=True).stderr


def test_findings_are_found(tmp_path):
    emission = emit(TOPS["gemm_os"][0], tmp_path)
    text = emission.verilog.read_text()
    wrong = "wire [1:0] narrow = 3'd0;\nassign interrupt = s_axi_ctrl_wvalid;\n"
    emission.verilog.write_text(text.replace("endmodule", f"{wrong}endmodule", 1))
    found = "\n".join(findings(toolchain.verilator(), emission))
    assert "WIDTHTRUNC" in found
    assert "yosys: Warning: multiple conflicting drivers" in found
    if shutil.which("iverilog"):
        emission.verilog.write_text(text.replace("endmodule", "assign x = y;\nendmodule", 1))
        assert "implicit definition of wire" in icarus(emission)


def options(tmp_path, **given):
    """Options of ``brickwork lint``."""
    names = {"designs": ["gemm_ws"], "settings": [], "top": None, "bus": [], "out": str(tmp_path)}
    return SimpleNamespace(**names | {"json": False} | given)


def test_command_takes_a_top(tmp_path, capsys):
    settings = ["rows=1", "cols=2"]
    assert lint(options(tmp_path, settings=settings, top="axis", bus=["data_width=32"])) == 0
    assert capsys.readouterr().out == "gemm_ws\trows=1 cols=2 top=axis data_width=32\tok\n"
    assert lint(options(tmp_path, settings=settings)) == 0
    assert capsys.readouterr().out == "gemm_ws\trows=1 cols=2\tok\n"
    with pytest.raises(
        ValueError, match=r"^Bus wrapper must be one of stream, axis, axi, uart, not 'axs'"
    ):
        lint(options(tmp_path, settings=settings, top="axs"))


def test_command_reads_small_tops(tmp_path, capsys, monkeypatch):
    emission = SimpleNamespace(digest="0123456789ab", verilog="x.v")
    monkeypatch.setattr("brickwork.gen.emission.emit.emit", lambda parameters, out: emission)
    monkeypatch.setattr("brickwork.gen.commands.lint.findings", lambda verilator, emission: [])
    assert lint(options(tmp_path, designs=["eie"])) == 0
    lines = capsys.readouterr().out.splitlines()
    kinds = {word for line in lines for word in line.split() if word.startswith("top=")}
    assert kinds == {"top=axis", "top=axi", "top=uart"}
    assert sum("top=" not in line for line in lines) == 2
