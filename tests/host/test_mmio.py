"""A simulated core behind AXI4 in Python: wrong arguments, and jobs that do not end."""

import re

import numpy as np
import pytest
from brickwork import GemmOs
from brickwork.gen.designs.wrappers import wrapped
from brickwork.gen.emission.emit import emit, outline
from brickwork.sim.designs.registry import model
from brickwork.sim.host.bus_job import BusJob
from brickwork.sim.host.mmio import Mmio
from brickwork.sim.verilator.core import CycleLimitError, SimulationError

CORE = GemmOs(rows=2, cols=2)
A = np.array([[1, 2], [3, 4]])


@pytest.fixture
def core(tmp_path):
    with Mmio(emit(wrapped(CORE, "axi"), tmp_path).manifest, patience=500) as mmio:
        yield mmio


def job(core, a=A, w=A):
    return BusJob(model(core.manifest).job(a, w))


def test_operands_are_checked_before_the_core_is_touched(core):
    for a, error in ((A + 0.5, TypeError), (A * 100, ValueError), (A * np.nan, TypeError)):
        cycles = core.counts.cycles
        with pytest.raises(error, match=r"^A must be "):
            core.run(job(core, a))
        assert core.counts.cycles == cycles
    assert (core.run(job(core)) == A @ A).all()


def test_job_of_another_core(core):
    other = outline(wrapped(GemmOs(rows=3, cols=2), "axi"))
    with pytest.raises(ValueError, match=r"^Job must be made from the manifest of this core, "):
        core.run(BusJob(model(other).job(A, A)))


def test_wrong_registers(core):
    for value, error, message in (
        (1.0, TypeError, "Value of a register must be an integer, not 1.0"),
        (1 << 32, ValueError, "Value of a register must be from 0 to 2^32 - 1, not 4294967296"),
    ):
        with pytest.raises(error, match=f"^{re.escape(message)}$"):
            core.write("COMMAND", value)
    with pytest.raises(ValueError, match=r"^Register must be one of ID, .*, not 'CYCLE'$"):
        core.read("CYCLE")


def test_time_without_an_interrupt(core):
    message = (
        "No interrupt came within 500 cycles; transferred so far: 0 beats read, 0 beats written, "
        "0 transactions open"
    )
    with pytest.raises(CycleLimitError, match=f"^{message}$"):
        core.wait()


def test_patience_is_with_a_core_that_stands_still(core):
    """Not with a long job: this one takes several times 500 cycles."""
    a, w = np.ones((2, 900), int), np.ones((900, 4), int)
    assert (core.run(job(core, a, w)) == 900).all()
    assert core.counts.cycles > 1500


def test_job_that_never_ends(core):
    """One word of activations is missing."""
    short = job(core)
    short.words["acts"] = short.words["acts"][:-1]
    with pytest.raises(CycleLimitError, match=r"^No interrupt came within 500 cycles; transferred"):
        core.run(short)


def test_after_the_end(core):
    core.close()
    for call in (core.wait, core.step, lambda: core.read("ID"), lambda: core.counts):
        with pytest.raises(SimulationError, match=r"^Simulation was closed$"):
            call()


def test_manifest_of_a_bare_core(tmp_path):
    path = emit(CORE, tmp_path).manifest
    with pytest.raises(ValueError, match=r"must be of a core in the bus wrapper axi; use brick"):
        Mmio(path)
