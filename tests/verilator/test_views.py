"""Files that open waves in viewers: their names are in the FST, fields in their place."""

import re

import numpy as np
import pytest
from brickwork import Eie, GemmFusion, GemmWs
from brickwork.gen.designs.wrappers import wrapper_from_text
from brickwork.gen.emission.emit import emit, emit_unit
from brickwork.hdl.stream.fifo import Fifo
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator import waves
from brickwork.sim.verilator.simulate import simulate
from fst import signals
from products import multiply

GTKWAVE = """\
[dumpfile] "{folder}/fifo.fst"
[savefile] "{folder}/fifo.gtkw"
*-13.000000 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1 -1
[treeopen] fifo.
@800200
-clock_and_reset
@28
fifo.clk
@28
fifo.rst
@1000200
-clock_and_reset
@800200
-i
@28
fifo.i_valid
@28
fifo.i_ready
@24
fifo.i_payload[3:0]
@1000200
-i
@800200
-o
@28
fifo.o_valid
@28
fifo.o_ready
@24
fifo.o_payload[3:0]
@1000200
-o
"""
SURFER = """\
scope_select fifo
divider_add clock_and_reset
variable_add fifo.clk
variable_add fifo.rst
divider_add i
variable_add fifo.i_valid
variable_add fifo.i_ready
variable_add fifo.i_payload
divider_add o
variable_add fifo.o_valid
variable_add fifo.o_ready
variable_add fifo.o_payload
zoom_fit
"""
#: A structure with a lane of structures, a signed field and an array, as ports of units have.
FIELDS = [
    {"name": "flag", "offset": 0, "width": 1, "signed": False, "count": 1},
    {
        **{"name": "pair", "offset": 1, "width": 5, "signed": False, "count": 2},
        "fields": [
            {"name": "code", "offset": 0, "width": 3, "signed": False, "count": 1},
            {"name": "sum", "offset": 3, "width": 2, "signed": True, "count": 1},
        ],
    },
    {"name": "none", "offset": 11, "width": 0, "signed": False, "count": 1},
    {"name": "lane", "offset": 11, "width": 1, "signed": False, "count": 10},
]


def written(manifest, folder):
    """The texts of both files."""
    path = folder / f"{manifest.top}.fst"
    waves.write_views(manifest, path)
    return [view.read_text("utf-8") for view in waves.view_files(path)]


def gtkwave_signals(text):
    """Name to width of whole signals, and name to the bits of its fields, by label."""
    whole, fields = {}, {}
    for line in text.splitlines():
        if match := re.fullmatch(r"(\w[\w.]*)(?:\[(\d+):0\])?", line):
            whole[match[1]] = int(match[2] or 0) + 1
        elif match := re.fullmatch(r"[#+]\{([^}]+)\} (.*)", line):
            bits = re.findall(r"\((\d+)\)([\w.]+)\[(\d+):0\]", match[2])
            assert len(bits) == match[2].count(" ") + 1
            (name,) = {name for _, name, _ in bits}
            positions = [int(high) - int(at) for at, _, high in bits]
            assert positions == list(range(positions[0], positions[-1] - 1, -1))
            assert (line[0] == "#") == (len(bits) > 1)
            fields.setdefault(name, {})[match[1]] = positions
    return whole, fields


def check(manifest, texts, names=None):
    """Each stream's fields cover its payload once; each name is among ``names``, with its width."""
    whole, fields = gtkwave_signals(texts[0])
    for name, stream in manifest.streams.items():
        path = f"{manifest.top}.{manifest.stream_signals[name]['payload']}"
        assert whole[path] == stream["width"]
        covered = sorted(bit for bits in fields[path].values() for bit in bits)
        assert covered == list(range(stream["width"]))
    assert set(re.findall(r"^variable_add (\S+)$", texts[1], re.MULTILINE)) == set(whole)
    assert {f"{manifest.top}.{port['name']}" for port in manifest.ports} <= set(whole)
    if names is not None:
        assert whole == {name: names[name] for name in whole}
    commands = "variable_add|divider_add|scope_select"
    assert re.fullmatch(rf"(({commands}) [\w.]+\n)+zoom_fit\n", texts[1])
    assert texts[0].count("@800200\n") == texts[0].count("@1000200\n")
    assert texts[0].count("@c00200\n") == texts[0].count("@1401200\n")


def test_a_structure_as_wide_as_the_word(tmp_path):
    field = FIELDS[1] | {"offset": 0, "count": 1}
    ports = [{"name": "word", "width": 5, "signed": False, "direction": "input", "fields": [field]}]
    manifest = Manifest(design="x", parameters={}, top="x", verilog="x.v", ports=ports)
    _, fields = gtkwave_signals(written(manifest, tmp_path)[0])
    assert fields["x.word"] == {"pair.code": [2, 1, 0], "pair.sum": [4, 3]}


