"""Results of a sweep: a file of JSON lines that stays valid when its writer is killed.

The first line has the schema, the sweep and the tools, each further one is a point. The file is
written with its first point: a sweep that ends before leaves none. A line is on the disk before
the next is begun, so only the last can be half-written; that one is cut off. When all points are
there the file is replaced by one in the order of the sweep.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ..lib.errors import UsageError
from ..lib.files import write_whole
from ..lib.messages import finite

__all__ = ["SCHEMA", "VERSION", "Results", "opened"]

SCHEMA = "brickwork-sweep"
VERSION = 1

_START = f'{{"schema":"{SCHEMA}"'.encode()


class Results:
    """The open file.

    Attributes
    ----------
    path : Path
    records : dict
        Key to the record of each point in the file.
    """

    def __init__(self, path: Path, header: dict, records: dict[str, dict]):
        self.path, self.records = path, records
        self._header, self._file = header, None

    def append(self, record: dict) -> None:
        """Writes a point; it is on the disk when this returns."""
        if self._file is None:
            write_whole(self.path, self._text(self.records.values()))
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        line = memoryview(_line(record).encode())
        while line:
            line = line[os.write(self._file, line) :]
        os.fsync(self._file)
        self.records[record["key"]] = record

    def finish(self, order: list[str]) -> None:
        """Brings points into the order of their keys; others, of earlier sweeps, come before."""
        wanted = set(order)
        earlier = [record for key, record in self.records.items() if key not in wanted]
        write_whole(self.path, self._text([*earlier, *(self.records[key] for key in order)]))

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)

    def _text(self, records):
        return "".join(map(_line, [self._header, *records]))


@contextlib.contextmanager
def opened(path: Path, name: str, sweep: dict, tools: dict, resume: bool) -> Iterator[Results]:
    """The results file of a sweep, which no other process writes meanwhile.

    Parameters
    ----------
    path : Path
    name : str
        Of the sweep.
    sweep : dict
        The sweep file.
    tools : dict
        Versions.
    resume : bool
        Continue with an existing file. Points that failed are left out, to be tried again.

    Raises
    ------
    UsageError
        If the file has points and ``resume`` is false, or it cannot be continued.
    OSError
        If it cannot be read or written.
    """
    header = {"schema": SCHEMA, "version": VERSION, "name": name, "sweep": sweep, "tools": tools}
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        results = Results(path, header, _read(path, tools, resume) if path.exists() else {})
        try:
            yield results
        finally:
            results.close()


@contextlib.contextmanager
def _locked(path):
    """Holds the lock of a results file, which is a file beside it, removed afterwards."""
    lock = path.with_name(f".{path.name}.lock")
    while True:
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"Results {path} are being written by another sweep; wait for it, or use "
                    f"another --out"
                ) from None
            if not (lock.exists() and os.path.samestat(lock.stat(), os.fstat(file.fileno()))):
                continue  # the sweep before has just removed it
            try:
                yield
            finally:
                lock.unlink()
            return


def _line(record):
    text = json.dumps(finite(record), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"{text}\n"


def _read(path, tools, resume):
    """Key to record of the points that a file has, without those that failed."""
    header, *records = _lines(path) or [None]
    if not records:
        return {}
    if not resume:
        raise UsageError(
            f"Results {path} are there already; use --resume to go on with them, or another --out"
        )
    for tool in sorted({*tools, *header["tools"]}):
        then, now = header["tools"].get(tool), tools.get(tool)
        if then != now:
            raise UsageError(
                f"Results {path} were made with {tool} {then}, not {now}; use another --out"
            )
    return {record["key"]: record for record in records if record["status"] != "failed"}


def _lines(path):
    """The header and the records of a file, as far as lines are complete."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise OSError(f"Results {path} cannot be read: {error.strerror or error}") from None
    complete = content.split(b"\n")[:-1]  # the last is empty, or half a line
    if not complete and content[: len(_START)] != _START[: len(content)]:
        complete = [content]  # no half of a header, but another file
    lines = []
    for number, line in enumerate(complete, 1):
        names = {"schema", "version", "tools"} if number == 1 else {"key", "status"}
        try:
            lines.append(json.loads(line))
            if not isinstance(lines[-1], dict):
                raise ValueError
        except ValueError:
            raise _damaged(path, number) from None
        if number == 1:
            _check_schema(path, lines[0])
        if not names <= lines[-1].keys():
            raise _damaged(path, number)
    return lines


def _damaged(path, number):
    return UsageError(f"Results {path} are damaged in line {number}; use another --out")


def _check_schema(path, header):
    if (header.get("schema"), header.get("version")) != (SCHEMA, VERSION):
        raise UsageError(
            f"Results {path} must be of {SCHEMA} version {VERSION}, not of "
            f"{header.get('schema')} version {header.get('version')}; use another --out"
        )
