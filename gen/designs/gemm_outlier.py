"""The GEMM engine with dense narrow weights and a few outliers."""

from dataclasses import dataclass
from typing import ClassVar

from ._gemm import FormatArray, StationaryArray
from .base import Contender, option

__all__ = ["GemmOutlier"]


def _signed_formats():
    return [f"int{bits}" for bits in range(4, 17, 2)]


@dataclass(frozen=True, kw_only=True)
class GemmOutlier(StationaryArray):
    """GEMM engine with dense int4 digits of int8 weights and a few outliers (OLAccel)."""

    rows: int = option(
        19, "words of weights of a tile: group_lanes and, for int8, 2 or 3 an outlier"
    )
    w_format: str = option(
        "int8", "format of weights; their digits have half of the bits", choices=_signed_formats
    )
    group_lanes: int = option(16, "dense digits, and lanes of activations, of a group: 2 to 32")
    outlier_rows: int = option(1, "outliers of a group and a column, 1 to 4")

    NAME: ClassVar[str] = "gemm_outlier"
    MODES: ClassVar[dict[str, type]] = FormatArray.MODES | {"outliers": str}
    LINT_CASES: ClassVar[tuple[tuple[str, ...], ...]] = tuple(
        ("cols=5", "tile_rows=2", "tile_cols=2", *settings)
        for settings in (
            ("rows=12", "group_lanes=4", "output=raw"),
            ("rows=11", "group_lanes=5", "outlier_rows=2", "output=bias", "w_format=int6"),
            ("rows=19", "a_format=int4+uint8", "output=scale", "pipeline=0"),
        )
    )
    WRAPPED_LINT_CASES: ClassVar[tuple[int, int]] = (0, 2)
    DEMO: ClassVar[bool] = False
    driver: ClassVar[str | None] = "gemm_outlier"

    def unit(self):
        from ...hdl.sparse import gemm_outlier

        return gemm_outlier.GemmOutlier(**self.as_dict())

    def checked_modes(self, modes):
        """Without weights, 1 % of them are outliers by default."""
        return super().checked_modes(modes) | {"outliers": modes.get("outliers", "1%")}

    @classmethod
    def contenders(cls):
        return [
            Contender(
                name="int4, 1% of W int8 (OLAccel)",
                design=cls.NAME,
                set={"a_format": "int4"},
                modes={"outliers": "1%"},
                order=88,
            )
        ]

    @classmethod
    def comparison(cls, contender, shape, workload):
        """As many dense digits as others have PEs, in groups of up to 16, or of one more term."""
        from ...sim.golden import formats
        from ...sim.golden.sparse.gemm_outlier import Group

        core = cls(**contender.set)
        count = max(2, shape["rows"])
        lanes = max(size for size in range(1, 17) if count % size == 0)
        if lanes == 1:  # a prime number
            count, lanes = count + 1, 2
        group = Group(formats.get(core.w_format).bits // 2, lanes, core.outlier_rows)
        rows = count // lanes * group.words
        return super().comparison(contender, shape | {"rows": rows, "group_lanes": lanes}, workload)
