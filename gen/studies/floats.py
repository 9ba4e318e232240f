"""Floats and scales for groups: areas of PEs and of the scale stage, and use of the array."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...hdl.arith.exact import sum_width
from ...hdl.float.pe_float import PeFloat
from ...hdl.float.scaled_accumulator import ScaledAccumulator
from ...hdl.formats import get
from ...hdl.systolic.pe_ws import PeWs
from ...hdl.unit import Unit
from ...sim.golden import formats
from ..designs.base import Design
from ..designs.gemm_scaled import GemmScaled
from ..designs.gemm_ws import GemmWs
from ..emission.emit import emit, emit_unit
from ..flow.synthesis import synthesize
from . import engines
from .bitfusion_area import FLOWS
from .study import Study, of_table
from .unit_area import UnitAreas, area_unit

__all__ = ["COLUMN", "FLOAT", "INT8", "STAGES", "STUDY", "measure", "pes", "stages"]

#: Rows of a column, for the widths of sums and for the share of the stage at its foot.
COLUMN = 64
INT8, FLOAT = "int8 × int8", "bf16 × bf16, fp32 sums"
#: PEs with exact sums: name to the formats of activations and weights.
EXACT = {
    INT8: ("int8", "int8"),
    "fp16 × fp16, exact sums": ("fp16", "fp16"),
    "fp16 × int4, exact sums": ("fp16", "int4"),
    "bf16 aligned to 12 bits × int4": ("aligned12", "int4"),
    "bf16 aligned to 16 bits × int4": ("aligned16", "int4"),
    "bf16 aligned to 24 bits × int4": ("aligned24", "int4"),
}
#: Scale stages: name to the formats of operands, of the scales of W and of A, and terms of a group.
STAGES = {
    "int8, bf16 scales": ("int8", "int8", "bf16", "none", COLUMN),
    "fp16 × int4 (W4A16)": ("fp16", "int4", "fp16", "none", COLUMN),
    "MXFP4": ("e2m1", "e2m1", "e8m0", "e8m0", 32),
    "MXFP8": ("e4m3", "e4m3", "e8m0", "e8m0", 32),
    "NVFP4": ("e2m1", "e2m1", "e4m3", "e4m3", 16),
}
#: M, K and N of the products in RTL, and the array.
SHAPE, ARRAY = (512, 512, 512), {"rows": 16, "cols": 16}
_MX = {"a_format": "e2m1", "w_format": "e2m1"}
#: Engines whose use is measured.
ENGINES: dict[str, Design] = {
    "bf16, fp32 sums": GemmWs(**ARRAY, arith="fp32", a_format="bf16", w_format="bf16"),
    "W4A16, groups of 128": GemmScaled(**ARRAY),
    "W4A16, bf16 aligned to 12 bits": GemmScaled(**ARRAY, a_format="bf16", align=12),
    "MXFP4": GemmScaled(**ARRAY, **_MX, group=32, w_scale="e8m0", a_scale="e8m0"),
    "NVFP4": GemmScaled(**ARRAY, **_MX, group=16, w_scale="e4m3", a_scale="e4m3"),
}

NOTES = f"""\
Areas of a PE with pipeline=2 and sums of {COLUMN} rows, and of the stage at the foot of a column,
registers included and with 2 words of its memory, each in the flow of synthesis that makes it
smallest. of a column: share of {COLUMN} PEs of {INT8}. LUT, DSP: by yosys on Xilinx 7 series and on
ECP5. Use: of the PEs' cycles in a product of {" × ".join(map(str, SHAPE))} in RTL, every result
compared with the golden model."""


def pes() -> dict[str, Unit]:
    """The PEs by name."""
    exact = {
        name: PeWs(a_format=a, w_format=w, psum_width=_width(a, w, COLUMN), pipeline=2)
        for name, (a, w) in EXACT.items()
    }
    return exact | {FLOAT: PeFloat(a_format="bf16", w_format="bf16", psum_width=32, pipeline=2)}


def stages() -> dict[str, Unit]:
    """The scale stages by name, those of groups of one tile."""
    return {
        name: ScaledAccumulator(
            psum_width=_width(a, w, group),
            group_width=0,
            unit=get(a).unit + get(w).unit,
            w_scale=w_scale,
            a_scale=a_scale,
            depth=1,
        )
        for name, (a, w, w_scale, a_scale, group) in STAGES.items()
    }


def measure(
    out: Path,
    liberty: Path | None = None,
    names: Sequence[str] | None = None,
    shape: tuple[int, int, int] = SHAPE,
) -> Iterator[dict]:
    """Records of areas, all or those of ``names``, and of the use of arrays."""
    units = {
        name: unit for name, unit in (pes() | stages()).items() if names is None or name in names
    }
    each = {}
    with UnitAreas(out, liberty) as areas:
        for unit in units.values():
            for flow in FLOWS:
                areas.start(unit, flow)
        for name, unit in units.items():
            best = min((areas.of(unit, flow) for flow in FLOWS), key=lambda area: area.total)
            each[name] = best.total
            yield {
                "table": "stages" if name in STAGES else "areas",
                "name": name,
                "area": round(best.total, 1),
                "flip_flops": round(best.flip_flops, 1),
                "unit": area_unit(liberty),
                "over_int8": round(best.total / each[INT8], 3),
            } | _on_fpgas(unit, out)
    if FLOAT in each:
        for name, area in each.items():
            if name not in STAGES:
                ratio = round(area / each[FLOAT], 3)
                yield {"table": "ratios", "name": name, "over_float": ratio}
    for name, design in ENGINES.items():
        yield _use(name, design, out, shape)


def _width(a, w, terms):
    return sum_width(get(a), get(w), terms)


def _on_fpgas(unit, out):
    record = {}
    for target in ("xilinx7", "ecp5"):
        total = synthesize(emit_unit(unit, out / "area").manifest, target)["total"]
        record |= {f"{target}_lut": total["lut"], f"{target}_dsp": total["dsp"]}
    return record


def _use(name, design, out, shape):
    """A product in RTL."""
    random = np.random.default_rng(1)
    m, k, n = shape
    emission = emit(design, out)
    codes = []
    for side, size in (("a", (m, k)), ("w", (k, n))):
        fmt = formats.get(getattr(design, f"{side}_format"))
        if fmt.name in formats.UNSCALED:
            codes.append(formats.cast(random.normal(size=size), fmt.name))
        else:
            codes.append(random.integers(fmt.lowest_code, fmt.highest_code + 1, size))
    result = engines.product(emission, *codes)
    return {
        "table": "use",
        "engine": name,
        "cycles": result.cycles,
        "use": round(result.utilization, 5),
        "exact": result.matches_golden,
    }


def _report(records) -> Iterator[str | list[dict]]:
    ratios = {row["name"]: row["over_float"] for row in of_table(records, "ratios")}
    for table, title in (("areas", "PE"), ("stages", "scale stage")):
        rows = of_table(records, table)
        if not rows:
            continue
        yield f"Area of a {title}, in {rows[0]['unit']}"
        yield [
            {
                title: row["name"],
                "area": row["area"],
                "flip-flops": row["flip_flops"],
                "over int8": row["over_int8"],
                **(
                    {"over bf16": ratios.get(row["name"])}
                    if table == "areas"
                    else {"of a column": f"{row['over_int8'] / COLUMN:.1%}"}
                ),
                "Xilinx 7": f"{row['xilinx7_dsp']} DSP, {row['xilinx7_lut']} LUT",
                "ECP5": f"{row['ecp5_dsp']} DSP, {row['ecp5_lut']} LUT",
            }
            for row in rows
        ]
    yield "Use of 16 × 16 PEs"
    yield [
        {name: row[name] for name in ("engine", "cycles", "use")}
        for row in of_table(records, "use")
    ]
    yield NOTES


STUDY = Study(measure=measure, report=_report)
