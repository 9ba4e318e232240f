"""The self-checking testbenches: right cores pass in Icarus, and anything that is wrong fails."""

import re
import shutil
import subprocess

import pytest
from brickwork import Eie, GemmFusion, GemmOs
from brickwork.gen.collateral.vectors import vectors
from brickwork.gen.collateral.verilog_bench import verilog_bench
from brickwork.gen.designs.wrappers import Axi, Axis, Uart
from brickwork.gen.emission.emit import emit
from brickwork.sim.manifest import Manifest
from integration import CORES, FLOATS, LINE, TOPS, without_reset, written

icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")

#: Each core in each wrapper. Those of ``TOPS`` have the wrapper's name alone.
PASSING = TOPS | {
    "stream-gemm_os": CORES["gemm_os"],
    "stream-gemm_fusion": CORES["gemm_fusion"],
    "stream-gemm_nm": CORES["gemm_nm"],
    "stream-gemm_outlier": CORES["gemm_outlier"],
    "stream-gemm_binary": CORES["gemm_binary"],
    "stream-threshold": GemmOs(rows=2, cols=3, output="threshold", max_k=64),
    "stream-gemm_scaled": CORES["gemm_scaled"],
    "stream-fp32": FLOATS["fp32"],
    "stream-exact-fp16": FLOATS["exact"],
    "stream-os-fp32": FLOATS["os-fp32"],
    "stream-w4a16": FLOATS["w4a16"],
    "stream-eie": CORES["eie"],
    "stream-one": GemmOs(rows=1, cols=1, max_k=1),
    "stream-smallest": Eie(pes=1, columns=1, entries=1, acts=1, rows=1, skip_empty_columns=0),
    "axis-gemm_ws": Axis(core=CORES["gemm_ws"], data_width=64),
    "axis-gemm_fusion": Axis(core=CORES["gemm_fusion"], data_width=256),
    "axis-gemm_nm": Axis(core=CORES["gemm_nm"], data_width=32),
    "axis-gemm_outlier": Axis(core=CORES["gemm_outlier"], data_width=64),
    "axis-gemm_binary": Axis(core=CORES["gemm_binary"], data_width=32),
    "axis-gemm_scaled": Axis(core=CORES["gemm_scaled"], data_width=64),
    "axis-eie": Axis(core=CORES["eie"], data_width=128),
    "axi-gemm_os": Axi(core=CORES["gemm_os"], data_width=32, address_width=13, burst=4),
    "axi-gemm_fusion": Axi(core=CORES["gemm_fusion"], data_width=64),
    "axi-gemm_nm": Axi(core=CORES["gemm_nm"], data_width=128, outstanding=3),
    "axi-gemm_outlier": Axi(core=CORES["gemm_outlier"], data_width=32, burst=2),
    "axi-gemm_binary": Axi(core=CORES["gemm_binary"], data_width=64, burst=2),
    "axi-gemm_scaled": Axi(core=CORES["gemm_scaled"], data_width=32, burst=4),
    "axi-fp32": Axi(core=FLOATS["fp32"], data_width=64),
    "axi-eie": Axi(core=CORES["eie"], data_width=64, address_width=64, outstanding=2),
    "axi-gemm_ws-walk": Axi(core=CORES["gemm_ws"], data_width=128, walk=1),
    "axi-gemm_fusion-walk": Axi(core=CORES["gemm_fusion"], data_width=64, walk=1),
    "axi-gemm_nm-walk": Axi(core=CORES["gemm_nm"], data_width=32, address_width=40, walk=1),
    "axi-fp32-walk": Axi(core=FLOATS["fp32"], data_width=64, walk=1),
    "axi-part-of-a-beat": Axi(
        core=Eie(pes=1, columns=1, entries=1, acts=1, rows=1), data_width=256, address_width=64
    ),
    "uart-gemm_os": Uart(core=GemmOs(rows=1, cols=2), **LINE),
    "uart-gemm_fusion": Uart(core=GemmFusion(rows=2, cols=1), **LINE),
    "uart-gemm_scaled": Uart(core=CORES["gemm_scaled"], **LINE),
    "uart-eie": Uart(core=Eie(pes=1, columns=2, entries=4, acts=2, rows=2), **LINE),
}


