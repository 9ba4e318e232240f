"""Convolutions in workload files: the same sums and the same work as of a direct convolution."""

import itertools

import numpy as np
import pytest
from brickwork.gen import workloads
from brickwork.gen.workloads.convolution import Convolution

SHAPES = [
    {"height": 5, "width": 7, "channels": 3, "filters": 4, "kernel": (3, 2)},
    {"height": 6, "width": 6, "channels": 2, "filters": 2, "kernel": (3, 3), "stride": (2, 3)},
    {"height": 9, "width": 8, "channels": 1, "filters": 2, "kernel": (2, 3), "dilation": (3, 2)},
    {
        **{"height": 4, "width": 5, "channels": 4, "filters": 6, "kernel": (3, 3)},
        **{"groups": 2, "batch": 3, "padding": (1, 1, 1, 1)},
    },
    {
        **{"height": 7, "width": 7, "channels": 3, "filters": 6, "kernel": (3, 3)},
        **{"groups": 3, "stride": (2, 2), "padding": (0, 1, 2, 0)},
    },
    {
        **{"height": 7, "width": 10, "channels": 2, "filters": 1, "kernel": (3, 4)},
        **{"stride": (2, 3), "dilation": (2, 1), "padding": "same"},
    },
    {"height": 1, "width": 1, "channels": 5, "filters": 3, "kernel": (1, 1)},
]


