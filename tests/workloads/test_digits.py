"""Post-training quantization, and the demo's network in floats and in integers."""

import itertools
import re
import time
from fractions import Fraction

import numpy as np
import pytest
from brickwork.gen.workloads import digits
from brickwork.sim.golden import formats
from brickwork.sim.golden.quantize import (
    Affine,
    calibrate,
    combined_scale,
    quantize_linear,
    quantize_weights,
)


@pytest.fixture(scope="module")
def network():
    start = time.perf_counter()
    network = digits.train()
    assert time.perf_counter() - start < 10
    return network


def test_shapes(network):
    assert [w.shape for w in network.weights] == [(64, 64), (64, 32), (32, 10)]
    assert [b.shape for b in network.biases] == [(64,), (32,), (10,)]
    assert network.train_images.shape == (1437, 64)
    assert network.test_images.shape == (360, 64)
    assert network.train_images.min() == 0
    assert network.train_images.max() == 1
    counts = np.bincount(network.test_labels, minlength=10)
    assert counts.min() >= 34  # stratified: 174 to 183 images of each digit


def test_training_is_deterministic(network):
    again = digits.train()
    for one, other in zip(network.weights, again.weights, strict=True):
        assert np.array_equal(one, other)


def test_float_accuracy(network):
    print(f"float: {network.accuracy:.2%}")
    assert network.accuracy >= 0.96


@pytest.mark.parametrize("a_format", ["uint8", "int8"])
def test_quantized_accuracy(network, a_format):
    layers = digits.quantize(network, a_format=a_format)
    logits = digits.infer(layers, network.test_images)
    accuracy = network.score(logits)
    print(f"{a_format} x int8: {accuracy:.2%}, float: {network.accuracy:.2%}")
    assert accuracy >= network.accuracy - 0.01
    assert logits.shape == (360, 10)
    assert logits.min() >= -128
    assert logits.max() <= 127


def test_low_bits_still_classify(network):
    layers = digits.quantize(network, a_format="uint4", w_format="int4")
    assert network.score(digits.infer(layers, network.test_images)) >= network.accuracy - 0.04


def test_codes_follow_the_floats(network):
    layers = digits.quantize(network)
    codes = layers[0].input.encode(network.test_images)
    floats = network.activations(network.test_images)
    for layer, values in zip(layers, floats, strict=True):
        codes = layer.forward(codes)
        error = np.abs(layer.output.decode(codes) - values)
        assert np.median(error) <= 2 * layer.scale_out


def test_layers_fit_together(network):
    layers = digits.quantize(network, a_format="int8")
    for one, following in itertools.pairwise(layers):
        assert one.output == following.input
        assert one.low == one.zero_point_out == -128  # ReLU
    assert layers[-1].low == -128
    assert layers[-1].out_format.name == "int8"


@pytest.mark.parametrize("name", ["uint8", "int8", "uint4", "int16", "int2"])
def test_calibration(name):
    fmt = formats.get(name)
    for low, high in ((-1.0, 3.0), (0.0, 6.0), (2.0, 6.0), (-5.0, -1.0), (-1e-3, 1e4)):
        affine = calibrate([low, high], fmt)
        assert isinstance(affine.scale, np.float32)
        assert fmt.lowest <= affine.zero_point <= fmt.highest
        assert affine.decode(affine.encode(0.0)) == 0.0
        ends = affine.decode(affine.encode([low, high]))
        assert np.abs(ends - [low, high]).max() <= affine.scale * 1.001
    assert calibrate([0.0], fmt).scale == 1
    assert calibrate([1e-300, 0], fmt).scale == np.finfo(np.float32).tiny


def test_encoding_rounds_halves_to_even_and_clamps():
    affine = Affine(fmt=formats.get("uint4"), scale=np.float32(2), zero_point=1)
    codes = affine.encode([-100, -3, -1, 0, 1, 3, 5, 28, 100])
    assert codes.tolist() == [0, 0, 1, 1, 1, 3, 3, 15, 15]


