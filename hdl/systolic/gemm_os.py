"""Output-stationary GEMM engine, of the class of ShiDianNao and of ANT's and OliVe's arrays."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from .. import formats
from ..arith.requantize import output_latency
from ..array.delay import Delay
from ..array.grid import wave
from ..checks import check_integer
from ..formats.pairs import PAIR_LATENCY, PairMarks
from ..output.results import Results
from ..stream.hold import Hold
from ..unit import Unit, connect_stream
from ._engine import (
    accumulator_width,
    add_border,
    add_specials,
    engine_ports,
    flags_specials,
    operand_types,
)
from .control_os import ControlOs, tile_layout
from .mesh_os import MeshOs, mesh_latency

__all__ = ["GemmOs"]


class GemmOs(Unit):
    """Multiplies activations by weights, each element keeping one sum: results = acts · weights.

    A tile is ``rows`` (of M) × ``cols`` (of N) results. For each of its K terms a word of
    activations and one of weights pass through the array. A finished sum leaves in the cycle
    after its last product, while the next tile's products follow: with no shifting of sums
    through the array, draining neither takes registers nor waits for the last element. The
    dataflow is that of Du et al., "ShiDianNao", ISCA 2015, with operands that come from the
    borders.

    For each tile the streams carry, in this order:

    * ``tiles``: one word with K less one, and the number of rows of results less one. Where
      formats call for it, types, and ``first`` and ``last``: see :class:`GemmWs` and below.
    * ``acts``: K words; lane *m* is row *m* of the tile.
    * ``weights``: K words; lane *n* is column *n* of the tile.
    * ``channels``, unless ``output`` is ``"raw"``: ``cols`` words, the last column's first.
    * ``results``: as many words as the tile has rows; lane *n* is column *n*.

    **Exactly.** Products are exact. Accumulators, whose width is exact for ``max_k`` products
    unless it is given, wrap or saturate, product by product in the order of k. Activations with a
    zero point are corrected in the bias, by the host.

    **Formats.** As in :class:`GemmWs`, but pairs are two words that follow each other, and so K is
    even. Numbers that are read half by half (:class:`TypeSet`) make a tile of several parts, each
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
    specials : str
        What NaN and infinities do, in formats that have them: see :class:`GemmWs`.
    output : str
        ``"raw"``, ``"bias"``, ``"scale"`` or ``"shift"``: see :class:`Channel`.
    out_format : str
        Format of results that are requantized.

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
        specials,
        output,
        out_format,
    ):
        check_integer("Row count", rows, 1, 1024)
        self.acc_width = accumulator_width(
            a_format=a_format,
            w_format=w_format,
            max_k=max_k,
            acc_width=acc_width,
            overflow=overflow,
        )
        self.a_format, self.w_format = formats.get(a_format), formats.get(w_format)
        self.special = flags_specials(a_format, w_format, specials)
        #: What the tiles' words carry besides, if the formats call for it.
        self.kinds = {
            "a_type": self.a_format.type_width,
            "w_type": self.w_format.type_width,
            "parts": int(self.a_format.split or self.w_format.split),
        }
        # Pairs come whole.
        max_k += max_k % 2 if self.a_format.pair or self.w_format.pair else 0
        self.max_length = max_k
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
                tiles=tile_layout(rows=rows, max_k=max_k, **self.kinds),
            )
        )

        drained = (
            pipeline
            + 1
            + mesh_latency(rows=rows, cols=cols, tile_rows=tile_rows, tile_cols=tile_cols)
        )
        self.derived = {"acc_width": self.acc_width} | operand_types(a_format, w_format)
        latency = drained + output_latency(output) + cols + 2
        self.timing = {
            "last_acts_to_first_result": latency + PAIR_LATENCY * self.a_format.pair,
            "last_weights_to_first_result": latency + PAIR_LATENCY * self.w_format.pair,
            "terms_per_cycle": 1,
        }

    def build(self):
        m = Module()
        given = self.parameters
        rows, cols, output = given["rows"], given["cols"], given["output"]
        pipeline = given["pipeline"]
        mesh = {name: value for name, value in given.items() if name in _MESH}
        m.submodules.mesh = mesh = MeshOs(**mesh | {"acc_width": self.acc_width})

        # Places in the queue for what is on its way, and for the tile that ends next.
        depth = 2 * rows + cols + output_latency(output) + mesh.latency + pipeline + 6
        control = ControlOs(rows=rows, max_k=self.max_length, depth=depth, **self.kinds)
        m.submodules.control = control
        special = self._operands(m, control, mesh)

        m.submodules.results_stage = out = Results(
            cols=cols,
            bank_cols=given["tile_cols"],
            **self.channel,
            depth=depth,
            max_reserve=rows,
            run_interval=pipeline + 1 + mesh.latency,
            special=self.special,
        )
        on_its_way = Cat(control.emit, special) if self.special else control.emit
        m.submodules.emitted = emitted = Delay(
            width=len(on_its_way), cycles=pipeline + 1 + mesh.latency
        )
        m.submodules.started = started = Delay(width=1, cycles=pipeline + mesh.latency)
        m.d.comb += [
            emitted.i.eq(on_its_way),
            started.i.eq(control.launch),
            out.sums.eq(mesh.sums),
            out.valid.eq(emitted.o[0]),
            out.start.eq(started.o),
            out.launch.eq(control.launch),
            out.reserve.eq(control.reserve),
            control.room.eq(out.room),
            control.may_launch.eq(out.may_launch),
            *connect_stream(out.results, self.results),
        ]
        if self.special:
            m.d.comb += out.special.eq(emitted.o[1])
        if output != "raw":
            m.d.comb += connect_stream(self.channels, out.channels)
        return m

    def _operands(self, m, control, mesh):
        """Streams, border and flags of the mesh; returns whether a tile has special values."""
        rows, pipeline = self.parameters["rows"], self.parameters["pipeline"]
        specials = self.parameters["specials"]
        m.d.comb += connect_stream(self.tiles, control.tiles)
        special = 0
        for name, fmt, lanes, held, kind in [
            ("acts", self.a_format, rows, control.acts_held, "a_type"),
            ("weights", self.w_format, self.parameters["cols"], control.weights_held, "w_type"),
        ]:
            codes = getattr(self, name)
            if fmt.pair:
                m.submodules[f"{name}_pairs"] = pairs = PairMarks(lanes=lanes, format=fmt.name)
                m.d.comb += connect_stream(codes, pairs.i)
                codes = pairs.o
            m.submodules[f"{name}_hold"] = hold = Hold(width=len(Value.cast(codes.payload)))
            kind = getattr(control, kind) if fmt.type_width else None
            word = hold.word
            if name == "acts":
                # A zero on one side is enough for a cycle without a step to leave the sums alone.
                word = Mux(control.step, word, 0)
            m.d.comb += [
                *connect_stream(codes, hold.i),
                hold.take.eq(control.step),
                held.eq(hold.held),
            ]
            operands = add_border(m, name, fmt, lanes, word, kind, specials)
            m.d.comb += Value.cast(getattr(mesh, name)).eq(operands)
            if self.special:
                special |= add_specials(m, name, fmt, lanes, hold.word, kind)
        # The sums take a flag as late as the product that it belongs to.
        m.submodules.first = first = Delay(width=1, cycles=pipeline)
        m.submodules.done = done = Delay(width=1, cycles=pipeline + 1)
        m.d.comb += [
            first.i.eq(control.first),
            done.i.eq(control.launch),
            mesh.first.eq(wave(m, "first", first.o, rows)),
            mesh.done.eq(wave(m, "done", done.o, rows)),
        ]
        if not self.special:
            return None
        so_far = Signal()
        of_tile = Signal()
        m.d.comb += so_far.eq((of_tile & ~control.first) | special)
        emitting = Signal()  # the flag of the tile that leaves, while the next one's grows
        with m.If(control.step):
            m.d.sync += of_tile.eq(so_far)
        with m.If(control.launch):
            m.d.sync += emitting.eq(so_far)
        return Mux(control.launch, so_far, emitting)


_MESH = (
    *("rows", "cols", "tile_rows", "tile_cols"),
    *("a_format", "w_format", "overflow", "pipeline"),
)
