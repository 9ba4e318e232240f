"""Weight-stationary GEMM engine, in the manner of the first TPU."""

from amaranth.hdl import Module, Mux, Signal, Value

from .. import formats
from ..arith.exact import sum_width
from ..arith.requantize import output_latency
from ..array.grid import wave
from ..array.loader import Loader
from ..array.stationary import add_accumulators, add_entry, add_results, array_latency
from ..checks import check_integer, check_relation
from ..formats.pairs import PairMarks, pair_marks
from ..stream.fifo import Fifo
from ..stream.tag import Tag
from ..unit import Unit, connect_stream, data_register
from ._engine import (
    accumulator_width,
    add_border,
    add_specials,
    engine_ports,
    flags_specials,
    operand_types,
)
from .control_ws import ControlWs, tile_layout
from .mesh_ws import MeshWs

__all__ = ["GemmWs"]


class GemmWs(Unit):
    """Multiplies activations by weights that stay in the array: results = acts · weights.

    A tile is ``rows`` (of K) × ``cols`` (of N) weights. While the rows of activations of one tile
    pass, the weights of the next are loaded; they come into use with the wavefront of the first
    row that needs them, so tiles follow each other without a gap. The sums of the tiles of K meet
    in accumulators, ``acc_depth`` rows of them; with the last tile of K they leave, through bias
    and requantization if there are any. See Jouppi et al., "In-Datacenter Performance Analysis of
    a Tensor Processing Unit", ISCA 2017, section 2; the loading while computing is as there.

    For each group of tiles of the same accumulators (a run), the streams carry, in this order:

    * ``tiles``: one word for each tile of K, with the number of its rows less one (the same for
      all tiles of a run, at most ``acc_depth``), ``first`` for the first and ``last`` for the last;
      ``a_type`` and ``w_type`` where a type is chosen at run time.
    * ``weights``: for each tile ``rows`` words, the last row (the highest k) first; lane *n* is
      column *n*. Rows beyond K are zero.
    * ``acts``: for each tile its rows of activations; lane *k* is row *k* of the tile's weights.
      Lanes beyond K are zero.
    * ``channels``, unless ``output`` is ``"raw"``: ``cols`` words, the last column's first.
    * ``results``: the rows of the run; lane *n* is column *n*.

    **Formats.** Operands travel as codes as far as the border of the array, where a decoder for
    each row and column turns them into mantissa and exponent: see :mod:`brickwork.hdl.formats`.
    With several formats on a side each tile says which one it has, by its index in
    ``derived["a_types"]`` or ``derived["w_types"]``. Of outlier-victim pairs the neighbours are
    rows 2n and 2n + 1 of a tile, so ``rows`` is even. Numbers that are read half by half
    (:class:`TypeSet`) take a tile for each pair of halves. Operands count in units of the formats'
    least numbers. NaN and infinities are for ``specials`` to settle: ``"saturate"`` takes them for
    the greatest finite number (NaR for zero); ``"flag"`` takes them for zero and sets ``special``
    in all words of results that depend on them, and perhaps in others of the same run.

    **Exactly.** Products and the sums over a tile are exact. In the accumulators, whose width is
    exact for ``max_k`` products unless it is given, the sums of the tiles wrap or saturate, tile
    by tile. Activations with a zero point are corrected in the bias, by the host.

    **Cycles.** A row's results are offered ``timing["acts_to_results"]`` cycles after its
    activations of the last tile of K were accepted, if nothing waits. From the first accepted
    word to the last result, both counted, with a host that never stalls: at most ``rows + sum
    over tiles of max(rows of activations, rows) + rows + cols + 16``. With channel values, of
    which the first run needs ``cols`` words, the first ``rows`` is ``max(rows, cols)``, and runs
    begin at least ``cols + 6`` cycles apart.

    Stalls of any stream at any time change when results come, never which. ``ready`` and
    ``valid`` come from registers; no input reaches an output within a cycle.

    Parameters
    ----------
    rows, cols : int
    tile_rows, tile_cols : int
        Shape of the modules in which the array is built; it makes no other difference.
    a_format, w_format : str
        Formats of activations and weights.
    max_k : int
        Largest K, 1 to 2**24.
    acc_width : int
        Width of the accumulators, or 0 for the one that is exact for ``max_k`` products.
    overflow : str
        ``"wrap"`` or ``"saturate"``.
    pipeline : int
        Registers of :class:`PeWs` before the adder.
    acc_depth : int
        Rows of accumulators.
    specials : str
        ``"saturate"`` or ``"flag"``; without effect on formats that have no special values.
    output : str
        ``"raw"``, ``"bias"``, ``"scale"`` or ``"shift"``: see :class:`Channel`.
    out_format : str
        Format of results that are requantized.

    Members
    -------
    tiles : ``In(stream.Signature(tile_layout(acc_depth)))``
    weights : ``In(stream.Signature(data.ArrayLayout(code shape of w_format, cols)))``
    acts : ``In(stream.Signature(data.ArrayLayout(code shape of a_format, rows)))``
    channels : ``In(stream.Signature(channel_layout(...)))``
    results : ``Out(stream.Signature(data.ArrayLayout(output_shape(...), cols)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or parameters don't fit together.
    """

    role = "top level"

    def __init__(
        self,
        *,
        rows,
        cols,
        tile_rows,
        tile_cols,
        a_format,
        w_format,
        max_k,
        acc_width,
        overflow,
        pipeline,
        acc_depth,
        specials,
        output,
        out_format,
    ):
        check_integer("Accumulator depth", acc_depth, 1, 1 << 16)
        self.acc_width = accumulator_width(
            a_format=a_format,
            w_format=w_format,
            max_k=max_k,
            acc_width=acc_width,
            overflow=overflow,
        )
        self.a_format, self.w_format = formats.get(a_format), formats.get(w_format)
        self.special = flags_specials(a_format, w_format, specials)
        kinds = {"a_type": self.a_format.type_width, "w_type": self.w_format.type_width}
        self.channel = {"acc_width": self.acc_width, "output": output, "out_format": out_format}
        super().__init__(
            engine_ports(
                rows=rows,
                cols=cols,
                tile_rows=tile_rows,
                tile_cols=tile_cols,
                a_format=a_format,
                w_format=w_format,
                overflow=overflow,
                pipeline=pipeline,
                specials=specials,
                channel=self.channel,
                tiles=tile_layout(acc_depth, **kinds),
            )
        )
        for fmt in (self.a_format, self.w_format):
            check_relation(
                not fmt.pair or rows % 2 == 0,
                f"Row count must be even for the pairs of {fmt.name}, not {rows}",
            )
        # The sums of one tile stay narrow, however large K is. Where the accumulator wraps,
        # bits above its width are lost anyway.
        self.psum_width = sum_width(self.a_format, self.w_format, rows)
        if overflow == "wrap":
            self.psum_width = min(self.psum_width, self.acc_width)
        self.array_latency = array_latency(rows, pipeline)
        #: Loading weights keeps visits of an accumulator so far apart; the control sees to it where
        #: they were loaded before. More than 4 cycles make no difference to the accumulators.
        self.revisit = min(rows, 4)
        self.derived = {"acc_width": self.acc_width, "psum_width": self.psum_width}
        self.derived |= operand_types(a_format, w_format)
        self.timing = {
            "acts_to_results": self.array_latency + output_latency(output) + cols + 3,
            "rows_of_acts_per_cycle": 1,
        }

    def build(self):
        m = Module()
        given = self.parameters
        m.submodules.control = control = ControlWs(
            depth=given["acc_depth"],
            revisit=self.revisit,
            a_type=self.a_format.type_width,
            # Weights of several formats are loaded once their tile is known, which takes cycles.
            ahead=4 if self.w_format.type_width else 3,
        )
        weight_types = self._tiles(m, control)
        psums, special = self._array(m, control, weight_types)
        sums = add_accumulators(
            m,
            control,
            psums,
            array_latency=self.array_latency,
            cols=given["cols"],
            tile_cols=given["tile_cols"],
            psum_width=self.psum_width,
            acc_width=self.acc_width,
            overflow=given["overflow"],
            depth=given["acc_depth"],
            revisit=self.revisit,
        )
        add_results(m, self, control, sums, array_latency=self.array_latency, special=special)
        return m

    def _tiles(self, m, control):
        """Tiles to the control; returns a stream of their types of weights, if they have any."""
        width = self.w_format.type_width
        if not width:
            m.d.comb += connect_stream(self.tiles, control.tiles)
            return None
        m.submodules.weight_types = queue = Fifo(width=width, depth=4)
        fields = self.tiles.payload
        m.d.comb += [
            *(
                control.tiles.payload[name].eq(fields[name])
                for name, _ in control.tiles.payload.shape()
            ),
            queue.i.payload.eq(fields.w_type),
            control.tiles.valid.eq(self.tiles.valid & queue.i.ready),
            queue.i.valid.eq(self.tiles.valid & control.tiles.ready),
            self.tiles.ready.eq(control.tiles.ready & queue.i.ready),
        ]
        return queue.o

    def _array(self, m, control, weight_types):
        """Border and mesh; returns the partial sums as they leave, skewed by column.

        And whether the row that enters, or its weights, have special values, if that is wanted.
        """
        given = self.parameters
        rows, cols, specials = given["rows"], given["cols"], given["specials"]
        a, w = self.a_format, self.w_format
        mesh = {name: given[name] for name in ("a_format", "w_format", "pipeline")}
        mesh |= {name: given[name] for name in ("rows", "cols", "tile_rows", "tile_cols")}
        m.submodules.mesh = mesh = MeshWs(**mesh, psum_width=self.psum_width)
        m.submodules.acts_queue = queue = Fifo(width=len(Value.cast(self.acts.payload)), depth=2)
        weights = self.weights
        if w.pair:
            m.submodules.weights_pairs = pairs = PairMarks(lanes=cols, format=w.name)
            m.d.comb += connect_stream(weights, pairs.i)
            weights = pairs.o
        if weight_types is not None:
            m.submodules.weights_tag = tag = Tag(
                width=cols * w.lane_width, tag_width=w.type_width, count=rows
            )
            m.d.comb += [*connect_stream(weights, tag.i), *connect_stream(weight_types, tag.tags)]
            weights = tag.o
        m.submodules.loader = loader = Loader(width=cols * w.lane_width + w.type_width, steps=rows)
        word, kind = loader.word[: cols * w.lane_width], None
        if weight_types is not None:
            kind = loader.word[cols * w.lane_width :]
        row, row_kind = queue.o.payload, None
        if a.pair:
            row = pair_marks(m, a, row, rows)
        swap, row = add_entry(m, control.swap, row)
        if a.type_width:
            row_kind = Signal(a.type_width, name="a_type_q")
            m.d.sync += row_kind.eq(control.a_type)
        special = None
        if self.special:
            special = self._specials(m, control, swap, loader, (row, row_kind), (word, kind))
        if given["pipeline"] < 2:
            # Without operand registers the weight has to be in use when the activation comes.
            later = data_register(len(row), name="acts_later")
            m.d.sync += later.eq(row)
            row = later
            if row_kind is not None:
                kind_later = data_register(len(row_kind), name="a_type_later")
                m.d.sync += kind_later.eq(row_kind)
                row_kind = kind_later
        m.d.comb += [
            *connect_stream(self.acts, queue.i),
            queue.o.ready.eq(control.step),
            control.acts_held.eq(queue.o.valid),
            *connect_stream(weights, loader.i),
            loader.take.eq(swap),
            control.weights_loaded.eq(loader.soon),
            Value.cast(mesh.acts).eq(add_border(m, "acts", a, rows, row, row_kind, specials)),
            Value.cast(mesh.weights).eq(add_border(m, "weights", w, cols, word, kind, specials)),
            mesh.shift.eq(loader.shift),
            mesh.swap.eq(wave(m, "swap", swap, rows)),
        ]
        return mesh.psums, special

    def _specials(self, m, control, swap, loader, acts, weights):
        """Whether the row that enters, or a weight that it meets or met in its run, is special."""
        rows, cols = self.parameters["rows"], self.parameters["cols"]
        of_row = add_specials(m, "acts", self.a_format, rows, *acts)
        of_word = add_specials(m, "weights", self.w_format, cols, *weights)
        loading = Signal()
        in_use = Signal()
        of_run = Signal()
        of_weights = Signal()
        so_far = Signal()
        enters = Signal()
        begins = Signal()
        moves = loader.shift[0]
        m.d.comb += [
            of_weights.eq(Mux(swap, loading, in_use)),
            so_far.eq((of_run & ~begins) | of_row | of_weights),
        ]
        m.d.sync += [
            enters.eq(control.step),
            begins.eq(control.swap & control.visit.first),
            in_use.eq(of_weights),
            loading.eq((loading & ~swap) | (moves & of_word)),
        ]
        with m.If(enters):
            m.d.sync += of_run.eq(so_far)
        return so_far
