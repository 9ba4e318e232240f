"""Accumulators in binary32 of exact sums that have a scale: one for each group of terms."""

from itertools import pairwise
from typing import NamedTuple

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer, check_relation
from ..output.accumulator import LEAD, Accumulator
from ..unit import Unit, data_register
from .float_accumulator import FloatAccumulator
from .fp_add import FpAdd
from .fp_scale import FpScale
from .int_scale import IntScale, scales_exactly
from .layout import FLOATS
from .scale_product import SCALES, ScaleProduct
from .to_float import ToFloat

__all__ = [
    "ScaledAccumulator",
    "ScaledAccumulatorBank",
    "ScaledTiming",
    "scaled_timing",
    "scaled_visit_layout",
]


def scaled_visit_layout(depth, a_scale):
    """One visit: ``valid``, and the ``row``.

    ``opens`` and ``closes`` mark the first and the last tile of a group, ``begins`` the first
    group of the row's sum, ``claims`` the first row of a tile that closes a group, never without
    ``valid``. With an activation scale there is ``a_scale``, that of the row.
    """
    fields = {"valid": 1, "opens": 1, "closes": 1, "begins": 1, "claims": 1}
    fields["row"] = index_shape(depth)
    return data.StructLayout(fields | ({} if a_scale == "none" else {"a_scale": 8}))


class ScaledTiming(NamedTuple):
    """Cycles from the announcement of a visit until it takes the scale, and to the row's sum."""

    claim: int
    sums: int


def scaled_timing(*, psum_width, group_width, unit, w_scale, a_scale):
    """The :class:`ScaledTiming` of an accumulator with these parameters."""
    came = LEAD + bool(group_width)
    mantissa = ScaleProduct(w_scale=w_scale, a_scale=a_scale).mantissa
    width = group_width or psum_width
    if scales_exactly(width, unit, mantissa):
        claim, scaled = came, IntScale(width=width, unit=unit, mantissa=mantissa).latency
    else:
        claim, scaled = came + ToFloat.latency - 1, ToFloat.latency + FpScale.latency
    return ScaledTiming(claim, came + scaled + FpAdd.latency)


