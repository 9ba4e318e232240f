"""The folder of things that are slow to make, keyed by what they are made from.

An entry is a folder ``<kind>/<digest>``. It is made under another name and appears by one rename,
so it is there whole or not at all, whatever ends the process that makes it. Nothing is locked:
when two processes make the same entry at once, the first to finish is kept and the other's work
is thrown away.
"""

import atexit
import errno
import hashlib
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["digest", "entry", "folder", "keep"]

_STALE_SECONDS = 24 * 3600
_LEAST_FREE_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}


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
    oldest = time.time() - _STALE_SECONDS
    for path in parent.glob(".*"):
        try:
            if path.stat().st_mtime >= oldest:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError:
            continue
