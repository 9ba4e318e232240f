"""BitFusion: the cost of fusing in area and its gain in cycles, beside the paper's numbers."""

from collections.abc import Iterator
from pathlib import Path

from ..lib.progress import progress
from . import bitfusion_area, bitfusion_cycles, bitfusion_networks
from .bitfusion_area import COLS, FIXED, FLOWS, FUSION_PE, INT8_PE, ROWS, TEMPORAL
from .study import Study, of_table

__all__ = ["COLUMNS", "PUBLISHED", "STUDY", "measure"]

#: The paper's geometric means of speed-ups, over other baselines than ours.
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
    "bound": "in the worst case",
    "exact": "whether all results match the golden model",
}

#: Fields of the records of each table, with what they hold.
COLUMNS = {
    "areas": {
        "name": "its name",
        "area": "of the flow that makes it smallest",
        "flip_flops": "of it",
        "logic": "the rest of it",
        "unit": "gates (two-input NANDs; a flip-flop is 4), or the library's units",
        "flow": "yosys' command",
        "flows": "the area of each flow",
    },
    "ratios": {
        "ratio": "of which units",
        "value": "measured",
        "published": "the paper's",
        "published_areas": "in µm², at 45 nm",
    },
    "formula": _PRODUCT | {"design": "the engine", "signed": "whether operands have a sign"},
    "throughput": _PRODUCT
    | {
        "factor": "cycles of 8 × 8 bits over these",
        "ideal": "what it would be without filling, draining and changes of mode",
        "percent_off": "factor over ideal, less one",
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
        "fixed_cycles": "of as many PEs for 8 × 8 bits",
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
        "fixed_cycles": "of as many PEs for 8 × 8 bits",
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
    """The records of all tables, see :data:`COLUMNS`.

    ``large``: throughput with products of 256 × 256 × 1024, in place of 256 × 256 × 128.
    """
    size = {"product": (256, 256, 1024)} if large else {}
    areas = list(progress(bitfusion_area.measure(out, liberty), label="bitfusion, areas"))
    by_name = bitfusion_area.area_of(areas)
    networks = list(bitfusion_networks.measure(ROWS, COLS, by_name[FUSION_PE] / by_name[INT8_PE]))
    return [
        *areas,
        *bitfusion_area.ratios(areas),
        *progress(bitfusion_cycles.confirm(out), label="bitfusion, cycles in RTL"),
        *progress(bitfusion_cycles.throughput(out, **size), label="bitfusion, throughput in RTL"),
        *networks,
        bitfusion_networks.summary(networks),
    ]


def _report(records) -> Iterator[str | list[dict]]:
    areas, ratios, throughput, networks = (
        of_table(records, name) for name in ("areas", "ratios", "throughput", "networks")
    )
    yield f"Areas in {areas[0]['unit']}"
    yield [{name: row[name] for name in _SHOWN_AREAS} for row in areas]
    yield list(map(_ratio, ratios))
    yield _AREA_NOTES
    array, product = (throughput[0][name] for name in ("array", "product"))
    yield f"Products on {array} fusion units in RTL: {product}"
    yield list(map(_throughput, throughput))
    yield "The formula of cycles, and RTL"
    yield list(_formula(of_table(records, "formula") + throughput))
    yield (
        f"Networks on {ROWS} × {COLS} fusion units, by the formula, for a batch of "
        f"{networks[0]['batch']}"
    )
    (means,) = of_table(records, "means")
    yield [*map(_network, networks), {"network": "geometric mean", **_speedups(means)}]
    yield _NETWORK_NOTES.format(ratio=f"{ratios[-1]['value']:.2f}")


_SHOWN_AREAS = ("name", "area", "flip_flops", "logic", "flow")

_AREA_NOTES = f"""\
flow: the one that makes the unit smallest, of synth without options and with
{", ".join(filter(None, FLOWS))}.
MACs have an accumulator of 32 bits, and a flag with which the sum begins anew. {FIXED}:
signs of both operands are chosen at run time, as in the others. {TEMPORAL}: one BitBrick, digit
by digit; 16 of them do as many products of 2 × 2 bits in a cycle as one fusion MAC. Fusion MACs
contain the shifts for operands of 16 bits and, with the separable tree, the subtraction of the
offset; an array does either once for a column. PEs are those of arrays of {ROWS} rows.
Published: at 45 nm, of another library and another tool; the first ratio of whole arrays of one
unit, the third of units with their registers. The units have the paper's tree."""

_NETWORK_NOTES = f"""\
simulated: the authors' simulator for the same array and batch, without waiting for memory. same
number: speed-up over {ROWS} × {COLS} PEs of gemm_ws for 8 × 8 bits, which compute every layer in
int8. same area: over as many of these as have the area of the fusion units, {{ratio}} for each;
their cycles are assumed to fall in proportion. Only PEs count, no border, accumulators, buffers
or memory, and operands never stall.
Published means are {" and ".join(f"{value} over {name}" for name, value in PUBLISHED.items())}, \
which are other baselines, with their
buffers and memory: they are not to be compared with these columns."""


def _ratio(record):
    areas = record["published_areas"]
    return {
        "ratio": record["ratio"],
        "measured": f"{record['value']:.2f}",
        "published": record["published"],
        "of": f"{areas[0]:g} / {areas[1]:g} µm²" if areas else None,
    }


def _throughput(record):
    return {
        "bits": f"{record['a_bits']} × {record['w_bits']}",
        "cycles": record["cycles"],
        "times_8_×_8": record["factor"],
        "ideal": record["ideal"],
        "%_off": record["percent_off"],
        "exact": record["exact"],
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


def _network(record):
    return {
        "network": record["network"],
        "bits": record["widths"],
        "M_MACs": round(record["macs"] / 1e6),
        "published": record["published_macs"] // 1_000_000,
        "cycles": record["cycles"],
        "utilization": f"{record['utilization']:.1%}",
        "simulated": record["simulated_cycles"],
        **_speedups(record),
    }


def _speedups(record):
    return {name: f"{record[name]:.2f}" for name in ("same_number", "same_area")}


STUDY = Study(
    measure=measure,
    report=_report,
    columns=COLUMNS,
    context=lambda: {"array": [ROWS, COLS], "published_means": PUBLISHED},
)
