"""Resets at random moments: whatever a bare core was doing, its next jobs are right.

The benches of the cores have tens of such moments in each of their cases. Here they have a thousand
in one small core, and a core with a register that is not reset is noticed.
"""

import pytest
from brickwork.gen.emission.emit import emit
from brickwork.sim.designs import registry
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator.simulate import simulate
from integration import CORES, FLOATS, without_reset

#: A run has 30 moments.
FEW, MANY = 4, 34


def outcomes(path, folder, seeds):
    """Runs the bench's test of resets once for each seed."""
    bench = registry.model(Manifest.read(path)).bench
    for seed in range(seeds):
        yield simulate(path, bench, workdir=folder, tests="reset_in_mid_job", seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", CORES | FLOATS)
def test_jobs_are_right_after_resets(name, tmp_path):
    emission = emit((CORES | FLOATS)[name], tmp_path)
    for outcome in outcomes(emission.manifest, emission.folder, MANY):
        assert outcome.passed, outcome.reason


@pytest.mark.parametrize(
    "name",
    [
        *("gemm_os", "gemm_scaled", "eie"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("gemm_ws", "gemm_fusion")),
    ],
)
def test_missing_reset_is_noticed(name, tmp_path):
    emission = emit(CORES[name], tmp_path)
    broken = without_reset(emission.verilog.read_text(), name)
    emission.verilog.write_text(broken)
    runs = outcomes(emission.manifest, emission.folder, FEW)
    assert "reset_in_mid_job" in next((run.reason for run in runs if not run.passed), "passed")
