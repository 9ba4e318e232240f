"""Jobs on simulated cores, in the words of the tests: products, matrices times vectors."""

from pathlib import Path

from brickwork.sim.designs import registry
from brickwork.sim.designs.eie import Layer
from brickwork.sim.host.bus_job import BusJob
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator.jobs import run_job

__all__ = ["bus_job", "job", "matvec", "multiply", "network", "plan"]


def _model(manifest):
    return registry.model(manifest if isinstance(manifest, Manifest) else Manifest.read(manifest))


def plan(manifest, m, k, n, **modes):
    """The job of a product without operands."""
    return _model(manifest).plan(m, k, n, **modes)


def job(manifest, *operands, **modes):
    """The job of operands: A, W and quantization parameters, or layers and vectors."""
    return _model(manifest).job(*operands, **modes)


def bus_job(manifest, *operands, **modes):
    """Likewise for a core in a bus wrapper."""
    return BusJob(job(manifest, *operands, **modes))


_RUN = ("stall_in", "stall_out", "seed", "limit")


def multiply(manifest, a, w, qparams=None, *, workdir=None, waves=False, cocotb=False, **options):
    """A · W on the core of a manifest's path; ``options`` are modes and those of the run."""
    run = {name: options.pop(name) for name in _RUN if name in options}
    product = job(manifest, a, w, qparams, **options)
    file = Path(workdir) / f"{product.manifest.top}.fst" if waves else None
    folder = Path(workdir) if cocotb else None
    return run_job(manifest, product, waves=file, cocotb=folder, **run)


def network(manifest, layers, a, **run):
    """Vectors through layers on a sparse core."""
    return run_job(manifest, job(manifest, layers, a), **run)


def matvec(manifest, encoded, a, *, shift=0, relu=False, **run):
    """A matrix times a vector, or several, on a sparse core."""
    return network(manifest, [Layer(encoded=encoded, shift=shift, relu=relu)], a, **run)
