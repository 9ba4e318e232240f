"""Errors of formats on random tensors, and the digits network's accuracy on the RTL."""

import dataclasses
import itertools
import json
import math
from xml.etree import ElementTree

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.gen.lib.errors import CheckFailed
from brickwork.gen.studies import networks, quality, quality_plot, tensors
from brickwork.gen.studies.study import SCHEMA, check
from brickwork.gen.workloads import digits
from brickwork.sim.golden import formats

pytestmark = pytest.mark.slow  # minutes together

#: What no 16 values can do better, in dB, for tensors of one scale: 6.02 dB a bit on uniform
#: ones; Lloyd and Max's quantizers on the others (Jayant and Noll, Digital Coding of Waveforms).
LIMITS = {"uniform": 24.08, "gaussian": 20.22, "laplace": 18.13}


@pytest.fixture(scope="module")
def errors():
    return list(tensors.measure())


@pytest.fixture(scope="module")
def by_format(errors):
    """The records with one scale for each tensor, by distribution and format."""
    return {(row["distribution"], row["format"]): row for row in errors if row["scale"] == "tensor"}


@pytest.fixture(scope="module")
def blocks():
    return list(tensors.measure_blocks())


@pytest.fixture(scope="module")
def network():
    return digits.train()


@pytest.fixture(scope="module")
def on_rtl(tmp_path_factory):
    """Every scheme, on a small array."""
    return list(networks.measure(tmp_path_factory.mktemp("out"), "gemm_ws", 4))


def test_outliers_are_as_stated():
    x = tensors.DISTRIBUTIONS["outliers"].draw(np.random.default_rng(5))
    plain = np.random.default_rng(5).standard_normal(tensors.SHAPE)
    changed = x != plain
    assert changed.sum() == 328 == round(0.005 * x.size)
    assert np.abs(x[changed]).min() >= 8
    assert np.abs(x[changed]).max() <= 32
    assert np.array_equal(np.sign(x), np.sign(plain))


def test_orders(errors):
    """Those that hold for every tensor, and the one that is none: int and flint on Gaussians."""
    orders = tensors.orders(errors)
    holding = {(row["claim"], row["scale"]) for row in orders if row["holds"]}
    assert holding == {
        ("ANT: int on uniform", "tensor"),
        ("ANT: int on uniform", "row"),
        ("ANT: pot or float on Laplace", "row"),
        ("OliVe: pairs with outliers", "tensor"),
    }
    for row in orders:
        assert row["holds"] == (row["margin_db"] > 0)
        assert not row["holds"] or row["tensors_that_hold"] == row["tensors"] == 9
    tie = next(row for row in orders if row["claim"] == "ANT: flint on Gaussian")
    assert tie["scale"] == "tensor"
    assert abs(tie["margin_db"]) < 0.1


def test_no_format_is_better_than_can_be(by_format):
    more = {*tensors.SHARES, tensors.CENTROIDS}  # than 16 values
    for name, limit in LIMITS.items():
        best = max(
            row["sqnr_db"]
            for (distribution, fmt), row in by_format.items()
            if distribution == name and fmt not in more
        )
        assert limit - 2 < best < limit + 0.1


def test_e3m0_is_pot4_in_another_unit(by_format):
    for name in tensors.DISTRIBUTIONS:
        pot, e3m0 = by_format[name, "pot4"], by_format[name, "e3m0"]
        assert pot["nmse_by_seed"] == pytest.approx(e3m0["nmse_by_seed"], rel=1e-12)


def test_int4_on_uniform_is_the_integral(by_format):
    """Against the error of rounding to -8 .. 7 times a scale, integrated from -1 to 1."""
    least = math.inf
    for percent in range(75, 150):
        values = np.arange(-8, 8) * percent / 100 / 8
        edges = np.clip([-1, *(values[1:] + values[:-1]) / 2, 1], -1, 1)
        cubes = (edges[1:] - values) ** 3 - (edges[:-1] - values) ** 3
        least = min(least, cubes.sum() / 3 / 2 / (1 / 3))
    assert by_format["uniform", "int4"]["nmse"] == pytest.approx(least, rel=0.02)


