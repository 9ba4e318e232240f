"""Output-stationary GEMM engine, of the class of ShiDianNao and of ANT's and OliVe's arrays."""

from amaranth.hdl import Module, Mux, Value

from ..arith.requantize import output_latency
from ..checks import check_integer
from ..stream.hold import Hold
from ..unit import Unit, connect_stream
from ._engine import accumulator_width, engine_ports
from ._grid import wave
from .control_os import ControlOs, tile_layout
from .delay import Delay
from .mesh_os import MeshOs, mesh_latency
from .results import Results
from .skew import Skew

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

    * ``tiles``: one word with K less one, and the number of rows of results less one.
    * ``acts``: K words; lane *m* is row *m* of the tile.
    * ``weights``: K words; lane *n* is column *n* of the tile.
    * ``channels``, unless ``output`` is ``"raw"``: ``cols`` words, the last column's first.
    * ``results``: as many words as the tile has rows; lane *n* is column *n*.

    **Exactly.** Products are exact. Accumulators, whose width is exact for ``max_k`` products
    unless it is given, wrap or saturate, product by product in the order of k. Activations with a
    zero point are corrected in the bias, by the host.

    **Cycles.** The first row of results is offered ``timing["last_operands_to_first_result"]``
    cycles after the tile's last operands were accepted, if nothing waits. From the first accepted
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
    output : str
        ``"raw"``, ``"bias"``, ``"scale"`` or ``"shift"``: see :class:`Channel`.
    out_format : str
        Format of results that are requantized.

    Members
    -------
    tiles : ``In(stream.Signature(tile_layout(...)))``
    weights : ``In(stream.Signature(data.ArrayLayout(shape of w_format, cols)))``
    acts : ``In(stream.Signature(data.ArrayLayout(shape of a_format, rows)))``
    channels : ``In(stream.Signature(channel_layout(...)))``
    results : ``Out(stream.Signature(data.ArrayLayout(output_shape(...), cols)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or parameters don't fit together.
    """

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
        output,
        out_format,
    ):
        check_integer("Row count", rows, 1, 1024)
        self.acc_width = accumulator_width(
            a_format=a_format, w_format=w_format, max_k=max_k, acc_width=acc_width
        )
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
                channel=self.channel,
                tiles=tile_layout(rows=rows, max_k=max_k),
            )
        )

        drained = (
            pipeline
            + 1
            + mesh_latency(rows=rows, cols=cols, tile_rows=tile_rows, tile_cols=tile_cols)
        )
        self.derived = {"acc_width": self.acc_width}
        self.timing = {
            "last_operands_to_first_result": drained + output_latency(output) + cols + 2,
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
        control = ControlOs(rows=rows, max_k=given["max_k"], depth=depth)
        m.submodules.control = control
        self._operands(m, control, mesh)

        m.submodules.results_stage = out = Results(
            cols=cols,
            bank_cols=given["tile_cols"],
            **self.channel,
            depth=depth,
            max_reserve=rows,
            run_interval=pipeline + 1 + mesh.latency,
        )
        m.submodules.emitted = emitted = Delay(width=1, cycles=pipeline + 1 + mesh.latency)
        m.submodules.started = started = Delay(width=1, cycles=pipeline + mesh.latency)
        m.d.comb += [
            emitted.i.eq(control.emit),
            started.i.eq(control.launch),
            out.sums.eq(mesh.sums),
            out.valid.eq(emitted.o),
            out.start.eq(started.o),
            out.launch.eq(control.launch),
            out.reserve.eq(control.reserve),
            control.room.eq(out.room),
            control.may_launch.eq(out.may_launch),
            *connect_stream(out.results, self.results),
        ]
        if output != "raw":
            m.d.comb += connect_stream(self.channels, out.channels)
        return m

    def _operands(self, m, control, mesh):
        """Streams, border and flags of the mesh."""
        rows, pipeline = self.parameters["rows"], self.parameters["pipeline"]
        m.d.comb += connect_stream(self.tiles, control.tiles)
        for name, lanes, held in [
            ("acts", rows, control.acts_held),
            ("weights", self.parameters["cols"], control.weights_held),
        ]:
            operands = getattr(self, name)
            width = len(Value.cast(operands.payload))
            m.submodules[f"{name}_hold"] = hold = Hold(width=width)
            m.submodules[f"{name}_skew"] = skew = Skew(
                lanes=lanes, width=width // lanes, backwards=0
            )
            m.d.comb += [
                *connect_stream(operands, hold.i),
                hold.take.eq(control.step),
                held.eq(hold.held),
                # A zero on one side is enough for a cycle without a step to leave the sums alone.
                skew.i.eq(Mux(control.step, hold.word, 0) if name == "acts" else hold.word),
                Value.cast(getattr(mesh, name)).eq(skew.o),
            ]
        # The sums take a flag as late as the product that it belongs to.
        m.submodules.first = first = Delay(width=1, cycles=pipeline)
        m.submodules.done = done = Delay(width=1, cycles=pipeline + 1)
        m.d.comb += [
            first.i.eq(control.first),
            done.i.eq(control.launch),
            mesh.first.eq(wave(m, "first", first.o, rows)),
            mesh.done.eq(wave(m, "done", done.o, rows)),
        ]


_MESH = (
    *("rows", "cols", "tile_rows", "tile_cols"),
    *("a_format", "w_format", "overflow", "pipeline"),
)
