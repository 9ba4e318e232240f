"""BitFusion: what fusing costs in area and gains in cycles, beside the paper's numbers."""

import importlib.metadata
import json
from pathlib import Path

from ...sim.verilator import toolchain
from ..commands.bench import table
from ..emission.emit import write_whole
from ..lib.progress import progress
from . import bitfusion_area, bitfusion_cycles, bitfusion_networks
from .bitfusion_area import COLS, ELEMENT, FIXED, FLOWS, INT8, ROWS, TEMPORAL

__all__ = ["COLUMNS", "PUBLISHED", "SCHEMA", "measure", "text", "write"]

#: Version of the file's schema.
SCHEMA = 1

#: Geometric means of speed-ups that the paper gives, of other baselines than ours.
PUBLISHED = {"Eyeriss": 3.9, "Stripes": 2.6}

#: Fields of every product in RTL.
_PRODUCT = {
    "array": "rows x columns",
    "a_bits": "width of activations",
    "w_bits": "width of weights",
    "product": "MxKxN",
    "cycles": "in RTL",
    "formula": "those expected, see bitfusion_cycles.cycles",
    "difference": "RTL's less those expected",
    "bound": "the most that the engine may take",
    "exact": "whether all results are the golden model's",
}

#: Fields of the records of each table, with what they hold.
COLUMNS = {
    "areas": {
        "name": "what it is",
        "area": "of the flow that makes it smallest",
        "flip_flops": "of it",
        "logic": "the rest of it",
        "unit": "gates (two-input NANDs; a flip-flop is 4), or the library's units",
        "flow": "yosys' command",
        "flows": "the area of each flow",
    },
    "ratios": {
        "ratio": "what is compared",
        "value": "measured",
        "published": "the paper's",
        "published_areas": "in µm², at 45 nm",
    },
    "formula": _PRODUCT | {"design": "the engine", "signed": "whether operands have a sign"},
    "throughput": _PRODUCT
    | {
        "factor": "cycles of 8 × 8 bits over these",
        "ideal": "what it would be without filling, draining and changes of mode",
        "percent_off": "factor over ideal",
    },
    "layers": {
        "network": "its name",
        "layer": "its name",
        "count": "equal products in it",
        "m": "rows of A, of the whole batch",
        "k": "columns of A",
        "n": "columns of W",
        "widths": "of activations × weights",
        "cycles": "of the array of fusion units, for all products",
        "fixed_cycles": "of as many elements for 8 × 8 bits",
        "ideal_cycles": "of an array all of whose fusion units work in every cycle",
    },
    "networks": {
        "network": "its name",
        "batch": "images that are computed together",
        "widths": "those of layers",
        "macs": "multiply-adds for one image",
        "published_macs": "the paper's, rounded to millions",
        "cycles": "of the array of fusion units, for the batch",
        "utilization": "ideal_cycles over cycles",
        "simulated_cycles": "of the authors' simulator, without those that wait for memory",
        "simulated_with_memory": "all of them",
        "fixed_cycles": "of as many elements for 8 × 8 bits",
        "same_number": "speed-up over these",
        "same_area": "speed-up over as many of them as take the area of the fusion units",
        "source": "of the network",
        "deviates": "how the authors' model, which this is, deviates from it",
    },
    "means": {
        "networks": "how many",
        "same_number": "geometric mean of the networks'",
        "same_area": "geometric mean of the networks'",
    },
}


def measure(out: Path, *, liberty: Path | None = None, large: bool = False) -> list[dict]:
    """Measures everything; returns the records, see :data:`COLUMNS`.

    Parameters
    ----------
    out : Path
        For Verilog and emitted engines.
    liberty : Path or None
        Liberty file of the cells that areas are measured in; without one, gates are counted.
    large : bool
        Throughput with products of 256 × 256 × 1024, in place of 256 × 256 × 128.
    """
    size = {"product": (256, 256, 1024)} if large else {}
    areas = list(progress(bitfusion_area.measure(out, liberty), what="bitfusion, areas"))
    found = bitfusion_area.area_of(areas)
    networks = list(bitfusion_networks.measure(ROWS, COLS, found[ELEMENT] / found[INT8]))
    return [
        *areas,
        *bitfusion_area.ratios(areas),
        *progress(bitfusion_cycles.confirm(out), what="bitfusion, cycles in RTL"),
        *progress(bitfusion_cycles.throughput(out, **size), what="bitfusion, throughput in RTL"),
        *networks,
        bitfusion_networks.summary(networks),
    ]


