"""The digits network with widths chosen for each layer, on an engine that changes its mode."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...sim.designs._gemm import Tiling, tiling
from ...sim.designs._product import Factors, multiply, multiply_all
from ...sim.golden import formats
from ...sim.manifest import Manifest
from ..commands.bench import table
from ..designs.base import GemmFusion
from ..emission.emit import emit
from ..lib.progress import progress
from ..workloads import digits
from . import networks

__all__ = ["WIDTHS", "Choice", "measure", "mix", "search", "text", "variants"]

#: Bits of activations, and of weights, to choose from.
WIDTHS = (8, 4, 2)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Widths for the layers, and what they cost.

    Members
    -------
    widths : tuple of (int, int)
        Bits of activations and of weights, for each layer.
    right : int
        Training images that the network in integers classifies right.
    cycles : int
        The most that all layers take together.
    weight_bits : int
        Of all weights.
    """

    widths: tuple[tuple[int, int], ...]
    right: int
    cycles: int
    weight_bits: int


def variants(network: digits.Network) -> dict[int, list[networks.Layer]]:
    """The network's layers in integers of each of :data:`WIDTHS`.

    Activations are without sign, weights with one. Scales are found as ``networks.quantize`` says.
    """
    schemes = {bits: networks.Scheme(f"uint{bits}", f"int{bits}") for bits in WIDTHS}
    return {bits: networks.quantize(network, scheme) for bits, scheme in schemes.items()}


