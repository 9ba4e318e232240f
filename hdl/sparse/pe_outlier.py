"""Processing element (PE) group with dense narrow weights and a few outliers."""

from amaranth.hdl import Cat, Value

from .. import formats
from ..arith.exact import product_shape
from ..arith.multiply import multiply
from ..checks import check_integer, check_relation
from .pe_group import PeGroup

__all__ = ["PeOutlier", "outlier_words"]


def outlier_words(digit, group_lanes):
    """Words of ``digit`` bits that hold an outlier: a signed digit of a bit more, and an index."""
    return -(-(digit + 1 + (group_lanes - 1).bit_length()) // digit)


class PeOutlier(PeGroup):
    """A dense digit for each of ``group_lanes`` activations, and ``outlier_rows`` upper digits.

    Rows 0 to ``group_lanes - 1`` multiply the activation of their own lane by a digit of B bits,
    those of ``w_format``. Each row behind them multiplies the activation that its index chooses by
    a digit of B + 1 bits, and its product counts 2^B times as much: it is the upper digit of a
    weight that B bits cannot hold. All products meet in one sum register: they are in ``psums_o``
    ``pipeline + 1`` cycles after the activations came, added to what ``psums`` was in the cycle
    before.

    OLAccel (Park, Kim, Yoo: "Energy-efficient neural network accelerator based on outlier-aware
    low-precision computation", ISCA 2018) has one such multiplier beside 16 lanes of 4 bits.

    The shadow registers hold a word of B bits for each dense digit, and then
    :func:`outlier_words` for each outlier: its digit in the low bits of the first ones, and the
    index of its lane above it.

    Parameters
    ----------
    a_format, w_format, psum_width, pipeline
        Those of :class:`PeGroup`; ``w_format`` is a signed integer of up to 8 bits.
    group_lanes : int
        Dense digits and activations of the group, 2 to 32.
    outlier_rows : int
        1 to 4.

    Members
    -------
    acts, acts_o, shift, shift_o, swap, swap_o, weights, weights_o, psums, psums_o
        Those of :class:`PeGroup`; weights have no index beside them.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or a sum narrower than a product.
    """

    def __init__(self, *, group_lanes, outlier_rows, **parameters):
        check_integer("Group lane count", group_lanes, 2, 32)
        check_integer("Outlier row count", outlier_rows, 1, 4)
        w_format = formats.get_integer(parameters["w_format"], "Weight format")
        check_relation(
            w_format.signed and w_format.bits <= 8,
            f"Weight format must be a signed integer of up to 8 bits, not {w_format.name}",
        )
        self.digit = w_format.bits
        self.outlier = formats.get(f"int{self.digit + 1}")
        self.rows = group_lanes + outlier_rows
        self.size = outlier_words(self.digit, group_lanes)
        super().__init__(
            words=group_lanes + outlier_rows * self.size,
            lanes=group_lanes,
            index_width=0,
            **parameters,
        )
        width = product_shape(self.a_format, self.outlier).width + self.digit
        check_relation(
            parameters["psum_width"] >= width,
            f"Partial sum width {parameters['psum_width']} is less than the {width} bits of an "
            f"outlier of {self.outlier.name} times {parameters['a_format']}",
        )

    def _number(self, row):
        """The number of a row among the outliers, negative for a dense digit."""
        return row - self.parameters["group_lanes"]

    def stored(self, row, words):
        if self._number(row) < 0:
            return super().stored(row, words)
        first = self.parameters["group_lanes"] + self._number(row) * self.size
        bits = Cat(Value.cast(word) for word in words[first : first + self.size])
        end = self.digit + 1 + (self.parameters["group_lanes"] - 1).bit_length()
        return bits[: self.digit + 1].as_signed(), bits[self.digit + 1 : end]

    def lanes_of(self, row):
        lanes = self.parameters["group_lanes"]
        return range(row, row + 1) if self._number(row) < 0 else range(lanes)

    def row_product(self, m, row, acts, weight):
        if self._number(row) < 0:
            return super().row_product(m, row, acts, weight)
        registered = self.parameters["pipeline"] > 0
        fmts = acts, self.a_format, weight, self.outlier
        return multiply(m, *fmts, registered=registered, suffix=f"_{row}") << self.digit
