"""BitFusion's systolic GEMM engine: widths and signs of the operands are chosen at run time."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring

from ..array.grid import stagger
from ..array.loader import Loader
from ..array.skew import Skew
from ..checks import check_integer
from ..engine import Engine
from ..output.output_channel import output_latency
from ..stream.fifo import Fifo
from ..systolic.gemm import gemm_ports, gemm_timing, number_widths
from ..systolic.sequencer_ws import SequencerWs, results_owed
from ..systolic.stationary import add_accumulators, add_entry, add_output, array_latency
from ..unit import data_register
from .mesh_fusion import MeshFusion, mode_latency
from .mode import WIDTHS, ModeDecoder
from .mode_switch import ModeSwitch, fusion_tile_layout
from .pe_fusion import PeFusion
from .unpack import Unpack, last_step, spread_lanes

__all__ = ["GemmFusion"]


class GemmFusion(Engine):
    """Multiplies activations by weights of 2, 4 or 8 bits each, signed or not; 16 in passes.

    Sharma et al., "Bit Fusion: Bit-Level Dynamically Composable Architecture for Accelerating Deep
    Neural Networks", ISCA 2018, sections III and IV: an array of fusion units, inputs along the
    rows, weights in the PEs, partial sums down the columns into accumulators. A PE does
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
    begins with a new word. Likewise what a PE needs is 64 / (width of activations) bits of
    weights, bytes pa, in each the weights pb; a word of ``weights`` has 1, 2 or 4 steps, of as many
    rows of the array, the last row of the tile first.

    **Change of mode.** Tiles of one width, sign and shift follow each other without a gap. Where a
    tile differs from the one before, it waits until the array is empty, ``timing["mode_switch"]``
    cycles after the last row; its weights are loaded meanwhile. A mode cannot change within a tile.

    **Exactly.** Sums over a tile are exact; in the accumulators they wrap or saturate.

    Parameters
    ----------
    rows, cols, tile_rows, tile_cols, pipeline, acc_depth, output, out_format, rounding
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

    number = 3
    descriptors = "tiles"
    rows_stream = "acts"
    pe = PeFusion

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
        rounding,
    ):
        check_integer("Accumulator width", acc_width, 17, 64)
        check_integer("Accumulator depth", acc_depth, 1, 1 << 16)
        self.channel = {
            "acc_width": acc_width,
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
            tiles=fusion_tile_layout(acc_depth),
            act=32,
            weight=32,
        )
        super().__init__(ports)

        #: Exact for any tile: a sum of ``rows`` sums from -32640 to 65025. Where the accumulator
        #: wraps, bits above its width are lost anyway.
        self.psum_width = (rows * 65025).bit_length() + 1
        self.shifted_width = self.psum_width + 16
        if overflow == "wrap":
            self.psum_width = min(self.psum_width, acc_width)
            self.shifted_width = min(self.shifted_width, acc_width)
        self.mesh = {name: self.parameters[name] for name in (*_SHAPE, "pipeline")}
        self.mesh |= {"psum_width": self.psum_width} | self.pe_choice
        MeshFusion(**self.mesh)  # it checks the parameters of the PEs
        self.array_latency = array_latency(rows, pipeline)
        self.revisit = min(rows, 4)
        shape = {name: self.parameters[name] for name in _SHAPE}
        # After a tile's last row: until its last sum is in the accumulators; and then until the
        # whole array has the new mode, less the cycles of a tile and its row on their way there.
        self.drain = self.array_latency + cols + 1
        self.settle = max(1, mode_latency(**shape) - 1)
        self.required_streams = tuple(ports)
        self.max_owed = self.limit = acc_depth
        self.pe_rows, self.pe_cols, self.max_k = rows, cols, 0
        self.widths = number_widths(ports, acc_width)
        self.derived = {"acc_width": acc_width, "psum_width": self.psum_width}
        self.derived["width_codes"] = {str(width): code for code, width in enumerate(WIDTHS)}
        self.timing = {
            "acts_to_results": self.array_latency + output_latency(output) + cols + 3,
            "rows_of_acts_per_cycle": 1,
            "tile_interval": rows,
            "mode_switch": self.drain + self.settle + 4,
            # The first weights wait until their width is known. The array's own change of mode,
            # before the first tile, takes longer than to load one row or two.
        } | gemm_timing(cols=cols, output=output, lead_in=max(2, 5 - rows))

    def results_owed(self, descriptor):
        return results_owed(descriptor)

    def build(self):
        m = Module()
        params = self.parameters
        # Tiles of one row pass one a cycle, but need several to have their weights unpacked.
        m.submodules.control = sequencer = SequencerWs(
            depth=params["acc_depth"], revisit=self.revisit, ahead=4
        )
        m.submodules.mode_switch = switch = ModeSwitch(
            depth=params["acc_depth"], drain=self.drain, settle=self.settle
        )
        # Weights are unpacked before the sequencer comes to their tile.
        m.submodules.weight_widths = widths = Fifo(width=2, depth=8)
        wiring.connect(m, switch.o, sequencer.tiles)
        m.d.comb += [
            switch.i.payload.eq(self.tiles.payload),
            widths.i.payload.eq(self.tiles.payload.a_bits),
            switch.i.valid.eq(self.tiles.valid & widths.i.ready),
            widths.i.valid.eq(self.tiles.valid & switch.i.ready),
            self.tiles.ready.eq(switch.i.ready & widths.i.ready),
            switch.step.eq(sequencer.step),
            switch.last.eq(sequencer.last),
        ]
        psums = self._array(m, sequencer, switch, widths.o)
        sums = add_accumulators(
            m,
            sequencer.visit,
            psums,
            array_latency=self.array_latency,
            cols=params["cols"],
            tile_cols=params["tile_cols"],
            psum_width=self.shifted_width,
            acc_width=params["acc_width"],
            overflow=params["overflow"],
            depth=params["acc_depth"],
            revisit=self.revisit,
        )
        stage = add_output(
            m,
            sums=sums,
            emit=sequencer.emit,
            launch=sequencer.launch,
            channels=getattr(self, "channels", None),
            results=self.results,
            cols=params["cols"],
            tile_cols=params["tile_cols"],
            sums_and_output=self.channel,
            latency=self.array_latency,
        )
        m.d.comb += [sequencer.room.eq(stage.some_room), sequencer.may_launch.eq(stage.may_launch)]
        return m

    def _array(self, m, sequencer, switch, widths):
        """Border and mesh; returns the partial sums as they leave, skewed by column."""
        params = self.parameters
        rows, cols = params["rows"], params["cols"]
        m.submodules.mesh = mesh = MeshFusion(**self.mesh)
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
        swap, row = add_entry(m, sequencer.swap, row)
        if params["pipeline"] < 2:
            # Without operand registers the weight has to be in use when the activation comes.
            later = data_register(32 * rows, name="acts_later")
            m.d.sync += later.eq(row)
            row = later
        offset = data_register(signed(self.psum_width), name="offset")
        m.d.sync += offset.eq(-(mode.offset * rows))
        wiring.connect(m, wiring.flipped(self.acts), queue.i)
        wiring.connect(m, wiring.flipped(self.weights), unpack.i)
        wiring.connect(m, widths, unpack.widths)
        wiring.connect(m, unpack.o, loader.i)
        m.d.comb += [
            mode.i.eq(switch.choice),
            mesh.mode.eq(mode.o),
            mesh.offset.eq(offset),
            word_ends.eq(sequencer.last | (step == last_step(other_bits))),
            queue.o.ready.eq(sequencer.step & word_ends),
            sequencer.acts_held.eq(queue.o.valid),
            loader.take.eq(swap),
            sequencer.weights_loaded.eq(loader.soon),
            acts_skew.i.eq(row),
            weights_skew.i.eq(loader.word),
            mesh.acts.eq(acts_skew.o),
            mesh.weights.eq(weights_skew.o),
            mesh.shift.eq(loader.shift),
            mesh.swap.eq(stagger(m, "swap", swap, rows, "data")),
        ]
        with m.If(sequencer.step):
            m.d.sync += step.eq(Mux(word_ends, 0, step + 1))
        return [self._shifted(m, mesh.psums[lane], lane, switch.shift) for lane in range(cols)]

    def _shifted(self, m, psum, lane, shift):
        """A partial sum, shifted by 0, 1 or 2 bytes."""
        shifted = Signal(signed(self.shifted_width), name=f"psum_{lane}_shifted")
        m.d.comb += shifted.eq(Mux(shift[1], psum << 16, Mux(shift[0], psum << 8, psum)))
        return shifted


_SHAPE = ("rows", "cols", "tile_rows", "tile_cols")
