"""Workloads: what the files say, against the papers' numbers, and what is refused."""

import pytest
from brickwork.gen import workloads
from brickwork.gen.studies import eie

GOOD = """
title = "A network"
source = "nowhere"
layers = [{ name = "one", m = [2, 3], k = 4, n = 5, count = 2, weights = 0.5 }]
"""


EIE = {
    "Alex-6": (9216, 4096, 0.09, 0.351),
    "Alex-7": (4096, 4096, 0.09, 0.353),
    "Alex-8": (4096, 1000, 0.25, 0.375),
    "VGG-6": (25088, 4096, 0.04, 0.183),
    "VGG-7": (4096, 4096, 0.04, 0.375),
    "VGG-8": (4096, 1000, 0.23, 0.411),
    "NT-We": (4096, 600, 0.10, 1.0),
    "NT-Wd": (600, 8791, 0.11, 1.0),
    "NT-LSTM": (1201, 2400, 0.10, 1.0),
}


@pytest.fixture
def load(tmp_path):
    def load(text):
        (tmp_path / "mine.toml").write_text(text)
        return workloads.load("mine.toml", tmp_path)

    return load


def test_all_are_there():
    assert workloads.names() == [
        *("bert_base", "digits", "eie", "eie_16th"),
        *("llama_layer_1", "llama_layer_32", "resnet18"),
    ]
    for name in workloads.names():
        workload = workloads.load(name)
        assert workload.name == name
        assert workload.title
        assert workload.source
        names = [layer.name for layer in workload.layers]
        assert len(set(names)) == len(names)


def test_resnet18():
    """1.8 · 10^9 in the paper's Table 1; 1,814,073,344 are counted for torchvision's model."""
    workload = workloads.load("resnet18")
    assert workload.macs == 1_814_073_344
    # Weights of convolutions and of the last layer, without its bias.
    kernels = sum(layer.count * layer.k * layer.n for layer in workload.layers)
    assert kernels == 11_689_512 - 9_600 - 1_000


def test_bert_base():
    """Weights of the encoder's matrices, and the products of attention."""
    layers = workloads.load("bert_base").layers
    attention = [layer for layer in layers if layer.count == 12 * 12]
    weights = sum(layer.count * layer.k * layer.n for layer in layers if layer not in attention)
    assert weights == 12 * (4 * 768**2 + 2 * 768 * 3072)
    assert {(layer.m, layer.k, layer.n) for layer in attention} == {(128, 64, 128), (128, 128, 64)}
    assert sum(layer.count * layer.macs for layer in attention) == 12 * 2 * 128 * 128 * 768


@pytest.mark.parametrize("batch", [1, 32])
def test_llama_layer(batch):
    layers = workloads.load(f"llama_layer_{batch}").layers
    attention = [
        layer for layer in layers if layer.name in ("attention scores", "attention values")
    ]
    weights = sum(layer.count * layer.k * layer.n for layer in layers if layer not in attention)
    # Of 8.03 · 10^9 parameters, the 32 layers' matrices; the rest are two embeddings and norms.
    assert 32 * weights + 2 * 128256 * 4096 == 8_030_261_248 - 65 * 4096
    assert all(layer.m == batch for layer in layers if layer not in attention)
    # Each of 32 heads meets 2048 keys and values of 128 for each sequence.
    assert [layer.count * layer.macs for layer in attention] == [batch * 32 * 2048 * 128] * 2


