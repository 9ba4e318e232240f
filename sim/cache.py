"""The cache folder: results of slow steps, keyed by their inputs.

An entry is a folder ``<section>/<digest>``. An entry is made under a temporary name and appears by
one rename, so that it is complete or absent even if the process is killed. Nobody waits: when two
processes make the same entry, the first to finish keeps it and the second deletes its own. An entry
also disappears by one rename before deletion, so that no process sees half of it. Unfinished
entries of killed processes are removed by the next process that needs an entry.
"""

import atexit
import contextlib
import errno
import functools
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from . import scratch

__all__ = ["SECTIONS", "Size", "clear", "digest", "entry", "folder", "keep", "usage"]

_FOLDERS = ("builds", "runtime", "verilog", "synthesis", "cycles", "mutants", "failed")

#: Sections of the cache folder: its sub-folders, and unfinished entries of killed processes.
SECTIONS = (*_FOLDERS, "stale")

_LEAST_FREE_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}

# Only matching names are ever deleted: the folder may hold other files.
_ENTRY = re.compile(r"[0-9a-f]{32}|[^.].*\.log")
_TEMPORARY = re.compile(r"\..+\.\d{1,9}\.[0-9a-f]{8}")


def folder() -> Path:
    """The cache folder, which need not exist: ``$BRICKWORK_CACHE``, else the XDG cache folder.

    For a user without a home it is a temporary folder, with a warning on stderr.
    """
    path = os.environ.get("BRICKWORK_CACHE")
    home = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    path = path or os.path.join(home if os.path.isabs(home) else "~/.cache", "brickwork")
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        return _spare_folder(path, "no home folder")


def digest(*inputs: str | bytes) -> str:
    """SHA-256 of the inputs, each preceded by its length, which keeps lists apart."""
    state = hashlib.sha256()
    for item in inputs:
        data = item.encode() if isinstance(item, str) else item
        state.update(b"%d:" % len(data))
        state.update(data)
    return state.hexdigest()


def entry(section: str, *inputs: str | bytes, make: Callable[[Path], None]) -> tuple[Path, bool]:
    """The entry for ``inputs``; a missing one is made.

    Parameters
    ----------
    section : str
        Name of the sub-folder.
    inputs : str or bytes
        All inputs that the content depends on, tool versions included.
    make : callable
        Called with an empty folder to fill. The folder is renamed afterwards, so no file in it may
        hold its path. If ``make`` raises, the folder is removed and the exception propagates.

    Returns
    -------
    tuple of Path and bool
        The entry's folder, and whether it existed before.

    A process waits for another one that makes the same entry. When the cache folder cannot be
    written, a temporary folder of the user's replaces it, with a warning on stderr.
    """
    name = digest(*inputs)[:32]
    root = folder()
    _remove_abandoned(root)
    if _spare is not None and (_spare / section / name).is_dir():
        return _spare / section / name, True
    try:
        return _entry(root, section, name, make)
    except _Unusable as unusable:
        return _entry(_spare_folder(root, str(unusable)), section, name, make)


def keep(section: str, name: str, text: str) -> Path:
    """Write a small file into the cache folder atomically, replacing an earlier one."""
    root = folder()
    try:
        return _write(root / section / name, text)
    except OSError as error:
        return _write(_spare_folder(root, _reason(error)) / section / name, text)


class Size(NamedTuple):
    """A number of entries, and the bytes in their files."""

    entries: int
    bytes: int


def usage() -> dict[str, Size]:
    """Numbers and sizes of the entries of each of :data:`SECTIONS`.

    Raises
    ------
    OSError
        If the folder cannot be read. A missing folder counts as empty.
    """
    with _explained("read"):
        return {name: _total(_bytes(path) for path in _paths(name)) for name in SECTIONS}


def clear(section: str | None = None) -> dict[str, Size]:
    """Delete entries, and return their numbers and sizes.

    Other processes may use the cache meanwhile. Their unfinished entries are left alone. A build
    whose entry is deleted before use ends with an error.

    Parameters
    ----------
    section : str or None
        One of :data:`SECTIONS`, or None for all. ``stale`` are unfinished entries of processes that
        have ended.

    Raises
    ------
    ValueError
        If the section does not exist.
    OSError
        If an entry cannot be deleted.
    """
    if section is not None and section not in SECTIONS:
        raise ValueError(f"Cache section must be one of {', '.join(SECTIONS)}, not {section!r}")
    with _explained("cleared"):
        return {
            name: _total(freed for path in _paths(name) if (freed := _remove(path)) is not None)
            for name in (SECTIONS if section is None else (section,))
        }


