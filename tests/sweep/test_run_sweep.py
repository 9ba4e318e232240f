"""Running sweeps: equal records for any number of processes, and after any process is killed."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import psutil
import pytest
from brickwork import GemmOs, GemmWs
from brickwork.gen.emission.emit import emit
from brickwork.sim import cache
from brickwork.sim.manifest import Manifest
from products import plan as plan_of

WORKLOAD = """
title = "Some products"
source = "this test"
layers = [
  { name = "a", m = 5, k = 9, n = 7 },
  { name = "a", m = 30, k = 4, n = 3, count = 3, weights = 0.5, acts = 0.25 },
  { name = "a again", m = 5, k = 9, n = 7 },
]
"""

SWEEP = """
name = "small"
workloads = ["some.toml"]

[[grid]]
design = "gemm_ws"
set = { rows = 2, cols = 2, max_k = [8, 64] }

[[grid]]
design = "gemm_os"
set = { rows = 2, cols = 2 }

[[points]]
design = "eie"
set = { pes = 2, rows = 8, columns = 32, acts = 8, entries = 64 }

[[points]]
design = "eie"
set = { pes = 2, rows = 8, columns = 32, acts = 8, entries = 8 }

[[points]]
design = "gemm_os"
set = { rows = 2, cols = 2 }
targets = ["ecp5"]
"""

COMMAND = [sys.executable, "-m", "brickwork.gen", "sweep", "sweep.toml"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cache with builds, to which every sweep of this module has links."""
    folder = tmp_path_factory.mktemp("shared")
    for section in ("builds", "runtime", "synthesis", "verilog"):
        source = cache.folder() / section
        source.mkdir(parents=True, exist_ok=True)
        (folder / section).symlink_to(source)
    return folder


@pytest.fixture
def folder(shared, tmp_path):
    """A folder with the sweep, whose measurements are not cached."""
    return _sweep_folder(shared, tmp_path)


def _sweep_folder(shared, folder):
    (folder / "sweep.toml").write_text(SWEEP)
    (folder / "some.toml").write_text(WORKLOAD)
    (folder / "cache").mkdir()
    for link in shared.iterdir():
        (folder / "cache" / link.name).symlink_to(link.readlink())
    return folder


