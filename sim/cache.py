"""The folder of things that are slow to make, keyed by what they are made from.

An entry is a folder ``<kind>/<digest>``. It is made under another name and appears by one rename,
so it is there whole or not at all, whatever ends the process that makes it. Nothing is locked:
when two processes make the same entry at once, the first to finish is kept and the other's work
is thrown away. An entry also disappears by one rename, before it is deleted, so nobody sees half of
it; what is being made stays.
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

__all__ = ["KINDS", "Size", "clear", "digest", "entry", "folder", "keep", "usage"]

_FOLDERS = ("builds", "runtime", "verilog", "synthesis", "cycles", "failed")

#: What is told apart in the cache folder: its sub-folders, and what killed processes left in them.
KINDS = (*_FOLDERS, "stale")

_STALE_SECONDS = 24 * 3600
_LEAST_FREE_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}

# Nothing else is ever deleted: the folder may be one that has other things in it.
_ENTRY = re.compile(r"[0-9a-f]{32}|[^.].*\.log")
_TEMPORARY = re.compile(r"\..+\.(\d{1,9})\.[0-9a-f]{8}")


def folder() -> Path:
    """The cache folder, which need not exist: ``$BRICKWORK_CACHE``, else the XDG cache folder."""
    if chosen := os.environ.get("BRICKWORK_CACHE"):
        return Path(chosen).expanduser().absolute()
    home = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has relative paths ignored.
    base = Path(home) if os.path.isabs(home) else Path("~/.cache").expanduser()
    return base / "brickwork"


def digest(*parts: str | bytes) -> str:
    """SHA-256 of the parts; each is preceded by its length, so no two lists run together."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(b"%d:" % len(data))
        state.update(data)
    return state.hexdigest()


def entry(kind: str, *parts: str | bytes, make: Callable[[Path], None]) -> tuple[Path, bool]:
    """The entry made from ``parts``, made now if it is not there.

    Parameters
    ----------
    kind : str
        Name of the sub-folder.
    parts : str or bytes
        Everything the content depends on, tool versions included.
    make : callable
        Fills the empty folder it is given. The folder is renamed afterwards, so nothing in it may
        hold its path. If ``make`` raises, the folder is removed and the exception passed on.

    Returns
    -------
    tuple of Path and bool
        The entry's folder, and whether it was there before.

    When the cache folder cannot be written, a temporary folder serves until the process ends, and
    a line on stderr says so.
    """
    name = digest(*parts)[:32]
    for root in (folder(), _spare):
        if root is not None and (root / kind / name).is_dir():
            return root / kind / name, True
    try:
        return _make_entry(folder(), kind, name, make)
    except _Unusable as unusable:
        return _make_entry(_spare_folder(str(unusable)), kind, name, make)


def keep(kind: str, name: str, text: str) -> Path:
    """Writes a small file into the cache folder at once, in place of an earlier one."""
    try:
        return _write(folder() / kind / name, text)
    except OSError as error:
        return _write(_spare_folder(_reason(error)) / kind / name, text)


class Size(NamedTuple):
    """A number of entries, and the bytes in their files."""

    entries: int
    bytes: int


def usage() -> dict[str, Size]:
    """What is in the cache folder, for each of :data:`KINDS`.

    Raises
    ------
    OSError
        If it cannot be read. A folder that does not exist is empty.
    """
    with _explained("read"):
        return {kind: _total(_bytes(path) for path in _paths(kind)) for kind in KINDS}


def clear(kind: str | None = None) -> dict[str, Size]:
    """Deletes what is in the cache folder, and tells what that was.

    Other processes may use the cache meanwhile. What they are making is left alone. A build that
    has found an entry and does not have it any more when it needs it ends with an error.

    Parameters
    ----------
    kind : str or None
        One of :data:`KINDS`, or None for all. ``stale`` are the temporaries of processes that have
        ended, or are older than a day.

    Raises
    ------
    ValueError
        If there is no such kind.
    OSError
        If something cannot be deleted.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"Kind of cache entries must be one of {', '.join(KINDS)}, not {kind!r}")
    with _explained("cleared"):
        return {
            one: _total(freed for path in _paths(one) if (freed := _remove(path)) is not None)
            for one in (KINDS if kind is None else (kind,))
        }


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"Cache folder {folder()} cannot be {what}: {reason}") from None


def _total(sizes: Iterable[int]) -> Size:
    sizes = list(sizes)
    return Size(len(sizes), sum(sizes))


def _paths(kind: str) -> list[Path]:
    """The entries of a kind."""
    if kind == "stale":
        found = [path for one in _FOLDERS for path in _inside(one) if _is_temporary(path)]
        return [path for path in found if _is_old(path) or not _is_in_use(path)]
    return [path for path in _inside(kind) if _ENTRY.fullmatch(path.name)]


def _inside(kind: str) -> list[Path]:
    try:
        return sorted((folder() / kind).iterdir())
    except FileNotFoundError:
        return []


def _is_temporary(path: Path) -> bool:
    return _TEMPORARY.fullmatch(path.name) is not None


def _is_in_use(temporary: Path) -> bool:
    """Whether the process that makes it still runs, as far as can be told on this machine."""
    try:
        os.kill(int(_TEMPORARY.fullmatch(temporary.name)[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is someone else's
        pass
    return True


def _is_old(path: Path) -> bool:
    """Whether it was last written to so long ago that whatever made it must have ended."""
    try:
        return path.lstat().st_mtime < time.time() - _STALE_SECONDS
    except FileNotFoundError:
        return False


def _bytes(path: Path) -> int:
    """Those in a file, or in all files of a folder; none in what disappears meanwhile."""
    files = [Path(top, name) for top, _, names in os.walk(path) for name in names]
    total = 0
    for file in files if path.is_dir() and not path.is_symlink() else [path]:
        with contextlib.suppress(FileNotFoundError):
            total += file.lstat().st_size
    return total


def _remove(path: Path) -> int | None:
    """Removes a file or folder, and gives its size; None if another process was faster."""
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
            # Another process that removes the same makes it stop half-way.
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


def _beside(place: Path) -> Path:
    """A name that no other process uses, marked as unfinished by its leading dot."""
    return place.with_name(f".{place.name}.{os.getpid()}.{secrets.token_hex(4)}")


def _write(place: Path, text: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    part = _beside(place)
    try:
        part.write_text(text)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    return place


def _make_entry(
    root: Path, kind: str, name: str, make: Callable[[Path], None]
) -> tuple[Path, bool]:
    place = root / kind / name
    part = _beside(place)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
    except OSError as error:
        if root == _spare:
            raise
        raise _Unusable(_reason(error)) from None
    try:
        _remove_stale(place.parent)
        make(part)
        try:
            part.rename(place)
        except OSError:
            # Another process was faster; what it made is the same.
            if not place.is_dir():
                raise
        return place, False
    except Exception as error:
        if root != _spare and _is_full(error, root):
            raise _Unusable("disk full") from error
        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _is_full(error: Exception, root: Path) -> bool:
    """Whether a full disk is behind an error; a compiler says so only in its output."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return shutil.disk_usage(root).free < _LEAST_FREE_BYTES


def _remove_stale(parent: Path) -> None:
    """Removes what killed processes left behind."""
    for path in parent.glob(".*"):
        with contextlib.suppress(OSError):
            if _is_temporary(path) and _is_old(path):
                _remove(path)
