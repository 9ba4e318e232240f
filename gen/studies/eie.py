"""The nine layers of EIE's paper on the sparse engine in RTL, with its options one by one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...sim.designs._eie import matvec
from ...sim.golden.sparse import encode
from ..commands.bench import table
from ..designs.base import Eie
from ..emission.emit import emit
from ..lib.progress import progress
from . import eie_element

__all__ = [
    *("CONFIGURATIONS", "LAYERS", "NOTES", "PES", "QUICK", "Layer"),
    *("cost", "cycles", "measure", "product", "rows", "text"),
]

#: Elements of the paper's engine.
PES = 64
#: By what ``--quick`` divides elements, inputs and outputs.
QUICK = 16

_CLOCK_MHZ = 800


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of the paper's Table III; ``theoretical_us`` and ``actual_us`` are of its Table IV.

    Densities are shares of weights and of activations that are not zero.
    """

    inputs: int
    outputs: int
    weights: float
    acts: float
    theoretical_us: float
    actual_us: float


def _layer(inputs, outputs, weights, acts, theoretical_us, actual_us):
    return Layer(
        inputs=inputs,
        outputs=outputs,
        weights=weights,
        acts=acts,
        theoretical_us=theoretical_us,
        actual_us=actual_us,
    )


LAYERS = {
    "Alex-6": _layer(9216, 4096, 0.09, 0.351, 28.1, 30.3),
    "Alex-7": _layer(4096, 4096, 0.09, 0.353, 11.7, 12.2),
    "Alex-8": _layer(4096, 1000, 0.25, 0.375, 8.9, 9.9),
    "VGG-6": _layer(25088, 4096, 0.04, 0.183, 28.1, 34.4),
    "VGG-7": _layer(4096, 4096, 0.04, 0.375, 7.9, 8.7),
    "VGG-8": _layer(4096, 1000, 0.23, 0.411, 7.3, 8.4),
    "NT-We": _layer(4096, 600, 0.10, 1.0, 5.2, 8.0),
    "NT-Wd": _layer(600, 8791, 0.11, 1.0, 13.0, 13.9),
    "NT-LSTM": _layer(1201, 2400, 0.10, 1.0, 6.5, 7.5),
}

#: What the paper's engine has: entries of 8 bits, batches of 64 activations for each element.
_PAPER = {"queue_depth": 8, "zeros_width": 4, "acts": 64, "skip": 0, "assign": "modulo"}
_ALL = {"queue_depth": 32, "zeros_width": 6, "acts": 392, "skip": 1, "assign": "load"}
#: Name of a configuration to its parameters and the assignment of rows to elements.
CONFIGURATIONS = {
    "EIE's": _PAPER,
    "queue of 32": _PAPER | {"queue_depth": 32},
    "zeros of 6 bits": _PAPER | {"zeros_width": 6},
    "rows by load": _PAPER | {"assign": "load"},
    "empty columns skipped": _PAPER | {"skip": 1},
    "inputs in one batch": _PAPER | {"acts": 392},
    "all options": _ALL,
    "two entries a cycle": _PAPER | {"lanes": 2},
    "all, two entries": _ALL | {"lanes": 2},
}

#: What stands below the tables.
NOTES = """\
bound: a cycle for each activation that is broadcast, and one for each entry, or two at once, of the
element that has most; without skipping, one for a column without entries, too. busy/PE: cycles with
work, mean of the elements. KiB: all entries, padding included.
Areas of an element with SRAM of the paper's sizes left out, see: brickwork bench eie_area. saved:
of the first configuration's cycles; more: than its area. Rows are given out by the host, without
hardware."""


def measure(out, *, quick=False, liberty=None) -> list[dict]:
    """The records of :func:`cycles`, and those of the areas of :func:`eie_element.totals`."""
    found = cycles(out, quick=quick)
    return [*found, *progress(eie_element.totals(CONFIGURATIONS, liberty), what="eie, areas")]


def cycles(out, *, quick=False, layers=None, configurations=None) -> list[dict]:
    """A record for each configuration and layer; every result is checked.

    Positions and values of weights and activations are random, with a seed for each layer, so that
    all configurations compute the same products. One netlist of a configuration is for all layers:
    its memories are the paper's, or as large as the largest layer needs.

    Parameters
    ----------
    out : Path
        For emitted engines.
    quick : bool
        Elements, inputs and outputs are a sixteenth; nothing is compared with the paper then.
    layers, configurations : sequence of str
        By default all of :data:`LAYERS` and of :data:`CONFIGURATIONS`.
    """
    layers = layers or list(LAYERS)
    configurations = configurations or list(CONFIGURATIONS)
    scale = QUICK if quick else 1
    records = []
    with progress(total=len(layers) * len(configurations), what="eie") as bar:
        for name in layers:
            # Large: one layer at a time, on all engines.
            indices, codebook, a = product(name, scale)
            for configuration in configurations:
                bar.set_description(f"eie {name}, {configuration}")
                options = dict(CONFIGURATIONS[configuration])
                assign = options.pop("assign")
                parameters = _engine(options, scale)
                encoded = encode(
                    indices,
                    codebook,
                    pes=parameters.pes,
                    lanes=parameters.lanes,
                    value_width=parameters.value_width,
                    zeros_width=parameters.zeros_width,
                    assign=assign,
                )
                outcome = matvec(emit(parameters, out).manifest, encoded, a, shift=8)
                records.append(
                    {"table": "cycles", "layer": name, "configuration": configuration}
                    | {"assign": assign}
                    | {"parameters": parameters.as_dict(), "digest": parameters.digest}
                    | _cycles(outcome, encoded, a, parameters)
                    | _paper(LAYERS[name], quick)
                )
                bar.update()
    order = {name: number for number, name in enumerate(configurations)}
    return sorted(records, key=lambda record: order[record["configuration"]])


