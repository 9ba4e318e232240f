"""Weight-stationary GEMM engine for N:M-sparse weights."""

from amaranth.hdl import Cat, Value

from .. import formats
from ..array.skew import Skew
from ..checks import check_integer, check_relation
from .grouped import GroupedWs
from .pe_nm import PeNm, index_width

__all__ = ["GemmNm"]


class GemmNm(GroupedWs):
    """:class:`GemmWs` whose weights come with the index of their activation.

    ``group_rows`` rows of PEs are a group and share ``group_lanes`` lanes of activations; each PE
    holds a weight and the index of its activation. A tile has ``rows`` × ``cols`` weights as in
    :class:`GemmWs`, and stands for up to ``rows`` · ``group_lanes`` / ``group_rows`` terms of K:
    with 2 and 4, NVIDIA's 2:4 sparsity (PTX ISA, ``mma.sp``), half of the tiles of a dense array.
    The indices are data. So one array computes dense products, with all indices 0, and with every
    pattern of at most ``group_rows`` non-zeros in up to ``group_lanes`` terms; it may change from
    tile to tile.

    The streams are those of :class:`GemmWs`, but for two:

    * ``weights``: ``lane``, the codes, and ``index``, of all columns. The activation of row *n* of
      a group is in its lane *n* + index, with indices from 0 to ``group_lanes - group_rows``.
    * ``acts``: ``rows`` · ``group_lanes`` / ``group_rows`` lanes, those of the first group in the
      low bits.

    **Exactly.** The products of a tile and their sum are exact. With ``nan_inf="flag"`` a special
    value flags its results whether or not a weight chooses it.

    **Cycles.** With ``group_sum="skew"`` those of :class:`GemmWs`. With ``"tree"`` sums pass one
    register for each group, and results come ``rows - rows / group_rows`` cycles sooner.

    Parameters
    ----------
    group_rows, group_lanes : int
        Rows of PEs in a group and its lanes of activations: see :class:`PeNm`.
    group_sum : str
        ``"tree"``, the smaller one in ASICs, or ``"skew"``, the smaller one in DSP blocks.
    **parameters
        Those of :class:`GemmWs`. ``rows`` is a multiple of ``group_rows``, which is even where
        ``a_format`` has OVP pairs; ``w_format`` has none.

    Members
    -------
    weights : ``In(stream.Signature(structure of lane and index))``
    acts : ``In(stream.Signature(data.ArrayLayout(code shape of a_format, lanes)))``
    tiles, channels, results
        Those of :class:`GemmWs`.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range, or parameters don't fit together.
    """

    number = 5
    pe = PeNm
    pe_parameters = ("group_rows", "group_lanes", "group_sum")

    def __init__(self, *, group_rows, group_lanes, group_sum, **parameters):
        rows = parameters["rows"]
        check_integer("Row count", rows, 1, 1024)
        check_integer("Group row count", group_rows, 1, 8)
        check_integer("Group lane count", group_lanes, 2, 32)
        check_relation(
            group_lanes > group_rows,
            f"Group lane count must be more than the {group_rows} rows of a group, not "
            f"{group_lanes}",
        )
        check_relation(
            rows % group_rows == 0,
            f"Row count must be a multiple of the {group_rows} rows of a group, not {rows}",
        )
        check_relation(
            not formats.get(parameters["w_format"], "Weight format").pair,
            f"Weight format must have no OVP pairs, not be {parameters['w_format']}",
        )
        check_relation(
            group_rows % 2 == 0
            or not formats.get(parameters["a_format"], "Activation format").pair,
            f"Group row count must be even for the pairs of {parameters['a_format']}, not "
            f"{group_rows}",
        )
        super().__init__(**parameters)

    @property
    def entry_step(self):
        return self.parameters["group_rows"] if self.parameters["group_sum"] == "skew" else 1

    @property
    def group_rows(self):
        return self.parameters["group_rows"]

    @property
    def index_width(self):
        return index_width(self.parameters["group_rows"], self.parameters["group_lanes"])

    def enter_weights(self, m, operands, indices):
        cols, width = self.parameters["cols"], self.index_width
        m.submodules.indices_skew = skew = Skew(lanes=cols, width=width, backwards=0)
        m.d.comb += skew.i.eq(indices)
        operands = Value.cast(operands)
        size = len(operands) // cols
        return Cat(
            Cat(operands[n * size : (n + 1) * size], skew.o[n * width : (n + 1) * width])
            for n in range(cols)
        )
