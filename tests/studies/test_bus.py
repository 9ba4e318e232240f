"""The study of cores behind a bus: its records, its limits, and its table."""

import dataclasses
import json

import pytest
from brickwork import Eie, GemmWs
from brickwork.gen.cli import main
from brickwork.gen.lib.errors import CheckFailed
from brickwork.gen.studies import bus
from brickwork.gen.studies.study import check

pytestmark = pytest.mark.slow  # minutes together

DESIGNS = {
    "gemm_ws": (GemmWs(rows=4, cols=4, max_k=64, acc_depth=32), (32, 16, 16)),
    "eie": (Eie(pes=2, columns=32, entries=256, acts=16, rows=16), (16, 32)),
}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return bus.measure(
        tmp_path_factory.mktemp("bench"),
        designs=DESIGNS,
        widths=(32, 256),
        memory_widths=(64,),
        latencies=(1, 100),
    )


def test_results_and_promises(records):
    check(records)
    assert len(records) == len(DESIGNS) * 4
    for row in records:
        assert row["exact"] is True
        assert row["cycles"] >= row["least_cycles"] * 0.99
        assert row["slowest_cycles"] <= row["least_cycles"]
        assert row["fast_enough"] is (True if row["top"] == "axis" and row["bus"] == 256 else None)


def test_wide_buses_leave_the_core_its_throughput(records):
    wide = [row for row in records if row["bus"] == 256]
    assert len(wide) == len(DESIGNS)
    for row in wide:
        assert row["percent_of_core"] >= bus.LEAST


def test_narrow_buses_take_a_beat_a_cycle(records):
    """The slowest stream of the sparse engine, which is what fills its memories."""
    row = next(row for row in records if row["design"] == "eie" and row["bus"] == 32)
    assert row["slowest"] == "load"
    assert row["beats"]["load"] == row["slowest_cycles"] > row["words"]["load"]
    more = row["beats"]["load"] - row["words"]["load"]
    assert more <= row["cycles"] - row["core_cycles"] <= 1.05 * more


def test_memory_takes_longer_the_later_it_answers(records):
    for design in DESIGNS:
        near, far = (
            row for row in records if row["design"] == design and row["latency"] is not None
        )
        assert (near["latency"], far["latency"]) == (1, 100)
        # A first read and a last answer at least.
        assert far["cycles"] >= near["cycles"] + 2 * 99


def test_stream_cycles():
    def stream(words, beats):
        return {"words_per_beat": words, "beats_per_word": beats}

    streams = {"tiles": stream(4, 1), "acts": stream(1, 1), "results": stream(1, 3)}
    counts = {"tiles": 9, "acts": 5, "results": 7}
    of_streams = {"tiles": 9, "acts": 5, "results": 21}
    assert bus.stream_cycles({"top": "axis", "streams": streams}, counts) == of_streams
    of_memory = of_streams | {"writes": 21, "reads": 3 + 5}
    assert bus.stream_cycles({"top": "axi", "streams": streams}, counts) == of_memory


def test_slow_buses_fail(records):
    slow = [*records, records[0] | {"fast_enough": False}]
    with pytest.raises(CheckFailed, match=r"^1 buses leave less of their core's throughput"):
        check(slow)


def test_command(records, tmp_path, monkeypatch, capsys):
    stub = dataclasses.replace(bus.STUDY, measure=lambda out: records)
    monkeypatch.setattr(bus, "STUDY", stub)
    argv = ["bench", "bus", "--out", str(tmp_path)]
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert bus.STUDY.text(records) in shown
    assert bus.NOTES in shown
    assert max(map(len, bus.NOTES.splitlines())) <= 100
    assert main([*argv, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"bus": records}
