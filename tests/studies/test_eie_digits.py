"""The digits network with few weights: training, fixed point, and the engine beside gemm_ws."""

import itertools
import json
import re

import numpy as np
import pytest
from brickwork.gen.studies import eie_digits, eie_network
from brickwork.gen.studies.study import check
from brickwork.gen.workloads import digits

pytestmark = pytest.mark.slow  # minutes together

DENSITIES = (0.5, 0.25, 0.10)


@pytest.fixture(scope="module")
def dense():
    return digits.train()


@pytest.fixture(scope="module")
def pruned(dense):
    return eie_network.prune(dense, DENSITIES)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """On 4 PEs, and on an array of 2 × 2."""
    out = tmp_path_factory.mktemp("out")
    sizes = {"arrays": (2,), "densities": (0.25, 0.10), "names": ("all options",)}
    return eie_digits.measure(out, **sizes)


def test_what_is_pruned_stays_zero(dense, pruned):
    for net in pruned:
        sizes = [matrix.size for matrix in net.network.weights]
        left = sum(np.count_nonzero(matrix) for matrix in net.network.weights)
        assert left == round(net.density * sum(sizes))
    networks = [dense, *(net.network for net in pruned)]
    for before, after in itertools.pairwise(map(_kept, networks)):
        assert all(np.all(was | ~stays) for was, stays in zip(before, after, strict=True))


def _kept(network):
    return [matrix != 0 for matrix in network.weights]


def test_least_magnitudes_go(dense):
    """Of all layers together; nothing is trained when nothing goes."""
    unpruned, half = eie_network.prune(dense, (1.0, 0.5))
    assert all(map(np.array_equal, unpruned.network.weights, dense.weights))
    assert unpruned.before_tuning == unpruned.network.accuracy == dense.accuracy
    sizes = np.sort(np.abs(np.concatenate([part.ravel() for part in dense.weights])))
    least = sizes[sizes.size - round(sizes.size / 2)]
    for part, keep in zip(dense.weights, _kept(half.network), strict=True):
        assert np.array_equal(np.abs(part) >= least, keep)


def test_training_again_pays(pruned):
    for net in pruned:
        assert net.network.accuracy > 0.94
    assert pruned[-1].before_tuning < 0.8


def test_training_is_the_same_every_time(dense, pruned):
    (again,) = eie_network.prune(dense, DENSITIES[:1])
    assert all(map(np.array_equal, again.network.weights, pruned[0].network.weights))
    assert all(map(np.array_equal, again.network.biases, pruned[0].network.biases))


def test_slopes(dense):
    """They are those of the mean cross-entropy, by differences."""
    rng = np.random.default_rng(1)
    weights = [part * 0.5 for part in dense.weights]
    values = [*weights, *dense.biases]
    images, wanted = dense.train_images[:7], np.eye(10)[dense.train_labels[:7]]

    def loss():
        logits = digits.forward(values[:3], values[3:], images)[-1]
        logits = logits - logits.max(axis=1, keepdims=True)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return -np.log((shares * wanted).sum(axis=1)).mean()

    slopes = eie_network._slopes(values[:3], values[3:], images, wanted)
    for part, slope in zip(values, slopes, strict=True):
        at = tuple(rng.integers(0, size) for size in part.shape)
        kept, step = part[at], 1e-6
        part[at] = kept + step
        above = loss()
        part[at] = kept - step
        below = loss()
        part[at] = kept
        assert (above - below) / (2 * step) == pytest.approx(slope[at], abs=1e-6)


def test_fixed_point(dense, pruned):
    """Codes are the numbers that floats give, with shared weights and the biases among them."""
    network = pruned[1].network
    layers = eie_network.fix(network, dense.train_images)
    vectors = eie_network.inputs(dense.test_images)
    assert vectors.shape == (360, 65)
    assert np.all(vectors[:, -1] == 16)
    codes = eie_network.infer(layers, vectors).astype(float)
    values = dense.test_images
    for layer, weights, bias in zip(layers, network.weights, network.biases, strict=True):
        outputs = len(bias)
        assert len(layer.indices) == outputs + (layer is not layers[-1])
        assert len(layer.codebook) <= 16
        assert np.array_equal(layer.indices[:outputs, :-1] != 0, weights.T != 0)
        shared, indices = np.zeros(weights.shape), layer.indices[:outputs, :-1].T
        for index in np.unique(indices[indices != 0]):
            own = indices == index
            shared[own] = weights[own].mean()
        values = values @ shared + bias
        values = np.maximum(values, 0) if layer is not layers[-1] else values
    # Clusters hold biases too, so that their means are not quite those of the weights.
    for ours, exact in zip(codes[:50], values[:50], strict=True):
        assert np.corrcoef(ours, exact)[0, 1] > 0.99


def test_engine(records):
    check(records)
    quarter, tenth = records
    for row in records:
        assert row["exact"] is True
        assert row["images"] == 360
        assert row["float_accuracy"] == pytest.approx(0.975)
        assert row["accuracy"] > 0.93
        # One activation is broadcast in a cycle.
        assert row["live_activations"] < row["cycles_alone"]
        assert row["speed_up_all"] == row["gemm_ws_cycles_all"] / row["cycles_all"]
        assert row["speed_up_alone"] > row["speed_up_all"] > 1
        assert row["gemm_ws_accuracy"] > 0.97
    assert tenth["cycles_all"] < quarter["cycles_all"]
    assert tenth["entries"] < quarter["entries"]
    assert sum(tenth["weights"]) == round(0.1 * 6464)


def test_a_wrong_result_is_found(tmp_path, monkeypatch):
    infer = eie_network.infer

    def wrong(layers, values):
        y = infer(layers, values)
        return y + (np.arange(y.size).reshape(y.shape) == 7) * (len(layers) == 3)

    monkeypatch.setattr(eie_network, "infer", wrong)
    sizes = {"arrays": (2,), "densities": (0.10,), "names": ("all options",)}
    (row,) = eie_digits.measure(tmp_path, **sizes)
    assert row["exact"] is False


def test_text(records, tmp_path):
    text = eie_digits.STUDY.write(tmp_path, "eie_digits", records)
    written = json.loads((tmp_path / "eie_digits.json").read_text())
    assert written["records"] == records
    assert {"brickwork", "numpy", "verilator"} <= set(written["tools"])
    first = text.splitlines()
    assert re.split(r"  +", first[0]) == [
        *("configuration", "PEs", "weights", "pruned", "tuned", "accuracy", "live", "one"),
        *("gemm ws", "speed-up", "all", "gemm ws, all", "speed-up, all", "exact"),
    ]
    assert first[1].startswith("all options      4  25%")
    assert "in floats has 97.50%" in text
    assert max(map(len, text.splitlines()[4:])) <= 100