def mix(
    layers: dict[int, list[networks.Layer]], widths: tuple[tuple[int, int], ...]
) -> list[networks.Layer]:
    """Layers with activations and weights each of the width that is chosen for them.

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
    layers: dict[int, list[networks.Layer]],
    cycles: Callable[[networks.Layer], int],
    budget: float,
) -> list[Choice]:
    """Choices from 8 bits everywhere down, each with one width lower than in the one before.

    Of the choices that are within the budget the next is the one that saves the most cycles for an
    image that is lost, and of equal ones, or where none saves cycles, the most bits of weights. It
    ends where none is left that saves either. Images are the training ones, and the network is
    computed in integers as the engine does it.

    Parameters
    ----------
    network : Network
    layers : dict
        See :func:`variants`.
    cycles : callable
        The most cycles that a layer takes.
    budget : float
        How much lower the share of images that are classified right may be than with 8 bits, in
        percentage points.
    """

    def judged(widths):
        chosen = mix(layers, widths)
        logits = networks.infer(chosen, network.train_images, networks.golden)
        return Choice(
            widths=widths,
            right=int((logits.argmax(axis=1) == network.train_labels).sum()),
            cycles=sum(cycles(layer) for layer in chosen),
            weight_bits=sum(_weight_bits(layer) for layer in chosen),
        )

    found = [judged(((8, 8),) * len(network.weights))]
    least = found[0].right - budget / 100 * len(network.train_images)
    while True:
        now = found[-1]
        lower = [judged(widths) for widths in _lowered(now.widths)]
        better = [one for one in lower if one.right >= least and _worth(now, one) > (0, 0)]
        if not better:
            return found
        found.append(max(better, key=lambda one: _worth(now, one)))


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


def measure(out, *, budget: float = 1.0, size: int = 16) -> list[dict]:
    """A record of the network with 8 bits everywhere, and one of it with chosen widths.

    All test images go through all layers on the RTL, one layer after the other, and then through
    all layers in one simulation.

    Parameters
    ----------
    out : Path
        For the emitted engine.
    budget : float
        See :func:`search`.
    size : int
        Rows of the array, and columns.
    """
    network = digits.train()
    layers = variants(network)
    parameters = {"rows": size, "cols": size}
    emission = emit(GemmFusion(**parameters), out)
    facts = Manifest.read(emission.manifest)
    images = len(network.test_images)
    choices = search(network, layers, lambda layer: _plan(facts, layer, images).cycle_bound, budget)
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
            chosen = mix(layers, steps[-1].widths)
            found = _on_rtl(emission, facts, network, chosen)
            records.append(
                {
                    "network": name,
                    **common,
                    "search": [dataclasses.asdict(step) for step in steps],
                    "calibration_accuracy": steps[-1].right / len(network.train_images),
                    **found,
                    "speed_up": (records or [found])[0]["cycles"] / found["cycles"],
                    "weight_bits": steps[-1].weight_bits,
                }
            )
            bar.update()
    return records


def _on_rtl(emission, facts, network, layers):
    """Accuracy and cycles; every sum of each layer is checked."""
    measured, factors, sums = [], [], []

    def product(layer, codes):
        modes = _modes(layer)
        work = emission.folder / "bench"
        done = multiply(emission.manifest, codes, layer.weights, workdir=work, **modes)
        (m, k), n = codes.shape, layer.weights.shape[1]
        plan = _plan(facts, layer, m)
        measured.append(
            {
                "m": m,
                "k": k,
                "n": n,
                "a_type": layer.a_type,
                "w_type": layer.w_type,
                "rows_of_acts": plan.k_tiles * plan.result_words,
                "cycles": done.cycles,
                "exact": done.matches_golden,
            }
        )
        factors.append(Factors(a=codes, w=layer.weights, modes=modes))
        sums.append(done.y)
        return done.y

    accuracy = network.score(networks.infer(layers, network.test_images, product))
    golden = network.score(networks.infer(layers, network.test_images, networks.golden))
    chain = multiply_all(emission.manifest, factors)
    same = all(np.array_equal(one, other) for one, other in zip(chain.y, sums, strict=True))
    # A layer that follows another takes a cycle for each row of activations; what is over is the
    # time in which the mode changes.
    rows = [layer["rows_of_acts"] for layer in measured]
    over = chain.cycles - measured[0]["cycles"] - sum(rows[1:])
    switches = sum(one.modes != other.modes for one, other in itertools.pairwise(factors))
    most = switches * facts.timing["mode_switch"]
    return {
        "golden_accuracy": golden,
        "accuracy": accuracy,
        "layers": measured,
        "cycles": chain.cycles,
        "mode_switches": switches,
        "switch_cycles": over,
        "switch_cycles_bound": most,
        "as_promised": 0 <= over <= most,
        "exact": same and all(chain.matches_golden) and all(one["exact"] for one in measured),
    }


def _modes(layer: networks.Layer) -> dict[str, int]:
    """What is chosen at run time for a layer."""
    modes = {}
    for side, name in (("a", layer.a_type), ("w", layer.w_type)):
        fmt = formats.get_integer(name)
        modes |= {f"{side}_bits": fmt.bits, f"{side}_signed": int(fmt.signed)}
    return modes


def _plan(facts, layer: networks.Layer, images: int) -> Tiling:
    return tiling(facts, images, *layer.weights.shape, **_modes(layer))


def _weight_bits(layer: networks.Layer) -> int:
    return layer.weights.size * formats.get_integer(layer.w_type).bits


def text(records: list[dict]) -> str:
    """The records as tables."""
    eight, mixed = records
    size = f"{mixed['parameters']['rows']}x{mixed['parameters']['cols']}"
    return "\n\n".join(
        [
            f"{mixed['design']} {size}, {mixed['images']} test images; a scale for each output "
            "channel of weights, and for\neach tensor of activations; widths may cost "
            f"{mixed['budget']:.2f} points of the {mixed['calibration_images']:,} training images' "
            "accuracy",
            table(list(_layers(eight, mixed))),
            table(list(_networks(eight, mixed))),
            "Cycles of a network: of all layers in one simulation. With the widths above "
            f"{_switches(mixed)}.",
        ]
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
            "equals_golden": before["exact"] and layer["exact"],
        }


def _networks(eight, mixed) -> Iterator[dict]:
    yield {
        "network": "floats",
        "accuracy": f"{mixed['float_accuracy']:.2%}",
        "on_training_images": f"{mixed['float_calibration_accuracy']:.2%}",
    }
    for one in (eight, mixed):
        yield {
            "network": one["network"],
            "accuracy": f"{one['accuracy']:.2%}",
            "on_training_images": f"{one['calibration_accuracy']:.2%}",
            "cycles": one["cycles"],
            "speed_up": f"{one['speed_up']:.2f}",
            "weight_bits": one["weight_bits"],
            "of_8_bits": f"{one['weight_bits'] / eight['weight_bits']:.0%}",
            "equals_golden": one["exact"],
        }


def _switches(record):
    changes = record["mode_switches"]
    if not changes:
        return "the mode does not change"
    return (
        f"{changes} change{'s' * (changes > 1)} of\nmode take{'s' * (changes == 1)} "
        f"{record['switch_cycles']} of them (promised: at most {record['switch_cycles_bound']})"
    )
