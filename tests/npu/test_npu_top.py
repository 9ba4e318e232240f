"""The network processor with its bus: testbench, and parameters that are refused."""

from brickwork.hdl.npu.npu import Npu
from brickwork.hdl.npu.npu_top import NpuTop


def top(rows, cols, *, data_width=64, **changes):
    core = dict(
        rows=rows,
        cols=cols,
        tile_rows=1,
        tile_cols=1,
        w_format="int8",
        pipeline=1,
        acc_depth=32,
        rounding="float32",
        buffer=512,
        banks=4,
        weights=1024,
        channels=64,
        tables=8,
        dw_x=3,
        dw_y=1,
        dw_depth=32,
        queue=4,
    )
    return NpuTop, dict(
        core=Npu(**core | changes),
        data_width=data_width,
        address_width=32,
        burst=8,
        outstanding=4,
        digest=1,
    )


CASES = {
    "3x5": top(3, 5),
    "4x4": top(4, 4, rounding="exact", banks=8, dw_y=3),
    "1x1": top(1, 1, banks=1, dw_x=1),
}
#: Further sizes, for the long regression.
SLOW = ("1x1",)


def test_bench(run_bench, case):
    run_bench(case)