def write(out: Path, records: list[dict]) -> str:
    """Writes ``bitfusion.json`` into the folder; returns what is to be printed."""
    packages = ("brickwork", "amaranth", "pyosys")
    verilator = toolchain.verilator()
    tools = {name: importlib.metadata.version(name) for name in packages}
    whole = {
        "schema": SCHEMA,
        "tools": tools | {"verilator": f"{verilator.release} ({verilator.source})"},
        "array": [ROWS, COLS],
        "published_means": PUBLISHED,
        "columns": COLUMNS,
        "records": records,
    }
    write_whole(Path(out) / "bitfusion.json", json.dumps(whole, indent=2) + "\n")
    return text(records)


def text(records: list[dict]) -> str:
    """The records as tables, each with notes below it."""
    found = {name: [row for row in records if row["table"] == name] for name in COLUMNS}
    parts = [
        f"Areas in {found['areas'][0]['unit']}",
        table(list(_areas(found["areas"]))),
        table(list(_ratios(found["ratios"]))),
        _AREA_NOTES,
        f"Products on {found['throughput'][0]['array']} fusion units in RTL: "
        f"{found['throughput'][0]['product']}",
        table(list(_throughput(found["throughput"]))),
        "The formula of cycles, and RTL",
        table(list(_formula(found["formula"] + found["throughput"]))),
        f"Networks on {ROWS} × {COLS} fusion units, by the formula, for a batch of "
        f"{found['networks'][0]['batch']}",
        table(list(_networks(found["networks"], found["means"][0]))),
        _NETWORK_NOTES.format(ratio=_element_ratio(found["ratios"])),
    ]
    return "\n\n".join(parts)


_AREA_NOTES = f"""\
flow: the one that makes the unit smallest, of synth without options and with
{", ".join(filter(None, FLOWS))}.
MACs have an accumulator of 32 bits, and a flag with which the sum begins anew. {FIXED}:
signs of both operands are chosen at run time, as in the others. {TEMPORAL}: one BitBrick, digit
by digit; 16 of them do as many products of 2 × 2 bits in a cycle as one fusion MAC. Fusion MACs
contain the shifts for operands of 16 bits and, with the separable tree, the subtraction of the
offset; an array does either once for a column. Elements are those of arrays of {ROWS} rows.
Published: at 45 nm, of another library and another tool; the first ratio of whole arrays of one
unit, the third of units with their registers. The units have the paper's tree."""

_NETWORK_NOTES = f"""\
simulated: the authors' simulator for the same array and batch, without waiting for memory. same
number: speed-up over {ROWS} × {COLS} elements of gemm_ws for 8 × 8 bits, which take every layer in
int8. same area: over as many of these as take the area of the fusion units, {{ratio}} for each;
their cycles are taken to fall in proportion. Only elements count, no border, accumulators, buffers
or memory, and operands are always there.
Published means are {" and ".join(f"{value} over {name}" for name, value in PUBLISHED.items())}, \
which are other baselines, with their
buffers and memory: they are not to be compared with these columns."""


def _areas(records):
    for row in records:
        shown = ("name", "area", "flip_flops", "logic", "flow")
        yield {name: row[name] for name in shown}


def _ratios(records):
    for row in records:
        published = row["published_areas"]
        areas = f"{published[0]:g} / {published[1]:g} µm²" if published else None
        yield {
            "ratio": row["ratio"],
            "measured": f"{row['value']:.2f}",
            "published": row["published"],
            "of": areas,
        }


def _throughput(records):
    for row in records:
        yield {
            "bits": f"{row['a_bits']} × {row['w_bits']}",
            "cycles": row["cycles"],
            "times_8_×_8": row["factor"],
            "ideal": row["ideal"],
            "%_off": row["percent_off"],
            "exact": row["exact"],
        }


def _formula(records):
    groups = {}
    for row in records:
        groups.setdefault((row.get("design", "gemm_fusion"), row["array"]), []).append(row)
    for (design, array), rows in groups.items():
        slack = [row["bound"] - row["cycles"] for row in rows]
        yield {
            "design": design,
            "array": array,
            "products": len(rows),
            "widths": len({(row["a_bits"], row["w_bits"]) for row in rows}),
            "as_the_formula": sum(row["difference"] == 0 for row in rows),
            "largest_difference": max(abs(row["difference"]) for row in rows),
            "below_the_bound": f"{min(slack)} to {max(slack)}",
            "exact": all(row["exact"] for row in rows),
        }


def _networks(records, means):
    for row in records:
        yield {
            "network": row["network"],
            "bits": row["widths"],
            "M_MACs": round(row["macs"] / 1e6),
            "published": row["published_macs"] // 1_000_000,
            "cycles": row["cycles"],
            "utilization": f"{row['utilization']:.1%}",
            "simulated": row["simulated_cycles"],
            **_speedups(row),
        }
    yield {"network": "geometric mean", **_speedups(means)}


def _speedups(row):
    return {name: f"{row[name]:.2f}" for name in ("same_number", "same_area")}


def _element_ratio(records):
    return f"{records[-1]['value']:.2f}"
