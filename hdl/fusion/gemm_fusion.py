"""BitFusion's systolic GEMM engine: widths and signs of the operands are chosen at run time."""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.requantize import channel_layout, output_latency
from ..array.grid import wave
from ..array.loader import Loader
from ..array.skew import Skew
from ..array.stationary import add_accumulators, add_entry, add_results, array_latency
from ..checks import check_choice, check_integer
from ..output.channel import output_shape
from ..output.results import result_layout
from ..stream.fifo import Fifo
from ..systolic.control_ws import ControlWs
from ..unit import Unit, connect_stream, data_register
from .mesh_fusion import MeshFusion, mode_latency
from .mode import ModeDecoder
from .mode_switch import ModeSwitch, fusion_tile_layout
from .unpack import Unpack, last_step, spread_lanes

__all__ = ["GemmFusion"]


class GemmFusion(Unit):
    """Multiplies activations by weights of 2, 4 or 8 bits each, signed or not; 16 in passes.

    Sharma et al., "Bit Fusion: Bit-Level Dynamically Composable Architecture for Accelerating Deep
    Neural Networks", ISCA 2018, sections III and IV: an array of fusion units, inputs along the
    rows, weights in the elements, partial sums down the columns into accumulators. An element does
    P = 64 / (width of activations · width of weights) products in a cycle: 1 of 8 × 8 bits, 16 of
    2 × 2. It is :class:`GemmWs` in all that is not said here.

    A tile is ``rows`` · P (of K) × ``cols`` (of N) weights; element P·r + p of its part of K is
    product p of row r, p = pa · (8 / width of weights) + pb. ``tiles`` say the widths (codes 0, 1
    and 2 for 2, 4 and 8 bits), the signs, and by how many bytes the tile's sums are ``shift``-ed: a
    number of 16 bits is a high byte with its sign and a low one without, and its products the sum
    of two or four tiles' with shifts of 2, 1 and 0 bytes.

    Operands are packed to 32 bits a lane. What a row needs in a step is 64 / (width of weights)
    bits of activations: bytes pb, in each the activations pa from the low bits up. A word of
    ``acts`` has 1, 2 or 4 steps, of as many rows of activations, the first in the low bits; a tile
    begins with a new word. Likewise what an element needs is 64 / (width of activations) bits of
    weights, bytes pa, in each the weights pb; a word of ``weights`` has 1, 2 or 4 steps, of as many
    rows of the array, the last row of the tile first.

    **Change of mode.** Tiles of one width, sign and shift follow each other without a gap. Where a
    tile differs from the one before, it waits until the array is empty, ``timing["mode_switch"]``
    cycles after the last row; its weights are loaded meanwhile. A mode cannot change within a tile.

    **Exactly.** Sums over a tile are exact; in the accumulators they wrap or saturate.

    Parameters
    ----------
    rows, cols, tile_rows, tile_cols, pipeline, acc_depth, output, out_format
        Those of :class:`GemmWs`.
    acc_width : int
        Width of the accumulators, 17 to 64.
    overflow : str
        ``"wrap"`` or ``"saturate"``.

    Members
    -------
    tiles : ``In(stream.Signature(fusion_tile_layout(acc_depth)))``
    weights : ``In(stream.Signature(data.ArrayLayout(32, cols)))``
    acts : ``In(stream.Signature(data.ArrayLayout(32, rows)))``
    channels : ``In(stream.Signature(channel_layout(...)))``
    results : ``Out(stream.Signature(data.ArrayLayout(output_shape(...), cols)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    role = "top level"

    def __init__(
        self,
        *,
        rows,
        cols,
        tile_rows,
        tile_cols,
        acc_width,
        overflow,
        pipeline,
        acc_depth,
        output,
        out_format,
    ):
        check_integer("Row count", rows, 1, 1024)
        check_integer("Column count", cols, 1, 1024)
        check_integer("Tile row count", tile_rows, 1)
        check_integer("Tile column count", tile_cols, 1)
        check_integer("Accumulator width", acc_width, 17, 64)
        check_choice("Overflow", overflow, ["wrap", "saturate"])
        check_integer("Pipeline register count", pipeline, 0, 2)
        check_integer("Accumulator depth", acc_depth, 1, 1 << 16)
        check_choice("Output", output, ["raw", "bias", "scale", "shift"])
        formats.get_integer(out_format, "Output format")
        self.channel = {"acc_width": acc_width, "output": output, "out_format": out_format}
        ports = {
            "tiles": In(stream.Signature(fusion_tile_layout(acc_depth))),
            "weights": In(stream.Signature(data.ArrayLayout(32, cols))),
            "acts": In(stream.Signature(data.ArrayLayout(32, rows))),
        }
        if output != "raw":
            ports["channels"] = In(stream.Signature(channel_layout(**self.channel)))
        results = result_layout(output_shape(**self.channel), cols)
        super().__init__(ports | {"results": Out(stream.Signature(results))})

        #: Exact for any tile: a sum of ``rows`` sums from -32640 to 65025. Where the accumulator
        #: wraps, bits above its width are lost anyway.
        self.psum_width = (rows * 65025).bit_length() + 1
        self.shifted_width = self.psum_width + 16
        if overflow == "wrap":
            self.psum_width = min(self.psum_width, acc_width)
            self.shifted_width = min(self.shifted_width, acc_width)
        self.array_latency = array_latency(rows, pipeline)
        self.revisit = min(rows, 4)
        shape = {name: self.parameters[name] for name in _SHAPE}
        # After a tile's last row: until its last sum is in the accumulators; and then until the
        # whole array has the new mode, less the cycles of a tile and its row on their way there.
        self.drain = self.array_latency + cols + 1
        self.settle = max(1, mode_latency(**shape) - 1)
        self.derived = {"acc_width": acc_width, "psum_width": self.psum_width}
        self.timing = {
            "acts_to_results": self.array_latency + output_latency(output) + cols + 3,
            "rows_of_acts_per_cycle": 1,
            "mode_switch": self.drain + self.settle + 4,
        }

    def build(self):
        m = Module()
        given = self.parameters
        # Tiles of one row pass one a cycle, but need several to have their weights unpacked.
        m.submodules.control = control = ControlWs(
            depth=given["acc_depth"], revisit=self.revisit, ahead=4
        )
        m.submodules.mode_switch = switch = ModeSwitch(
            depth=given["acc_depth"], drain=self.drain, settle=self.settle
        )
        # Weights are unpacked before the control comes to their tile.
        m.submodules.weight_widths = widths = Fifo(width=2, depth=8)
        m.d.comb += [
            switch.i.payload.eq(self.tiles.payload),
            widths.i.payload.eq(self.tiles.payload.a_bits),
            switch.i.valid.eq(self.tiles.valid & widths.i.ready),
            widths.i.valid.eq(self.tiles.valid & switch.i.ready),
            self.tiles.ready.eq(switch.i.ready & widths.i.ready),
            *connect_stream(switch.o, control.tiles),
            switch.step.eq(control.step),
            switch.last.eq(control.last),
        ]
        psums = self._array(m, control, switch, widths.o)
        sums = add_accumulators(
            m,
            control,
            psums,
            array_latency=self.array_latency,
            cols=given["cols"],
            tile_cols=given["tile_cols"],
            psum_width=self.shifted_width,
            acc_width=given["acc_width"],
            overflow=given["overflow"],
            depth=given["acc_depth"],
            revisit=self.revisit,
        )
        add_results(m, self, control, sums, array_latency=self.array_latency)
        return m

    def _array(self, m, control, switch, widths):
        """Border and mesh; returns the partial sums as they leave, skewed by column."""
        given = self.parameters
        rows, cols = given["rows"], given["cols"]
        m.submodules.mesh = mesh = MeshFusion(
            **{name: given[name] for name in (*_SHAPE, "pipeline")}, psum_width=self.psum_width
        )
        m.submodules.mode = mode = ModeDecoder()
        m.submodules.acts_queue = queue = Fifo(width=32 * rows, depth=2)
        m.submodules.unpack = unpack = Unpack(lanes=cols, count=rows)
        m.submodules.loader = loader = Loader(width=32 * cols, steps=rows)
        m.submodules.acts_skew = acts_skew = Skew(lanes=rows, width=32, backwards=0)
        m.submodules.weights_skew = weights_skew = Skew(lanes=cols, width=32, backwards=0)
        step = Signal(2)
        word_ends = Signal()
        other_bits = switch.choice.w_bits
        row = spread_lanes(m, "acts_spread", queue.o.payload, rows, step, other_bits)
        swap, row = add_entry(m, control.swap, row)
        if given["pipeline"] < 2:
            # Without operand registers the weight has to be in use when the activation comes.
            later = data_register(32 * rows, name="acts_later")
            m.d.sync += later.eq(row)
            row = later
        offset = data_register(signed(self.psum_width), name="offset")
        m.d.sync += offset.eq(-(mode.offset * rows))
        m.d.comb += [
            Value.cast(mode.i).eq(Value.cast(switch.choice)),
            Value.cast(mesh.mode).eq(Value.cast(mode.o)),
            mesh.offset.eq(offset),
            *connect_stream(self.acts, queue.i),
            word_ends.eq(control.last | (step == last_step(other_bits))),
            queue.o.ready.eq(control.step & word_ends),
            control.acts_held.eq(queue.o.valid),
            *connect_stream(self.weights, unpack.i),
            *connect_stream(widths, unpack.widths),
            *connect_stream(unpack.o, loader.i),
            loader.take.eq(swap),
            control.weights_loaded.eq(loader.soon),
            acts_skew.i.eq(row),
            weights_skew.i.eq(loader.word),
            Value.cast(mesh.acts).eq(acts_skew.o),
            Value.cast(mesh.weights).eq(weights_skew.o),
            mesh.shift.eq(loader.shift),
            mesh.swap.eq(wave(m, "swap", swap, rows)),
        ]
        with m.If(control.step):
            m.d.sync += step.eq(Mux(word_ends, 0, step + 1))
        return [self._shifted(m, mesh.psums[lane], lane, switch.shift) for lane in range(cols)]

    def _shifted(self, m, psum, lane, shift):
        """A partial sum, shifted by 0, 1 or 2 bytes."""
        shifted = Signal(signed(self.shifted_width), name=f"psum_{lane}_shifted")
        m.d.comb += shifted.eq(Mux(shift[1], psum << 16, Mux(shift[0], psum << 8, psum)))
        return shifted


_SHAPE = ("rows", "cols", "tile_rows", "tile_cols")
