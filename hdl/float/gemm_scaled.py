"""Weight-stationary GEMM engine for operands with a scale for each block: W4A16, MX, NVFP4."""

from amaranth.hdl import Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In

from .. import formats
from ..arith.exact import sum_width
from ..array.delay import Delay
from ..array.skew import Skew
from ..checks import check_choice, check_integer, check_relation
from ..output.accumulator import LEAD
from ..stream.fifo import Fifo
from ..systolic.gemm_ws import GemmWs
from ..systolic.stationary import add_accumulators
from .align import Align
from .float_accumulator import REVISIT
from .float_decoder import float_format
from .gemm_float import check_float_sums, describe_float_sums
from .layout import FLOATS
from .scale_product import SCALES
from .scaled_accumulator import (
    ScaledAccumulatorBank,
    scaled_timing,
    scaled_visit_layout,
)

__all__ = ["A_SCALES", "GemmScaled"]

#: Formats of scales of activations.
A_SCALES = ("none", "e4m3", "e8m0")


class GemmScaled(GemmWs):
    """:class:`GemmWs` whose sums over groups of terms are scaled, and added in binary32.

    The terms of K come in groups that have a scale: one for each group and column of W, and, with
    ``a_scale``, one for each group and row of A. The sum of a group is exact; at the foot of the
    column it is rounded to binary32, scaled and added: see :class:`ScaledAccumulator`. Operands are
    those of any number format, so one engine has OCP's MXFP8, MXFP6, MXFP4 and MXINT8 (Microscaling
    Formats 1.0), NVIDIA's NVFP4, and 4-bit weights with groups of 32 to 128 terms beside
    activations in fp16 (GPTQ, AWQ).

    Tiles begin with a group or go on with it, so a group takes whole tiles. The streams are those
    of :class:`GemmWs`, but for:

    * ``tiles``: where groups may have several tiles, ``close`` marks the last of each group.
    * ``w_scales``: for each tile that ends a group one word; lane *n* is the code for column *n*.
    * ``acts``: with ``a_scale``, ``lane`` and above it ``scale``, the row's code for the group; it
      counts in the tile that ends the group.
    * ``results``: codes of binary32, or of ``output``.

    **Exactly.** Groups are added in the order of K, from +0 on. A group that is left out adds
    nothing, one of zeros adds a zero. ``nan_inf`` is that of :class:`GemmWs`, for operands; NaN and
    infinities of scales give the results that IEEE 754 says.

    **Cycles.** Results come as in :class:`GemmWs`, but ``foot_latency`` cycles later. A tile takes
    6 cycles at least.

    Parameters
    ----------
    group : int
        Most terms of a group, 1 to 65536. Sums of more than ``rows`` terms take accumulators of
        their own, of at most 64 bits.
    w_scale : str
        Format of the scales of W: ``"fp16"``, ``"bf16"``, ``"e4m3"`` or ``"e8m0"``.
    a_scale : str
        Format of the scales of A: ``"none"``, ``"e4m3"`` or ``"e8m0"``.
    align : int
        0; or 8 to 24 for activations that are aligned to the largest of a word's, as integers of
        so many bits, at the border of the array: see :class:`Align`. ``a_format`` is a small float
        of at most 8 exponent bits then, such as bf16, and each tile of K is a group.
    **parameters
        Those of :class:`GemmWs`. ``output`` is ``"raw"``, the sums in binary32, ``"bf16"`` or
        ``"fp16"``; ``overflow`` and ``acc_width`` have their defaults; ``max_k`` only limits K.

    Members
    -------
    w_scales : ``In(stream.Signature(data.ArrayLayout(bits of w_scale, cols)))``
    tiles, weights, acts, results
        Those of :class:`GemmWs`, as above.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or parameters don't fit together.
    """

    number = 8
    rows_stream = None  # a walker does not know which tile ends a group
    float_sums = 1

    def __init__(self, *, group, w_scale, a_scale, align, **parameters):
        check_integer("Group", group, 1, 1 << 16)
        check_integer("Aligned width", align, 0, 24)
        check_relation(
            align == 0 or align >= 8,
            f"Aligned width must be 0 or from 8 to 24 bits, not {align}",
        )
        check_relation(
            align == 0 or a_scale == "none",
            f"Activation scale format must be none for aligned activations, not {a_scale}",
        )
        check_choice("Weight scale format", w_scale, tuple(SCALES))
        check_choice("Activation scale format", a_scale, A_SCALES)
        check_integer("Row count", parameters["rows"], 1, 1024)
        check_float_sums(parameters)
        for side, noun in (("a", "Activation"), ("w", "Weight")):
            fmt = formats.get(parameters[f"{side}_format"], f"{noun} format")
            check_relation(
                not fmt.pair and not fmt.split,
                f"{noun} format must have neither OVP pairs nor halves for groups with scales, "
                f"not be {fmt.name}",
            )
        if align:
            float_format(parameters["a_format"], "Activation format")
            check_float_sums(parameters, nan_inf="saturate")
        super().__init__(**parameters)
        self.timing["cycle_slack"] += self.lateness
        describe_float_sums(self)
        self.sum_unit = self._scaled_sums()["unit"]
        if align:
            self.timing["acts_to_results"] += Align.latency
            self.timing["entry_wait"] = Align.latency
        self.derived["group_width"] = self.group_width

    @property
    def groups(self):
        params = self.parameters
        return "tile" if params["align"] or params["group"] <= params["rows"] else "tiles"

    @property
    def group_width(self):
        """Bits of the exact sum of a group of several tiles; 0 for groups of one."""
        return self._exact_width("group") if self.groups == "tiles" else 0

    @property
    def foot_latency(self):
        return scaled_timing(**self._scaled_sums()).sums - LEAD - 1

    def _scaled_sums(self):
        """Parameters of the accumulators about the sums of groups."""
        params = self.parameters
        align = params["align"]
        unit = 2 - align if align else formats.get(params["a_format"]).unit
        return {
            "psum_width": self.tile_sum_width(),
            "group_width": self.group_width,
            "unit": unit + formats.get(params["w_format"]).unit,
            "w_scale": params["w_scale"],
            "a_scale": self.row_scale,
        }

    @property
    def revisit(self):
        return REVISIT

    def accumulator_width(self):
        return FLOATS["fp32"].bits

    @property
    def row_scale(self):
        """The format of the scale of a row of activations, from outside or of aligned ones."""
        return "e8m0" if self.parameters["align"] else self.parameters["a_scale"]

    @property
    def entering_format(self):
        align = self.parameters["align"]
        return f"aligned{align}" if align else super().entering_format

    def entering(self, m):
        params = self.parameters
        if not params["align"]:
            return super().entering(m)
        m.submodules.align = align = Align(
            lanes=params["rows"], format=params["a_format"], width=params["align"]
        )
        wiring.connect(m, wiring.flipped(self.acts), align.i)
        return align.o

    def mesh_shape(self):
        return {"a_format": self.entering_format}

    def tile_sum_width(self):
        params = self.parameters
        if self.groups == "tiles":
            return self._exact_width("rows")
        return self._exact_width("rows" if params["rows"] < params["group"] else "group")

    def _exact_width(self, terms):
        w = formats.get(self.parameters["w_format"])
        return sum_width(formats.get(self.entering_format), w, self.parameters[terms])

    def with_scales(self, ports):
        params = self.parameters
        scales = data.ArrayLayout(SCALES[params["w_scale"]].bits, params["cols"])
        added = {"w_scales": In(stream.Signature(scales))}
        if params["a_scale"] != "none":
            lanes = ports["acts"].signature.members["payload"].shape
            layout = data.StructLayout({"lane": lanes, "scale": SCALES[params["a_scale"]].bits})
            added["acts"] = In(stream.Signature(layout))
        return ports | added

    def accumulate(self, m, sequencer, psums):
        params = self.parameters
        bits, accumulator = SCALES[params["w_scale"]].bits, self._scaled_sums()
        late = self.array_latency - LEAD + scaled_timing(**accumulator).claim
        # Words of scales stay in the queue until the sums of their group leave the array.
        depth = late // max(params["rows"], REVISIT) + 3
        m.submodules.scales_queue = queue = Fifo(width=bits * params["cols"], depth=depth)
        m.submodules.scales_claimed = claimed = Delay(width=1, cycles=late)
        m.submodules.scales_skew = skew = Skew(lanes=params["cols"], width=bits, backwards=0)
        unclaimed = Signal(range(depth + 1))
        accepted = self.w_scales.valid & self.w_scales.ready
        wiring.connect(m, wiring.flipped(self.w_scales), queue.i)
        m.d.sync += unclaimed.eq(unclaimed + accepted - sequencer.claim)
        visit = Signal(scaled_visit_layout(params["acc_depth"], self.row_scale))
        m.d.comb += [
            sequencer.scale_held.eq(unclaimed != 0),
            claimed.i.eq(sequencer.claim),
            queue.o.ready.eq(claimed.o),
            skew.i.eq(queue.o.payload),
            visit.valid.eq(sequencer.visit.valid),
            visit.opens.eq(sequencer.opens),
            visit.closes.eq(sequencer.closes),
            visit.begins.eq(sequencer.begins),
            visit.claims.eq(sequencer.claim),
            visit.row.eq(sequencer.visit.row),
        ]
        if self.row_scale != "none":
            row = m.submodules.acts_queue.o.payload
            m.d.comb += visit.a_scale.eq(row[-SCALES[self.row_scale].bits :])
        return add_accumulators(
            m,
            visit,
            psums,
            array_latency=self.array_latency,
            cols=params["cols"],
            tile_cols=params["tile_cols"],
            bank=ScaledAccumulatorBank,
            lanes={"scales": (skew.o, bits)},
            **accumulator,
            depth=params["acc_depth"],
        )
