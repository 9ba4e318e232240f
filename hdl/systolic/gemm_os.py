"""Output-stationary GEMM engine, of the class of ShiDianNao and of ANT's and OliVe's arrays."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring

from .. import formats
from ..array.border import decode_at_border, detect_specials
from ..array.delay import Delay
from ..array.grid import stagger
from ..checks import check_integer
from ..engine import Engine
from ..float.layout import FLOATS
from ..formats.pairs import PAIR_LATENCY, PairMarks
from ..output.output_channel import output_latency
from ..output.output_stage import OutputStage, add_output_stage
from ..stream.register_slice import RegisterSlice
from .gemm import (
    accumulator_width,
    flags_specials,
    gemm_ports,
    gemm_timing,
    number_widths,
    operand_types,
    sum_unit,
)
from .mesh_os import MeshOs, mesh_latency
from .pe_os import PeOs
from .sequencer_os import SequencerOs, tile_layout

__all__ = ["GemmOs"]


class GemmOs(Engine):
    """Multiplies activations by weights, each PE keeping one sum: results = acts · weights.

    A tile is ``rows`` (of M) × ``cols`` (of N) results. For each of its K terms a word of
    activations and one of weights pass through the array. A finished sum leaves in the cycle
    after its last product, while the next tile's products follow: with no shifting of sums
    through the array, draining neither takes registers nor waits for the last PE. The
    dataflow is that of Du et al., "ShiDianNao", ISCA 2015, with operands that come from the
    borders.

    For each tile the streams carry, in this order:

    * ``tiles``: one word with K less one, and the number of rows of results less one. Where
      formats call for it, types, and ``first`` and ``last``: see :class:`GemmWs` and below.
    * ``acts``: K words; lane *m* is row *m* of the tile.
    * ``weights``: K words; lane *n* is column *n* of the tile.
    * ``channels``, if ``output`` takes values: ``cols`` words, the last column's first.
    * ``results``: as many words as the tile has rows; lane *n* is column *n*.

    **Exactly.** Products are exact. Accumulators, whose width is exact for ``max_k`` products
    unless it is given, wrap or saturate, product by product in the order of k. Activations with a
    zero point are corrected in the bias, by the host.

    **Formats.** As in :class:`GemmWs`, but pairs are two words that follow each other, and so K is
    even. Numbers that are read half by half (:class:`TypeSet`) make a tile of several passes, each
    with a word of its own in ``tiles``, with its K, its types, and ``first`` and ``last`` set in
    the first and the last of them.

    **Cycles.** The first row of results is offered ``timing["last_acts_to_first_result"]`` cycles
    after the tile's last activations were accepted, if nothing waits, not even for weights, and
    ``timing["last_weights_to_first_result"]`` after the last weights. From the first accepted
    word to the last result, both counted, with a host that never stalls: at most ``sum over tiles
    of max(K, rows) + rows + cols + 16``. Tiles end at least ``cols + 6`` cycles apart when they
    have channel values.

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
        Registers of :class:`PeOs` before the adder.
    nan_inf : str
        What NaN and infinities do, in formats that have them: see :class:`GemmWs`.
    output : str
        ``"raw"``, ``"bias"``, ``"scale"``, ``"shift"`` or ``"threshold"``: see
        :class:`OutputChannel`; or ``"fp32"``, ``"bf16"`` or ``"fp16"``: see :class:`GemmWs`.
    out_format : str
        Format of results that are requantized.
    rounding : str
        ``"exact"``, or with the output ``"scale"`` ``"float32"``: see :class:`Requantize`.

    Members
    -------
    tiles : ``In(stream.Signature(tile_layout(...)))``
    weights : ``In(stream.Signature(data.ArrayLayout(code shape of w_format, cols)))``
    acts : ``In(stream.Signature(data.ArrayLayout(code shape of a_format, rows)))``
    channels : ``In(stream.Signature(channel_layout(...)))``
    results : ``Out(stream.Signature(data.ArrayLayout(output_shape(...), cols)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or parameters don't fit together.
    """

    number = 2
    descriptors = "tiles"
    pe = PeOs

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
        nan_inf,
        output,
        out_format,
        rounding,
    ):
        check_integer("Row count", rows, 1, 1024)
        self.acc_width = self.accumulator_width()
        self.a_format, self.w_format = formats.get(a_format), formats.get(w_format)
        self.special = flags_specials(a_format, w_format, nan_inf)
        #: What the tiles' words carry besides, if the formats call for it.
        self.tile_options = {
            "a_type": self.a_format.type_width,
            "w_type": self.w_format.type_width,
            "multipass": int(self.a_format.split or self.w_format.split),
        }
        # Pairs come whole.
        pairs = self.a_format.pair or self.w_format.pair
        self.max_length = max_k + (max_k % 2 if pairs else 0)
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
            tiles=tile_layout(rows=self.tile_height, max_k=self.max_length, **self.tile_options),
            act=self.a_format.code_shape,
            weight=self.w_format.code_shape,
            special=self.special,
            float_sums=self.float_sums,
        )
        super().__init__(ports)

        self.mesh = {name: value for name, value in self.parameters.items() if name in _MESH}
        self.mesh |= {"acc_width": self.acc_width} | self.pe_choice
        MeshOs(**self.mesh)  # it checks the parameters of the PEs
        drained = (
            self.adder_delay
            + 1
            + mesh_latency(rows=rows, cols=cols, tile_rows=tile_rows, tile_cols=tile_cols)
        )
        self.required_streams = tuple(ports)
        self.max_owed = self.limit = self.tile_height
        self.pe_rows, self.pe_cols, self.max_k = rows, cols, max_k
        self.widths = number_widths(ports, self.acc_width)
        self.derived = {"acc_width": self.acc_width, "sums_per_pe": self.sums_per_pe}
        self.derived |= operand_types(a_format, w_format)
        if output in FLOATS:
            self.derived["result_format"] = output
        latency = drained + output_latency(output, self.float_sums) + cols + 2
        weights_wait = self.sums_per_pe - 1  # for all the activations that they meet
        self.timing = {
            "last_acts_to_first_result": latency + PAIR_LATENCY * self.a_format.pair,
            "last_weights_to_first_result": latency
            + PAIR_LATENCY * self.w_format.pair
            + weights_wait,
        } | gemm_timing(
            cols=cols,
            output=output,
            float_sums=self.float_sums,
            pairs=pairs,
            pair_wait=2 if pairs else 0,
        )

    def results_owed(self, descriptor):
        """A tile owes its rows; of several passes the last does."""
        height = descriptor.height + 1
        return Mux(descriptor.last, height, 0) if self.tile_options["multipass"] else height

    # An engine with other PEs or other sums replaces the following.

    #: 1 if sums are codes of binary32.
    float_sums = 0
    #: Sums of a PE, of neighbouring rows of A: a term takes as many words of activations.
    sums_per_pe = 1

    @property
    def tile_height(self):
        """Most rows of A in a tile."""
        return self.parameters["rows"] * self.sums_per_pe

    @property
    def adder_delay(self):
        """Cycles from a step until its product in row 0 and column 0 is at the adder."""
        return self.parameters["pipeline"]

    def accumulator_width(self):
        """Bits of the sums that become results."""
        names = ("a_format", "w_format", "max_k", "acc_width", "overflow", "output")
        return accumulator_width(**{name: self.parameters[name] for name in names})

    def decode(self, m, name, fmt, lanes, word, type_index):
        """The operands that enter the mesh: see :func:`decode_at_border`."""
        nan_inf = self.parameters["nan_inf"]
        return decode_at_border(m, name, fmt, lanes, word, type_index, nan_inf)

    def enter_acts(self, m, sequencer, word):
        """The word of activations that enters the array, from the one that is held."""
        # A zero on one side is enough for a cycle without a step to leave the sums alone.
        return Mux(sequencer.step, word, 0)

    def weights_taken(self, sequencer):
        """When the word of weights is no longer needed."""
        return sequencer.step

    def control(self, m, sequencer, mesh):
        """The flags of the mesh, each with what it belongs to."""
        rows = self.parameters["rows"]
        # The sums take a flag as late as the product that it belongs to. ``first`` needs no reset,
        # as the next tile's is behind. ``done`` of a lower row would meet the next one of row 0.
        m.submodules.first = first = Delay(width=1, cycles=self.adder_delay, content="data")
        m.submodules.done = done = Delay(width=1, cycles=self.adder_delay + 1)
        m.d.comb += [
            first.i.eq(sequencer.first),
            done.i.eq(sequencer.launch),
            mesh.first.eq(stagger(m, "first", first.o, rows, "data")),
            mesh.done.eq(stagger(m, "done", done.o, rows)),
        ]

    def build(self):
        m = Module()
        params = self.parameters
        height, cols, output = self.tile_height, params["cols"], params["output"]
        m.submodules.mesh = mesh = MeshOs(**self.mesh)

        # Places in the queue for what is on its way, and for the tile that ends next.
        latency = self.adder_delay + mesh.latency
        depth = 2 * height + cols + output_latency(output, self.float_sums) + latency + 6
        m.submodules.control = sequencer = SequencerOs(
            rows=height,
            max_k=self.max_length,
            depth=depth,
            **self.tile_options,
            groups=self.sums_per_pe,
        )
        special = self._operands(m, sequencer, mesh)
        self.control(m, sequencer, mesh)
        unit = 0
        if output in FLOATS and not self.float_sums:
            unit = sum_unit(params["a_format"], params["w_format"])
        stage = OutputStage(
            cols=cols,
            bank_cols=params["tile_cols"],
            **self.channel,
            unit=unit,
            float_sums=self.float_sums,
            depth=depth,
            max_reserve=height,
            run_interval=latency + 1,
            special=self.special,
        )
        add_output_stage(
            m,
            stage,
            sums=mesh.sums,
            flags=Cat(sequencer.emit, special) if self.special else sequencer.emit,
            launch=sequencer.launch,
            reserve=sequencer.reserve,
            latency=latency,
            channels=getattr(self, "channels", None),
            results=self.results,
        )
        m.d.comb += [sequencer.room.eq(stage.room), sequencer.may_launch.eq(stage.may_launch)]
        return m

    def _operands(self, m, sequencer, mesh):
        """Streams, border and flags of the mesh; returns whether a tile has special values."""
        rows = self.parameters["rows"]
        wiring.connect(m, wiring.flipped(self.tiles), sequencer.tiles)
        special = 0
        for name, fmt, lanes, held, type_index in [
            ("acts", self.a_format, rows, sequencer.acts_held, "a_type"),
            ("weights", self.w_format, self.parameters["cols"], sequencer.weights_held, "w_type"),
        ]:
            codes = wiring.flipped(getattr(self, name))
            if fmt.pair:
                m.submodules[f"{name}_pairs"] = pairs = PairMarks(lanes=lanes, format=fmt.name)
                wiring.connect(m, codes, pairs.i)
                codes = pairs.o
            m.submodules[f"{name}_hold"] = register = RegisterSlice(
                width=len(Value.cast(codes.payload))
            )
            type_index = getattr(sequencer, type_index) if fmt.type_width else None
            word = register.word
            taken = sequencer.step
            if name == "acts":
                word = self.enter_acts(m, sequencer, word)
            else:
                taken = self.weights_taken(sequencer)
            wiring.connect(m, codes, register.i)
            m.d.comb += [
                register.take.eq(taken),
                held.eq(register.held),
            ]
            operands = self.decode(m, name, fmt, lanes, word, type_index)
            m.d.comb += getattr(mesh, name).eq(operands)
            if self.special:
                special |= detect_specials(m, name, fmt, lanes, register.word, type_index)
        if not self.special:
            return None
        so_far = Signal()
        of_tile = Signal()
        m.d.comb += so_far.eq((of_tile & ~sequencer.first) | special)
        emitting = Signal()  # the flag of the tile that leaves, while the next one's grows
        with m.If(sequencer.step):
            m.d.sync += of_tile.eq(so_far)
        with m.If(sequencer.launch):
            m.d.sync += emitting.eq(so_far)
        return Mux(sequencer.launch, so_far, emitting)


_MESH = (
    *("rows", "cols", "tile_rows", "tile_cols"),
    *("a_format", "w_format", "overflow", "pipeline"),
)
