"""Processing element (PE) of the output-stationary array."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.exact import WIDEST_SUM, product_shape
from ..arith.multiply import multiply
from ..arith.saturate import saturated
from ..checks import check_choice, check_integer, check_relation
from ..unit import Unit, data_register

__all__ = ["PeOs"]


class PeOs(Unit):
    """Multiplies what passes from the left by what passes from above, and keeps the sum.

    Activations and weights leave to the right and downwards after 1 cycle. Their product is in
    the sum ``pipeline + 1`` cycles after they came. ``first``, which is due with the product at
    the adder, ``pipeline`` cycles after its operands, makes the sum begin anew; ``done`` puts the
    sum out in the same cycle, otherwise the output is zero. A finished sum needs no register of
    its own: it goes out in the one cycle between its last product and the next sum's first.

    Parameters
    ----------
    a_format, w_format : str
        Formats of activations and weights.
    acc_width : int
        Width of the sum.
    overflow : str
        What a sum does that does not fit: ``"wrap"`` or ``"saturate"``, at each addition.
    pipeline : int
        0: product and sum in one cycle. 1: a register after the multiplier. 2: one before it too,
        which holds what passes on anyway; with both, the whole PE fits into a DSP block.

    Members
    -------
    acts, acts_o : ``In``, ``Out(operand shape of a_format)``
    first, first_o, done, done_o : ``In``, ``Out(1)``
    weights, weights_o : ``In``, ``Out(operand shape of w_format)``
    sums : ``Out(signed(acc_width))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or a sum that wraps narrower than a
        product.
    """

    role = "PEs"
    #: Control that passes from the left to the right with the activations.
    flags = ("first", "done")

    def __init__(self, *, a_format, w_format, acc_width, overflow, pipeline):
        self.a_format = a = formats.get(a_format, "Activation format")
        self.w_format = w = formats.get(w_format, "Weight format")
        check_integer("Pipeline register count", pipeline, 0, 2)
        check_integer("Accumulator width", acc_width, 2, WIDEST_SUM)
        check_choice("Overflow", overflow, ["wrap", "saturate"])
        self.product_width = product_width = product_shape(a, w).width
        check_relation(
            acc_width >= product_width or overflow == "saturate",
            f"Accumulator width {acc_width} is less than the {product_width} bits of a product of "
            f"{a_format} and {w_format}",
        )
        super().__init__(
            {
                "acts": In(a.operand.shape),
                "acts_o": Out(a.operand.shape),
                "first": In(1),
                "first_o": Out(1),
                "done": In(1),
                "done_o": Out(1),
                "weights": In(w.operand.shape),
                "weights_o": Out(w.operand.shape),
                "sums": Out(signed(acc_width)),
            }
        )

    def build(self):
        m = Module()
        pipeline, width = self.parameters["pipeline"], self.parameters["acc_width"]
        acts = data_register(self.acts.shape(), name="acts_q")
        weights = data_register(self.weights.shape(), name="weights_q")
        acc = data_register(signed(width), name="acc")
        # Flags that a reset leaves on their way are ahead of those of the next tile.
        first, done = data_register(1, name="first_q"), data_register(1, name="done_q")
        m.d.sync += [
            acts.eq(self.acts),
            weights.eq(self.weights),
            first.eq(self.first),
            done.eq(self.done),
        ]
        m.d.comb += [
            self.acts_o.eq(acts),
            self.first_o.eq(first),
            self.done_o.eq(done),
            self.weights_o.eq(weights),
            self.sums.eq(Mux(self.done, acc, 0)),
        ]

        operands = (acts, weights) if pipeline == 2 else (self.acts, self.weights)
        product = self.product(m, *operands)
        # Written as a multiplexer before the adder, and not as an If around two assignments, it
        # falls into the accumulator of a DSP block.
        total = Signal(signed(max(width, self.product_width) + 1))
        m.d.comb += total.eq(Mux(self.first, 0, acc) + product)
        if self.parameters["overflow"] == "saturate":
            m.d.sync += acc.eq(saturated(m, total, width))
        else:
            m.d.sync += acc.eq(total)
        return m

    def product(self, m, acts, weights):
        """The product at the adder, behind a register unless ``pipeline`` is 0.

        A subclass may compute another one, of at most ``product_width`` bits.
        """
        registered = self.parameters["pipeline"] > 0
        return multiply(m, acts, self.a_format, weights, self.w_format, registered=registered)
