"""Measurements of a sweep: complete products and portions, errors, and composed records."""

from types import SimpleNamespace

import numpy as np
import pytest
from brickwork import Eie, GemmFusion, GemmNm, GemmOs, GemmWs
from brickwork.gen import workloads
from brickwork.gen.emission.emit import emit, outline
from brickwork.gen.lib.errors import UsageError
from brickwork.gen.sweep import measure
from brickwork.gen.sweep import plan as plans
from brickwork.gen.sweep import run as runs
from brickwork.hdl.systolic.pe_os import PeOs
from brickwork.sim import cache
from brickwork.sim.designs import _eie_layer, _gemm
from brickwork.sim.designs._gemm import QuantParams
from brickwork.sim.designs.gemm_os import OutputStationaryJob
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator.core import SimulationError
from distributed import CancelledError, KilledWorker
from products import job
from products import plan as plan_of

ENGINES = {
    "ws": (GemmWs(rows=3, cols=2, acc_depth=8), {}),
    "ws-scale": (GemmWs(rows=2, cols=3, acc_depth=8, output="scale"), {}),
    "os": (GemmOs(rows=3, cols=2), {}),
    "os-types": (GemmOs(rows=2, cols=2, a_format="int4+int8"), {"a_type": "int8"}),
    "pairs": (GemmWs(rows=2, cols=2, a_format="ovp_int4", w_format="ovp_int4"), {}),
    "fusion": (GemmFusion(rows=2, cols=3), {"a_bits": 4, "w_bits": 8, "a_signed": 0}),
}
EIE = Eie(pes=2, rows=16, columns=256, acts=32, entries=1024)


def shape(m, k, n, weights=1.0, acts=1.0):
    return {"m": m, "k": k, "n": n, "weights": weights, "acts": acts}


@pytest.fixture(autouse=True)
def always_measured(monkeypatch, tmp_path_factory):
    """No cycles are known from before; builds are."""
    original = cache.entry

    def entry(section, *key, make):
        if section != "cycles":
            return original(section, *key, make=make)
        folder = tmp_path_factory.mktemp("cycles")
        make(folder)
        return folder, False

    monkeypatch.setattr(cache, "entry", entry)


def cycles(parameters, modes, layer):
    return measure.cycles(measure.tools(), parameters.design(), parameters.as_dict(), modes, layer)


