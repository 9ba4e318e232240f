"""Quality of the number formats: errors on random tensors, and accuracy of a network on the RTL."""

import importlib.metadata
import json
from collections import Counter
from pathlib import Path

from ...sim.verilator import toolchain
from ..commands.bench import table
from ..emission.emit import write_whole
from ..lib.progress import progress
from . import networks, plot, tensors

__all__ = ["COLUMNS", "SCHEMA", "measure", "text", "write"]

#: Version of the file's schema.
SCHEMA = 1

#: Fields of the records of each table, with what they hold.
COLUMNS = {
    "tensors": {
        "distribution": "what the tensors are drawn from",
        "scale": "one for the tensor, or one for each row",
        "format": "number format, or ANT: of int4, flint4 and pot4 the one with the least error",
        "nmse": "mean squared error over the tensor's mean square, median of the seeds",
        "sqnr_db": "-10 log10(nmse)",
        "seeds": "of the tensors: each is drawn with numpy.random.default_rng(seed)",
        "nmse_by_seed": "of each tensor, in the order of the seeds",
        "chosen": "ANT's choice for each tensor; None for other formats",
    },
    "orders": {
        "claim": "a paper's order",
        "scale": "as above",
        "among": "formats that are compared",
        "best": "the one with the least nmse, median of the seeds",
        "margin_db": "from the best of the claimed formats down to the best of the others",
        "holds": "whether the best is one of the claimed",
        "tensors": "how many were quantized",
        "tensors_that_hold": "how many of them the order holds for",
    },
    "digits": {
        "formats": "name of the scheme",
        "a_formats": "formats to choose from for activations",
        "w_formats": "formats to choose from for weights",
        "a_types": "the chosen ones, of each layer",
        "w_types": "the chosen ones, of each layer",
        "design": "the engine",
        "digest": "of the engine's parameters",
        "parameters": "those that are not the default",
        "images": "test images, all of which go through all layers",
        "float_accuracy": "of the network of floats",
        "golden_accuracy": "with the golden model's sums of products",
        "accuracy": "with the RTL's",
        "points": "percentage points from float_accuracy up to accuracy",
        "layers": "M, K, N, cycles, and whether every sum is the golden model's",
        "cycles": "of all layers",
        "exact": "whether every sum of every layer is the golden model's",
    },
}


def measure(
    out, *, design="gemm_ws", size=16, seeds=tensors.SEEDS, schemes=networks.SCHEMES
) -> list[dict]:
    """Measures everything; returns the records, see :data:`COLUMNS`.

    Parameters
    ----------
    out : Path
        For emitted engines.
    design : str
        The engine that the network runs on.
    size : int
        Its rows, and columns.
    seeds : sequence of int
        Of the random tensors.
    schemes : dict
        Those of the network, see ``networks.SCHEMES``.
    """
    errors = list(progress(tensors.measure(seeds), what="quality, errors on random tensors"))
    return [*errors, *tensors.orders(errors), *networks.measure(out, design, size, schemes)]


def write(out, records: list[dict]) -> str:
    """Writes ``quality.json`` and ``quality.svg`` into the folder; returns what is to be printed.

    All are pure functions of the records and of the versions of tools.
    """
    whole = {
        "schema": SCHEMA,
        "tools": _tools(),
        "shape": tensors.SHAPE,
        "distributions": {name: one.meaning for name, one in tensors.DISTRIBUTIONS.items()},
        "columns": COLUMNS,
        "records": records,
    }
    write_whole(Path(out) / "quality.json", json.dumps(whole, indent=2) + "\n")
    path = Path(out) / "quality.svg"
    plot.draw(records, path)
    return f"{text(records)}\n\nplot: {path}"


def text(records: list[dict]) -> str:
    """The records as tables with a line above each."""
    found = {name: [row for row in records if row["table"] == name] for name in COLUMNS}
    whole = [row for row in found["tensors"] if row["scale"] == "tensor"]
    rows, columns, seeds = *tensors.SHAPE, len(whole[0]["seeds"])
    ours = found["digits"][0]
    size = f"{ours['parameters']['rows']}x{ours['parameters']['cols']}"
    parts = {
        "Signal to quantization noise of 4-bit formats in dB, median of "
        f"{seeds} random tensors of {rows}x{columns},\neach with one scale": [
            *_errors(whole, "sqnr_db", "{:5.2f}"),
            _choices(whole),
        ],
        "The same as mean squared errors over mean squares": _errors(whole, "nmse", "{:.4f}"),
        "Orders that papers give": [_order(row) for row in found["orders"]],
        f"The digits network on the RTL, {ours['design']} {size}: {ours['images']} test images;\n"
        "a scale for each output channel of weights, and for each tensor of activations": _digits(
            found["digits"]
        ),
    }
    return "\n\n".join(f"{title}\n\n{table(rows)}" for title, rows in parts.items())


def _errors(records, field, form):
    rows = {}
    for one in records:
        row = rows.setdefault(one["format"], {"format": one["format"]})
        row[one["distribution"]] = form.format(one[field])
    return list(rows.values())


def _choices(records):
    row = {"format": "ANT's choices"}
    for one in records:
        if one["chosen"]:
            counts = Counter(one["chosen"]).most_common()
            row[one["distribution"]] = ", ".join(f"{name} {count}" for name, count in counts)
    return row


def _order(record):
    return {
        "order": record["claim"],
        "scale_for": f"each {record['scale']}",
        "best": record["best"],
        "of": f"{len(record['among'])} formats",
        "margin_dB": f"{record['margin_db']:+.2f}",
        "holds": record["holds"],
        "tensors": f"{record['tensors_that_hold']} of {record['tensors']}",
    }


def _digits(records):
    rows = [{"formats": "floats", "accuracy": f"{records[0]['float_accuracy']:.2%}"}]
    for one in records:
        rows.append(
            {
                "formats": one["formats"],
                "accuracy": f"{one['accuracy']:.2%}",
                "points": f"{one['points']:+.2f}",
                "activations": _types(one["a_types"]),
                "weights": _types(one["w_types"]),
                "cycles": one["cycles"],
                "equals_golden": one["exact"],
            }
        )
    return rows


def _types(types):
    """Of all layers; those of several if they differ."""
    return ", ".join(types if len(set(types)) > 1 else types[:1])


def _tools():
    packages = ("brickwork", "numpy", "scikit-learn", "amaranth", "pyosys")
    versions = {name: importlib.metadata.version(name) for name in packages}
    verilator = toolchain.verilator()
    return versions | {"verilator": f"{verilator.release} ({verilator.source})"}
