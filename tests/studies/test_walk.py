"""The study of walks through block-sparse weights: its records, and what the index saves."""

import pytest
from brickwork import GemmWs
from brickwork.gen.studies import walk
from brickwork.gen.studies.study import check

pytestmark = pytest.mark.slow  # two simulators

CORE = GemmWs(rows=4, cols=4, acc_depth=32, max_k=64, output="scale")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench")
    shape = (32, 64, 64)
    return list(walk.measure(out, core=CORE, shape=shape, block=8, densities=(1, 0.25)))


def test_results(records):
    check(records)
    assert [(row["density"], row["walk"]) for row in records] == [
        (1, 0),
        (1, 1),
        (0.25, 0),
        (0.25, 1),
    ]
    assert [row["tiles"] for row in records] == [256, 256, 64, 64]
    assert all(row["exact"] is True for row in records)


def test_the_index_costs_no_cycles(records):
    """But those until the first of its words have come, once in a job."""
    for listed, walked in zip(records[::2], records[1::2], strict=True):
        assert 0.9 * listed["cycles"] < walked["cycles"] < listed["cycles"] + 100


def test_memory_has_a_once(records):
    listed, walked = records[:2]
    assert walked["read_bytes"] < listed["read_bytes"] + 4096
    # All columns of W but the first group, and words of the index.
    repeated = 32 * 64 * 15
    assert listed["prepared_bytes"] - walked["prepared_bytes"] > repeated - 4096


def test_report(records):
    text = walk.STUDY.text(records)
    assert "of 1/density" in text
    assert "index" in text