def padded(shape, x):
    """The input with its zeros; for "same" those that TensorFlow and ONNX put there."""
    padding = shape.padding
    if padding == "same":
        totals = [
            max((-(-size // stride) - 1) * stride + dilation * (taps - 1) + 1 - size, 0)
            for size, stride, dilation, taps in zip(
                *(x.shape[2:], shape.stride, shape.dilation, shape.kernel), strict=True
            )
        ]
        padding = (*(total // 2 for total in totals), *(total - total // 2 for total in totals))
    top, left, bottom, right = padding
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def direct(shape, x, w):
    """The definition of a convolution, product by product, and the number of products."""
    x = padded(shape, x)
    spans = [d * (k - 1) + 1 for d, k in zip(shape.dilation, shape.kernel, strict=True)]
    rows, cols = (
        len(range(0, size - span + 1, stride))
        for size, span, stride in zip(x.shape[2:], spans, shape.stride, strict=True)
    )
    y = np.zeros((shape.batch, shape.filters, rows, cols), np.int64)
    products = 0
    per_group = shape.filters // shape.groups, shape.channels // shape.groups
    for image, f, row, col in np.ndindex(*y.shape):
        for c, dy, dx in np.ndindex(per_group[1], *shape.kernel):
            channel = f // per_group[0] * per_group[1] + c
            at = (
                row * shape.stride[0] + dy * shape.dilation[0],
                col * shape.stride[1] + dx * shape.dilation[1],
            )
            y[image, f, row, col] += x[image, channel, *at] * w[f, c, dy, dx]
            products += 1
    return y, products


def by_products(shape, x, w, m, k, n):
    """The same from a product of matrices for each group."""
    x = padded(shape, x)
    rows, cols = shape.output
    groups = []
    for group in range(shape.groups):
        channels = range(
            group * shape.channels // shape.groups, (group + 1) * shape.channels // shape.groups
        )
        taps = [
            x[
                *(slice(None), channel),
                *(
                    slice(tap * dilation, tap * dilation + (count - 1) * stride + 1, stride)
                    for tap, dilation, count, stride in zip(
                        *(at, shape.dilation, (rows, cols), shape.stride), strict=True
                    )
                ),
            ].reshape(m)
            for channel in channels
            for at in itertools.product(*map(range, shape.kernel))
        ]
        acts = np.stack(taps, axis=1)
        weights = w[group * n : (group + 1) * n].reshape(n, k).T
        groups.append((acts @ weights).reshape(shape.batch, rows, cols, n))
    return np.concatenate(groups, axis=3).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("values", SHAPES, ids=str)
def test_exact(values):
    shape = Convolution(**values)
    rng = np.random.default_rng(1)
    x = rng.integers(-9, 9, (shape.batch, shape.channels, shape.height, shape.width))
    w = rng.integers(-9, 9, (shape.filters, shape.channels // shape.groups, *shape.kernel))
    y, products = direct(shape, x, w)
    m, k, n = shape.shape
    assert y.shape[2:] == shape.output
    assert m * k * n * shape.groups == products
    assert (by_products(shape, x, w, m, k, n) == y).all()


@pytest.fixture
def layer(tmp_path):
    def layer(text):
        (tmp_path / "mine.toml").write_text(f"layers = [{{ name = 'one', {text} }}]")
        (layer,) = workloads.load("mine.toml", tmp_path).layers
        return layer

    return layer


@pytest.mark.parametrize(
    ("text", "count", "shape"),
    [
        # The first layers of ResNet-18, MobileNet (depthwise, then pointwise) and AlexNet.
        (
            "height = 224, width = 224, channels = 3, filters = 64, kernel = 7, stride = 2, "
            "padding = 3",
            *(1, (112 * 112, 147, 64)),
        ),
        (
            "height = 112, width = 112, channels = 32, filters = 32, kernel = 3, padding = 'same', "
            "groups = 32",
            *(32, (112 * 112, 9, 1)),
        ),
        ("height = 112, width = 112, channels = 32, filters = 64, kernel = 1", 1, (12544, 32, 64)),
        (
            "height = 224, width = 224, channels = 3, filters = 64, kernel = 11, stride = 4, "
            "padding = 2, count = 3, batch = 8",
            *(3, (8 * 55 * 55, 363, 64)),
        ),
        (
            "height = 8, width = 9, channels = 2, filters = 4, kernel = [3, 1], stride = [1, 2], "
            "dilation = [2, 1], padding = [1, 0], groups = 2, count = 5",
            *(10, (6 * 5, 3, 2)),
        ),
        (
            "height = 8, width = 8, channels = 1, filters = 1, kernel = 3, padding = [0, 1, 2, 3]",
            *(1, (8 * 10, 9, 1)),
        ),
        (
            "height = 8, width = 8, channels = 1, filters = 1, kernel = 3, padding = 'valid'",
            *(1, (36, 9, 1)),
        ),
    ],
)
def test_file(layer, text, count, shape):
    lowered = layer(text)
    assert (lowered.count, (lowered.m, lowered.k, lowered.n)) == (count, shape)


def test_shares_and_widths(layer):
    lowered = layer(
        "height = 4, width = 4, channels = 2, filters = 2, kernel = 1, weights = 0.5, a_bits = 4"
    )
    assert (lowered.weights, lowered.acts, lowered.a_bits, lowered.macs) == (0.5, 1.0, 4, 32)


GOOD = "height = 8, width = 8, channels = 4, filters = 6, kernel = 3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("m = 3, " + GOOD, "layer 1 must have m, k and n, or the shape of a convolution (height, "),
        ("m = 3, k = 3, n = 3, stride = 2", "layer 1 must have m, k and n, or the shape of a con"),
        ("height = 8", "layer 1: width must be an integer from 1 to 16777216, not None"),
        (GOOD.replace("3", "0"), "layer 1: kernel must be an integer from 1 to 16777216, or two, "),
        (GOOD.replace("3", "[3]"), None),
        (
            GOOD.replace("3", "[3, 3, 3]"),
            "layer 1: kernel must be .*[rows, columns], not [3, 3, 3]",
        ),
        (GOOD + ", stride = 0", "layer 1: stride must be .*, not 0"),
        (GOOD + ", dilation = 1.0", "layer 1: dilation must be .*, not 1.0"),
        (GOOD + ", padding = -1", 'layer 1: padding must be .*, "same" or "valid", not -1'),
        (GOOD + ", padding = [1, 2, 3]", "layer 1: padding must be .*, not [1, 2, 3]"),
        (GOOD + ", padding = 'full'", "layer 1: padding must be .*, not 'full'"),
        (GOOD + ", batch = true", "layer 1: batch must be an integer from 1 to 16777216, not True"),
        (GOOD + ", groups = 4", "layer 1: groups must divide the 6 filters, and 4 does not"),
        (GOOD + ", groups = 3", "layer 1: groups must divide the 4 channels, and 3 does not"),
        (
            GOOD + ", dilation = 4",
            "layer 1: kernel must fit into 8 padded rows, and spans 9",
        ),
        (
            GOOD.replace("width = 8", "width = 1") + ", padding = [0, 0, 0, 1]",
            "layer 1: kernel must fit into 2 padded columns, and spans 3",
        ),
        (
            GOOD + ", batch = 16777216",
            "layer 1: M of the product must be at most 16777216, not 603979776",
        ),
        (
            GOOD + ", strides = 2",
            "layer 1: key must be one of .*, not 'strides'; did you mean 'stride'?",
        ),
    ],
)
def test_refused(layer, tmp_path, text, message):
    if message is None:
        assert layer(text).k == 36
        return
    pattern = ".*".join(map(_escaped, message.split(".*")))
    with pytest.raises(ValueError, match=rf"^Workload {tmp_path}/mine.toml, {pattern}"):
        layer(text)


def _escaped(text):
    return "".join(f"\\{each}" if each in "[]().?" else each for each in text)
