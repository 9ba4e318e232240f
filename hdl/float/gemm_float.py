"""Weight-stationary GEMM engine with sums in binary32, in the manner of the later TPUs."""

from ..array.border import skewed
from ..checks import check_relation
from ..systolic.gemm_ws import GemmWs
from ..systolic.stationary import add_accumulators
from .float_accumulator import REVISIT, FloatAccumulatorBank
from .float_decoder import FloatDecoderBank, float_format
from .fp_add import FpAdd
from .layout import FLOATS
from .pe_float import PeFloat

__all__ = [
    "GemmFloat",
    "check_float_operands",
    "check_float_sums",
    "decode_floats",
    "describe_float_sums",
]


def check_float_sums(parameters, **fixed):
    """Check parameters of :class:`GemmWs` that sums in binary32 leave no choice of.

    Raises
    ------
    ValueError
        If one has another value.
    """
    for name, default in ({"overflow": "wrap", "acc_width": 0} | fixed).items():
        check_relation(
            parameters[name] == default,
            f"Parameter {name} must be {default} for sums in fp32, not {parameters[name]}",
        )
    output = parameters["output"]
    check_relation(
        output in ("raw", "bf16", "fp16"),
        f"Output must be raw, bf16 or fp16 for sums in fp32, not {output}",
    )


def check_float_operands(parameters):
    """Check parameters of an engine with products of floats in binary32.

    Raises
    ------
    TypeError, ValueError
        If a format is no small float, or a parameter has another value than its default.
    """
    float_format(parameters["a_format"], "Activation format")
    float_format(parameters["w_format"], "Weight format")
    check_float_sums(parameters, nan_inf="saturate")


def describe_float_sums(engine, *, operands=False):
    """What the manifest says of an engine with sums in binary32; ``operands`` are floats, too."""
    output = engine.parameters["output"]
    engine.derived["result_format"] = "fp32" if output == "raw" else output
    if operands:
        engine.derived["sums"] = "fp32"


def decode_floats(m, name, fmt, lanes, word, **spacing):
    """A word of codes, staggered and decoded at the border: see :func:`decode_at_border`."""
    word = skewed(m, name, lanes, fmt.bits, word, **spacing)
    m.submodules[f"{name}_decoders"] = bank = FloatDecoderBank(lanes=lanes, format=fmt.name)
    m.d.comb += bank.i.eq(word)
    return bank.o


class GemmFloat(GemmWs):
    """:class:`GemmWs` for floats: products exact, sums rounded to binary32 at each addition.

    The MXU of Google's TPU v2 and v3 computes so with bf16 (Norrie et al., IEEE Micro 2021).
    Streams, tiles and runs are those of :class:`GemmWs`.

    **Exactly.** A product of two operands is exact, as :class:`FpMultiply` says. Sums are rounded
    to nearest even as :class:`FpAdd` says: subnormal operands and sums count as zeros. In a tile
    the products are added from +0 on, that of row 0, the lowest k, first; rows beyond K add the
    product of two zeros. The sums of tiles are added from +0 on in the order of the tiles. So
    results depend on ``rows``, and on nothing else: neither on ``cols``, nor on stalls or how M and
    N are cut. NaN and infinities are those of IEEE 754; NaN is 0x7FC00000.

    **Cycles.** A row of the array takes three cycles, so the activations of row *n* enter 3 · *n*
    cycles after those of row 0: results come ``2 * rows + 2`` cycles later than those of
    :class:`GemmWs`. The next weights wait for the wavefront, so a tile takes ``3 * rows - 2``
    cycles at least, and no less than 6.

    Parameters
    ----------
    **parameters
        Those of :class:`GemmWs`. ``a_format`` and ``w_format`` are small floats, one each, of at
        most 8 exponent bits and together at most 22 fraction bits: for example bf16, tf32, fp16.
        ``output`` is ``"raw"``, the sums in binary32, ``"bf16"`` or ``"fp16"``. ``overflow`` and
        ``nan_inf`` have their defaults, ``acc_width`` is 0; ``max_k`` only limits K.

    Members
    -------
    tiles, weights, acts, results
        Those of :class:`GemmWs`; lanes of results are codes of the output's format.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or parameters don't fit together.
    """

    pe = PeFloat
    float_sums = 1
    entry_step = FpAdd.latency
    foot_latency = FpAdd.latency - 1

    def __init__(self, **parameters):
        check_float_operands(parameters)
        super().__init__(**parameters)
        self.timing["cycle_slack"] += self.lateness
        describe_float_sums(self, operands=True)

    def accumulator_width(self):
        return FLOATS["fp32"].bits

    def tile_sum_width(self):
        return FLOATS["fp32"].bits

    @property
    def revisit(self):
        return REVISIT

    def decode(self, m, name, fmt, lanes, word, type_index, **spacing):
        return decode_floats(m, name, fmt, lanes, word, **spacing)

    def accumulate(self, m, sequencer, psums):
        params = self.parameters
        return add_accumulators(
            m,
            sequencer.visit,
            psums,
            bank=FloatAccumulatorBank,
            array_latency=self.array_latency,
            cols=params["cols"],
            tile_cols=params["tile_cols"],
            depth=params["acc_depth"],
        )
