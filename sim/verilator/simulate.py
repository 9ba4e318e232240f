"""Runs a cocotb testbench on an emitted design and reads its results."""

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..manifest import Manifest
from ..processes import ProcessGroup
from ..steps import step
from . import toolchain
from .bench_host import running_host
from .build import Build, build, read
from .waves import view_files, write_views

__all__ = ["Outcome", "Test", "environment", "failure", "random_bits", "read_results", "simulate"]

# Settings of cocotb for debugging and logging. Those that select tests are dropped, so that a run
# does not depend on the caller's environment.
_KEPT = {
    "COCOTB_ANSI_OUTPUT",
    "COCOTB_ATTACH",
    "COCOTB_LOG_LEVEL",
    "COCOTB_PDB_ON_EXCEPTION",
    "COCOTB_REDUCED_LOG_FMT",
    "COCOTB_SCHEDULER_DEBUG",
    "GPI_LOG_LEVEL",
}


class Test(NamedTuple):
    """One test of a bench.

    ``name`` is ``module.function``; ``sim_time_ns`` is simulated, ``seconds`` is elapsed time;
    ``message`` is the first line of its error. A skipped test counts as ``ok``.
    """

    name: str
    ok: bool
    sim_time_ns: float
    seconds: float
    skipped: bool = False
    message: str = ""


# Not a test of the suite that imports it.
Test.__test__ = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a simulation.

    Attributes
    ----------
    passed : bool
        Whether at least one test ran and none failed.
    reason : str
        Why the simulation failed, in one line; empty if it passed.
    tests : tuple of Test
        The tests, in the order in which they ran.
    results_xml : Path
        JUnit XML. May be missing when the simulator ended early.
    log : Path
        Output of the simulator.
    waves : Path or None
        The waveform file, if requested.
    seconds : float
        Elapsed time of the simulation, without the build.
    build : Build
        The build that ran.
    """

    passed: bool
    reason: str
    tests: tuple[Test, ...]
    results_xml: Path
    log: Path
    waves: Path | None
    seconds: float
    build: Build


def simulate(
    manifest: Path,
    module: str,
    *,
    workdir: Path,
    tests: str | None = None,
    seed: int = 1,
    waves: bool = False,
    debug: bool = False,
    initial_values: bool = True,
    optimized: bool = False,
    shared: bool = True,
    timeout_s: float | None = None,
) -> Outcome:
    """Build a design and run a cocotb test module on it.

    Parameters
    ----------
    manifest : Path
        The design's manifest. The testbench finds its absolute path in ``BRICKWORK_MANIFEST``.
    module : str
        The test module as it is imported, e.g. ``brickwork.sim.tb.systolic.mesh``.
    workdir : Path
        Gets ``sim.log``, ``results.xml``, the FST waveform file and the files that show it; made if
        it does not exist.
    tests : str or None
        Regular expression; only tests with a match in ``module.function`` run.
    seed : int
        Seed of the testbench's random numbers.
    waves, debug, initial_values, optimized : bool
        See :func:`build`. Registers without an initial value begin with random bits. Most of the
        time of a bench is that of Python.
    shared : bool
        Run in a fork of one process for all benches; always without for waves.
    timeout_s : float or None
        Seconds of elapsed time after which the simulation is stopped and counts as failed.

    Raises
    ------
    ToolError, ValueError, BuildError
        As :func:`build` does. A simulation that fails raises nothing: see :attr:`Outcome.passed`.
    """
    finished = build(
        manifest,
        waves=waves,
        debug=debug,
        initial_values=initial_values,
        optimized=optimized,
        shared=shared and not waves,
    )
    design = read(manifest)
    workdir = Path(workdir).absolute()
    workdir.mkdir(parents=True, exist_ok=True)
    results = workdir / "results.xml"
    log = workdir / "sim.log"
    wave_file = workdir / f"{design.top}.fst"
    for file in (results, log, wave_file, *view_files(wave_file)):
        file.unlink(missing_ok=True)

    command = [str(finished.binary), *random_bits(seed)]
    if waves:
        command += ["--trace", "--trace-file", str(wave_file)]
        write_views(design, wave_file)
    env = environment(design, module, results, tests, seed)
    start = time.monotonic()
    with step(f"running the test bench of {design.top}"), log.open("wb") as output:
        if finished.host is None:
            status = _run(command, cwd=workdir, env=env, output=output, timeout_s=timeout_s)
        else:
            status = running_host(finished.host, env).run(
                command, folder=workdir, log=log, environment=env, timeout_s=timeout_s
            )
    seconds = time.monotonic() - start

    results_of_tests = read_results(results)
    reason = failure(status, results_of_tests, timeout_s, log)
    return Outcome(
        passed=not reason,
        reason=reason,
        tests=tuple(results_of_tests or ()),
        results_xml=results,
        log=log,
        waves=wave_file if waves else None,
        seconds=seconds,
        build=finished,
    )


def random_bits(seed: int) -> list[str]:
    """Options of a simulator for random bits where there is no initial value."""
    return ["+verilator+rand+reset+2", f"+verilator+seed+{max(seed, 1) & 0x7FFFFFFF}"]


def environment(
    design: Manifest, module: str, results: Path | str, tests: str | None, seed: int
) -> dict[str, str]:
    """The environment of a simulation with cocotb; arguments are those of :func:`simulate`."""
    from cocotb_tools import config

    env = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or not name.startswith(("COCOTB_", "GPI_", "PYGPI_"))
    }
    env |= {
        "GPI_USERS": f"{toolchain.libpython()};{config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "COCOTB_TEST_MODULES": module,
        "COCOTB_TOPLEVEL": design.top,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_RESULTS_FILE": str(results),
        "COCOTB_RANDOM_SEED": str(seed),
        # Verilator applies inertial writes itself, so cocotb need not imitate them.
        "COCOTB_TRUST_INERTIAL_WRITES": "1",
        "BRICKWORK_MANIFEST": str(design.path),
        # cocotb imports pytest, whose plugins are of no use here.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    if tests is not None:
        env["COCOTB_TEST_FILTER"] = tests
    return env


def _run(command: list[str], *, cwd: Path, env: dict[str, str], output, timeout_s) -> int | None:
    """Exit status, or None after a timeout. The child always ends before the call does."""
    # Also after a normal end the group is killed: a testbench may have started further processes.
    with ProcessGroup() as group:
        child = group.start(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            group.kill()
            child.wait()


def read_results(path: Path) -> list[Test] | None:
    """The tests in a JUnit file, or None if it is missing or cut short."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    tests = []
    for case in root.iter("testcase"):
        trouble = [child for child in case if child.tag in ("failure", "error")]
        properties = {item.get("name"): item.get("value") for item in case.iter("property")}
        tests.append(
            Test(
                name=f"{case.get('classname')}.{case.get('name')}",
                ok=not trouble,
                sim_time_ns=_nanoseconds(properties),
                seconds=float(case.get("time") or 0),
                skipped=case.find("skipped") is not None,
                message=_first_line(trouble[0]) if trouble else "",
            )
        )
    return tests


