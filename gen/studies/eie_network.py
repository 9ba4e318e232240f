"""The digits network with few weights of few values, in fixed point for the sparse engine."""

from dataclasses import dataclass

import numpy as np

from ...sim.golden.gemm import gemm
from ...sim.golden.sparse import cluster, eie, to_fixed
from ..commands.prune import largest
from ..workloads import digits

__all__ = ["Layer", "Pruned", "fix", "infer", "inputs", "prune"]

#: Training again: passes over the training images, images of a step, and Adam's rate and decays;
#: see Kingma and Ba, ICLR 2015.
_EPOCHS = 60
_BATCH = 180
_RATE = 3e-3
_DECAYS = 0.9, 0.999
_SEED = 0

#: Bits of activations and of weights in fixed point.
_WIDTH = 16
_PIXEL_FRACTION = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Pruned:
    """A network of floats in which most weights are zero.

    Members
    -------
    density : float
        Share of all weights that are left.
    weights, biases : tuples of float64 arrays
        As in :class:`digits.Network`.
    before_tuning : float
        Share of the test images that it classified right before it was trained again.
    accuracy : float
        That share after it.
    """

    density: float
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    before_tuning: float
    accuracy: float


def prune(network: digits.Network, densities: tuple[float, ...]) -> list[Pruned]:
    """The network with ever fewer weights, each of the networks made of the one before.

    Han et al., "Learning both Weights and Connections for Efficient Neural Networks", NIPS 2015:
    of all layers' weights those of least magnitude become zero, biases stay, and what is left is
    trained again. Everything random has a fixed seed.

    Parameters
    ----------
    network : Network
    densities : tuple of float
        Shares of weights that are left, descending.
    """
    found = []
    weights, biases = network.weights, network.biases
    for density in densities:
        sizes = np.abs(np.concatenate([part.ravel() for part in weights]))
        kept = largest(sizes, density)
        ends = np.cumsum([part.size for part in weights])[:-1]
        kept = [
            part.reshape(like.shape)
            for part, like in zip(np.split(kept, ends), weights, strict=True)
        ]
        weights = [part * keep for part, keep in zip(weights, kept, strict=True)]
        before = _score(network, weights, biases)
        if not all(map(np.all, kept)):
            weights, biases = _tune(network, weights, biases, kept)
        found.append(
            Pruned(
                density=density,
                weights=tuple(weights),
                biases=tuple(biases),
                before_tuning=before,
                accuracy=_score(network, weights, biases),
            )
        )
    return found


def _forward(weights, biases, images):
    """What goes into each layer, and the logits."""
    values = [images]
    for number, (part, bias) in enumerate(zip(weights, biases, strict=True), 1):
        outputs = values[-1] @ part + bias
        values.append(np.maximum(outputs, 0) if number < len(weights) else outputs)
    return values


def _score(network, weights, biases):
    return network.score(_forward(weights, biases, network.test_images)[-1])


def _tune(network, weights, biases, kept):
    """Weights and biases after training with Adam, in which pruned weights stay zero."""
    from threadpoolctl import threadpool_limits

    images, labels = network.train_images, network.train_labels
    wanted = np.eye(weights[-1].shape[1])[labels]
    values = [part.copy() for part in (*weights, *biases)]
    moments = [[np.zeros_like(part) for part in values] for _ in _DECAYS]
    rng, step, layers = np.random.default_rng(_SEED), 0, len(weights)
    # One BLAS thread: two on matrices this small take longer, and may sum in another order.
    with threadpool_limits(1):
        for _ in range(_EPOCHS):
            order = rng.permutation(len(images))
            for part in np.array_split(order, round(len(images) / _BATCH)):
                step += 1
                slopes = _slopes(values[:layers], values[layers:], images[part], wanted[part])
                for number, keep in enumerate(kept):
                    slopes[number] *= keep
                for number, slope in enumerate(slopes):
                    for power, decay in enumerate(_DECAYS):
                        moment = moments[power][number]
                        moment += (1 - decay) * (slope ** (power + 1) - moment)
                    mean, square = (
                        moments[power][number] / (1 - decay**step)
                        for power, decay in enumerate(_DECAYS)
                    )
                    values[number] -= _RATE * mean / (np.sqrt(square) + 1e-8)
    return values[:layers], values[layers:]


def _slopes(weights, biases, images, wanted):
    """Of the mean cross-entropy, by each layer's weights and then by each one's biases."""
    values = _forward(weights, biases, images)
    shares = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
    back = (shares / shares.sum(axis=1, keepdims=True) - wanted) / len(images)
    by_weight, by_bias = [], []
    for number in reversed(range(len(weights))):
        by_weight.insert(0, values[number].T @ back)
        by_bias.insert(0, back.sum(axis=0))
        back = (back @ weights[number].T) * (values[number] > 0)
    return by_weight + by_bias


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A layer as the engine computes it: ``codebook[indices]`` by vectors, in integers.

    The last column's activation is a constant, and its weights are the biases. The last row of a
    layer that another follows makes that one's constant.

    Members
    -------
    indices : uint8 array (outputs, inputs)
    codebook : int64 array
    shift : int
        Right shift of the sums.
    relu : bool
    """

    indices: np.ndarray
    codebook: np.ndarray
    shift: int
    relu: bool


def fix(pruned: Pruned, images: np.ndarray, value_width: int = 4) -> list[Layer]:
    """The network in fixed point of 16 bits, biases folded, weights shared in each layer.

    A layer's weights and biases become the 2^value_width - 1 values that k-means finds. Shifts
    leave a bit free, so that nothing saturates on ``images``.
    """
    values, fraction = inputs(images), _PIXEL_FRACTION
    layers = []
    for number, (weights, bias) in enumerate(zip(pruned.weights, pruned.biases, strict=True), 1):
        last = number == len(pruned.weights)
        constant = np.ldexp(float(values[0, -1]), -fraction)
        indices, codebook = cluster(np.hstack([weights.T, bias[:, None] / constant]), value_width)
        codebook, after_point = to_fixed(codebook, _WIDTH, "Weights")
        if not last:
            # By the largest weight: so the biases of the next layer are small.
            indices = np.pad(indices, ((0, 1), (0, 0)))
            indices[-1, -1] = codebook.argmax()
        sums = np.abs(gemm(values, codebook[indices].T))
        # One bit for the sign, and one for what rounding may add.
        shift = max(0, int(sums.max()).bit_length() - (_WIDTH - 2))
        layers.append(Layer(indices=indices, codebook=codebook, shift=shift, relu=not last))
        values = infer(layers[-1:], values)
        fraction += after_point - shift
    return layers


def inputs(images: np.ndarray) -> np.ndarray:
    """int64 array (M, 65): the images' pixels in 16ths, which they are whole numbers of, and 1."""
    pixels = np.ldexp(np.pad(images, ((0, 0), (0, 1)), constant_values=1.0), _PIXEL_FRACTION)
    return pixels.astype(np.int64)


def infer(layers: list[Layer], values: np.ndarray) -> np.ndarray:
    """int64 array (M, outputs): what the golden model gives for what goes into the first layer."""
    for layer in layers:
        values = eie(
            layer.indices,
            layer.codebook,
            values,
            shift=layer.shift,
            relu=layer.relu,
            act_width=_WIDTH,
        )
    return values
