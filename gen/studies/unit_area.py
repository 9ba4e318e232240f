"""Areas of single units, each synthesized by itself, several at once."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ...hdl.unit import Unit
from ...sim import cache
from ..emission import verilog
from ..flow.synthesis import Area, area
from ..lib.files import write_whole

__all__ = ["UnitAreas", "area_unit"]

#: Yosys processes at once.
_PROCESSES = 2


class UnitAreas:
    """Starts syntheses and keeps their results; to be used in a ``with`` statement.

    Parameters
    ----------
    out : Path
        Folder for the Verilog.
    liberty : Path or None
        Liberty file of the cells to map to, one that :func:`check_liberty` accepts; without one,
        gates are counted.
    """

    def __init__(self, out: Path, liberty: Path | None = None):
        self._folder, self._liberty = Path(out) / "area", liberty
        self._pool, self._futures = ThreadPoolExecutor(_PROCESSES), {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._pool.shutdown(cancel_futures=True)

    def start(self, unit: Unit, options: str = "") -> Future:
        """Starts the synthesis with these options of ``synth``, if it has not been started."""
        key = unit.key, options
        if key not in self._futures:
            path = self._folder / f"{unit.name}-{cache.digest(repr(unit.key))[:12]}.v"
            write_whole(path, verilog.convert_shared(unit, unit.name)[0])
            self._futures[key] = self._pool.submit(area, path, unit.name, self._liberty, options)
        return self._futures[key]

    def of(self, unit: Unit, options: str = "") -> Area:
        """The area of a unit; waits for it."""
        return self.start(unit, options).result()


def area_unit(liberty: Path | None) -> str:
    """The unit of areas: two-input NAND gates, or that of libraries."""
    return "gates" if liberty is None else "µm²"