class ScaledAccumulator(Unit):
    """``depth`` sums in binary32 of one column, each of groups of terms with a scale.

    For each group: sum ← RN(sum + RN(RN(S) · s)), with S the exact sum of the group's products, s
    the product of the scales of the weights and of the activations, and RN the rounding to nearest
    even of binary32, subnormals as zeros (:class:`FpAdd`). S · s is exact in binary32 for MXFP4
    and NVFP4: there is one rounding for each block. The sum begins with +0. The scales are those of
    OCP's Microscaling Formats 1.0 (section 6.1, whose precision and order it leaves open).

    A visit is announced 2 cycles ahead of its partial sum. With ``group_width`` partial sums of the
    tiles of a group meet in integer accumulators of that width first. :func:`scaled_timing` tells
    the cycles from the announcement: ``claim`` cycles after that of a visit that ``claims`` it
    ``scale`` has the scale of the column, which counts until the next such visit; ``sums`` cycles
    after that of a visit that closes a group ``sums`` is the row's sum. ``visit_o`` is ``visit`` a
    cycle later. Throughput is one visit a cycle; visits of a row are at least 6 cycles apart. After
    a reset the first visit of each row opens a group and begins a sum.

    Where S needs no rounding by itself, or s is a power of two, :class:`IntScale` computes
    RN(RN(S) · s) in one step.

    Parameters
    ----------
    psum_width : int
        Width of the sums of a tile.
    group_width : int
        Width of the exact sums of a group of several tiles; 0 for groups of one tile.
    unit : int
        Exponent of the power of two that the sums count in.
    w_scale, a_scale : str
        Formats of the scales: see :class:`ScaleProduct`.
    depth : int
        Number of rows.

    Members
    -------
    visit, visit_o : ``In``, ``Out(scaled_visit_layout(depth, a_scale))``
    psums : ``In(signed(psum_width))``
    scale : ``In(bits of w_scale)``
    sums : ``Out(32)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "accumulators"

    def __init__(self, *, psum_width, group_width, unit, w_scale, a_scale, depth):
        check_integer("Partial sum width", psum_width, 2, 128)
        check_integer("Group sum width", group_width, 0, 64)
        check_relation(
            group_width == 0 or group_width >= psum_width,
            f"Group sum width {group_width} is less than the {psum_width} bits of a tile's sum",
        )
        ToFloat(width=psum_width, unit=unit, format="fp32")
        ScaleProduct(w_scale=w_scale, a_scale=a_scale)
        FloatAccumulator(depth=depth)
        self.cycles = scaled_timing(
            psum_width=psum_width,
            group_width=group_width,
            unit=unit,
            w_scale=w_scale,
            a_scale=a_scale,
        )
        visit = scaled_visit_layout(depth, a_scale)
        super().__init__(
            {
                "visit": In(visit),
                "visit_o": Out(visit),
                "psums": In(signed(psum_width)),
                "scale": In(SCALES[w_scale].bits),
                "sums": Out(FLOATS["fp32"].bits),
            }
        )

    def build(self):
        m = Module()
        params = self.parameters
        claim = self.cycles.claim
        # The accumulator takes its visits ahead of what they add.
        closes = self.cycles.sums - FpAdd.latency - LEAD
        # visits[n] is the visit announced n cycles ago. Those that a reset leaves on their way are
        # ahead of the next ones in all columns.
        visits = [self.visit]
        for cycles in range(1, max(claim, closes) + 1):
            visits.append(data_register(self.visit.shape(), name=f"visit_{cycles}"))
        m.d.sync += [later.eq(visit) for visit, later in pairwise(visits)]
        m.d.comb += self.visit_o.eq(visits[1])

        m.submodules.scales = scales = ScaleProduct(
            w_scale=params["w_scale"], a_scale=params["a_scale"]
        )
        m.submodules.accumulator = accumulator = FloatAccumulator(depth=params["depth"])
        # A column's scale is in use until the first row of the next group takes the next.
        kept = data_register(self.scale.shape(), name="scale_kept")
        scale = Signal(self.scale.shape(), name="scale_now")
        m.d.comb += scale.eq(kept)
        with m.If(visits[claim].claims):
            m.d.comb += scale.eq(self.scale)
            m.d.sync += kept.eq(self.scale)
        factor = data_register(scales.o.shape(), name="factor")
        m.d.sync += factor.eq(scales.o)
        if params["a_scale"] != "none":
            m.d.comb += scales.a.eq(visits[claim].a_scale)
        closing = visits[closes]
        m.d.comb += [
            scales.w.eq(scale),
            accumulator.visit.valid.eq(closing.valid & closing.closes),
            accumulator.visit.first.eq(closing.begins),
            accumulator.visit.row.eq(closing.row),
            accumulator.psums.eq(self._scaled(m, self._group(m), factor, scales.mantissa)),
            self.sums.eq(accumulator.sums),
        ]
        return m

    def _scaled(self, m, group, factor, mantissa):
        """A group's sum in binary32, scaled: with one rounding where two are the same."""
        width, unit = len(group), self.parameters["unit"]
        if scales_exactly(width, unit, mantissa):
            m.submodules.scaled = scaled = IntScale(width=width, unit=unit, mantissa=mantissa)
            m.d.comb += [scaled.i.eq(group), scaled.scale.eq(factor)]
            return scaled.o
        m.submodules.to_float = rounded = ToFloat(width=width, unit=unit, format="fp32")
        m.submodules.scaled = scaled = FpScale(mantissa=mantissa)
        m.d.comb += [rounded.i.eq(group), scaled.a.eq(rounded.o), scaled.scale.eq(factor)]
        return scaled.o

    def _group(self, m):
        """The exact sum of a group."""
        params = self.parameters
        if not params["group_width"]:
            return self.psums
        m.submodules.group = group = Accumulator(
            psum_width=params["psum_width"],
            acc_width=params["group_width"],
            overflow="wrap",
            depth=params["depth"],
            revisit=4,
        )
        m.d.comb += [
            group.visit.valid.eq(self.visit.valid),
            group.visit.first.eq(self.visit.opens),
            group.visit.row.eq(self.visit.row),
            group.psums.eq(self.psums),
        ]
        return group.sums


class ScaledAccumulatorBank(Unit):
    """Neighbouring accumulators; each is visited, and gets its scale, a cycle after the last one.

    Parameters
    ----------
    lanes : int
    psum_width, group_width, unit, w_scale, a_scale, depth
        Those of :class:`ScaledAccumulator`.

    Members
    -------
    visit, visit_o : ``In``, ``Out(scaled_visit_layout(depth, a_scale))``
        Visits of lane 0, and of the lane after the last.
    psums : ``In(data.ArrayLayout(signed(psum_width), lanes))``
    scales : ``In(data.ArrayLayout(bits of w_scale, lanes))``
    sums : ``Out(data.ArrayLayout(32, lanes))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "accumulators"

    def __init__(self, *, lanes, psum_width, group_width, unit, w_scale, a_scale, depth):
        check_integer("Lane count", lanes, 1)
        accumulator = ScaledAccumulator(
            psum_width=psum_width,
            group_width=group_width,
            unit=unit,
            w_scale=w_scale,
            a_scale=a_scale,
            depth=depth,
        )
        visit = accumulator.visit.shape()
        super().__init__(
            {
                "visit": In(visit),
                "visit_o": Out(visit),
                "psums": In(data.ArrayLayout(signed(psum_width), lanes)),
                "scales": In(data.ArrayLayout(accumulator.scale.shape(), lanes)),
                "sums": Out(data.ArrayLayout(FLOATS["fp32"].bits, lanes)),
            }
        )

    def build(self):
        m = Module()
        accumulator = dict(self.parameters)
        visit = self.visit
        for lane in range(accumulator.pop("lanes")):
            m.submodules[f"accumulator_{lane}"] = unit = ScaledAccumulator(**accumulator)
            m.d.comb += [
                unit.visit.eq(visit),
                unit.psums.eq(self.psums[lane]),
                unit.scale.eq(self.scales[lane]),
                self.sums[lane].eq(unit.sums),
            ]
            visit = unit.visit_o
        m.d.comb += self.visit_o.eq(visit)
        return m
