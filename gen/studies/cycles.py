"""Cycles of the GEMM engines in RTL, beside SCALE-Sim's for the same products and arrays."""

import csv
import importlib.util
import io
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

from ...sim import scratch
from ..designs.gemm_os import GemmOs
from ..designs.gemm_ws import GemmWs
from ..emission.emit import emit
from . import engines
from .study import Study

__all__ = ["ARRAYS", "PRODUCTS", "STUDY", "folds", "measure", "scale_sim"]

#: Rows × columns of the arrays.
ARRAYS = [(4, 4), (8, 4), (4, 8), (16, 16)]
#: M, K, N of the products: one number, vectors, ragged, square, tall, deep and wide.
PRODUCTS = [
    (1, 1, 1),
    (5, 7, 9),
    (16, 16, 16),
    (1, 64, 33),
    (17, 4, 8),
    (32, 20, 40),
    (64, 64, 64),
    (33, 65, 17),
    (128, 16, 16),
    (16, 128, 16),
    (16, 16, 128),
    (96, 48, 80),
]

_FLOWS = {"gemm_ws": "ws", "gemm_os": "os"}

_CONFIG = """
[general]
run_name = run
[architecture_presets]
ArrayHeight = {rows}
ArrayWidth = {cols}
IfmapSramSzkB = 1024
FilterSramSzkB = 1024
OfmapSramSzkB = 1024
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = {flow}
Bandwidth = 10
[run_presets]
InterfaceBandwidth = CALC
"""


def scale_sim(rows, cols, flow, products):
    """SCALE-Sim's "Total Cycles" for each product; the index of the last cycle, as it prints it."""
    from scalesim.scale_sim import scalesim

    with scratch.folder() as folder:
        config, topology = Path(folder, "array.cfg"), Path(folder, "products.csv")
        config.write_text(_CONFIG.format(rows=rows, cols=cols, flow=flow))
        lines = [f"p{i},{m},{n},{k}," for i, (m, k, n) in enumerate(products)]
        topology.write_text("\n".join(["Layer,M,N,K,", *lines, ""]))
        with redirect_stdout(io.StringIO()):
            scalesim(
                save_disk_space=True,
                verbose=False,
                config=str(config),
                topology=str(topology),
                input_type_gemm=True,
            ).run_scale(top_path=str(folder))
        report = next(Path(folder).rglob("COMPUTE_REPORT.csv"))
        rows = list(csv.reader(report.read_text().splitlines()))[1:]
    return [int(float(row[1])) for row in rows]


def folds(design, rows, cols, m, k, n):
    """Tiles that SCALE-Sim cuts the product into."""
    first, second = {"gemm_ws": (k, n), "gemm_os": (m, n)}[design]
    return -(-first // rows) * -(-second // cols)


def measure(out, arrays=ARRAYS, products=PRODUCTS):
    """Yield a record for each design, array and product, in which every result is checked."""
    rng = np.random.default_rng(1)
    installed = importlib.util.find_spec("scalesim") is not None
    for engine in (GemmWs, GemmOs):
        design = engine.design()
        for rows, cols in arrays:
            emission = emit(engine(rows=rows, cols=cols), out)
            references = [None] * len(products)
            if installed:
                references = scale_sim(rows, cols, _FLOWS[design], products)
            for (m, k, n), reference in zip(products, references, strict=True):
                a = rng.integers(-128, 128, (m, k))
                w = rng.integers(-128, 128, (k, n))
                product = engines.product(emission, a, w)
                yield {
                    "design": design,
                    "array": f"{rows}x{cols}",
                    "product": f"{m}x{k}x{n}",
                    "folds": folds(design, rows, cols, m, k, n),
                    "cycles": product.cycles,
                    "bound": product.cycle_bound,
                    "scale_sim": reference,
                    "difference": product.cycles - reference if installed else None,
                    "exact": product.matches_golden,
                } | ({} if installed else {"note": "not installed: scalesim"})


STUDY = Study(measure=measure)
