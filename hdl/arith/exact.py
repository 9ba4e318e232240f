"""Widths that hold sums of products exactly."""

from amaranth.hdl import signed, unsigned

__all__ = [
    "WIDEST_SUM",
    "index_shape",
    "product_shape",
    "signed_width",
    "sum_range",
    "sum_width",
]

#: Most bits of an exact sum, one that is rounded in the end.
WIDEST_SUM = 128


def signed_width(lowest, highest):
    """Bits of the narrowest two's complement number that holds ``lowest`` and ``highest``."""
    return max((~lowest if lowest < 0 else lowest).bit_length(), highest.bit_length()) + 1


def sum_range(a_format, w_format, terms):
    """Least and largest sum of ``terms`` products of an ``a_format`` and a ``w_format`` number."""
    corners = [
        a * w
        for a in (a_format.lowest, a_format.highest)
        for w in (w_format.lowest, w_format.highest)
    ]
    return terms * min(corners), terms * max(corners)


def sum_width(a_format, w_format, terms):
    """Bits of the two's complement accumulator that is exact for ``terms`` products."""
    return signed_width(*sum_range(a_format, w_format, terms))


def product_shape(a_format, w_format):
    """Shape of one product, always signed, so that it can be added to an accumulator as it is."""
    return signed(sum_width(a_format, w_format, 1))


def index_shape(count):
    """Shape of an index into ``count`` things: at least one bit, as not every tool takes none."""
    return unsigned(max(1, (count - 1).bit_length()))
