"""The digits network with a width for each layer: the search, and the RTL in changing modes."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.gen.lib.errors import CheckFailed
from brickwork.gen.studies import mixed
from brickwork.gen.studies.study import check
from brickwork.gen.workloads import digits
from brickwork.sim.golden import formats

pytestmark = pytest.mark.slow  # minutes together


@pytest.fixture(scope="module")
def network():
    return digits.train()


@pytest.fixture(scope="module")
def layers(network):
    return mixed.variants(network)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """With 8 bits everywhere and with chosen widths, on a small array."""
    return mixed.measure(tmp_path_factory.mktemp("out"), size=4)


@pytest.fixture
def selection(records, layers):
    """The layers with the widths of the search, and their record."""
    return mixed.mix(layers, records[1]["search"][-1]["widths"]), records[1]


def bit_products(layer):
    """Cycles of a layer on an array that multiplies bit by bit."""
    a_bits, w_bits = (formats.get_integer(name).bits for name in (layer.a_type, layer.w_type))
    return layer.weights.size * a_bits * w_bits


def classified_right(layers, images, labels):
    """Images that a network in plain numpy integers classifies right."""
    values = images
    for layer in layers:
        largest = 2 ** int(layer.a_type.removeprefix("uint")) - 1
        codes = np.clip(np.rint(values / layer.a_scale), 0, largest).astype(np.int64)
        outputs = (codes @ layer.weights) * (layer.a_scale * layer.w_scale) + layer.bias
        values = np.maximum(outputs, 0)
    return int((outputs.argmax(axis=1) == labels).sum())


def test_rtl_equals_golden(records):
    assert [record["network"] for record in records] == ["all 8 bits", "mixed"]
    for record in records:
        assert record["exact"]
        assert record["images"] == 360
        assert [layer["exact"] for layer in record["layers"]] == [True] * 3
        assert [layer["m"] for layer in record["layers"]] == [360] * 3
        assert record["accuracy"] == record["golden_accuracy"]
        assert record["accuracy"] > 0.93


def test_accuracy_is_that_of_plain_integers(selection, network):
    layers, record = selection
    right = classified_right(layers, network.test_images, network.test_labels)
    assert record["accuracy"] == right / 360
    right = classified_right(layers, network.train_images, network.train_labels)
    assert record["calibration_accuracy"] == right / record["calibration_images"]


def test_within_the_budget(records):
    eight, narrow = records
    assert narrow["budget"] == 1
    assert narrow["calibration_accuracy"] >= eight["calibration_accuracy"] - 0.01
    least = eight["search"][0]["right"] - 0.01 * eight["calibration_images"]
    assert all(step["right"] >= least for step in narrow["search"])


def test_what_is_saved(records, selection):
    eight, record = records
    layers, _ = selection
    assert eight["speed_up"] == 1
    assert record["speed_up"] == eight["cycles"] / record["cycles"] > 3
    assert eight["weight_bits"] == 8 * (64 * 64 + 64 * 32 + 32 * 10)
    widths = [int(layer.w_type.removeprefix("int")) for layer in layers]
    assert record["weight_bits"] == 4096 * widths[0] + 2048 * widths[1] + 320 * widths[2]
    assert record["weight_bits"] < eight["weight_bits"]


def test_types_are_those_of_the_search(records, selection):
    layers, record = selection
    assert {layer["a_type"] for layer in records[0]["layers"]} == {"uint8"}
    assert {layer["w_type"] for layer in records[0]["layers"]} == {"int8"}
    for layer, row, pair in zip(
        layers, record["layers"], record["search"][-1]["widths"], strict=True
    ):
        assert (f"uint{pair[0]}", f"int{pair[1]}") == (row["a_type"], row["w_type"])
        assert (layer.a_type, layer.w_type) == (row["a_type"], row["w_type"])
    assert len({(layer.a_type, layer.w_type) for layer in layers}) > 1


def test_cycles_in_one_simulation(records):
    """Those of the layers by themselves without what overlaps, and waits where the mode changes."""
    eight, narrow = records
    assert eight["mode_switches"] == eight["switch_cycles"] == 0
    assert narrow["mode_switches"] >= 1
    assert 0 < narrow["switch_cycles"] <= narrow["switch_cycles_bound"]
    for record in records:
        alone = [layer["cycles"] for layer in record["layers"]]
        rows = [layer["rows_of_acts"] for layer in record["layers"]]
        around = {one - other for one, other in zip(alone, rows, strict=True)}
        assert len(around) == 1
        assert record["cycles"] == sum(rows) + around.pop() + record["switch_cycles"]
        assert record["cycles"] <= sum(alone) + record["switch_cycles_bound"]
        assert record["as_promised"]


def test_rows_of_activations(records):
    """360 for each tile of K and of N; a tile of K has 4 · 64 / (bits · bits) terms."""
    for record in records:
        for layer in record["layers"]:
            bits = [int(layer[name].strip("uint")) for name in ("a_type", "w_type")]
            k_tiles = -(-layer["k"] * bits[0] * bits[1] // (4 * 64))
            assert layer["rows_of_acts"] == 360 * k_tiles * -(-layer["n"] // 4)


def test_each_step_lowers_one_width(records):
    for before, after in itertools.pairwise(records[1]["search"]):
        pairs = zip(np.ravel(before["widths"]), np.ravel(after["widths"]), strict=True)
        assert sorted(one // other for one, other in pairs) == [1] * 5 + [2]
        saved = [before[what] - after[what] for what in ("cycles", "weight_bits")]
        assert min(saved) >= 0
        assert max(saved) > 0


def test_search_sees_no_test_data_and_keeps_a_budget_of_zero(network, layers):
    blind = dataclasses.replace(network, test_images=None, test_labels=None)
    first, *steps = mixed.search(blind, layers, bit_products, 0)
    assert first.widths == ((8, 8),) * 3
    assert steps
    assert all(step.right >= first.right for step in steps)
    last = mixed.mix(layers, steps[-1].widths)
    assert classified_right(last, network.train_images, network.train_labels) == steps[-1].right


@pytest.fixture
def choices(monkeypatch, network, layers):
    """Widths in the order of the search, where so many images are lost by layers not in uint8.

    Activations of 4 bits save half of a layer's cycles, which are its K; other widths save none.
    """
    cycles = {"uint8": 2, "uint4": 1, "uint2": 1}

    def search(lost, budget):
        def infer(layers, *_):
            narrow = [layer.a_type != "uint8" for layer in layers]
            logits = np.eye(10)[network.train_labels]
            logits[: np.dot(lost, narrow)] *= -1
            return logits

        monkeypatch.setattr(mixed.networks, "infer", infer)
        steps = mixed.search(
            network, layers, lambda layer: len(layer.weights) * cycles[layer.a_type], budget
        )
        return [step.widths for step in steps]

    return search


def test_search_saves_cycles_and_then_bits_of_weights(choices):
    """Narrower activations that save no cycles are no use."""
    assert choices((0, 0, 0), 0) == [
        ((8, 8), (8, 8), (8, 8)),
        ((4, 8), (8, 8), (8, 8)),
        ((4, 8), (4, 8), (8, 8)),
        ((4, 8), (4, 8), (4, 8)),
        ((4, 4), (4, 8), (4, 8)),
        ((4, 2), (4, 8), (4, 8)),
        ((4, 2), (4, 4), (4, 8)),
        ((4, 2), (4, 2), (4, 8)),
        ((4, 2), (4, 2), (4, 4)),
        ((4, 2), (4, 2), (4, 2)),
    ]


def test_search_goes_by_cycles_for_an_image(choices):
    """64 / (5 + 1), 64 / (0 + 1) and 32 / (1 + 1) cycles for what is lost."""
    lowered = [[pair[0] for pair in widths] for widths in choices((5, 0, 1), 100)]
    assert lowered[:4] == [[8, 8, 8], [8, 4, 8], [8, 4, 4], [4, 4, 4]]


@pytest.mark.parametrize(("images", "last"), [(6, [4, 4, 4]), (5, [8, 4, 4]), (0, [8, 4, 8])])
def test_search_keeps_the_budget(choices, network, images, last):
    budget = 100 * (images + 0.01) / len(network.train_images)
    assert [pair[0] for pair in choices((5, 0, 1), budget)[-1]] == last


def test_command(records, tmp_path, monkeypatch, capsys):
    budgets = []

    def measure(out, budget):
        budgets.append(budget)
        return records

    stub = dataclasses.replace(mixed.STUDY, measure=measure)
    monkeypatch.setattr(mixed, "STUDY", stub)
    argv = ["bench", "mixed", "--out", str(tmp_path)]
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert mixed.STUDY.text(records) in shown
    assert max(map(len, shown.splitlines())) <= 100
    lines = [line.split() for line in shown.splitlines()]
    accuracy, cycles = f"{records[1]['accuracy']:.2%}", f"{records[1]['cycles']:,}"
    assert ["floats", "97.50%"] in [line[:2] for line in lines]
    assert any(line[:2] == ["mixed", accuracy] and cycles in line for line in lines)
    assert main([*argv, "--json", "--budget", "2.5"]) == 0
    assert json.loads(capsys.readouterr().out) == {"mixed": json.loads(json.dumps(records))}
    assert budgets == [1, 2.5]


def test_text_without_a_change_of_mode(records):
    eight, _ = records
    assert mixed.STUDY.text([eight, eight]).endswith(
        "With the widths above the mode does not change."
    )


@pytest.mark.parametrize("budget", ["-1", "101", "nan", "all", ""])
def test_wrong_budget(budget, tmp_path, capsys):
    assert main(["bench", "mixed", "--out", str(tmp_path / "out"), "--budget", budget]) == 2
    message = f"Budget must be a number from 0 to 100, not {budget!r}"
    captured = capsys.readouterr()
    assert captured.err == f"brickwork: error: {message}\n"
    assert captured.out == ""
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_fails(records):
    eight, narrow = records
    with pytest.raises(CheckFailed, match=r"^1 networks take other cycles than scheduled: "):
        check([eight, narrow | {"as_promised": False}])
    with pytest.raises(CheckFailed, match=r"^1 products do not match the golden model: "):
        check([eight, narrow | {"exact": False}])
