"""Weight-stationary GEMM engine, in the manner of the first TPU."""

from amaranth.hdl import Cat, Module, Value

from .. import formats
from ..arith.exact import sum_width
from ..arith.requantize import output_latency
from ..checks import check_integer
from ..stream.hold import Hold
from ..unit import Unit, connect_stream, data_register
from ._engine import accumulator_width, engine_ports
from ._grid import spans, wave
from .accumulator import LEAD, AccumulatorBank
from .control_ws import ControlWs, tile_layout
from .delay import Delay
from .loader import Loader
from .mesh_ws import MeshWs
from .results import Results
from .skew import Skew

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
      all tiles of a run, at most ``acc_depth``), ``first`` for the first and ``last`` for the last.
    * ``weights``: for each tile ``rows`` words, the last row (the highest k) first; lane *n* is
      column *n*. Rows beyond K are zero.
    * ``acts``: for each tile its rows of activations; lane *k* is row *k* of the tile's weights.
      Lanes beyond K are zero.
    * ``channels``, unless ``output`` is ``"raw"``: ``cols`` words, the last column's first.
    * ``results``: the rows of the run; lane *n* is column *n*.

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
    output : str
        ``"raw"``, ``"bias"``, ``"scale"`` or ``"shift"``: see :class:`Channel`.
    out_format : str
        Format of results that are requantized.

    Members
    -------
    tiles : ``In(stream.Signature(tile_layout(acc_depth)))``
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
        acc_depth,
        output,
        out_format,
    ):
        check_integer("Accumulator depth", acc_depth, 1, 1 << 16)
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
                tiles=tile_layout(acc_depth),
            )
        )
        # The sums of one tile stay narrow, however large K is. Where the accumulator wraps,
        # bits above its width are lost anyway.
        self.psum_width = sum_width(formats.get(a_format), formats.get(w_format), rows)
        if overflow == "wrap":
            self.psum_width = min(self.psum_width, self.acc_width)
        #: Cycles from a row's step to the partial sum of column 0.
        self.array_latency = rows + (1 if pipeline == 0 else 2)
        #: Loading weights keeps visits of an accumulator so far apart; the control sees to it where
        #: they were loaded before. More than 4 cycles make no difference to the accumulators.
        self.revisit = min(rows, 4)
        self.derived = {"acc_width": self.acc_width, "psum_width": self.psum_width}
        self.timing = {
            "acts_to_results": self.array_latency + output_latency(output) + cols + 3,
            "rows_of_acts_per_cycle": 1,
        }

    def build(self):
        m = Module()
        given = self.parameters
        rows, cols, output = given["rows"], given["cols"], given["output"]
        m.submodules.control = control = ControlWs(depth=given["acc_depth"], revisit=self.revisit)
        m.d.comb += connect_stream(self.tiles, control.tiles)
        psums = self._array(m, control)
        sums = self._accumulators(m, control, psums)

        depth = rows + cols + output_latency(output) + 8  # the round trip of a word's place
        m.submodules.results_stage = out = Results(
            cols=cols,
            bank_cols=given["tile_cols"],
            **self.channel,
            depth=depth,
            max_reserve=1,
            run_interval=self.array_latency,
        )
        m.submodules.emitted = emitted = Delay(width=1, cycles=self.array_latency + 1)
        m.submodules.started = started = Delay(width=1, cycles=self.array_latency)
        m.d.comb += [
            emitted.i.eq(control.emit),
            started.i.eq(control.launch),
            Value.cast(out.sums).eq(sums),
            out.valid.eq(emitted.o),
            out.start.eq(started.o),
            out.launch.eq(control.launch),
            out.reserve.eq(control.emit),
            control.room.eq(out.room != 0),
            control.may_launch.eq(out.may_launch),
            *connect_stream(out.results, self.results),
        ]
        if output != "raw":
            m.d.comb += connect_stream(self.channels, out.channels)
        return m

    def _array(self, m, control):
        """Border and mesh; returns the partial sums as they leave, skewed by column."""
        given = self.parameters
        rows, cols = given["rows"], given["cols"]
        acts_width = len(Value.cast(self.acts.payload))
        weights_width = len(Value.cast(self.weights.payload))
        mesh = {name: given[name] for name in ("a_format", "w_format", "pipeline")}
        mesh |= {name: given[name] for name in ("rows", "cols", "tile_rows", "tile_cols")}
        m.submodules.mesh = mesh = MeshWs(**mesh, psum_width=self.psum_width)
        m.submodules.acts_hold = hold = Hold(width=acts_width)
        m.submodules.acts_skew = acts_skew = Skew(lanes=rows, width=acts_width // rows, backwards=0)
        m.submodules.loader = loader = Loader(width=weights_width, steps=rows)
        m.submodules.weights_skew = weights_skew = Skew(
            lanes=cols, width=weights_width // cols, backwards=0
        )
        row = hold.word
        if given["pipeline"] < 2:
            # Without operand registers the weight has to be in use when the activation comes.
            later = data_register(acts_width, name="acts_later")
            m.d.sync += later.eq(row)
            row = later
        m.d.comb += [
            *connect_stream(self.acts, hold.i),
            hold.take.eq(control.step),
            control.acts_held.eq(hold.held),
            *connect_stream(self.weights, loader.i),
            loader.take.eq(control.swap),
            control.weights_loaded.eq(loader.loaded),
            acts_skew.i.eq(row),
            weights_skew.i.eq(loader.word),
            Value.cast(mesh.acts).eq(acts_skew.o),
            Value.cast(mesh.weights).eq(weights_skew.o),
            mesh.shift.eq(loader.shift),
            mesh.swap.eq(wave(m, "swap", control.swap, rows)),
        ]
        return mesh.psums

    def _accumulators(self, m, control, psums):
        """The accumulators of all columns; returns their sums, skewed by column."""
        given = self.parameters
        m.submodules.visits = visits = Delay(
            width=len(Value.cast(control.visit)), cycles=self.array_latency - LEAD
        )
        m.d.comb += visits.i.eq(Value.cast(control.visit))
        visit, sums = visits.o, []
        for index, (first, count) in enumerate(spans(given["cols"], given["tile_cols"])):
            m.submodules[f"accumulators_{index}"] = bank = AccumulatorBank(
                lanes=count,
                psum_width=self.psum_width,
                acc_width=self.acc_width,
                overflow=given["overflow"],
                depth=given["acc_depth"],
                revisit=self.revisit,
            )
            m.d.comb += [
                Value.cast(bank.visit).eq(visit),
                Value.cast(bank.psums).eq(Cat(psums[n] for n in range(first, first + count))),
            ]
            visit = Value.cast(bank.visit_o)
            sums.append(Value.cast(bank.sums))
        return Cat(sums)
