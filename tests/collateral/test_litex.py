"""The module for LiteX: in a SoC it becomes Verilog in which the core works."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import integration
import numpy as np
import pytest
from brickwork.gen.collateral.litex import litex
from brickwork.gen.collateral.vectors import vectors
from brickwork.gen.designs.wrappers import Axi
from brickwork.gen.emission.emit import emit
from brickwork.gen.lib import yosys
from brickwork.sim.manifest import Manifest
from integration import written

# LiteX's own memory is on a bus of 32 bits.
TOPS = integration.TOPS | {"axi": Axi(core=integration.CORES["gemm_ws"], data_width=32)}
#: As in ``litex_soc.py``.
ORIGIN, RAM = 0x9000_0000, 0x4000_0000

BENCH = """\
`timescale 1ns / 1ps
module bench;
  reg clk = 0, rst = 1, cyc = 0;
  // What is done (0 write, 1 read and compare, 2 read until it is so), address, data.
  reg [65:0] steps [0:COUNT-1];
  integer step = 0;
  wire [31:0] read;
  wire ack, err;
  wire [1:0] kind = steps[step][65:64];
  soc dut (
    .clk(clk), .rst(rst), .bus_adr(steps[step][63:34]), .bus_cyc(cyc),
    .bus_stb(cyc), .bus_sel(4'hf), .bus_we(kind == 0), .bus_dat_w(steps[step][31:0]),
    .bus_dat_r(read), .bus_ack(ack), .bus_err(err), .bus_cti(3'd0), .bus_bte(2'd0)
  );
  always #5 clk = !clk;
  initial begin
    $readmemh("steps.hex", steps);
    #100 rst = 0;
    #1000000 $display("no end, step %0d", step);
    $finish;
  end
  always @(posedge clk)
    if (!rst) begin
      cyc <= !(cyc && ack);
      if (cyc && ack) begin
        if (kind == 1 && read !== steps[step][31:0])
          $display("%h: %h, not %h", steps[step][63:32], read, steps[step][31:0]);
        if (kind != 2 || read === steps[step][31:0]) step <= step + 1;
        if (step == COUNT - 1) begin
          $display("done");
          $finish;
        end
      end
    end
endmodule
"""


@pytest.mark.parametrize("top", TOPS)
def test_every_port_is_connected_once(top, tmp_path):
    _, manifest = written(TOPS[top], tmp_path)
    text = litex(manifest)[f"{manifest.top}_litex.py"]
    compile(text, "module", "exec")
    assert max(map(len, text.splitlines())) <= 100
    for port in manifest.ports:
        assert text.count(f" {port['direction'][0]}_{port['name']}=") == 1
    assert len(re.findall(r"^ {12}[io]_\w+=", text, re.MULTILINE)) == len(manifest.ports)


@pytest.mark.parametrize(
    ("top", "name"),
    [
        ("conv1", "Conv1"),
        ("path", "CorePath"),
        ("none", "CoreNone"),
        ("_1", "Core1"),
        ("_", "Core"),
    ],
)
def test_name_of_the_class(top, name, tmp_path):
    emission = emit(TOPS["axis"], tmp_path, top)
    text = litex(Manifest.read(emission.manifest))[f"{top}_litex.py"]
    assert f"class {name}(LiteXModule):" in text
    assert text.count(f" {name}(self.platform)\n") == 1
    compile(text, "module", "exec")


@pytest.mark.skipif(importlib.util.find_spec("litex") is None, reason="litex is not installed")
@pytest.mark.parametrize("top", TOPS)
def test_core_in_a_soc(top, tmp_path):
    emission, manifest = written(TOPS[top], tmp_path)
    script = Path(__file__).with_name("litex_soc.py")
    subprocess.run(
        [sys.executable, str(script), str(emission.folder), manifest.top],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    if top in ("axis", "axi"):
        if shutil.which("iverilog") is None:
            pytest.skip("iverilog is not installed")
        steps = registers(manifest) + (job(manifest) if top == "axi" else [])
        assert simulated(steps, emission.verilog, tmp_path) == ["done"]
        # The bench can tell.
        steps[0] = (1, steps[0][1], 0)
        assert len(simulated(steps, emission.verilog, tmp_path)) == 2


def registers(manifest):
    """Steps that read all constant registers."""
    names = ("ID", "VERSION", "CAPS", "DIGEST", "SHAPE")
    by_name = {register["name"]: register for register in manifest.bus["registers"]}
    return [(1, ORIGIN + by_name[name]["offset"], by_name[name]["reset"]) for name in names]


def job(manifest):
    """Steps of a job in the RAM of the SoC."""
    by_name = {register["name"]: register for register in manifest.bus["registers"]}

    def register(name):
        return ORIGIN + by_name[name]["offset"]

    small = vectors(manifest)
    steps, last, address = [], [], RAM
    for name, words in {**small.inputs, "results": small.results}.items():
        stride = manifest.bus["streams"][name]["stride"]
        data = np.pad(words, ((0, 0), (0, stride - words.shape[1]))).ravel()
        data = np.pad(data, (0, -data.size % 4)).view("<u4").tolist()
        target = last if name == "results" else steps
        target += [(name == "results", address + 4 * i, value) for i, value in enumerate(data)]
        steps.append((0, register(f"ADDRESS_LOW_{name.upper()}"), address))
        steps.append((0, register(f"COUNT_{name.upper()}"), len(words)))
        address += 4 * len(data)
    steps.append((0, register("COMMAND"), 2))
    assert by_name["COMMAND"]["fields"][1]["name"] == "start"
    assert by_name["INTERRUPT"]["fields"][0]["name"] == "done"
    return [*steps, (2, register("INTERRUPT"), 1), *last]


def simulated(steps, core, folder):
    """What the simulation of a SoC prints."""
    # In LiteX's Verilog blocks without a clock have non-blocking assignments, which never come to
    # an end in Icarus; yosys writes them otherwise.
    commands = [f"read_verilog soc.v {core}", "hierarchy -check -top soc", "proc", "flatten"]
    yosys.run([*commands, "write_verilog -noattr flat.v"], cwd=folder)
    lines = (f"{action << 64 | address << 32 | data:017x}\n" for action, address, data in steps)
    (folder / "steps.hex").write_text("".join(lines))
    (folder / "bench.v").write_text(BENCH.replace("COUNT", str(len(steps))))
    command = ["iverilog", "-g2005", "-s", "bench", "-o", "bench.vvp", "bench.v", "flat.v"]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run(
        ["vvp", "-n", "bench.vvp"], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()
