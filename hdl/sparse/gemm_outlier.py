"""Weight-stationary GEMM engine with dense narrow weights and a few outliers."""

from .. import formats
from ..checks import check_integer, check_relation
from .grouped import GroupedWs
from .pe_outlier import PeOutlier, outlier_words

__all__ = ["GemmOutlier"]


class GemmOutlier(GroupedWs):
    """:class:`GemmWs` for weights most of which fit half of their bits.

    A weight of 2·B bits is w = d + 2^B · o: a digit d of B bits, and one of B + 1 bits that is 0
    for most weights. A group of rows has ``group_lanes`` dense digits d, one for each of as many
    terms of K, and ``outlier_rows`` digits o, each with the index of its activation among these:
    see :class:`PeOutlier`. So int8 weights are multiplied exactly, with int4 multipliers and one
    more for each 16 of them: OLAccel's division of labour (ISCA 2018, section 3), for weights.
    The digits are data. A host puts terms whose outliers meet in a column into different groups,
    and outliers for which a group has no row left into tiles of their own: a tile may have the
    same terms again, with all d 0.

    A tile has ``rows`` words of weights. A group takes ``group_lanes`` of them for the dense
    digits and :func:`outlier_words` for each outlier: 19 for 16 lanes, one outlier and int8. The
    streams are those of :class:`GemmWs`, but for two:

    * ``weights``: lanes of B bits, the words of a group as :class:`PeOutlier` has them.
    * ``acts``: a lane for each term of the tile, those of the first group in the low bits.

    **Cycles.** Those of :class:`GemmWs`, but sums pass one register for each group: results come
    ``rows`` less the number of groups cycles sooner.

    Parameters
    ----------
    group_lanes, outlier_rows : int
        Those of :class:`PeOutlier`.
    **parameters
        Those of :class:`GemmWs`. ``rows``, the words of a tile, is a multiple of those of a group;
        ``a_format`` has no OVP pairs; ``w_format`` is a signed integer of an even number of bits,
        4 to 16. ``overflow`` is ``"wrap"``, because the sum of the digits of a weight may be
        smaller than the digits.

    Members
    -------
    weights : ``In(stream.Signature(data.ArrayLayout(signed(B), cols)))``
    acts : ``In(stream.Signature(data.ArrayLayout(code shape of a_format, lanes)))``
    tiles, channels, results
        Those of :class:`GemmWs`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or parameters don't fit together.
    """

    number = 6
    rows_stream = None  # a tile has terms of its own choice
    pe = PeOutlier
    pe_parameters = ("group_lanes", "outlier_rows")

    def __init__(self, *, group_lanes, outlier_rows, **parameters):
        rows, overflow = parameters["rows"], parameters["overflow"]
        check_integer("Row count", rows, 1, 1024)
        check_integer("Group lane count", group_lanes, 2, 32)
        check_integer("Outlier row count", outlier_rows, 1, 4)
        w_format = formats.get_integer(parameters["w_format"], "Weight format")
        check_relation(
            w_format.signed and w_format.bits % 2 == 0 and w_format.bits >= 4,
            "Weight format must be a signed integer of an even number of bits, 4 to 16, not "
            f"{w_format.name}",
        )
        check_relation(
            rows % self.group_rows == 0,
            f"Row count must be a multiple of the {self.group_rows} words of a group, not {rows}",
        )
        check_relation(
            not formats.get(parameters["a_format"], "Activation format").pair,
            f"Activation format must have no OVP pairs, not be {parameters['a_format']}",
        )
        check_relation(overflow != "saturate", "Overflow must be wrap, not saturate")
        super().__init__(**parameters)

    @property
    def group_rows(self):
        lanes, outliers = self.parameters["group_lanes"], self.parameters["outlier_rows"]
        digit = formats.get(self.parameters["w_format"]).bits // 2
        return lanes + outliers * outlier_words(digit, lanes)

    @property
    def stored_format(self):
        return f"int{formats.get(self.parameters['w_format']).bits // 2}"

    def mesh_shape(self):
        return super().mesh_shape() | {"w_format": self.stored_format}