def simulated(folder, top):
    """Exit status, and what the simulation prints."""
    out = subprocess.run(
        ["iverilog", "-g2005", "-Wall", "-o", "tb.vvp", f"{top}_tb.v", f"{top}.v"],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    assert out.stderr == ""
    done = subprocess.run(["vvp", "-n", "tb.vvp"], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout


def passed(emission, manifest):
    """Checks that the simulation passes; returns what it printed."""
    status, printed = simulated(emission.folder, manifest.top)
    assert re.fullmatch(r"PASS: \d+ cycles\n", printed), printed
    assert status == 0
    return printed


# The start of a core on a serial line, which has no reset pin, is all that relies on a value at
# power-up.
INITIAL = re.compile(r"^( *(?:output )?reg (?:\[\d+:0\] )?(?!started)\w+) = .*;$", re.MULTILINE)


def without_initial_values(emission):
    """Removes the registers' values at power-up; returns the Verilog."""
    text, count = INITIAL.subn(r"\1;", emission.verilog.read_text())
    assert count
    assert set(re.findall(r"\breg\b.*?(\w+) =", text)) <= {"started"}
    emission.verilog.write_text(text)
    return text


#: One core in each wrapper, and each core without; sums of floats are like others.
FAST = [name for name in PASSING if name in TOPS or "stream" in name]
FAST.remove("stream-exact-fp16")


@icarus
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in PASSING],
)
def test_core_passes(name, tmp_path):
    """As emitted, and in as many cycles when registers and memories are unknown at power-up.

    Then the testbench checks that no unknown bit reaches a control signal or an offered word.
    """
    emission, manifest = written(PASSING[name], tmp_path)
    printed = passed(emission, manifest)
    without_initial_values(emission)
    assert passed(emission, manifest) == printed


@icarus
@pytest.mark.parametrize("name", CORES)
def test_missing_reset_fails(name, tmp_path):
    """A single control register is unknown after the reset; then there may be no result, either."""
    emission, manifest = written(CORES[name], tmp_path)
    text = without_initial_values(emission)
    emission.verilog.write_text(without_reset(text, name))
    fails(emission, manifest)


@icarus
@pytest.mark.parametrize("top", TOPS)
def test_unknown_control_fails(top, tmp_path):
    """A core whose registers are not reset."""
    emission, manifest = written(TOPS[top], tmp_path)
    text = without_initial_values(emission)
    broken = re.sub(r"if \(\w*rst\) \w+ <= .*;\n +else ", "", text)
    assert broken != text
    emission.verilog.write_text(broken)
    assert "a control signal is unknown:\n" in fails(emission, manifest)


@icarus
def test_unknown_result_fails(tmp_path):
    """A sum without products takes what is in registers that nothing has been written to."""
    emission, manifest = written(Eie(pes=3, columns=20, entries=40, acts=4, rows=3), tmp_path)
    text = emission.verilog.read_text()
    broken = re.sub(r"if \(taken\) \w+ <= .*;\n +else ", "", text)
    assert broken != text
    emission.verilog.write_text(broken)
    assert "the word has unknown bits: xxxxxxxxxxxx\n" in fails(emission, manifest)


@icarus
@pytest.mark.parametrize("top", TOPS)
def test_wrong_result_fails(top, tmp_path):
    """A bit of what is expected; of memory beside the results, too."""
    emission, manifest = written(TOPS[top], tmp_path)
    name = f"{manifest.top}_tb_{'after' if top == 'axi' else 'results'}.hex"
    file = emission.folder / name
    lines = file.read_text().splitlines()
    for number in (1, len(lines) - 1):
        digit = f"{int(lines[number][-1], 16) ^ 1:x}"
        changed = [*lines]
        changed[number] = lines[number][:-1] + digit
        file.write_text("\n".join(changed))
        fails(emission, manifest)


@icarus
@pytest.mark.parametrize("top", TOPS)
def test_broken_core_fails(top, tmp_path):
    emission, manifest = written(TOPS[top], tmp_path)
    text = emission.verilog.read_text()
    broken = text.replace(" * ", " + ") if " * " in text else text.replace(" ^ ", " | ")
    assert broken != text
    emission.verilog.write_text(broken)
    fails(emission, manifest)


@icarus
@pytest.mark.parametrize("top", TOPS)
def test_missing_file_fails(top, tmp_path):
    emission, manifest = written(TOPS[top], tmp_path)
    file = next(emission.folder.glob("*.hex"))
    file.unlink()
    assert f"{file.name} must be in the folder of the simulation" in fails(emission, manifest)


