"""Areas of multiply-accumulate units of equal use: fused, of one width, and one digit at a time."""

from collections.abc import Iterator
from pathlib import Path

from ...hdl.fusion.bitbrick import BitBrick
from ...hdl.fusion.fusion_mac import FixedMac, FusionMac, TemporalMac
from ...hdl.fusion.fusion_unit import FusionUnit
from ...hdl.fusion.pe_fusion import PeFusion
from ...hdl.systolic.pe_ws import PeWs
from ...hdl.unit import Unit
from ..designs.gemm_fusion import GemmFusion
from ..designs.gemm_ws import GemmWs
from ..lib import yosys
from .study import of_table
from .unit_area import UnitAreas, area_unit

__all__ = [
    *("COLS", "FIXED", "FLOWS", "FUSION", "FUSION_PE", "INT8_PE", "PAPER", "RATIOS", "ROWS"),
    *("TEMPORAL", "area_of", "measure", "ratios", "units"),
]

#: The array of the paper's comparison with Eyeriss.
ROWS, COLS = 16, 32

#: Options of ``synth``. The smallest result counts: the order in which yosys merges products and
#: sums does not suit every unit, and a multiplier in Booth's way is smaller than the plain one.
FLOWS = ("", "-booth", "-noalumacc", "-booth -noalumacc", "-arith_tree")

FIXED, FUSION, PAPER = "fixed MAC, 8 × 8", "fusion MAC", "fusion MAC, paper's tree"
TEMPORAL, FUSION_PE, INT8_PE = "temporal MAC", "PE of gemm_fusion", "PE of gemm_ws, int8"

#: Name, factor and units of each ratio, and published areas in µm² at 45 nm. Those of the
#: first are of whole arrays of one unit, results/systolic_array_synth.csv of the authors' code;
#: those of temporal units are in the paper's section III.
RATIOS = [
    ("fusion MAC / fixed MAC", 1, FUSION, FIXED, (1733.1, 687.6)),
    ("the same with the paper's tree", 1, PAPER, FIXED, (1733.1, 687.6)),
    ("16 temporal MACs / fusion MAC", 16, TEMPORAL, FUSION, (4905, 1394)),
    ("the same with the paper's tree", 16, TEMPORAL, PAPER, (4905, 1394)),
    ("PE of gemm_fusion / of gemm_ws", 1, FUSION_PE, INT8_PE, None),
]


def units() -> dict[str, Unit]:
    """The units by name; PEs are those of arrays of :data:`ROWS` × :data:`COLS`."""
    fusion, fixed = (cls(rows=ROWS, cols=COLS).unit() for cls in (GemmFusion, GemmWs))
    int8 = {name: fixed.parameters[name] for name in ("a_format", "w_format", "pipeline")}
    return {
        FIXED: FixedMac(),
        FUSION: FusionMac(tree="separable"),
        PAPER: FusionMac(tree="paper"),
        TEMPORAL: TemporalMac(),
        "fusion unit": FusionUnit(tree="separable"),
        "fusion unit, paper's tree": FusionUnit(tree="paper"),
        "BitBrick": BitBrick(),
        FUSION_PE: PeFusion(
            psum_width=fusion.derived["psum_width"], pipeline=fusion.parameters["pipeline"]
        ),
        INT8_PE: PeWs(psum_width=fixed.derived["psum_width"], **int8),
    }


def measure(out: Path, liberty: Path | None = None, names=None) -> Iterator[dict]:
    """Yield a record for each unit: its area in the flow that makes it smallest.

    ``names`` are some of :func:`units`; by default all.
    """
    help_text = yosys.run(["help synth"])
    flows = [flow for flow in FLOWS if all(option in help_text for option in flow.split())]
    selected = {name: unit for name, unit in units().items() if names is None or name in names}
    with UnitAreas(out, liberty) as areas:
        for unit in selected.values():
            for flow in flows:
                areas.start(unit, flow)
        for name, unit in selected.items():
            by_flow = {flow: areas.of(unit, flow) for flow in flows}
            best = min(flows, key=lambda flow: by_flow[flow].total)
            yield {
                "table": "areas",
                "name": name,
                "area": round(by_flow[best].total, 1),
                "flip_flops": round(by_flow[best].flip_flops, 1),
                "logic": round(by_flow[best].logic, 1),
                "unit": area_unit(liberty),
                "flow": _command(best),
                "flows": {_command(flow): round(a.total, 1) for flow, a in by_flow.items()},
            }


def area_of(records: list[dict]) -> dict[str, float]:
    """Areas by name."""
    return {row["name"]: row["area"] for row in of_table(records, "areas")}


def ratios(records: list[dict]) -> Iterator[dict]:
    """Yield a record for each of :data:`RATIOS` whose units are among the records."""
    areas = area_of(records)
    for name, factor, unit, base, published in RATIOS:
        if unit in areas and base in areas:
            yield {
                "table": "ratios",
                "ratio": name,
                "value": round(factor * areas[unit] / areas[base], 3),
                "published": published and round(published[0] / published[1], 2),
                "published_areas": published,
            }


def _command(flow):
    return f"synth {flow}".strip()
