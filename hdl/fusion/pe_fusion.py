"""Processing element (PE) of the array of fusion units."""

from amaranth.hdl import Module, signed
from amaranth.lib.wiring import In, Out

from ..checks import check_integer, check_relation
from ..systolic.pe_ws import stationary_registers
from ..unit import Unit, data_register
from .fusion_unit import SUM_WIDTH, fused_sum
from .mode import MODE

__all__ = ["PeFusion"]


class PeFusion(Unit):
    """Adds its weights' products with what passes from the left to the partial sum from above.

    The PE of :class:`PeWs` with a separable :class:`FusionUnit` for a multiplier; flags and
    latencies are the same. What it adds is too large by the mode's offset, and ``mode`` may change
    only while nothing is on its way.

    Parameters
    ----------
    psum_width : int
        Width of the partial sums, 17 or more; beyond it they wrap.
    pipeline : int
        0: product and sum in one cycle. 1: a register after the multiplier. 2: one before it too.

    Members
    -------
    acts, acts_o, weights, weights_o : ``In``, ``Out(32)``
        Four bytes: see :class:`Spread`.
    shift, shift_o, swap, swap_o : ``In``, ``Out(1)``
    psums, psums_o : ``In``, ``Out(signed(psum_width))``
    mode : ``In(MODE)``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "PEs"

    def __init__(self, *, psum_width, pipeline):
        check_integer("Pipeline register count", pipeline, 0, 2)
        check_integer("Partial sum width", psum_width, 2)
        check_relation(
            psum_width > SUM_WIDTH,
            f"Partial sum width {psum_width} is less than the {SUM_WIDTH + 1} bits of a fused sum",
        )
        super().__init__(
            {
                "acts": In(32),
                "acts_o": Out(32),
                "shift": In(1),
                "shift_o": Out(1),
                "swap": In(1),
                "swap_o": Out(1),
                "weights": In(32),
                "weights_o": Out(32),
                "psums": In(signed(psum_width)),
                "psums_o": Out(signed(psum_width)),
                "mode": In(MODE),
            }
        )

    def build(self):
        m = Module()
        pipeline = self.parameters["pipeline"]
        acts, weight = stationary_registers(m, self)
        psum = data_register(self.psums.shape(), name="psum")
        product = fused_sum(m, acts if pipeline == 2 else self.acts, weight, self.mode)
        if pipeline > 0:
            product_q = data_register(SUM_WIDTH, name="product")
            m.d.sync += product_q.eq(product)
            product = product_q
        m.d.sync += psum.eq(self.psums + product)
        m.d.comb += self.psums_o.eq(psum)
        return m
