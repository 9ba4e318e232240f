"""The digits network in many number formats, every test image through every layer on the RTL."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...sim.golden import formats
from ...sim.golden.gemm import gemm
from ..designs import registry
from ..emission.emit import Emission, emit
from ..lib.progress import progress
from ..workloads import digits
from . import engines

__all__ = ["SCHEMES", "CodedLayer", "Scheme", "golden", "infer", "measure", "on_rtl", "quantize"]


class Scheme(NamedTuple):
    """Formats of activations and of weights, joined by ``+``: each tensor gets the one with the
    least squared error. ``engine`` has the formats of the netlist where that has more."""

    a_formats: str
    w_formats: str
    engine: tuple[str, str] | None = None

    @property
    def settings(self) -> dict[str, str]:
        """Of the engine."""
        return dict(zip(("a_format", "w_format"), self.engine or self[:2], strict=True))


# Pixels and outputs of ReLUs are never negative. ANT has formats without sign for them; small
# floats and pairs have none.
_ANT = ("uint4+uflint4+upot4", "int4+flint4+pot4")
_OLIVE = ("ovp_int4+ovp_flint4", "ovp_int4+ovp_flint4")

SCHEMES = {
    "int8": Scheme("uint8", "int8"),
    "int4": Scheme("uint4", "int4", _ANT),
    "flint4": Scheme("uflint4", "flint4", _ANT),
    "pot4": Scheme("upot4", "pot4", _ANT),
    "ANT": Scheme(*_ANT),
    "ovp_int4": Scheme("ovp_int4", "ovp_int4", _OLIVE),
    "ovp_flint4": Scheme("ovp_flint4", "ovp_flint4", _OLIVE),
    "OliVe": Scheme(*_OLIVE),
    "e2m1": Scheme("e2m1", "e2m1"),
    "e4m3": Scheme("e4m3", "e4m3"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class CodedLayer:
    """A fully connected layer in codes.

    Members
    -------
    a_type, w_type : str
        Formats of activations and weights.
    a_scale : float64
        Of all activations.
    weights : int64 array (K, N)
        Codes; neighbours along K are pairs, so with pairs K is even.
    w_scale : float64 array (N,)
    bias : float64 array (N,)
    """

    a_type: str
    w_type: str
    a_scale: np.ndarray
    weights: np.ndarray
    w_scale: np.ndarray
    bias: np.ndarray

    def encode(self, values: np.ndarray) -> np.ndarray:
        """int64 codes (M, K) of activations, with zeros after the last where K was odd."""
        missing = len(self.weights) - values.shape[1]
        padded = np.pad(values, ((0, 0), (0, missing)))
        return formats.encode(padded, self.a_scale, self.a_type).astype(np.int64)

    def finish(self, acc: np.ndarray) -> np.ndarray:
        """The real outputs (M, N), before any ReLU, of the integer sums of the products."""
        unit = formats.get(self.a_type).unit * formats.get(self.w_type).unit
        return acc * (unit * self.a_scale * self.w_scale) + self.bias


def quantize(network: digits.Network, scheme: Scheme) -> list[CodedLayer]:
    """The network in a scheme's formats.

    Weights have a scale for each output channel. Activations have one for each tensor, found on
    the training images in the network of floats. All scales have the least squared error.
    """
    a_names, w_names = scheme.a_formats.split("+"), scheme.w_formats.split("+")
    pair = any(formats.get(name).pair for name in a_names + w_names)
    inputs = [network.train_images, *network.activations(network.train_images)[:-1]]
    layers = []
    for values, weights, bias in zip(inputs, network.weights, network.biases, strict=True):
        missing = len(weights) % 2 if pair else 0
        values = np.pad(values, ((0, 0), (0, missing)))
        weights = np.pad(weights, ((0, missing), (0, 0)))
        a_type, _, a_scale = formats.select(values, a_names)
        w_type, codes, w_scale = formats.select(weights, w_names, axis=1, pair_axis=0)
        layers.append(
            CodedLayer(
                a_type=a_type,
                w_type=w_type,
                a_scale=a_scale,
                weights=codes.astype(np.int64),
                w_scale=w_scale.ravel(),
                bias=bias,
            )
        )
    return layers


def golden(layer: CodedLayer, codes: np.ndarray) -> np.ndarray:
    """The exact sums of products of a layer, int64 (M, N), for codes of activations (M, K)."""
    return gemm(
        formats.operands(codes, layer.a_type, axis=1),
        formats.operands(layer.weights, layer.w_type, axis=0),
    )


def infer(
    layers: list[CodedLayer],
    images: np.ndarray,
    product: Callable[[CodedLayer, np.ndarray], np.ndarray],
) -> np.ndarray:
    """The real logits (M, 10) of ``images``; ``product`` gives a layer's integer sums for codes.

    The host does the rest in float64: it applies scales, bias and ReLU, and makes the next codes.
    """
    values = images
    for layer in layers:
        acc = product(layer, layer.encode(values))
        values = layer.finish(acc)
        if layer is not layers[-1]:
            values = np.maximum(values, 0.0)
    return values


def measure(out, design: str, size: int = 16, schemes=SCHEMES) -> Iterator[dict]:
    """Yield a record for each scheme: accuracy on a ``size`` × ``size`` array of a design."""
    network = digits.train()
    max_k = max(len(weights) + len(weights) % 2 for weights in network.weights)
    parameters_type = registry.design(design)
    with progress(total=len(schemes)) as bar:
        for name, scheme in schemes.items():
            bar.set_description_str(f"quality, digits in {name} on {design}")
            settings = {"rows": size, "cols": size, "max_k": max_k} | scheme.settings
            emission = emit(parameters_type(**settings), out)
            layers = quantize(network, scheme)
            measured, product = on_rtl(emission, _types)
            accuracy = network.score(infer(layers, network.test_images, product))
            yield {
                "table": "digits",
                "formats": name,
                "a_formats": scheme.a_formats,
                "w_formats": scheme.w_formats,
                "a_types": [layer.a_type for layer in layers],
                "w_types": [layer.w_type for layer in layers],
                "design": design,
                "digest": emission.digest,
                "parameters": settings,
                "images": len(network.test_images),
                "float_accuracy": network.accuracy,
                "golden_accuracy": network.score(infer(layers, network.test_images, golden)),
                "accuracy": accuracy,
                "points": 100 * (accuracy - network.accuracy),
                "layers": measured,
                "cycles": sum(layer["cycles"] for layer in measured),
                "exact": all(layer["exact"] for layer in measured),
            }
            bar.update()


def _types(layer):
    return {"a_type": layer.a_type, "w_type": layer.w_type}


def on_rtl(emission: Emission, modes: Callable[[CodedLayer], dict]):
    """A list, and the product of a layer in simulation, which adds its record to the list."""
    measured = []

    def product(layer, codes):
        result = engines.product(emission, codes, layer.weights, **modes(layer))
        (m, k), n = codes.shape, layer.weights.shape[1]
        record = {"m": m, "k": k, "n": n}
        measured.append(record | {"cycles": result.cycles, "exact": result.matches_golden})
        return result.y

    return measured, product