@pytest.mark.parametrize("name", ["flint4", "pot4"])
@pytest.mark.parametrize("distribution", ["gaussian", "laplace"])
def test_errors_are_the_integrals(by_format, name, distribution):
    """Against the density over a fine grid, with the values that the papers give."""
    positive = {"flint4": [1, 2, 3, 4, 6, 8, 16], "pot4": [1, 2, 4, 8, 16, 32, 64]}[name]
    values = np.array(sorted({0, *positive, *(-value for value in positive)}))
    x = np.linspace(0, 20, 20_001)
    density = np.exp({"gaussian": -x * x / 2, "laplace": -x}[distribution])

    def error(scale):
        nearest = np.searchsorted((values[1:] + values[:-1]) / 2 * scale, x)
        return ((x - values[nearest] * scale) ** 2 * density).sum() / (x * x * density).sum()

    least = min(error(scale) for scale in np.arange(2, 14, 0.1) / values.max())
    assert by_format[distribution, name]["nmse"] == pytest.approx(least, rel=0.03)


def test_ant_is_what_select_takes(by_format):
    for name, distribution in tensors.DISTRIBUTIONS.items():
        x = distribution.draw(np.random.default_rng(3))
        fmt, codes, scale = formats.select(x, tensors.ANT)
        row = by_format[name, "ANT"]
        assert row["chosen"][3] == fmt
        error = np.square(formats.decode(codes, fmt) * scale - x).sum() / np.square(x).sum()
        assert row["nmse_by_seed"][3] == pytest.approx(error, rel=1e-12)


def test_every_block_format_is_measured(blocks):
    measured = [(row["distribution"], row["format"]) for row in blocks]
    assert measured == list(itertools.product(tensors.DISTRIBUTIONS, tensors.BLOCKS))
    bits = {row["format"]: row["bits"] for row in blocks}
    assert (bits["mxfp8_e4m3"], bits["mxfp6_e2m3"], bits["mxfp4"]) == (8.25, 6.25, 4.25)
    assert (bits["nvfp4"], bits["w4a16:g128"], bits["w4a16z:g32"]) == (4.5, 4.125, 4.625)
    for row in blocks:
        assert row["nmse"] == sorted(row["nmse_by_seed"])[4]


@pytest.mark.parametrize("name", ["mxfp8_e5m2", "mxfp6_e3m2"])
@pytest.mark.parametrize("distribution", ["gaussian", "laplace"])
def test_errors_of_floats_are_the_integral(blocks, name, distribution):
    """With two mantissa bits an error is uniform in ±1/8 of the power of two below the number."""
    x = np.linspace(1e-6, 30, 1_000_001)
    density = np.exp({"gaussian": -x * x / 2, "laplace": -x}[distribution])
    power = np.exp2(np.floor(np.log2(x)))
    expected = ((power / 4) ** 2 / 12 * density).sum() / (x * x * density).sum()
    row = next(
        row for row in blocks if (row["distribution"], row["format"]) == (distribution, name)
    )
    # Saturated numbers, above 7/8 of the next power of two, have more.
    assert expected < row["nmse"] < 1.2 * expected


def test_orders_of_block_formats(blocks, by_format):
    """Smaller blocks and more bits have less error, and more scales than one for a tensor.

    On uniform numbers the largest magnitude is the same everywhere, and e2m1 with one scale of
    the least error is better than NVFP4's scales for the largest magnitude.
    """
    errors = {(row["distribution"], row["format"]): row["nmse"] for row in blocks}
    for name in tensors.DISTRIBUTIONS:
        assert errors[name, "nvfp4"] < errors[name, "mxfp4"]
        assert errors[name, "mxfp6_e3m2"] < errors[name, "mxfp4"]
        for zero in ("", "z"):
            assert errors[name, f"w4a16{zero}:g32"] < errors[name, f"w4a16{zero}:g128"]
        assert errors[name, "w4a16z:g32"] < errors[name, "w4a16:g32"]
        assert errors[name, "w4a16:g128"] < by_format[name, "int4"]["nmse"]
        better = errors[name, "nvfp4"] < by_format[name, "e2m1"]["nmse"]
        assert better == (name != "uniform")


def test_accuracy_on_the_rtl(on_rtl):
    assert [row["formats"] for row in on_rtl] == list(networks.SCHEMES)
    for row in on_rtl:
        assert row["exact"]
        assert [layer["exact"] for layer in row["layers"]] == [True] * 3
        assert row["images"] == row["layers"][0]["m"] == 360
        assert row["accuracy"] == row["golden_accuracy"]
        assert row["accuracy"] > 0.9
    points = {row["formats"]: row["points"] for row in on_rtl}
    assert abs(points["int8"]) <= 1
    assert abs(points["e4m3"]) <= 1


def test_netlists_are_shared(on_rtl):
    digest = {row["formats"]: row["digest"] for row in on_rtl}
    assert digest["int4"] == digest["flint4"] == digest["pot4"] == digest["ANT"]
    assert digest["ovp_int4"] == digest["ovp_flint4"] == digest["OliVe"]
    assert len(set(digest.values())) == 5


