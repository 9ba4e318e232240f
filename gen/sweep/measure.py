"""Measurements for the points of a sweep: functions of plain values, for any machine."""

import contextlib
import functools
import importlib.metadata
import io
import json
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from ...sim import cache, scratch
from ...sim.designs import registry as models
from ...sim.manifest import Manifest
from ...sim.verilator import build as simulation
from ...sim.verilator import toolchain
from ...sim.verilator.jobs import run_job
from ..designs import registry
from ..emission.emit import emit
from ..lib.errors import CheckFailed, Infeasible, UsageError

__all__ = ["area", "build", "clock", "cycles", "tools"]

_LOG_CHARACTERS = 20_000


def tools() -> dict[str, str]:
    """Versions of the tools that results depend on, and a digest of the program's sources."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    versions["verilator"] = ".".join(map(str, toolchain.verilator().version))
    return versions | {"sources": _sources()[:16]}


_PACKAGES = ("brickwork", "amaranth", "pyosys")
_GENERATOR = (
    "designs",
    "emission",
    "flow",
)


@functools.cache
def _sources():
    gen = Path(__file__).parents[1]
    files = [*gen.with_name("hdl").rglob("*.py"), *gen.with_name("sim").rglob("*.*")]
    files += [file for name in _GENERATOR for file in (gen / name).rglob("*.py")]
    files += [Path(__file__), *gen.with_name("constraints").glob("*.toml")]
    files = sorted(file for file in files if file.suffix != ".pyc" and file.is_file())
    return cache.digest(*(file.read_bytes() for file in files))


def _task(function: Callable) -> Callable:
    """A task for a worker, whose outcome is a dict that can be sent.

    The outcome holds the function's ``value``, a reason ``infeasible``, or a reason ``failed`` with
    a ``log``; and ``seconds``. The first argument is the client's :func:`tools`, and the origin of
    a design that is not a stock one; both must be those of the worker. A task with the outcome
    ``after`` of another one does nothing unless that one has a value.
    """

    @functools.wraps(function)
    def task(expected, design, parameters, *arguments, after=None):
        start = time.monotonic()
        own = tools() | _origin(design, parameters)
        for name in sorted(expected.keys() | own.keys()):
            if own.get(name) != expected.get(name):
                raise UsageError(
                    f"Worker must have {name} {expected.get(name, 'none')}, as the sweep, not "
                    f"{own.get(name, 'none')}"
                )
        if after is not None and "value" not in after:
            return after
        try:
            # Progress is for whoever started the sweep, who sees its own.
            with contextlib.redirect_stderr(io.StringIO()):
                outcome = {"value": function(design, parameters, *arguments)}
        except Infeasible as error:
            outcome = {"infeasible": str(error)}
        except Exception as error:
            log = str(getattr(error, "log", None) or traceback.format_exc())
            reason = " ".join(str(error).split("\n")) or type(error).__name__
            outcome = {"failed": reason, "log": log[-_LOG_CHARACTERS:]}
        return outcome | {"seconds": time.monotonic() - start}

    return task


def _origin(design, parameters):
    """The origin of a design on this worker, which may have no plug-in for it."""
    try:
        return registry.design(design)(**parameters).origin()
    except ValueError:
        return {}


@contextlib.contextmanager
def _emitted(design, parameters) -> Iterator[Path]:
    """The manifest of a design in a temporary folder."""
    with scratch.folder() as folder:
        yield emit(registry.design(design)(**parameters), folder).manifest


@_task
def build(design: str, parameters: dict) -> bool:
    """Builds the simulation, so that it is in the cache when it is needed."""
    with _emitted(design, parameters) as manifest:
        simulation.build(manifest)
    return True


@_task
def area(
    design: str, parameters: dict, target: str, liberty: str | None, library: str | None
) -> dict:
    """The result of :func:`synthesize`; ``library`` is the digest of the file ``liberty``."""
    from ..flow.synthesis import synthesize

    if liberty is not None and cache.digest(Path(liberty).read_bytes()) != library:
        raise CheckFailed(f"Liberty file {liberty} must be that of the sweep, not another")
    with _emitted(design, parameters) as manifest:
        return synthesize(manifest, target, liberty=None if liberty is None else Path(liberty))


@_task
def clock(design: str, parameters: dict, target: str, seeds: int) -> dict:
    """The result of :func:`place`."""
    from ..flow.place import place

    with _emitted(design, parameters) as manifest:
        try:
            return place(manifest, target, seeds=seeds)
        except ValueError as error:
            raise Infeasible(str(error)) from None


@_task
def cycles(design: str, parameters: dict, modes: dict, layer: dict) -> dict:
    """Cycles of one product of a layer, and the traffic on the engine's streams meanwhile.

    Returns
    -------
    dict
        ``cycles``; ``kind``, ``"rtl"`` or ``"extrapolated"``; ``simulated``, the share of the
        product that was computed in RTL, 0 to 1; and ``bytes`` of acts, weights and results.
    """
    with _emitted(design, parameters) as manifest:
        key = (
            *(manifest.read_bytes(), manifest.with_suffix(".v").read_bytes()),
            *(json.dumps([modes, layer], sort_keys=True), json.dumps(tools())),
        )

        def make(folder):
            counts = _cycles(manifest, modes, layer)
            (folder / "cycles.json").write_text(json.dumps(counts))

        folder, _ = cache.entry("cycles", *key, make=make)
        return json.loads((folder / "cycles.json").read_text("utf-8"))


def _cycles(manifest, modes, layer):
    def run(job):
        result = run_job(manifest, job)
        if not result.matches_golden:
            raise CheckFailed("Results must match the golden model, and do not")
        return result

    try:
        counts = models.model(Manifest.read(manifest)).layer_cycles(layer, modes, run)
    except ValueError as error:
        raise Infeasible(str(error)) from None
    except RuntimeError as error:
        raise CheckFailed(str(error)) from None
    return {
        "cycles": counts.cycles,
        "kind": counts.origin,
        "simulated": counts.simulated,
        "bytes": counts.bytes,
    }
