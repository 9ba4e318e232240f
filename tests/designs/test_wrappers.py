"""Tops as they are named and emitted: names, attributes, manifests, parameters that are refused."""

import json
import re
from pathlib import Path

import pytest
from brickwork.gen.cli import main
from brickwork.gen.designs import registry
from brickwork.gen.designs.wrappers import WRAPPERS, wrapper_from_text
from brickwork.gen.emission.emit import emit
from brickwork.sim.manifest import Manifest
from products import plan as plan_of


def small(design):
    sizes = {
        "eie": ["pes=2", "columns=8", "entries=32"],
        "gemm_outlier": ["rows=4", "cols=3", "group_lanes=2"],
        "gemm_binary": ["rows=2", "cols=3", "pack=4"],
    }
    return registry.parameters_from_text(design, sizes.get(design, ["rows=2", "cols=3"]))


def emitted(folder, design, kind, *bus):
    core = small(design)
    emission = emit(wrapper_from_text(kind, core, bus), folder)
    return emission, Manifest.read(emission.manifest)


@pytest.mark.parametrize("kind", ["axis", "axi"])
def test_ports_are_flat_and_marked(tmp_path, kind):
    emission, facts = emitted(tmp_path, "gemm_ws", kind)
    assert emission.folder.name == f"gemm_ws_{kind}-{emission.digest}"
    assert facts.top == f"gemm_ws_{kind}"
    names = [port["name"] for port in facts.ports]
    assert names[:2] == ["aclk", "aresetn"]
    assert "s_axi_ctrl_awvalid" in names
    assert ("s_axis_acts_tdata" if kind == "axis" else "m_axi_mem_arlen") in names
    assert not any("__" in name for name in names)
    text = emission.verilog.read_text()
    interfaces = "s_axis_tiles:s_axis_weights:s_axis_acts:m_axis_results:s_axi_ctrl"
    interfaces = interfaces if kind == "axis" else "s_axi_ctrl:m_axi_mem"
    assert f'"ASSOCIATED_BUSIF {interfaces}, ASSOCIATED_RESET aresetn"' in text
    clock = re.search(r'\(\* X_INTERFACE_INFO = "(.*)" \*\)\n.*\n +input wire (\w+);', text)
    assert clock.groups() == ("xilinx.com:signal:clock:1.0 aclk CLK", "aclk")


@pytest.mark.parametrize("kind", WRAPPERS)
@pytest.mark.parametrize(
    "design",
    [
        *("gemm_ws", "gemm_os", "gemm_fusion", "gemm_nm", "gemm_outlier", "gemm_scaled"),
        *("gemm_binary", "eie"),
    ],
)
def test_manifest(tmp_path, design, kind):
    """It says of the core what the core's own does, and the bus besides."""
    _, facts = emitted(tmp_path, design, kind)
    alone = Manifest.read(emit(small(design), tmp_path).manifest)
    assert facts.design == design
    assert facts.parameters == alone.parameters
    assert (facts.derived, facts.timing) == (alone.derived, alone.timing)
    for name, stream in alone.streams.items():
        for key in ("direction", "width", "fields"):
            assert facts.streams[name][key] == stream[key]
        assert facts.bus["streams"][name]["width"] == stream["width"]
    indices = [stream["index"] for stream in facts.bus["streams"].values()]
    assert indices == list(range(len(indices)))
    assert list(facts.bus["streams"])[-1] == "results"
    offsets = [register["offset"] for register in facts.bus["registers"]]
    assert offsets == sorted(set(offsets))
    registers = {register["name"]: register for register in facts.bus["registers"]}
    assert registers["DIGEST"]["reset"] == int(facts.digest[:8], 16)
    if design != "eie":
        assert plan_of(facts, 5, 7, 4).result_words == plan_of(alone, 5, 7, 4).result_words


def test_digest_is_of_core_and_bus():
    digests = {
        wrapper_from_text(kind, registry.parameters_from_text("gemm_os", [rows]), bus).digest
        for rows in ("rows=2", "rows=3")
        for kind, bus in (("stream", []), ("axis", []), ("axis", ["data_width=32"]), ("axi", []))
    }
    assert len(digests) == 8


