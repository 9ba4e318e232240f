"""The digits network pruned to patterns: masks, accuracy, and cycles on both arrays."""

import numpy as np
import pytest
from brickwork.gen.studies import networks, nm_digits
from brickwork.gen.studies.study import check
from brickwork.gen.workloads import digits
from brickwork.sim.golden.sparse.nm import Pattern, fits

pytestmark = pytest.mark.slow  # a minute


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return list(nm_digits.measure(tmp_path_factory.mktemp("out"), size=8))


def test_weights_keep_to_the_pattern():
    dense = digits.train()
    for text, network, _ in nm_digits.prune(dense, nm_digits.PATTERNS):
        layers = networks.quantize(network, networks.SCHEMES["int8"])
        for layer, trained, matrix in zip(layers, network.weights, dense.weights, strict=True):
            assert fits(trained != 0, Pattern.parse(text))
            assert fits(layer.weights != 0, Pattern.parse(text))
            kept = trained != 0
            assert not np.array_equal(trained[kept], matrix[kept])  # they were trained again


def test_all_images(records):
    check(records)
    dense, same, two, wide, one = records
    assert [row["weights"] for row in records] == ["1:1", "1:1", "2:4", "1:1", "1:4"]
    assert {row["images"] for row in records} == {360}
    assert dense["accuracy"] == same["accuracy"] == wide["accuracy"] > 0.97
    assert two["pruned_accuracy"] < two["tuned_accuracy"]
    assert two["accuracy"] > dense["accuracy"] - 0.01
    assert one["accuracy"] > dense["accuracy"] - 0.03
    assert two["speed_up"] == pytest.approx(2, abs=0.05)
    # K of the last layer, 32, is a tile of 1:4 and four of dense weights on 8 rows.
    assert one["speed_up"] == pytest.approx(4, abs=0.2)


def test_a_wrong_result_is_found(tmp_path, monkeypatch):
    golden = networks.golden

    def wrong(layer, codes):
        sums = golden(layer, codes)
        return sums + (np.arange(sums.size).reshape(sums.shape) == 7)

    monkeypatch.setattr(networks, "golden", wrong)
    row, *_ = nm_digits.measure(tmp_path, size=8)
    assert row["exact"] is False


def test_report(records):
    text = nm_digits.STUDY.text(records)
    assert "gemm_nm, 2:4" in text
    assert max(map(len, text.splitlines())) <= 100
