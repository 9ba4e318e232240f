"""The study of area: its table, and limits for number formats."""

import json
import re

import pytest
from brickwork.gen.cli import main
from brickwork.gen.lib.tables import table
from brickwork.gen.studies import area
from brickwork.hdl import formats
from liberty import LIBRARY

pytestmark = pytest.mark.slow  # minutes together

SAME = ("int8", "int4", "flint4", "e5m2", "ovp_int4", "ovp_flint4", "int4+flint4+pot4")
PAIRS = [*((name, name) for name in SAME), ("uint4", "flint4")]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return list(area.measure(tmp_path_factory.mktemp("area"), pairs=PAIRS))


@pytest.fixture(scope="module")
def by_format(records):
    """The records of both engines, by the format of activations."""
    return {name: [row for row in records if row.get("a_format") == name] for name, _ in PAIRS}


def test_records(records):
    assert [(row["design"], row["a_format"], row["w_format"]) for row in records[:-3]] == [
        (design, *pair) for pair in PAIRS for design in ("gemm_ws", "gemm_os")
    ]
    assert [row["design"][:11] for row in records[-3:]] == ["published: "] * 3
    for row in records[:-3]:
        assert row["unit"] == "gates"
        assert row["pe"] == pytest.approx(row["flip_flops"] + row["logic"], abs=0.11)
        assert row["border_percent"] >= row["decoders_percent"]


def test_pes_have_the_widths_of_the_engines(by_format):
    assert [row["sum_width"] for row in by_format["int8"]] == [22, 26]
    assert [row["sum_width"] for row in by_format["flint4"]] == [16, 20]
    # Registers of gemm_ws: an activation, a weight twice, product with exponent, sum, two flags.
    assert by_format["int8"][0]["flip_flops"] == 4 * (3 * 8 + 16 + 22 + 2)
    assert by_format["flint4"][0]["flip_flops"] == 4 * (3 * 5 + 5 + 3 + 16 + 2)


def test_integers_have_no_border(by_format):
    for row in by_format["int8"] + by_format["int4"]:
        assert row["a_decoder"] == row["w_decoder"] == row["border_percent"] == 0
    for row in by_format["uint4"]:
        assert row["a_decoder"] == 0
        assert row["w_decoder"] > 0


def test_ratios(by_format):
    for int8, int4, flint4 in zip(
        by_format["int8"], by_format["int4"], by_format["flint4"], strict=True
    ):
        assert int8["of_int8"] == int4["of_int4"] == 1
        assert flint4["of_int8"] == pytest.approx(flint4["pe"] / int8["pe"], abs=0.001)
        assert flint4["of_int4"] == pytest.approx(flint4["pe"] / int4["pe"], abs=0.001)


def test_flint_is_small(by_format):
    """A decoder at the border is next to nothing, and a PE about that of 4-bit integers."""
    for row in by_format["flint4"]:
        assert row["of_int8"] <= 0.45
        assert row["of_int4"] <= 1.15
        assert row["border_percent"] <= 0.1
        assert row["pair_marks"] == 0


def test_types_at_run_time_are_small(by_format):
    """As small as ANT's decoders (0.19 %), but for what synthesis makes of it by chance."""
    for row in by_format["int4+flint4+pot4"]:
        assert row["border_percent"] <= 0.2
        assert row["of_int8"] <= 0.65


def test_pairs_are_small(by_format):
    """OliVe's are 2.2 %."""
    for row in by_format["ovp_int4"] + by_format["ovp_flint4"]:
        assert row["decoders_percent"] <= 0.2
        assert row["decoders_percent"] < row["border_percent"] <= 1.2
        # The flags' way to decoders is as long as that of the codes, on either side.
        assert row["pair_marks"] >= 2 * 4 * (64 * 63 // 2)
    assert by_format["ovp_int4"][0]["pair_marks"] < by_format["ovp_int4"][1]["pair_marks"]


def test_wide_sums(by_format):
    """Exact ones of e5m2 take more than the 64 bits that accumulators have."""
    assert [row["sum_width"] for row in by_format["e5m2"]] == [71, 64]


def test_formats():
    assert area.FORMATS[:2] == [("int8", "int8"), ("int4", "int4")]
    assert all(formats.get(name) for pair in area.FORMATS for name in pair)


def test_lane_marks():
    """They are what the engine has: a flag above each code, of the other code of the pair."""
    from amaranth.sim import Simulator

    unit = area.LaneMarks(lanes=4, format="ovp_int4")

    async def run(ctx):
        ctx.set(unit.i, 0x3185)
        assert ctx.get(unit.o) == 0b00011_00001_01000_10101

    simulator = Simulator(unit)
    simulator.add_testbench(run)
    simulator.run()


def test_table(records):
    rows, notes = area.STUDY.report(records)
    assert notes == area.NOTES
    lines = table(rows).splitlines()
    assert re.split(r"  +", lines[0]) == [
        *("design", "formats", "sum width", "pe", "flip flops", "logic", "of int8", "of int4"),
        *("a decoder", "w decoder", "pair marks", "decoders %", "border %"),
    ]
    assert len(lines) == 1 + 2 * len(PAIRS) + 3
    assert lines[1].startswith("gemm_ws  ")
    assert any(" uint4 × flint4 " in line for line in lines)
    assert lines[-3].split() == ["published:", "ANT", "79.57", "4.9", "0.19"]


class TestCommand:
    @pytest.fixture(autouse=True)
    def few(self, monkeypatch, tmp_path):
        monkeypatch.setattr(area, "FORMATS", [("flint4", "flint4")])
        monkeypatch.chdir(tmp_path)

    def test_text(self, capsys):
        assert main(["bench", "area"]) == 0
        out = capsys.readouterr().out
        assert out.startswith("Area of PEs and decoders\n\ndesign  ")
        assert out.endswith(f"\n\n{area.NOTES}\n\n")

    def test_library(self, capsys, tmp_path):
        (tmp_path / "tiny.lib").write_text(LIBRARY)
        assert main(["bench", "area", "--json", "--liberty", "tiny.lib"]) == 0
        flint, *_ = json.loads(capsys.readouterr().out)["area"]
        assert flint["unit"] == "µm²"
        assert flint["flip_flops"] == 10 * (3 * 5 + 5 + 3 + 16 + 2)
        assert flint["logic"] > flint["flip_flops"]
        assert flint["border_percent"] <= 0.15
