"""The cache folder: results of slow steps, keyed by their inputs.

An entry is a folder ``<section>/<digest>``. An entry is made under a temporary name and appears by
one rename, so that it is complete or absent even if the process is killed. There are no locks: when
two processes make the same entry, the first to finish keeps it and the second deletes its own. An
entry also disappears by one rename before deletion, so that no process sees half of it; unfinished
entries stay.
"""

import atexit
import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["SECTIONS", "Size", "clear", "digest", "entry", "folder", "keep", "usage"]

_FOLDERS = ("builds", "runtime", "verilog", "synthesis", "cycles", "failed")

#: Sections of the cache folder: its sub-folders, and unfinished entries of killed processes.
SECTIONS = (*_FOLDERS, "stale")

_STALE_SECONDS = 24 * 3600
_LEAST_FREE_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}

# Only matching names are ever deleted: the folder may hold other files.
_ENTRY = re.compile(r"[0-9a-f]{32}|[^.].*\.log")
_TEMPORARY = re.compile(r"\..+\.(\d{1,9})\.[0-9a-f]{8}")


def folder() -> Path:
    """The cache folder, which need not exist: ``$BRICKWORK_CACHE``, else the XDG cache folder."""
    if path := os.environ.get("BRICKWORK_CACHE"):
        return Path(path).expanduser().absolute()
    home = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(home) if os.path.isabs(home) else Path("~/.cache").expanduser()
    return base / "brickwork"


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

    When the cache folder cannot be written, a temporary folder replaces it until the process ends,
    with a warning on stderr.
    """
    name = digest(*inputs)[:32]
    for root in (folder(), _spare):
        if root is not None and (root / section / name).is_dir():
            return root / section / name, True
    try:
        return _make_entry(folder(), section, name, make)
    except _Unusable as unusable:
        return _make_entry(_spare_folder(str(unusable)), section, name, make)


def keep(section: str, name: str, text: str) -> Path:
    """Write a small file into the cache folder atomically, replacing an earlier one."""
    try:
        return _write(folder() / section / name, text)
    except OSError as error:
        return _write(_spare_folder(_reason(error)) / section / name, text)


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
        have ended, or that are older than a day.

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
        unfinished = [path for name in _FOLDERS for path in _inside(name) if _is_temporary(path)]
        return [path for path in unfinished if _is_old(path) or not _is_in_use(path)]
    return [path for path in _inside(section) if _ENTRY.fullmatch(path.name)]


def _inside(section: str) -> list[Path]:
    try:
        return sorted((folder() / section).iterdir())
    except FileNotFoundError:
        return []


def _is_temporary(path: Path) -> bool:
    return _TEMPORARY.fullmatch(path.name) is not None


def _is_in_use(temporary: Path) -> bool:
    """Whether the process that makes it still runs on this machine."""
    try:
        os.kill(int(_TEMPORARY.fullmatch(temporary.name)[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # a process of another user
        pass
    return True


def _is_old(path: Path) -> bool:
    """Whether the last write is so long ago that its process must have ended."""
    try:
        return path.lstat().st_mtime < time.time() - _STALE_SECONDS
    except FileNotFoundError:
        return False


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


def _spare_folder(reason: str) -> Path:
    """The temporary folder that serves when the cache folder cannot; announced once."""
    global _spare
    if _spare is None:
        _spare = Path(tempfile.mkdtemp(prefix="brickwork-"))
        atexit.register(shutil.rmtree, _spare, ignore_errors=True)
        print(
            f"warning: cache folder {folder()} cannot be used ({reason}); "
            f"using {_spare} until this process ends",
            file=sys.stderr,
        )
    return _spare


def _reason(error: OSError) -> str:
    return "disk full" if error.errno in _FULL else (error.strerror or str(error)).lower()


def _beside(path: Path) -> Path:
    """A unique name beside ``path``, marked as unfinished by its leading dot."""
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _beside(path)
    try:
        unfinished.write_text(text)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _make_entry(
    root: Path, section: str, name: str, make: Callable[[Path], None]
) -> tuple[Path, bool]:
    path = root / section / name
    unfinished = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir()
    except OSError as error:
        if root == _spare:
            raise
        raise _Unusable(_reason(error)) from None
    try:
        _remove_stale(path.parent)
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


def _remove_stale(parent: Path) -> None:
    """Remove entries that killed processes left unfinished."""
    for path in parent.glob(".*"):
        with contextlib.suppress(OSError):
            if _is_temporary(path) and _is_old(path):
                _remove(path)
