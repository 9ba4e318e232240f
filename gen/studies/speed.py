"""Speed of simulation: every way side by side, on the same engine and the same products."""

import contextlib
import datetime
import importlib.metadata
import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from unittest import mock

from ...sim import cache
from ...sim.verilator import toolchain
from ...sim.verilator.build import build
from ..designs.base import GemmWs
from ..emission.emit import emit, write_whole
from ..lib.progress import progress
from .ways import WAYS

__all__ = ["COLUMNS", "SCHEMA", "measure", "rows", "write"]

#: Version of the file's schema.
SCHEMA = 1

#: Fields of a record with what they hold; every record has all, ``None`` where nothing is known.
COLUMNS = {
    "array": "rows x columns",
    "way": "how it is simulated",
    "m": "rows of A, chosen so that a run takes about a second",
    "cycles": "of one run, from the first accepted word to the last result",
    "emission_seconds": "to make the Verilog",
    "build_cold_seconds": "to make the simulation with an empty cache",
    "build_warm_seconds": "with the part of it that does not depend on the design in the cache",
    "build_cached_seconds": "with all of it in the cache",
    "seconds": "of each run",
    "cycles_per_second": "with the median of them",
    "macs_per_second": "cycles_per_second times elements of the array",
    "ratio": "of cycles_per_second to the compiled driver's",
    "exact": "whether every result of every run is right; None if the way checks none",
    "same_cycles": "whether the compiled driver takes as many cycles for the same product",
    "note": "why there are no numbers",
}

_SHOWN = {
    "array": "array",
    "way": "way",
    "m": "M",
    "emission_seconds": "emission_s",
    "build_cold_seconds": "cold_build_s",
    "build_warm_seconds": "warm",
    "build_cached_seconds": "cached",
    "cycles_per_second": "cycles/s",
    "macs_per_second": "MAC/s",
    "ratio": "ratio",
    "exact": "exact",
    "note": "note",
}


def rows(records):
    """The records as the table shows them."""
    shown = [{text: record[name] for name, text in _SHOWN.items()} for record in records]
    if not any(row["note"] for row in shown):
        for row in shown:
            del row["note"]
    return shown


def write(out, records):
    """Writes ``speed.json`` into the folder: the records, and what they were measured with."""
    whole = {
        "schema": SCHEMA,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "tools": _tools(),
        "columns": COLUMNS,
        "records": records,
    }
    write_whole(Path(out) / "speed.json", json.dumps(whole, indent=2) + "\n")


def measure(out, *, sizes=(8, 16, 32, 64), runs=3, seconds=1.0, ways=tuple(WAYS), cold=True):
    """Measures everything; returns the records, see :data:`COLUMNS`.

    Parameters
    ----------
    out : Path
        For what the ways write.
    sizes : sequence of int
        Rows, and columns, of the arrays.
    runs : int
        Runs of each way, one of each in turn, so that all see the same load of the machine.
    seconds : float
        What a run should take.
    ways : sequence of str
        Names of :data:`WAYS`; ``"driver"`` must be one.
    cold : bool
        Whether to measure builds in an empty cache of their own; else ours serves.
    """
    records = []
    with progress(total=len(sizes) * len(ways) * (runs + 1), what="speed") as bar:
        for size in sizes:
            records += _measure(Path(out), size, runs, seconds, ways, cold, bar)
    return records


