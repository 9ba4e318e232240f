"""Temporary and unfinished files, which do not outlast their process even if it is killed.

A process holds a lock on what it writes. The system releases the lock when the process ends,
however it ends, and a later process removes what nobody holds. The lock also tells of processes on
other machines and in other containers, which process numbers do not.
"""

import contextlib
import fcntl
import functools
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["folder", "is_abandoned", "locked", "wait"]

#: Time between making a file and locking it, at most.
_GRACE_SECONDS = 5
#: Time after which a process has ended for certain, on file systems without locks.
_STALE_SECONDS = 24 * 3600

_NAME = re.compile(r"brickwork-\d{1,9}-[0-9a-f]{8}")


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A new temporary folder, which is removed at the end of the ``with`` block."""
    parent = Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    path = parent / f"brickwork-{os.getpid()}-{secrets.token_hex(4)}"
    path.mkdir(mode=0o700)
    try:
        with locked(path):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock of a file or folder that this process has just made."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def wait(path: Path) -> None:
    """Waits until nobody holds the lock of an unfinished file or folder."""
    with contextlib.suppress(OSError):  # finished, another user's, or no locks
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
        finally:
            os.close(handle)


def is_abandoned(path: Path) -> bool:
    """Whether the process that made an unfinished file or folder has ended."""
    try:
        age = time.time() - path.lstat().st_mtime
        if age < _GRACE_SECONDS:
            return False
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:  # removed, or another user's
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return age > _STALE_SECONDS
    finally:
        os.close(handle)
    return True


@functools.cache
def _remove_abandoned(parent: Path) -> None:
    """Removes folders of processes that have been killed, once in a process."""
    for path in parent.glob("brickwork-*"):
        with contextlib.suppress(FileNotFoundError):  # removed meanwhile
            own = _NAME.fullmatch(path.name) and path.lstat().st_uid == os.getuid()
            if own and is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True)
