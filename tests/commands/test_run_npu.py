"""``brickwork run npu``, as users type it: a program, and what is refused."""

import numpy as np
import pytest
from brickwork import Npu
from brickwork.gen.cli import main
from brickwork.gen.designs.registry import parameters_from_text
from brickwork.gen.designs.wrappers import wrapped
from brickwork.gen.emission.emit import emit, outline
from brickwork.sim.npu.core import Core
from brickwork.sim.npu.random_programs import random_program
from brickwork.sim.npu.simulator import Simulator

SETTINGS = [part for name, value in Npu.BENCH_CASE.items() for part in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def core():
    return Core.from_manifest(outline(Npu(**Npu.BENCH_CASE)))


@pytest.fixture
def files(core, tmp_path, monkeypatch):
    """A program and its memory, in the working folder."""
    monkeypatch.chdir(tmp_path)
    program = random_program(core, np.random.default_rng(1), 30)
    (tmp_path / "p.bin").write_bytes(core.instructions.program(program.instructions))
    np.savez(tmp_path / "m.npz", **program.segments)
    return program


def test_program(core, files, tmp_path, capsys):
    arguments = ["--program", "p.bin", "--memory", "m.npz", "--out", "y.npz", "--latency", "60"]
    assert main(["run", "npu", *SETTINGS, *arguments]) == 0
    assert "matches golden yes" in " ".join(capsys.readouterr().out.split())
    golden = Simulator(core, files.segments)
    golden.run(files.instructions)
    with np.load(tmp_path / "y.npz") as segments:
        assert set(segments) == set(golden.segments)
        for name, content in golden.segments.items():
            assert np.array_equal(segments[name], content)


REFUSALS = {
    "no program": ([], "Program of npu must be given: use --program FILE"),
    "no file": (["--program", "q.bin"], "Program q.bin cannot be read: No such file or directory"),
    "half an instruction": (
        ["--program", "half.bin"],
        "half.bin: Program must have a multiple of 32 bytes, not 40",
    ),
    "memory": (
        ["--program", "p.bin", "--memory", "p.bin"],
        "Memory must be a .npz file, not 'p.bin'",
    ),
    "segment": (
        ["--program", "p.bin", "--memory", "s.npz"],
        "Segment must be one of weights, input, output, scratch, state, trace, spare, not 'inputs'",
    ),
    "type": (
        ["--program", "p.bin", "--memory", "t.npz"],
        "Segment input must be a vector of uint8, not int64 of shape (3,)",
    ),
    "results": (
        ["--program", "p.bin", "--out", "y.npy"],
        "Results must be written to a file .npz, not to 'y.npy'",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(files, tmp_path, capsys, arguments, message):
    (tmp_path / "half.bin").write_bytes(bytes(40))
    np.savez(tmp_path / "s.npz", inputs=np.zeros(3, np.uint8))
    np.savez(tmp_path / "t.npz", input=np.zeros(3, int))
    assert main(["run", "npu", *SETTINGS, *arguments]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"brickwork: error: {message}"


def test_takes_no_matrices(files, tmp_path, capsys):
    np.save("a.npy", np.zeros((2, 2), int))
    folder = emit(wrapped(Npu(**Npu.BENCH_CASE)), tmp_path).folder
    assert main(["pack", str(folder), "--a", "a.npy", "--w", "a.npy"]) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("brickwork: error: Design must be one that multiplies matrices (gemm")
    assert message.endswith("eie), not 'npu'")


def test_other_wrappers_are_refused(files, capsys):
    assert main(["emit", "npu", *SETTINGS, "--top", "axis"]) == 2
    message = "brickwork: error: Bus wrapper of npu must be axi, not 'axis'"
    assert capsys.readouterr().err.splitlines()[-1] == message
    assert main(["emit", "npu", *SETTINGS, "--bus", "walk=1"]) == 2
    message = "brickwork: error: Block walk must be 0 for npu, whose operands are no tiles, not 1"
    assert capsys.readouterr().err.splitlines()[-1] == message


@pytest.mark.parametrize("name", Npu.PRESETS)
def test_presets(name):
    """Each is a core that exists; further settings replace its values."""
    core = parameters_from_text("npu", [f"preset={name}", "queue=3"])
    assert core == Npu(**Npu.PRESETS[name] | {"queue": 3})
    settings = ["rows=2", f"preset={name}"]
    assert parameters_from_text("npu", settings).rows == 2


def test_wrong_presets():
    message = r"^Preset of npu must be one of nano, small, base, large, not 'smal'; did you mean"
    with pytest.raises(ValueError, match=message):
        parameters_from_text("npu", ["preset=smal"])
    with pytest.raises(ValueError, match=r"^Parameter preset must be set once, not twice$"):
        parameters_from_text("npu", ["preset=nano", "preset=base"])
    with pytest.raises(ValueError, match=r"^Parameter of gemm_ws must be one of rows, "):
        parameters_from_text("gemm_ws", ["preset=nano"])
