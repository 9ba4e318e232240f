"""Small cores in each bus wrapper, emitted with all files beside the Verilog, for tests."""

import re

from brickwork import (
    Eie,
    GemmBinary,
    GemmFusion,
    GemmNm,
    GemmOs,
    GemmOutlier,
    GemmScaled,
    GemmWs,
)
from brickwork.gen.collateral import write
from brickwork.gen.designs.wrappers import Axi, Axis, Uart
from brickwork.gen.emission.emit import emit
from brickwork.sim.manifest import Manifest

__all__ = ["CORES", "FLOATS", "LINE", "TOPS", "without_reset", "written"]

ARRAY = {"rows": 3, "cols": 5, "tile_rows": 2, "tile_cols": 2}
MEMORIES = {"columns": 20, "entries": 40, "acts": 4, "rows": 3}

#: Small cores, one of each design.
CORES = {
    "gemm_ws": GemmWs(**ARRAY, acc_depth=4, output="scale", a_format="int4+flint4"),
    "gemm_os": GemmOs(**ARRAY, output="bias", a_format="e4m3", nan_inf="flag", max_k=64),
    "gemm_fusion": GemmFusion(**ARRAY),
    "gemm_nm": GemmNm(**ARRAY | {"rows": 4}, acc_depth=4, output="shift", w_format="int4+int8"),
    "gemm_outlier": GemmOutlier(**ARRAY | {"rows": 6}, group_lanes=4, acc_depth=4, output="scale"),
    "gemm_binary": GemmBinary(**ARRAY, pack=5, acc_depth=4, output="bias"),
    "gemm_scaled": GemmScaled(
        **ARRAY | {"rows": 4},
        acc_depth=8,
        **{"a_format": "e2m1", "w_format": "e2m1", "group": 8},
        **{"a_scale": "e4m3", "w_scale": "e4m3"},
    ),
    "eie": Eie(pes=3, queue_depth=2, **MEMORIES),
}

#: Cores whose results are floats: sums in binary32, exact sums that are rounded, sums of groups.
FLOATS = {
    "fp32": GemmWs(**ARRAY, acc_depth=8, a_format="bf16", w_format="bf16", arith="fp32"),
    "exact": GemmWs(**ARRAY, acc_depth=4, a_format="fp16", w_format="e5m2", output="fp16"),
    "os-fp32": GemmOs(**ARRAY, max_k=64, a_format="bf16", w_format="bf16", arith="fp32"),
    "w4a16": GemmScaled(**ARRAY, acc_depth=8, group=9),
}

#: A clock and a baud rate with few clock cycles for each bit.
LINE = {"clock_hz": 12_000_000, "baud": 3_000_000}

#: A core in each bus wrapper: a narrow and a wide bus, and few bytes on the serial line.
TOPS = {
    "stream": CORES["gemm_ws"],
    "axis": Axis(core=CORES["gemm_os"], data_width=32),
    "axi": Axi(core=CORES["gemm_ws"], data_width=128, address_width=40),
    "uart": Uart(core=GemmWs(rows=2, cols=1), **LINE),
}


#: A register of each core that its jobs rely on: its module and its name.
CONTROL_REGISTERS = {
    "gemm_ws": ("gemm_ws_loader", "reached"),
    "gemm_os": ("gemm_os_fifo", "level"),
    "gemm_fusion": ("gemm_fusion_mode_switch", "known"),
    "gemm_nm": ("gemm_nm_loader", "reached"),
    "gemm_outlier": ("gemm_outlier_loader", "reached"),
    "gemm_binary": ("gemm_binary_loader", "reached"),
    "gemm_scaled": ("gemm_scaled", "unclaimed"),
    "eie": ("eie_fifo", "level"),
}


def without_reset(verilog, core):
    """The Verilog of a core whose control register keeps its value in a reset."""
    module, register = CONTROL_REGISTERS[core]
    start = verilog.index(f"module {module}(")
    reset = re.compile(rf"if \(rst\) {register} <= .*;\n +else ")
    match = reset.search(verilog, start, verilog.index("endmodule", start))
    return verilog[: match.start()] + verilog[match.end() :]


def written(parameters, folder):
    """Emits a core and all files beside it; returns the emission and the manifest."""
    emission = emit(parameters, folder)
    write.write(emission)
    return emission, Manifest.read(emission.manifest)
