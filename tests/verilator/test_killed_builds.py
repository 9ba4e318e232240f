"""Builds that are killed at any moment, and a cache that is cleared under them, leave no harm."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from brickwork import GemmOs
from brickwork.gen.emission.emit import emit
from brickwork.sim import cache
from brickwork.sim.verilator.build import build
from products import multiply

BUILD = """\
import sys
from pathlib import Path
from brickwork.sim.verilator.build import BuildError, build
try:
    build(Path(sys.argv[1]), optimized=False)
except BuildError as error:
    sys.exit(str(error))
"""

FILES = {"simulation", "build.log", "times.json"}


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    """That of a small engine, with a cache that has Verilator's runtime and nothing else."""
    shared = cache.folder() / "runtime"
    shared.mkdir(parents=True, exist_ok=True)
    place = tmp_path / "cache"
    place.mkdir()
    (place / "runtime").symlink_to(shared)
    monkeypatch.setenv("BRICKWORK_CACHE", str(place))
    monkeypatch.setattr(cache, "_spare", None)
    found = emit(GemmOs(rows=2, cols=2), tmp_path).manifest
    build(found, optimized=False)
    cache.clear("builds")
    return found


def start(manifest, group=0):
    """Starts a build in a process group of its own, or in that of another build."""
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(manifest)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=group,
    )


def seconds_of_build(manifest):
    begin = time.monotonic()
    with start(manifest) as child:
        assert child.communicate() == (None, "")
    assert child.returncode == 0
    assert cache.clear("builds")["builds"].entries == 1
    return time.monotonic() - begin


def published():
    """The builds that a reader sees; each must have all its files."""
    found = [path for path in (cache.folder() / "builds").iterdir() if path.name[0] != "."]
    for path in found:
        assert {file.name for file in path.iterdir()} == FILES
    return found


def temporaries():
    return list((cache.folder() / "builds").glob(".*"))


def kill(manifest, processes, seconds):
    """Starts builds of the same, and kills them and what they started after some time."""
    children = [start(manifest)]
    children += [start(manifest, children[0].pid) for _ in range(processes - 1)]
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            published()
            time.sleep(0.01)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(children[0].pid, signal.SIGKILL)
        ends = [child.communicate(timeout=30) for child in children]
    assert ends == [(None, "")] * processes
    assert {child.returncode for child in children} <= {0, -signal.SIGKILL}


def check_product(manifest, cached):
    rng = np.random.default_rng(1)
    a, w = rng.integers(-128, 128, (5, 7)), rng.integers(-128, 128, (7, 3))
    product = multiply(manifest, a, w, workdir=manifest.parent)
    assert product.build.cached is cached
    assert product.matches_golden
    assert np.array_equal(product.y, a @ w)


@pytest.mark.slow
def test_killed(manifest):
    seconds = seconds_of_build(manifest)
    rng = random.Random(1)
    for processes in [1] * 10 + [2] * 2:
        kill(manifest, processes, rng.uniform(0.05, 1.1) * processes * seconds)
        assert len(published()) <= 1
        if published():
            check_product(manifest, cached=True)
            assert cache.clear("builds")["builds"].entries == 1

    kill(manifest, 1, 0.5 * seconds)
    left = temporaries()
    assert left
    for path in left:
        os.utime(path, (time.time() - 60,) * 2)
    assert cache.usage()["stale"].entries == len(left)
    seconds_of_build(manifest)
    # The process that built has removed them.
    assert temporaries() == []


@pytest.mark.parametrize(
    "kinds", [("builds", "verilog", "failed", "stale"), (None,)], ids=["kinds", "all"]
)
def test_cleared_during_a_build(manifest, kinds):
    runtime = cache.folder() / "runtime"
    shared = runtime.readlink()
    runtime.unlink()
    runtime.mkdir()
    for path in shared.iterdir():
        # Entries by themselves, so that clearing removes links only.
        (runtime / path.name).symlink_to(path)

    with start(manifest) as child:
        end = time.monotonic() + 60
        while not any((cache.folder() / "builds").glob(".*/model/together*.cpp")):
            assert child.poll() is None, child.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.01)
        cleared = {}
        for kind in kinds:
            cleared |= cache.clear(kind)
        err = child.communicate(timeout=60)[1]
    assert temporaries() == []
    if child.returncode == 0:
        assert err == ""
        check_product(manifest, cached=True)
    else:
        # Without the runtime it cannot go on, and says so in one line.
        assert kinds == (None,)
        assert published() == []
        first, _, rest = err.partition("\n")
        assert first.startswith("Module gemm_os cannot be built: ")
        # A log written early enough is cleared too, the runtime goes first; when compilers that ran
        # side by side failed, the last one's may have been written again after that.
        log = Path(first.rpartition("(log: ")[2].rstrip(")"))
        assert log.is_file() or cleared["failed"].entries
        assert rest == ""
