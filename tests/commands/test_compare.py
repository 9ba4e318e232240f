"""The comparison of the designs: what is measured, and how it is put side by side."""

import json

import pytest
from brickwork.gen.api import comparison
from brickwork.gen.cli import main

WORKLOAD = """
title = "Three layers"
source = "nobody"
layers = [
  { name = "first", m = 5, k = 12, n = 7 },
  { name = "second", count = 3, m = 4, k = 9, n = 6 },
  { name = "third", m = 3, k = 6, n = 5 },
]
"""


def record(area, cycles, macros=0):
    memories = [{"words": 256, "width": 32, "kind": "macro"}] * macros
    memories += [{"words": 16, "width": 32, "kind": "flip-flops"}]
    total = {"area": area, "flip_flops": area / 2, "logic": area / 2}
    return {
        "status": "ok",
        "reason": None,
        "area": {"unit": "gates", "total": total, "memories": memories},
        "cycles": cycles,
        "cycles_kind": "rtl",
    }


@pytest.fixture
def few(monkeypatch):
    """Only some of the contenders: one of each kind."""
    names = ("int8 (TPU)", "flint4 (ANT)", "EIE, 16 bits", "Bit Fusion, 8 × 8")
    wanted = [
        contender
        for contender in comparison.contenders()
        if contender.name in names or contender.edges
    ]
    monkeypatch.setattr(comparison, "contenders", lambda: wanted)
    return {contender.name: contender for contender in wanted}


@pytest.fixture
def workload(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "three.toml").write_text(WORKLOAD, "utf-8")
    return "three.toml"


def test_table():
    """Half the area is half the time; an area that is given changes all designs alike."""
    records = {"int8": record(1000, 600), "small": record(500, 600), "fast": record(2000, 100, 2)}
    rows = list(comparison.rows(records))
    assert [row["speed_up"] for row in rows] == [1, 2, 3]
    assert [row["fit"] for row in rows] == [1, 2, 0.5]
    assert [row["cycles_in_area"] for row in rows] == [600, 300, 200]
    assert [row["SRAM_KiB"] for row in rows] == [0, 0, 2]
    rows = list(comparison.rows(records, 4000))
    assert [row["speed_up"] for row in rows] == [1, 2, 3]
    assert [row["cycles_in_area"] for row in rows] == [150, 75, 50]


def test_claims():
    papers = [("a", "b", 2.8, "paper"), ("a", "c", 4.0, "paper")]
    bad = record(1, 1) | {"status": "failed", "reason": "no"}
    records = {"a": record(100, 50), "b": record(300, 75), "c": bad}
    (row,) = comparison.claims(records, papers)
    assert (row["paper"], row["for_the_same_area"], row["for_the_same_PEs"]) == (2.8, 4.5, 1.5)
    # What could not be measured is in no table, but the rest is.
    assert [row["name"] for row in comparison.rows({"a": record(1, 1), "c": bad})] == ["a"]


def test_claims_are_of_contenders():
    names = {contender.name for contender in comparison.contenders()}
    assert {name for claim in comparison.CLAIMS for name in claim[:2]} <= names


def test_measured(few, workload, capsys):
    argv = ["compare", workload, "--rows", "2", "--cols", "2", "--density", "0.5"]
    assert main([*argv, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    records = {row["name"]: row["record"] for row in report["designs"]}
    assert set(records) == set(few)

    def layers(name):
        return [layer["cycles"] for layer in records[name]["layers"]]

    # The first and the last layer in 8 bits, the ones between in 4: with four times the terms.
    inner, edges = "Bit Fusion, 4 × 4, edges 8 × 8", "Bit Fusion, 8 × 8"
    assert layers(inner)[::2] == layers(edges)[::2]
    assert layers(inner)[1] < layers(edges)[1]
    a, b, c = layers(inner)
    assert records[inner]["cycles"] == a + 3 * b + c
    assert records[inner]["area"] == records[edges]["area"]
    assert records["int8 (TPU)"]["macs"] == 5 * 12 * 7 + 3 * 4 * 9 * 6 + 3 * 6 * 5
    assert records["EIE, 16 bits"]["macs"] == 5 * 12 * 7 // 2 + 3 * 4 * 9 * 6 // 2 + 3 * 6 * 5 // 2
    assert records["EIE, 16 bits"]["pes"] == 4
    rows = {row["name"]: row for row in report["designs"]}
    assert rows["flint4 (ANT)"]["of_first"] < 1 < rows[edges]["of_first"]
    (claim,) = report["claims"]
    ratio = rows["flint4 (ANT)"]["speed_up"] / rows[edges]["speed_up"]
    assert claim["for_the_same_area"] == pytest.approx(ratio, rel=0.02)
    assert main(argv) == 0
    text = capsys.readouterr().out
    heading = "Three layers: 2×2 PEs, areas in gates, sparse engines: 0.5 of the weights not zero"
    assert heading in text
    assert "ANT, MICRO 2022, abstract" in text


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nothing"], "Workload must be one of "),
        (["digits", "--density", "0"], "Density must be a number from 0.001 to 1, not '0'"),
        (
            ["eie", "--density", "0.2"],
            "--density must not go with eie, whose layers have densities",
        ),
        (["digits", "--rows", "1"], "Number of rows must be an integer from 2 to 64, not '1'"),
        (["digits", "--area", "x"], "Area must be a number from 1 to 1000000000000.0, not 'x'"),
        (["digits", "--liberty", "none.lib"], "Liberty file cannot be read: none.lib"),
    ],
)
def test_refused(argv, message, capsys):
    assert main(["compare", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"brickwork: error: {message}")
    assert captured.err.count("\n") == 1
