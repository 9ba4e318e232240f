"""The Dask workers of a sweep: on this machine, or of a running cluster."""

import asyncio
import contextlib
import copy
import logging
import os
import signal
import sys
import types
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import resource_tracker
from urllib.parse import urlsplit

from ...hdl.checks import check_integer
from ...sim import scratch
from ..lib.errors import CheckFailed, UsageError
from ..lib.extras import require

__all__ = ["CONNECT_SECONDS", "check_address", "check_installed", "check_workers", "connected"]

#: How long a scheduler may take to answer.
CONNECT_SECONDS = 8

#: Packages that must be the same on all machines of a cluster, as Python must.
_SAME_VERSIONS = ("dask", "distributed", "brickwork")


#: Variables that name folders with Dask's configuration files, and the folders without them.
_FOLDERS = {"DASK_ROOT_CONFIG": "/etc/dask", "DASK_CONFIG": "~/.config/dask"}


def check_address(address: str) -> None:
    """Raise :exc:`UsageError` unless this can be a scheduler's address."""
    _endpoint(address)


def check_workers(workers: int | None) -> None:
    """Raise :exc:`TypeError` or :exc:`ValueError` unless there can be so many processes."""
    if workers is not None:
        check_integer("Number of workers", workers, 1, 1024)


def check_installed() -> None:
    """Raise :exc:`UsageError` if Dask is missing, or its configuration files prevent its import."""
    with require("Sweeps and comparisons"):
        if sys.modules.get("distributed") is None:
            _import()


def _import():
    """Imports Dask; variables with its settings, which may prevent that, are read afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # settings with names of older versions
        try:
            with _variables_hidden(but=_FOLDERS):
                import distributed
        except ImportError:
            raise
        except Exception as error:
            raise UsageError(
                f"Dask refuses its configuration files ({_reason(error)}); correct those in "
                f"{' and '.join(os.environ.get(*each) for each in _FOLDERS.items())}"
            ) from None
        try:
            distributed.dask.config.refresh()
        except Exception:  # variables that Dask refuses are as not set
            distributed.dask.config.refresh(env={})


@contextlib.contextmanager
def connected(scheduler: str | None, workers: int) -> Iterator:
    """A ``distributed.Client``.

    Parameters
    ----------
    scheduler : str or None
        Address of a running scheduler, or ``None`` for processes that end with this one.
    workers : int
        The number of those; they listen on the loopback interface alone. Dask's settings on this
        machine do not concern them.

    Raises
    ------
    UsageError
        If the scheduler cannot be reached, it or a worker has other versions of Dask, Python or
        this program, or Dask is missing.
    CheckFailed
        If the processes cannot be started.
    """
    check_installed()
    with contextlib.ExitStack() as stack:
        # The end of workers and schedulers is reported here, or in the results.
        stack.enter_context(_loggers_silent())
        if scheduler is None:
            stack.enter_context(_default_settings())
            # As long as there are workers: others take the place of dead ones.
            stack.enter_context(_script_hidden())
            client = stack.enter_context(_local(workers))
        else:
            client = stack.enter_context(_remote(scheduler))
        yield client


def _endpoint(address):
    """Host and port of a scheduler's address."""
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
    except ValueError:  # a port that is no number, or too large
        is_address = False
    if not is_address or address != f"{parts.scheme}://{parts.netloc}" or parts.username:
        raise UsageError(f"Scheduler must be tcp://HOST:PORT, not {address!r}")
    return parts.hostname, parts.port


@contextlib.contextmanager
def _remote(scheduler):
    """A client of a running scheduler, on whose machine Dask is the same."""
    import distributed

    check_address(scheduler)
    try:
        with warnings.catch_warnings(), ThreadPoolExecutor(1) as thread:
            warnings.simplefilter("ignore")
            # Of its own thread, as a notebook has a loop running in this one.
            thread.submit(asyncio.run, _answer(scheduler)).result()
            client = distributed.Client(scheduler, timeout=CONNECT_SECONDS)
    except OSError as error:  # also of time
        raise UsageError(
            f"Scheduler {scheduler} cannot be reached within {CONNECT_SECONDS} s "
            f"({_reason(error)}); start one with: dask scheduler --host 127.0.0.1"
        ) from None
    except Exception as error:
        raise UsageError(
            f"Scheduler {scheduler} cannot be used with Dask {distributed.__version__} "
            f"({_reason(error)})"
        ) from None
    with client:
        _check_versions(client, scheduler)
        yield client


async def _answer(scheduler):
    """Waits for a scheduler's greeting, no longer than :data:`CONNECT_SECONDS`."""
    from distributed import Security
    from distributed.comm import connect

    async with asyncio.timeout(CONNECT_SECONDS):
        # Dask repeats attempts that are refused until the time is over.
        _, writer = await asyncio.open_connection(*_endpoint(scheduler))
        writer.close()
        comm = await connect(scheduler, **Security().get_connection_args("client"))
        await comm.close()


def _check_versions(client, scheduler):
    """Checks that a scheduler and its workers run this program, with this Dask and Python."""
    versions = client.get_versions(check=False, packages=["brickwork"])
    own = _versions(versions["client"])
    others = [(f"Scheduler {scheduler}", versions["scheduler"])]
    others += [(f"Worker {address}", each) for address, each in versions["workers"].items()]
    for name, other in others:
        for package, version in _versions(other).items():
            if version != own[package]:
                raise UsageError(
                    f"{name} must have {package} {own[package]}, as this machine, not "
                    f"{version or 'lack it'}"
                )


def _versions(record):
    python = ".".join(record["host"]["python"].split(".")[:2])
    return {"Python": python} | {name: record["packages"][name] for name in _SAME_VERSIONS}


@contextlib.contextmanager
def _local(workers):
    """A client of processes on this machine, all of which end with it."""
    from distributed import Client, LocalCluster

    # Python's own helper stays, for clusters to come.
    resource_tracker.ensure_running()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(scratch.folder())
        try:
            with _interrupts_blocked():
                cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",
                    local_directory=str(folder),
                    memory_limit=0,  # most memory is that of tools, which Dask does not see
                    silence_logs=logging.CRITICAL,
                )
            # Compilers and other programs of a worker that is stopped end with it.
            stack.callback(cluster.close)
            client = stack.enter_context(Client(cluster, timeout=CONNECT_SECONDS))
        except Exception as error:
            raise CheckFailed(f"Workers cannot be started: {_reason(error)}") from None
        yield client


@contextlib.contextmanager
def _default_settings():
    """Dask as it comes, with the settings of this machine left out, also in new processes."""
    import dask

    settings = dask.config.config
    before = copy.deepcopy(settings)
    dask.config.refresh(paths=[], env={})
    try:
        with _variables_hidden():
            yield
    finally:
        settings.clear()
        settings.update(before)


@contextlib.contextmanager
def _variables_hidden(but=()):
    """The environment without Dask's variables, also for new processes."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name.startswith("DASK_") and name not in but
    }
    for name in variables:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(variables)


@contextlib.contextmanager
def _loggers_silent():
    """Dask and its libraries write nothing, whatever this machine's settings say."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed.")]
    loggers = [logging.getLogger(name) for name in ("distributed", "tornado", *names)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _reason(error):
    """An error in one line: its message, after its class where that says more."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


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
