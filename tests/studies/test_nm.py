"""The study of N:M sparsity: areas over dense PEs, and speed-ups of networks."""

import pytest
from brickwork.gen.studies import nm
from brickwork.gen.studies.study import check, of_table

pytestmark = pytest.mark.slow  # syntheses


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    names = (nm.DENSE, nm.PAIR, "2:4, tree", *nm.OUTLIERS.values())
    return list(nm.measure(tmp_path_factory.mktemp("out"), names=names, networks=["resnet18"]))


def test_areas(records):
    dense, pair, sparse, narrow, wide = of_table(records, "areas")
    assert [row["name"] for row in (dense, pair, sparse)] == [nm.DENSE, nm.PAIR, "2:4, tree"]
    assert dense["ratio"] == pair["pair_ratio"] == 1
    # A shared sum takes fewer registers, choices take logic.
    assert pair["area"] < dense["area"] < sparse["area"]
    assert narrow["ratio"] < 0.5
    assert wide["ratio"] < 0.75


def test_networks_are_as_fast_as_their_patterns_allow(records):
    check(records)
    two, one = of_table(records, "networks")
    assert (two["pattern"], one["pattern"]) == ("2:4", "1:4")
    assert two["speedup"] == pytest.approx(2, abs=0.02)
    assert one["speedup"] == pytest.approx(4, abs=0.1)
    assert two["speedup_per_area"] < two["speedup"]


def test_vegeta(records):
    rows = {row["weights"]: row for row in of_table(records, "VEGETA")}
    assert {text: row["paper"] for text, row in rows.items()} == nm.VEGETA
    assert rows["4:4"]["most"] == pytest.approx(1, abs=0.01)
    assert rows["0.05"]["least"] == pytest.approx(1, abs=0.01)
    assert rows["2:4"]["least"] == pytest.approx(2, abs=0.02)


def test_outliers(records):
    """A few cost nothing, and more rows take more of them."""
    one, two = of_table(records, "outliers")
    assert (one["1%"], one["3%"]) == (1, 1)
    assert 1 < one["5%"] < one["8%"]
    assert two["8%"] < one["8%"]


def test_report(records):
    text = nm.STUDY.text(records)
    assert "over the pair" in text
    assert "resnet18" in text
