"""The nine layers of EIE's paper on the sparse engine in RTL, with its options one by one."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .. import workloads
from ..designs.eie import Eie
from ..emission.emit import emit
from ..lib.progress import progress
from . import eie_pe, engines
from .study import Study, of_table

__all__ = [
    *("CONFIGURATIONS", "LAYERS", "NOTES", "PES", "QUICK", "STUDY"),
    *("assignment", "cost", "cycles", "measure", "operands", "rows"),
]

#: PEs of the paper's engine.
PES = 64
#: The divisor of PEs, inputs and outputs with ``--quick``.
QUICK = 16

_CLOCK_MHZ = 800

#: The layers of the paper's Table III by name; K is the number of inputs, N of outputs.
LAYERS = {layer.name: layer for layer in workloads.load("eie").layers}

#: Theoretical and actual time in µs, of the paper's Table IV.
_TIMES = {
    "Alex-6": (28.1, 30.3),
    "Alex-7": (11.7, 12.2),
    "Alex-8": (8.9, 9.9),
    "VGG-6": (28.1, 34.4),
    "VGG-7": (7.9, 8.7),
    "VGG-8": (7.3, 8.4),
    "NT-We": (5.2, 8.0),
    "NT-Wd": (13.0, 13.9),
    "NT-LSTM": (6.5, 7.5),
}

#: Those of the paper's engine: entries of 8 bits, batches of 64 activations for each PE.
_PAPER = {"queue_depth": 8, "run_length_width": 4, "acts": 64, "skip_empty_columns": 0}
_ALL = {"queue_depth": 32, "run_length_width": 6, "acts": 392, "skip_empty_columns": 1}
#: Name of a configuration to its parameters.
CONFIGURATIONS = {
    "EIE's": _PAPER,
    "queue of 32": _PAPER | {"queue_depth": 32},
    "zeros of 6 bits": _PAPER | {"run_length_width": 6},
    "rows by load": _PAPER,
    "empty columns skipped": _PAPER | {"skip_empty_columns": 1},
    "inputs in one batch": _PAPER | {"acts": 392},
    "all options": _ALL,
    "two entries a cycle": _PAPER | {"entries_per_cycle": 2},
    "all, two entries": _ALL | {"entries_per_cycle": 2},
}
#: Configurations that give the rows of a matrix to PEs by their load; others take turns.
_BALANCED = ("rows by load", "all options", "all, two entries")

#: Notes below the tables.
NOTES = """\
bound: a cycle for each activation that is broadcast, and one for each entry, or two at once, of the
PE with the most entries; without skipping, one for a column without entries, too. busy/PE: cycles
with work, mean of the PEs. KiB: all entries, padding included.
Areas of a PE without its SRAM of the paper's sizes, see: brickwork bench eie_area. saved: of the
first configuration's cycles; more: than its area. The host assigns rows, without hardware."""


def assignment(configuration: str) -> str:
    """The assignment of rows to PEs."""
    return "balanced" if configuration in _BALANCED else "modulo"


def measure(out: Path, *, quick: bool = False, liberty: Path | None = None) -> list[dict]:
    """The records of :func:`cycles`, and those of the areas of :func:`eie_pe.totals`."""
    records = cycles(out, quick=quick)
    return [*records, *progress(eie_pe.totals(CONFIGURATIONS, liberty), label="eie, areas")]


def cycles(
    out: Path,
    *,
    quick: bool = False,
    layers: Sequence[str] = tuple(LAYERS),
    configurations: Sequence[str] = tuple(CONFIGURATIONS),
) -> list[dict]:
    """A record for each configuration and layer; every result is checked.

    Positions and values of weights and activations are random, with a seed for each layer, so that
    all configurations compute the same products. One netlist of a configuration is for all layers:
    its memories are the paper's, or as large as the largest layer needs.

    With ``quick``, PEs, inputs and outputs are a sixteenth, and the paper's cycles are left out.
    """
    scale = QUICK if quick else 1
    records = []
    with progress(total=len(layers) * len(configurations), label="eie") as bar:
        for name in layers:
            # Large: one layer at a time, on all engines.
            indices, codebook, a = operands(name, scale)
            for configuration in configurations:
                bar.set_description_str(f"eie {name}, {configuration}")
                row_mapping = assignment(configuration)
                parameters = _engine(CONFIGURATIONS[configuration], scale)
                matrix = engines.encoded(parameters, indices, codebook, row_mapping)
                layer = engines.SparseLayer(encoded=matrix, shift=8)
                outcome = engines.sparse(emit(parameters, out), [layer], a)
                records.append(
                    {"table": "cycles", "layer": name, "configuration": configuration}
                    | {"row_mapping": row_mapping}
                    | {"parameters": parameters.as_dict(), "digest": parameters.digest}
                    | _cycles(outcome, matrix, a, parameters)
                    | _paper(name, quick)
                )
                bar.update()
    order = {name: number for number, name in enumerate(configurations)}
    return sorted(records, key=lambda record: order[record["configuration"]])