@pytest.mark.parametrize(("name", "scale"), [("eie", 1), ("eie_16th", eie.QUICK)])
def test_eie(name, scale):
    """The paper's Table III: inputs, outputs, and shares of weights and activations."""
    layers = {layer.name: layer for layer in workloads.load(name).layers}
    assert list(layers) == list(EIE)
    for title, (inputs, outputs, weights, acts) in EIE.items():
        layer = layers[title]
        assert (layer.m, layer.k, layer.n) == (1, inputs // scale, outputs // scale)
        assert (layer.weights, layer.acts) == (weights, acts)


def test_file(load):
    workload = load(GOOD)
    (layer,) = workload.layers
    assert (layer.m, layer.k, layer.n, layer.count) == (6, 4, 5, 2)
    assert layer.macs == 60
    assert (layer.a_bits, layer.w_bits) == (None, None)
    assert workload.macs == 120


@pytest.mark.parametrize(
    ("keys", "weights", "of_blocks"),
    [
        ("pattern = '2:4'", 0.5, 1),
        ("pattern = '2:4', weights = 0.25", 0.25, 1),
        ("blocks = 32, weights = 0.227", 0.227, 0.227),
        ("blocks = 32, pattern = '1:4', weights = 0.125", 0.125, 0.5),
        ("dynamic = true", 1, 1),
    ],
)
def test_sparsity(load, keys, weights, of_blocks):
    workload = load(GOOD.replace("weights = 0.5", keys))
    (layer,) = workload.layers
    assert layer.weights == weights
    assert layer.macs == round(120 * weights)
    assert layer.sparsity.of_blocks.weights == of_blocks
    assert workload.is_sparse == (weights < 1)
    other = layer.pruned(workloads.Sparsity.parse("0.5@16"))
    assert other.sparsity == ((1, None, None) if layer.dynamic else (0.5, None, 16))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"A network"', "3", ": title must be a text, not 3"),
        ('"nowhere"', "[]", r": source must be a text, not \[\]"),
        ("title", "titel", ": key must be one of .*, not 'titel'; did you mean 'title'?"),
        ('source = "', 'sources = 1\nsource = "', "key must be one of title, source, note, layers"),
        ("layers = [", "layers = [] # [", r"must have \[\[layers\]\], one at least"),
        ("[2, 3]", "[]", r"layer 1: m must be an integer from 1 to 16777216, or factors of one"),
        ("[2, 3]", "0", "layer 1: m must be .* not 0"),
        ("[2, 3]", "[4096, 4097]", r"layer 1: m must be .* not \[4096, 4097\]"),
        ("k = 4", "k = true", "layer 1: k must be .* not True"),
        ("n = 5, ", "", "layer 1: n must be .* not None"),
        ("count = 2", "count = [2]", r"layer 1: count must be .* not \[2\]"),
        ("weights = 0.5", "weights = 0", "layer 1: weights must be a share, over 0 to 1, not 0"),
        ("weights = 0.5", "acts = 1.1", "layer 1: acts must be a share, over 0 to 1, not 1.1"),
        ("weights = 0.5", "a_bits = 0", "layer 1: a_bits must be an integer from 1 to 64, not 0"),
        ("weights = 0.5", "w_bits = true", "layer 1: w_bits must be .* not True"),
        (
            *("count", "cuont"),
            "layer 1: key must be one of name, count, weights, acts, pattern, blocks, dynamic, "
            "a_bits, w_bits, m, k, n, height, width, channels, filters, kernel, stride, dilation, "
            "padding, groups, batch, not 'cuont'; did you mean 'count'?",
        ),
        (
            *("weights = 0.5", "pattern = '4:2'"),
            "layer 1: Pattern must be N:M with 1 ≤ N ≤ M ≤ 32, such as 2:4, not '4:2'",
        ),
        ("weights = 0.5", "pattern = 2", "layer 1: Pattern must be N:M .*, not 2"),
        (
            *("weights = 0.5", "pattern = '1:4', weights = 0.5"),
            "layer 1: weights must be at most 0.25 with 1:4, not 0.5",
        ),
        ("weights", "blocks = 1, weights", "blocks must be an integer from 2 to 1024, not 1"),
        ("weights", "blocks = '32', weights", "blocks must be .* not '32'"),
        ("weights = 0.5", "dynamic = 1", "layer 1: dynamic must be true or false, not 1"),
        (
            *("weights", "dynamic = true, weights"),
            "layer 1: weights, pattern, blocks must not go with dynamic",
        ),
        ('name = "one", ', "", "layer 1 must have a name"),
        ("layers = [{", "layers = [{{", r"must be TOML: .*line 4"),
    ],
)
def test_refused(load, tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(ValueError, match=rf"^Workload {tmp_path}/mine.toml.*{message}"):
        load(GOOD.replace(old, new))


def test_title_and_source_are_optional(load):
    workload = load("layers = [{ name = 'one', m = 2, k = 3, n = 4 }]")
    assert (workload.name, workload.title, workload.source) == ("mine", "mine", "")


def test_byte_order_mark(load):
    assert load("\ufeff" + GOOD).macs == 120


def test_unknown():
    with pytest.raises(
        ValueError,
        match=r"^Workload must be one of .*, or a file .toml or .csv, not 'resnet'; did you mean",
    ):
        workloads.load("resnet")
    with pytest.raises(OSError, match=r"^Workload cannot be read: .*no.toml: No such file"):
        workloads.load("no.toml")
