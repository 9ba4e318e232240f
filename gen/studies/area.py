"""Area of PEs, and of the decoders of number formats at the borders of the arrays."""

from collections.abc import Iterator
from pathlib import Path

from amaranth.hdl import Module, unsigned
from amaranth.lib.wiring import In, Out

from ...hdl import formats
from ...hdl.arith.exact import sum_width
from ...hdl.array.skew import Skew
from ...hdl.formats.decoder import DecoderBank
from ...hdl.formats.pairs import PairMarks, pair_marks
from ...hdl.stream.register_slice import RegisterSlice
from ...hdl.systolic.pe_os import PeOs
from ...hdl.systolic.pe_ws import PeWs
from ...hdl.unit import Unit
from ..designs.gemm_os import GemmOs
from ..designs.gemm_ws import GemmWs
from .study import Study
from .unit_area import UnitAreas, area_unit

__all__ = ["FORMATS", "LANES", "MAX_K", "NOTES", "PUBLISHED", "STUDY", "measure"]

#: Rows and columns of the arrays, and the largest K.
LANES, MAX_K = 64, 1024

#: Formats of activations and of weights.
FORMATS = [
    ("int8", "int8"),
    ("int4", "int4"),
    ("uint4", "int4"),
    ("flint4", "flint4"),
    ("uflint4", "flint4"),
    ("pot4", "pot4"),
    ("apot4", "apot4"),
    ("e2m1", "e2m1"),
    ("e4m3", "e4m3"),
    ("e5m2", "e5m2"),
    ("posit8_0", "posit8_0"),
    ("adaptivfloat4_2", "adaptivfloat4_2"),
    ("ovp_int4", "ovp_int4"),
    ("ovp_flint4", "ovp_flint4"),
    ("ovp_int8", "ovp_int8"),
    ("int4+flint4+pot4", "int4+flint4+pot4"),
    ("int4+flint4+int8", "int4+flint4+int8"),
]

#: Published areas in µm². ANT (MICRO 2022) at 28 nm, areas as in Table VII of SPARK (HPCA 2024),
#: the share calculated from them for 128 decoders and 4096 PEs. OliVe (ISCA 2023): at 22 nm.
PUBLISHED = [
    {"design": "published: ANT", "pe": 79.57, "a_decoder": 4.9, "border_percent": 0.19},
    {"design": "published: OliVe, 4 bits", "a_decoder": 13.53, "border_percent": 2.2},
    {"design": "published: OliVe, 8 bits", "a_decoder": 18.0, "border_percent": 1.5},
]

#: Notes below the table.
NOTES = f"""\
Areas in gates (two-input NANDs; a flip-flop is 4), with --liberty in the library's units (µm²).
pe: with pipeline=2, its sums exact for {LANES} products in gemm_ws, for {MAX_K} in gemm_os (e5m2
has 64 bits there and saturates); of int8, of int4: as a share of theirs.
decoder: for a row of activations, or a column of weights; with the register for the type, where it
is chosen at run time. pair marks: victim identifiers, from the OVP pairs to the decoders on both
sides. decoders %, border %: share of decoders, and of decoders and pair marks, in an array of
{LANES} × {LANES} PEs.
Published: in µm², ANT (MICRO 2022) at 28 nm, OliVe (ISCA 2023) at 22 nm."""


class LaneMarks(Unit):
    """The victim identifiers of pairs in neighbouring lanes, as :class:`GemmWs` finds them."""

    def __init__(self, *, lanes, format):
        self.format = fmt = formats.get(format)
        super().__init__(
            {"i": In(unsigned(lanes * fmt.bits)), "o": Out(unsigned(lanes * fmt.lane_width))}
        )

    def build(self):
        m = Module()
        m.d.comb += self.o.eq(pair_marks(m, self.format, self.i, self.parameters["lanes"]))
        return m


