"""The simulated engines: all that studies call of the host side of designs."""

from dataclasses import dataclass, field

import numpy as np

from ...sim.designs import registry
from ...sim.designs._gemm import GemmJob, QuantParams
from ...sim.designs.eie import Layer as SparseLayer
from ...sim.designs.eie import encoding
from ...sim.golden.sparse import Encoded, encode
from ...sim.host.bus_job import BusJob
from ...sim.manifest import Manifest
from ...sim.verilator.jobs import Chain, Result, run_job, run_jobs
from ..designs.base import Design
from ..emission.emit import Emission

__all__ = [
    "Factors",
    "SparseLayer",
    "bus_job",
    "encoded",
    "job",
    "product",
    "products",
    "requantization",
    "schedule",
    "sparse",
    "sparse_bus_job",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Factors:
    """Codes of A and W, and the modes of their product."""

    a: np.ndarray
    w: np.ndarray
    modes: dict = field(default_factory=dict)


def _model(emission: Emission):
    return registry.model(Manifest.read(emission.manifest))


def job(emission: Emission, a: np.ndarray, w: np.ndarray, **modes) -> GemmJob:
    """The job of A · W on an emitted dense engine."""
    return _model(emission).job(a, w, **modes)


def product(
    emission: Emission, a: np.ndarray, w: np.ndarray, *, cocotb: bool = False, **modes
) -> Result:
    """A · W on an emitted dense engine, with its results checked and its cycles."""
    job = _model(emission).job(a, w, **modes)
    return run_job(emission.manifest, job, cocotb=emission.folder / "bench" if cocotb else None)


def products(emission: Emission, factors: list[Factors]) -> Chain:
    """Products one right behind the other, in one simulation."""
    model = _model(emission)
    return run_jobs(
        emission.manifest, [model.job(each.a, each.w, **each.modes) for each in factors]
    )


def schedule(manifest: Manifest, m: int, k: int, n: int, **modes) -> GemmJob:
    """The tiles and cycles of a product on an engine with this manifest."""
    return registry.model(manifest).plan(m, k, n, **modes)


def encoded(
    parameters: Design,
    indices: np.ndarray,
    codebook: np.ndarray,
    row_mapping: str = "modulo",
    inputs: np.ndarray | None = None,
) -> Encoded:
    """A matrix in the form that a sparse engine takes."""
    widths = encoding(parameters.as_dict())
    return encode(indices, codebook, row_mapping=row_mapping, inputs=inputs, **widths)


def sparse(emission: Emission, layers: list[SparseLayer], a: np.ndarray) -> Result:
    """Vectors through layers on an emitted sparse engine, with results checked and cycles."""
    return run_job(emission.manifest, _model(emission).job(layers, a))


def bus_job(
    manifest: Manifest, a: np.ndarray, w: np.ndarray, qparams: QuantParams | None = None, **options
) -> BusJob:
    """A · W for a dense engine in a bus wrapper."""
    return BusJob(registry.model(manifest).job(a, w, qparams, **options))


def requantization(n: int) -> QuantParams:
    """Parameters for ``n`` columns whose results are the sums over 2^11, clamped to int8."""
    ones = np.ones(n, np.int64)
    return QuantParams(
        bias=ones * 0,
        multiplier=ones << 23,
        shift=ones * 34,
        zero_point=ones * 0,
        low=ones * -128,
        high=ones * 127,
    )


def sparse_bus_job(manifest: Manifest, layers: list[SparseLayer], a: np.ndarray) -> BusJob:
    """Vectors through layers for a sparse engine in a bus wrapper."""
    return BusJob(registry.model(manifest).job(layers, a))