def _nanoseconds(properties: dict[str | None, str | None]) -> float:
    unit = {"fs": 1e-6, "ps": 1e-3, "ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
    duration = float(properties.get("sim_time_duration") or 0)
    return round(duration * unit[properties.get("sim_time_unit") or "ns"], 6)


def _first_line(trouble: ElementTree.Element) -> str:
    text = (trouble.get("message") or "").strip()
    if text:
        return text.splitlines()[0]
    # Without a message the exception's name is the last line of the traceback.
    text = (trouble.text or "").strip()
    return text.splitlines()[-1] if text else "failed"


def failure(
    status: int | None, tests: list[Test] | None, timeout_s: float | None, log: Path
) -> str:
    """The reason of a failed run, in one line; empty if it passed."""
    if status is None:
        return f"stopped after {timeout_s:g} s"
    if tests is None:
        return f"no results: {_last_error(log) or f'the simulator ended with status {status}'}"
    failed = [test for test in tests if not test.ok]
    if failed:
        first = f"{failed[0].name}: {failed[0].message}"
        return f"{len(failed)} of {len(tests)} tests failed, first {first}"
    if all(test.skipped for test in tests):
        return "no test ran"
    if status != 0:
        return f"every test passed, but the simulator ended with status {status}"
    return ""


def _last_error(log: Path) -> str:
    """The last line of a log that names a Python exception or an error of the simulator."""
    pattern = r"^(?:\w+\.)*\w*(?:Error|Exception)\b.*|^.*%Error.*"
    lines = re.findall(pattern, log.read_text(errors="replace"), re.MULTILINE)
    return lines[-1].strip() if lines else ""
