"""``brickwork host``: at a terminal with a simulated board behind it, and what users get wrong."""

import contextlib
import json
import os
import select
import sys
import threading
import tty

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.sim.host.board import Board

pytest.importorskip("serial")

SMALL = ("--top", "uart", "--bus", "clock_hz=4000000")
DESIGNS = {
    "gemm_ws": ("--set", "rows=3", "--set", "cols=5", "--set", "output=scale"),
    "gemm_os": ("--set", "rows=3", "--set", "cols=5"),
    "gemm_scaled": ("--set", "rows=3", "--set", "cols=4", "--set", "group=32"),
    "eie": [
        argument
        for setting in ("pes=4", "columns=32", "entries=128", "acts=8", "rows=8", "queue_depth=4")
        for argument in ("--set", setting)
    ],
}


@pytest.fixture
def emitted(tmp_path, monkeypatch, capsys):
    """Emits a design with a serial line, in a current folder with matrices; returns its folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.integers(-128, 128, (7, 20)))
    np.save("w.npy", rng.integers(-128, 128, (20, 9)))
    np.save("a_floats.npy", rng.standard_normal((7, 64)))
    np.save("w_floats.npy", rng.standard_normal((64, 9)))
    np.save("s.npy", np.float32(0.002))
    np.save("sparse.npy", rng.integers(-7, 8, (9, 20)) * (rng.random((9, 20)) < 0.3))

    def emit(design):
        assert main(["emit", design, *DESIGNS[design], *SMALL, "--json"]) == 0
        return os.path.dirname(json.loads(capsys.readouterr().out)["manifest"])

    return emit


@contextlib.contextmanager
def terminal(manifest):
    """The name of a terminal with a simulated board at its other end."""
    here, there = os.openpty()
    tty.setraw(there)
    done = threading.Event()

    def serve():
        while not done.is_set():
            if select.select([here], [], [], 0)[0]:
                board.write(os.read(here, 4096))
            if data := board.read(4096):
                os.write(here, data)

    with Board(manifest, timeout=50) as board:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield os.ttyname(there)
        finally:
            done.set()
            thread.join()
            os.close(here)
            os.close(there)


def manifest_in(folder, design):
    return os.path.join(folder, f"{design}_uart.json")


@pytest.mark.parametrize(
    ("design", "operands"),
    [
        ("gemm_ws", ("--w", "w.npy", "--scale", "s.npy", "--mode", "relu=1")),
        ("eie", ("--w", "sparse.npy", "--w-layout", "nk")),
    ],
)
def test_product(emitted, capsys, design, operands):
    folder = emitted(design)
    with terminal(manifest_in(folder, design)) as port:
        command = ["host", folder, "--port", port, "--a", "a.npy", *operands]
        assert main([*command, "--out", "y.npy", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert main(command) == 0
    assert report["matches_golden"]
    assert report["shape"] == [7, 20, 9]
    assert report["bytes_sent"] > 400
    assert report["bytes_received"] >= 63
    y, a = np.load("y.npy"), np.load("a.npy")
    if design == "gemm_ws":
        wanted = np.clip(np.rint((a @ np.load("w.npy")) * np.float64(np.float32(0.002))), 0, 127)
        assert np.array_equal(y, wanted)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{'design':15}{design} {report['digest']} at {port}"
    assert f"{'M×K×N':15}7×20×9" in lines
    assert f"{'matches golden':15}yes" in lines


def test_product_in_floats(emitted, capsys):
    """W is quantized in groups; the results are float32."""
    folder = emitted("gemm_scaled")
    with terminal(manifest_in(folder, "gemm_scaled")) as port:
        operands = ("--a", "a_floats.npy", "--w", "w_floats.npy")
        assert main(["host", folder, "--port", port, *operands, "--out", "y.npy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["matches_golden"]
    y, wanted = np.load("y.npy"), np.load("a_floats.npy") @ np.load("w_floats.npy")
    assert y.dtype == np.float32
    error = np.linalg.norm(y - wanted) / np.linalg.norm(wanted)
    assert 0.01 < error < 0.15


def refused(capsys, message, *argv):
    assert main(["host", *argv]) == 2
    captured = capsys.readouterr()
    assert captured.err == f"brickwork: error: {message}\n"
    assert captured.out == ""


def test_refusals(emitted, capsys, monkeypatch):
    folder = emitted("gemm_os")
    operands = ("--a", "a.npy", "--w", "w.npy")
    port = ("--port", "nothing")
    reason = "cannot be opened: No such file or directory"
    refused(capsys, f"Port nothing {reason}", folder, *port, *operands)
    message = (
        "Folder . must hold one manifest of a core in the bus wrapper uart, not 0; see brickwork "
        "emit --top uart"
    )
    refused(capsys, message, ".", *port, *operands)
    message = "Output must be scale or shift with --scale, not 'raw'"
    refused(capsys, message, folder, *port, *operands, "--scale", "s.npy")
    message = "Option --cluster must not go with gemm_os"
    refused(capsys, message, folder, *port, *operands, "--cluster")
    message = "Results must be written to a file, not to the folder '.'"
    refused(capsys, message, folder, *port, *operands, "--out", ".")
    monkeypatch.setitem(sys.modules, "serial", None)
    message = "Serial ports need pyserial, which is missing: pip install 'pyserial>=3.5'"
    refused(capsys, message, folder, *port, *operands)


def test_no_answer(emitted, capsys, monkeypatch):
    """Nobody at the other end: status 1, and what to look for."""
    monkeypatch.setattr("brickwork.gen.commands.host._PATIENCE", 0.1)
    folder = emitted("gemm_os")
    here, there = os.openpty()
    try:
        name = os.ttyname(there)
        operands = ("--a", "a.npy", "--w", "w.npy")
        assert main(["host", folder, "--port", name, *operands, "--out", "y.npy"]) == 1
    finally:
        os.close(here)
        os.close(there)
    captured = capsys.readouterr()
    assert captured.err == (
        f"brickwork: error: {name}: Device must answer, and did not; check the port, its baud "
        "rate, and that the design's bitstream is loaded\n"
    )
    assert not os.path.exists("y.npy")
