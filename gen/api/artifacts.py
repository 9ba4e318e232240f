"""The files of a design: Verilog, manifest and collateral."""

from dataclasses import dataclass
from pathlib import Path

from ..collateral import write
from ..designs.base import Design, Parameters
from ..designs.wrappers import wrapped
from ..emission.emit import emit as emit_verilog
from ..emission.identifier import check_identifier
from ..flow.board_constraints import check_clock
from ..lib.files import check_folder
from ..lib.tables import Report

__all__ = ["Files", "emit", "emit_parameters"]


@dataclass(frozen=True)
class Files(Report):
    """Paths of the emitted files.

    Attributes
    ----------
    folder, verilog, manifest : Path
    collateral : tuple of Path
        Test bench, constraints, headers, drivers, register maps and scripts for other tools.
    digest : str
        Digest of the design and all parameters.
    """

    folder: Path
    verilog: Path
    manifest: Path
    collateral: tuple[Path, ...]
    digest: str

    def rows(self) -> dict[str, str | None]:
        paths = {"verilog": self.verilog, "manifest": self.manifest}
        paths |= {path.name: path for path in self.collateral}
        return {label: str(path) for label, path in paths.items()}


def emit(
    design: Design,
    out: Path | str,
    top: str | None = None,
    *,
    name: str | None = None,
    clock: float | None = None,
    **bus: int,
) -> Files:
    """See :meth:`.Design.emit`."""
    return emit_parameters(wrapped(design, top, clock=clock, **bus), out, name, clock)


def emit_parameters(
    parameters: Parameters,
    out: Path | str,
    name: str | None = None,
    clock: float | None = None,
    ci_host: str | None = None,
) -> Files:
    """Writes all files of a core, or of a core in a bus wrapper; see :func:`.write.write`."""
    if clock is not None:
        check_clock(clock)
    if name is not None:
        check_identifier("Top-level name", name)
    write.check(parameters, name)
    emission = emit_verilog(parameters, check_folder(out), name)
    collateral = tuple(write.write(emission, clock, ci_host))
    return Files(emission.folder, emission.verilog, emission.manifest, collateral, emission.digest)
