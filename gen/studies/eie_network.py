"""The digits network with few weights of few values, in fixed point for the sparse engine."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from ...sim.golden.gemm import gemm
from ...sim.golden.sparse import cluster, eie, to_fixed
from ..lib.pruning import largest
from ..workloads import digits

__all__ = ["FixedLayer", "Pruned", "fix", "infer", "inputs", "prune", "tune"]

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
    network : Network
    density : float
        Share of all weights that are left.
    before_tuning : float
        Accuracy before the network was trained again.
    """

    network: digits.Network
    density: float
    before_tuning: float


def prune(network: digits.Network, densities: tuple[float, ...]) -> list[Pruned]:
    """The network with ever fewer weights, each network pruned from the one before.

    Han et al., "Learning both Weights and Connections for Efficient Neural Networks", NIPS 2015:
    of all layers' weights those of least magnitude become zero, biases stay, and the other weights
    are trained again. Everything random has a fixed seed.

    Parameters
    ----------
    network : Network
    densities : tuple of float
        Shares of weights that are left, descending.
    """
    networks = []
    for density in densities:
        weights = network.weights
        sizes = np.abs(np.concatenate([matrix.ravel() for matrix in weights]))
        ends = np.cumsum([matrix.size for matrix in weights])[:-1]
        masks = [
            mask.reshape(matrix.shape)
            for mask, matrix in zip(np.split(largest(sizes, density), ends), weights, strict=True)
        ]
        weights = tuple(matrix * mask for matrix, mask in zip(weights, masks, strict=True))
        network = dataclasses.replace(network, weights=weights)
        before = network.accuracy
        if not all(map(np.all, masks)):
            network = tune(network, masks)
        networks.append(Pruned(network=network, density=density, before_tuning=before))
    return networks


def tune(network: digits.Network, masks: list[np.ndarray]) -> digits.Network:
    """The network after training with Adam, in which pruned weights stay zero."""
    from threadpoolctl import threadpool_limits

    images, labels = network.train_images, network.train_labels
    targets = np.eye(network.weights[-1].shape[1])[labels]
    values = [array.copy() for array in (*network.weights, *network.biases)]
    moments = [[np.zeros_like(array) for array in values] for _ in _DECAYS]
    rng, step, layers = np.random.default_rng(_SEED), 0, len(masks)
    # One BLAS thread: two on matrices this small take longer, and may sum in another order.
    with threadpool_limits(1):
        for _ in range(_EPOCHS):
            order = rng.permutation(len(images))
            for batch in np.array_split(order, round(len(images) / _BATCH)):
                step += 1
                slopes = _slopes(values[:layers], values[layers:], images[batch], targets[batch])
                for number, mask in enumerate(masks):
                    slopes[number] *= mask
                for number, slope in enumerate(slopes):
                    for power, decay in enumerate(_DECAYS):
                        moment = moments[power][number]
                        moment += (1 - decay) * (slope ** (power + 1) - moment)
                    mean, square = (
                        moments[power][number] / (1 - decay**step)
                        for power, decay in enumerate(_DECAYS)
                    )
                    values[number] -= _RATE * mean / (np.sqrt(square) + 1e-8)
    weights, biases = tuple(values[:layers]), tuple(values[layers:])
    return dataclasses.replace(network, weights=weights, biases=biases)


def _slopes(weights, biases, images, targets):
    """Of the mean cross-entropy, by each layer's weights and then by each one's biases."""
    values = digits.forward(weights, biases, images)
    shares = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
    back = (shares / shares.sum(axis=1, keepdims=True) - targets) / len(images)
    by_weight, by_bias = [], []
    for number in reversed(range(len(weights))):
        by_weight.insert(0, values[number].T @ back)
        by_bias.insert(0, back.sum(axis=0))
        back = (back @ weights[number].T) * (values[number] > 0)
    return by_weight + by_bias


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedLayer:
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


def fix(network: digits.Network, images: np.ndarray, index_width: int = 4) -> list[FixedLayer]:
    """The network in fixed point of 16 bits, biases folded, weights shared in each layer.

    A layer's weights and biases become the 2^index_width - 1 values that k-means finds. Shifts
    leave a bit free, so that nothing saturates on ``images``.
    """
    values, fraction = inputs(images), _PIXEL_FRACTION
    layers = []
    for number, (weights, bias) in enumerate(zip(network.weights, network.biases, strict=True), 1):
        last = number == len(network.weights)
        constant = np.ldexp(float(values[0, -1]), -fraction)
        indices, codebook = cluster(np.hstack([weights.T, bias[:, None] / constant]), index_width)
        codebook, after_point = to_fixed(codebook, _WIDTH, "Weights")
        if not last:
            # By the largest weight: so the biases of the next layer are small.
            indices = np.pad(indices, ((0, 1), (0, 0)))
            indices[-1, -1] = codebook.argmax()
        sums = np.abs(gemm(values, codebook[indices].T))
        # One bit for the sign, and one for what rounding may add.
        shift = max(0, int(sums.max()).bit_length() - (_WIDTH - 2))
        layers.append(FixedLayer(indices=indices, codebook=codebook, shift=shift, relu=not last))
        values = infer(layers[-1:], values)
        fraction += after_point - shift
    return layers


def inputs(images: np.ndarray) -> np.ndarray:
    """int64 array (M, 65): the images' pixels in 16ths, which are integers, and 1."""
    pixels = np.ldexp(np.pad(images, ((0, 0), (0, 1)), constant_values=1.0), _PIXEL_FRACTION)
    return pixels.astype(np.int64)


def infer(layers: list[FixedLayer], values: np.ndarray) -> np.ndarray:
    """int64 array (M, outputs): the golden model's outputs for inputs of the first layer."""
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
