"""Areas of multiply-accumulate units of equal use: fused, of one width, and one digit at a time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...hdl.fusion.bitbrick import BitBrick
from ...hdl.fusion.fusion_mac import FixedMac, FusionMac, TemporalMac
from ...hdl.fusion.fusion_unit import FusionUnit
from ...hdl.fusion.pe_fusion import PeFusion
from ...hdl.systolic.pe_ws import PeWs
from ...hdl.unit import Unit
from ...sim import cache
from ..designs.base import GemmFusion, GemmWs
from ..emission import verilog
from ..emission.emit import write_whole
from ..flow.synthesis import area
from ..lib import yosys

__all__ = [
    *("COLS", "ELEMENT", "FIXED", "FLOWS", "FUSION", "INT8", "PAPER", "RATIOS", "ROWS", "TEMPORAL"),
    *("area_of", "measure", "ratios", "units"),
]

#: The array of the paper's comparison with Eyeriss.
ROWS, COLS = 16, 32

#: Options of ``synth``. The smallest result counts: the order in which yosys merges products and
#: sums does not suit every unit, and a multiplier in Booth's way is smaller than the plain one.
FLOWS = ("", "-booth", "-noalumacc", "-booth -noalumacc", "-arith_tree")

FIXED, FUSION, PAPER = "fixed MAC, 8 × 8", "fusion MAC", "fusion MAC, paper's tree"
TEMPORAL, ELEMENT, INT8 = "temporal MAC", "element of gemm_fusion", "element of gemm_ws, int8"

#: Name, factor and units of each ratio, and what is published: areas in µm² at 45 nm. Those of the
#: first are of whole arrays of one unit, results/systolic_array_synth.csv of the authors' code;
#: those of temporal units are in the paper's section III.
RATIOS = [
    ("fusion MAC / fixed MAC", 1, FUSION, FIXED, (1733.1, 687.6)),
    ("the same with the paper's tree", 1, PAPER, FIXED, (1733.1, 687.6)),
    ("16 temporal MACs / fusion MAC", 16, TEMPORAL, FUSION, (4905, 1394)),
    ("the same with the paper's tree", 16, TEMPORAL, PAPER, (4905, 1394)),
    ("element of gemm_fusion / of gemm_ws", 1, ELEMENT, INT8, None),
]

#: Yosys processes at once.
_PROCESSES = 2


def units() -> dict[str, Unit]:
    """The units by name; elements of arrays are those of :data:`ROWS` × :data:`COLS`."""
    fusion, fixed = (kind(rows=ROWS, cols=COLS).unit() for kind in (GemmFusion, GemmWs))
    int8 = {name: fixed.parameters[name] for name in ("a_format", "w_format", "pipeline")}
    return {
        FIXED: FixedMac(),
        FUSION: FusionMac(tree="separable"),
        PAPER: FusionMac(tree="paper"),
        TEMPORAL: TemporalMac(),
        "fusion unit": FusionUnit(tree="separable"),
        "fusion unit, paper's tree": FusionUnit(tree="paper"),
        "BitBrick": BitBrick(),
        ELEMENT: PeFusion(
            psum_width=fusion.derived["psum_width"], pipeline=fusion.parameters["pipeline"]
        ),
        INT8: PeWs(psum_width=fixed.derived["psum_width"], **int8),
    }


def measure(out: Path, liberty: Path | None = None, names=None) -> Iterator[dict]:
    """Yield a record for each unit: its area in the flow that makes it smallest.

    Parameters
    ----------
    out : Path
        Folder for the Verilog.
    liberty : Path or None
        Liberty file of the cells to map to; without one, gates are counted.
    names : list of str
        Which of :func:`units`; by default all.
    """
    known = yosys.run(["help synth"])
    flows = [flow for flow in FLOWS if all(option in known for option in flow.split())]
    pool, begun = ThreadPoolExecutor(_PROCESSES), {}
    try:
        for name, unit in units().items():
            if names is None or name in names:
                path = Path(out) / "area" / f"{unit.name}-{cache.digest(repr(unit.key))[:12]}.v"
                write_whole(path, verilog.convert_shared(unit, unit.name)[0])
                begun[name] = [pool.submit(area, path, unit.name, liberty, flow) for flow in flows]
        for name, jobs in begun.items():
            areas = dict(zip(flows, (job.result() for job in jobs), strict=True))
            flow = min(flows, key=lambda flow: areas[flow].total)
            yield {
                "table": "areas",
                "name": name,
                "area": round(areas[flow].total, 1),
                "flip_flops": round(areas[flow].flip_flops, 1),
                "logic": round(areas[flow].logic, 1),
                "unit": "gates" if liberty is None else "µm²",
                "flow": _command(flow),
                "flows": {_command(flow): round(one.total, 1) for flow, one in areas.items()},
            }
    finally:
        pool.shutdown(cancel_futures=True)


def area_of(records: list[dict]) -> dict[str, float]:
    """Areas by name."""
    return {row["name"]: row["area"] for row in records if row["table"] == "areas"}


def ratios(records: list[dict]) -> Iterator[dict]:
    """Yield a record for each of :data:`RATIOS` whose units are among the records."""
    areas = area_of(records)
    for name, factor, unit, other, published in RATIOS:
        if unit in areas and other in areas:
            yield {
                "table": "ratios",
                "ratio": name,
                "value": round(factor * areas[unit] / areas[other], 3),
                "published": published and round(published[0] / published[1], 2),
                "published_areas": published,
            }


def _command(flow):
    return f"synth {flow}".strip()
