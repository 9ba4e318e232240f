"""The digits network with widths chosen for each layer, on an engine that changes its mode."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...sim.golden import formats
from ...sim.manifest import Manifest
from ..designs.gemm_fusion import GemmFusion
from ..emission.emit import emit
from ..lib.progress import progress
from ..workloads import digits
from . import engines, networks
from .networks import CodedLayer
from .study import Study

__all__ = ["STUDY", "WIDTHS", "Choice", "measure", "mix", "search", "variants"]

#: Bits of activations, and of weights, to choose from.
WIDTHS = (8, 4, 2)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Widths for the layers, and their cost.

    Members
    -------
    widths : tuple of (int, int)
        Bits of activations and of weights, for each layer.
    right : int
        Training images that the network in integers classifies right.
    cycles : int
        Worst case of all layers together.
    weight_bits : int
        Of all weights.
    """

    widths: tuple[tuple[int, int], ...]
    right: int
    cycles: int
    weight_bits: int


def variants(network: digits.Network) -> dict[int, list[CodedLayer]]:
    """The network's layers in integers of each of :data:`WIDTHS`.

    Activations are without sign, weights with one. Scales are found as ``networks.quantize`` says.
    """
    schemes = {bits: networks.Scheme(f"uint{bits}", f"int{bits}") for bits in WIDTHS}
    return {bits: networks.quantize(network, scheme) for bits, scheme in schemes.items()}


def mix(
    layers: dict[int, list[CodedLayer]], widths: tuple[tuple[int, int], ...]
) -> list[CodedLayer]:
    """Layers with activations and weights of the selected widths.

    Neither depends on the other: the scales are those of the network of floats.
    """
    return [
        dataclasses.replace(
            layers[w_bits][i], a_type=layers[a_bits][i].a_type, a_scale=layers[a_bits][i].a_scale
        )
        for i, (a_bits, w_bits) in enumerate(widths)
    ]


def search(
    network: digits.Network,
    layers: dict[int, list[CodedLayer]],
    cycles: Callable[[CodedLayer], int],
    budget: float,
) -> list[Choice]:
    """Choices from 8 bits everywhere down, each with one width lower than in the one before.

    The next choice is within the budget and saves the most cycles for each image that is lost;
    among equal ones, or where none saves cycles, the most bits of weights. The search ends where no
    choice saves either. Images are the training ones, and the network is computed in integers as on
    the engine.

    Parameters
    ----------
    network : Network
    layers : dict
        See :func:`variants`.
    cycles : callable
        Worst-case cycles of a layer.
    budget : float
        Percentage points of accuracy that may be lost against 8 bits.
    """

    def judged(widths):
        mixed = mix(layers, widths)
        logits = networks.infer(mixed, network.train_images, networks.golden)
        return Choice(
            widths=widths,
            right=int((logits.argmax(axis=1) == network.train_labels).sum()),
            cycles=sum(cycles(layer) for layer in mixed),
            weight_bits=sum(_weight_bits(layer) for layer in mixed),
        )

    choices = [judged(((8, 8),) * len(network.weights))]
    least = choices[0].right - budget / 100 * len(network.train_images)
    while True:
        now = choices[-1]
        lower = [judged(widths) for widths in _lowered(now.widths)]
        better = [c for c in lower if c.right >= least and _worth(now, c) > (0, 0)]
        if not better:
            return choices
        choices.append(max(better, key=lambda choice: _worth(now, choice)))


