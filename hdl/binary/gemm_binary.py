"""Weight-stationary GEMM engine of one-bit products, and of wider operands bit by bit."""

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In

from ..array.delay import Delay
from ..array.grid import stagger
from ..array.loader import Loader
from ..array.skew import Skew
from ..checks import check_choice, check_integer, check_relation
from ..engine import Engine
from ..output.output_channel import output_latency
from ..stream.fifo import Fifo
from ..systolic.gemm import gemm_ports, gemm_timing, number_widths
from ..systolic.mesh_ws import MeshWs
from ..systolic.sequencer_ws import SequencerWs, results_owed, tile_layout
from ..systolic.stationary import add_accumulators, add_entry, add_output, array_latency
from ..unit import data_register
from .pe_binary import COUNTS, FORMATS, PeBinary

__all__ = ["GemmBinary", "binary_tile_layout", "setting_layout"]

#: Most bits by which the sums of a tile are shifted, as a binary number of 5 bits.
_SHIFT_WIDTH = 5


def setting_layout(lanes, code, serial):
    """What is done to the sums of a tile: fields of its descriptor.

    ``terms`` for ``bin``: the terms of K that the tile has, at most ``lanes``. With ``serial``
    ``shift``, by how many bits the sums are shifted to the left, and ``negative``.
    """
    fields = {"terms": lanes.bit_length()} if code == "bin" else {}
    if serial:
        fields |= {"shift": _SHIFT_WIDTH, "negative": 1}
    return data.StructLayout(fields)


def binary_tile_layout(depth, lanes, code, serial):
    """One tile: the fields of ``tile_layout``, and those of ``setting_layout``."""
    fields = {name: field.shape for name, field in tile_layout(depth)}
    fields |= {name: field.shape for name, field in setting_layout(lanes, code, serial)}
    return data.StructLayout(fields)