# What a core could do wrong, as a change of what the testbench sees of it.
FAULTS = {
    "stream": [
        (".data(results_payload)", ".data(~results_payload)"),
        (".valid(results_valid)", ".valid(results_valid && !cycles[2])"),
        (".valid(results_valid)", ".valid(1'b0)"),
        (".acts_ready(acts_ready)", ".acts_ready()"),
        (".results_ready(results_ready)", ".results_ready(1'b1)"),
    ],
    "axis": [
        ("{m_axis_results_tlast, ", "{1'b1, "),
        ("{m_axis_results_tlast, ", "{1'b0, "),
        (".interrupt(interrupt)", ".interrupt()"),
        (".bresp(s_axi_ctrl_bresp)", ".bresp(2'd0)"),
        (".rresp(s_axi_ctrl_rresp)", ".rresp(2'd0)"),
        (".bvalid(s_axi_ctrl_bvalid)", ".bvalid(1'b0)"),
    ],
    "axi": [
        (".arsize(m_axi_mem_arsize)", ".arsize(3'd0)"),
        (".arlen(m_axi_mem_arlen)", ".arlen(8'd255)"),
        (".araddr(m_axi_mem_araddr)", ".araddr(m_axi_mem_araddr + 40'd1)"),
        (".araddr(m_axi_mem_araddr)", ".araddr(m_axi_mem_araddr + 40'h10000)"),
        (".araddr(m_axi_mem_araddr)", ".araddr(m_axi_mem_araddr ^ cycles[3])"),
        (".arburst(m_axi_mem_arburst)", ".arburst(2'd2)"),
        (".arvalid(m_axi_mem_arvalid)", ".arvalid(m_axi_mem_arvalid && !cycles[0])"),
        (".wdata(m_axi_mem_wdata)", ".wdata(m_axi_mem_wdata ^ 1'bx)"),
        (".wlast(m_axi_mem_wlast)", ".wlast(1'b0)"),
        (".wstrb(m_axi_mem_wstrb)", ".wstrb({16{1'b0}})"),
    ],
    "uart": [
        (".from_core(uart_tx)", ".from_core(!uart_tx)"),
        (".from_core(uart_tx)", ".from_core(1'b1)"),
        (".uart_rx(uart_rx)", ".uart_rx(uart_rx && cycles[9:4] != 6'd0)"),
    ],
}


@icarus
@pytest.mark.parametrize(
    "top", [pytest.param(top, marks=pytest.mark.slow if top == "axi" else ()) for top in FAULTS]
)
def test_faults_fail(top, tmp_path):
    emission, manifest = written(TOPS[top], tmp_path)
    bench = emission.folder / f"{manifest.top}_tb.v"
    text = bench.read_text()
    for right, wrong in FAULTS[top]:
        assert text.count(right) == 1, right
        bench.write_text(text.replace(right, wrong))
        fails(emission, manifest)


def fails(emission, manifest):
    """Checks that the simulation fails; returns what it printed."""
    status, printed = simulated(emission.folder, manifest.top)
    assert status != 0
    assert "FAIL\n" in printed
    assert "PASS" not in printed
    return printed


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param(Axi(core=Eie(pes=16), address_width=12), id="addresses"),
        pytest.param(Eie(pes=1, entries=1, entries_per_word=4, entries_per_cycle=2), id="entries"),
    ],
)
def test_job_does_not_fit(parameters, tmp_path):
    """There is no testbench where there can be no job."""
    manifest = Manifest.read(emit(parameters, tmp_path).manifest)
    assert verilog_bench(manifest) == {}


@pytest.mark.parametrize("top", TOPS)
def test_same_manifest_same_files(top, tmp_path):
    path = emit(TOPS[top], tmp_path).manifest
    manifest = Manifest.read(path)
    files = verilog_bench(manifest)
    assert files == verilog_bench(Manifest.read(path))
    assert max(len(line) for line in files[f"{manifest.top}_tb.v"].splitlines()) <= 100


def test_results_differ(tmp_path):
    """A core that always says the same could not pass."""
    for core in CORES.values():
        job = vectors(Manifest.read(emit(core, tmp_path).manifest))
        assert len({word.tobytes() for word in job.results}) > len(job.results) // 2
