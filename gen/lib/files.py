"""Files and folders that commands write; imports nothing that takes time."""

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import UsageError

__all__ = [
    "check_file",
    "check_files",
    "check_folder",
    "exclusive_lock",
    "report_apart",
    "write_whole",
]


def write_whole(path: Path | str, content: str | bytes) -> None:
    """Writes a file; a reader sees the old content or the new, never a fragment.

    Missing folders are made. Text is written as UTF-8. The file at the end of a symbolic link is
    replaced, and keeps its mode and owner; the mode of a new file follows the umask. Devices, pipes
    and open descriptors, such as ``/dev/stdout``, are written to.

    Raises
    ------
    OSError
        If it cannot be written. The old content stays, and no temporary file.
    """
    content = content.encode() if isinstance(content, str) else content
    with _explained(path):
        status = _status(path)
        descriptor = _descriptor(path, status)
        if descriptor is not None:
            sys.stdout.flush()
            with open(descriptor, "wb", buffering=0, closefd=False) as file:
                _write(file, content)
        elif _is_stream(status):
            with open(os.open(path, os.O_WRONLY), "wb", buffering=0) as file:
                _write(file, content)
        else:
            _replace(Path(os.path.realpath(path)), status, content)


def check_file(path: Path | str, name: str = "Results") -> Path:
    """``path``, which is to be a file that can be written; makes nothing.

    Raises
    ------
    UsageError
        If it is a folder; the message begins with ``name``.
    OSError
        If it cannot be written.
    """
    if os.path.isdir(path) or str(path).endswith(os.sep):
        raise UsageError(f"{name} must be written to a file, not to the folder {str(path)!r}")
    with _explained(path):
        status = _status(path)
        if _descriptor(path, status) is None:
            _check_access(path if _is_stream(status) else os.path.realpath(path), status)
    return Path(path)


def check_files(paths: Mapping[str, Path | str | None]) -> list[Path | None]:
    """The paths of a command's results, each as :func:`check_file` returns it, or ``None``.

    Parameters
    ----------
    paths : mapping
        From the beginning of messages, a plural noun, to a path, or ``None`` for results that are
        not written.

    Raises
    ------
    UsageError
        If two of them are the same file, or one is a folder.
    OSError
        If one cannot be written.
    """
    names: dict[object, str] = {}
    for name, path in paths.items():
        if path is None:
            continue
        check_file(path, name)
        identity = _identity(path)
        if identity in names:
            raise UsageError(
                f"{names[identity]} and {name[0].lower()}{name[1:]} must be written to different "
                f"files, not both to {str(path)!r}"
            )
        if identity is not None:
            names[identity] = name
    return [None if path is None else Path(path) for path in paths.values()]


@contextlib.contextmanager
def report_apart(*paths: Path | None) -> Iterator[None]:
    """Prints to stderr in place of stdout, if one of these results is written to stdout."""
    statuses = [_status(path) for path in paths if path is not None]
    mixed = any(status is not None and _is_open(1, status) for status in statuses)
    with contextlib.redirect_stdout(sys.stderr) if mixed else contextlib.nullcontext():
        yield


def _replace(path, status, content):
    """Writes a temporary file beside ``path``, and renames it to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_access(path, status)
    temporary = path.with_name(f".brickwork-{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb", buffering=0) as file:
            _write(file, content)
            if status is not None:
                with contextlib.suppress(PermissionError):  # of another user's file
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write(file, content):
    content = memoryview(content)
    while content:
        content = content[file.write(content) :]


def _check_access(path, status):
    """Raises OSError unless the file can be written, or made in its folder, or in a new one."""
    if status is None or stat.S_ISREG(status.st_mode):
        folder = os.path.dirname(os.path.abspath(path))
        while not os.path.lexists(folder):
            folder = os.path.dirname(folder)
        if not os.path.isdir(folder):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"Folder {folder} is not writable")
    if status is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _status(path):
    """The status of the file at the end of links; ``None`` if there is no file yet."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _is_stream(status):
    """Whether a file is a device, a pipe or a socket."""
    return status is not None and not stat.S_ISREG(status.st_mode)


def _descriptor(path, status):
    """The number of the open file that a path such as ``/dev/fd/3`` names; else ``None``."""
    for number in (1, 2):
        if status is not None and _is_open(number, status):
            return number
    folder, name = os.path.split(os.path.abspath(path))
    if name.isdecimal() and os.path.realpath(folder) == os.path.realpath("/dev/fd"):
        return int(name)
    return None


def _is_open(number, status):
    """Whether a file is the one with this descriptor; ``/dev/null`` may be for several."""
    try:
        opened = os.fstat(number)
    except OSError:  # closed
        return False
    if stat.S_ISCHR(opened.st_mode) and not os.isatty(number):
        return False
    return os.path.samestat(status, opened)


def _identity(path):
    """A key that is equal for paths of the same file; ``None`` for devices."""
    status = _status(path)
    if status is None:
        return os.path.realpath(path)
    return None if stat.S_ISCHR(status.st_mode) else (status.st_dev, status.st_ino)


@contextlib.contextmanager
def _explained(path) -> Iterator[None]:
    """Turns errors into a message that the file cannot be written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        if isinstance(error, FileExistsError):
            reason = os.strerror(errno.ENOTDIR)  # of a folder
        raise OSError(f"File {path} cannot be written: {reason}") from None


def check_folder(path: Path | str) -> Path:
    """``path``, once it is a folder that can be written; it is made if need be.

    Raises
    ------
    OSError
        If it cannot be made or written.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        reason = "Not a directory" if isinstance(error, FileExistsError) else error.strerror
        raise OSError(f"Output folder {path} cannot be written: {reason}") from None
    return path


@contextlib.contextmanager
def exclusive_lock(folder: Path) -> Iterator[None]:
    """Waits until no other process holds the lock of ``folder``, and holds it meanwhile.

    The folder is made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
