"""Processing element (PE) group of the N:M-sparse array: weights that choose their activations."""

from ..checks import check_choice, check_integer, check_relation
from .pe_group import PeGroup

__all__ = ["GROUP_SUMS", "PeNm", "index_width"]

#: Choices of the parameter ``group_sum``.
GROUP_SUMS = ("tree", "skew")


def index_width(group_rows, group_lanes):
    """Bits of the index of a weight in a group."""
    return (group_lanes - group_rows).bit_length()


class PeNm(PeGroup):
    """``group_rows`` weights of a column, each multiplied by one of ``group_lanes`` activations.

    A weight is stored with the index of its activation: that of weight *n* is in lane *n* + index.
    The weights of a group are in the order of their lanes, so indices go from 0 to
    ``group_lanes - group_rows``, and greater ones have no defined product. The sums grow by the
    products of all weights. NVIDIA's sparse tensor cores store 2:4 weights alike (PTX ISA,
    ``mma.sp``), with lanes for indices.

    Registers of weights and activations are those of :class:`PeGroup`. ``group_sum`` says where
    the products meet:

    * ``"tree"``: all in one sum register. They are in ``psums_o`` ``pipeline + 1`` cycles after
      the activations came, added to what ``psums`` was in the cycle before.
    * ``"skew"``: weight *n* has its own sum register, and its activation is delayed by *n* cycles
      after the choice. They are in ``psums_o`` ``pipeline + group_rows`` cycles after the
      activations came, added to what ``psums`` was ``group_rows`` cycles before. The delay of
      weight 1 is a second input register of a DSP block.

    Parameters
    ----------
    a_format, w_format, psum_width, pipeline
        Those of :class:`PeGroup`.
    group_rows : int
        Weights of the group, 1 to 8.
    group_lanes : int
        Activations of the group, at least ``group_rows`` and at most 32. With equal numbers there
        is no choice, and no index: dense weights that share a sum.
    group_sum : str
        ``"tree"`` or ``"skew"``.

    Members
    -------
    acts, acts_o, shift, shift_o, swap, swap_o, weights, weights_o, psums, psums_o
        Those of :class:`PeGroup`, with ``group_rows`` words and ``group_lanes`` lanes.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or a sum narrower than a product.
    """

    def __init__(self, *, group_rows, group_lanes, group_sum, **parameters):
        check_integer("Group row count", group_rows, 1, 8)
        check_integer("Group lane count", group_lanes, 2, 32)
        check_relation(
            group_lanes >= group_rows,
            f"Group lane count must be at least the {group_rows} rows of a group, not "
            f"{group_lanes}",
        )
        check_choice("Group sum", group_sum, GROUP_SUMS)
        super().__init__(
            words=group_rows,
            lanes=group_lanes,
            index_width=index_width(group_rows, group_lanes),
            **parameters,
        )

    @property
    def rows(self):
        return self.parameters["group_rows"]

    @property
    def skewed(self):
        return self.parameters["group_sum"] == "skew"

    def lanes_of(self, row):
        free = self.parameters["group_lanes"] - self.parameters["group_rows"]
        return range(row, row + free + 1)