def test_unit(tmp_path):
    manifest = Manifest.read(emit_unit(Fifo(width=4, depth=2), tmp_path).manifest)
    texts = written(manifest, tmp_path)
    assert texts == [GTKWAVE.format(folder=tmp_path), SURFER]


def test_fields(tmp_path):
    ports = [{"name": "word", "width": 21, "signed": False, "direction": "input", "fields": FIELDS}]
    manifest = Manifest(design="x", parameters={}, top="x", verilog="x.v", ports=ports)
    gtkwave, surfer = written(manifest, tmp_path)
    _, fields = gtkwave_signals(gtkwave)
    assert fields["x.word"] == {
        "flag": [0],
        "pair[0].code": [3, 2, 1],
        "pair[0].sum": [5, 4],
        "pair[1].code": [8, 7, 6],
        "pair[1].sum": [10, 9],
        **{f"lane[{number}]": [11 + number] for number in range(10)},
    }
    assert "@420\n#{pair[1].sum}" in gtkwave
    assert "@c00200\n-lane 20:11, 10 lanes of 1 bits\n" in gtkwave  # closed, as they are many
    assert surfer.splitlines()[1:] == [
        "divider_add ports",
        "variable_add x.word",
        "divider_add flag_0",
        "divider_add pair_0_code_3_to_1",
        "divider_add pair_0_sum_5_to_4_signed",
        "divider_add pair_1_code_8_to_6",
        "divider_add pair_1_sum_10_to_9_signed",
        "divider_add lane_20_to_11_10_lanes_of_1_bits",
        "zoom_fit",
    ]


@pytest.mark.parametrize("cocotb", [False, True])
def test_core(tmp_path, cocotb):
    path = emit(GemmWs(rows=2, cols=3), tmp_path).manifest
    a = np.ones((3, 2), int)
    result = multiply(path, a, a.T, workdir=tmp_path, waves=True, cocotb=cocotb)
    texts = [view.read_text("utf-8") for view in waves.view_files(result.waves)]
    check(Manifest.read(path), texts, signals(result.waves))
    assert str(result.waves) in texts[0]


@pytest.mark.parametrize("core", [Eie(pes=2), GemmFusion(rows=2, cols=2, output="scale")])
@pytest.mark.parametrize("top", ["stream", "axis", "axi", "uart"])
def test_designs_and_wrappers(tmp_path, core, top):
    manifest = Manifest.read(emit(wrapper_from_text(top, core, []), tmp_path).manifest)
    texts = written(manifest, tmp_path)
    check(manifest, texts)
    if top in ("axis", "axi"):
        handshake = "@28\n{0}.s_axi_ctrl_awvalid\n@28\n{0}.s_axi_ctrl_awready\n"
        assert handshake.format(manifest.top) in texts[0]
    headings = re.findall(r"^@800200\n-(.*)$", texts[0], re.MULTILINE)
    channels = {
        "stream": [],
        "uart": [],
        "axis": [f"s_axis_{name}_t" for name in manifest.inputs] + ["m_axis_results_t"],
        "axi": [f"m_axi_mem_{name}" for name in ("aw", "w", "b", "ar", "r")],
    }
    control = [f"s_axi_ctrl_{name}" for name in ("aw", "w", "b", "ar", "r")]
    assert headings[0] == "clock_and_reset"
    assert {name for name in headings if "axi" in name} == {
        *channels[top],
        *(control if top in ("axis", "axi") else []),
    }
    # The core's streams are in the module of the core.
    for names in manifest.stream_signals.values():
        assert {name.rpartition(".")[0] for name in names.values()} == {
            "" if top == "stream" else "shell.core"
        }


def test_wrapper(tmp_path):
    path = emit(wrapper_from_text("axis", GemmWs(rows=2, cols=2), []), tmp_path).manifest
    pytest.importorskip("cocotbext.axi")
    bench = "brickwork.sim.tb.bus.axis_top"
    outcome = simulate(path, bench, workdir=tmp_path / "work", tests="identity$", waves=True)
    assert outcome.passed, outcome.reason
    texts = [view.read_text("utf-8") for view in waves.view_files(outcome.waves)]
    check(Manifest.read(path), texts, signals(outcome.waves))
    simulate(path, bench, workdir=tmp_path / "work", tests="identity$")
    assert not any(view.exists() for view in waves.view_files(outcome.waves))
