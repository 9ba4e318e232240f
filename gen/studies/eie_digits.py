"""The digits network with few weights on the sparse engine, and dense on ``gemm_ws``."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from ..designs.eie import Eie
from ..designs.gemm_ws import GemmWs
from ..emission.emit import emit
from ..lib.progress import progress
from ..workloads import digits
from . import eie_network, engines, networks
from .eie import CONFIGURATIONS, assignment
from .study import Study

__all__ = ["ARRAYS", "DENSITIES", "NAMES", "NOTES", "STUDY", "measure"]

#: Shares of weights that are left; a network is also pruned to those on the way to them.
DENSITIES = (1.0, 0.25, 0.15, 0.10)
_ON_THE_WAY = (0.5,)

#: Rows and columns of the dense arrays. The sparse engines have as many PEs and multipliers.
ARRAYS = (4, 8)

#: Configurations of the sparse engine.
NAMES = ("EIE's", "all options")

#: Vectors that run alone; their cycles are averaged.
_ALONE = 10

#: Notes below the table.
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
    output is compared with the golden model's of the matrix before it was encoded. ``densities``
    are descending.
    """
    dense = digits.train()
    steps = sorted({*densities, *_ON_THE_WAY}, reverse=True)
    pruned = [net for net in eie_network.prune(dense, tuple(steps)) if net.density in densities]
    records = []
    with progress(total=len(arrays) * (1 + len(names) * len(pruned)), label="eie_digits") as bar:
        for size in arrays:
            baseline = _on_gemm_ws(out, dense, size)
            bar.update()
            for name in names:
                for record in _on_eie(out, dense, pruned, size**2, name):
                    speed_ups = {
                        f"speed_up_{images}": baseline[f"gemm_ws_cycles_{images}"]
                        / record[f"cycles_{images}"]
                        for images in ("alone", "all")
                    }
                    exact = {"exact": record["exact"] and baseline["exact"]}
                    records.append(record | baseline | speed_ups | exact)
                    bar.update()
    return records


def _on_eie(out, dense, pruned, pes, configuration) -> Iterator[dict]:
    """A record for each network, all on one engine."""
    options = dict(CONFIGURATIONS[configuration])
    del options["acts"]
    row_mapping = assignment(configuration)
    parameters = Eie(pes=pes, codebooks=len(dense.weights), **options)
    plans = []
    for net in pruned:
        fixed = eie_network.fix(net.network, dense.train_images, parameters.index_width)
        plans.append((net, fixed, _layers(fixed, parameters, row_mapping)))
    parameters = _sized(parameters, [layers for _, _, layers in plans])
    emission = emit(parameters, out)
    vectors = eie_network.inputs(dense.test_images)
    for net, fixed, layers in plans:
        expected = eie_network.infer(fixed, vectors)
        together = engines.sparse(emission, layers, vectors)
        alone = [engines.sparse(emission, layers, vector) for vector in vectors[:_ALONE]]
        y = np.concatenate([outcome.y for outcome in alone])
        exact = np.array_equal(together.y, expected) and np.array_equal(y, expected[:_ALONE])
        yield {
            "density": net.density,
            "weights": [int(np.count_nonzero(matrix)) for matrix in net.network.weights],
            "pes": pes,
            "configuration": configuration,
            "row_mapping": row_mapping,
            "parameters": parameters.as_dict(),
            "digest": emission.digest,
            "images": len(vectors),
            "float_accuracy": dense.accuracy,
            "pruned_accuracy": net.before_tuning,
            "tuned_accuracy": net.network.accuracy,
            "accuracy": dense.score(together.y),
            "entries": sum(int(layer.encoded.entries.sum()) for layer in layers),
            "padding": sum(layer.encoded.padding for layer in layers),
            "live_activations": _live(fixed, vectors) / len(vectors),
            "balance": together.utilization,
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


def _layers(fixed, parameters, row_mapping):
    layers, inputs = [], None
    for layer in fixed:
        matrix = engines.encoded(parameters, layer.indices, layer.codebook, row_mapping, inputs)
        layers.append(engines.SparseLayer(encoded=matrix, shift=layer.shift, relu=layer.relu))
        inputs = matrix.outputs
    return layers


def _sized(parameters, plans):
    """The parameters with memories that hold the layers of each plan."""
    encoded = [[layer.encoded for layer in layers] for layers in plans]
    rows = max(matrix.rows for matrices in encoded for matrix in matrices)
    inputs = max(matrices[0].columns for matrices in encoded)
    return dataclasses.replace(
        parameters,
        columns=max(sum(matrix.columns for matrix in matrices) for matrices in encoded),
        entries=max(int(sum(matrix.entries for matrix in group).max()) for group in encoded),
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
            engines.Factors(a=inputs[images], w=layer.weights)
            for inputs, layer in zip(codes, layers, strict=True)
        ]
        return engines.products(emission, factors)

    alone, together = run(slice(1)), run(slice(None))
    return {
        "gemm_ws_digest": emission.digest,
        "gemm_ws_accuracy": dense.score(values),
        "gemm_ws_cycles_alone": alone.cycles,
        "gemm_ws_cycles_all": together.cycles,
        "exact": all(alone.matches_golden) and all(together.matches_golden),
    }


def _report(records):
    fill_cycles = max(record["fill_cycles"] for record in records)
    notes = NOTES.format(**records[0] | {"alone": _ALONE, "fill_cycles": fill_cycles})
    return [list(map(_row, records)), notes]


def _row(record):
    return {
        "configuration": record["configuration"],
        "PEs": record["pes"],
        "weights": f"{record['density']:.0%}",
        "pruned": f"{record['pruned_accuracy']:.2%}",
        "tuned": f"{record['tuned_accuracy']:.2%}",
        "accuracy": f"{record['accuracy']:.2%}",
        "live": round(record["live_activations"]),
        "one": round(record["cycles_alone"]),
        "gemm_ws": record["gemm_ws_cycles_alone"],
        "speed-up": f"{record['speed_up_alone']:.2f}",
        "all": record["cycles_all"],
        "gemm_ws, all": record["gemm_ws_cycles_all"],
        "speed-up, all": f"{record['speed_up_all']:.2f}",
        "exact": record["exact"],
    }


STUDY = Study(measure=measure, report=_report)
