"""The comparison of the designs: what is measured, and how it is put side by side."""

import csv
import json
from pathlib import Path

import pytest
from brickwork.gen import workloads
from brickwork.gen.api import comparison
from brickwork.gen.cli import main
from brickwork.gen.lib.errors import UsageError

WORKLOAD = """
title = "Three layers"
source = "nobody"
layers = [
  { name = "first", m = 5, k = 12, n = 7 },
  { name = "second", count = 3, m = 4, k = 9, n = 6 },
  { name = "third", m = 3, k = 6, n = 5 },
]
"""


def record(area, cycles, macros=0, fmax=None, unit="gates"):
    memories = [{"words": 256, "width": 32, "kind": "macro"}] * macros
    memories += [{"words": 16, "width": 32, "kind": "register file"}]
    total = {"area": area, "flip_flops": area / 2, "logic": area / 4, "register_files": area / 4}
    if unit == "cells":
        total = {"lut": area, "ff": area / 2, "dsp": 4, "bram": 1.5, "lutram": 0, "carry": 0}
    return {
        "status": "ok",
        "reason": None,
        "area": {"unit": unit, "total": total, "memories": memories},
        "cycles": cycles,
        "cycles_kind": "rtl",
        "fmax_mhz": fmax,
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
    assert [row["in_register_files"] for row in rows] == [250, 125, 500]
    rows = list(comparison.rows(records, 4000))
    assert [row["speed_up"] for row in rows] == [1, 2, 3]
    assert [row["cycles_in_area"] for row in rows] == [150, 75, 50]


def test_clocks():
    """Time counts where clocks are known, cells of FPGAs by their LUTs."""
    slow = record(1000, 600, fmax=100.0, unit="cells")
    fast = record(500, 1200, fmax=400.0, unit="cells")
    first, second = comparison.rows({"slow": slow, "fast": fast})
    assert first == {
        **{"name": "slow", "lut": 1000, "of_first": 1.0, "ff": 500, "dsp": 4, "bram": 2},
        **{"cycles": 600, "cycles_are": "rtl", "MHz": 100.0, "µs": 6.0, "fit": 1.0},
        **{"µs_in_area": 6.0, "speed_up": 1.0},
    }
    assert (second["µs"], second["fit"], second["µs_in_area"], second["speed_up"]) == (3, 2, 1.5, 4)
    papers = [("fast", "slow", 2.8, "paper")]
    (row,) = comparison.claims({"slow": slow, "fast": fast}, papers)
    assert (row["for_the_same_area"], row["for_the_same_PEs"]) == (4, 2)


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        (["eie"], ["EIE, 16 bits"]),
        (["int8", "int8 (TPU)"], ["int8 (TPU)"]),
        (
            ["EIE, 16", "bit fusion, 4x4"],
            ["EIE, 16 bits", "Bit Fusion, 4 × 4, edges 8 × 8", "Bit Fusion, 4 × 4"],
        ),
        (["gemm_os"], ["gemm_os"]),
    ],
)
def test_chosen(texts, names):
    assert [contender.name for contender in comparison.chosen(texts)] == names


