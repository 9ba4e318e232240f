"""Where the work of a sweep is done: Dask workers on this machine, or a cluster that runs."""

import contextlib
import logging
import re
import signal
import warnings
from collections.abc import Iterator
from multiprocessing import resource_tracker

import psutil

from ..lib.errors import Refused

__all__ = ["CONNECT_SECONDS", "check_address", "connected"]

#: How long a scheduler may take to answer.
CONNECT_SECONDS = 8

_ADDRESS = re.compile(r"(tcp|tls)://.+:\d{1,5}")


def check_address(address: str) -> None:
    """Raise :exc:`Refused` unless this can be a scheduler's address."""
    if not _ADDRESS.fullmatch(address):
        raise Refused(f"Scheduler must be tcp://HOST:PORT, not {address!r}")


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
    Refused
        If the scheduler cannot be reached.
    """
    from distributed import Client

    # What comes of workers and schedulers that end is told here, or in the results.
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        address = scheduler or stack.enter_context(_local(workers))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                client = Client(address, timeout=CONNECT_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            raise Refused(
                f"Scheduler {scheduler} cannot be reached ({error}); "
                f"start one with: dask scheduler --host 127.0.0.1"
            ) from None
        stack.enter_context(client)
        yield client


@contextlib.contextmanager
def _local(workers):
    """A cluster of processes on this machine; nothing of it is left at the end."""
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
            memory_limit=0,  # most of it is taken by tools, of which Dask knows nothing
            silence_logs=logging.CRITICAL,
        )
    try:
        yield cluster
    finally:
        # A worker that is stopped leaves running what it started, a compiler for example.
        started = set(psutil.Process().children(recursive=True)) - before
        cluster.close()
        for process in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@contextlib.contextmanager
def _interrupts_blocked():
    """Threads and processes that are started here never get Ctrl-C, only this thread does."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