def _lowered(widths):
    """The choices with one width half as large."""
    for i, (a_bits, w_bits) in enumerate(widths):
        for pair in ((a_bits // 2, w_bits), (a_bits, w_bits // 2)):
            if min(pair) >= min(WIDTHS):
                yield (*widths[:i], pair, *widths[i + 1 :])


def _worth(before, after):
    # One image more, so that what loses none has an order too.
    lost = max(before.right - after.right, 0) + 1
    saved = before.cycles - after.cycles, before.weight_bits - after.weight_bits
    return saved[0] / lost, saved[1] / lost


def measure(out: Path, *, budget: float = 1.0, size: int = 16) -> list[dict]:
    """A record of the network with 8 bits everywhere, and one with a width for each layer.

    All test images go through all layers on the RTL, one layer after the other, and then through
    all layers in one simulation. ``size`` are rows, and columns, of the array.
    """
    network = digits.train()
    layers = variants(network)
    parameters = {"rows": size, "cols": size}
    emission = emit(GemmFusion(**parameters), out)
    manifest = Manifest.read(emission.manifest)
    images = len(network.test_images)

    def worst_case(layer):
        return _schedule(manifest, layer, images).cycle_bound

    choices = search(network, layers, worst_case, budget)
    outputs = network.activations(network.train_images)[-1]
    common = {
        "design": GemmFusion.design(),
        "digest": emission.digest,
        "parameters": parameters,
        "budget": budget,
        "images": images,
        "calibration_images": len(network.train_images),
        "float_accuracy": network.accuracy,
        "float_calibration_accuracy": float(
            np.mean(outputs.argmax(axis=1) == network.train_labels)
        ),
    }
    records = []
    with progress(total=2) as bar:
        for name, steps in (("all 8 bits", choices[:1]), ("mixed", choices)):
            bar.set_description_str(f"mixed, digits with {name}")
            result = _on_rtl(emission, manifest, network, mix(layers, steps[-1].widths))
            records.append(
                {
                    "network": name,
                    **common,
                    "search": [dataclasses.asdict(step) for step in steps],
                    "calibration_accuracy": steps[-1].right / len(network.train_images),
                    **result,
                    "speed_up": (records or [result])[0]["cycles"] / result["cycles"],
                    "weight_bits": steps[-1].weight_bits,
                }
            )
            bar.update()
    return records


def _on_rtl(emission, manifest, network, layers):
    """Accuracy and cycles; every sum of each layer is checked."""
    factors, sums = [], []
    measured, simulated = networks.on_rtl(emission, _modes)

    def product(layer, codes):
        sums.append(simulated(layer, codes))
        plan = _schedule(manifest, layer, len(codes))
        measured[-1] |= {"a_type": layer.a_type, "w_type": layer.w_type}
        measured[-1] |= {"rows_of_acts": plan.k_tiles * plan.result_words}
        factors.append(engines.Factors(a=codes, w=layer.weights, modes=_modes(layer)))
        return sums[-1]

    accuracy = network.score(networks.infer(layers, network.test_images, product))
    golden = network.score(networks.infer(layers, network.test_images, networks.golden))
    chain = engines.products(emission, factors)
    equal = all(map(np.array_equal, chain.y, sums))
    # A layer behind another takes a cycle for each row of activations; the remaining cycles are
    # those in which the mode changes.
    rows = [layer["rows_of_acts"] for layer in measured]
    switch_cycles = chain.cycles - measured[0]["cycles"] - sum(rows[1:])
    switches = sum(a.modes != b.modes for a, b in itertools.pairwise(factors))
    worst_case = switches * manifest.timing["mode_switch"]
    return {
        "golden_accuracy": golden,
        "accuracy": accuracy,
        "layers": measured,
        "cycles": chain.cycles,
        "mode_switches": switches,
        "switch_cycles": switch_cycles,
        "switch_cycles_bound": worst_case,
        "as_promised": 0 <= switch_cycles <= worst_case,
        "exact": equal and all(chain.matches_golden) and all(layer["exact"] for layer in measured),
    }


def _modes(layer: CodedLayer) -> dict[str, int]:
    """The engine's modes for a layer."""
    modes = {}
    for side, name in (("a", layer.a_type), ("w", layer.w_type)):
        fmt = formats.get_integer(name)
        modes |= {f"{side}_bits": fmt.bits, f"{side}_signed": int(fmt.signed)}
    return modes


def _schedule(manifest, layer: CodedLayer, images: int):
    return engines.schedule(manifest, images, *layer.weights.shape, **_modes(layer))


def _weight_bits(layer: CodedLayer) -> int:
    return layer.weights.size * formats.get_integer(layer.w_type).bits


def _report(records) -> Iterator[str | list[dict]]:
    eight, mixed = records
    size = f"{mixed['parameters']['rows']}x{mixed['parameters']['cols']}"
    yield (
        f"{mixed['design']} {size}, {mixed['images']} test images; a scale for each output "
        "channel of weights, and for\neach tensor of activations; widths may cost "
        f"{mixed['budget']:.2f} points of the {mixed['calibration_images']:,} training images' "
        "accuracy"
    )
    yield list(_layers(eight, mixed))
    yield list(_networks(eight, mixed))
    yield (
        "Cycles of a network: of all layers in one simulation. With the widths above "
        f"{_switches(mixed)}."
    )


def _layers(eight, mixed) -> Iterator[dict]:
    pairs = zip(eight["layers"], mixed["layers"], strict=True)
    for number, (before, layer) in enumerate(pairs, 1):
        yield {
            "layer": number,
            "M×K×N": f"{layer['m']}×{layer['k']}×{layer['n']}",
            "activations": layer["a_type"],
            "weights": layer["w_type"],
            "cycles": layer["cycles"],
            "with_8_bits": before["cycles"],
            "speed_up": f"{before['cycles'] / layer['cycles']:.2f}",
            "matches_golden": before["exact"] and layer["exact"],
        }


def _networks(eight, mixed) -> Iterator[dict]:
    yield {
        "network": "floats",
        "accuracy": f"{mixed['float_accuracy']:.2%}",
        "on_training_images": f"{mixed['float_calibration_accuracy']:.2%}",
    }
    for record in (eight, mixed):
        yield {
            "network": record["network"],
            "accuracy": f"{record['accuracy']:.2%}",
            "on_training_images": f"{record['calibration_accuracy']:.2%}",
            "cycles": record["cycles"],
            "speed_up": f"{record['speed_up']:.2f}",
            "weight_bits": record["weight_bits"],
            "of_8_bits": f"{record['weight_bits'] / eight['weight_bits']:.0%}",
            "matches_golden": record["exact"],
        }


def _switches(record):
    changes = record["mode_switches"]
    if not changes:
        return "the mode does not change"
    return (
        f"{changes} change{'s' * (changes > 1)} of\nmode take{'s' * (changes == 1)} "
        f"{record['switch_cycles']} of them (worst case: {record['switch_cycles_bound']})"
    )


STUDY = Study(measure=measure, report=_report)