@pytest.mark.slow
def test_sparsity(workload, capsys):
    """Each design runs what it can use; what it cannot use, it runs once, dense."""
    designs = ["gemm_os", "int8", "2:4", "1:4", "eie"]
    argv = ["compare", workload, "--rows", "4", "--cols", "2", "--designs", *designs]
    assert main([*argv, "--sparsity", "2:4", "1:4", "0.25@4", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["sparsity"] == ["2:4", "1:4", "0.25@4"]
    records = {row["name"]: row["record"] for row in report["designs"]}
    two, one, eie = "2:4, int8 (NVIDIA)", "1:4, int8 (VEGETA)", "EIE, 16 bits"
    assert list(records) == [
        *("gemm_os", "int8 (TPU)", "int8 (TPU): 0.25@4"),
        *(f"{two}: {text}" for text in ("2:4", "1:4", "0.25@4")),
        *(one, f"{one}: 1:4", f"{one}: 0.25@4"),
        *(f"{eie}: {text}" for text in ("2:4", "1:4", "0.25@4")),
    ]
    cycles = {name: record["cycles"] for name, record in records.items()}
    # Of 12, 9 and 6 terms, 4 rows take 3 + 3 · 3 + 2 tiles of dense weights.
    assert cycles[f"{two}: 2:4"] == cycles[f"{two}: 1:4"] < cycles[one] == cycles["int8 (TPU)"]
    assert cycles[f"{one}: 1:4"] < cycles[f"{two}: 2:4"]
    assert cycles["int8 (TPU): 0.25@4"] < cycles["int8 (TPU)"]
    assert records[f"{eie}: 1:4"]["layers"] == records[f"{eie}: 0.25@4"]["layers"]
    assert records["gemm_os"]["macs"] == 5 * 12 * 7 + 3 * 4 * 9 * 6 + 3 * 6 * 5
    assert records[f"{two}: 2:4"]["macs"] == records["gemm_os"]["macs"] // 2


def test_chosen_by_design():
    every = comparison.contenders()
    assert comparison.chosen(None) == every
    of_ws = [contender for contender in every if contender.design == "gemm_ws"]
    assert comparison.chosen(["gemm_ws"]) == of_ws
    with pytest.raises(UsageError, match=r"^Designs to compare must be one at least$"):
        comparison.chosen([])


class TestFiles:
    @pytest.fixture
    def compared(self, workload):
        bad = record(1, 1) | {"status": "infeasible", "reason": "too large", "area": None}
        records = {"int8": record(1000, 600), "other, 8 × 8": record(500, 600), "bad": bad}
        shape = {"rows": 2, "cols": 2}
        return comparison.Comparison(workloads.load(workload), shape, 0.5, records)

    def test_csv(self, compared):
        compared.write("table.csv")
        with open("table.csv", newline="", encoding="utf-8") as file:
            first, second, bad = csv.DictReader(file)
        assert (first["name"], first["speed_up"], first["status"]) == ("int8", "1.0", "ok")
        assert (second["name"], second["area"]) == ("other, 8 × 8", "500")
        assert (bad["area"], bad["status"], bad["reason"]) == ("", "infeasible", "too large")

    def test_json(self, compared):
        compared.write("all.json")
        assert json.loads(Path("all.json").read_text("utf-8")) == compared.record()

    def test_pages(self, compared):
        compared.write("page.html")
        page = Path("page.html").read_text("utf-8")
        assert page.startswith("<!DOCTYPE html>\n")
        assert "<td>other, 8 × 8</td><td>500</td>" in page
        compared.write("page.md")
        title, _, head, rule, first, second = Path("page.md").read_text("utf-8").splitlines()
        assert title.startswith("# Three layers: 2×2 PEs, areas in gates, sparse engines: 0.5 of")
        assert head.startswith("| name | area | of first |")
        assert rule.count("---") == head.count(" | ") + 1
        assert first.startswith("| int8 | 1,000 | 1.0 |")
        assert second.startswith("| other, 8 × 8 | 500 | 0.5 |")

    @pytest.mark.parametrize(
        ("name", "start"),
        [("a.png", b"\x89PNG\r\n"), ("a.svg", b"<?xml "), ("a.PDF", b"%PDF-1.")],
    )
    def test_plot(self, compared, name, start):
        compared.write(name)
        content = Path(name).read_bytes()
        assert content.startswith(start)
        compared.write(name)
        assert Path(name).read_bytes() == content


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


@pytest.mark.slow
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
    (out, name), designs = ("table.csv", "Bit Fusion, 8 × 8"), ["Bit Fusion", "eie", "gemm_os"]
    assert main([*argv, "--out", out, "--target", "ecp5", "--designs", *designs]) == 0
    text = capsys.readouterr().out
    assert "2×2 PEs, areas in LUTs of ecp5, sparse engines: 0.5 of the weights not zero" in text
    assert "as papers claim it" not in text
    with open(out, newline="", encoding="utf-8") as file:
        table = {row["name"]: row for row in csv.DictReader(file)}
    assert list(table) == [name, inner, "EIE, 16 bits", "gemm_os"]
    assert table[name]["speed_up"] == "1.0"
    assert all(int(row["lut"]) > 0 and int(row["ff"]) > 0 for row in table.values())
    assert main(argv) == 0
    text = capsys.readouterr().out
    heading = "Three layers: 2×2 PEs, areas in gates, sparse engines: 0.5 of the weights not zero"
    assert heading in text
    assert "ANT, MICRO 2022, abstract" in text


SPARSITY = (
    "Sparsity must be N:M such as 2:4, a density over 0 to 1, or the density and size of blocks "
    "such as 0.25@32"
)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nothing"], "Workload must be one of "),
        (["digits", "--density", "0"], "Density must be a number from 0.001 to 1, not '0'"),
        (
            ["eie", "--density", "0.2"],
            "--density must not go with eie, whose layers are sparse",
        ),
        (
            ["eie", "--sparsity", "2:4"],
            "--sparsity must not go with eie, whose layers are sparse",
        ),
        (
            ["digits", "--sparsity", "2:4", "--density", "0.2"],
            "--density must not go with --sparsity",
        ),
        *(
            (["digits", "--sparsity", "2:4", text], f"{SPARSITY}, not {text!r}")
            for text in ("", "4:2", "2:64", "0", "1.1", "nan", "half", "0.5@", "0.5@1", "0.5@2.0")
        ),
        (["digits", "--rows", "1"], "Number of rows must be an integer from 2 to 64, not '1'"),
        (["digits", "--area", "x"], "Area must be a number from 1 to 1000000000000.0, not 'x'"),
        (["digits", "--liberty", "none.lib"], "Liberty file cannot be read: none.lib"),
        (["digits", "--target", "liberty"], "Liberty file must be given for the target liberty"),
        (
            ["digits", "--target", "ecp5", "--liberty", "none.lib"],
            "Liberty file must be left out for the target ecp5",
        ),
        (["digits", "--target", "ecp6"], "Target must be one of ecp5, gates, "),
        (["digits", "--pnr"], "Target to place on must be one of ecp5, gowin, ice40, not 'gates'"),
        (["digits", "--designs", "int9"], "Design to compare must be one of gemm_ws; gemm_os; "),
        (["digits", "--designs", " "], "Design to compare must be one of gemm_ws; gemm_os; "),
        (
            ["digits", "--out", "table.txt"],
            "Output file must end in .csv, .json, .html, .md, .png, .svg, .pdf, not 'table.txt'",
        ),
    ],
)
def test_refused(argv, message, capsys):
    assert main(["compare", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"brickwork: error: {message}")
    assert captured.err.count("\n") == 1
