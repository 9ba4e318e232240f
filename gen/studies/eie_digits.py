"""The digits network with few weights on the sparse engine, and dense on ``gemm_ws``."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...sim.designs._eie import Layer, network
from ...sim.designs._product import Factors, multiply_all
from ...sim.golden.sparse import encode
from ..commands.bench import table
from ..designs.base import Eie, GemmWs
from ..emission.emit import emit
from ..lib.progress import progress
from ..workloads import digits
from . import eie_network, networks, records
from .eie import CONFIGURATIONS

__all__ = ["ARRAYS", "DENSITIES", "NAMES", "NOTES", "measure", "rows", "text", "write"]

#: Shares of weights that are left; the second half is only on the way.
DENSITIES = (1.0, 0.25, 0.15, 0.10)
_ON_THE_WAY = (0.5,)

#: Rows and columns of the dense arrays. The engines have as many elements, so as many multipliers.
ARRAYS = (4, 8)

#: Of the engine's configurations those that are measured.
NAMES = ("EIE's", "all options")

#: Vectors of which the cycles of one alone are the mean.
_ALONE = 10

#: What stands below the table.
NOTES = """\
weights: share that is left; pruned, tuned: accuracy in floats before and after these were trained
again. accuracy: on the engine, with weights and biases of 15 values in each layer, in 16 bits. The
dense network in floats has {float_accuracy:.2%}, in int8 on gemm_ws {gemm_ws_accuracy:.2%}.
one: cycles of an image alone, the mean of {alone}; all: of {images}. Layers follow each other in
the engine, which has its weights before: to fill it takes up to {fill_cycles:,} cycles more, once.
live: activations that are not zero, the mean of the images; one of them is broadcast in a cycle.
gemm_ws: the dense network on as many multipliers. Its weights come in for each product, and each
layer's words right behind those of the layer before, as if the host took no time between them."""


def measure(out, *, arrays=ARRAYS, densities=DENSITIES, names=NAMES) -> list[dict]:
    """A record for each share of weights, number of multipliers and configuration.

    All test images go through all layers in one simulation, and then some of them each alone. Every
    output is compared with the golden model's of the matrix before it was encoded.

    Parameters
    ----------
    out : Path
        For emitted engines.
    arrays : sequence of int
        Rows and columns of the dense arrays.
    densities : sequence of float
        Shares of weights, descending.
    names : sequence of str
        Which of ``eie.CONFIGURATIONS``.
    """
    dense = digits.train()
    steps = sorted({*densities, *_ON_THE_WAY}, reverse=True)
    pruned = [one for one in eie_network.prune(dense, tuple(steps)) if one.density in densities]
    found = []
    with progress(total=len(arrays) * (1 + len(names) * len(pruned)), what="eie_digits") as bar:
        for size in arrays:
            baseline = _on_gemm_ws(out, dense, size)
            bar.update()
            for name in names:
                for record in _on_eie(out, dense, pruned, size**2, name):
                    speed_ups = {
                        f"speed_up_{what}": baseline[f"gemm_ws_cycles_{what}"]
                        / record[f"cycles_{what}"]
                        for what in ("alone", "all")
                    }
                    exact = {"exact": record["exact"] and baseline["exact"]}
                    found.append(record | baseline | speed_ups | exact)
                    bar.update()
    return found


def _on_eie(out, dense, pruned, pes, name) -> Iterator[dict]:
    """A record for each network, all on one engine."""
    options = {key: value for key, value in CONFIGURATIONS[name].items() if key != "acts"}
    assign = options.pop("assign")
    parameters = Eie(pes=pes, books=len(dense.weights), **options)
    plans = []
    for one in pruned:
        fixed = eie_network.fix(one, dense.train_images, parameters.value_width)
        plans.append((one, fixed, _encoded(fixed, parameters, assign)))
    parameters = _sized(parameters, [layers for _, _, layers in plans])
    emission = emit(parameters, out)
    vectors = eie_network.inputs(dense.test_images)
    for one, fixed, layers in plans:
        expected = eie_network.infer(fixed, vectors)
        together = network(emission.manifest, layers, vectors)
        alone = [network(emission.manifest, layers, vector) for vector in vectors[:_ALONE]]
        y = np.concatenate([outcome.y for outcome in alone])
        exact = np.array_equal(together.y, expected) and np.array_equal(y, expected[:_ALONE])
        entries = sum(int(layer.encoded.entries.sum()) for layer in layers)
        yield {
            "density": one.density,
            "weights": [int(np.count_nonzero(part)) for part in one.weights],
            "pes": pes,
            "configuration": name,
            "assign": assign,
            "parameters": parameters.as_dict(),
            "digest": emission.digest,
            "images": len(vectors),
            "float_accuracy": dense.accuracy,
            "pruned_accuracy": one.before_tuning,
            "tuned_accuracy": one.accuracy,
            "accuracy": dense.score(together.y),
            "entries": entries,
            "padding": sum(layer.encoded.padding for layer in layers),
            "live_activations": _live(fixed, vectors) / len(vectors),
            "balance": together.balance,
            "fill_cycles": together.fill_cycles,
            "cycles_alone": sum(outcome.cycles for outcome in alone) / len(alone),
            "cycles_all": together.cycles,
            "exact": bool(exact and together.matches_golden),
        }


