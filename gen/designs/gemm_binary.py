"""The GEMM engine of one-bit products."""

from dataclasses import dataclass
from typing import ClassVar

from ._gemm import Array
from .base import Contender, check_choice, option

__all__ = ["GemmBinary"]

_WIDTHS = tuple(range(1, 9))


def _unit():
    from ...hdl.binary import pe_binary

    return pe_binary


def _codes():
    return _unit().FORMATS


def _counts():
    return _unit().COUNTS


@dataclass(frozen=True, kw_only=True)
class GemmBinary(Array):
    """Weight-stationary GEMM engine of one-bit products, and of wider operands bit by bit."""

    code: str = option(
        "bin", "operands of one bit: bin (-1 and 1, XNOR), bit (0 and 1, AND)", choices=_codes
    )
    pack: int = option(32, "products of a PE in a cycle, 2 to 256")
    count: str = option(
        "compressors", "popcount: compressors (fewest gates), adders (fewest LUTs)", choices=_counts
    )
    serial: int = option(1, "1: operands of 1 to 8 bits at run time, a plane of bits at a time")
    acc_width: int = option(32, "accumulator width in bits, 2 to 62")
    acc_depth: int = option(512, "rows of accumulators: rows of A that share a load of weights")

    NAME: ClassVar[str] = "gemm_binary"
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
    driver: ClassVar[str | None] = "gemm_binary"
    LINT_CASES: ClassVar[tuple[tuple[str, ...], ...]] = tuple(
        (*("cols=5", "tile_rows=2", "tile_cols=2", "rows=3"), *settings)
        for settings in (
            ("output=raw",),
            ("output=bias", "code=bit", "pack=5", "count=adders"),
            ("output=scale", "serial=0", "pipeline=0", "pack=7"),
            ("output=shift", "serial=0", "code=bit", "pack=64", "pipeline=1"),
        )
    )

    def unit(self):
        from ...hdl.binary import gemm_binary

        return gemm_binary.GemmBinary(**self.as_dict())

    def run_modes(self, modes):
        modes = {"a_bits": 1, "w_bits": 1} | modes
        for side in "aw":
            check_choice(f"Mode {side}_bits", modes[f"{side}_bits"], _WIDTHS)
            native = self.code == "bin" or modes[f"{side}_bits"] > 1
            modes = {f"{side}_signed": int(native)} | modes
            check_choice(f"Mode {side}_signed", modes[f"{side}_signed"], (0, 1))
        return modes

    checked_modes = run_modes

    def formats(self, side, modes):
        bits, signed = modes[f"{side}_bits"], modes[f"{side}_signed"]
        if bits == 1:
            return ["bin" if signed else "bit"]
        return [f"{'' if signed else 'u'}int{bits}"]

    def remedy(self, side, name):
        bits, signed = {"bin": (1, 1), "bit": (1, 0)}.get(name, (0, int(name[0] != "u")))
        return f"--mode {side}_bits={bits or name.lstrip('uint')} --mode {side}_signed={signed}"

    def check_k(self, k, modes):
        from ...hdl.arith.exact import signed_width
        from ...sim.golden import formats

        a, w = (formats.get(*self.formats(side, modes)) for side in "aw")
        products = [x * y for x in (a.lowest, a.highest) for y in (w.lowest, w.highest)]
        width = signed_width(k * min(products), k * max(products))
        if width > self.acc_width:
            remedy = f"use --set acc_width={width}" if width <= 62 else "use smaller modes"
            raise ValueError(
                f"Sums of {k} products of {a.name} and {w.name} take {width} bits, more than the "
                f"accumulators' {self.acc_width}; {remedy}"
            )

    @classmethod
    def operand_label(cls, side, values, modes):
        bits, signed = modes.get(f"{side}_bits", 1), modes.get(f"{side}_signed")
        if bits > 1:
            return f"{'' if signed in (1, None) else 'u'}int{bits}"
        return values.get("code", "bin") if signed is None else "bin" if signed else "bit"

    @classmethod
    def contenders(cls):
        return [Contender(name="binary (XNOR), ×32", design=cls.NAME, set={"serial": 0}, order=125)]
