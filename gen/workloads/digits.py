"""The demo's network: a small multilayer perceptron for scikit-learn's handwritten digits."""

import warnings
from dataclasses import dataclass

import numpy as np

from ...sim.golden import formats
from ...sim.golden.quantize import QuantizedLinear, calibrate, quantize_linear
from ..lib.extras import require

__all__ = ["Network", "forward", "infer", "quantize", "train"]

# 150 passes take half a second; the seeds make every run on a machine the same.
_HIDDEN = (64, 32)
_EPOCHS = 150
_SPLIT_SEED = 0
_TRAINING_SEED = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A trained perceptron, ReLU between the layers, and the images it was made with.

    Members
    -------
    weights : tuple of float64 arrays (K, N)
        (64, 64), (64, 32) and (32, 10).
    biases : tuple of float64 arrays (N,)
    train_images, test_images : float64 arrays (1437, 64) and (360, 64)
        Rows of 8 by 8 pixels, from 0 to 1.
    train_labels, test_labels : int64 arrays
        0 to 9.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    def activations(self, images: np.ndarray) -> list[np.ndarray]:
        """The outputs of each layer for ``images`` (M, 64); the last are the logits (M, 10)."""
        return forward(self.weights, self.biases, images)[1:]

    @property
    def accuracy(self) -> float:
        """Share of the test images that the float network classifies right."""
        return self.score(self.activations(self.test_images)[-1])

    def score(self, outputs: np.ndarray) -> float:
        """Share of the test images whose largest of ``outputs`` (360, 10) is the label's."""
        return float(np.mean(outputs.argmax(axis=1) == self.test_labels))


def forward(weights, biases, images: np.ndarray) -> list[np.ndarray]:
    """The inputs of each layer, and the logits, for ``images`` (M, 64)."""
    values = [images]
    for number, (matrix, bias) in enumerate(zip(weights, biases, strict=True), 1):
        outputs = values[-1] @ matrix + bias
        values.append(np.maximum(outputs, 0.0) if number < len(weights) else outputs)
    return values


def train() -> Network:
    """Train the 64-64-32-10 network on 80 % of the 1,797 bundled images, in half a second.

    The split is stratified; split and training have fixed seeds. Nothing is downloaded.
    """
    with require("Handwritten digits"):
        from sklearn.datasets import load_digits
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.model_selection import train_test_split
        from sklearn.neural_network import MLPClassifier
        from threadpoolctl import threadpool_limits

    pixels, labels = load_digits(return_X_y=True)
    train_images, test_images, train_labels, test_labels = train_test_split(
        pixels / 16, labels, test_size=0.2, stratify=labels, random_state=_SPLIT_SEED
    )
    model = MLPClassifier(
        _HIDDEN, max_iter=_EPOCHS, n_iter_no_change=_EPOCHS, random_state=_TRAINING_SEED
    )
    # One BLAS thread: two on matrices this small take twenty times longer on a busy machine.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of passes is ours
        model.fit(train_images, train_labels)
    return Network(
        weights=tuple(model.coefs_),
        biases=tuple(model.intercepts_),
        train_images=train_images,
        train_labels=train_labels.astype(np.int64),
        test_images=test_images,
        test_labels=test_labels.astype(np.int64),
    )


def quantize(
    network: Network, a_format: str = "uint8", w_format: str = "int8", out_format: str = "int8"
) -> list[QuantizedLinear]:
    """The network in integers, calibrated on the training images.

    Parameters
    ----------
    network : Network
    a_format : str
        Of the pixels and between the layers, ``int<N>`` or ``uint<N>``.
    w_format : str
        ``int<N>``.
    out_format : str
        Of the logits, ``int<N>`` or ``uint<N>``.

    Raises
    ------
    ValueError
        An unknown format, or weights without sign.
    """
    between = formats.get_integer(a_format)
    w_fmt = formats.get_integer(w_format)
    outputs = network.activations(network.train_images)
    last = len(outputs) - 1
    layers = []
    input = calibrate(network.train_images, between)
    for i, values in enumerate(outputs):
        output = calibrate(values, formats.get_integer(out_format) if i == last else between)
        layers.append(
            quantize_linear(
                network.weights[i],
                network.biases[i],
                input=input,
                output=output,
                w_format=w_fmt,
                relu=i < last,
            )
        )
        input = output
    return layers


def infer(layers: list[QuantizedLinear], images: np.ndarray) -> np.ndarray:
    """int64 codes of the logits (M, 10) of ``images`` (M, 64); the largest is the digit."""
    codes = layers[0].input.encode(images)
    for layer in layers:
        codes = layer.forward(codes)
    return codes
