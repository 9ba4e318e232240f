"""Brickwork: RTL for low-bit and sparse neural-network accelerators.

A design is an object:

    import brickwork as bw

    core = bw.GemmWs(rows=16, cols=16, a_format="uint8")
    core.emit("rtl")
    product = core.run(a, w)
    print(core.synth("ecp5"))

Names are imported when they are used, so that ``import brickwork`` takes no time. Nothing is
printed; ``with bw.show_progress():`` shows how far long calls are.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .gen.api.area import Area
    from .gen.api.artifacts import Files
    from .gen.api.comparison import Comparison
    from .gen.api.functions import compare, designs, formats, quantize, read_weights, sweep
    from .gen.api.product import Product
    from .gen.api.quantized import Quantized
    from .gen.api.sweeps import Sweep
    from .gen.designs.eie import Eie
    from .gen.designs.gemm_binary import GemmBinary
    from .gen.designs.gemm_fusion import GemmFusion
    from .gen.designs.gemm_nm import GemmNm
    from .gen.designs.gemm_os import GemmOs
    from .gen.designs.gemm_outlier import GemmOutlier
    from .gen.designs.gemm_scaled import GemmScaled
    from .gen.designs.gemm_ws import GemmWs
    from .gen.designs.npu import Npu
    from .gen.lib.errors import CheckFailed, UsageError
    from .gen.lib.progress import show_progress
    from .gen.lib.tables import Listing
    from .sim.golden.arith.threshold import batch_norm_thresholds
    from .sim.plugins import Plugin, load_plugin
    from .sim.verilator.core import Core, SimulationError, load

_MODULES = {
    "CheckFailed": "gen.lib.errors",
    "UsageError": "gen.lib.errors",
    "show_progress": "gen.lib.progress",
    "batch_norm_thresholds": "sim.golden.arith.threshold",
    "Core": "sim.verilator.core",
    "SimulationError": "sim.verilator.core",
    "load": "sim.verilator.core",
    "Plugin": "sim.plugins",
    "load_plugin": "sim.plugins",
    "Product": "gen.api.product",
    "Quantized": "gen.api.quantized",
    "Files": "gen.api.artifacts",
    "Area": "gen.api.area",
    "Comparison": "gen.api.comparison",
    "Listing": "gen.lib.tables",
    "Sweep": "gen.api.sweeps",
    **dict.fromkeys(
        ("compare", "designs", "formats", "quantize", "read_weights", "sweep"),
        "gen.api.functions",
    ),
}

__all__ = [
    "Area",
    "CheckFailed",
    "Comparison",
    "Core",
    "Eie",
    "Files",
    "GemmBinary",
    "GemmFusion",
    "GemmNm",
    "GemmOs",
    "GemmOutlier",
    "GemmScaled",
    "GemmWs",
    "Listing",
    "Npu",
    "Plugin",
    "Product",
    "Quantized",
    "SimulationError",
    "Sweep",
    "UsageError",
    "batch_norm_thresholds",
    "compare",
    "designs",
    "formats",
    "load",
    "load_plugin",
    "quantize",
    "read_weights",
    "show_progress",
    "sweep",
]


# Type checkers would accept any name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
        if not name.startswith("_"):
            from .gen.designs.registry import CLASSES

            if name in CLASSES:
                return CLASSES[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