def test_weights_are_symmetric():
    weights = np.array([[1.0, -4.0, 0.0], [-0.6, 2.4, 0.0]])
    codes, scales = quantize_weights(weights, formats.get("int4"))
    assert codes.tolist() == [[7, -7, 0], [-4, 4, 0]]  # from 4.2
    assert scales.dtype == np.float32
    assert scales.tolist() == [np.float32(1 / 7), np.float32(4 / 7), np.float32(4 / 7)]
    assert quantize_weights(np.zeros((2, 1)), formats.get("int8"))[1] == np.float32(1 / 127)


def test_layer_is_the_exact_formula():
    """Against fractions, with nothing taken from the layer but weights and scales."""
    random = np.random.default_rng(3)
    weights, bias = random.normal(size=(20, 6)), random.normal(size=6)
    input = calibrate([-1.0, 2.0], formats.get("uint8"))
    output = calibrate([-6.0, 6.0], formats.get("int8"))
    layer = quantize_linear(weights, bias, input=input, output=output, w_format=formats.get("int8"))
    codes = random.integers(0, 256, (30, 20))
    result = layer.forward(codes)
    for m, n in np.ndindex(result.shape):
        unit = Fraction(float(layer.scale_in)) * Fraction(float(layer.scale_w[n]))
        total = round(Fraction(bias[n]) / unit) + sum(
            (int(codes[m, k]) - input.zero_point) * int(layer.weights[k, n]) for k in range(20)
        )
        scale = combined_scale(layer.scale_in, layer.scale_w[n], layer.scale_out)
        expected = round(total * Fraction(float(scale))) + output.zero_point
        assert result[m, n] == min(max(expected, -128), 127)


def test_relu_clamps_at_the_zero_point():
    input = calibrate([-1.0, 1.0], formats.get("int8"))
    output = Affine(fmt=formats.get("uint8"), scale=np.float32(1 / 128), zero_point=128)
    layer = quantize_linear(
        [[1.0]], [0.0], input=input, output=output, w_format=formats.get("int8"), relu=True
    )
    codes = layer.forward(input.encode([[-1.0], [-0.5], [0.5]]))
    assert layer.low == output.zero_point == 128
    assert layer.output.decode(codes).tolist()[:2] == [[0.0], [0.0]]
    assert codes[2, 0] > 128


def test_combined_scale_is_rounded_left_to_right():
    a, w, y = np.float32(0.1), np.float32(0.07), np.float32(0.3)
    assert (a * w) / y != a * (w / y)
    assert combined_scale(a, w, y) == (a * w) / y
    assert combined_scale(a, [w, a], y).dtype == np.float32


def linear(weights=((1.0,),), bias=(0.0,), w_format="int8", low=-1.0):
    input = calibrate([low, 1.0], formats.get("int8"))
    return quantize_linear(weights, bias, input=input, output=input, w_format=formats.get(w_format))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"w_format": "uint8"}, "Weight format must be signed, not 'uint8'"),
        ({"weights": [1.0]}, "Weights must have the shape (K, N), not (1,)"),
        ({"weights": [[float("nan")]]}, "Weights must be finite, not nan"),
        ({"bias": [1.0, 2.0]}, "Bias must have the shape (1,), not (2,)"),
        ({"bias": [float("inf")]}, "Bias must be finite, not inf"),
        ({"low": float("inf")}, "Values must be finite, not inf"),
        ({"low": -1e300}, "Scale must be at most 3.4028235e+38, not 3.9215686274509807e+297"),
    ],
)
def test_wrong_layers(change, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        linear(**change)


def test_bias_beyond_int32():
    with pytest.raises(
        ValueError, match=r"^Bias must fit int32 in units of .*, not 1000000\.0 in "
    ):
        linear(weights=[[1e-3]], bias=[1e6])


def test_nothing_to_calibrate_with():
    with pytest.raises(
        ValueError, match=r"^Values must be at least one to calibrate with, not none$"
    ):
        calibrate([], formats.get("int8"))


def test_codes_outside_the_format():
    with pytest.raises(
        ValueError, match=r"^Activations must be from -128 to 127 \(int8\), not 200 "
    ):
        linear().forward([[200]])
    with pytest.raises(TypeError, match=r"^Activations must be integers, not float64; quantize"):
        linear().forward([[1.0]])
