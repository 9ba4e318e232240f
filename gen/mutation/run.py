"""Runs of a unit's bench on mutants of one case, and what becomes of those that survive."""

import ast
import dataclasses
import functools
import importlib.util
import json
import shutil
import time
from pathlib import Path

from ...sim import cache, scratch
from ...sim.manifest import Manifest
from ...sim.verilator.build import build
from ...sim.verilator.forks import Forks
from ..emission.emit import emit_unit
from ..lib.errors import CheckFailed
from . import equivalence, netlist
from .cases import Case, read_case, units

__all__ = ["STATES", "measure"]

#: Outcomes of a mutant: noticed by the bench, also by a bench that never ends; or not noticed, and
#: proved to be no fault, or no fault under the rules of streams, or neither.
STATES = ("killed", "timed out", "equivalent", "unreachable", "survived")

#: A mutant may take this many times as long as the unit, and no less than so many seconds.
_SLOWER = 8
_LEAST_SECONDS = 5
_UNIT_SECONDS = 300


def measure(case: Case, count: int, resets: int, seed: int) -> dict:
    """The record of one case: its mutants, each with its outcome; from the cache if it has it.

    Parameters
    ----------
    case : Case
    count, resets : int
        Numbers of mutants; see :func:`.netlist.draw`.
    seed : int
        Seed of the choice of mutants.

    Raises
    ------
    CheckFailed
        If the unit without a fault fails its bench.
    """
    unit = read_case(case)
    bench = type(unit).__module__.replace(".hdl.", ".sim.tb.")
    benched = units(case.file.parents[1])
    with scratch.folder() as folder:
        manifest = Manifest.read(emit_unit(unit, folder / "unit").manifest)
        inputs = [
            manifest.verilog_path.read_text("utf-8"),
            manifest.path.read_text("utf-8"),
            _imported(bench),
            _imported(__name__),
            json.dumps([count, resets, seed, sorted(benched), manifest.tools]),
        ]

        def make(entry: Path) -> None:
            modules = netlist.own_modules(manifest, benched)
            record = _measure(manifest, bench, modules, count, resets, seed, folder)
            (entry / "record.json").write_text(json.dumps(record), "utf-8")

        entry, _ = cache.entry("mutants", *inputs, make=make)
    record = json.loads((entry / "record.json").read_text("utf-8"))
    return {"unit": case.unit, "case": case.name} | record


def _measure(manifest, bench, modules, count, resets, seed, folder):
    start = time.monotonic()
    mutants, signals = netlist.draw(manifest, modules, count, resets, seed, folder)
    records = []
    if mutants:
        path = netlist.mutated(manifest, mutants, folder)
        finished = build(path, initial_values=False)
        with Forks(finished, Manifest.read(path), bench, folder) as forks:
            run = functools.partial(_run, forks, folder / "run")
            began = time.monotonic()
            if reason := run(0, _UNIT_SECONDS)[0]:
                raise CheckFailed(f"Bench {bench} fails without a fault: {reason}")
            limit = max(_LEAST_SECONDS, _SLOWER * (time.monotonic() - began))
            records = [
                _record(mutant, *run(number, limit)) for number, mutant in enumerate(mutants, 1)
            ]
        survived = [n for n, record in enumerate(records) if record["state"] == "survived"]
        verdicts = equivalence.judge(manifest, [mutants[n] for n in survived], folder)
        for number, verdict in zip(survived, verdicts, strict=True):
            records[number] |= verdict
    return {
        "seconds": round(time.monotonic() - start, 1),
        "mutants": records,
        "signals": signals,
    }


def _run(forks, folder, number, limit):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / netlist.FILE).write_text(f"{number:x}\n")
    return forks.run(folder, limit)


def _record(mutant, reason, stopped):
    record = dataclasses.asdict(mutant) | {"location": mutant.location, "reason": reason}
    return record | {"state": "timed out" if stopped else "killed" if reason else "survived"}


@functools.cache
def _imported(module: str) -> str:
    """A digest of a module of this package and of all that it imports from the package."""
    texts, waiting = {}, [module]
    while waiting:
        name = waiting.pop()
        spec = _spec(name)
        if name in texts or spec is None:
            continue
        texts[name] = text = Path(spec.origin).read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = f"{'.' * node.level}{node.module or ''}"
                base = importlib.util.resolve_name(base, spec.parent)
                waiting += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return cache.digest(*(item for name in sorted(texts) for item in (name, texts[name])))


def _spec(name):
    """Where a module comes from; None if the name is that of something in a module."""
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
