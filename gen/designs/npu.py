"""The network processor."""

from dataclasses import dataclass
from typing import ClassVar

from .base import Design, option

__all__ = ["Npu"]


def _roundings():
    from ...hdl.arith.requantize import ROUNDINGS

    return ROUNDINGS


def _weight_formats():
    from ...sim.golden import formats

    return formats.names()


@dataclass(frozen=True, kw_only=True)
class Npu(Design):
    """Network processor: programs of products, convolutions and vector functions (TPU v1)."""

    rows: int = option(16, "rows of PEs, and codes in a word of the buffer")
    cols: int = option(16, "columns of PEs")
    tile_rows: int = option(16, "most rows in one module of the hierarchy")
    tile_cols: int = option(16, "most columns in one module of the hierarchy")
    w_format: str = option("int8", "format of weights", choices=_weight_formats)
    pipeline: int = option(2, "registers before the adder of a PE, 0 to 2; DSP blocks have 2")
    acc_depth: int = option(1024, "rows of accumulators: most pixels of a MATRIX")
    rounding: str = option(
        "float32",
        "rounding of requantized sums: exact, or float32 as ONNX Runtime does it",
        choices=_roundings,
    )
    buffer: int = option(32768, "words of the buffer, at most 65536")
    banks: int = option(8, "banks of the buffer: 1, 2, 4, 8 or 16")
    weights: int = option(8192, "words of the weight memory, at most 65536")
    channels: int = option(2048, "channels of the parameter memory, at most 4096")
    tables: int = option(16, "tables of 256 codes, a multiple of 4 up to 16; table 0 is never used")
    dw_x: int = option(3, "columns of taps of a depthwise window in a cycle, 1 to 3; 0: none")
    dw_y: int = option(1, "rows of taps likewise")
    dw_depth: int = option(256, "most columns of outputs where a depthwise window is larger")
    queue: int = option(8, "instructions that wait ahead of each engine")

    NAME: ClassVar[str] = "npu"
    TOPS: ClassVar[tuple[str, ...]] = ("axi",)
    WRAPPER_BENCHES: ClassVar[dict[str, str]] = {"axi": "brickwork.sim.tb.npu.npu_top"}
    PRESETS: ClassVar[dict[str, dict[str, int | str]]] = {
        "nano": {
            **{"rows": 4, "cols": 4, "buffer": 4096, "weights": 2048, "acc_depth": 256},
            **{"channels": 512, "dw_x": 1, "dw_y": 1},
        },
        "small": {
            **{"rows": 8, "cols": 8, "buffer": 16384, "weights": 4096, "acc_depth": 512},
            "channels": 1024,
        },
        "base": {},
        "large": {
            **{"rows": 32, "cols": 32, "buffer": 65536, "weights": 16384, "acc_depth": 2048},
            **{"channels": 4096, "dw_x": 3, "dw_y": 3},
        },
    }
    SIZE_LABEL: ClassVar[str] = "{rows}×{cols}"
    SHRINK: ClassVar[dict[str | None, tuple[str, ...]]] = {
        "bram": ("buffer", "weights", "acc_depth"),
        None: ("cols", "rows"),
    }
    POWERS_OF_TWO: ClassVar[tuple[str, ...]] = ("buffer", "weights", "acc_depth")
    BENCH_CASE: ClassVar[dict[str, int | str]] = {
        **{"rows": 3, "cols": 5, "acc_depth": 32, "buffer": 512, "banks": 4, "weights": 1024},
        **{"channels": 64, "tables": 8, "dw_depth": 32, "queue": 4},
    }
    LINT_CASES: ClassVar[tuple[tuple[str, ...], ...]] = tuple(
        (
            *("rows=3", "cols=5", "acc_depth=32", "buffer=64", "weights=32", "channels=16"),
            *("tables=4", "dw_depth=16", "queue=2", *changes),
        )
        for changes in (
            ("banks=2",),
            ("banks=1", "dw_x=0", "dw_y=0", "rounding=exact", "w_format=int4"),
            ("banks=4", "dw_x=3", "dw_y=3", "pipeline=1"),
        )
    )

    @staticmethod
    def arguments(parser):
        from ..commands.arguments import integer, path

        parser.add_argument(
            "--program",
            metavar="FILE",
            type=path("Program"),
            help="npu: container .npu, or instructions alone, in place of --a and --w",
        )
        parser.add_argument(
            "--memory",
            metavar="M.npz",
            type=path("Memory"),
            help="npu: contents of segments of DRAM: vectors of uint8 by name, .npz",
        )
        parser.add_argument(
            "--latency",
            metavar="N",
            type=integer("Latency", 0, 100_000),
            default=30,
            help="npu: most cycles from a request to its response (default: 30)",
        )

    def peak(self, modes):
        pes = self.rows * self.cols
        return pes, pes

    def unit(self):
        from ...hdl.npu.npu import Npu as Unit

        return Unit(**self.as_dict())
