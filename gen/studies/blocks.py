"""Block-sparse weights: cycles over densities in RTL, and sizes of blocks for arrays."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..designs.gemm_ws import GemmWs
from ..emission.emit import emit, outline
from ..lib.progress import progress
from . import engines
from .study import Study, of_table

__all__ = ["BLOCK", "DENSITIES", "SHAPE", "SIZE", "STUDY", "blocks", "measure"]

#: M, K and N of the product, and rows and columns of the array.
SHAPE, SIZE = (256, 1024, 1024), 16
BLOCK = 32
DENSITIES = (1.0, 0.501, 0.227, 0.094, 0.05)
#: Rows and columns of arrays, with sizes of blocks.
ADVICE = (*((16, size) for size in (8, 16, 32, 64)), *((size, 32) for size in (8, 32, 64)))

NOTES = """\
{m} rows of A times {k} × {n} weights in int8, of which random blocks of {block} × {block} are not
zero, on {size} × {size} PEs of gemm_ws in RTL. limit: 1 / density. The same weights as a dense
matrix take {dense_cycles:,} cycles; block-sparse ones take fewer below a density of {even:.4f}.
Sizes: shares of tiles that have a weight, and speed-ups by the formula. So rows and columns of an
array divide its blocks at best; a smaller array gains nothing further."""


def blocks(shape: tuple[int, int], size: int, density: float) -> np.ndarray:
    """Which blocks of a K × N matrix are not zero: as many as the density says, anywhere."""
    counts = [side // size for side in shape]
    mask = np.zeros(np.prod(counts), bool)
    mask[np.random.default_rng(1).permutation(mask.size)[: round(density * mask.size)]] = True
    return mask.reshape(counts)


def measure(
    out: Path,
    shape: tuple[int, int, int] = SHAPE,
    size: int = SIZE,
    block: int = BLOCK,
    densities: Sequence[float] = DENSITIES,
) -> Iterator[dict]:
    """Records of a product with each density, the first of which is 1, and of sizes of blocks."""
    (m, k, n), random = shape, np.random.default_rng(2)
    emission = emit(GemmWs(rows=size, cols=size), out)
    a, weights = random.integers(-128, 128, (m, k)), random.integers(1, 128, (k, n))
    with progress(total=1 + len(densities), label="blocks") as bar:
        dense = engines.product(emission, a, weights)
        bar.update()
        for density in densities:
            mask = blocks((k, n), block, density)
            w = weights * np.kron(mask, np.ones((block, block), np.int64))
            result = engines.product(emission, a, w, skip_zeros=True)
            share = mask.mean()
            yield {
                "table": "densities",
                "shape": shape,
                "array": size,
                "block": block,
                "density": share,
                "tiles": sum(map(len, result.job.kept.values())),
                "dense_cycles": dense.cycles,
                "cycles": result.cycles,
                "speedup": dense.cycles / result.cycles,
                "limit": 1 / share,
                "ratio": dense.cycles / result.cycles * share,
                "exact": dense.matches_golden and result.matches_golden,
                "as_promised": result.cycles == result.job.cycles,
            }
            bar.update()
    for side, edge in ADVICE:
        manifest = outline(GemmWs(rows=side, cols=side))
        whole = engines.schedule(manifest, *shape)
        for density in densities[1:]:
            mask = blocks((k, n), edge, density)
            plan = engines.schedule(manifest, *shape, blocks=(mask, edge))
            kept, every = (sum(map(len, each.kept.values())) for each in (plan, whole))
            yield {
                "table": "sizes",
                "array": side,
                "block": edge,
                "wanted": density,
                "density": mask.mean(),
                "tiles_kept": kept / every,
                "speedup": whole.cycles / plan.cycles,
                "ratio": whole.cycles / plan.cycles * mask.mean(),
            }


def break_even(records: list[dict]) -> float:
    """The density at which block-sparse weights take as many cycles as dense ones."""
    first, last = records[0], records[-1]
    slope = (first["cycles"] - last["cycles"]) / (first["density"] - last["density"])
    return first["density"] + (first["dense_cycles"] - first["cycles"]) / slope


def _report(records) -> Iterator[str | list[dict]]:
    densities = of_table(records, "densities")
    yield "Densities"
    yield [
        {
            "density": round(row["density"], 4),
            "tiles": row["tiles"],
            "cycles": row["cycles"],
            "speed-up": round(row["speedup"], 3),
            "limit": round(row["limit"], 3),
            "ratio": round(row["ratio"], 4),
            "exact": row["exact"],
        }
        for row in densities
    ]
    yield "Sizes"
    sizes: dict[tuple, dict] = {}
    for row in of_table(records, "sizes"):
        column = f"of {row['wanted']}"
        side, edge = row["array"], row["block"]
        shown = f"{row['tiles_kept']:.3f} ({row['speedup']:.2f}×)"
        sizes.setdefault((side, edge), {"array": f"{side}×{side}", "blocks": f"{edge}×{edge}"})
        sizes[side, edge][column] = shown
    yield list(sizes.values())
    first = densities[0]
    m, k, n = first["shape"]
    numbers = {"m": m, "k": k, "n": n, "block": first["block"], "size": first["array"]}
    yield NOTES.format(**numbers, dense_cycles=first["dense_cycles"], even=break_even(densities))


STUDY = Study(measure=measure, report=_report)
