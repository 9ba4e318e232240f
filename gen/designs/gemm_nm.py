"""The GEMM engine for N:M-sparse weights."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from ._gemm import FormatArray, StationaryArray
from .base import Contender, option

__all__ = ["GemmNm"]


def _group_sums():
    from ...hdl.sparse import pe_nm

    return pe_nm.GROUP_SUMS


@dataclass(frozen=True, kw_only=True)
class GemmNm(StationaryArray):
    """Weight-stationary GEMM engine for N:M-sparse weights (NVIDIA 2:4)."""

    group_rows: int = option(2, "N: rows of PEs in a group, 1 to 8; rows is a multiple")
    group_lanes: int = option(4, "M: lanes of activations of a group, more than N, up to 32")
    group_sum: str = option(
        "tree", "sum of a group: tree, or skew with a register for each PE", choices=_group_sums
    )

    NAME: ClassVar[str] = "gemm_nm"
    MODES: ClassVar[dict[str, type]] = FormatArray.MODES | {"pattern": str}
    LINT_CASES: ClassVar[tuple[tuple[str, ...], ...]] = tuple(
        ("cols=5", "tile_rows=2", "tile_cols=2", *settings)
        for settings in (
            ("rows=4", "output=raw"),
            ("rows=3", "group_rows=1", "group_lanes=5", "group_sum=skew", "output=bias"),
            ("rows=4", "group_sum=skew", "a_format=ovp_int4", "w_format=int4+flint4+int8"),
            (
                *("rows=6", "group_rows=3", "a_format=e4m3", "w_format=e5m2", "max_k=50"),
                *("nan_inf=flag", "output=scale"),
            ),
        )
    )
    DEMO: ClassVar[bool] = False
    driver: ClassVar[str | None] = "gemm_nm"

    def unit(self):
        from ...hdl.sparse import gemm_nm

        return gemm_nm.GemmNm(**self.as_dict())

    def checked_modes(self, modes):
        """Without a pattern, each layer has its own."""
        checked = super().checked_modes(modes)
        if checked["pattern"] is None:
            del checked["pattern"]
        self._plan(checked)
        return checked

    def usable(self, layer):
        usable = super().usable(layer)
        if layer.pattern is None:
            return usable
        try:
            self._plan({"pattern": layer.pattern})
        except ValueError:  # it does not fit the groups
            return usable
        return dataclasses.replace(usable, pattern=layer.pattern)

    def _plan(self, modes):
        from ...sim.designs import registry
        from ..emission.emit import outline

        return registry.model(outline(self)).plan(1, 1, 1, **modes)

    @classmethod
    def contenders(cls):
        def pruned(name, order, pattern, **parameters):
            return Contender(
                name=name, design=cls.NAME, set=parameters, sparsity=pattern, order=order
            )

        return [
            pruned("2:4, int8 (NVIDIA)", 84, "2:4"),
            pruned("1:4, int8 (VEGETA)", 86, "1:4", group_rows=1),
        ]
