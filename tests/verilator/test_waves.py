"""Waveform files, and the stand-ins for lz4 and zlib that Verilator's writer compresses with."""

import json
import random
import re
import shutil
import subprocess
import zlib

import pytest
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator import simulate, toolchain
from fst import blocks as blocks_of
from fst import signals, unlz4

DESIGN = """\
module adder (input [7:0] a, input [7:0] b, output [7:0] sum);
  wire [7:0] inner = a ^ b;
  assign sum = inner + ((a & b) << 1);
endmodule

module counter (input clk, input [7:0] step, output reg [7:0] count, output [7:0] o__next);
  initial count = 0;
  adder u_adder (.a(count), .b(step), .sum(o__next));
  always @(posedge clk) count <= o__next;
endmodule
"""

BENCH = """\
import json
import random
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time


@cocotb.test()
async def counts(dut):
    Clock(dut.clk, 2, unit="ns").start()
    seen = []
    dut.step.value = 0
    for _ in range(CYCLES):
        await RisingEdge(dut.clk)
        values = {name: int(getattr(dut, name).value) for name in ("count", "step", "o__next")}
        seen.append((get_sim_time("ps"), values))
        dut.step.value = random.randrange(256)
    Path("seen.json").write_text(json.dumps(seen))
"""

COMPRESS = """\
#include <lz4.h>
#include <zlib.h>

#include <cstdio>
#include <vector>

// Everything is sent and received with its size before it.
static void put(const char* data, unsigned size) {
    fwrite(&size, sizeof size, 1, stdout);
    fwrite(data, 1, size, stdout);
}

int main() {
    if (LZ4_compressBound(LZ4_MAX_INPUT_SIZE + 1) || LZ4_compressBound(-1)) return 1;
    for (unsigned size; fread(&size, sizeof size, 1, stdin) == 1;) {
        std::vector<char> data(size);
        if (fread(data.data(), 1, size, stdin) != size) return 2;

        const int bound = LZ4_compressBound(size);
        std::vector<char> out(bound + 1, 'x');
        if (LZ4_compress_default(data.data(), out.data(), size, bound - 1)) return 3;
        const int used = LZ4_compress_default(data.data(), out.data(), size, bound);
        if (used <= 0 || used > bound || out.back() != 'x') return 4;
        put(out.data(), used);

        uLongf room = compressBound(size) - 1;
        out.assign(room + 3, 'x');
        const Bytef* const from = reinterpret_cast<const Bytef*>(data.data());
        Bytef* const to = reinterpret_cast<Bytef*>(out.data());
        if (compress2(to, &room, from, size, 9) != Z_BUF_ERROR) return 5;
        room += 2;  // one more than needed
        if (compress2(to, &room, from, size, 9) != Z_OK || out.back() != 'x') return 6;
        put(out.data(), room);
    }
}
"""


@pytest.fixture(scope="module")
def compressed(tmp_path_factory):
    """Compresses byte strings with the stand-ins: pairs of LZ4 block and zlib stream."""
    place = tmp_path_factory.mktemp("compress")
    (place / "main.cpp").write_text(COMPRESS)
    command = [*toolchain.compiler().command, "-std=gnu++17", "-O1", "-Wall", "-Wextra", "-Werror"]
    command += toolchain.own_compression().compile_options
    subprocess.run([*command, "main.cpp", "-o", "compress"], cwd=place, check=True)

    def run(cases):
        sent = b"".join(len(case).to_bytes(4, "little") + case for case in cases)
        got = subprocess.run([place / "compress"], input=sent, capture_output=True, check=True)
        parts, at = [], 0
        while at < len(got.stdout):
            size = int.from_bytes(got.stdout[at : at + 4], "little")
            parts.append(got.stdout[at + 4 : at + 4 + size])
            at += 4 + size
        return list(zip(parts[::2], parts[1::2], strict=True))

    return run


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


