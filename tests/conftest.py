"""What tests of units share: cases to run their testbenches on, and parameters to refuse."""

import gc
import os
import re

import pytest
from brickwork.gen.cli import CONFIG_FILE
from brickwork.gen.emission.emit import emit_unit
from brickwork.sim import cache
from brickwork.sim.verilator.simulate import simulate

# The suite starts the package hundreds of times: without bytecode each start compiles it again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A sixth of the time of a short process with numpy is that of threads that it does not use.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_ignore_collect(collection_path, config):
    """Modules without cases have no tests of the set ``smoke``; importing them takes longer."""
    if config.option.markexpr == "smoke" and collection_path.suffix == ".py":
        return b"\nCASES = " not in collection_path.read_bytes() or None
    return None


# All that is collected lives to the end.
gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop():
    """Garbage collection does not go through the tests themselves again and again."""
    gc.freeze()
    gc.enable()


def pytest_sessionstart(session):
    """The user's defaults are not for the commands under test."""
    if os.path.lexists(CONFIG_FILE):
        pytest.exit(f"File {CONFIG_FILE} must not be in the folder that tests start in", 2)


def pytest_generate_tests(metafunc):
    """A test with a fixture ``case`` runs once for each of the module's ``CASES``.

    They are a dict from names to units' classes and parameters. The first, small and not square,
    is of the set ``smoke``; those named in ``SLOW`` are slow. A fixture ``wrong`` runs through the
    module's ``WRONG`` likewise, and ``proof`` and ``broken`` through its ``PROOFS`` and each of
    their changes; those behind a unit's first are slow.
    """
    if "case" in metafunc.fixturenames:
        cases = metafunc.module.CASES
        marks = {name: pytest.mark.slow for name in getattr(metafunc.module, "SLOW", ())}
        assert marks.keys() <= cases.keys()
        marks[next(iter(cases))] = pytest.mark.smoke
        metafunc.parametrize(
            "case",
            [
                pytest.param(case, id=name, marks=marks.get(name, ()))
                for name, case in cases.items()
            ],
        )
    if "wrong" in metafunc.fixturenames:
        wrong = metafunc.module.WRONG
        names = [", ".join(f"{name}={value!r}" for name, value in w[1].items()) for w in wrong]
        metafunc.parametrize("wrong", wrong, ids=names)
    proofs = getattr(metafunc.module, "PROOFS", {})
    if "proof" in metafunc.fixturenames:
        slow = {name: [pytest.mark.slow] if proofs[name].slow else [] for name in proofs}
        cases = [pytest.param(proofs[name], id=name, marks=slow[name]) for name in proofs]
        metafunc.parametrize("proof", cases)
    if "broken" in metafunc.fixturenames:
        changes = [
            (name, proof, change) for name, proof in proofs.items() for change in proof.broken
        ]
        first = {proof.unit: change for _, proof, change in reversed(changes)}
        cases = [
            pytest.param(
                (proof, change),
                id=f"{name}: {change[1]}",
                marks=() if first[proof.unit] is change else pytest.mark.slow,
            )
            for name, proof, change in changes
        ]
        metafunc.parametrize("broken", cases)


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch):
    """How long builds take does not decide what commands print in tests."""
    monkeypatch.setattr("brickwork.gen.lib.progress.PATIENCE_SECONDS", 3600)


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    """An empty cache folder that shares the compiled runtime with the real one."""
    shared = cache.folder() / "runtime"
    shared.mkdir(parents=True, exist_ok=True)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "runtime").symlink_to(shared)
    monkeypatch.setenv("BRICKWORK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def run_bench(tmp_path):
    """Emits a case's unit and runs the testbench of the unit's name on it.

    Resets alone bring its registers into their first states.
    """

    def run(case):
        kind, parameters = case
        emission = emit_unit(kind(**parameters), tmp_path)
        bench = kind.__module__.replace(".hdl.", ".sim.tb.")
        outcome = simulate(
            emission.manifest, bench, workdir=tmp_path, initial_values=False, timeout_s=300
        )
        assert outcome.passed, f"{outcome.reason}\n{outcome.log.read_text()[-3000:]}"

    return run


@pytest.fixture
def refuses():
    """Checks that a unit refuses parameters with a whole message.

    ``wrong`` is a good case, what to change in it, the exception, and its message.
    """

    def check(wrong):
        (kind, parameters), changes, error, message = wrong
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            kind(**parameters | changes)

    return check
