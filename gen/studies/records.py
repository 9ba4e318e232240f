"""Files of what a benchmark has found."""

import importlib.metadata
import json
from pathlib import Path

from ...sim.verilator import toolchain
from ..emission.emit import write_whole

__all__ = ["SCHEMA", "write"]

#: Version of the files' schema.
SCHEMA = 1

_PACKAGES = ("brickwork", "amaranth", "pyosys", "numpy")


def write(path: Path, records: list[dict]) -> Path:
    """Write records as JSON, with the versions of the tools; returns the path."""
    verilator = toolchain.verilator()
    tools = {name: importlib.metadata.version(name) for name in _PACKAGES}
    tools["verilator"] = f"{verilator.release} ({verilator.source})"
    whole = {"schema": SCHEMA, "tools": tools, "records": records}
    write_whole(path, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    return path
