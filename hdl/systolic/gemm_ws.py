"""Weight-stationary GEMM engine, in the manner of the first TPU."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring

from .. import formats
from ..arith.exact import sum_width
from ..array.border import decode_at_border, detect_specials
from ..array.delay import Delay
from ..array.grid import stagger
from ..array.loader import Loader
from ..checks import check_integer, check_relation
from ..engine import Engine
from ..float.layout import FLOATS
from ..formats.pairs import PairMarks, pair_marks
from ..output.output_channel import output_latency
from ..stream.fifo import Fifo
from ..stream.tag import Tag
from ..unit import data_register
from .gemm import (
    accumulator_width,
    flags_specials,
    gemm_ports,
    gemm_timing,
    number_widths,
    operand_types,
    sum_unit,
)
from .mesh_ws import MeshWs
from .pe_ws import PeWs
from .sequencer_ws import SequencerWs, results_owed, tile_layout
from .stationary import add_accumulators, add_entry, add_output, array_latency

__all__ = ["GemmWs"]


class GemmWs(Engine):
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
    * ``channels``, if ``output`` takes values: ``cols`` words, the last column's first.
    * ``results``: the rows of the run; lane *n* is column *n*.

    **Formats.** Operands travel as codes as far as the border of the array, where a decoder for
    each row and column turns them into mantissa and exponent: see :mod:`brickwork.hdl.formats`.
    With several formats on a side each tile says which one it has, by its index in
    ``derived["a_types"]`` or ``derived["w_types"]``. Of outlier-victim pairs the neighbours are
    rows 2n and 2n + 1 of a tile, so ``rows`` is even. Numbers that are read half by half
    (:class:`TypeSet`) take a tile for each pair of halves. Operands count in units of the formats'
    least numbers. NaN and infinities are for ``nan_inf`` to settle: ``"saturate"`` takes them for
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
    nan_inf : str
        ``"saturate"`` or ``"flag"``; without effect on formats that have no special values.
    output : str
        ``"raw"``, ``"bias"``, ``"scale"``, ``"shift"`` or ``"threshold"``: see
        :class:`OutputChannel`; or ``"fp32"``, ``"bf16"`` or ``"fp16"``: the sums times the
        units of the formats, rounded once.
    out_format : str
        Format of results that are requantized.
    rounding : str
        ``"exact"``, or with the output ``"scale"`` ``"float32"``: see :class:`Requantize`.

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

    number = 1
    descriptors = "tiles"
    rows_stream = "acts"
    pe = PeWs

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
        nan_inf,
        output,
        out_format,
        rounding,
    ):
        check_integer("Accumulator depth", acc_depth, 1, 1 << 16)
        self.acc_width = self.accumulator_width()
        self.a_format = formats.get(self.entering_format)
        self.w_format = formats.get(self.stored_format)
        self.special = flags_specials(a_format, w_format, nan_inf)
        self.sum_unit = sum_unit(a_format, w_format) if output in FLOATS else 0
        type_widths = {"a_type": self.a_format.type_width, "w_type": self.w_format.type_width}
        self.channel = {
            "acc_width": self.acc_width,
            "output": output,
            "out_format": out_format,
            "rounding": rounding,
        }
        ports = gemm_ports(
            rows=rows,
            cols=cols,
            tile_rows=tile_rows,
            tile_cols=tile_cols,
            overflow=overflow,
            pipeline=pipeline,
            **self.channel,
            tiles=tile_layout(acc_depth, **type_widths, close=self.groups == "tiles"),
            act=formats.get(a_format).code_shape,
            weight=self.w_format.code_shape,
            lanes=self.lanes,
            index_width=self.index_width,
            special=self.special,
            float_sums=self.float_sums,
        )
        ports = self.with_scales(ports)
        super().__init__(ports)
        for fmt in (self.a_format, self.w_format):
            check_relation(
                not fmt.pair or rows % 2 == 0,
                f"Row count must be even for the pairs of {fmt.name}, not {rows}",
            )
        self.psum_width = self.tile_sum_width()
        self.mesh = {name: value for name, value in self.parameters.items() if name in _MESH}
        self.mesh |= {"psum_width": self.psum_width} | self.pe_choice | self.mesh_shape()
        MeshWs(**self.mesh)  # it checks the parameters of the PEs
        self.array_latency = array_latency(self.mesh["rows"] * self.entry_step, pipeline)
        self.required_streams = tuple(ports)
        self.max_owed = self.limit = acc_depth
        self.pe_rows, self.pe_cols, self.max_k = rows, cols, max_k
        self.widths = number_widths(ports, self.acc_width)
        self.derived = {"acc_width": self.acc_width, "psum_width": self.psum_width}
        self.derived |= operand_types(a_format, w_format)
        if output in FLOATS:
            self.derived["result_format"] = output
        w_types = len(self.w_format.types)
        self.timing = {
            "acts_to_results": self.array_latency
            + self.foot_latency
            + output_latency(output, self.float_sums)
            + cols
            + 3,
            "rows_of_acts_per_cycle": 1,
            "tile_interval": max(rows + self.weights_wait, self.revisit),
        } | gemm_timing(
            cols=cols,
            output=output,
            float_sums=self.float_sums,
            pairs=self.a_format.pair or self.w_format.pair,
            # The first weights wait until their pair is whole, or their type is known.
            lead_in=2 if self.w_format.pair else int(w_types > 1),
        )

    def results_owed(self, descriptor):
        return results_owed(descriptor)

    # An engine with other PEs or other sums replaces the following.

    #: 1 if sums are codes of binary32.
    float_sums = 0
    #: Groups of terms that have a scale: see :class:`SequencerWs`.
    groups = "none"
    #: Cycles that sums take longer than in :class:`Accumulator`.
    foot_latency = 0
    #: Cycles from the activations of a row of the mesh to those of the next.
    entry_step = 1
    #: Bits of an index beside each weight.
    index_width = 0

    @property
    def stored_format(self):
        """The format of the words of weights."""
        return self.parameters["w_format"]

    @property
    def entering_format(self):
        """The format of activations where they enter the array."""
        return self.parameters["a_format"]

    def entering(self, m):
        """The stream of activations in that format."""
        return wiring.flipped(self.acts)

    @property
    def lanes(self):
        """Activations in a word."""
        return self.parameters["rows"]

    def accumulator_width(self):
        """Bits of the sums that become results."""
        names = ("a_format", "w_format", "max_k", "acc_width", "overflow", "output")
        return accumulator_width(**{name: self.parameters[name] for name in names})

    def tile_sum_width(self):
        """Bits of the sums that leave the mesh: of one tile, however large K is."""
        params = self.parameters
        a, w = formats.get(params["a_format"]), formats.get(params["w_format"])
        width = sum_width(a, w, params["rows"])
        # Where the accumulator wraps, bits above its width are lost anyway.
        return min(width, self.acc_width) if params["overflow"] == "wrap" else width

    @property
    def revisit(self):
        """Least distance of two visits of a row of the accumulators, in cycles.

        Loading weights keeps them so far apart; where weights were loaded before, the sequencer
        does. More than 4 cycles make no difference to the accumulators.
        """
        return min(self.parameters["rows"], 4)

    @property
    def weights_wait(self):
        """Cycles by which the wavefront of a tile is later in the last row than the next weights.

        They have to wait so long, or they would replace weights that are not in use yet.
        """
        return max(0, (self.mesh["rows"] - 1) * self.entry_step - (self.parameters["rows"] - 1))

    @property
    def lateness(self):
        """Cycles by which sums come later than those of an array of exact PEs."""
        return self.array_latency - self.parameters["rows"] + self.foot_latency

    def decode(self, m, name, fmt, lanes, word, type_index, **spacing):
        """The operands that enter the mesh: see :func:`decode_at_border`."""
        nan_inf = self.parameters["nan_inf"]
        return decode_at_border(m, name, fmt, lanes, word, type_index, nan_inf, **spacing)

    def with_scales(self, ports):
        """The ports, and those of scales."""
        return ports

    def accumulate(self, m, sequencer, psums):
        """The sums of all columns over the tiles of K, skewed by column."""
        params = self.parameters
        return add_accumulators(
            m,
            sequencer.visit,
            psums,
            array_latency=self.array_latency,
            cols=params["cols"],
            tile_cols=params["tile_cols"],
            psum_width=self.psum_width,
            acc_width=self.acc_width,
            overflow=params["overflow"],
            depth=params["acc_depth"],
            revisit=self.revisit,
        )

    def mesh_shape(self):
        """Parameters of :class:`MeshWs` that are not those of the engine."""
        return {}

    def enter_weights(self, m, operands, indices):
        """The mesh's word of weights, from operands, and from indices, which are not skewed yet."""
        return operands

    def build(self):
        m = Module()
        params = self.parameters
        m.submodules.control = sequencer = SequencerWs(
            depth=params["acc_depth"],
            revisit=self.revisit,
            a_type=self.a_format.type_width,
            # Weights of several formats are loaded once their tile is known, which takes cycles.
            ahead=4 if self.w_format.type_width else 3,
            groups=self.groups,
        )
        weight_types = self._tiles(m, sequencer)
        psums, special = self._array(m, sequencer, weight_types)
        sums = self.accumulate(m, sequencer, psums)
        stage = add_output(
            m,
            sums=sums,
            emit=sequencer.emit,
            launch=sequencer.launch,
            channels=getattr(self, "channels", None),
            results=self.results,
            cols=params["cols"],
            tile_cols=params["tile_cols"],
            sums_and_output=self.channel | {"unit": self.sum_unit, "float_sums": self.float_sums},
            latency=self.array_latency + self.foot_latency,
            special=special,
        )
        m.d.comb += [sequencer.room.eq(stage.some_room), sequencer.may_launch.eq(stage.may_launch)]
        return m

    def _tiles(self, m, sequencer):
        """Tiles to the sequencer; returns a stream of their types of weights, if they have any."""
        width = self.w_format.type_width
        if not width:
            wiring.connect(m, wiring.flipped(self.tiles), sequencer.tiles)
            return None
        m.submodules.weight_types = queue = Fifo(width=width, depth=4)
        fields = self.tiles.payload
        m.d.comb += [
            *(
                sequencer.tiles.payload[name].eq(fields[name])
                for name, _ in sequencer.tiles.payload.shape()
            ),
            queue.i.payload.eq(fields.w_type),
            sequencer.tiles.valid.eq(self.tiles.valid & queue.i.ready),
            queue.i.valid.eq(self.tiles.valid & sequencer.tiles.ready),
            self.tiles.ready.eq(sequencer.tiles.ready & queue.i.ready),
        ]
        return queue.o

    def _array(self, m, sequencer, weight_types):
        """Border and mesh; returns the partial sums as they leave, skewed by column.

        And whether the row that enters, or its weights, have special values, if that is wanted.
        """
        params = self.parameters
        rows, cols = params["rows"], params["cols"]
        lanes, mesh_rows, step = self.lanes, self.mesh["rows"], self.entry_step
        a, w = self.a_format, self.w_format
        # Of a word of weights: the codes, and the codes with their indices.
        codes_width = cols * w.lane_width
        word_width = codes_width + cols * self.index_width
        m.submodules.mesh = mesh = MeshWs(**self.mesh)
        entering = self.entering(m)
        m.submodules.acts_queue = queue = Fifo(width=len(Value.cast(entering.payload)), depth=2)
        weights = wiring.flipped(self.weights)
        if w.pair:
            m.submodules.weights_pairs = pairs = PairMarks(lanes=cols, format=w.name)
            wiring.connect(m, weights, pairs.i)
            weights = pairs.o
        if weight_types is not None:
            m.submodules.weights_tag = tag = Tag(
                width=word_width, tag_width=w.type_width, count=rows
            )
            wiring.connect(m, weights, tag.i)
            wiring.connect(m, weight_types, tag.tags)
            weights = tag.o
        m.submodules.loader = loader = Loader(width=word_width + w.type_width, steps=rows)
        word, word_type = loader.word[:codes_width], None
        if weight_types is not None:
            word_type = loader.word[word_width:]
        row, row_kind = queue.o.payload, None
        if len(row) > lanes * a.bits:  # a scale lies above
            row = row[: lanes * a.bits]
        if a.pair:
            row = pair_marks(m, a, row, lanes)
        swap, row = add_entry(m, sequencer.swap, row)
        if a.type_width:
            row_kind = Signal(a.type_width, name="a_type_q")
            m.d.sync += row_kind.eq(sequencer.a_type)
        special = None
        if self.special:
            special = self._specials(m, sequencer, swap, loader, (row, row_kind), (word, word_type))
        if params["pipeline"] < 2:
            # Without operand registers the weight has to be in use when the activation comes.
            later = data_register(len(row), name="acts_later")
            m.d.sync += later.eq(row)
            row = later
            if row_kind is not None:
                kind_later = data_register(len(row_kind), name="a_type_later")
                m.d.sync += kind_later.eq(row_kind)
                row_kind = kind_later
        taken, waits = self._taken(m, sequencer.swap, swap)
        wiring.connect(m, entering, queue.i)
        wiring.connect(m, weights, loader.i)
        acts = self.decode(
            m, "acts", a, lanes, row, row_kind, together=lanes // mesh_rows, step=step
        )
        operands = self.decode(m, "weights", w, cols, word, word_type)
        m.d.comb += [
            queue.o.ready.eq(sequencer.step),
            sequencer.acts_held.eq(queue.o.valid),
            loader.take.eq(taken),
            sequencer.weights_loaded.eq(loader.soon & ~waits),
            mesh.acts.eq(acts),
            mesh.weights.eq(self.enter_weights(m, operands, loader.word[codes_width:word_width])),
            mesh.shift.eq(loader.shift),
            mesh.swap.eq(stagger(m, "swap", swap, mesh_rows, "data", step)),
        ]
        return mesh.psums, special

    def _taken(self, m, swap, entering):
        """When the next weights may begin to load, and whether they have to wait for that.

        From the flag of a tile's first row as it is decided, and as it enters the array.
        """
        if self.weights_wait == 0:
            return entering, 0
        # A flag that a reset leaves on its way must not take the weights behind it.
        m.submodules.swapped = swapped = Delay(width=1, cycles=self.weights_wait + 1)
        waits = Signal()
        m.d.comb += swapped.i.eq(swap)
        m.d.sync += waits.eq((waits & ~swapped.o) | swap)
        return swapped.o, waits

    def _specials(self, m, sequencer, swap, loader, acts, weights):
        """Whether the row that enters, or a weight that it meets or met in its run, is special."""
        cols = self.parameters["cols"]
        of_row = detect_specials(m, "acts", self.a_format, self.lanes, *acts)
        of_word = detect_specials(m, "weights", self.w_format, cols, *weights)
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
            enters.eq(sequencer.step),
            begins.eq(sequencer.swap & sequencer.visit.first),
            in_use.eq(of_weights),
            loading.eq((loading & ~swap) | (moves & of_word)),
        ]
        with m.If(enters):
            m.d.sync += of_run.eq(so_far)
        return so_far


_MESH = (*("rows", "cols", "tile_rows", "tile_cols"), *("a_format", "w_format", "pipeline"))
