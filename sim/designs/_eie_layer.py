"""Cycles of a layer on the sparse engine, extrapolated from a portion where it is large."""

import numpy as np

from ..golden.sparse import encode
from ._eie_job import Layer, encoding
from .base import LayerCycles

__all__ = ["layer_cycles"]

#: Most entries, and most products, of a layer that is simulated completely: half a minute with 64
#: PEs.
WHOLE_ENTRIES = 1 << 23


def layer_cycles(model, layer, modes, run) -> LayerCycles:
    """Cycles of vectors times a matrix; see :meth:`.HostModel.layer_cycles`.

    A large layer is simulated with some of its vectors, or of its columns, and again with half of
    these. Every further vector or column is taken to need as long as one of the second half.
    """
    m, k, n = (layer[side] for side in "mkn")
    parameters = model.manifest.parameters
    vectors, columns = _portion(parameters, layer)
    job = _layer_job(model, layer, modes, vectors, columns)
    total = run(job).cycles
    if columns < k:
        half = run(_layer_job(model, layer, modes, 1, columns // 2)).cycles
        rate = (total - half) / (columns - columns // 2)
        total = m * (total + rate * (k - columns))
    elif 1 < vectors < m:
        half = run(_layer_job(model, layer, modes, vectors // 2, columns)).cycles
        rate = (total - half) / (vectors - vectors // 2)
        total += rate * (m - vectors)
    elif vectors < m:
        total *= m
    entries = int(job.matrices[0].entries.sum())
    entry_width = parameters["index_width"] + parameters["run_length_width"]
    return LayerCycles(
        cycles=round(total),
        origin="rtl" if (vectors, columns) == (m, k) else "extrapolated",
        simulated=vectors * columns / (m * k),
        bytes={
            "acts": _vector_bytes(parameters, m, k),
            "weights": round(entries * k / columns) * entry_width // 8,
            "results": _vector_bytes(parameters, m, n),
        },
    )


def _portion(parameters, layer):
    """Vectors and columns that are simulated: all, or as many as the limit allows."""
    m, k, n = (layer[side] for side in "mkn")
    entries = k * n * layer["weights"]
    if entries > WHOLE_ENTRIES:
        columns = max(2, int(k * WHOLE_ENTRIES / entries))
        # Both halves get complete batches of activations, if that leaves any.
        batch = parameters["pes"] * parameters["acts"]
        columns -= columns % (2 * batch) if columns >= 2 * batch else 0
        return 1, columns
    if m * entries * layer["acts"] > WHOLE_ENTRIES:
        return max(1, int(WHOLE_ENTRIES / (entries * layer["acts"]))), k
    return m, k


def _vector_bytes(parameters, vectors, length):
    """Bytes of vectors on a stream, whose words have an activation for each PE."""
    words = vectors * -(-length // parameters["pes"])
    return words * parameters["pes"] * parameters["act_width"] // 8


def _layer_job(model, layer, modes, vectors, columns):
    """The first vectors and columns of a random layer with the layer's densities."""
    parameters = model.manifest.parameters
    indices, codebook = _random_matrix(parameters, layer, columns)
    encoded = encode(indices, codebook, **encoding(parameters), row_mapping=modes["row_mapping"])
    a = _random_vectors(parameters, layer, vectors, columns)
    job = model.job([Layer(encoded=encoded, shift=8)], a)
    all_entries = round(encoded.entries.max() * layer["k"] / columns)
    for name, needed in (("columns", layer["k"]), ("entries", all_entries)):
        if needed > parameters[name]:
            raise ValueError(f"{name} must be at least some {needed} for the whole matrix")
    return job


def _random_matrix(parameters, layer, columns):
    """Codebook indices, outputs × columns, and the codebook; a column does not depend on their
    number."""
    most = (1 << parameters["index_width"]) - 1
    rng = np.random.default_rng([0, 1])
    indices = np.zeros((layer["n"], columns), np.uint8)
    for column in range(columns):
        live = rng.random(layer["n"]) < layer["weights"]
        indices[:, column] = rng.integers(1, most + 1, layer["n"]) * live
    highest = min(127, (1 << parameters["weight_width"] - 1) - 1)
    codebook = np.random.default_rng([1, 1]).integers(-highest, highest + 1, most + 1)
    codebook[0] = 0
    return indices, codebook


def _random_vectors(parameters, layer, vectors, columns):
    highest = min(1023, (1 << parameters["act_width"] - 1) - 1)
    a = np.zeros((vectors, columns), np.int64)
    for number, vector in enumerate(a):
        live = np.random.default_rng([2, number]).random(columns) < layer["acts"]
        vector[:] = np.random.default_rng([3, number]).integers(1, highest + 1, columns) * live
    return a
