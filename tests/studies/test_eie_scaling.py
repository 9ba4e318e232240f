"""The sparse engine over queues and PEs: layers of a sixteenth of the size, and the plot."""

import json
import re

import pytest
from brickwork.gen.studies import eie_scaling
from brickwork.gen.studies.study import check

pytestmark = pytest.mark.slow  # minutes together

ENGINES = [(1, 8), (4, 2), (4, 8)]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return eie_scaling.measure(out, names=["Alex-7", "NT-We"], sizes=ENGINES, scale=16)


def test_points():
    points = eie_scaling.points()
    assert len(points) == len(set(points)) == 14
    assert [pes for pes, depth in points if depth == 8] == [2**n for n in range(9)]
    assert [depth for pes, depth in points if pes == 64] == [2, 4, 8, 16, 32, 64]


def test_records(records):
    check(records)
    assert [(row["layer"], row["pes"], row["queue_depth"]) for row in records] == [
        (layer, *engine) for layer in ("Alex-7", "NT-We") for engine in ENGINES
    ]
    for row in records:
        assert row["exact"] is True
        assert row["balance"] == row["entries"] / (row["pes"] * row["cycles"])
        assert row["real_work"] == row["macs"] / row["entries"] <= 1
        assert row["parameters"]["queue_depth"] == row["queue_depth"]
    for one, short, long in (records[:3], records[3:]):
        # A word needs a cycle more to pass a deep queue; else that is never worse.
        assert one["cycles"] / 4.5 < long["cycles"] <= short["cycles"] + 1
        assert one["cycles"] > 2 * long["cycles"]
        assert one["macs"] == long["macs"] == short["macs"]
        assert one["real_work"] < long["real_work"] == short["real_work"]
    # Few rows: PEs wait for each other, and less so with deep queues.
    _, short, long = records[3:]
    assert long["balance"] > 1.05 * short["balance"]


def test_text(records):
    lines = eie_scaling.STUDY.text(records).splitlines()
    assert re.split(r"  +", lines[0]) == [
        *("layer", "PEs", "queue", "cycles", "speed-up", "balance %", "real work %", "exact"),
    ]
    assert " 1.00 " in lines[1]
    last = records[-1]
    assert f" {records[3]['cycles'] / last['cycles']:.2f} " in lines[6]
    assert max(map(len, lines)) <= 100


def test_plot(records, tmp_path, monkeypatch):
    monkeypatch.setattr(eie_scaling, "PES", 4)
    text = eie_scaling.STUDY.write(tmp_path, "eie_scaling", records)
    assert text.endswith(f"plot: {tmp_path / 'eie_scaling.svg'}")
    assert json.loads((tmp_path / "eie_scaling.json").read_text())["records"] == records
    drawn = (tmp_path / "eie_scaling.svg").read_bytes()
    eie_scaling.draw(records, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == drawn
    # Every number is somewhere in the picture.
    for name, value in (("balance", 0.5), ("cycles", 5000), ("real_work", 0.5)):
        other = [*records[:-1], records[-1] | {name: value}]
        eie_scaling.draw(other, tmp_path / "other.svg")
        assert (tmp_path / "other.svg").read_bytes() != drawn
