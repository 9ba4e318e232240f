"""N:M sparsity: areas of PEs that choose their activations, and cycles of whole networks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...hdl.sparse.pe_nm import PeNm
from ...hdl.sparse.pe_outlier import PeOutlier
from ...hdl.systolic.pe_ws import PeWs
from ...hdl.unit import Unit
from ...sim.golden.sparse.gemm_outlier import Group
from ...sim.golden.sparse.nm import Pattern
from .. import workloads
from ..designs.gemm_nm import GemmNm
from ..designs.gemm_outlier import GemmOutlier
from ..designs.gemm_ws import GemmWs
from ..emission.emit import emit, emit_unit, outline
from ..flow.synthesis import synthesize
from ..lib.pruning import prune_pattern
from . import engines
from .bitfusion_area import FLOWS
from .study import Study, of_table
from .unit_area import UnitAreas, area_unit

__all__ = ["ARRAY", "DENSE", "FORMS", "NETWORKS", "PAIR", "STUDY", "forms", "measure"]

#: The array whose PEs and cycles are measured.
ARRAY = {"rows": 16, "cols": 16}
#: Pattern and form of a group; the first that an array of the pattern has counts for speed-ups.
FORMS = (
    ("2:4", "tree"),
    ("1:4", "tree"),
    ("4:8", "tree"),
    ("2:8", "tree"),
    ("1:8", "tree"),
    ("2:4", "skew"),
    ("4:8", "skew"),
)
NETWORKS = ("resnet18", "bert_base", "llama_layer_32", "llama_layer_1")
#: Speed-ups of VEGETA (Jeong et al., HPCA 2023, abstract) by the sparsity of weights.
VEGETA = {"4:4": 1.09, "2:4": 2.20, "1:4": 3.74, "0.05": 3.28}
#: M, K and N of a layer of BERT-base, and the density of its weights without a pattern.
UNSTRUCTURED, UNSTRUCTURED_DENSITY = (128, 768, 768), 0.05

DENSE, PAIR = "dense", "dense pair, one sum"
#: PEs with a digit of int8 weights in each of 16 lanes, and an outlier, by the activations' format.
OUTLIERS = {"int4": "int4 × int8, outliers", "int8": "int8 × int8, outliers"}
#: M, K and N of a product with shares of outliers.
OUTLIER_SHAPE, SHARES = (256, 1024, 256), ("1%", "3%", "5%", "8%")

NOTES = """\
Areas of a PE with int8 operands in an array of 16 rows, each in the flow of synthesis that makes it
smallest; of PEs with outliers the share of a term of K. over the pair: over a PE of two dense ones
that share the register of their sum, as those of a group do; gemm_ws has no such PEs. Speed-ups:
cycles by the formula, which products in RTL confirm; all layers with weights have the pattern, and
products of attention are left out. LUT, DSP: of a PE on Xilinx 7 series, by yosys.
VEGETA (Jeong et al., HPCA 2023): over the best dense engine of the paper, a unit of a processor;
ours over gemm_ws, an engine by itself, so that no instructions count, and dense weights (4:4) gain
nothing. 0.05 is the density of weights without a pattern: in the paper each row has its own
pattern, while all columns of this array share one, and random weights have none; eie skips them.
Ours are the networks above; of 0.05, a product in RTL of {shape}."""


def forms() -> dict[str, Unit]:
    """The PE of each form, and dense ones."""
    core = GemmNm(**ARRAY).unit()
    shared = {name: core.parameters[name] for name in ("a_format", "w_format", "pipeline")}
    shared["psum_width"] = core.psum_width

    def group(pattern, group_sum):
        return PeNm(
            group_rows=pattern.count, group_lanes=pattern.size, group_sum=group_sum, **shared
        )

    units = {DENSE: PeWs(**shared), PAIR: group(Pattern(2, 2), "tree")}
    for text, group_sum in FORMS:
        units[f"{text}, {group_sum}"] = group(Pattern.parse(text), group_sum)
    for a_format, name in OUTLIERS.items():
        core = GemmOutlier(cols=16, a_format=a_format).unit()
        units[name] = PeOutlier(
            **{key: core.parameters[key] for key in ("group_lanes", "outlier_rows", "pipeline")},
            a_format=a_format,
            w_format=core.stored_format,
            psum_width=core.psum_width,
        )
    return units


def measure(
    out: Path,
    liberty: Path | None = None,
    names: Sequence[str] | None = None,
    networks: Sequence[str] = NETWORKS,
) -> Iterator[dict]:
    """Records of the areas of :func:`forms`, all or those of ``names``, and of networks' cycles."""
    areas = list(_areas(out, liberty, names))
    yield from areas
    ratio = {row["name"]: row["ratio"] for row in areas}
    speedups = {"4:4": [], "2:4": [], "1:4": []}
    for text in ("2:4", "1:4"):
        core = GemmNm(**ARRAY, group_rows=Pattern.parse(text).count)
        emission = emit(core, out)
        confirmed = _confirmed(emission, text)
        for network in networks:
            record = _network(outline(core), network, text, ratio.get(f"{text}, tree"))
            speedups[text].append(record["speedup"])
            speedups["4:4"].append(record["dense_speedup"])
            yield record | confirmed
    yield from _vegeta(out, speedups)
    yield from _outliers()