@contextlib.contextmanager
def _explained(participle: str) -> Iterator[None]:
    """Turns errors into a message that the cache folder cannot be read, or cleared."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"Cache folder {folder()} cannot be {participle}: {reason}") from None


def _total(sizes: Iterable[int]) -> Size:
    sizes = list(sizes)
    return Size(len(sizes), sum(sizes))


def _paths(section: str) -> list[Path]:
    """The entries of a section."""
    if section == "stale":
        return _abandoned(folder())
    return [path for path in _inside(folder() / section) if _ENTRY.fullmatch(path.name)]


def _inside(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir())
    except FileNotFoundError:
        return []


def _abandoned(root: Path) -> list[Path]:
    """Unfinished entries of processes that have ended."""
    paths = [path for path in sorted(root.glob("*/.*")) if _TEMPORARY.fullmatch(path.name)]
    return [path for path in paths if scratch.is_abandoned(path)]


@functools.cache
def _remove_abandoned(root: Path) -> None:
    """Removes unfinished entries of processes that have ended, once in a process."""
    with contextlib.suppress(OSError):
        for path in _abandoned(root):
            _remove(path)


def _bytes(path: Path) -> int:
    """Bytes in a file, or in all files of a folder; files that disappear meanwhile have none."""
    files = [Path(top, name) for top, _, names in os.walk(path) for name in names]
    total = 0
    for file in files if path.is_dir() and not path.is_symlink() else [path]:
        with contextlib.suppress(FileNotFoundError):
            total += file.lstat().st_size
    return total


def _remove(path: Path) -> int | None:
    """Remove a file or folder, and return its size; None if another process was faster."""
    gone = _beside(path.with_name("gone"))
    try:
        path.rename(gone)
    except FileNotFoundError:
        return None
    size = _bytes(gone)
    with contextlib.suppress(FileNotFoundError):
        if not gone.is_dir() or gone.is_symlink():
            gone.unlink()
        else:
            # A concurrent removal by another process makes this one stop early.
            shutil.rmtree(gone, ignore_errors=True)
            if gone.exists():
                shutil.rmtree(gone)
    return size


class _Unusable(Exception):
    """The cache folder cannot be written; the message says why."""


_spare: Path | None = None


def _spare_folder(usual: Path | str, reason: str) -> Path:
    """The temporary folder that serves when the usual cache folder cannot; announced once."""
    global _spare
    if _spare is None:
        _spare = _users_folder() or _own_folder()
        print(
            f"warning: cache folder {usual} cannot be used ({reason}); using {_spare}; "
            "set BRICKWORK_CACHE to a folder that can be written",
            file=sys.stderr,
        )
    return _spare


def _users_folder() -> Path | None:
    """A temporary folder for this user's processes; None if others could write into it."""
    path = Path(tempfile.gettempdir(), f"brickwork-{os.getuid()}")
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError:
        return None
    own = status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return path if own and stat.S_ISDIR(status.st_mode) else None


def _own_folder() -> Path:
    """A temporary folder for this process."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(scratch.folder())


def _reason(error: OSError) -> str:
    return "disk full" if error.errno in _FULL else (error.strerror or str(error)).lower()


def _beside(path: Path) -> Path:
    """A unique name beside ``path``, marked as unfinished by its leading dot."""
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _beside(path)
    try:
        unfinished.touch()
        with scratch.locked(unfinished):
            unfinished.write_text(text)
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _entry(root: Path, section: str, name: str, make: Callable[[Path], None]) -> tuple[Path, bool]:
    """The entry in a cache folder, and whether it existed before; see :func:`entry`."""
    path = root / section / name
    if os.path.isdir(path):
        return path, True
    # Another process may be making it.
    for other in path.parent.glob(f".{name}.*"):
        scratch.wait(other)
    if os.path.isdir(path):
        return path, True
    unfinished = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir()
    except OSError as error:
        if root == _spare:
            raise
        raise _Unusable(_reason(error)) from None
    try:
        with scratch.locked(unfinished):
            make(unfinished)
            try:
                unfinished.rename(path)
            except OSError:
                # Another process was faster; its entry is the same.
                if not path.is_dir():
                    raise
        return path, False
    except Exception as error:
        if root != _spare and _is_full(error, root):
            raise _Unusable("disk full") from error
        raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _is_full(error: Exception, root: Path) -> bool:
    """Whether a full disk caused an error; compilers report that only in their output."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return shutil.disk_usage(root).free < _LEAST_FREE_BYTES
