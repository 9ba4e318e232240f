"""What emits: the version of the generator, and the revision of its RTL."""

import functools
import importlib.metadata
import re
from pathlib import Path

from ...hdl import unit as unit_module
from ...sim import cache

__all__ = ["TOOLS", "rtl_revision", "sources", "version_number"]

#: Packages that emitted Verilog depends on.
TOOLS = ("brickwork", "amaranth", "pyosys")


@functools.cache
def sources() -> str:
    """Digest of the sources of the hardware and of the emission."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    files += sorted(Path(unit_module.__file__).parent.rglob("*.py"))
    return cache.digest(*(file.read_bytes() for file in files))


def rtl_revision(own_code: str) -> str:
    """Eight hexadecimal digits that stand for the sources, and for :func:`.own_code.own_code`."""
    return cache.digest(sources(), own_code)[:8]


@functools.cache
def version_number() -> int:
    """The value of the register ``GENERATOR``: major << 16 | minor << 8 | patch."""
    version = importlib.metadata.version("brickwork")
    major, minor, patch = map(int, re.match(r"(\d+)\.(\d+)\.(\d+)", version).groups())
    return major << 16 | minor << 8 | patch