def _measure(out, size, runs, seconds, names, cold, bar):
    array = f"{size}x{size}"
    bar.set_description(f"speed {array}, build")
    records = {name: dict.fromkeys(COLUMNS) for name in names}
    usual = str(cache.folder())
    with contextlib.ExitStack() as stack:
        built = _builds(stack, out, size) if cold else {}
        emission = emit(GemmWs(rows=size, cols=size), out)
        ways = {}
        for name in names:
            way = WAYS[name](size, emission, emission.folder / "bench" / name)
            record = records[name]
            record |= {"array": array, "way": way.title}
            if missing := way.missing():
                record["note"] = f"not installed: {missing}"
            elif size > way.largest:
                record["note"] = way.too_large
            else:
                bar.set_description(f"speed {array}, {way.title}, build")
                if name in ("driver", "cocotb"):
                    record |= built
                elif way.emitted:
                    record["emission_seconds"] = built.get("emission_seconds")
                # The harness takes minutes to compile, so that is kept.
                kept = {"BRICKWORK_CACHE": usual} if name == "harness" else {}
                with mock.patch.dict(os.environ, kept):
                    record |= way.prepare()
                record["m"] = _calibrate(way, seconds)
                ways[name] = way
            bar.update(1 if name in ways else runs + 1)
        found = {name: [] for name in ways}
        for _, (name, way) in itertools.product(range(runs), ways.items()):
            bar.set_description(f"speed {array}, {way.title}")
            found[name].append(way.run(records[name]["m"]))
            bar.update()
        for name, list_ in found.items():
            reference = list_ if name == "driver" else [ways["driver"].run(records[name]["m"])]
            _fill(records[name], size, list_, reference[0].cycles)
        for name in ways:
            rate = records[name]["cycles_per_second"] / records["driver"]["cycles_per_second"]
            records[name]["ratio"] = float(f"{rate:.3g}")
    return list(records.values())


def _fill(record, size, runs, cycles):
    rate = runs[0].cycles / statistics.median(run.seconds for run in runs)
    record |= {
        "cycles": runs[0].cycles,
        "seconds": [round(run.seconds, 4) for run in runs],
        "cycles_per_second": _rounded(rate),
        "macs_per_second": _rounded(rate * size * size),
        "exact": None if runs[0].exact is None else all(run.exact for run in runs),
        "same_cycles": all(run.cycles == cycles for run in runs),
    }


def _rounded(number):
    """An integer of three significant digits; more would differ from run to run."""
    return int(float(f"{number:.3g}"))


def _calibrate(way, seconds, most=1 << 22):
    """Rows of A with which a run takes about ``seconds``."""
    start = way.run(1).seconds  # which all runs take, not only this one
    if start >= seconds:
        return 1
    m = 16
    while (took := way.run(m).seconds - start) < seconds / 8 and m < most:
        m *= 8
    rows = min(most, max(1, round(m * (seconds - start) / max(took, 1e-6))))
    # Above the depth of the accumulators the product is cut; into equal parts, this way.
    return rows if rows <= 512 else rows // 512 * 512


def _builds(stack, out, size):
    """Emission and builds with an empty cache, which serves until the stack is left."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="brickwork-bench-"))
    stack.enter_context(mock.patch.dict(os.environ, {"BRICKWORK_CACHE": folder}))
    start = time.monotonic()
    emission = emit(GemmWs(rows=size, cols=size), out)
    emitted = time.monotonic() - start
    cold = build(emission.manifest).seconds
    shutil.rmtree(Path(folder) / "builds")
    return {
        "emission_seconds": round(emitted, 2),
        "build_cold_seconds": round(cold, 2),
        "build_warm_seconds": round(build(emission.manifest).seconds, 2),
    }


def _machine():
    found = Path("/proc/cpuinfo")
    lines = found.read_text().splitlines() if found.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "load": os.getloadavg()[0],
    }


def _tools():
    verilator = toolchain.verilator()
    versions = {"python": platform.python_version()}
    for package in ("brickwork", "amaranth", "cocotb", "numpy", "pyosys"):
        versions[package] = importlib.metadata.version(package)
    versions["verilator"] = f"{verilator.release} ({verilator.source})"
    versions["compiler"] = toolchain.compiler().version
    if shutil.which("iverilog"):
        printed = subprocess.run(["iverilog", "-V"], capture_output=True, text=True).stdout
        versions["iverilog"] = (printed.splitlines() or ["?"])[0].strip()
    return versions
