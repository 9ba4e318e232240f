"""The GEMM engine whose operand widths are set at run time."""

from dataclasses import dataclass
from typing import ClassVar

from ._gemm import Array
from .base import Contender, check_choice, option

__all__ = ["GemmFusion"]

_WIDTHS = (2, 4, 8, 16)


@dataclass(frozen=True, kw_only=True)
class GemmFusion(Array):
    """Weight-stationary GEMM engine with widths set at run time (Bit Fusion)."""

    acc_width: int = option(32, "accumulator width in bits")
    acc_depth: int = option(512, "rows of accumulators: rows of A that share a load of weights")

    NAME: ClassVar[str] = "gemm_fusion"
    MODES: ClassVar[dict[str, type]] = dict.fromkeys(
        ("a_bits", "w_bits", "a_signed", "w_signed"), int
    )
    MODE_CHOICES: ClassVar[dict] = (
        Array.MODE_CHOICES
        | dict.fromkeys(("a_bits", "w_bits"), lambda: _WIDTHS)
        | dict.fromkeys(("a_signed", "w_signed"), lambda: (0, 1))
    )
    SHRINK: ClassVar[dict] = {"bram": ("acc_depth", "cols", "rows"), None: ("rows", "cols")}
    POWERS_OF_TWO: ClassVar[tuple[str, ...]] = ("acc_depth",)
    driver: ClassVar[str | None] = "gemm_fusion"
    skips_zeros: ClassVar[bool] = True

    def unit(self):
        from ...hdl.fusion import gemm_fusion

        return gemm_fusion.GemmFusion(**self.as_dict())

    def run_modes(self, modes):
        modes = {"a_bits": 8, "w_bits": 8, "a_signed": 1, "w_signed": 1} | modes
        for side in "aw":
            check_choice(f"Mode {side}_bits", modes[f"{side}_bits"], _WIDTHS)
            check_choice(f"Mode {side}_signed", modes[f"{side}_signed"], (0, 1))
        return modes

    checked_modes = run_modes

    def formats(self, side, modes):
        sign = "" if modes[f"{side}_signed"] else "u"
        return [f"{sign}int{modes[f'{side}_bits']}"]

    def remedy(self, side, name):
        bits = next(bits for bits in _WIDTHS if bits >= int(name.lstrip("uint")))
        return f"--mode {side}_bits={bits} --mode {side}_signed={int(name[0] != 'u')}"

    def check_k(self, k, modes):
        from ...hdl import formats
        from ...hdl.arith.exact import sum_width

        a, w = (formats.get_integer(*self.formats(side, modes)) for side in "aw")
        width = sum_width(a, w, k)
        if self.overflow == "wrap" and width > self.acc_width:
            remedy = f"use --set acc_width={width}" if width <= 64 else "use smaller modes"
            raise ValueError(
                f"Sums of {k} products of {a.name} and {w.name} take {width} bits, more than the "
                f"accumulators' {self.acc_width}; {remedy}"
            )

    @classmethod
    def operand_label(cls, side, values, modes):
        bits, signed = modes.get(f"{side}_bits"), modes.get(f"{side}_signed", 1)
        return f"{'' if signed else 'u'}int{bits}" if bits else None

    @classmethod
    def contenders(cls):
        def widths(bits):
            return {"a_bits": bits, "w_bits": bits}

        return [
            Contender(name=name, design=cls.NAME, modes=widths(bits), edges=edges, order=order)
            for name, bits, edges, order in (
                ("Bit Fusion, 8 × 8", 8, None, 90),
                ("Bit Fusion, 4 × 4, edges 8 × 8", 4, widths(8), 100),
                ("Bit Fusion, 4 × 4", 4, None, 110),
                ("Bit Fusion, 2 × 2", 2, None, 120),
            )
        ]
