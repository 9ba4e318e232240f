"""What groups of weights have in common that choose their activations from shared lanes."""

import itertools

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.exact import product_shape
from ..arith.multiply import multiply
from ..checks import check_integer, check_relation
from ..unit import Unit, data_register

__all__ = ["PeGroup"]


class PeGroup(Unit):
    """Some weights of a column, each multiplied by one of ``lanes`` activations, and a sum.

    Weights and indices are in two registers, as in :class:`PeWs`: each bit of ``shift`` moves one
    of ``words`` shadow registers, which are a chain, and ``swap`` makes all that they hold the
    values in use, for the activations that come with ``swap`` when ``pipeline`` is 2 and for those
    a cycle later otherwise. Activations are taken in every cycle, and leave to the right after 1
    cycle. A subclass says what the rows are: products, and how the words hold their weights.

    Parameters
    ----------
    a_format, w_format : str
        Formats of activations and weights.
    psum_width : int
        Width of the partial sums; beyond it they wrap.
    pipeline : int
        0: choice, product and sum in one cycle. 1: a register after the multiplier. 2: one before
        the choice too, which holds what passes to the right anyway.
    words, lanes : int
    index_width : int
        Bits of the index beside a weight.

    Members
    -------
    acts, acts_o : ``In``, ``Out(data.ArrayLayout(operand shape of a_format, lanes))``
    shift, shift_o : ``In``, ``Out(words)``
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
    #: Number of products.
    rows: int
    #: Whether each row has a sum register of its own.
    skewed = False

    def __init__(self, *, a_format, w_format, psum_width, pipeline, words, lanes, index_width):
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
        weight = data.StructLayout({"operand": w.operand.shape, "index": index_width})
        ports = {
            "acts": data.ArrayLayout(a.operand.shape, lanes),
            "shift": words,
            "swap": 1,
            "weights": weight,
            "psums": signed(psum_width),
        }
        super().__init__(
            {name: In(shape) for name, shape in ports.items()}
            | {f"{name}_o": Out(shape) for name, shape in ports.items()}
        )

    def stored(self, row, words):
        """A row's weight and index in the words of the shadow registers, Values."""
        return words[row].operand, words[row].index

    def lanes_of(self, row):
        """The lanes that a row's index chooses from, that of index 0 first."""
        raise NotImplementedError

    def row_product(self, m, row, acts, weight):
        """What a row adds to the sum."""
        return self.product(m, acts, weight, f"_{row}")

    def build(self):
        m = Module()
        rows, skewed = self.rows, self.skewed
        psum_width = self.parameters["psum_width"]
        acts = data_register(self.acts.shape(), name="acts_q")
        # Flags that a reset leaves on their way are ahead of those of the next weights.
        shift = data_register(len(self.shift), name="shift_q")
        swap = data_register(1, name="swap_q")
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
        words, psum, products = self._words(m), self.psums, []
        for row in range(rows):
            index, weight = self._in_use(m, row, words, swaps[row])
            chosen = self._chosen(m, row, acts, index)
            for cycle in range(row if skewed else 0):
                delayed = data_register(len(chosen), name=f"chosen_{row}_{cycle + 1}")
                m.d.sync += delayed.eq(chosen)
                chosen = delayed
            product = self.row_product(m, row, _shaped(chosen, self.a_format), weight)
            products.append(product)
            if skewed:
                total = data_register(signed(psum_width), name=f"psum_{row}")
                m.d.sync += total.eq(psum + product)
                psum = total
        if not skewed:
            total = data_register(signed(psum_width), name="psum")
            m.d.sync += total.eq(psum + _tree(products))
            psum = total
        m.d.comb += [self.weights_o.eq(words[-1]), self.psums_o.eq(psum)]
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

    def _words(self, m):
        """The shadow registers."""
        words, before = [], self.weights
        for number in range(len(self.shift)):
            word = data_register(self.weights.shape(), name=f"shadow_{number}")
            with m.If(self.shift[number]):
                m.d.sync += word.eq(before)
            words.append(word)
            before = word
        return words

    def _in_use(self, m, row, words, swap):
        """A row's index and weight in use."""
        operand, choice = self.stored(row, words)
        bits = (len(self.lanes_of(row)) - 1).bit_length()
        index = data_register(bits, name=f"index_{row}")
        weight = data_register(operand.shape(), name=f"weight_{row}")
        # The choice is made when the group's activations come, before any delay.
        with m.If(self.swap):
            m.d.sync += index.eq(choice)
        with m.If(swap):
            m.d.sync += weight.eq(operand)
        return index, weight

    def _chosen(self, m, row, acts, index):
        """The activation of an index: a tree of multiplexers, as wide as an operand."""
        choices = [Value.cast(acts[lane]) for lane in self.lanes_of(row)]
        for bit in index:
            pairs = itertools.zip_longest(choices[::2], choices[1::2])
            choices = [low if high is None else Mux(bit, high, low) for low, high in pairs]
        chosen = Signal(len(choices[0]), name=f"chosen_{row}")
        m.d.comb += chosen.eq(choices[0])
        return chosen


def _tree(values):
    """Their sum, in as few levels of adders as there can be."""
    while len(values) > 1:
        odd = values[len(values) - len(values) % 2 :]
        values = [low + high for low, high in zip(values[::2], values[1::2], strict=False)] + odd
    return values[0]


def _shaped(value, fmt):
    """Bits as an operand of a format."""
    shape = fmt.operand.shape
    if isinstance(shape, data.Layout):
        return data.View(shape, value)
    return value.as_signed() if shape.signed else value
