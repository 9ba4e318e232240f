"""Area of processing elements, and of what number formats add at the borders of the arrays."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from amaranth.hdl import Module, unsigned
from amaranth.lib.wiring import In, Out

from ...hdl import formats
from ...hdl.arith.exact import sum_width
from ...hdl.array.skew import Skew
from ...hdl.formats.decoder import DecoderBank
from ...hdl.formats.pairs import PairMarks, pair_marks
from ...hdl.stream.hold import Hold
from ...hdl.systolic.pe_os import PeOs
from ...hdl.systolic.pe_ws import PeWs
from ...hdl.unit import Unit
from ...sim import cache
from ..designs.base import GemmOs, GemmWs
from ..emission import verilog
from ..emission.emit import write_whole
from ..flow.synthesis import area

__all__ = ["FORMATS", "LANES", "MAX_K", "NOTES", "PUBLISHED", "measure", "rows"]

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

#: What papers give, in µm². ANT (MICRO 2022) at 28 nm, areas as in Table VII of SPARK (HPCA 2024),
#: the share calculated from them for 128 decoders and 4096 elements. OliVe (ISCA 2023): at 22 nm.
PUBLISHED = [
    {"design": "published: ANT", "pe": 79.57, "a_decoder": 4.9, "border_percent": 0.19},
    {"design": "published: OliVe, 4 bits", "a_decoder": 13.53, "border_percent": 2.2},
    {"design": "published: OliVe, 8 bits", "a_decoder": 18.0, "border_percent": 1.5},
]

#: What stands below the table.
NOTES = f"""\
Areas in gates (two-input NANDs; a flip-flop is 4), with --liberty in the library's units (µm²).
pe: an element with pipeline=2, whose sums are exact for {LANES} products in gemm_ws, for {MAX_K} in
gemm_os (e5m2 has 64 bits there and saturates); of int8, of int4: as a share of theirs.
decoder: for a row of activations, or a column of weights; with the register for the type, where it
is chosen at run time. pair marks: what finds outliers of pairs, and takes that to the decoders on
both sides. decoders %, border %: share of decoders, and of decoders and pair marks, in an array of
{LANES} × {LANES} elements.
Published: in µm², ANT (MICRO 2022) at 28 nm, OliVe (ISCA 2023) at 22 nm."""

#: Yosys processes at once.
_PROCESSES = 2


class LaneMarks(Unit):
    """The marks of pairs in neighbouring lanes, as :class:`GemmWs` has them for activations."""

    def __init__(self, *, lanes, format):
        self.format = fmt = formats.get(format)
        super().__init__(
            {"i": In(unsigned(lanes * fmt.bits)), "o": Out(unsigned(lanes * fmt.lane_width))}
        )

    def build(self):
        m = Module()
        m.d.comb += self.o.eq(pair_marks(m, self.format, self.i, self.parameters["lanes"]))
        return m


def measure(out, liberty=None, pairs=None):
    """Yield a record for each pair of formats and engine, and then what is :data:`PUBLISHED`.

    Areas are in two-input NAND gates, or with a library in µm²; see :func:`area`.

    Parameters
    ----------
    out : Path
        Folder for the Verilog.
    liberty : Path or None
        Liberty file of the cells to map to, one that :func:`check_liberty` accepts.
    pairs : list of (str, str)
        Formats of activations and of weights; by default :data:`FORMATS`.
    """
    pool, begun = ThreadPoolExecutor(_PROCESSES), {}

    def begin(unit):
        if unit.key not in begun:
            name = f"{unit.name}-{cache.digest(repr(unit.key))[:12]}.v"
            path = Path(out) / "area" / name
            write_whole(path, verilog.convert_shared(unit, unit.name)[0])
            begun[unit.key] = pool.submit(area, path, unit.name, liberty)

    def found(unit):
        return begun[unit.key].result()

    try:
        plans = [(kind, *pair) for pair in pairs or FORMATS for kind in (GemmWs, GemmOs)]
        for kind, a, w in plans:
            for unit in (*_elements(kind, a, w), *_banks(a, w), *_marks(kind, a, w)):
                begin(unit)
        for plan in plans:
            yield _record(found, *plan) | {"unit": "gates" if liberty is None else "µm²"}
        for row in PUBLISHED:
            yield row | {"unit": "µm²"}
    finally:
        pool.shutdown(cancel_futures=True)


def rows(records):
    """The records in the columns of the table."""
    for row in records:
        a, w = row.get("a_format", ""), row.get("w_format", "")
        shown = {"design": row["design"], "formats": a if a == w else f"{a} × {w}"}
        for name in _COLUMNS:
            shown[name.replace("percent", "%")] = row.get(name)
        yield shown


_COLUMNS = (
    *("sum_width", "pe", "flip_flops", "logic", "of_int8", "of_int4"),
    *("a_decoder", "w_decoder", "pair_marks", "decoders_percent", "border_percent"),
)


def _record(found, kind, a, w):
    element, int8, int4 = map(found, _elements(kind, a, w))
    decoders = [found(bank).total for bank in _banks(a, w)]
    marks = sum(found(unit).total for unit in _marks(kind, a, w))
    array = LANES**2 * element.total

    def percent(border):
        return round(100 * border / (border + array), 3)

    return {
        "design": kind.design(),
        "a_format": a,
        "w_format": w,
        "sum_width": _sum_width(kind, a, w),
        "pe": round(element.total, 1),
        "flip_flops": round(element.flip_flops, 1),
        "logic": round(element.logic, 1),
        "of_int8": round(element.total / int8.total, 3),
        "of_int4": round(element.total / int4.total, 3),
        "a_decoder": round(decoders[0] / LANES, 1),
        "w_decoder": round(decoders[1] / LANES, 1),
        "pair_marks": round(marks, 1),
        "decoders_percent": percent(sum(decoders)),
        "border_percent": percent(sum(decoders) + marks),
    }


def _engine(kind, a, w):
    exact = sum_width(formats.get(a), formats.get(w), MAX_K) <= 64
    width = {} if exact else {"acc_width": 64, "overflow": "saturate"}
    return kind(rows=LANES, cols=LANES, a_format=a, w_format=w, max_k=MAX_K, **width).unit()


def _sum_width(kind, a, w):
    return _engine(kind, a, w).derived["psum_width" if kind is GemmWs else "acc_width"]


def _elements(kind, *pair):
    """The element for the formats, and those that it is compared with."""
    for a, w in (pair, ("int8", "int8"), ("int4", "int4")):
        given, width = _engine(kind, a, w).parameters, _sum_width(kind, a, w)
        element = {name: given[name] for name in ("a_format", "w_format", "pipeline")}
        if kind is GemmWs:
            yield PeWs(**element, psum_width=width)
        else:
            yield PeOs(**element, acc_width=width, overflow=given["overflow"])


def _banks(a, w):
    """The decoders of both sides; those of plain integers are mere wires."""
    return [DecoderBank(lanes=LANES, format=name) for name in (a, w)]


def _marks(kind, a, w):
    """What pairs take besides decoders, on both sides."""
    for side, fmt in (("a", formats.get(a)), ("w", formats.get(w))):
        if not fmt.pair:
            continue
        extra = fmt.lane_width - fmt.bits
        yield Skew(lanes=LANES, width=extra, backwards=0)
        if kind is GemmWs and side == "a":
            yield LaneMarks(lanes=LANES, format=fmt.name)
        else:
            yield PairMarks(lanes=LANES, format=fmt.name)
            yield Hold(width=LANES * extra)