def start(folder, *argv, **options):
    return subprocess.Popen(
        [*COMMAND, "--quiet", *argv],
        cwd=folder,
        env=os.environ | {"BRICKWORK_CACHE": str(folder / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(folder, *argv, status=0):
    with start(folder, "--json", *argv) as child:
        out, err = child.communicate(timeout=200)
    assert child.returncode == status, err
    assert err == ""
    return json.loads(out)


def lines(folder):
    return (folder / "out" / "sweep" / "small.jsonl").read_text("utf-8").splitlines()


def records(folder):
    """The header and the points, without the time they took."""
    entries = [json.loads(line) for line in lines(folder)]
    for record in entries[1:]:
        assert record.pop("seconds") >= 0
    return entries


class Reference(NamedTuple):
    """The records and lines of a sweep, and the summary that it printed."""

    records: list
    lines: list
    summary: dict


@pytest.fixture(scope="module")
def reference(shared, tmp_path_factory):
    """The sweep with two workers."""
    folder = _sweep_folder(shared, tmp_path_factory.mktemp("reference"))
    summary = run(folder, "--workers", "2")
    return Reference(records(folder), lines(folder), summary)


class TestRecords:
    def test_summary(self, reference):
        assert {
            name: reference.summary[name] for name in ("points", "ok", "infeasible", "failed")
        } == {
            "points": 6,
            "ok": 4,
            "infeasible": 2,
            "failed": 0,
        }

    def test_order(self, reference):
        order = [(record["design"], record["target"]) for record in reference.records[1:]]
        assert order == [
            *([("gemm_ws", None)] * 2 + [("gemm_os", None)]),
            *([("eie", None)] * 2 + [("gemm_os", "ecp5")]),
        ]

    def test_dense(self, reference, tmp_path):
        """Cycles are those of the engine's own formula, weighted by how often a layer is there."""
        _, _, ws, os_, *_ = reference.records
        for record, cls in ((ws, GemmWs), (os_, GemmOs)):
            assert record["status"] == "ok"
            parameters = cls(**record["parameters"])
            manifest = Manifest.read(emit(parameters, tmp_path).manifest)
            plans = [plan_of(manifest, *size) for size in ((5, 9, 7), (30, 4, 3))]
            cycles = [plan.cycles for plan in plans]
            assert [layer["cycles"] for layer in record["layers"]] == [*cycles, cycles[0]]
            assert record["cycles"] == 2 * cycles[0] + 3 * cycles[1]
            assert record["cycles_kind"] == "rtl"
            assert record["simulated_share"] == 1
            assert record["macs"] == 2 * 5 * 9 * 7 + 3 * 45  # an eighth of 360
            assert record["pes"] == record["macs_per_cycle"] == 4
            assert record["utilization"] == record["macs"] / record["cycles"] / 4
            words = [plan.stream_words for plan in plans]
            acts = (2 * words[0]["acts"] + 3 * words[1]["acts"]) * 2  # lanes of a byte
            assert record["bytes"]["acts"] == acts
            assert record["fmax_mhz"] is record["gops"] is record["area"] is None

    def test_infeasible(self, reference):
        _, narrow, _, _, _, full, _ = reference.records
        assert narrow["reason"].startswith("layer a: K must be at most 8 (max_k), not 9; use ")
        assert full["reason"].startswith("layer a: Entries of a PE must be at most 8")
        for record in (narrow, full):
            assert record["status"] == "infeasible"
            assert record["cycles"] is record["log"] is None
            assert record["layers"] == []

    def test_sparse(self, reference):
        record = reference.records[4]
        assert record["status"] == "ok"
        assert record["modes"] == {"row_mapping": "modulo"}
        full, sparse, _ = record["layers"]
        # Each of 5 vectors meets all 9 columns, with 4 rows of each in a PE; a vector also takes
        # some cycles to come and go.
        assert 5 * 9 * 4 < full["cycles"] < 5 * (9 * 4 + 40)
        assert 30 < sparse["cycles"] < 30 * 40

    def test_area(self, reference):
        record = reference.records[6]
        assert record["area"]["target"] == "ecp5"
        assert record["area"]["total"]["lut"] > 0
        assert record["cycles"] == reference.records[3]["cycles"]
        assert record["gops_per_lut"] is None  # without a clock

    def test_header(self, reference):
        header = reference.records[0]
        assert header["name"] == "small"
        assert header["sweep"]["workloads"] == ["some.toml"]
        assert {"brickwork", "amaranth", "pyosys", "verilator", "sources"} == set(header["tools"])


class TestSameResults:
    def test_one_worker(self, folder, reference):
        run(folder, "--workers", "1")
        assert records(folder) == reference.records

    def test_resumed(self, folder, reference):
        """From a whole line on, with half a line after it; nothing finished is done again."""
        complete = reference.lines
        file = folder / "out" / "sweep" / "small.jsonl"
        file.parent.mkdir(parents=True)
        for kept, fragment in ((4, complete[4][:100]), (len(complete), "")):
            file.write_text("\n".join(complete[:kept]) + "\n" + fragment, "utf-8")
            summary = run(folder, "--workers", "2", "--resume")
            assert summary["from_before"] == kept - 1
            assert records(folder) == reference.records
            # Times tell that these are the lines from before.
            assert lines(folder)[1:kept] == complete[1:kept]

    def test_more_points(self, folder, reference):
        file = folder / "out" / "sweep" / "small.jsonl"
        file.parent.mkdir(parents=True)
        file.write_text("\n".join([*reference.lines, ""]), "utf-8")
        changed = SWEEP.replace("[8, 64]", "[64, 128]")
        (folder / "sweep.toml").write_text(changed)
        summary = run(folder, "--workers", "1", "--resume")
        assert (summary["points"], summary["ok"], summary["from_before"]) == (6, 5, 5)
        header, *points = records(folder)
        assert header["sweep"]["grid"][0]["set"]["max_k"] == [64, 128]
        assert [record["parameters"].get("max_k") for record in points[:3]] == [8, 64, 128]
        assert points[:2] == reference.records[1:3]


def one_build(folder):
    """Leaves one point of the sweep, whose build is not known yet; returns where it will be."""
    first, _, third, *_ = re.split(r"(?=\[\[)", SWEEP)
    (folder / "sweep.toml").write_text(first + third)
    builds = folder / "cache" / "builds"
    builds.unlink()
    builds.mkdir()
    return builds


def kill_at_random(folder, count, seed, longest):
    """Kills the sweep ``count`` times, or until it is through; returns how often it was killed."""
    rng = random.Random(seed)
    kills = 0
    for _ in range(count):
        child = start(folder, "--workers", "2", "--resume", process_group=0)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(rng.uniform(0, longest))
        done = child.poll() is not None
        child.kill()
        _, err = child.communicate(timeout=60)
        if done:
            assert child.returncode == 0, err
            break
        kills += 1
    return kills


class TestKilled:
    def test_sweep(self, folder, reference):
        kill_at_random(folder, 3, seed=1, longest=6)
        summary = run(folder, "--workers", "2", "--resume")
        assert summary["points"] == 6
        assert records(folder) == reference.records

    def test_workers_end_with_the_sweep(self, folder):
        child = start(folder, "--workers", "2")
        workers = _workers(child)
        child.kill()
        child.communicate(timeout=60)
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert alive == []

    @pytest.mark.slow
    def test_interrupted(self, folder, reference):
        child = start(folder, "--workers", "2", process_group=0)
        workers = _workers(child)
        os.killpg(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=60)
        assert (child.returncode, out) == (130, "")
        assert err == "brickwork: interrupted\n"
        assert psutil.wait_procs(workers, timeout=20)[1] == []
        run(folder, "--workers", "2", "--resume")
        assert records(folder) == reference.records

    def test_worker(self, folder, reference):
        """A worker is killed in the middle of a build; another one does it again."""
        builds = one_build(folder)
        child = start(folder, "--json", "--workers", "1")
        _until(lambda: any(builds.glob(".*/model")), child)
        (worker,) = _workers(child)
        worker.kill()
        _, err = child.communicate(timeout=200)
        assert (child.returncode, err) == (0, "")
        assert records(folder)[1:] == [reference.records[3]]


def _workers(child):
    """The processes that do a sweep's work, once they are there."""
    workers = []

    def some():
        workers.clear()
        for process in psutil.Process(child.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # some end at once
                if "spawn_main" in " ".join(process.cmdline()):
                    workers.append(process)
        return workers

    _until(some, child)
    return workers


@pytest.fixture
def cluster(folder):
    """The address of a scheduler with two workers, started as the documentation tells."""
    with contextlib.ExitStack() as stack:

        def dask(*argv):
            child = subprocess.Popen(
                [sys.executable, "-m", "dask", *argv],
                cwd=folder,
                env=os.environ | {"BRICKWORK_CACHE": str(folder / "cache")},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(child.wait, 60)
            stack.callback(child.terminate)
            return child

        file = folder / "scheduler.json"
        options = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
        scheduler = dask("scheduler", *options, "--port", "0", "--scheduler-file", str(file))
        deadline = time.monotonic() + 60
        while not file.exists() or not file.read_text():
            assert scheduler.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        address = json.loads(file.read_text())["address"]
        for _ in range(2):
            dask("worker", address, "--nthreads", "1", *options)
        yield address, scheduler


@pytest.mark.slow
class TestCluster:
    def test_same_results(self, folder, cluster, reference):
        summary = run(folder, "--scheduler", cluster[0])
        assert summary["ok"] == 4
        assert records(folder) == reference.records

    def test_gone(self, folder, cluster):
        """The scheduler ends in the middle of a build."""
        builds = one_build(folder)
        child = start(folder, "--scheduler", cluster[0])
        _until(lambda: any(builds.glob(".*/model")), child)
        cluster[1].kill()
        out, err = child.communicate(timeout=60)
        assert (child.returncode, out) == (1, "")
        assert err == (
            "brickwork: error: The scheduler is gone; start it again, and the sweep with --resume\n"
        )

    def test_nobody_there(self, folder):
        begin = time.monotonic()
        with start(folder, "--scheduler", "tcp://127.0.0.1:9") as child:
            out, err = child.communicate(timeout=60)
        assert (child.returncode, out) == (2, "")
        assert re.fullmatch(
            r"brickwork: error: Scheduler tcp://127.0.0.1:9 cannot be reached within 8 s \(.*\); "
            r"start one with: dask scheduler --host 127.0.0.1\n",
            err,
        )
        assert list((folder / "out" / "sweep").iterdir()) == []
        # What imports take on a busy machine is in it.
        assert time.monotonic() - begin < 20


def _until(condition, child):
    deadline = time.monotonic() + 100
    while not condition():
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