@pytest.mark.parametrize("name", networks.SCHEMES)
def test_network_is_one_of_quantized_floats(network, on_rtl, name):
    """Its logits are those of a network of floats whose every tensor is quantized."""
    scheme = networks.SCHEMES[name]
    layers = networks.quantize(network, scheme)
    row = next(row for row in on_rtl if row["formats"] == name)
    assert [layer.a_type for layer in layers] == row["a_types"]
    assert set(row["a_types"]) <= set(scheme.a_formats.split("+"))
    assert set(row["w_types"]) <= set(scheme.w_formats.split("+"))
    values = network.test_images
    for layer in layers:
        a = formats.decode(formats.encode(values, layer.a_scale, layer.a_type), layer.a_type)
        w = formats.decode(layer.weights, layer.w_type, axis=0) * layer.w_scale
        values = np.maximum(a * layer.a_scale @ w + layer.bias, -np.inf if w.shape[1] == 10 else 0)
    logits = networks.infer(layers, network.test_images, networks.golden)
    assert np.allclose(logits, values, rtol=0, atol=1e-9)
    assert network.score(values) == row["accuracy"]


def test_activations_are_without_sign_where_the_family_has_such_formats():
    for name, scheme in networks.SCHEMES.items():
        signed = [formats.get(fmt).signed for fmt in scheme.a_formats.split("+")]
        assert any(signed) == (name in ("e2m1", "e4m3", "ovp_int4", "ovp_flint4", "OliVe"))


def test_odd_k_is_padded_for_pairs(network):
    odd = dataclasses.replace(
        network,
        weights=(network.weights[0][:63], *network.weights[1:]),
        train_images=network.train_images[:, :63],
    )
    for name, k in (("OliVe", 64), ("int4", 63)):
        layer, *_ = networks.quantize(odd, networks.SCHEMES[name])
        codes = layer.encode(odd.train_images[:20])
        assert len(layer.weights) == codes.shape[1] == k
        sums = layer.finish(networks.golden(layer, codes))
        real = odd.train_images[:20] @ odd.weights[0] + odd.biases[0]
        assert np.abs(sums - real).mean() < 0.1 * np.abs(real).mean()


@pytest.fixture
def records(errors, blocks, on_rtl):
    return [*errors, *blocks, *tensors.orders(errors), *on_rtl]


def test_records_have_the_columns(records):
    for row in records:
        assert set(row) == {"table", *quality.COLUMNS[row["table"]]}


def test_command(records, tmp_path, monkeypatch, capsys):
    stub = dataclasses.replace(quality.STUDY, measure=lambda out, design: records)
    monkeypatch.setattr(quality, "STUDY", stub)
    argv = ["bench", "quality", "--out", str(tmp_path)]
    assert main(argv) == 0
    shown = capsys.readouterr().out
    assert quality.STUDY.text(records) in shown
    lines = [line.split() for line in shown.splitlines()]
    assert ["int4", "18.28", "13.18", "23.53", "6.51"] in lines
    assert ["floats", "97.50%"] in lines
    assert ["nvfp4", "4.5", "20.43", "20.67", "19.87", "20.52"] in lines
    assert max(map(len, shown.splitlines())) <= 100
    written = json.loads((tmp_path / "bench" / "quality.json").read_text())
    assert set(written) == {"schema", "tools", "shape", "distributions", "columns", "records"}
    assert written["schema"] == SCHEMA
    assert written["records"] == records
    assert main([*argv, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"quality": records}


def test_unknown_design(capsys):
    assert main(["bench", "quality", "--design", "gemm"]) == 2
    assert "Design must be one of gemm_ws, gemm_os, not 'gemm'" in capsys.readouterr().err


def test_a_wrong_product_fails(records):
    wrong = [*records, records[-1] | {"exact": False}]
    with pytest.raises(CheckFailed, match=r"^1 products do not match the golden model"):
        check(wrong)


def test_plot(records, tmp_path):
    text = quality.STUDY.write(tmp_path, "quality", records)
    assert text.endswith(f"\n\nplot: {tmp_path / 'quality.svg'}")
    drawn = (tmp_path / "quality.svg").read_bytes()
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    quality.STUDY.write(tmp_path, "quality", records)
    assert (tmp_path / "quality.svg").read_bytes() == drawn
    heights = quality_plot._heights()
    assert set(heights) == {"ANT", *tensors.FORMATS, *tensors.SHARES, tensors.CENTROIDS}
    assert all(below - above >= 1 for above, below in itertools.pairwise(heights.values()))