def measure(out: Path, liberty: Path | None = None, pairs=None) -> Iterator[dict]:
    """Yield a record for each pair of formats and engine, and then those :data:`PUBLISHED`.

    Areas are in two-input NAND gates, or with a library in µm²; see :func:`.synthesis.area`.
    ``pairs`` are formats of activations and of weights, by default :data:`FORMATS`.
    """
    plans = [(engine, *pair) for pair in pairs or FORMATS for engine in (GemmWs, GemmOs)]
    with UnitAreas(out, liberty) as areas:
        for plan in plans:
            for unit in (*_pes(*plan), *_banks(*plan[1:]), *_marks(*plan)):
                areas.start(unit)
        for plan in plans:
            yield _record(areas, *plan) | {"unit": area_unit(liberty)}
    for row in PUBLISHED:
        yield row | {"unit": "µm²"}


def _report(records):
    return [list(map(_row, records)), NOTES]


def _row(record):
    a, w = record.get("a_format", ""), record.get("w_format", "")
    row = {"design": record["design"], "formats": a if a == w else f"{a} × {w}"}
    return row | {name.replace("percent", "%"): record.get(name) for name in _COLUMNS}


_COLUMNS = (
    *("sum_width", "pe", "flip_flops", "logic", "of_int8", "of_int4"),
    *("a_decoder", "w_decoder", "pair_marks", "decoders_percent", "border_percent"),
)


def _record(areas, engine, a, w):
    pe, int8, int4 = map(areas.of, _pes(engine, a, w))
    decoders = [areas.of(bank).total for bank in _banks(a, w)]
    marks = sum(areas.of(unit).total for unit in _marks(engine, a, w))
    array = LANES**2 * pe.total

    def percent(border):
        return round(100 * border / (border + array), 3)

    return {
        "design": engine.design(),
        "a_format": a,
        "w_format": w,
        "sum_width": _sum_width(engine, a, w),
        "pe": round(pe.total, 1),
        "flip_flops": round(pe.flip_flops, 1),
        "logic": round(pe.logic, 1),
        "of_int8": round(pe.total / int8.total, 3),
        "of_int4": round(pe.total / int4.total, 3),
        "a_decoder": round(decoders[0] / LANES, 1),
        "w_decoder": round(decoders[1] / LANES, 1),
        "pair_marks": round(marks, 1),
        "decoders_percent": percent(sum(decoders)),
        "border_percent": percent(sum(decoders) + marks),
    }


def _unit(engine, a, w):
    exact = sum_width(formats.get(a), formats.get(w), MAX_K) <= 64
    width = {} if exact else {"acc_width": 64, "overflow": "saturate"}
    return engine(rows=LANES, cols=LANES, a_format=a, w_format=w, max_k=MAX_K, **width).unit()


def _sum_width(engine, a, w):
    return _unit(engine, a, w).derived["psum_width" if engine is GemmWs else "acc_width"]


def _pes(engine, *pair):
    """The PE for the formats, and those that it is compared with."""
    for a, w in (pair, ("int8", "int8"), ("int4", "int4")):
        parameters, width = _unit(engine, a, w).parameters, _sum_width(engine, a, w)
        shared = {name: parameters[name] for name in ("a_format", "w_format", "pipeline")}
        if engine is GemmWs:
            yield PeWs(**shared, psum_width=width)
        else:
            yield PeOs(**shared, acc_width=width, overflow=parameters["overflow"])


def _banks(a, w):
    """The decoders of both sides; those of plain integers are wires."""
    return [DecoderBank(lanes=LANES, format=name) for name in (a, w)]


def _marks(engine, a, w):
    """The units that OVP pairs need besides decoders, on both sides."""
    for side, fmt in (("a", formats.get(a)), ("w", formats.get(w))):
        if not fmt.pair:
            continue
        extra = fmt.lane_width - fmt.bits
        yield Skew(lanes=LANES, width=extra, backwards=0)
        if engine is GemmWs and side == "a":
            yield LaneMarks(lanes=LANES, format=fmt.name)
        else:
            yield PairMarks(lanes=LANES, format=fmt.name)
            yield RegisterSlice(width=LANES * extra)


STUDY = Study(measure=measure, report=_report)
