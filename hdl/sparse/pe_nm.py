"""Processing element (PE) group of the N:M-sparse array: weights that choose their activations."""

import itertools

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.exact import product_shape
from ..arith.multiply import multiply
from ..checks import check_choice, check_integer, check_relation
from ..unit import Unit, data_register

__all__ = ["GROUP_SUMS", "PeNm", "index_width"]

#: Choices of the parameter ``group_sum``.
GROUP_SUMS = ("tree", "skew")


def index_width(group_rows, group_lanes):
    """Bits of the index of a weight in a group."""
    return (group_lanes - group_rows).bit_length()


class PeNm(Unit):
    """``group_rows`` weights of a column, each multiplied by one of ``group_lanes`` activations.

    A weight is stored with the index of its activation: that of weight *n* is in lane *n* + index.
    The weights of a group are in the order of their lanes, so indices go from 0 to
    ``group_lanes - group_rows``, and greater ones have no defined product. The sums grow by the
    products of all weights. NVIDIA's sparse tensor cores store 2:4 weights alike (PTX ISA,
    ``mma.sp``), with lanes for indices.

    Weights and indices are in two registers, as in :class:`PeWs`: each bit of ``shift`` moves one
    shadow register of the chain on, and ``swap`` makes all shadows the values in use, for the
    activations that come with ``swap`` when ``pipeline`` is 2 and for those a cycle later
    otherwise.

    The activations leave to the right after 1 cycle. ``group_sum`` says where the products meet:

    * ``"tree"``: all in one sum register. They are in ``psums_o`` ``pipeline + 1`` cycles after
      the activations came, added to what ``psums`` was in the cycle before.
    * ``"skew"``: weight *n* has its own sum register, and its activation is delayed by *n* cycles
      after the choice. They are in ``psums_o`` ``pipeline + group_rows`` cycles after the
      activations came, added to what ``psums`` was ``group_rows`` cycles before. The delay of
      weight 1 is a second input register of a DSP block.

    Both take activations in every cycle.

    Parameters
    ----------
    a_format, w_format : str
        Formats of activations and weights.
    psum_width : int
        Width of the partial sums; beyond it they wrap.
    pipeline : int
        0: choice, product and sum in one cycle. 1: a register after the multiplier. 2: one before
        the choice too, which holds what passes to the right anyway.
    group_rows : int
        Weights of the group, 1 to 8.
    group_lanes : int
        Activations of the group, at least ``group_rows`` and at most 32. With equal numbers there
        is no choice, and no index: dense weights that share a sum.
    group_sum : str
        ``"tree"`` or ``"skew"``.

    Members
    -------
    acts, acts_o : ``In``, ``Out(data.ArrayLayout(operand shape of a_format, group_lanes))``
    shift, shift_o : ``In``, ``Out(group_rows)``
    swap, swap_o : ``In``, ``Out(1)``
    weights, weights_o : ``In``, ``Out``
        A structure of ``operand``, of w_format, and ``index``.
    psums, psums_o : ``In``, ``Out(signed(psum_width))``

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or a sum narrower than a product.
    """

    role = "PEs"

    def __init__(
        self, *, a_format, w_format, psum_width, pipeline, group_rows, group_lanes, group_sum
    ):
        self.a_format = a = formats.get(a_format, "Activation format")
        self.w_format = w = formats.get(w_format, "Weight format")
        check_integer("Pipeline register count", pipeline, 0, 2)
        check_integer("Partial sum width", psum_width, 2)
        check_integer("Group row count", group_rows, 1, 8)
        check_integer("Group lane count", group_lanes, 2, 32)
        check_relation(
            group_lanes >= group_rows,
            f"Group lane count must be at least the {group_rows} rows of a group, not "
            f"{group_lanes}",
        )
        check_choice("Group sum", group_sum, GROUP_SUMS)
        product_width = product_shape(a, w).width
        check_relation(
            psum_width >= product_width,
            f"Partial sum width {psum_width} is less than the {product_width} bits of a product of "
            f"{a_format} and {w_format}",
        )
        index = index_width(group_rows, group_lanes)
        weight = data.StructLayout({"operand": w.operand.shape, "index": index})
        ports = {
            "acts": data.ArrayLayout(a.operand.shape, group_lanes),
            "shift": group_rows,
            "swap": 1,
            "weights": weight,
            "psums": signed(psum_width),
        }
        super().__init__(
            {name: In(shape) for name, shape in ports.items()}
            | {f"{name}_o": Out(shape) for name, shape in ports.items()}
        )

    def build(self):
        m = Module()
        rows, psum_width = self.parameters["group_rows"], self.parameters["psum_width"]
        skewed = self.parameters["group_sum"] == "skew"
        acts = data_register(self.acts.shape(), name="acts_q")
        # Flags that a reset leaves on their way are ahead of those of the next weights.
        shift, swap = data_register(rows, name="shift_q"), data_register(1, name="swap_q")
        m.d.sync += [acts.eq(self.acts), shift.eq(self.shift), swap.eq(self.swap)]
        m.d.comb += [self.acts_o.eq(acts), self.shift_o.eq(shift), self.swap_o.eq(swap)]
        if self.parameters["pipeline"] < 2:
            acts = self.acts
        # With sums in a row a weight comes into use as late as its activation.
        swaps = [self.swap] * rows
        if skewed and rows > 1:
            later = data_register(rows - 1, name="swap_later")
            m.d.sync += later.eq(Cat(self.swap, later)[:-1])
            swaps = Cat(self.swap, later)
        shadow, psum, products = self.weights, self.psums, []
        for row in range(rows):
            shadow, index, weight = self._stored(m, row, shadow, swaps[row])
            chosen = self._chosen(m, row, acts, index)
            for cycle in range(row if skewed else 0):
                delayed = data_register(len(chosen), name=f"chosen_{row}_{cycle + 1}")
                m.d.sync += delayed.eq(chosen)
                chosen = delayed
            product = self.product(m, _shaped(chosen, self.a_format), weight, f"_{row}")
            products.append(product)
            if skewed:
                total = data_register(signed(psum_width), name=f"psum_{row}")
                m.d.sync += total.eq(psum + product)
                psum = total
        if not skewed:
            total = data_register(signed(psum_width), name="psum")
            m.d.sync += total.eq(psum + sum(products[1:], products[0]))
            psum = total
        m.d.comb += [self.weights_o.eq(shadow), self.psums_o.eq(psum)]
        return m

    def product(self, m, acts, weight, suffix):
        """The product at the adder, behind a register unless ``pipeline`` is 0.

        A subclass may compute another one, of at most the same width; a zero operand must give a
        zero product.
        """
        registered = self.parameters["pipeline"] > 0
        return multiply(
            m, acts, self.a_format, weight, self.w_format, registered=registered, suffix=suffix
        )

    def _stored(self, m, row, before, swap):
        """A weight's shadow register, and the index and the operand in use."""
        layout = self.weights.shape()
        shadow = data_register(layout, name=f"shadow_{row}")
        index = data_register(layout["index"].shape, name=f"index_{row}")
        weight = data_register(layout["operand"].shape, name=f"weight_{row}")
        with m.If(self.shift[row]):
            m.d.sync += shadow.eq(before)
        # The choice is made when the group's activations come, before any delay.
        with m.If(self.swap):
            m.d.sync += index.eq(shadow.index)
        with m.If(swap):
            m.d.sync += weight.eq(shadow.operand)
        return shadow, index, weight

    def _chosen(self, m, row, acts, index):
        """The activation of an index: a tree of multiplexers, as wide as an operand."""
        rows, lanes = self.parameters["group_rows"], self.parameters["group_lanes"]
        choices = [Value.cast(acts[lane]) for lane in range(row, lanes - rows + row + 1)]
        for bit in index:
            pairs = itertools.zip_longest(choices[::2], choices[1::2])
            choices = [low if high is None else Mux(bit, high, low) for low, high in pairs]
        chosen = Signal(len(choices[0]), name=f"chosen_{row}")
        m.d.comb += chosen.eq(choices[0])
        return chosen


def _shaped(value, fmt):
    """Bits as an operand of a format."""
    shape = fmt.operand.shape
    if isinstance(shape, data.Layout):
        return data.View(shape, value)
    return value.as_signed() if shape.signed else value
