"""What all studies share: the class, the files they write, and the checks of their records."""

import contextlib
import datetime
import importlib.metadata
import os
import platform
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ...sim import processes
from ...sim.verilator import toolchain
from ..lib.errors import CheckFailed
from ..lib.files import write_whole
from ..lib.messages import to_json
from ..lib.tables import table

__all__ = ["SCHEMA", "Study", "check", "machine", "of_table"]

#: Version of the files' schema.
SCHEMA = 1

_PACKAGES = ("brickwork", "amaranth", "cocotb", "numpy", "pyosys", "scikit-learn")

#: Fields of records that are ``False`` where a result is wrong, and the message then.
_CHECKS = {
    "exact": "{} products do not match the golden model: {}",
    "same_cycles": "{} simulators take other cycles for the same product: {}",
    "as_promised": "{} networks take other cycles than scheduled: {}",
    "fast_enough": "{} buses leave less of their core's throughput: {}",
}


def _plain(records):
    return [records]


@dataclass(frozen=True, kw_only=True)
class Study:
    """A measurement that can be repeated; ``brickwork bench`` runs it.

    Attributes
    ----------
    measure : callable
        ``measure(out, **options)`` returns or yields the records: dicts that JSON can hold. ``out``
        is a folder for whatever is emitted; the options are those of the study's :class:`Entry`,
        with the meaning of :data:`OPTIONS`. A function may have more parameters, for tests.
    report : callable
        ``report(records)`` returns or yields what is printed, in order: texts, and lists of rows,
        which become tables. By default a table of the records as they are.
    plot : callable or None
        ``plot(records, path)`` writes a plot as SVG.
    columns : dict
        What the fields of the records hold; of several tables, of each.
    context : callable
        Returns what else the file of the records holds.
    """

    measure: Callable[..., Iterable[dict]]
    report: Callable[[list[dict]], Iterable[str | list[dict]]] = _plain
    plot: Callable[[list[dict], Path], None] | None = None
    columns: dict = field(default_factory=dict)
    context: Callable[[], dict] = dict

    def text(self, records: list[dict]) -> str:
        """The tables with their titles and notes."""
        blocks = self.report(records)
        return "\n\n".join(block if isinstance(block, str) else table(block) for block in blocks)

    def write(self, out: Path, name: str, records: list[dict]) -> str:
        """Writes ``<name>.json``, and the plot if there is one; returns what is to be printed."""
        content = {"schema": SCHEMA, **self.context(), "tools": _tools()}
        content |= {"columns": self.columns} if self.columns else {}
        content |= {"records": records}
        text = to_json(content)
        write_whole(Path(out) / f"{name}.json", text)
        if self.plot is None:
            return self.text(records)
        path = Path(out) / f"{name}.svg"
        self.plot(records, path)
        return f"{self.text(records)}\n\nplot: {path}"


def of_table(records: list[dict], name: str) -> list[dict]:
    """The records of one of a study's tables."""
    return [record for record in records if record["table"] == name]


def check(records: list[dict]) -> None:
    """Raises :exc:`CheckFailed` if a result is wrong, or a promise is not kept."""
    for name, message in _CHECKS.items():
        if wrong := [record for record in records if record.get(name) is False]:
            raise CheckFailed(message.format(len(wrong), wrong[0]))


def machine() -> dict:
    """The date and the machine, for records that depend on them."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": models[0] if models else platform.processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "load": os.getloadavg()[0],
        },
    }


def _tools():
    """Versions of the tools that are installed."""
    versions = {"python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in _PACKAGES}
    with contextlib.suppress(toolchain.ToolError):
        verilator = toolchain.verilator()
        versions["verilator"] = f"{verilator.release} ({verilator.source})"
    with contextlib.suppress(toolchain.ToolError):
        versions["compiler"] = toolchain.compiler().version
    if shutil.which("iverilog"):
        _, printed = processes.run(["iverilog", "-V"])
        versions["iverilog"] = (printed.splitlines() or ["?"])[0].strip()
    return versions