def _live(fixed, values):
    """Activations that are not zero, over all layers."""
    count = 0
    for layer in fixed:
        count += int(np.count_nonzero(values))
        values = eie_network.infer([layer], values)
    return count


def _encoded(fixed, parameters, assign):
    layers, places = [], None
    for layer in fixed:
        encoded = encode(
            layer.indices,
            layer.codebook,
            pes=parameters.pes,
            lanes=parameters.lanes,
            value_width=parameters.value_width,
            zeros_width=parameters.zeros_width,
            assign=assign,
            inputs=places,
        )
        layers.append(Layer(encoded=encoded, shift=layer.shift, relu=layer.relu))
        places = encoded.outputs
    return layers


def _sized(parameters, plans):
    """The parameters with memories that hold the layers of each plan."""
    encoded = [[layer.encoded for layer in layers] for layers in plans]
    rows = max(matrix.rows for matrices in encoded for matrix in matrices)
    inputs = max(matrices[0].columns for matrices in encoded)
    return dataclasses.replace(
        parameters,
        columns=max(sum(matrix.columns for matrix in matrices) for matrices in encoded),
        entries=max(int(sum(matrix.entries for matrix in part).max()) for part in encoded),
        rows=rows,
        acts=max(rows, -(-inputs // parameters.pes)),
    )


def _on_gemm_ws(out, dense, size):
    """Cycles of the dense network in int8."""
    layers = networks.quantize(dense, networks.SCHEMES["int8"])
    values, codes = dense.test_images, []
    for layer in layers:
        codes.append(layer.encode(values))
        values = np.maximum(layer.finish(networks.golden(layer, codes[-1])), 0.0)
    widest = max(len(layer.weights) for layer in layers)
    settings = networks.SCHEMES["int8"].settings
    parameters = GemmWs(rows=size, cols=size, max_k=widest, **settings)
    emission = emit(parameters, out)

    def run(images):
        factors = [
            Factors(a=part[images], w=layer.weights)
            for part, layer in zip(codes, layers, strict=True)
        ]
        return multiply_all(emission.manifest, factors)

    alone, together = run(slice(1)), run(slice(None))
    return {
        "gemm_ws_digest": emission.digest,
        "gemm_ws_accuracy": dense.score(values),
        "gemm_ws_cycles_alone": alone.cycles,
        "gemm_ws_cycles_all": together.cycles,
        "exact": all(alone.matches_golden) and all(together.matches_golden),
    }


def write(out: Path, found: list[dict]) -> str:
    """Writes ``eie_digits.json`` into the folder; returns what is to be printed."""
    records.write(Path(out) / "eie_digits.json", found)
    return text(found)


def text(found: list[dict]) -> str:
    """The records as a table, with notes below it."""
    fill_cycles = max(row["fill_cycles"] for row in found)
    notes = NOTES.format(**found[0] | {"alone": _ALONE, "fill_cycles": fill_cycles})
    return f"{table(list(rows(found)))}\n\n{notes}"


def rows(found: list[dict]) -> Iterator[dict]:
    """The records in the columns of the table."""
    for row in found:
        yield {
            "configuration": row["configuration"],
            "elements": row["pes"],
            "weights": f"{row['density']:.0%}",
            "pruned": f"{row['pruned_accuracy']:.2%}",
            "tuned": f"{row['tuned_accuracy']:.2%}",
            "accuracy": f"{row['accuracy']:.2%}",
            "live": round(row["live_activations"]),
            "one": round(row["cycles_alone"]),
            "gemm_ws": row["gemm_ws_cycles_alone"],
            "speed-up": f"{row['speed_up_alone']:.2f}",
            "all": row["cycles_all"],
            "gemm_ws, all": row["gemm_ws_cycles_all"],
            "speed-up, all": f"{row['speed_up_all']:.2f}",
            "exact": row["exact"],
        }