def _vegeta(out, speedups):
    """Speed-ups of the paper, and as measured."""
    engine, core = emit(GemmWs(**ARRAY), out), emit(GemmNm(**ARRAY), out)
    random, (m, k, n) = np.random.default_rng(1), UNSTRUCTURED
    a, w = random.integers(-128, 128, (m, k)), random.integers(1, 128, (k, n))
    w *= random.random((k, n)) < UNSTRUCTURED_DENSITY
    dense, sparse = engines.product(engine, a, w), engines.product(core, a, w)
    exact = dense.matches_golden and sparse.matches_golden
    rtl = {str(UNSTRUCTURED_DENSITY): [round(dense.cycles / sparse.cycles, 3)]}
    for text, paper in VEGETA.items():
        ours = (speedups | rtl)[text]
        record = {"table": "VEGETA", "weights": text, "paper": paper}
        yield record | {"least": min(ours), "most": max(ours), "exact": exact}


def _outliers():
    """Cycles with outliers that are drawn, over those without, by rows for them in a group."""
    for count in (1, 2):
        words = Group(4, 16, count).words
        manifest = outline(GemmOutlier(rows=words, cols=16, outlier_rows=count))
        without = engines.schedule(manifest, *OUTLIER_SHAPE, outliers="0%").cycles
        record = {"table": "outliers", "outlier_rows": count}
        for share in SHARES:
            cycles = engines.schedule(manifest, *OUTLIER_SHAPE, outliers=share).cycles
            record[share] = round(cycles / without, 3)
        yield record


def _areas(out, liberty, names):
    units = {name: unit for name, unit in forms().items() if names is None or name in names}
    with UnitAreas(out, liberty) as areas:
        for unit in units.values():
            for flow in FLOWS:
                areas.start(unit, flow)
        each = {}
        on_fpga = {
            name: synthesize(emit_unit(unit, out / "area").manifest, "xilinx7")["total"]
            for name, unit in units.items()
        }
        for name, unit in units.items():
            best = min((areas.of(unit, flow) for flow in FLOWS), key=lambda area: area.total)
            rows = unit.parameters.get("group_rows") or unit.parameters.get("group_lanes", 1)
            each[name] = best.total / rows
            yield {
                "table": "areas",
                "name": name,
                "area": round(each[name], 1),
                "flip_flops": round(best.flip_flops / rows, 1),
                "unit": area_unit(liberty),
                "lut": round(on_fpga[name]["lut"] / rows, 2),
                "dsp": round(on_fpga[name]["dsp"] / rows, 2),
                "ratio": round(each[name] / each[DENSE], 3),
                "pair_ratio": round(each[name] / each[PAIR], 3) if PAIR in each else None,
            }


def _confirmed(emission, text):
    """A product of several tiles, with ragged ends, in RTL: results and cycles."""
    random = np.random.default_rng(1)
    a = random.integers(-128, 128, (40, 150))
    w = prune_pattern(random.integers(-128, 128, (150, 40)), Pattern.parse(text))
    job = engines.job(emission, a, w, pattern=text)
    product = engines.product(emission, a, w, pattern=text)
    return {"exact": product.matches_golden, "as_promised": product.cycles == job.cycles}


def _network(manifest, network, text, area):
    layers = [layer for layer in workloads.load(network).layers if not layer.dynamic]

    def cycles(pattern):
        return sum(
            layer.count
            * engines.schedule(manifest, layer.m, layer.k, layer.n, pattern=pattern).cycles
            for layer in layers
        )

    dense, sparse = cycles("1:1"), cycles(text)
    engine = outline(GemmWs(**ARRAY))
    plans = ((layer, engines.schedule(engine, layer.m, layer.k, layer.n)) for layer in layers)
    baseline = sum(layer.count * plan.cycles for layer, plan in plans)
    return {
        "table": "networks",
        "network": network,
        "pattern": text,
        "dense_cycles": dense,
        "cycles": sparse,
        "speedup": round(dense / sparse, 3),
        "dense_speedup": round(baseline / dense, 3),
        "speedup_per_area": area and round(dense / sparse / area, 2),
    }


def _report(records) -> Iterator[str | list[dict]]:
    areas = of_table(records, "areas")
    yield f"Area of a PE, in {areas[0]['unit']}"
    yield [
        {
            "PE": row["name"],
            "area": row["area"],
            "flip-flops": row["flip_flops"],
            "over dense": row["ratio"],
            "over the pair": row["pair_ratio"],
            "LUT": row["lut"],
            "DSP": row["dsp"],
        }
        for row in areas
    ]
    yield "Cycles of networks on 16 × 16 PEs"
    columns = ("network", "pattern", "dense_cycles", "cycles", "speedup", "speedup_per_area")
    yield [{name: row[name] for name in columns} for row in of_table(records, "networks")]
    yield "Speed-ups of VEGETA, and of gemm_nm over gemm_ws"
    yield [
        {
            "weights": row["weights"],
            "paper": row["paper"],
            "ours": " to ".join(sorted({f"{row[end]:.3f}" for end in ("least", "most")})),
        }
        for row in of_table(records, "VEGETA")
    ]
    yield "Cycles with outliers, over those without"
    yield [
        {name: value for name, value in row.items() if name != "table"}
        for row in of_table(records, "outliers")
    ]
    yield NOTES.format(shape=" × ".join(map(str, UNSTRUCTURED)))


STUDY = Study(measure=measure, report=_report)
