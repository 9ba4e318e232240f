"""Deliberate defects: does each unit's test bench notice when the unit is broken?

``python tests/lib/defects.py [UNIT…]`` applies the defects of ``tests/defects.toml``, or those of
the named units, one at a time, runs the test bench on the cases of the unit's tests until one
fails, and prints which test of the bench noticed the defect. Exit status 1 if a defect survives or
cannot be applied.

A defect is applied to the parsed module, which a child process imports in place of the file. The
child has a cache of its own, so that nothing broken meets what is sound.
"""

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import re
import runpy
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFECTS = tomllib.loads((ROOT / "tests" / "defects.toml").read_text("utf-8"))
WORKERS = 2


def cases_file(unit: str) -> Path:
    """The pytest file of a unit, which has its cases."""
    (path,) = (ROOT / "tests").glob(f"*/test_{unit}.py")
    return path


def broken(defect: dict, source: str) -> ast.Module:
    """The module of a source text with the defect."""
    tree = ast.parse(source)
    scope = _definition(tree, defect)
    try:
        old = ast.parse(defect["old"], mode="eval").body
        new = ast.parse(defect["new"], mode="eval").body
    except SyntaxError:
        (old,) = ast.parse(defect["old"]).body
        (new,) = ast.parse(defect["new"]).body
    change = _Change(old, new)
    change.visit(scope)
    if change.count != 1:
        place = ": ".join(defect[key] for key in ("file", "in") if key in defect)
        raise ValueError(f"{place}: {defect['old']!r} occurs {change.count} times")
    return tree


def _definition(tree, defect):
    """The function, method or class that the defect is in; by default the module."""
    node = tree
    for name in defect.get("in", "").split(".") if "in" in defect else ():
        kinds = ast.FunctionDef | ast.ClassDef
        nodes = [each for each in node.body if isinstance(each, kinds) and each.name == name]
        if len(nodes) != 1:
            raise ValueError(f"{defect['file']}: {defect['in']} is defined {len(nodes)} times")
        (node,) = nodes
    return node


class _Change(ast.NodeTransformer):
    """Replaces the nodes that equal ``old``, and counts them."""

    def __init__(self, old, new):
        self.old, self.new, self.count = old, new, 0

    def visit(self, node):
        if type(node) is type(self.old) and ast.dump(node) == ast.dump(self.old):
            self.count += 1
            for each in ast.walk(self.new):
                ast.copy_location(each, node)
            return self.new
        return self.generic_visit(node)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the broken module in place of the file's."""

    def __init__(self, defect):
        self.defect = defect
        self.module = "brickwork." + defect["file"].removesuffix(".py").replace("/", ".")

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.module:
            return None
        file = str(ROOT / self.defect["file"])
        loader = _Loader(fullname, file)
        loader.defect = self.defect
        return importlib.util.spec_from_file_location(fullname, file, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname):
        # No bytecode is written, or read.
        source = Path(self.path).read_text("utf-8")
        return compile(broken(self.defect, source), self.path, "exec", dont_inherit=True)


def attempt(unit: str, defect: dict) -> dict:
    """Run the unit's bench on the broken unit, in a child process.

    Returns
    -------
    dict
        ``noticed``, the test that failed, or nothing; ``error``, if nothing could be tested; and
        ``seconds``.
    """
    from brickwork.sim import cache

    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="brickwork-defect-") as folder:
        # The simulator's runtime is the same for all builds.
        scratch, runtime = Path(folder) / "cache", cache.folder() / "runtime"
        scratch.mkdir()
        runtime.mkdir(parents=True, exist_ok=True)
        (scratch / "runtime").symlink_to(runtime)
        child = subprocess.run(
            [sys.executable, __file__, "--run", unit, json.dumps(defect)],
            env=os.environ | {"BRICKWORK_CACHE": str(scratch)},
            capture_output=True,
            text=True,
            cwd=folder,
        )
    try:
        outcome = json.loads(child.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        outcome = {"error": (child.stderr.strip() or "no output").splitlines()[-1]}
    return outcome | {"seconds": time.monotonic() - start}


def run_cases(unit: str, defect: dict) -> dict:
    """Run the unit's bench on its cases until one fails: the child's work."""
    sys.meta_path.insert(0, _Finder(defect))
    from brickwork.gen.emission.emit import emit_unit
    from brickwork.sim.verilator.simulate import simulate

    cases = runpy.run_path(str(cases_file(unit)))["CASES"]
    order = sorted(cases, key=lambda name: name != defect.get("case"))
    for name in order:
        kind, parameters = cases[name]
        folder = Path("out") / re.sub(r"\W", "_", name)
        manifest = emit_unit(kind(**parameters), folder).manifest
        bench = kind.__module__.replace(".hdl.", ".sim.tb.")
        outcome = simulate(manifest, bench, workdir=folder, initial_values=False, timeout_s=120)
        failed = [test.name for test in outcome.tests if not test.ok]
        if failed:
            return {"noticed": f"{failed[0].removeprefix(f'{bench}.')} on {name}"}
        if not outcome.passed:
            return {"error": outcome.reason}
    return {}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("units", metavar="UNIT", nargs="*", help="default: all units")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.run:
        unit, defect = options.run
        print(json.dumps(run_cases(unit, json.loads(defect))))
        return 0
    for unit in options.units:
        if unit not in DEFECTS:
            parser.error(f"Unit must be one of {', '.join(DEFECTS)}, not {unit!r}")
    jobs = [(unit, defect) for unit in options.units or DEFECTS for defect in DEFECTS[unit]]
    noticed = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        outcomes = pool.map(lambda job: attempt(*job), jobs)
        for number, ((unit, defect), outcome) in enumerate(zip(jobs, outcomes, strict=True), 1):
            noticed += bool(outcome.get("noticed"))
            reason = outcome.get("error", "every test passed")
            result = outcome.get("noticed") or f"NOT NOTICED: {reason}"
            seconds = f"{outcome['seconds']:.1f} s"
            print(f"{number}/{len(jobs)}", unit, defect["effect"], result, seconds, sep="\t")
            sys.stdout.flush()
    print(f"{noticed} of {len(jobs)} defects were noticed")
    return int(noticed < len(jobs))


if __name__ == "__main__":
    sys.exit(main())
