"""Results of a sweep: a file of JSON lines that stays valid when its writer is killed.

The first line has the schema, the sweep and the tools, each further one is a point. A line is on
the disk before the next is begun, so only the last can be half-written; that one is cut off. When
all points are there the file is replaced by one in the order of the sweep.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ..lib.errors import UsageError
from ..lib.files import write_whole

__all__ = ["SCHEMA", "VERSION", "Results", "opened"]

SCHEMA = "brickwork-sweep"
VERSION = 1


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
        self._header = header
        write_whole(path, self._text(records.values()))
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)

    def append(self, record: dict) -> None:
        """Writes a point; it is on the disk when this returns."""
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
        If the file exists and ``resume`` is false, or it cannot be continued.
    OSError
        If it cannot be written.
    """
    header = {"schema": SCHEMA, "version": VERSION, "name": name, "sweep": sweep, "tools": tools}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"Results {path} are being written by another sweep; wait for it, or use another "
                f"--out"
            ) from None
        records = {}
        if path.exists():
            if not resume:
                raise UsageError(
                    f"Results {path} are there already; use --resume to go on with them, or "
                    f"another --out"
                )
            records = _read(path, tools)
        results = Results(path, header, records)
        try:
            yield results
        finally:
            results.close()


def _line(record):
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


def _read(path, tools):
    """Key to record of the points that a file has, without those that failed."""
    complete = path.read_bytes().split(b"\n")[:-1]  # the last is empty, or half a line
    lines = []
    for number, line in enumerate(complete, 1):
        try:
            lines.append(json.loads(line))
            if not isinstance(lines[-1], dict):
                raise ValueError
        except ValueError:
            raise UsageError(
                f"Results {path} are damaged in line {number}; use another --out"
            ) from None
    if not lines:
        return {}
    header, *records = lines
    if (header.get("schema"), header.get("version")) != (SCHEMA, VERSION):
        raise UsageError(
            f"Results {path} must be of {SCHEMA} version {VERSION}, not of "
            f"{header.get('schema')} version {header.get('version')}; use another --out"
        )
    for tool in sorted({*tools, *header["tools"]}):
        then, now = header["tools"].get(tool), tools.get(tool)
        if then != now:
            raise UsageError(
                f"Results {path} were made with {tool} {then}, not {now}; use another --out"
            )
    return {record["key"]: record for record in records if record["status"] != "failed"}
