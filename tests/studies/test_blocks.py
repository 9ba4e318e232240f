"""The study of block-sparse weights: cycles over densities, and sizes of blocks."""

import pytest
from brickwork.gen.studies import blocks
from brickwork.gen.studies.study import check, of_table


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """A smaller product; sizes of blocks are those of the study."""
    out = tmp_path_factory.mktemp("out")
    return list(blocks.measure(out, (64, 256, 256), size=4, densities=(1.0, 0.3, 0.1)))


def test_speedup_is_one_over_the_density(records):
    check(records)
    rows = of_table(records, "densities")
    assert [row["tiles"] for row in rows] == [64 * count for count in (64, 19, 6)]
    assert all(row["ratio"] > 0.99 for row in rows)
    assert blocks.break_even(rows) == pytest.approx(1, abs=1e-3)


def test_small_blocks_fill_tiles(records):
    rows = of_table(records, "sizes")
    assert len(rows) == 2 * len(blocks.ADVICE)
    for row in rows:
        if row["block"] % row["array"]:
            assert row["tiles_kept"] > 1.5 * row["density"]
            assert row["ratio"] < 0.7
        else:
            assert row["tiles_kept"] == pytest.approx(row["density"])


def test_report(records):
    text = blocks.STUDY.text(records)
    assert "below a density of 1.000" in text
    assert max(map(len, text.splitlines())) <= 100
