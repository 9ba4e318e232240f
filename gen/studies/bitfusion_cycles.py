"""Cycles of the weight-stationary engines by formula, and in RTL; throughput of their widths."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..designs.gemm_fusion import GemmFusion
from ..designs.gemm_ws import GemmWs
from ..emission.emit import emit, outline
from . import engines

__all__ = ["ARRAYS", "FACTORS", "MODES", "PRODUCTS", "confirm", "cycles", "throughput"]

#: Engines that the formula is compared with: many short runs, and few long ones.
ARRAYS = [
    GemmFusion(rows=4, cols=4, acc_width=48),
    GemmFusion(rows=3, cols=5, acc_width=48, acc_depth=8),
    GemmWs(rows=3, cols=5, acc_depth=8),
]

#: Widths of activations and weights of these products.
MODES = [
    *((a_bits, w_bits) for a_bits in (2, 4, 8) for w_bits in (2, 4, 8)),
    *((16, 16), (16, 8), (8, 16), (16, 2), (4, 16)),
]

#: M, K, N: one number, fewer rows than the array's, ragged, several runs, deep.
PRODUCTS = [(1, 1, 1), (2, 70, 9), (5, 33, 11), (16, 64, 4), (40, 20, 7), (1, 300, 3)]

#: Widths, and how many products there are in the time of one of 8 × 8 bits.
FACTORS = {(2, 2): 16, (2, 4): 8, (4, 4): 4, (4, 8): 2, (8, 8): 1, (16, 16): 0.25}


def cycles(parameters: GemmFusion | GemmWs, m: int, k: int, n: int, **modes) -> int:
    """Cycles of an M × K × N product on an engine, by the formula of its :class:`Tiling`."""
    return engines.schedule(outline(parameters), m, k, n, **modes).cycles


def confirm(out: Path, arrays=ARRAYS, products=PRODUCTS) -> Iterator[dict]:
    """Yield a record for each small product, with its cycles in RTL and by formula.

    Every second pair of widths has products with sign, the others without.
    """
    rng = np.random.default_rng(1)
    for parameters in arrays:
        fusion = parameters.design() == "gemm_fusion"
        emission = emit(parameters, out)
        for index, (a_bits, w_bits) in enumerate(MODES if fusion else [(8, 8)] * len(products)):
            signed = not fusion or index % 2 == 0
            modes = {"a_bits": a_bits, "w_bits": w_bits, "a_signed": signed, "w_signed": signed}
            # Two products for each pair of widths, so that each product meets many of them.
            for m, k, n in _two(products, index) if fusion else products[index : index + 1]:
                yield {
                    "table": "formula",
                    "design": parameters.design(),
                    "array": f"{parameters.rows}x{parameters.cols}",
                    "a_bits": a_bits,
                    "w_bits": w_bits,
                    "signed": signed,
                    **_run(emission, parameters, rng, (m, k, n), modes, fusion),
                }


def throughput(out: Path, size=8, product=(256, 256, 128)) -> Iterator[dict]:
    """Yield a record for each of :data:`FACTORS`, with the cycles of ``product`` in RTL."""
    rng = np.random.default_rng(1)
    parameters = GemmFusion(rows=size, cols=size, acc_width=48)
    emission = emit(parameters, out)
    results = {}
    for a_bits, w_bits in FACTORS:
        modes = {"a_bits": a_bits, "w_bits": w_bits, "a_signed": True, "w_signed": True}
        results[a_bits, w_bits] = _run(emission, parameters, rng, product, modes, True)
    for (a_bits, w_bits), ideal in FACTORS.items():
        factor = results[8, 8]["cycles"] / results[a_bits, w_bits]["cycles"]
        yield {
            "table": "throughput",
            "array": f"{size}x{size}",
            "a_bits": a_bits,
            "w_bits": w_bits,
            **results[a_bits, w_bits],
            "factor": round(factor, 3),
            "ideal": ideal,
            "percent_off": round(100 * (factor / ideal - 1), 2) + 0.0,  # not -0.0
        }


def _two(products, index):
    return [products[(2 * index + offset) % len(products)] for offset in (0, 1)]


def _run(emission, parameters, rng, size, modes, fusion):
    """A product of random numbers, in RTL and by formula; ``modes`` are the fusion engine's."""
    m, k, n = size
    a, w = (
        _numbers(rng, shape, modes[f"{side}_bits"], modes[f"{side}_signed"])
        for side, shape in (("a", (m, k)), ("w", (k, n)))
    )
    modes = modes if fusion else {}
    result = engines.product(emission, a, w, **modes)
    expected = cycles(parameters, m, k, n, **modes)
    return {
        "product": f"{m}x{k}x{n}",
        "cycles": result.cycles,
        "formula": expected,
        "difference": result.cycles - expected,
        "bound": result.cycle_bound,
        "exact": result.matches_golden,
    }


def _numbers(rng, shape, bits, signed):
    low = -(1 << bits - 1) if signed else 0
    return rng.integers(low, low + (1 << bits), shape)
