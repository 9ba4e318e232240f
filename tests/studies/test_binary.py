"""The study of products of one bit: areas and cycles, and the table of the family's README."""

import re
from pathlib import Path

import pytest
from brickwork.gen.studies import binary
from brickwork.gen.studies.study import check, of_table

README = Path(__file__).parents[2] / "hdl" / "binary" / "README.md"
CELLS = re.compile(r"\| (\d+), `(\w+)` \| ([\d.,]+) \| ([\d.]+) \| (\d+) \| (\d+) \| ([\d.]+) \|")


pytestmark = pytest.mark.slow  # syntheses


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return list(binary.measure(tmp_path_factory.mktemp("out"), shape=(8, 150, 9)))


def test_areas(records):
    shown = [
        (
            *(str(row["pack"]), row["code"], f"{row['compressors']:,}"),
            *(f"{row['compressors_ratio']:.2f}", str(row["compressors_lut"])),
            *(str(row["adders_lut"]), f"{row['adders_lut'] / row['pack']:.2f}"),
        )
        for row in of_table(records, "areas")
    ]
    assert CELLS.findall(README.read_text()) == shown


def test_each_count_is_the_smaller_one_where_it_is_for(records):
    rows = of_table(records, "areas")
    assert all(row["compressors"] < row["adders"] or row["pack"] == 8 for row in rows)
    assert all(row["adders_lut"] < row["compressors_lut"] for row in rows)
    row = next(row for row in rows if (row["pack"], row["code"]) == (32, "bin"))
    assert row["adders_lut"] <= 1.6 * 32


def test_cycles_are_those_of_the_passes(records):
    check(records)
    rows = {(row["code"], row["operands"]): row["cycles"] for row in of_table(records, "cycles")}
    # 2 × 2 tiles of K and N, each 8 cycles a pass.
    passes = {"bin": (1, 9, 4, 4, 25, 81), "bit": (4, 16, 4, 1, 16, 64)}
    for code, counts in passes.items():
        native = rows[code, f"{code} × {code}"]
        cycles = [rows[code, name] for name, _ in binary.MODES]
        assert cycles == [native + 32 * (count - 1) for count in counts]


def test_report(records):
    text = binary.STUDY.text(records)
    assert "LUT, adders" in text
    assert "int8 × bin" in text
