"""Load balance, speed-up and padding of the sparse engine over depths of queues and PEs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ...sim.golden.sparse import encode
from ..designs.eie import Eie
from ..emission.emit import emit
from ..lib.files import write_whole
from ..lib.plots import COLOURS, rendered, settings
from ..lib.progress import progress
from . import engines
from .eie import CONFIGURATIONS, PES, operands
from .study import Study

__all__ = ["DEPTH", "DEPTHS", "NAMES", "NOTES", "PE_COUNTS", "STUDY", "draw", "measure", "points"]

#: Depths of queues, with :data:`PES` PEs. The paper's least is 1; a queue whose ``ready`` is a
#: register takes a word in every cycle only from 2 on, and the engine has none below.
DEPTHS = (2, 4, 8, 16, 32, 64)
#: Numbers of PEs, with queues of :data:`DEPTH`.
PE_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
DEPTH = 8

#: The layers, in full size.
NAMES = ("Alex-7", "NT-We", "NT-LSTM")

#: Notes below the table.
NOTES = """\
The engine is the paper's (see: brickwork bench eie), but takes all inputs in one batch. balance:
the share of all PEs' cycles in which they have an entry; real work: the share of these entries
that do not pad. Fewer entries pad where there are more PEs, so that speed-up may be more than
linear. Queues of 2 are the shortest of the engine, and behind them 3 columns more are between
pointers and entries. The paper's Figures 8 and 11 to 13 show the same; in words it says: with
queues of 1 half of the cycles idle, beyond 8 little is gained; speed-up is nearly linear to 256
PEs but for NT-We; with more PEs there is less padding, and the balance is worse."""


def points() -> list[tuple[int, int]]:
    """Numbers of PEs, with depths of queues, that are measured."""
    return sorted({(pes, DEPTH) for pes in PE_COUNTS} | {(PES, depth) for depth in DEPTHS})


def measure(
    out: Path,
    *,
    names: Sequence[str] = NAMES,
    sizes: Sequence[tuple[int, int]] | None = None,
    scale: int = 1,
) -> list[dict]:
    """A record for each layer and size of engine, with cycles in RTL; every result is checked.

    ``sizes`` are PEs and depths of queues, by default those of :func:`points`; the layers' sides
    are divided by ``scale``.
    """
    sizes = points() if sizes is None else sizes
    products = {name: operands(name, scale) for name in names}
    records = []
    with progress(total=len(names) * len(sizes), label="eie_scaling") as bar:
        for pes, depth in sizes:
            matrices = {
                name: encode(indices, codebook, pes=pes)
                for name, (indices, codebook, _) in products.items()
            }
            parameters = _engine(pes, depth, matrices.values())
            emission = emit(parameters, out)
            for name, encoded in matrices.items():
                bar.set_description_str(f"eie_scaling {name}, {pes} PEs, queues of {depth}")
                layer = engines.SparseLayer(encoded=encoded, shift=8)
                outcome = engines.sparse(emission, [layer], products[name][2])
                entries = int(outcome.job.entries.sum())
                records.append(
                    {
                        "layer": name,
                        "shape": list(encoded.shape),
                        "pes": pes,
                        "queue_depth": depth,
                        "parameters": parameters.as_dict(),
                        "digest": emission.digest,
                        "cycles": outcome.cycles,
                        "entries": entries,
                        "macs": outcome.macs,
                        "balance": outcome.utilization,
                        "real_work": outcome.macs / entries,
                        "exact": outcome.matches_golden,
                    }
                )
                bar.update()
    order = {name: number for number, name in enumerate(names)}
    return sorted(records, key=lambda record: order[record["layer"]])


def _engine(pes, depth, matrices):
    """One netlist for all layers; other parameters are the paper's."""
    options = CONFIGURATIONS["EIE's"] | {"queue_depth": depth}
    inputs = max(matrix.columns for matrix in matrices)
    return Eie(
        pes=pes,
        columns=inputs,
        entries=max(int(matrix.entries.max()) for matrix in matrices),
        rows=max(matrix.rows for matrix in matrices),
        **options | {"acts": -(-inputs // pes)},
    )


def _report(records):
    return [list(_rows(records)), NOTES]


def _rows(records) -> Iterator[dict]:
    alone = _alone(records)
    for record in records:
        first = alone.get(record["layer"])
        yield {
            "layer": record["layer"],
            "PEs": record["pes"],
            "queue": record["queue_depth"],
            "cycles": record["cycles"],
            "speed-up": f"{first / record['cycles']:.2f}" if first else None,
            "balance_%": f"{100 * record['balance']:.1f}",
            "real_work_%": f"{100 * record['real_work']:.1f}",
            "exact": record["exact"],
        }


def _alone(records):
    """Cycles of each layer on one PE."""
    return {record["layer"]: record["cycles"] for record in records if record["pes"] == 1}


def draw(records: list[dict], path: Path) -> None:
    """Draws the records of :func:`measure`."""
    alone = _alone(records)
    queues = [record for record in records if record["pes"] == PES]
    by_pes = [record for record in records if record["queue_depth"] == DEPTH]

    def percent(name):
        return lambda row: 100 * row[name]

    def speed_up(row):
        return alone[row["layer"]] / row["cycles"]

    balance = "load balance in %"
    plots = (
        (f"{balance}, {PES} PEs", queues, "queue_depth", percent("balance")),
        (f"speed-up over one PE, queues of {DEPTH}", by_pes, "pes", speed_up),
        ("entries that do not pad, in %", by_pes, "pes", percent("real_work")),
        (f"{balance}, queues of {DEPTH}", by_pes, "pes", percent("balance")),
    )
    with settings(axes_grid=True, grid_alpha=0.3):
        figure = Figure(figsize=(10, 7), layout="constrained")
        panels = figure.subplots(2, 2).ravel()
        for panel, plot in zip(panels, plots, strict=True):
            _lines(panel, *plot)
            panel.set_xlabel("activations in a queue" if panel is panels[0] else "PEs")
            if panel is not panels[1]:
                panel.set_ylim(0, 100)
        counts = sorted({row["pes"] for row in by_pes})
        panels[1].plot(counts, counts, "--", color=COLOURS["grey"], lw=1, label="linear")
        panels[1].set_yscale("log", base=2)
        panels[1].set_yticks(counts, list(map(str, counts)))
        panels[1].minorticks_off()
        handles, names = panels[1].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
        write_whole(path, rendered(figure))


def _lines(panel, title, records, along, value):
    """A line for each layer."""
    layers = dict.fromkeys(record["layer"] for record in records)
    for layer, colour in zip(layers, COLOURS.values(), strict=False):
        rows = [record for record in records if record["layer"] == layer]
        style = {"ms": 4, "color": colour, "clip_on": False}
        panel.plot([row[along] for row in rows], list(map(value, rows)), "o-", label=layer, **style)
    panel.set_title(title, fontsize=10)
    panel.set_xscale("log", base=2)
    ticks = sorted({record[along] for record in records})
    panel.set_xticks(ticks, list(map(str, ticks)))
    panel.minorticks_off()


STUDY = Study(measure=measure, report=_report, plot=draw)
