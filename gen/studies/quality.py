"""Quality of the number formats: errors on random tensors, and accuracy of a network on the RTL."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ..lib.progress import progress
from . import networks, quality_plot, tensors
from .study import Study, of_table

__all__ = ["COLUMNS", "STUDY", "measure"]

#: Fields of the records of each table, with what they hold.
COLUMNS = {
    "tensors": {
        "distribution": "of the tensors",
        "scale": "one for the tensor, or one for each row",
        "format": "number format, or ANT: of int4, flint4 and pot4 the one with the least error; "
        "or few numbers in more bits than the others",
        "nmse": "mean squared error over the tensor's mean square, median of the seeds",
        "sqnr_db": "-10 log10(nmse)",
        "seeds": "of the tensors: each is drawn with numpy.random.default_rng(seed)",
        "nmse_by_seed": "of each tensor, in the order of the seeds",
        "chosen": "ANT's choice for each tensor; None for other formats",
    },
    "blocks": {
        "distribution": "of the tensors",
        "format": "format with scales for blocks",
        "bits": "of codes, scales and zero points for each number",
        "nmse": "mean squared error over the tensor's mean square, median of the seeds",
        "sqnr_db": "-10 log10(nmse)",
        "seeds": "as above",
        "nmse_by_seed": "of each tensor, in the order of the seeds",
    },
    "orders": {
        "claim": "a paper's order",
        "scale": "as above",
        "among": "formats in the comparison",
        "best": "the one with the least nmse, median of the seeds",
        "margin_db": "from the best of the claimed formats down to the best of the others",
        "holds": "whether the best is one of the claimed",
        "tensors": "number of tensors",
        "tensors_that_hold": "number of tensors for which the order holds",
    },
    "digits": {
        "formats": "name of the scheme",
        "a_formats": "formats to choose from for activations",
        "w_formats": "formats to choose from for weights",
        "a_types": "the selected format of each layer",
        "w_types": "the selected format of each layer",
        "design": "the engine",
        "digest": "of the engine's parameters",
        "parameters": "those other than the defaults",
        "images": "test images, all of which go through all layers",
        "float_accuracy": "of the network of floats",
        "golden_accuracy": "with the golden model's sums of products",
        "accuracy": "with the RTL's",
        "points": "percentage points from float_accuracy up to accuracy",
        "layers": "M, K, N, cycles, and whether every sum matches the golden model",
        "cycles": "of all layers",
        "exact": "whether every sum of every layer matches the golden model",
    },
}


def measure(
    out: Path, *, design="gemm_ws", size=16, seeds=tensors.SEEDS, schemes=networks.SCHEMES
) -> list[dict]:
    """The records of all tables, see :data:`COLUMNS`.

    ``size`` are rows, and columns, of the array, ``seeds`` those of the random tensors.
    """
    errors = list(progress(tensors.measure(seeds), label="quality, errors on random tensors"))
    blocks = progress(tensors.measure_blocks(seeds), label="quality, scales for blocks")
    return [
        *errors,
        *blocks,
        *tensors.orders(errors),
        *networks.measure(out, design, size, schemes),
    ]


def _report(records) -> Iterator[str | list[dict]]:
    errors = [row for row in of_table(records, "tensors") if row["scale"] == "tensor"]
    digits = of_table(records, "digits")
    rows, columns, seeds = *tensors.SHAPE, len(errors[0]["seeds"])
    parameters = digits[0]["parameters"]
    yield (
        "Signal to quantization noise of 4-bit formats in dB, median of "
        f"{seeds} random tensors of {rows}x{columns},\neach with one scale"
    )
    yield [*_errors(errors, "sqnr_db", "{:5.2f}"), _choices(errors)]
    yield "The same as mean squared errors over mean squares"
    yield _errors(errors, "nmse", "{:.4f}")
    yield "Signal to quantization noise in dB of formats with scales for blocks; the same tensors"
    yield _blocks(of_table(records, "blocks"))
    yield "Orders that papers give"
    yield list(map(_order, of_table(records, "orders")))
    yield (
        f"The digits network on the RTL, {digits[0]['design']} "
        f"{parameters['rows']}x{parameters['cols']}: {digits[0]['images']} test images;\n"
        "a scale for each output channel of weights, and for each tensor of activations"
    )
    yield [
        {"formats": "floats", "accuracy": f"{digits[0]['float_accuracy']:.2%}"},
        *map(_digits, digits),
    ]


def _errors(records, field, form):
    rows = {}
    for record in records:
        row = rows.setdefault(record["format"], {"format": record["format"]})
        row[record["distribution"]] = form.format(record[field])
    return list(rows.values())


def _blocks(records):
    rows = _errors(records, "sqnr_db", "{:5.2f}")
    bits = {record["format"]: record["bits"] for record in records}
    return [{"format": row["format"], "bits": f"{bits[row['format']]:g}"} | row for row in rows]


def _choices(records):
    row = {"format": "ANT's choices"}
    for record in records:
        if record["chosen"]:
            counts = Counter(record["chosen"]).most_common()
            row[record["distribution"]] = ", ".join(f"{name} {count}" for name, count in counts)
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


def _digits(record):
    return {
        "formats": record["formats"],
        "accuracy": f"{record['accuracy']:.2%}",
        "points": f"{record['points']:+.2f}",
        "activations": _types(record["a_types"]),
        "weights": _types(record["w_types"]),
        "cycles": record["cycles"],
        "matches_golden": record["exact"],
    }


def _types(types):
    """Of all layers; those of several if they differ."""
    return ", ".join(types if len(set(types)) > 1 else types[:1])


def _context():
    distributions = {name: item.meaning for name, item in tensors.DISTRIBUTIONS.items()}
    return {"shape": tensors.SHAPE, "distributions": distributions}


STUDY = Study(
    measure=measure,
    report=_report,
    plot=quality_plot.draw,
    columns=COLUMNS,
    context=_context,
)