def product(name, scale=1):
    """Indices, codebook and activations of a layer whose sides are divided by ``scale``."""
    layer = LAYERS[name]
    rng = np.random.default_rng(list(LAYERS).index(name))
    shape = layer.outputs // scale, layer.inputs // scale
    indices = rng.integers(1, 16, shape, np.uint8)
    indices[rng.random(shape, np.float32) >= layer.weights] = 0
    codebook = np.concatenate([[0], rng.integers(-127, 128, 15)])
    a = rng.integers(1, 1024, shape[1])
    a[rng.random(shape[1]) >= layer.acts] = 0
    return indices, codebook, a


def text(records: list[dict]) -> str:
    """The records as tables, with notes below them."""
    unit = next(row["unit"] for row in records if row["table"] == "areas")
    costs = f"What options save, and the area of an element in {unit}"
    return "\n\n".join([table(rows(records)), costs, table(list(cost(records))), NOTES])


def rows(records: list[dict]) -> list[dict]:
    """Cycles as the table shows them, with the sums of each configuration."""
    shown = []
    for found in _by_configuration(records, "cycles").values():
        shown += map(_row, found)
        if len(found) > 1:
            shown.append(_row(_sum(found)))
    return shown


def cost(records: list[dict]) -> Iterator[dict]:
    """What each configuration saves in cycles of all layers, and what it takes."""
    areas = _by_configuration(records, "areas")
    first = None
    for name, found in _by_configuration(records, "cycles").items():
        (area,) = areas[name]
        taken, total = sum(row["cycles"] for row in found), area["logic"] + area["registers"]
        first = first or (taken, total)
        yield {
            "configuration": name,
            "cycles": taken,
            "saved_%": f"{100 * (1 - taken / first[0]):.1f}",
            "logic": round(area["logic"]),
            "registers": round(area["registers"]),
            "more": round(total - first[1]),
            "more_%": f"{100 * (total / first[1] - 1):.1f}",
            "SRAM_KiB": round(area["sram_bits"] / 2**13),
        }


def _by_configuration(records, kind):
    found = {}
    for row in records:
        if row["table"] == kind:
            found.setdefault(row["configuration"], []).append(row)
    return found


def _engine(options, scale):
    layers = LAYERS.values()
    pes = PES // scale
    return Eie(
        pes=pes,
        columns=max(layer.inputs for layer in layers) // scale,
        entries=(1 << 17) // scale,
        rows=max(-(-(layer.outputs // scale) // pes) for layer in layers),
        **options,
    )


def _cycles(outcome, encoded, a, parameters):
    live = np.diff(encoded.pointers)[:, encoded.inputs[a != 0]] // parameters.lanes
    # A cycle for each activation that is broadcast, and for each group of entries. In the paper a
    # column without entries takes one, too; the RTL often passes it while entries of the column
    # before leave, so that with a deep queue it may need less than this.
    least = live.sum(axis=1).max() if parameters.skip else np.maximum(live, 1).sum(axis=1).max()
    entries = int(encoded.entries.sum())
    bits = parameters.value_width + parameters.zeros_width
    return {
        "cycles": outcome.cycles,
        "fill_cycles": outcome.fill_cycles,
        "entries": entries,
        "padding": encoded.padding,
        "entry_bits": entries * bits,
        "busy": int(outcome.busy.sum()),
        "pes": parameters.pes,
        "bound": int(max(least, live.shape[1])),
        "exact": outcome.matches_golden,
    }


def _paper(layer, quick):
    if quick:
        return {"paper_cycles": None, "paper_theoretical_cycles": None}
    return {
        "paper_cycles": round(layer.actual_us * _CLOCK_MHZ),
        "paper_theoretical_cycles": round(layer.theoretical_us * _CLOCK_MHZ),
    }


_SUMMED = (
    *("cycles", "fill_cycles", "entries", "padding", "entry_bits", "busy", "bound"),
    *("paper_cycles", "paper_theoretical_cycles"),
)


def _sum(records):
    def total(name):
        found = [record[name] for record in records]
        return None if None in found else sum(found)

    return (
        records[0]
        | {name: total(name) for name in _SUMMED}
        | {"layer": "all", "exact": all(record["exact"] for record in records)}
    )


def _row(record):
    share = record["busy"] / record["pes"]
    cycles, paper = record["cycles"], record["paper_cycles"]
    return {
        "configuration": record["configuration"],
        "layer": record["layer"],
        "paper": paper,
        "theoretical": record["paper_theoretical_cycles"],
        "cycles": cycles,
        "of_paper": f"{cycles / paper:.3f}" if paper else None,
        "bound": record["bound"],
        "busy/PE": round(share),
        "of_busy": f"{cycles / share:.3f}",
        "balance_%": f"{100 * share / cycles:.1f}",
        "at_most_%": f"{100 * share / record['bound']:.1f}",
        "padding_%": f"{100 * record['padding'] / record['entries']:.1f}",
        "KiB": round(record["entry_bits"] / 2**13),
        "exact": record["exact"],
    }