class TestDense:
    @pytest.mark.parametrize("engine", ENGINES)
    def test_part_tells_of_the_whole(self, engine, monkeypatch):
        """The formula that a portion confirms gives the cycles of the complete product in RTL."""
        parameters, modes = ENGINES[engine]
        modes = parameters.run_modes(modes)
        modes = {name: value for name, value in modes.items() if value is not None}
        layer = shape(61, 1043, 29)
        complete = cycles(parameters, modes, layer)["value"]
        assert (complete["kind"], complete["simulated"]) == ("rtl", 1)
        monkeypatch.setattr(_gemm, "WHOLE", 1)
        portion = cycles(parameters, modes, layer)["value"]
        assert portion["kind"] == "extrapolated"
        assert 0 < portion["simulated"] < 0.2
        assert portion["cycles"] == complete["cycles"]
        assert portion["bytes"] == complete["bytes"]

    @pytest.mark.parametrize(
        ("engine", "sparsity"),
        [("ws", "0.2@6"), ("fusion", "0.3@4"), ("nm", "0.2@8"), ("nm", "2:4"), ("nm", "1:4")],
    )
    def test_part_tells_of_the_whole_of_sparse_weights(self, engine, sparsity, monkeypatch):
        """Fewer cycles than of dense weights, by a formula that RTL of all weights agrees with."""
        parameters, modes = (ENGINES | {"nm": (GemmNm(rows=4, cols=3, acc_depth=8), {})})[engine]
        layer = workloads.Layer(name="", count=1, m=21, k=301, n=29)
        layers = [layer, layer.pruned(workloads.Sparsity.parse(sparsity))]

        def measured():
            for each in layers:
                usable = parameters.usable(each)
                product = {key: getattr(usable, key) for key in runs._PRODUCT}
                yield cycles(parameters, modes, product)["value"]

        dense, complete = measured()
        assert complete["kind"] == "rtl"
        assert complete["cycles"] < 0.6 * dense["cycles"]
        monkeypatch.setattr(_gemm, "WHOLE", 1)
        _, portion = measured()
        assert portion["kind"] == "extrapolated"
        assert portion["cycles"] == complete["cycles"]
        assert portion["bytes"] == complete["bytes"]

    def test_too_many_blocks(self):
        layer = shape(1, 1 << 14, 1 << 13) | {"blocks": 2}
        message = "W must have at most 16777216 blocks, not 33554432"
        assert cycles(*ENGINES["ws"], layer)["infeasible"] == message

    def test_small_product_is_its_own_portion(self):
        for parameters, modes in ENGINES.values():
            assert plan_of(outline(parameters), 1, 2, 1, **modes).representative == (1, 2, 1)

    def test_formula_that_is_wrong(self, monkeypatch):
        right = OutputStationaryJob.cycles.fget
        wrong = property(lambda job: right(job) + 1)
        monkeypatch.setattr(OutputStationaryJob, "cycles", wrong)
        monkeypatch.setattr(_gemm, "WHOLE", 1)
        outcome = cycles(*ENGINES["os"], shape(61, 1043, 29))
        assert outcome.keys() == {"failed", "log", "seconds"}
        assert outcome["failed"].startswith("Formula of cycles must match RTL: ")
        assert "for a product of 7×257×5, not " in outcome["failed"]
        assert "Traceback" in outcome["log"]

    def test_wrong_results(self, monkeypatch):
        monkeypatch.setattr(OutputStationaryJob, "expected", 0)
        outcome = cycles(*ENGINES["os"], shape(2, 2, 2))
        assert outcome["failed"] == "Results must match the golden model, and do not"

    def test_words_of_streams(self, tmp_path):
        """The numbers of words match the words of the job."""
        for parameters, modes in ENGINES.values():
            manifest = Manifest.read(emit(parameters, tmp_path).manifest)
            a, w = (np.ones(size, int) for size in ((9, 10), (10, 7)))
            qparams = None if parameters.output == "raw" else QuantParams.of_bias(np.ones(7, int))
            product = job(manifest, a, w, qparams, **modes)
            words = {name: sum(map(len, chunks)) for name, chunks in product.words().items()}
            assert product.stream_words == words | {"results": product.result_words}


class TestSparse:
    LAYER = shape(12, 200, 20, weights=0.3, acts=0.5)

    def test_whole(self):
        counts = cycles(EIE, {"row_mapping": "modulo"}, self.LAYER)["value"]
        assert (counts["kind"], counts["simulated"]) == ("rtl", 1)
        # Every entry takes a cycle of its PE, every vector some further ones to come and go.
        least = 12 * 200 * 20 * 0.3 * 0.5 / 2
        assert least < counts["cycles"] < 2.5 * least

    @pytest.mark.parametrize(
        ("limit", "share"),
        [(3600, 6 * 200), (1300, 2 * 200), (900, 128), (500, 83), (2, 2)],
        ids=["vectors", "two vectors", "whole batches", "columns", "two columns"],
    )
    def test_part(self, monkeypatch, limit, share):
        """Cycles of some vectors or columns extrapolate to those of all."""
        complete = cycles(EIE, {"row_mapping": "balanced"}, self.LAYER)["value"]
        monkeypatch.setattr(_eie_layer, "WHOLE_ENTRIES", limit)
        portion = cycles(EIE, {"row_mapping": "balanced"}, self.LAYER)["value"]
        assert portion["kind"] == "extrapolated"
        assert portion["simulated"] == pytest.approx(share / (12 * 200))
        assert portion["cycles"] == pytest.approx(
            complete["cycles"], rel=1.0 if limit == 2 else 0.15
        )
        assert portion["bytes"]["acts"] == complete["bytes"]["acts"]
        assert portion["bytes"]["weights"] == pytest.approx(complete["bytes"]["weights"], rel=0.5)

    def test_too_large(self, monkeypatch):
        small = {"pes": 2, "rows": 16, "columns": 256, "acts": 32}
        outcome = cycles(Eie(**small, entries=64), {"row_mapping": "modulo"}, self.LAYER)
        assert outcome["infeasible"].startswith("Entries of a PE must be at most 64 (entries)")
        monkeypatch.setattr(_eie_layer, "WHOLE_ENTRIES", 500)
        outcome = cycles(Eie(**small, entries=512), {"row_mapping": "modulo"}, self.LAYER)
        assert outcome["infeasible"].startswith("entries must be at least some ")


