"""Compare the golden gemm and requantize with ONNX Runtime's QLinearMatMul.

ONNX Runtime computes y = saturate(round(float32(acc) · scale) + zero_point) with the float32
scale = a_scale · b_scale / y_scale, each operation rounded. With rounding to float32 all of our
codes are the same. Rounded exactly, with the same scale, a code differs only where the float32
product falls on a tie that the exact product does not. Every such code is settled in fractions.

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
from onnx import TensorProto, helper, numpy_helper

__all__ = ["Case", "Count", "cases", "compare", "compare_thresholds", "qlinear_matmul"]

_SEED = 1
_PAIRS = [("int8", "int8"), ("uint8", "int8"), ("uint8", "uint8")]
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
    """Codes that were compared, and how many differ with each rounding.

    A code that differs with exact rounding is off by one, and proven to be right in ours.
    """

    compared: int
    exact: int
    float32: int


def cases() -> list[Case]:
    """All type pairs that ONNX Runtime has, with scales per tensor and per column."""
    return [
        Case(a_type, w_type, per_column, decimal)
        for decimal in (False, True)
        for a_type, w_type in _PAIRS
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

    theirs = qlinear_matmul(a, a_scale, a_zero, w, w_scale, w_zero, y_scale, y_zero)
    scale = combined_scale(a_scale, w_scale, y_scale)
    return _count(acc + zero_point_bias, scale, y_zero, codes, theirs)


def compare_thresholds(a_type: str, w_type: str, per_column: bool, products: int) -> Count:
    """Accumulators beside all thresholds between two codes, for random scales.

    Each column of a product has accumulators of its own: an operand of weight 1, and 1023 of
    weight 64, whose sum is as even as can be.
    """
    random = np.random.default_rng([_SEED, _PAIRS.index((a_type, w_type)), per_column])
    codes, columns, depth = np.iinfo(a_type), 4 if per_column else 1, 1024
    w_zero = 128 if w_type == "uint8" else 0
    w = np.full((depth, columns), 64 + w_zero).astype(w_type)
    w[0] = 1 + w_zero
    total = Count(0, 0, 0)
    for _ in range(products):
        a_zero = int(random.integers(codes.min + 40, codes.max - 40))
        y_zero = int(random.integers(codes.min, codes.max, endpoint=True))
        a_scale, y_scale = (np.float32(random.uniform(0.01, 0.1)) for _ in "ay")
        wanted = 10 ** random.uniform(-4, np.log10(0.5), (columns,) if per_column else ())
        w_scale = np.asarray(wanted * y_scale / a_scale, np.float32)
        scale = np.asarray(combined_scale(a_scale, w_scale, y_scale))
        thresholds = (np.arange(-258, 259) + 0.5)[:, None] / np.atleast_1d(scale).astype(float)
        beside = np.rint(thresholds).astype(np.int64) + np.arange(-2, 3)[:, None, None]
        rows = [np.unique(column[abs(column) <= 1 << 21]) for column in np.moveaxis(beside, 2, 0)]
        acc = np.concatenate(rows)
        ones = (acc + 32) % 64 - 32
        sums, more = np.divmod((acc - ones) // 64, depth - 1)
        a = sums[:, None] + (np.arange(depth - 1) < more[:, None])
        a = (np.hstack([ones[:, None], a]) + a_zero).astype(a_type)
        theirs = qlinear_matmul(a, a_scale, a_zero, w, w_scale, w_zero, y_scale, y_zero)
        column = np.repeat(np.arange(columns), [len(values) for values in rows])
        theirs = theirs[np.arange(len(acc)), column]
        count = _count(acc, np.broadcast_to(scale, columns)[column], y_zero, codes, theirs)
        total = Count(*map(sum, zip(total, count, strict=True)))
    return total


def _count(acc, scale, zero_point, codes, theirs) -> Count:
    """Compares; ``AssertionError`` where ours is not the correctly rounded code."""
    params = (0, *scale_to_multiplier(scale), zero_point, codes.min, codes.max)
    exact, float32 = (requantize(acc, *params, rounding) for rounding in ("exact", "float32"))
    scales = np.broadcast_to(scale, acc.shape)
    different = np.nonzero(exact != theirs)
    for total, each, ours, code in zip(
        *(array[different] for array in (acc, scales, exact, theirs)), strict=True
    ):
        right = round(int(total) * Fraction(float(each))) + zero_point  # halves to even
        assert ours == min(max(right, codes.min), codes.max), (total, each)
        assert abs(ours - code) == 1, (total, each)
    return Count(exact.size, len(different[0]), int((float32 != theirs).sum()))


def qlinear_matmul(
    a: np.ndarray,
    a_scale: np.ndarray,
    a_zero: int,
    w: np.ndarray,
    w_scale: np.ndarray,
    w_zero: int,
    y_scale: np.ndarray,
    y_zero: int,
) -> np.ndarray:
    """The codes that ONNX Runtime computes, those of ``y`` in the type of ``a``."""
    values = {
        "a": a,
        "a_scale": np.asarray(a_scale),
        "a_zero": np.asarray(a_zero, a.dtype),
        "w": w,
        "w_scale": np.asarray(w_scale),
        "w_zero": np.full(np.shape(w_scale), w_zero, w.dtype),
        "y_scale": np.asarray(y_scale),
        "y_zero": np.asarray(y_zero, a.dtype),
    }
    node = helper.make_node("QLinearMatMul", list(values), ["y"])
    activations = helper.make_tensor_value_info("a", _TYPES[a.dtype.name], a.shape)
    constants = [numpy_helper.from_array(values[name], name) for name in values if name != "a"]
    shape = (len(a), w.shape[1])
    output = helper.make_tensor_value_info("y", _TYPES[a.dtype.name], shape)
    graph = helper.make_graph([node], "requantize", [activations], [output], constants)
    # QLinearMatMul of opset 10; a version that every ONNX Runtime from 1.20 on reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    # Without VNNI the sums of pairs of products may saturate in 16 bits, but not with this option.
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"a": a})[0].astype(np.int64)


def main() -> None:
    """Print the counts of every case and their sums."""
    print(f"ONNX Runtime {onnxruntime.__version__}, QLinearMatMul, output codes")
    print(f"{'':52} {'':10} {'codes that differ':>18}")
    print(f"{'':52} {'compared':>10} {'exact':>8} {'float32':>9}")
    counts = {str(case): compare(case) for case in cases()}
    for a_type, w_type in _PAIRS:
        for per in ("tensor", "column"):
            products = 20 if per == "column" else 80
            count = compare_thresholds(a_type, w_type, per == "column", products)
            counts[f"{a_type} x {w_type}, beside thresholds, per {per}"] = count
    counts["all"] = Count(*map(sum, zip(*counts.values(), strict=True)))
    for name, count in counts.items():
        print(f"{name:52} {count.compared:10,} {count.exact:8,} {count.float32:9,}")
    print("Wherever an exactly rounded code differs, fractions confirm it.")


if __name__ == "__main__":
    main()
