"""Dask's workers: whatever a machine is set to, they start, or one line says why not."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time

import pytest
from brickwork.gen.lib.errors import UsageError
from brickwork.gen.sweep import cluster

SUM = """
from brickwork.gen.sweep.cluster import connected
from brickwork.gen.lib.errors import UsageError

if __name__ == "__main__":
    try:
        with connected(None, 1) as client:
            print(client.submit(sum, [1, 2]).result(timeout=60))
    except UsageError as error:
        print(error)
"""

#: Settings that stop Dask itself, or its workers: odd values, of old names too.
VARIABLES = {
    "DASK_TEMPORARY_DIRECTORY": "/proc/nowhere",
    "DASK_LOGGING__DISTRIBUTED": "LOUD",
    "DASK_SCHEDULER_ADDRESS": "tcp://127.0.0.1:9",
    "DASK_ALLOWED_FAILURES": "many",
    "DASK_DISTRIBUTED": "3",
    "DASK_INTERNAL_INHERIT_CONFIG": "3",
}

FILE = """
temporary-directory: /proc/nowhere
scheduler-address: tcp://127.0.0.1:9
distributed:
  worker: {preload: [no_such_module], multiprocessing-method: fork}
  comm: {timeouts: {connect: soon}, compression: none_such}
  nanny: {environ: [1]}
"""


def own_sum(folder, file, variables=None):
    """What a program prints that adds two numbers on one of its own workers."""
    (folder / "dask").mkdir()
    (folder / "dask" / "site.yaml").write_text(file)
    (folder / "own_sum.py").write_text(SUM)
    child = subprocess.run(
        [sys.executable, "own_sum.py"],
        cwd=folder,
        env=os.environ | {"DASK_ROOT_CONFIG": str(folder / "dask")} | (variables or {}),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert child.stderr == ""
    return child.stdout


def test_variables(tmp_path):
    assert own_sum(tmp_path, "", VARIABLES) == "3\n"


def test_files(tmp_path):
    assert own_sum(tmp_path, FILE) == "3\n"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("a: [", "ValueError: A dask config file at '.*/dask/site.yaml' is malformed, .*"),
        (
            "- a",
            "ValueError: A dask config file at '.*/dask/site.yaml' is malformed .* got a list.*",
        ),
        ("logging: {distributed: LOUD}", "KeyError: 'LOUD'"),
    ],
)
def test_files_that_dask_refuses(tmp_path, file, reason):
    out = own_sum(tmp_path, file)
    assert re.fullmatch(
        rf"Dask refuses its configuration files \({reason}\); correct those in "
        rf"{tmp_path}/dask and ~/.config/dask\n",
        out,
    )


def test_default_settings():
    """A program's own settings are there again afterwards, and variables too."""
    import dask

    with pytest.MonkeyPatch.context() as patch, dask.config.set({"temporary-directory": "/own"}):
        patch.setenv("DASK_TEMPORARY_DIRECTORY", "/mine")
        with cluster._default_settings():
            assert dask.config.get("temporary-directory") is None
            assert "DASK_TEMPORARY_DIRECTORY" not in os.environ
        assert dask.config.get("temporary-directory") == "/own"
        assert os.environ["DASK_TEMPORARY_DIRECTORY"] == "/mine"


@contextlib.contextmanager
def listening(greeting):
    """The port of a server that says this to everyone, or nothing, or hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server, contextlib.ExitStack() as stack:

        def serve():
            with contextlib.suppress(OSError):  # closed at the end
                while True:
                    connection, _ = server.accept()
                    stack.enter_context(connection)
                    if greeting is None:
                        connection.shutdown(socket.SHUT_RDWR)
                    elif greeting:
                        connection.sendall(greeting)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


REACHED = (
    "Scheduler {} cannot be reached within 1 s \\({}\\); start one with: dask scheduler --host "
)
USED = "Scheduler {} cannot be used with Dask {} \\({}\\)"


class TestRunning:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch):
        monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)

    @staticmethod
    def refused(address, message):
        start = time.monotonic()
        with pytest.raises(UsageError, match=f"^{message}$"), cluster.connected(address, 1):
            pass
        assert time.monotonic() - start < 20

    @pytest.mark.parametrize(("greeting", "reason"), [(b"", "TimeoutError"), (None, ".+")])
    def test_no_answer(self, greeting, reason):
        with listening(greeting) as port:
            address = f"tcp://127.0.0.1:{port}"
            self.refused(address, REACHED.format(address, reason) + "127.0.0.1")

    def test_refused(self):
        with listening(b"") as port:
            pass
        address = f"tcp://127.0.0.1:{port}"
        self.refused(address, REACHED.format(address, ".*Connect call failed.*") + "127.0.0.1")

    def test_another_server(self):
        with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
            address = f"tcp://127.0.0.1:{port}"
            self.refused(address, USED.format(address, r"[\d.]+", ".*"))

    def test_no_certificates(self):
        with listening(b"") as port:
            address = f"tls://127.0.0.1:{port}"
            self.refused(address, USED.format(address, r"[\d.]+", "TypeError: TLS expects .*"))

    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1:8786", "http://127.0.0.1:8786", "tcp://127.0.0.1", "tcp://:8786"),
            *("tcp://127.0.0.1:0", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:x", "tcp://a:1/b", ""),
        ],
    )
    def test_wrong_address(self, address):
        self.refused(address, f"Scheduler must be tcp://HOST:PORT, not {address!r}")

    @pytest.mark.parametrize(
        ("role", "package", "version", "message"),
        [
            (
                "scheduler",
                "distributed",
                "2024.1",
                "Scheduler tcp://s:1 must have distributed 2, as",
            ),
            ("worker", "dask", "1", "Worker tcp://w:1 must have dask 2, as this machine, not 1"),
            ("worker", "brickwork", None, "Worker tcp://w:1 must have brickwork 2, .* not lack it"),
            (
                "worker",
                "python",
                "3.9.1.final.0",
                "Worker tcp://w:1 must have Python 3.11, as .* 3.9",
            ),
            ("worker", "numpy", "1", None),
        ],
    )
    def test_versions(self, role, package, version, message):
        def record(**packages):
            names = ("dask", "distributed", "brickwork", "numpy")
            python = packages.pop("python", "3.11.2.final.0")
            return {"host": {"python": python}, "packages": dict.fromkeys(names, "2") | packages}

        class Client:
            def get_versions(self, check, packages):
                assert packages == ["brickwork"]
                records = {name: record() for name in ("client", "scheduler", "worker")}
                records[role] = record(**{package: version})
                return records | {"workers": {"tcp://w:1": records["worker"]}}

        expected = (
            contextlib.nullcontext()
            if message is None
            else pytest.raises(UsageError, match=message)
        )
        with expected:
            cluster._check_versions(Client(), "tcp://s:1")