class TestTasks:
    def test_other_tools(self):
        tools = measure.tools() | {"verilator": "4.2"}
        with pytest.raises(
            UsageError, match=r"^Worker must have verilator 4.2, as the sweep, not 5"
        ):
            measure.build(tools, "gemm_os", {})

    def test_other_code(self, monkeypatch):
        """A worker without the plug-in, or without attributes that the sweep's process replaced."""
        tools = measure.tools() | {"plug-in mine": "1234abcd"}
        message = r"^Worker must have plug-in mine 1234abcd, as the sweep, not none$"
        with pytest.raises(UsageError, match=message):
            measure.build(tools, "gemm_mine", {})
        monkeypatch.setattr(PeOs, "role", "mine")
        message = r"^Worker must have own code none, as the sweep, not \w{12}$"
        with pytest.raises(UsageError, match=message):
            measure.build(measure.tools(), "gemm_os", {})

    def test_after_a_failure(self):
        before = {"failed": "why", "log": "", "seconds": 1.0}
        assert measure.cycles(measure.tools(), "gemm_os", {}, {}, {}, after=before) is before

    @pytest.mark.parametrize("error", [SimulationError("it\nbroke"), OSError(28, "No space")])
    def test_error(self, monkeypatch, error):
        def run_job(*_, **__):
            raise error

        monkeypatch.setattr(measure, "run_job", run_job)
        outcome = cycles(*ENGINES["os"], shape(2, 2, 2))
        assert outcome["failed"] == " ".join(str(error).split("\n"))
        assert type(error).__name__ in outcome["log"]

    def test_liberty_file_that_changed(self, tmp_path):
        (tmp_path / "a.lib").write_text("other")
        parameters = GemmOs(rows=1, cols=1).as_dict()
        outcome = measure.area(
            measure.tools(), "gemm_os", parameters, "liberty", str(tmp_path / "a.lib"), "0"
        )
        assert outcome["failed"] == (
            f"Liberty file {tmp_path}/a.lib must be that of the sweep, not another"
        )


class Future:
    """Of a task that raised an error."""

    key = "one"

    def __init__(self, error):
        self.error = error

    def result(self):
        raise self.error


class TestOutcome:
    def test_worker_that_always_dies(self):
        worker = SimpleNamespace(address="tcp://127.0.0.1:1")
        error = KilledWorker("one", worker, 3)
        outcome = runs._outcome(Future(error))
        assert outcome["failed"] == "4 workers died when they measured it"
        assert "tcp://127.0.0.1:1" in outcome["log"]

    def test_worker_without_the_program(self):
        outcome = runs._outcome(Future(ModuleNotFoundError("No module named 'brickwork'")))
        assert outcome["failed"] == "ModuleNotFoundError: No module named 'brickwork'"

    @pytest.mark.parametrize("error", [UsageError("other tools"), CancelledError("gone")])
    def test_end_of_the_sweep(self, error):
        with pytest.raises(type(error)):
            runs._outcome(Future(error))


PLAN = """
name = "mine"
targets = ["ecp5"]
workloads = ["resnet18"]
pnr = true
[[points]]
design = "gemm_ws"
"""