CASES = {
    "short": [noise(size) for size in range(40)],
    "short runs": [bytes(size) for size in range(40)],
    # Lengths are written in steps of 255, beyond 15 for literals and 19 for matches.
    "long literals": [noise(15 + 255 * n + d) for n in range(3) for d in range(-1, 2)],
    "long matches": [b"a" * (25 + 255 * n + d) for n in range(3) for d in range(-2, 3)],
    "distances": [b"again" + bytes(n) + b"again" + noise(20) for n in (9, 249, 250, 251, 252)],
    "far": [b"again" + bytes(n - 5) + b"again" + noise(20) for n in range(65533, 65539)],
    "repeated": [noise(n) * (5000 // n) + noise(7) for n in range(1, 30)],
    "few values": [bytes(random.Random(n).choices(b"ab", k=100 * n)) for n in range(30)],
    "one block": [noise(n) for n in (65534, 65535, 65536, 131070, 131071)],
    "large": [noise(3 << 20), b"\xff" * (3 << 20), noise(1000) * 3000],
}


@pytest.mark.parametrize("cases", CASES.values(), ids=CASES.keys())
def test_decompress(compressed, cases):
    found = compressed(cases)
    assert [unlz4(block) for block, _ in found] == cases
    for (_, stream), case in zip(found, cases, strict=True):
        decoder = zlib.decompressobj()
        assert decoder.decompress(stream) == case
        assert decoder.eof
        assert not decoder.unused_data


def test_repetition_becomes_small(compressed):
    [(clock, _), (names, _)] = compressed([b"\x05\x04" * 5000, b"gemm.mesh.tile.pe." * 1000])
    assert len(clock) < 60
    assert len(names) < 120


def simulated(folder, monkeypatch, blocks=(), cycles=20):
    """Records the counter; what the testbench saw, and the file."""
    manifest = Manifest(
        design="counter",
        parameters={},
        top="counter",
        verilog="counter.v",
        ports=[{"name": "clk", "width": 1}]
        + [{"name": name, "width": 8} for name in ("step", "count", "o__next")],
        hierarchical_blocks=list(blocks),
    )
    (folder / "counter.v").write_text(DESIGN)
    (folder / "counter.json").write_text(manifest.to_json())
    (folder / "wave_bench.py").write_text(BENCH.replace("CYCLES", str(cycles)))
    monkeypatch.syspath_prepend(folder)
    work = folder / "work"
    outcome = simulate.simulate(folder / "counter.json", "wave_bench", workdir=work, waves=True)
    assert outcome.passed, outcome.log.read_text()
    assert outcome.waves == work / "counter.fst"
    return json.loads((work / "seen.json").read_text()), outcome.waves


@pytest.fixture(params=["own", "libraries"])
def compression(request, monkeypatch):
    """Both kinds, as far as this machine has them."""
    if request.param == "own":
        own = toolchain.own_compression()
        monkeypatch.setattr(toolchain, "compression", lambda compiler, verilator: own)
    elif toolchain.compression(toolchain.compiler(), toolchain.verilator()).headers is not None:
        pytest.skip("lz4 and zlib are not installed")
    return request.param


@pytest.mark.parametrize("blocks", [(), ("adder",)], ids=["flat", "hierarchical"])
def test_file(tmp_path, monkeypatch, compression, blocks):
    _, path = simulated(tmp_path, monkeypatch, blocks)
    assert sorted(blocks_of(path)) == [0, 3, 6, 8]  # header, geometry, hierarchy, values
    names = {name.rpartition(".")[2]: width for name, width in signals(path).items()}
    # The block's own signals too, not its ports only.
    for name in ("o__next", "sum", "inner"):
        assert names[name] == 8


@pytest.mark.skipif(shutil.which("fst2vcd") is None, reason="fst2vcd (of GTKWave) not installed")
@pytest.mark.parametrize("blocks", [(), ("adder",)], ids=["flat", "hierarchical"])
def test_values(tmp_path, monkeypatch, compression, blocks):
    # So long that a signal's changes are more than 64 KiB.
    seen, path = simulated(tmp_path, monkeypatch, blocks, cycles=40_000)
    text = subprocess.run(["fst2vcd", path], capture_output=True, text=True, check=True).stdout
    head, changes = text.split("$enddefinitions $end")
    within = head[head.index("$scope module counter") :]
    signals = {
        name: re.search(rf"\$var \w+ 8 (\S+) {name} ", within)[1]
        for name in ("count", "step", "o__next", "inner")
    }
    # What the testbench reads at an edge is what was there before it.
    now, before, time = dict.fromkeys(signals.values(), 0), {}, 0
    for line in changes.splitlines():
        if line.startswith("#"):
            time = int(line[1:])
            before[time] = dict(now)
        elif line.startswith("b"):
            value, code = line[1:].split()
            now[code] = int(value, 2)
    for time, values in seen[1:]:
        waves = {name: before[time][code] for name, code in signals.items()}
        assert waves == values | {"inner": values["count"] ^ values["step"]}, f"at {time} ps"
