"""Processing element (PE) of one-bit products."""

from amaranth.hdl import Module, signed
from amaranth.lib.wiring import In, Out

from ..checks import check_choice, check_integer, check_relation
from ..systolic.pe_ws import stationary_registers
from ..unit import Unit, data_register
from .popcount import COUNTS, popcount

__all__ = ["FORMATS", "PeBinary"]

#: Operands -1 and 1, as 0 and 1; operands 0 and 1.
FORMATS = ("bin", "bit")


class PeBinary(Unit):
    """Counts the ones among ``pack`` one-bit products, and adds the count to the sums.

    A product is XNOR of the operands for ``bin``, where 1 stands for +1 and 0 for -1, and AND for
    ``bit``. Of n products of ``bin`` operands the sum is 2 · count - n; n is the engine's business.
    Registers, flags and latencies are those of :class:`PeWs`; sums have no sign.

    XNOR and popcount in the place of a multiplier: Rastegari et al., "XNOR-Net", ECCV 2016,
    section 3.2; AND and popcount: Umuroglu et al., "BISMO", FPL 2018, section III.

    Parameters
    ----------
    a_format, w_format : str
        ``"bin"`` or ``"bit"``, the same for both.
    psum_width : int
        Width of the partial sums; beyond it they wrap.
    pipeline : int
        0: count and sum in one cycle. 1: a register after the count. 2: one before the products
        too.
    pack : int
        Products of a cycle, 2 to 256.
    count : str
        ``"compressors"`` or ``"adders"``, for gates or for LUTs: see :func:`popcount`.

    Members
    -------
    acts, acts_o, weights, weights_o : ``In``, ``Out(pack)``
    shift, shift_o, swap, swap_o : ``In``, ``Out(1)``
    psums, psums_o : ``In``, ``Out(signed(psum_width))``
        Bits of a sum without a sign.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or a sum narrower than a count.
    """

    role = "PEs"

    def __init__(self, *, a_format, w_format, psum_width, pipeline, pack, count):
        check_choice("Activation format", a_format, FORMATS)
        check_choice("Weight format", w_format, FORMATS)
        check_relation(
            a_format == w_format,
            f"Weight format must be {a_format}, that of activations, not {w_format}",
        )
        check_integer("Pipeline register count", pipeline, 0, 2)
        check_integer("Product count", pack, 2, 256)
        check_choice("Count", count, COUNTS)
        check_integer("Partial sum width", psum_width, 2)
        check_relation(
            psum_width >= pack.bit_length(),
            f"Partial sum width {psum_width} is less than the {pack.bit_length()} bits of a count "
            f"of {pack}",
        )
        ports = {"acts": pack, "shift": 1, "swap": 1, "weights": pack}
        ports["psums"] = signed(psum_width)
        super().__init__(
            {name: In(shape) for name, shape in ports.items()}
            | {f"{name}_o": Out(shape) for name, shape in ports.items()}
        )

    def build(self):
        m = Module()
        acts, weight, psum = stationary_registers(m, self)
        if self.parameters["pipeline"] < 2:
            acts = self.acts
        params = self.parameters
        count = popcount(m, acts, weight, params["a_format"], params["count"])
        if self.parameters["pipeline"] > 0:
            count_q = data_register(len(count), name="count")
            m.d.sync += count_q.eq(count)
            count = count_q
        m.d.sync += psum.eq(self.psums + count)
        return m