class TestRecord:
    @pytest.fixture
    def plan(self, tmp_path):
        (tmp_path / "mine.toml").write_text(PLAN)
        return plans.read(str(tmp_path / "mine.toml"))

    @pytest.fixture
    def outcomes(self, plan):
        """Each layer at half of the array's speed, and a clock of 200 MHz."""
        values = {
            "area": {"unit": "cells", "total": {"lut": 500, "dsp": 64}},
            "clock": {"fmax_mhz": {"median": 200.0, "worst": 100.0}},
        }
        for layer in workloads.load("resnet18").layers:
            origin = "extrapolated" if layer.name == "conv1" else "rtl"
            values[f"layer {layer.name}"] = {
                "cycles": layer.macs // 32,
                "kind": origin,
                "simulated": 0.25 if origin == "extrapolated" else 1.0,
                "bytes": {"acts": 1, "weights": 2, "results": 3},
            }
        return {name: {"value": value, "seconds": 0.5} for name, value in values.items()}

    def test_sums(self, plan, outcomes):
        (point,) = plan.points
        record = runs._record(plan, point, outcomes)
        workload = workloads.load("resnet18")
        assert record["status"] == "ok"
        assert record["macs"] == workload.macs
        assert record["cycles"] == sum(
            layer.count * (layer.macs // 32) for layer in workload.layers
        )
        assert record["utilization"] == pytest.approx(0.5, rel=1e-6)
        assert record["gops"] == pytest.approx(2 * 32 * 0.2, rel=1e-6)
        assert record["gops_per_lut"] == record["gops"] / 500
        assert record["gops_per_dsp"] == record["gops"] / 64
        assert record["gops_per_mm2"] is None
        products = sum(layer.count for layer in workload.layers)
        assert record["bytes"] == {
            name: size * products for name, size in (("acts", 1), ("weights", 2), ("results", 3))
        }
        assert record["cycles_kind"] == "extrapolated"
        once = sum(layer.macs for layer in workload.layers)
        missing = 0.75 * workload.layers[0].macs / once
        assert record["simulated_share"] == pytest.approx(1 - missing)
        assert record["seconds"] == 7.0
        assert [layer["name"] for layer in record["layers"]] == [x.name for x in workload.layers]

    def test_library(self, plan, outcomes):
        outcomes["area"]["value"] = {"unit": "µm²", "total": {"area": 2e6}}
        record = runs._record(plan, plan.points[0], outcomes)
        assert record["gops_per_mm2"] == record["gops"] / 2
        assert record["gops_per_lut"] is record["gops_per_dsp"] is None

    def test_failures(self, plan, outcomes):
        """The first counts; that a point is infeasible says more than that something failed."""
        outcomes["layer fc"] = {"failed": "why", "log": "long", "seconds": 1}
        outcomes["layer conv1"] = {"failed": "what", "log": "log", "seconds": 1}
        record = runs._record(plan, plan.points[0], outcomes)
        assert (record["status"], record["reason"]) == ("failed", "layer conv1: what")
        assert record["log"] == "log"
        assert record["area"]["total"]["lut"] == 500
        assert record["cycles"] is record["gops"] is record["utilization"] is None
        assert record["layers"] == []
        outcomes["clock"] = {"infeasible": "too large", "seconds": 1}
        record = runs._record(plan, plan.points[0], outcomes)
        assert (record["status"], record["reason"]) == ("infeasible", "clock: too large")
        assert record["log"] is record["clock"] is None

    def test_parts_are_shared(self, plan, tmp_path):
        """Points that share a netlist, a target or layers share the work."""
        text = PLAN.replace("resnet18", 'resnet18", "digits').replace("ecp5", 'ecp5", "ice40')
        (tmp_path / "mine.toml").write_text(text)
        plan = plans.read(str(tmp_path / "mine.toml"))
        assert len(plan.points) == 4
        outcomes = [runs._measurements(plan, point, {"tool": "1"}) for point in plan.points]
        keys = {measurement.key for point in outcomes for measurement in point.values()}
        # Of both targets area and clock, and of the workloads 12 layers and 3.
        assert len(keys) == 2 + 2 + 12 + 3
        measurements = [measurement for point in outcomes for measurement in point.values()]
        assert len({each.after.key for each in measurements if each.after}) == 1
        changed = runs._measurements(plan, plan.points[0], {"tool": "2"})
        assert keys.isdisjoint(measurement.key for measurement in changed.values())
