"""Sixteen BitBricks that fuse to one, two, four, eight or sixteen multipliers."""

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, signed, unsigned
from amaranth.lib.wiring import In, Out

from ..checks import check_choice
from ..unit import Unit
from .bitbrick import BitBrick
from .mode import MODE

__all__ = ["FusionUnit", "fused_sum"]

#: Bits of the sum of sixteen digits' products, offset included, in every mode.
SUM_WIDTH = 16


class FusionUnit(Unit):
    """Adds up to sixteen products: one of 8 × 8 bits, two of 8 × 4, ... or sixteen of 2 × 2.

    Sharma et al., "Bit Fusion: Bit-Level Dynamically Composable Architecture for Accelerating Deep
    Neural Networks", ISCA 2018, section III. Digits of two bits meet in a square of BitBricks: the
    one in row *i* and column *j* multiplies digit *i* of the activations' byte *j* by digit *j*
    of the weights' byte *i*. A number of 4 or 8 bits takes two or four rows, or columns, and its
    bytes are the same in all columns, or rows, that work together (:class:`Spread`). It is
    combinational.

    With ``tree="separable"`` digits have no sign. What makes a bit of a product negative inverts
    it (Baugh and Wooley's way), which makes the sum too large by an ``offset`` that depends on the
    mode alone (:class:`ModeDecoder`): an array subtracts it once for a whole column. Neighbours are
    added first in rows of digits, then in columns, then pairs of them, each time with the one
    shift that this takes. With ``tree="paper"`` each BitBrick handles signs, each of four in a
    square has its own shift, and each square of four another; ``offset`` is then not used.

    Parameters
    ----------
    tree : str
        ``"separable"`` or ``"paper"``.

    Members
    -------
    a, w : ``In(32)``
        Four bytes.
    mode : ``In(MODE)``
    offset : ``In(17)``
        What to subtract.
    o : ``Out(signed(17))``
        From -32640 to 65025.

    Raises
    ------
    TypeError, ValueError
        If ``tree`` is none of its choices.
    """

    role = "PEs"

    def __init__(self, *, tree="separable"):
        check_choice("Tree", tree, ["separable", "paper"])
        super().__init__(
            {
                "a": In(32),
                "w": In(32),
                "mode": In(MODE),
                "offset": In(unsigned(17)),
                "o": Out(signed(17)),
            }
        )

    def build(self):
        m = Module()
        if self.parameters["tree"] == "separable":
            m.d.comb += self.o.eq(fused_sum(m, self.a, self.w, self.mode) - self.offset)
            return m
        bricks = {}
        for i in range(4):
            for j in range(4):
                m.submodules[f"brick_{i}_{j}"] = brick = BitBrick()
                x, y = _digits(self.a, self.w, i, j)
                m.d.comb += [
                    brick.x.eq(x),
                    brick.y.eq(y),
                    brick.x_signed.eq(self.mode.a_tops[i]),
                    brick.y_signed.eq(self.mode.w_tops[j]),
                ]
                bricks[i, j] = brick.o
        squares = {}
        for i in range(2):
            for j in range(2):
                four = [((p, q), bricks[2 * i + p, 2 * j + q]) for p in (0, 1) for q in (0, 1)]
                squares[i, j] = _shifted_sum(
                    m, f"square_{i}_{j}", four, 2, self.mode.a4, self.mode.w4
                )
        total = _shifted_sum(m, "total", squares.items(), 4, self.mode.a8, self.mode.w8)
        m.d.comb += self.o.eq(total)
        return m


def _digits(a, w, i, j):
    """Digit *i* of the activations' byte *j*, and digit *j* of the weights' byte *i*."""
    return a[8 * j + 2 * i :][:2], w[8 * i + 2 * j :][:2]


def _shifted_sum(m, name, terms, distance, a_shifts, w_shifts):
    """The sum of four terms, each shifted for its row and for its column, as the paper has it."""
    total = 0
    for (i, j), term in terms:
        for side, index, shifts in (("a", i, a_shifts), ("w", j, w_shifts)):
            if index:
                term = _shifted(m, f"{name}_{i}_{j}_{side}", term, distance, shifts)
        total = total + term
    result = Signal(total.shape(), name=name)
    m.d.comb += result.eq(total)
    return result


def _shifted(m, name, value, distance, condition):
    signal = Signal(Shape(len(value) + distance, value.shape().signed), name=name)
    m.d.comb += signal.eq(Mux(condition, value << distance, value))
    return signal


def fused_sum(m, a, w, mode):
    """The sum of a separable unit with its offset: 16 bits without sign."""
    sums = {}
    for i in range(4):
        for j in range(4):
            sums[i, j] = _unsigned_brick(m, i, j, *_digits(a, w, i, j), mode)
    rows = columns = 4
    for level, (side, condition, distance) in enumerate(
        (("a", mode.a4, 2), ("w", mode.w4, 2), ("a", mode.a8, 4), ("w", mode.w8, 4))
    ):
        down = side == "a"
        rows, columns = (rows // 2, columns) if down else (rows, columns // 2)
        joined = {}
        for i in range(rows):
            for j in range(columns):
                first = sums[2 * i, j] if down else sums[i, 2 * j]
                second = sums[2 * i + 1, j] if down else sums[i, 2 * j + 1]
                name = f"sum_{level}_{i}_{j}"
                shifted = _shifted(m, f"{name}_shifted", second, distance, condition)
                joined[i, j] = Signal(unsigned(min(len(shifted) + 1, SUM_WIDTH)), name=name)
                m.d.comb += joined[i, j].eq(first + shifted)
        sums = joined
    return sums[0, 0]


def _unsigned_brick(m, i, j, x, y, mode):
    """The product of two digits, bits inverted instead of negated: 0 to 13."""
    x_signed, y_signed = mode.a_tops[i], mode.w_tops[j]
    low = Cat(x[0] & y[0], (x[1] & y[0]) ^ x_signed)
    high = Cat((x[0] & y[1]) ^ y_signed, (x[1] & y[1]) ^ x_signed ^ y_signed)
    product = Signal(4, name=f"brick_{i}_{j}")
    m.d.comb += product.eq(low + (high << 1))
    return product
