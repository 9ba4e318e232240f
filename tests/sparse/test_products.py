"""Products and networks on the simulated sparse engine, all against the golden model."""

import re

import numpy as np
import pytest
from brickwork import Eie
from brickwork.gen.emission.emit import emit
from brickwork.sim.designs.eie import Layer
from brickwork.sim.golden.sparse import encode
from products import matvec, network

SMALL = {"columns": 64, "entries": 1024, "acts": 16, "rows": 32, "codebooks": 3}
#: Different everywhere: PEs, queues, words up to 192 bits, widths, memories that just suffice.
ENGINES = {
    "1": SMALL | {"pes": 1, "acts": 64, "queue_depth": 2, "run_length_width": 1},
    "2": SMALL
    | {"pes": 2, "queue_depth": 3, "entries_per_word": 2, "index_width": 1, "run_length_width": 8},
    "3": SMALL
    | {
        "pes": 3,
        "queue_depth": 4,
        "entries_per_word": 16,
        "index_width": 8,
        "skip_empty_columns": 0,
    },
    "4": SMALL
    | {"pes": 4, "run_length_width": 2, "act_width": 8, "weight_width": 5, "acc_width": 20},
    "4 of pairs": SMALL
    | {"pes": 4, "entries_per_cycle": 2, "queue_depth": 5, "run_length_width": 2},
    "2 of eights": SMALL
    | {"pes": 2, "entries_per_cycle": 8, "entries_per_word": 16, "index_width": 3},
    "7": SMALL
    | {"pes": 7, "acts": 2, "queue_depth": 16, "run_length_width": 3, "weight_width": 32},
    "7 of few rows": {"pes": 7, "columns": 7, "entries": 8, "acts": 1, "rows": 1},
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The manifest of an engine with these parameters; emitted once."""
    emitted = {}

    def get(**settings):
        parameters = Eie(**settings)
        if parameters not in emitted:
            emitted[parameters] = emit(parameters, tmp_path_factory.mktemp("out")).manifest
        return emitted[parameters], parameters

    return get


class Maker:
    """Matrices and vectors for an engine."""

    def __init__(self, parameters, seed):
        self.parameters = parameters
        self.rng = np.random.default_rng(seed)

    def integers(self, width, *shape):
        """Values over the whole range, with its ends more frequent."""
        low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
        values = self.rng.integers(low, high + 1, shape)
        return np.where(self.rng.random(shape) < 0.1, self.rng.choice([low, high], shape), values)

    def acts(self, batch, inputs, density):
        kept = self.rng.random((batch, inputs)) < density
        return np.where(kept, self.integers(self.parameters.act_width, batch, inputs), 0)

    def indices(self, outputs, inputs, density):
        kept = self.rng.random((outputs, inputs)) < density
        highest = 1 << self.parameters.index_width
        return np.where(kept, self.rng.integers(1, highest, (outputs, inputs)), 0)

    def encoded(self, indices, **options):
        book = self.integers(self.parameters.weight_width, 1 << self.parameters.index_width)
        book[0] = 0
        names = ("pes", "entries_per_cycle", "index_width", "run_length_width")
        options |= {name: getattr(self.parameters, name) for name in names}
        return encode(indices, book, **options)


def equal(outcome):
    assert outcome.matches_golden
    return outcome


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if "7" in name else ()) for name in ENGINES],
)
def test_random(engine, name):
    """Matrices of all densities on one engine, vectors in several portions, and stalls."""
    manifest, parameters = engine(**ENGINES[name])
    make = Maker(parameters, 1)
    rng = make.rng
    for number in range(40):
        # No more than fit even when every zero needs padding.
        outputs = int(rng.integers(1, parameters.rows * parameters.pes + 1))
        inputs = int(rng.integers(1, parameters.columns + 1))
        rows = -(-outputs // parameters.pes)
        filled = -(-rows // parameters.entries_per_cycle) * parameters.entries_per_cycle
        inputs = min(inputs, max(1, parameters.entries // filled))
        density = (0.02, 0.1, 0.3, 0.7, 1)[number % 5]
        encoded = make.encoded(
            make.indices(outputs, inputs, density), row_mapping=("modulo", "balanced")[number % 2]
        )
        outcome = matvec(
            manifest,
            encoded,
            make.acts(int(rng.integers(1, 4)), inputs, (0.1, 0.4, 1)[number % 3]),
            shift=int(rng.integers(0, 30)),
            relu=number % 4 == 0,
            stall_in=(0, 0, 40, 80)[number % 4],
            stall_out=(0, 50, 0, 90)[number % 4],
            seed=number,
        )
        assert outcome.matches_golden, f"product {number} of {outputs} × {inputs}"
        assert outcome.cycles >= outcome.job.busy.max()


class TestCorners:
    @pytest.fixture
    def four(self, engine):
        manifest, parameters = engine(**SMALL | {"pes": 4})
        return manifest, Maker(parameters, 2)

    @pytest.mark.parametrize("batch", [1, 3])
    def test_empty_matrix(self, four, batch):
        manifest, make = four
        outcome = equal(
            matvec(manifest, make.encoded(np.zeros((9, 13), int)), make.acts(batch, 13, 1))
        )
        assert not outcome.y.any()
        assert (outcome.job.entries.sum(), outcome.utilization, outcome.macs) == (0, 0, 0)

    def test_empty_and_full_columns(self, four):
        manifest, make = four
        indices = make.indices(50, 40, 0.3)
        indices[:, ::3] = 0
        indices[:, 1::3] = 5
        equal(matvec(manifest, make.encoded(indices), make.acts(2, 40, 1)))

    @pytest.mark.parametrize("shape", [(1, 1), (1, 64), (2, 30), (128, 1), (128, 8)])
    def test_shapes(self, four, shape):
        """Fewer rows than PEs, and as many as fit."""
        manifest, make = four
        for row_mapping in ("modulo", "balanced"):
            encoded = make.encoded(make.indices(*shape, 0.5), row_mapping=row_mapping)
            equal(matvec(manifest, encoded, make.acts(2, shape[1], 0.7), shift=9))

    @pytest.mark.parametrize("density", [0, 1])
    def test_vectors_of_zeros_and_without(self, four, density):
        manifest, make = four
        a = make.acts(2, 64, density)
        a = np.where(a == 0, density, a)
        outcome = equal(matvec(manifest, make.encoded(make.indices(64, 64, 0.2)), a, shift=12))
        assert outcome.y.any() == bool(density)

    def test_zero_between_others(self, four):
        """A vector of zeros leaves nothing of the one before."""
        manifest, make = four
        a = make.acts(3, 20, 1)
        a[1] = 0
        outcome = equal(matvec(manifest, make.encoded(make.indices(20, 20, 0.5)), a, shift=12))
        assert not outcome.y[1].any()

    def test_gaps(self, engine):
        """Rows next to each multiple of 16, below entries of nothing but padding."""
        manifest, parameters = engine(pes=1, columns=80, entries=1024, acts=8, rows=80)
        make = Maker(parameters, 3)
        indices = np.zeros((80, 80), int)
        indices[np.arange(80), np.arange(80)] = 3  # a gap of each length
        encoded = make.encoded(indices)
        assert encoded.padding == sum(gap // 16 for gap in range(80))
        equal(matvec(manifest, encoded, make.acts(2, 80, 1), shift=10))
        indices[[0, 15, 16, 17, 32, 48, 79]] = 1
        equal(matvec(manifest, make.encoded(indices), make.acts(2, 80, 0.8), shift=10))

    def test_saturation_and_relu(self, four):
        manifest, _ = four
        indices = np.repeat([[1], [2]], 30, axis=1)
        encoded = encode(indices, [0, 32767, -32768], pes=4)
        a = np.full(30, 32767)
        assert equal(matvec(manifest, encoded, a)).y.tolist() == [[32767, -32768]]
        assert equal(matvec(manifest, encoded, a, relu=True)).y.tolist() == [[32767, 0]]
        assert equal(matvec(manifest, encoded, -a, relu=True)).y.tolist() == [[0, 32767]]
        # The least numbers of all, in sums of 35 bits.
        outcome = matvec(manifest, encoded, np.full(30, -32768), shift=20)
        assert equal(outcome).y.tolist() == [[-30719, 30720]]

    @pytest.mark.parametrize("shift", [0, 1, 2, 16, 47, 48, 63])
    def test_ties(self, four, shift):
        """Whole numbers, halves and their neighbours, of both signs."""
        manifest, make = four
        encoded = make.encoded(np.eye(32, dtype=int))
        encoded.codebook[1] = 1
        a = np.concatenate([np.arange(-8, 8), np.arange(-32768, 32768, 4096)])
        equal(matvec(manifest, encoded, a, shift=shift))

    def test_sums_wrap(self, engine):
        manifest, _ = engine(**ENGINES["4"])
        encoded = encode(np.ones((4, 64), int), [0, 15], pes=4, run_length_width=2)
        a = np.full((1, 64), 127)  # sums of 121,920 fit 20 bits
        assert equal(matvec(manifest, encoded, a, shift=10)).y.tolist() == [[119] * 4]
        manifest, _ = engine(**ENGINES["4"] | {"acc_width": 14})
        assert equal(matvec(manifest, encoded, a, shift=10)).y.tolist() == [[7] * 4]


class TestNetworks:
    @pytest.mark.parametrize("row_mapping", ["modulo", "balanced"])
    @pytest.mark.parametrize("name", ["1", "3", "4"])
    def test_layers_stay_in_the_engine(self, engine, name, row_mapping):
        manifest, parameters = engine(**ENGINES[name] | {"columns": 128})
        make = Maker(parameters, 4)
        for number in range(6):
            layers, positions = [], None
            inputs = int(make.rng.integers(1, 30))
            for shift in (8, parameters.weight_width + 1, 4):
                outputs = int(make.rng.integers(1, 13))
                indices = make.indices(outputs, inputs, 0.5)
                encoded = make.encoded(indices, row_mapping=row_mapping, inputs=positions)
                layers.append(Layer(encoded=encoded, shift=shift, relu=len(layers) < 2))
                inputs, positions = outputs, encoded.outputs
            a = make.acts(3, layers[0].encoded.shape[1], 0.6)
            outcome = equal(network(manifest, layers, a, stall_in=30 * (number % 2), stall_out=20))
            assert outcome.y.shape == (3, layers[-1].encoded.shape[0])

    def test_first_layer_in_parts(self, engine):
        manifest, parameters = engine(**SMALL | {"pes": 4, "acts": 4})
        make = Maker(parameters, 5)
        first = make.encoded(make.indices(15, 45, 0.4), row_mapping="balanced")
        second = make.encoded(make.indices(30, 15, 0.4), inputs=first.outputs)
        layers = [Layer(encoded=first, shift=16, relu=True), Layer(encoded=second, shift=14)]
        assert equal(network(manifest, layers, make.acts(3, 45, 0.5))).y.any()


def test_cycles(engine):
    """PEs with equal work multiply an entry a cycle; filling the memories is not counted."""
    manifest, parameters = engine(**SMALL | {"pes": 4})
    make = Maker(parameters, 6)
    encoded = make.encoded(make.indices(60, 64, 1))
    outcome = equal(matvec(manifest, encoded, make.acts(1, 64, 2), shift=14))
    assert outcome.job.busy.tolist() == [15 * 64] * 4
    # Words of activations, entries, words of results, and the latency between them.
    assert 16 + 960 + 15 < outcome.cycles < 16 + 960 + 15 + 35
    # The job, a word each of 8 entries, a pointer, a weight.
    assert outcome.fill_cycles == 1 + 4 * (960 // 8 + 65 + 16)
    stalled = equal(matvec(manifest, encoded, make.acts(1, 64, 2), shift=14, stall_out=50))
    assert stalled.fill_cycles == outcome.fill_cycles
    sparse = equal(matvec(manifest, encoded, make.acts(1, 64, 0.1), shift=14))
    assert sparse.cycles < 0.35 * outcome.cycles


def test_refused(engine):
    manifest, parameters = engine(**SMALL | {"pes": 4, "codebooks": 2, "acts": 2})
    make = Maker(parameters, 7)

    def refused(message, layers, a=None, error=ValueError):
        layers = [Layer(encoded=layer) for layer in layers]
        a = np.zeros(layers[0].encoded.shape[1], int) if a is None else a
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            network(manifest, layers, a)

    small, full = make.encoded(np.ones((12, 5), int)), make.encoded(np.ones((128, 33), int))
    refused("Columns must be at most 64 (columns), not 66; use --set columns=66", [full] * 2)
    refused(
        "Entries of a PE must be at most 1024 (entries), not 1056; use --set entries=1056",
        [full],
    )
    refused(
        "Rows of a PE must be at most 32 (rows), not 33; use --set rows=33",
        [make.encoded(np.ones((129, 1), int))],
    )
    refused("Layers must be at most 2 (codebooks), not 3; use --set codebooks=3", [small] * 3)
    refused("Inputs of layer 2 must be at the positions of the outputs before", [small] * 2)
    wide = make.encoded(np.ones((3, 12), int), inputs=small.outputs)
    refused(
        "Activations of a PE between layers must be at most 2 (acts), not 3; use --set acts=3",
        [small, wide],
    )
    refused(
        "Matrix is encoded for pes=3, the engine has 4",
        [encode(np.ones((3, 3), int), [0, 1], pes=3)],
    )
    refused(
        "Codebook must be from -32768 to 32767",
        [encode(np.ones((3, 3), int), [0, 32768], pes=4)],
    )
    refused(
        "Activations must be 5, or vectors of 5, one for each column of the matrix, not the shape "
        "(2, 4)",
        [small],
        np.zeros((2, 4), int),
    )
    refused("Activations must be from -32768 to 32767, not 32768", [small], np.full(5, 32768))
    message = "Activations must be integers, not float64; quantize them first"
    refused(message, [small], np.zeros(5), TypeError)