def operands(name: str, scale: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices, codebook and activations of a layer whose sides are divided by ``scale``."""
    layer = LAYERS[name]
    rng = np.random.default_rng(list(LAYERS).index(name))
    shape = layer.n // scale, layer.k // scale
    indices = rng.integers(1, 16, shape, np.uint8)
    indices[rng.random(shape, np.float32) >= layer.weights] = 0
    codebook = np.concatenate([[0], rng.integers(-127, 128, 15)])
    a = rng.integers(1, 1024, shape[1])
    a[rng.random(shape[1]) >= layer.acts] = 0
    return indices, codebook, a


def _report(records) -> Iterator[str | list[dict]]:
    yield rows(records)
    unit = of_table(records, "areas")[0]["unit"]
    yield f"What options save, and the area of a PE in {unit}"
    yield list(cost(records))
    yield NOTES


def rows(records: list[dict]) -> list[dict]:
    """Cycles as the table shows them, with the sums of each configuration."""
    shown = []
    for group in _by_configuration(records).values():
        shown += map(_row, group)
        if len(group) > 1:
            shown.append(_row(_sum(group)))
    return shown


def cost(records: list[dict]) -> Iterator[dict]:
    """What each configuration saves in cycles of all layers, and what it takes."""
    areas = {area["configuration"]: area for area in of_table(records, "areas")}
    groups = _by_configuration(records)
    totals = {name: sum(record["cycles"] for record in group) for name, group in groups.items()}
    first = next(iter(groups))
    for name, total in totals.items():
        yield {
            "configuration": name,
            "cycles": total,
            "saved_%": f"{100 * (1 - total / totals[first]):.1f}",
            **eie_pe.against(areas[name], areas[first]),
            "SRAM_KiB": round(areas[name]["sram_bits"] / 2**13),
        }


def _by_configuration(records):
    groups = {}
    for record in of_table(records, "cycles"):
        groups.setdefault(record["configuration"], []).append(record)
    return groups


def _engine(options, scale):
    layers = LAYERS.values()
    pes = PES // scale
    return Eie(
        pes=pes,
        columns=max(layer.k for layer in layers) // scale,
        entries=(1 << 17) // scale,
        rows=max(-(-(layer.n // scale) // pes) for layer in layers),
        **options,
    )


def _cycles(outcome, matrix, a, parameters):
    live = np.diff(matrix.pointers)[:, matrix.inputs[a != 0]] // parameters.entries_per_cycle
    # A cycle for each activation that is broadcast, and for each group of entries. In the paper a
    # column without entries takes one, too; the RTL often passes it while entries of the column
    # before leave, so that with a deep queue it may need less than this.
    taken = live if parameters.skip_empty_columns else np.maximum(live, 1)
    least = taken.sum(axis=1).max()
    entries = int(matrix.entries.sum())
    bits = parameters.index_width + parameters.run_length_width
    return {
        "cycles": outcome.cycles,
        "fill_cycles": outcome.fill_cycles,
        "entries": entries,
        "padding": matrix.padding,
        "entry_bits": entries * bits,
        "busy": int(outcome.job.busy.sum()),
        "pes": parameters.pes,
        "bound": int(max(least, live.shape[1])),
        "exact": outcome.matches_golden,
    }


def _paper(name, quick):
    theoretical, actual = (None if quick else round(us * _CLOCK_MHZ) for us in _TIMES[name])
    return {"paper_cycles": actual, "paper_theoretical_cycles": theoretical}


_SUMMED = (
    *("cycles", "fill_cycles", "entries", "padding", "entry_bits", "busy", "bound"),
    *("paper_cycles", "paper_theoretical_cycles"),
)


def _sum(records):
    def total(name):
        values = [record[name] for record in records]
        return None if None in values else sum(values)

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


STUDY = Study(measure=measure, report=_report)
