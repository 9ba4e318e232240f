"""Compare the golden gemm and requantize with ONNX Runtime's QLinearMatMul.

ONNX Runtime computes y = saturate(round(float32(acc) · scale) + zero_point) with the float32
scale = a_scale · b_scale / y_scale, each operation rounded. Ours takes the same float32 scale but
no further rounding, so a code differs only where the float32 product falls on a tie, or across
one, that the exact product does not. Every such code is settled in fractions.

    python tests/lib/onnx_reference.py
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from brickwork.sim.golden.arith.requantize import requantize, scale_to_multiplier
from brickwork.sim.golden.gemm import gemm
from brickwork.sim.golden.quantize import combined_scale
from onnx import TensorProto, helper

__all__ = ["Case", "Count", "cases", "compare"]

_SEED = 1
_TYPES = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8}


class Case(NamedTuple):
    """One product: (rows, depth) codes of ``a_type`` times (depth, columns) codes of ``w_type``."""

    a_type: str
    w_type: str
    per_column: bool
    decimal: bool  # round scales like 0.1, whose products lie next to ties
    rows: int = 1000
    depth: int = 96
    columns: int = 120

    def __str__(self) -> str:
        scales = "round" if self.decimal else "random"
        per = "column" if self.per_column else "tensor"
        return f"{self.a_type} x {self.w_type}, {scales} scales per {per}"


class Count(NamedTuple):
    """What a comparison found; every code that is off by one is proven to be right in ours."""

    compared: int
    equal: int
    off_by_one: int


def cases() -> list[Case]:
    """All type pairs that ONNX Runtime has, with scales per tensor and per column."""
    pairs = [("int8", "int8"), ("uint8", "int8"), ("uint8", "uint8")]
    return [
        Case(a_type, w_type, per_column, decimal)
        for decimal in (False, True)
        for a_type, w_type in pairs
        for per_column in (False, True)
    ]


def compare(case: Case) -> Count:
    """Run a case both ways; ``AssertionError`` where ours is not the correctly rounded code."""
    random = np.random.default_rng([_SEED, *map(ord, str(case))])
    codes = np.iinfo(case.a_type)
    a = random.integers(codes.min, codes.max, (case.rows, case.depth), case.a_type, endpoint=True)
    if case.w_type == "int8":
        # On x86 without VNNI, ONNX Runtime adds pairs of products in 16 bits, with saturation:
        # 2 · 255 · 64 still fits. Unsigned weights take another path and have the full range.
        w_zero = 0
        w = random.integers(-64, 64, (case.depth, case.columns), "int8", endpoint=True)
    else:
        w_zero = 128
        w = random.integers(0, 255, (case.depth, case.columns), "uint8", endpoint=True)
    a_zero, y_zero = (int(z) for z in random.integers(codes.min, codes.max, 2, endpoint=True))
    shape = (case.columns,) if case.per_column else ()
    acc = gemm(a, w.astype(np.int64) - w_zero)
    zero_point_bias = -a_zero * (w.astype(np.int64) - w_zero).sum(axis=0)
    if case.decimal:
        a_scale, y_scale = np.float32(0.1), np.float32(0.2)
        w_scale = np.asarray(random.integers(1, 50, shape) / 100, np.float32)
    else:
        a_scale = np.float32(random.uniform(0.001, 0.1))
        w_scale = np.asarray(random.uniform(0.0005, 0.01, shape), np.float32)
        # A little saturates at either end, as it does in a calibrated network.
        spread = 3 * float(np.std(acc + zero_point_bias)) * float(np.mean(w_scale))
        y_scale = np.float32(a_scale * spread / 128)

    theirs = _qlinear_matmul(case, a, a_scale, a_zero, w, w_scale, w_zero, y_scale, y_zero)
    scale = combined_scale(a_scale, w_scale, y_scale)
    ours = requantize(
        acc, zero_point_bias, *scale_to_multiplier(scale), y_zero, codes.min, codes.max
    )

    different = np.argwhere(ours != theirs)
    scales = np.broadcast_to(scale, (case.columns,))
    for m, n in different:
        total = int(acc[m, n]) + int(zero_point_bias[n])
        exact = round(total * Fraction(float(scales[n]))) + y_zero  # halves to even
        assert ours[m, n] == min(max(exact, codes.min), codes.max), (case, total, scales[n])
        assert abs(ours[m, n] - theirs[m, n]) == 1, (case, total, scales[n])
        single = np.float32(total) * scales[n]  # rounded a second time
        assert theirs[m, n] == np.clip(np.rint(single) + y_zero, codes.min, codes.max)
    return Count(ours.size, ours.size - len(different), len(different))


def _qlinear_matmul(
    case: Case,
    a: np.ndarray,
    a_scale: np.ndarray,
    a_zero: int,
    w: np.ndarray,
    w_scale: np.ndarray,
    w_zero: int,
    y_scale: np.ndarray,
    y_zero: int,
) -> np.ndarray:
    values = {
        "a": a,
        "a_scale": np.asarray(a_scale),
        "a_zero": np.asarray(a_zero, case.a_type),
        "w": w,
        "w_scale": w_scale,
        "w_zero": np.full(w_scale.shape, w_zero, case.w_type),
        "y_scale": np.asarray(y_scale),
        "y_zero": np.asarray(y_zero, case.a_type),
    }
    node = helper.make_node("QLinearMatMul", list(values), ["y"])
    inputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for name, value in values.items()
    ]
    shape = (case.rows, case.columns)
    output = helper.make_tensor_value_info("y", _TYPES[case.a_type], shape)
    graph = helper.make_graph([node], "requantize", inputs, [output])
    # QLinearMatMul of opset 10; a version that every ONNX Runtime from 1.20 on reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, values)[0].astype(np.int64)


def main() -> None:
    """Print the counts of every case and their sums."""
    print(f"ONNX Runtime {onnxruntime.__version__}, QLinearMatMul, output codes")
    print(f"{'':44} {'compared':>10} {'equal':>10} {'off by one':>10}")
    total = Count(0, 0, 0)
    for case in cases():
        count = compare(case)
        total = Count(*map(sum, zip(total, count, strict=True)))
        print(f"{case!s:44} {count.compared:10,} {count.equal:10,} {count.off_by_one:10,}")
    print(f"{'all':44} {total.compared:10,} {total.equal:10,} {total.off_by_one:10,}")
    print("Wherever the two differ, exact fractions confirm ours.")


if __name__ == "__main__":
    main()