def test_a_core_that_does_not_walk_is_what_it_was():
    core = small("gemm_ws")
    plain, off, on = (wrapper_from_text("axi", core, bus) for bus in ([], ["walk=0"], ["walk=1"]))
    assert "walk" not in plain.as_dict()
    assert plain.digest == off.digest != on.digest
    assert on.as_dict()["walk"] == 1


def test_a_core_that_walks(tmp_path, monkeypatch, capsys):
    """As typed: it has the streams of the index and their registers, and no C driver yet."""
    monkeypatch.chdir(tmp_path)
    sizes = ["--set", "rows=2", "--set", "cols=3"]
    assert main(["emit", "gemm_ws", *sizes, "--top", "axi", "--bus", "walk=1", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)
    facts = Manifest.read(files["manifest"])
    assert list(facts.bus["streams"]) == ["row_ptr", "col_idx", "weights", "acts", "results"]
    names = {path.name for path in Path(files["manifest"]).parent.iterdir()}
    assert "gemm_ws_axi.h" in names
    assert not any("driver" in name for name in names)
    header = (Path(files["manifest"]).parent / "gemm_ws_axi.h").read_text()
    assert "#define GEMM_WS_AXI_REG_TILE_WORDS 0x054u" in header
    assert main(["emit", "gemm_os", *sizes, "--top", "axi", "--bus", "walk=1"]) == 2
    assert capsys.readouterr().err == (
        "brickwork: error: Block walk must be 0 for gemm_os, whose operands are no tiles, not 1\n"
    )


@pytest.mark.parametrize(
    ("message", "argv"),
    [
        (
            "Bus wrapper must be one of stream, axis, axi, uart, not 'axis4'; did you mean 'axis'?",
            ["--top", "axis4"],
        ),
        (
            "Bus settings must go with a bus wrapper (axis, axi, uart), not with the bare streams; "
            "use --top",
            ["--bus", "data_width=32"],
        ),
        (
            "Parameter of bus wrapper axis must be one of data_width, not 'burst'; "
            "burst is a parameter of bus wrapper axi",
            ["--top", "axis", "--bus", "burst=32"],
        ),
        ("Setting must be NAME=VALUE, not 'data_width'", ["--top", "axis", "--bus", "data_width"]),
        (
            "Bus width must be 32, 64, 128, 256 or 512 bits, not 48",
            ["--top", "axis", "--bus", "data_width=48"],
        ),
        (
            "Bus width must be 32, 64, 128, 256 or 512 bits, not 'wide'",
            ["--top", "axi", "--bus", "data_width=wide"],
        ),
        (
            "Address width must be an integer from 12 to 64, not 8",
            ["--top", "axi", "--bus", "address_width=8"],
        ),
        (
            "Address width must be an integer from 12 to 64, not 0",
            ["--top", "axi", "--bus", "address_width=0"],
        ),
        ("Burst length must be a power of two, not 12", ["--top", "axi", "--bus", "burst=12"]),
        (
            "Burst length 128 is more than the 64 beats of 512 bits in 4096 bytes",
            ["--top", "axi", "--bus", "data_width=512", "--bus", "burst=128"],
        ),
        (
            "Outstanding bursts must be an integer from 2 to 64, not 1",
            ["--top", "axi", "--bus", "outstanding=1"],
        ),
        (
            "Block walk must be an integer from 0 to 1, not 2",
            ["--top", "axi", "--bus", "walk=2"],
        ),
        (
            "Parameter of bus wrapper axis must be one of data_width, not 'walk'; "
            "walk is a parameter of bus wrapper axi",
            ["--top", "axis", "--bus", "walk=1"],
        ),
    ],
)
def test_refused(tmp_path, monkeypatch, capsys, message, argv):
    monkeypatch.chdir(tmp_path)
    assert main(["emit", "gemm_ws", *argv]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"brickwork: error: {message}\n")
    assert list(tmp_path.iterdir()) == []
