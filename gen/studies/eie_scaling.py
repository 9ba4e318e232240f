"""Load balance, speed-up and padding of the sparse engine over depths of queues and elements."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ...sim.designs._eie import matvec
from ...sim.golden.sparse import encode
from ..commands.bench import table
from ..designs.base import Eie
from ..emission.emit import emit, write_whole
from ..lib.plots import COLOURS, rendered, settings
from ..lib.progress import progress
from . import records
from .eie import CONFIGURATIONS, PES, product

__all__ = [
    *("DEPTH", "DEPTHS", "ELEMENTS", "NAMES", "NOTES"),
    *("draw", "measure", "points", "rows", "text", "write"),
]

#: Depths of queues, with :data:`PES` elements. The paper's least is 1; a queue whose ``ready`` is a
#: register takes a word in every cycle only from 2 on, and the engine has none below.
DEPTHS = (2, 4, 8, 16, 32, 64)
#: Numbers of elements, with queues of :data:`DEPTH`.
ELEMENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
DEPTH = 8

#: The layers, in full size.
NAMES = ("Alex-7", "NT-We", "NT-LSTM")

#: What stands below the table.
NOTES = """\
The engine is the paper's (see: brickwork bench eie), but takes all inputs in one batch. balance:
the part of all elements' cycles in which they have an entry; real work: the part of these entries
that do not pad. Fewer entries pad where there are more elements, so that speed-up may be more than
linear. Queues of 2 are the least that the engine has, and behind them 3 columns more are between
pointers and entries. The paper's Figures 8 and 11 to 13 show the same; in words it says: with
queues of 1 half of the cycles idle, beyond 8 little is gained; speed-up is nearly linear to 256
elements but for NT-We; with more elements there is less padding, and the balance is worse."""


def points() -> list[tuple[int, int]]:
    """Elements and depths of queues that are measured."""
    return sorted({(pes, DEPTH) for pes in ELEMENTS} | {(PES, depth) for depth in DEPTHS})


def measure(
    out: Path,
    *,
    names: Sequence[str] = NAMES,
    engines: Sequence[tuple[int, int]] | None = None,
    scale: int = 1,
) -> list[dict]:
    """A record for each layer and size of engine, with cycles in RTL; every result is checked.

    Parameters
    ----------
    out : Path
        For emitted engines.
    names : sequence of str
        Which of ``eie.LAYERS``.
    engines : sequence of (int, int)
        Elements and depths of queues; by default those of :func:`points`.
    scale : int
        What the layers' sides are divided by.
    """
    engines = points() if engines is None else engines
    products = {name: product(name, scale) for name in names}
    found = []
    with progress(total=len(names) * len(engines), what="eie_scaling") as bar:
        for pes, depth in engines:
            matrices = {
                name: encode(indices, codebook, pes=pes)
                for name, (indices, codebook, _) in products.items()
            }
            parameters = _engine(pes, depth, matrices.values())
            emission = emit(parameters, out)
            for name, encoded in matrices.items():
                bar.set_description(f"eie_scaling {name}, {pes} elements, queues of {depth}")
                outcome = matvec(emission.manifest, encoded, products[name][2], shift=8)
                found.append(
                    {
                        "layer": name,
                        "shape": list(encoded.shape),
                        "pes": pes,
                        "queue_depth": depth,
                        "parameters": parameters.as_dict(),
                        "digest": emission.digest,
                        "cycles": outcome.cycles,
                        "entries": outcome.entries,
                        "macs": outcome.macs,
                        "balance": outcome.balance,
                        "real_work": outcome.macs / outcome.entries,
                        "exact": outcome.matches_golden,
                    }
                )
                bar.update()
    order = {name: number for number, name in enumerate(names)}
    return sorted(found, key=lambda record: order[record["layer"]])


def _engine(pes, depth, matrices):
    """One netlist for all layers; the rest is the paper's."""
    options = {key: value for key, value in CONFIGURATIONS["EIE's"].items() if key != "assign"}
    inputs = max(matrix.columns for matrix in matrices)
    return Eie(
        pes=pes,
        columns=inputs,
        entries=max(int(matrix.entries.max()) for matrix in matrices),
        rows=max(matrix.rows for matrix in matrices),
        **options | {"queue_depth": depth, "acts": -(-inputs // pes)},
    )


def write(out: Path, found: list[dict]) -> str:
    """Writes ``eie_scaling.json`` and ``eie_scaling.svg``; returns what is to be printed."""
    records.write(Path(out) / "eie_scaling.json", found)
    path = Path(out) / "eie_scaling.svg"
    draw(found, path)
    return f"{text(found)}\n\nplot: {path}"


def text(found: list[dict]) -> str:
    """The records as a table, with notes below it."""
    return f"{table(list(rows(found)))}\n\n{NOTES}"


def rows(found: list[dict]) -> Iterator[dict]:
    """The records in the columns of the table."""
    alone = _alone(found)
    for row in found:
        first = alone.get(row["layer"])
        yield {
            "layer": row["layer"],
            "elements": row["pes"],
            "queue": row["queue_depth"],
            "cycles": row["cycles"],
            "speed-up": f"{first / row['cycles']:.2f}" if first else None,
            "balance_%": f"{100 * row['balance']:.1f}",
            "real_work_%": f"{100 * row['real_work']:.1f}",
            "exact": row["exact"],
        }


def _alone(found):
    """Cycles of each layer on one element."""
    return {row["layer"]: row["cycles"] for row in found if row["pes"] == 1}


def draw(found: list[dict], path: Path, **options) -> None:
    """Draws what :func:`measure` found; ``options`` go to matplotlib's ``savefig``."""
    alone = _alone(found)
    queues = [row for row in found if row["pes"] == PES]
    elements = [row for row in found if row["queue_depth"] == DEPTH]
    layers = dict.fromkeys(row["layer"] for row in found)
    with settings(axes_grid=True, grid_alpha=0.3):
        figure = Figure(figsize=(10, 7), layout="constrained")
        panels = figure.subplots(2, 2).ravel()

        def lines(panel, title, chosen, along, value):
            for layer, colour in zip(layers, COLOURS.values(), strict=False):
                ours = [row for row in chosen if row["layer"] == layer]
                at = [row[along] for row in ours]
                style = {"ms": 4, "color": colour, "clip_on": False}
                panel.plot(at, list(map(value, ours)), "o-", label=layer, **style)
            panel.set_title(title, fontsize=10)
            panel.set_xscale("log", base=2)
            ticks = sorted({row[along] for row in chosen})
            panel.set_xticks(ticks, list(map(str, ticks)))
            panel.minorticks_off()

        def percent(name):
            return lambda row: 100 * row[name]

        balance = "load balance in %"
        title = f"{balance}, {PES} elements"
        lines(panels[0], title, queues, "queue_depth", percent("balance"))
        lines(
            panels[1],
            f"speed-up over one element, queues of {DEPTH}",
            elements,
            "pes",
            lambda row: alone[row["layer"]] / row["cycles"],
        )
        counts = sorted({row["pes"] for row in elements})
        panels[1].plot(counts, counts, "--", color=COLOURS["grey"], lw=1, label="linear")
        panels[1].set_yscale("log", base=2)
        panels[1].set_yticks(counts, list(map(str, counts)))
        panels[1].minorticks_off()
        lines(panels[2], "entries that do not pad, in %", elements, "pes", percent("real_work"))
        title = f"{balance}, queues of {DEPTH}"
        lines(panels[3], title, elements, "pes", percent("balance"))
        panels[0].set_xlabel("activations in a queue")
        for panel in panels[1:]:
            panel.set_xlabel("elements")
        for panel in (panels[0], *panels[2:]):
            panel.set_ylim(0, 100)
        handles, names = panels[1].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
        write_whole(path, rendered(figure, **options))
