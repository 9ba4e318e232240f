"""The GEMM engine for operands with scales for groups of terms."""

from dataclasses import dataclass
from typing import ClassVar

from ._gemm import StationaryArray, all_formats
from .base import Contender, option

__all__ = ["GemmScaled"]


def _w_scales():
    from ...hdl.float import scale_product

    return tuple(scale_product.SCALES)


def _a_scales():
    from ...hdl.float import gemm_scaled

    return gemm_scaled.A_SCALES


@dataclass(frozen=True, kw_only=True)
class GemmScaled(StationaryArray):
    """GEMM engine for operands with scales for groups of terms: W4A16, MX, NVFP4."""

    a_format: str = option("fp16", "format of activations", choices=all_formats)
    w_format: str = option("int4", "format of weights", choices=all_formats)
    group: int = option(128, "most terms of K that share a scale")
    w_scale: str = option("fp16", "format of the scales of W", choices=_w_scales)
    a_scale: str = option("none", "format of the scales of A, or none", choices=_a_scales)

    align: int = option(
        0, "bits of activations that are aligned to the largest of a word, or 0 for exact ones"
    )

    NAME: ClassVar[str] = "gemm_scaled"
    OPTIONS: ClassVar[tuple[str, ...]] = ()
    OUTPUT_MODES: ClassVar[dict[str, type]] = {}
    BLOCK_SCALES: ClassVar[bool] = True
    LINT_CASES: ClassVar[tuple[tuple[str, ...], ...]] = tuple(
        ("cols=5", "tile_rows=2", "tile_cols=2", *settings)
        for settings in (
            ("rows=3", "group=9"),
            ("rows=4", "group=4", "a_format=e2m1", "w_format=e2m1", "w_scale=e4m3", "a_scale=e4m3"),
            ("rows=2", "a_format=e4m3", "w_format=e5m2", "w_scale=e8m0", "a_scale=e8m0"),
            ("rows=5", "a_format=bf16", "align=12"),
            ("rows=3", "a_format=int8", "w_scale=bf16", "output=bf16", "nan_inf=flag"),
        )
    )
    DEMO: ClassVar[bool] = False
    driver: ClassVar[str | None] = "gemm_scaled"
    skips_zeros: ClassVar[bool] = False

    def unit(self):
        from ...hdl.float import gemm_scaled

        return gemm_scaled.GemmScaled(**self.as_dict())

    @classmethod
    def fit(cls, settings, operands):
        from ._scaled_task import fitted

        return cls(**fitted(operands) | settings)

    def task(self, operands):
        from ._scaled_task import ScaledTask

        self.check_options(operands)
        return ScaledTask(self, operands)

    @classmethod
    def contenders(cls):
        def scaled(name, order, **parameters):
            return Contender(name=name, design=cls.NAME, set=parameters, order=order)

        def blocks(name, order, element, scale, group):
            formats = {"a_format": element, "w_format": element}
            scales = {"a_scale": scale, "w_scale": scale}
            return scaled(name, order, **formats, **scales, group=group)

        return [
            scaled("W4A16, groups of 128", 90, group=128),
            blocks("MXFP8", 92, "e4m3", "e8m0", 32),
            blocks("MXFP4", 94, "e2m1", "e8m0", 32),
            blocks("NVFP4", 96, "e2m1", "e4m3", 16),
        ]
