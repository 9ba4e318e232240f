"""The Dask workers of a sweep: on this machine, or of a running cluster."""

import contextlib
import logging
import re
import signal
import sys
import types
import warnings
from collections.abc import Iterator
from multiprocessing import resource_tracker

from ...hdl.checks import check_integer
from ..lib.errors import UsageError
from ..lib.extras import require

__all__ = ["CONNECT_SECONDS", "check_address", "check_installed", "check_workers", "connected"]

#: How long a scheduler may take to answer.
CONNECT_SECONDS = 8

_ADDRESS = re.compile(r"(tcp|tls)://.+:\d{1,5}")


def check_address(address: str) -> None:
    """Raise :exc:`UsageError` unless this can be a scheduler's address."""
    if not _ADDRESS.fullmatch(address):
        raise UsageError(f"Scheduler must be tcp://HOST:PORT, not {address!r}")


def check_workers(workers: int | None) -> None:
    """Raise :exc:`TypeError` or :exc:`ValueError` unless there can be so many processes."""
    if workers is not None:
        check_integer("Number of workers", workers, 1, 1024)


def check_installed() -> None:
    """Raise :exc:`UsageError` if Dask is missing."""
    with require("Sweeps and comparisons"):
        import distributed  # noqa: F401
        import psutil  # noqa: F401


@contextlib.contextmanager
def connected(scheduler: str | None, workers: int) -> Iterator:
    """A ``distributed.Client``.

    Parameters
    ----------
    scheduler : str or None
        Address of a running scheduler, or ``None`` for processes that end with this one.
    workers : int
        The number of those; they listen on the loopback interface alone.

    Raises
    ------
    UsageError
        If the scheduler cannot be reached, or Dask is missing.
    """
    check_installed()
    from distributed import Client

    # The end of workers and schedulers is reported here, or in the results.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        address = scheduler
        if scheduler is None:
            # As long as there are workers: others take the place of dead ones.
            stack.enter_context(_script_hidden())
            address = stack.enter_context(_local(workers))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                client = Client(address, timeout=CONNECT_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            raise UsageError(
                f"Scheduler {scheduler} cannot be reached ({error}); "
                f"start one with: dask scheduler --host 127.0.0.1"
            ) from None
        stack.enter_context(client)
        yield client


@contextlib.contextmanager
def _local(workers):
    """A cluster of processes on this machine, all of which end with it."""
    import psutil
    from distributed import LocalCluster

    # Python's own helper stays, for clusters to come.
    resource_tracker.ensure_running()
    before = set(psutil.Process().children(recursive=True))
    with _interrupts_blocked():
        cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,  # most memory is that of tools, which Dask does not see
            silence_logs=logging.CRITICAL,
        )
    try:
        yield cluster
    finally:
        # A stopped worker leaves its own processes running, a compiler for example.
        started = set(psutil.Process().children(recursive=True)) - before
        cluster.close()
        for process in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@contextlib.contextmanager
def _script_hidden():
    """Workers that are started here do not run the user's script, and its calls, once more.

    A new process of ``multiprocessing`` runs the file of ``__main__``, for classes that this module
    may define; tasks of sweeps are functions of this package.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _interrupts_blocked():
    """Threads and processes that are started here never get Ctrl-C, only this thread does."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
