"""Products of one bit: areas of PEs, and cycles of products of one bit and of integers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ...hdl.binary.pe_binary import COUNTS, PeBinary
from ...hdl.systolic.pe_ws import PeWs
from ...hdl.unit import Unit
from ..designs.gemm_binary import GemmBinary
from ..designs.gemm_ws import GemmWs
from ..emission.emit import emit, emit_unit
from ..flow.synthesis import synthesize
from . import engines
from .bitfusion_area import FLOWS
from .study import Study, of_table
from .unit_area import UnitAreas, area_unit

__all__ = ["FORMS", "MODES", "STUDY", "measure"]

#: Rows of the array whose PEs are measured.
ROWS = 16
#: Products of a PE, and their code.
FORMS = ((8, "bin"), (32, "bin"), (64, "bin"), (32, "bit"))
#: Bits and signs of both operands.
MODES = (
    ("bin × bin", {"a_bits": 1, "a_signed": 1, "w_bits": 1, "w_signed": 1}),
    ("int8 × bin", {"a_bits": 8, "a_signed": 1, "w_bits": 1, "w_signed": 1}),
    ("uint2 × bin", {"a_bits": 2, "a_signed": 0, "w_bits": 1, "w_signed": 1}),
    ("bit × bit", {"a_bits": 1, "a_signed": 0, "w_bits": 1, "w_signed": 0}),
    ("int4 × int4", {"a_bits": 4, "a_signed": 1, "w_bits": 4, "w_signed": 1}),
    ("int8 × int8", {"a_bits": 8, "a_signed": 1, "w_bits": 8, "w_signed": 1}),
)
#: M, K and N of the products, and the array.
SHAPE, ARRAY = (64, 1024, 16), {"rows": 4, "cols": 8}

NOTES = """\
Areas of a PE by itself, in an array of 16 rows, each in the flow of synthesis that makes it
smallest; over int8: over a PE of gemm_ws with int8 operands. LUT: on Xilinx 7 series, by yosys, of
PEs whose ones are counted by compressors, and by adders. Cycles: a product of {shape} on
{array} PEs with 32 products of one bit, in RTL; over int8: of the cycles of gemm_ws with as many
PEs and int8 operands."""


def _pe(pack, code, count) -> Unit:
    width = (ROWS * pack).bit_length()
    formats = {"a_format": code, "w_format": code, "psum_width": width, "pipeline": 2}
    return PeBinary(**formats, pack=pack, count=count)


def _dense() -> Unit:
    core = GemmWs(rows=ROWS).unit()
    shared = {name: core.parameters[name] for name in ("a_format", "w_format", "pipeline")}
    return PeWs(**shared, psum_width=core.psum_width)


def measure(
    out: Path,
    liberty: Path | None = None,
    forms: Sequence[tuple[int, str]] = FORMS,
    shape: tuple[int, int, int] = SHAPE,
) -> Iterator[dict]:
    """Records of areas, and of cycles of a product of ``shape`` in each mode, for both codes."""
    yield from _areas(out, liberty, forms)
    yield from _cycles(out, shape)


def _areas(out, liberty, forms):
    with UnitAreas(out, liberty) as areas:

        def smallest(unit):
            return min((areas.of(unit, flow) for flow in FLOWS), key=lambda area: area.total).total

        dense = smallest(_dense())
        for pack, code in forms:
            record = {"table": "areas", "pack": pack, "code": code, "unit": area_unit(liberty)}
            for count in COUNTS:
                unit = _pe(pack, code, count)
                manifest = emit_unit(unit, out / "area").manifest
                area = smallest(unit)
                record |= {
                    count: round(area, 1),
                    f"{count}_ratio": round(area / dense, 3),
                    f"{count}_lut": synthesize(manifest, "xilinx7")["total"]["lut"],
                }
            yield record


def _cycles(out, shape):
    m, k, n = shape
    random = np.random.default_rng(1)
    a, w = random.integers(-128, 128, (m, k)), random.integers(-128, 128, (k, n))
    dense = engines.product(emit(GemmWs(**ARRAY), out), a, w)
    for code in ("bin", "bit"):
        emission = emit(GemmBinary(**ARRAY, code=code), out)
        for name, modes in MODES:
            factors = (_cut(each, modes, side) for each, side in ((a, "a"), (w, "w")))
            result = engines.product(emission, *factors, **modes)
            yield {
                "table": "cycles",
                "code": code,
                "operands": name,
                "cycles": result.cycles,
                "ratio": round(result.cycles / dense.cycles, 3),
                "exact": bool(result.matches_golden and dense.matches_golden),
            }


def _cut(values, modes, side):
    """The low bits of integers, as codes of a mode."""
    bits, signed = modes[f"{side}_bits"], modes[f"{side}_signed"]
    codes = values & ((1 << bits) - 1)
    return codes - (codes >> (bits - 1) << bits) if signed and bits > 1 else codes


def _report(records) -> Iterator[str | list[dict]]:
    areas = of_table(records, "areas")
    yield f"Area of a PE, in {areas[0]['unit']}"
    yield [
        {
            "products": row["pack"],
            "code": row["code"],
            "compressors": row["compressors"],
            "adders": row["adders"],
            "over int8": row["compressors_ratio"],
            "LUT": row["compressors_lut"],
            "LUT, adders": row["adders_lut"],
            "a product": round(row["adders_lut"] / row["pack"], 3),
        }
        for row in areas
    ]
    yield "Cycles by operands"
    columns = {"operands": "operands", "code": "code", "cycles": "cycles", "ratio": "over int8"}
    yield [
        {shown: row[name] for name, shown in columns.items()} for row in of_table(records, "cycles")
    ]
    array = " × ".join(map(str, ARRAY.values()))
    yield NOTES.format(shape=" × ".join(map(str, SHAPE)), array=array)


STUDY = Study(measure=measure, report=_report)
