"""Output-stationary GEMM engine with sums in binary32."""

from amaranth.hdl import Cat

from ..array.delay import Delay
from ..array.grid import stagger
from ..systolic.gemm_os import GemmOs
from ..unit import data_register
from .gemm_float import check_float_operands, decode_floats, describe_float_sums
from .layout import FLOATS
from .pe_os_float import PeOsFloat

__all__ = ["GemmOsFloat"]


class GemmOsFloat(GemmOs):
    """:class:`GemmOs` for floats: products exact, sums rounded to binary32 at each addition.

    A PE keeps three sums, which take turns in the registers of its adder, so that it multiplies and
    adds in every cycle (:class:`PeOsFloat`). They belong to three neighbouring rows of A and one
    column of W. A tile has up to ``3 * rows`` rows of A: PE row *n* computes rows 3n to 3n + 2.

    For each tile the streams carry what they do in :class:`GemmOs`, but for

    * ``acts``: 3 K words, three for each term; lane *n* of word 3k + g is row 3n + g of the tile;
    * ``results``: up to ``3 * rows`` words.

    **Exactly.** A product of two operands is exact, as :class:`FpMultiply` says. The products of a
    result are added one after the other, k ascending, from +0 on, and each sum is rounded to
    nearest even as :class:`FpAdd` says: subnormal operands and sums count as zeros of their sign.
    So results depend on no parameter but the formats, and neither on stalls nor on how M and N are
    cut. NaN and infinities are those of IEEE 754; NaN is 0x7FC00000.

    **Cycles.** Three words of activations and one of weights a term, a word of activations a cycle:
    a tile takes 3 K cycles, or ``3 * rows`` if there are more, however few rows of A it has. From
    the first accepted word to the last result: at most ``sum over tiles of max(3 K, 3 * rows) +
    3 * rows + cols + 16``. A word of activations that is late waits for its turn, up to 2 cycles.

    Parameters
    ----------
    **parameters
        Those of :class:`GemmOs`. ``a_format`` and ``w_format`` are small floats, one each, of at
        most 8 exponent bits and together at most 22 fraction bits: for example bf16, tf32, fp16.
        ``output`` is ``"raw"``, the sums in binary32, ``"bf16"`` or ``"fp16"``. ``overflow`` and
        ``nan_inf`` have their defaults, ``acc_width`` is 0; ``max_k`` only limits K.

    Members
    -------
    tiles, weights, acts, results
        Those of :class:`GemmOs`; lanes of results are codes of the output's format.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or parameters don't fit together.
    """

    pe = PeOsFloat
    float_sums = 1
    sums_per_pe = PeOsFloat.sums_per_pe

    def __init__(self, **parameters):
        check_float_operands(parameters)
        super().__init__(**parameters)
        describe_float_sums(self, operands=True)

    @property
    def adder_delay(self):
        return PeOsFloat.adder_delay(self.parameters["pipeline"])

    def accumulator_width(self):
        return FLOATS["fp32"].bits

    def decode(self, m, name, fmt, lanes, word, type_index):
        # A weight stays for three cycles in a PE, and comes so much later to the one below.
        step = self.sums_per_pe if name == "acts" else 1
        return decode_floats(m, name, fmt, lanes, word, step=step)

    def enter_acts(self, m, sequencer, word):
        if self.parameters["pipeline"] == 2:
            return word
        # Without operand registers the weight has to be in use when the activation comes.
        later = data_register(len(word), name="acts_later")
        m.d.sync += later.eq(word)
        return later

    def weights_taken(self, sequencer):
        return sequencer.load

    def control(self, m, sequencer, mesh):
        rows, step = self.parameters["rows"], self.sums_per_pe
        # Each flag is as late as the product that it belongs to; ``load`` goes ahead of it. Only
        # ``done`` needs a reset: of a lower row it would meet the next one of row 0.
        m.submodules.steps = steps = Delay(width=2, cycles=self.adder_delay, content="data")
        m.submodules.done = done = Delay(width=1, cycles=self.adder_delay + 1)
        m.d.comb += [
            steps.i.eq(Cat(sequencer.first, ~sequencer.step)),
            done.i.eq(self._all_sums(m, sequencer.launch)),
            mesh.first.eq(stagger(m, "first", steps.o[0], rows, "data", step)),
            mesh.idle.eq(stagger(m, "idle", steps.o[1], rows, "data", step)),
            mesh.load.eq(stagger(m, "load", sequencer.load, rows, "data", step)),
            mesh.done.eq(stagger(m, "done", done.o, rows, step=step)),
        ]

    def _all_sums(self, m, launch):
        """The flag for as many cycles as a PE has sums: their turns follow that of the last."""
        waves = stagger(m, "launch", launch, self.sums_per_pe)
        return waves.any()
