"""Processing element (PE) of the weight-stationary array."""

from amaranth.hdl import Module, signed
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.exact import product_shape
from ..arith.multiply import multiply
from ..checks import check_integer, check_relation
from ..unit import Unit, data_register

__all__ = ["PeWs", "stationary_registers"]


class PeWs(Unit):
    """Multiplies the activations that pass by the weight that stays, and adds to the sums.

    The weight is in two registers: ``shift`` moves the shadow's chain on by one, and ``swap``
    makes the shadow's value the one in use, for the activation that comes with ``swap`` when
    ``pipeline`` is 2 and for the one a cycle later otherwise (the array's border delays the
    activations accordingly). So no multiplexer lies before the multiplier.

    An activation leaves to the right after 1 cycle. Its product is in ``psums_o``
    ``pipeline + 1`` cycles after it came, added to what ``psums`` was in the cycle before.

    Parameters
    ----------
    a_format, w_format : str
        Formats of activations and weights.
    psum_width : int
        Width of the partial sums; beyond it they wrap.
    pipeline : int
        0: product and sum in one cycle. 1: a register after the multiplier. 2: one before it too,
        which holds what passes to the right anyway; with both, the whole PE fits into a DSP
        block.

    Members
    -------
    acts, acts_o : ``In``, ``Out(operand shape of a_format)``
    shift, shift_o, swap, swap_o : ``In``, ``Out(1)``
    weights, weights_o : ``In``, ``Out(operand shape of w_format)``
    psums, psums_o : ``In``, ``Out(signed(psum_width))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or a sum narrower than a product.
    """

    role = "PEs"

    def __init__(self, *, a_format, w_format, psum_width, pipeline):
        self.a_format = a = formats.get(a_format, "Activation format")
        self.w_format = w = formats.get(w_format, "Weight format")
        check_integer("Pipeline register count", pipeline, 0, 2)
        check_integer("Partial sum width", psum_width, 2)
        product_width = product_shape(a, w).width
        check_relation(
            psum_width >= product_width,
            f"Partial sum width {psum_width} is less than the {product_width} bits of a product of "
            f"{a_format} and {w_format}",
        )
        super().__init__(
            {
                "acts": In(a.operand.shape),
                "acts_o": Out(a.operand.shape),
                "shift": In(1),
                "shift_o": Out(1),
                "swap": In(1),
                "swap_o": Out(1),
                "weights": In(w.operand.shape),
                "weights_o": Out(w.operand.shape),
                "psums": In(signed(psum_width)),
                "psums_o": Out(signed(psum_width)),
            }
        )

    def build(self):
        m = Module()
        acts, weight = stationary_registers(m, self)
        psum = data_register(self.psums.shape(), name="psum")
        product = self.product(m, acts if self.parameters["pipeline"] == 2 else self.acts, weight)
        m.d.sync += psum.eq(self.psums + product)
        m.d.comb += self.psums_o.eq(psum)
        return m

    def product(self, m, acts, weight):
        """The product at the adder, behind a register unless ``pipeline`` is 0.

        A subclass may compute another one, of at most the same width.
        """
        registered = self.parameters["pipeline"] > 0
        return multiply(m, acts, self.a_format, weight, self.w_format, registered=registered)


def stationary_registers(m, pe):
    """The registers of a weight-stationary PE but for those of its multiplier and its sum.

    Parameters
    ----------
    pe : Unit
        With the ports of :class:`PeWs`, of any shapes.

    Returns
    -------
    (Signal, Signal)
        The activation a cycle later, and the weight in use.
    """
    acts = data_register(pe.acts.shape(), name="acts_q")
    shadow = data_register(pe.weights.shape(), name="shadow")
    weight = data_register(pe.weights.shape(), name="weight")
    # Flags that a reset leaves on their way are ahead of those of the next weights.
    shift, swap = data_register(1, name="shift_q"), data_register(1, name="swap_q")
    m.d.sync += [
        acts.eq(pe.acts),
        shift.eq(pe.shift),
        swap.eq(pe.swap),
    ]
    m.d.comb += [
        pe.acts_o.eq(acts),
        pe.shift_o.eq(shift),
        pe.swap_o.eq(swap),
        pe.weights_o.eq(shadow),
    ]
    with m.If(pe.shift):
        m.d.sync += shadow.eq(pe.weights)
    with m.If(pe.swap):
        m.d.sync += weight.eq(shadow)
    return acts, weight
