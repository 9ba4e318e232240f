"""The study of simulation speed: its table, its file, and that the simulators agree."""

import functools
import json

import pytest
from brickwork.gen.lib.errors import CheckFailed
from brickwork.gen.studies import emission, harness, simulators, speed
from brickwork.gen.studies.study import SCHEMA, check

NAMES = ("driver", "cocotb", "amaranth", "harness")


def record(**values):
    return dict.fromkeys(speed.COLUMNS) | values


def test_table():
    records = [
        record(array="8x8", way="ours", m=1024, cycles_per_second=2500000, ratio=1.0, exact=True),
        record(array="64x64", way="other", note="not installed: it"),
    ]
    lines = speed.STUDY.text(records).splitlines()
    assert lines[0] == (
        "array  way        M  emission s  cold build s  warm  cached   cycles/s  MAC/s  ratio"
        "  exact  note"
    )
    assert lines[1] == f"8x8    ours   1,024{'2,500,000':>51}{'1.0':>14}{'yes':>7}"
    assert lines[2] == f"64x64  other{'':>81}not installed: it"
    assert "note" not in speed.STUDY.text(records[:1])


@pytest.mark.slow
def test_small(tmp_path, monkeypatch):
    # Speed is not looked at here, and optimising would take most of the test.
    quick = functools.partial(harness.build, compiler_options=("-O0", *harness.COMPILER[1:]))
    monkeypatch.setattr(harness, "build", quick)
    records = speed.measure(tmp_path, sizes=[2], runs=2, seconds=0.05, simulators=NAMES, cold=False)
    check(records)
    speed.STUDY.write(tmp_path, "speed", records)
    written = json.loads((tmp_path / "speed.json").read_text())
    assert set(written) == {"schema", "date", "machine", "tools", "columns", "records"}
    assert written["schema"] == SCHEMA
    assert {"python", "brickwork", "amaranth", "cocotb", "verilator", "compiler"} <= set(
        written["tools"]
    )
    assert written["records"] == records
    assert [row["way"] for row in records] == [simulators.SIMULATORS[name].title for name in NAMES]
    for row in records:
        assert set(row) == set(speed.COLUMNS) == set(written["columns"])
        assert row["array"] == "2x2"
        assert row["same_cycles"] is True
        assert row["exact"] is (None if row["way"] == simulators.Harness.title else True)
        assert len(row["seconds"]) == 2
        assert row["cycles"] >= row["m"]
        assert row["cycles_per_second"] > 0
        assert row["macs_per_second"] == pytest.approx(4 * row["cycles_per_second"], rel=0.01)
    assert records[0]["ratio"] == 1
    rates = [row["cycles_per_second"] for row in records]
    assert [row["ratio"] for row in records] == pytest.approx(
        [rate / rates[0] for rate in rates], rel=0.01
    )


def test_what_is_missing_or_too_slow_is_said(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(simulators.shutil, "which", lambda name: None)
        assert simulators.Icarus(2, None, tmp_path).missing() == "iverilog"
    monkeypatch.setattr(simulators.Icarus, "missing", lambda simulator: "iverilog")
    monkeypatch.setattr(simulators.Amaranth, "largest", 1)
    names = ("driver", "amaranth", "icarus")
    records = speed.measure(tmp_path, sizes=[2], runs=1, seconds=0.01, simulators=names, cold=False)
    assert [row["note"] for row in records] == [
        None,
        simulators.Amaranth.too_large,
        "not installed: iverilog",
    ]
    assert records[1]["cycles_per_second"] is None
    check(records)


def test_check():
    with pytest.raises(CheckFailed, match="1 products do not match the golden model"):
        check([record(exact=True), record(exact=False)])
    with pytest.raises(CheckFailed, match="1 simulators take other cycles for the same product"):
        check([record(same_cycles=False)])


def test_emission(tmp_path):
    records = list(emission.measure(tmp_path, (2,), (2,)))
    assert [row["way"] for row in records] == [
        "shared modules",
        "plain, native yosys",
        "plain, as installed",
    ]
    assert records[0]["bytes"] < records[1]["bytes"]
    assert records[0]["modules"] < records[1]["modules"]