class GemmBinary(Engine):
    """Multiplies activations by weights of one bit, ``pack`` pairs in a PE and a cycle.

    It is :class:`GemmWs` in all that is not said here, with :class:`PeBinary` for a PE. A tile is
    ``rows`` · ``pack`` terms of K by ``cols`` columns; element ``pack`` · r + p of its part of K is
    product p of row r. Streams have lanes of one bit:

    * ``acts``: lane ``pack`` · r + p is element ``pack`` · r + p of a row of activations.
    * ``weights``: lane ``pack`` · n + p is product p of column n; the last row of PEs first.
    * ``tiles``: with the fields of :func:`setting_layout`.

    **Sums.** The sum of a tile is the number of pairs of ones for ``bit``. For ``bin`` it is twice
    the number of equal pairs less ``terms``: the dot product of as many operands ±1, codes 1 for +1
    and 0 for -1. Lanes beyond K have the activation 0; there the weight is 1 for ``bin``, so that
    the pair is different and ``terms`` leaves it out.

    **Bit by bit.** With ``serial`` a tile's sum is multiplied by 2^``shift``, and by -1 if it is
    ``negative``, before it is accumulated: so integers are multiplied a plane of bits of each at a
    time (Umuroglu et al., "BISMO: A Scalable Bit-Serial Matrix Multiplication Overlay for
    Reconfigurable Computing", FPL 2018, section II). Planes of ``bin`` make twice an integer: of
    n bits b, with sign, 2x = -2^(n-1) s(n-1) + sum of 2^i s(i) - 1 where s = 2b - 1. So sums of
    ``bin`` are those of quarters, of which the accumulators have two bits; operands ±1 have a shift
    of 2.

    **Exactly.** All sums are exact; beyond the accumulators' width they wrap.

    Parameters
    ----------
    rows, cols, tile_rows, tile_cols, pipeline, acc_depth, output, out_format, rounding
        Those of :class:`GemmWs`.
    code, pack, count
        Those of :class:`PeBinary`; ``code`` is that of both sides.
    serial : int
        1 for tiles with ``shift`` and ``negative``, else 0.
    acc_width : int
        Width of the sums without quarters, 2 to 62.
    overflow : str
        ``"wrap"``.

    Members
    -------
    tiles : ``In(stream.Signature(binary_tile_layout(...)))``
    weights : ``In(stream.Signature(data.ArrayLayout(1, cols * pack)))``
    acts : ``In(stream.Signature(data.ArrayLayout(1, rows * pack)))``
    channels : ``In(stream.Signature(channel_layout(...)))``
    results : ``Out(stream.Signature(data.ArrayLayout(output_shape(...), cols)))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """

    number = 7
    descriptors = "tiles"
    pe = PeBinary
    pe_parameters = ("pack", "count")

    def __init__(
        self,
        *,
        rows,
        cols,
        tile_rows,
        tile_cols,
        code,
        pack,
        count,
        serial,
        acc_width,
        overflow,
        pipeline,
        acc_depth,
        output,
        out_format,
        rounding,
    ):
        check_integer("Row count", rows, 1, 1024)
        check_choice("Code", code, FORMATS)
        check_integer("Product count", pack, 2, 256)
        check_choice("Count", count, COUNTS)
        check_integer("Bit-serial flag", serial, 0, 1)
        check_integer("Accumulator width", acc_width, 2, 62)
        check_integer("Accumulator depth", acc_depth, 1, 1 << 16)
        check_relation(overflow == "wrap", f"Overflow must be wrap, not {overflow}")
        lanes = rows * pack
        self.channel = {
            "acc_width": acc_width,
            "output": output,
            "out_format": out_format,
            "rounding": rounding,
        }
        self.setting = setting_layout(lanes, code, serial)
        ports = gemm_ports(
            rows=rows,
            cols=cols,
            tile_rows=tile_rows,
            tile_cols=tile_cols,
            overflow=overflow,
            pipeline=pipeline,
            **self.channel,
            tiles=binary_tile_layout(acc_depth, lanes, code, serial),
            act=1,
            weight=1,
            lanes=lanes,
        )
        ports["weights"] = In(stream.Signature(data.ArrayLayout(1, cols * pack)))
        super().__init__(ports)
        #: Bits of the accumulators below those of the sums.
        self.fraction = 2 if code == "bin" and serial else 0
        self.inner_width = acc_width + self.fraction
        self.psum_width = lanes.bit_length()
        # Twice the ones less the terms: columns beyond N may have ones behind the terms, too.
        self.sum_width = self.tile_width = lanes.bit_length() + 1 + (code == "bin")
        if serial:
            self.tile_width += (1 << _SHIFT_WIDTH) - 1
        self.tile_width = min(self.tile_width, self.inner_width)
        self.mesh = {name: self.parameters[name] for name in (*_SHAPE, "pipeline")}
        self.mesh |= {"a_format": code, "w_format": code, "psum_width": self.psum_width}
        self.mesh |= self.pe_choice
        MeshWs(**self.mesh)  # it checks the parameters of the PEs
        #: The array's, and that of the register behind the tile's setting.
        self.array_latency = array_latency(rows, pipeline) + 1
        self.revisit = min(rows, 4)
        self.required_streams = tuple(ports)
        self.max_owed = self.limit = acc_depth
        self.pe_rows, self.pe_cols, self.max_k = rows, cols, 0
        self.widths = number_widths(ports, acc_width)
        self.derived = {"acc_width": acc_width, "psum_width": self.psum_width}
        self.derived["fraction"] = self.fraction
        self.timing = {
            "acts_to_results": self.array_latency + output_latency(output) + cols + 3,
            "rows_of_acts_per_cycle": 1,
            "tile_interval": rows,
        } | gemm_timing(cols=cols, output=output)

    def results_owed(self, descriptor):
        return results_owed(descriptor)

    def build(self):
        m = Module()
        params = self.parameters
        # The sequencer takes the setting along as it does a type of activations.
        m.submodules.control = sequencer = SequencerWs(
            depth=params["acc_depth"], revisit=self.revisit, a_type=self.setting.size
        )
        fields = self.tiles.payload
        for name, _ in tile_layout(params["acc_depth"]):
            m.d.comb += sequencer.tiles.payload[name].eq(fields[name])
        if self.setting.size:
            setting = Cat(Value.cast(fields[name]) for name, _ in self.setting)
            m.d.comb += sequencer.tiles.payload.a_type.eq(setting)
        m.d.comb += [
            sequencer.tiles.valid.eq(self.tiles.valid),
            self.tiles.ready.eq(sequencer.tiles.ready),
        ]
        psums = self._set(m, sequencer, self._array(m, sequencer))
        sums = add_accumulators(
            m,
            sequencer.visit,
            psums,
            array_latency=self.array_latency,
            cols=params["cols"],
            tile_cols=params["tile_cols"],
            psum_width=self.tile_width,
            acc_width=self.inner_width,
            overflow=params["overflow"],
            depth=params["acc_depth"],
            revisit=self.revisit,
        )
        edges = range(self.fraction, len(sums), self.inner_width)
        stage = add_output(
            m,
            sums=Cat(sums[at : at + params["acc_width"]] for at in edges),
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

    def _array(self, m, sequencer):
        """Border and mesh; returns the counts as they leave, skewed by column."""
        params = self.parameters
        rows, cols, pack = params["rows"], params["cols"], params["pack"]
        m.submodules.mesh = mesh = MeshWs(**self.mesh)
        m.submodules.acts_queue = queue = Fifo(width=rows * pack, depth=2)
        m.submodules.loader = loader = Loader(width=cols * pack, steps=rows)
        m.submodules.acts_skew = acts_skew = Skew(lanes=rows, width=pack, backwards=0)
        m.submodules.weights_skew = weights_skew = Skew(lanes=cols, width=pack, backwards=0)
        swap, row = add_entry(m, sequencer.swap, queue.o.payload)
        if params["pipeline"] < 2:
            # Without operand registers the weight has to be in use when the activation comes.
            later = data_register(len(row), name="acts_later")
            m.d.sync += later.eq(row)
            row = later
        wiring.connect(m, wiring.flipped(self.acts), queue.i)
        wiring.connect(m, wiring.flipped(self.weights), loader.i)
        m.d.comb += [
            queue.o.ready.eq(sequencer.step),
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
        return mesh.psums

    def _set(self, m, sequencer, psums):
        """The sums of a tile from its counts, a cycle later: less its terms, shifted, negative."""
        if not self.setting.size:
            sums = [Value.cast(psum).as_unsigned() for psum in psums]
            return [self._registered(m, lane, each) for lane, each in enumerate(sums)]
        m.submodules.settings = delay = Delay(
            width=self.setting.size, cycles=self.array_latency - 1, content="data"
        )
        m.d.comb += delay.i.eq(sequencer.a_type)
        setting, sums = data.View(self.setting, delay.o), []
        for lane in range(self.parameters["cols"]):
            if lane:
                later = data_register(self.setting, name=f"setting_{lane}")
                m.d.sync += later.eq(setting)
                setting = later
            count, terms = Value.cast(psums[lane]).as_unsigned(), Const(0)
            if self.parameters["code"] == "bin":
                count, terms = count << 1, setting.terms
            if self.parameters["serial"]:
                # The difference of complements is that of the numbers, negative.
                count, terms = (self._complemented(setting, each) for each in (count, terms))
            total = Signal(signed(self.sum_width), name=f"total_{lane}")
            m.d.comb += total.eq(count - terms)
            if self.parameters["serial"]:
                total = (total << setting.shift)[: self.tile_width]
            sums.append(self._registered(m, lane, total))
        return sums

    def _complemented(self, setting, value):
        """The bits of a number, with a sign, or the others for a tile that counts negative."""
        mask = setting.negative.replicate(self.psum_width + 2)
        return (value ^ mask).as_signed()

    def _registered(self, m, lane, value):
        register = data_register(signed(self.tile_width), name=f"tile_sum_{lane}")
        m.d.sync += register.eq(value)
        return register


_SHAPE = ("rows", "cols", "tile_rows", "tile_cols")
