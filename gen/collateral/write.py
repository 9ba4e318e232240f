"""The files beside the Verilog, for the tools and programs around a core."""

from pathlib import Path

from ...sim.manifest import Manifest
from ..designs.base import Parameters
from ..designs.wrappers import WRAPPERS, Wrapper
from ..emission.emit import Emission
from ..flow.board_constraints import out_of_context
from ..lib.files import write_whole
from .driver import driver, find_section
from .fusesoc import fusesoc
from .header import header
from .litex import litex
from .register_docs import documents
from .verilog_bench import verilog_bench
from .vivado import vivado

__all__ = ["check", "collateral", "write"]


def check(parameters: Parameters) -> None:
    """Refuse a design that has no C driver behind a bus that calls for one.

    Raises
    ------
    ValueError
        If the design has no C driver.
    """
    if isinstance(parameters, Wrapper) and parameters.has_driver:
        find_section(parameters.design())


def collateral(manifest: Manifest) -> dict[str, str]:
    """The files that go with a design, by name; all follow from its manifest.

    They are constraints, a testbench, and files for FuseSoC, Vivado and LiteX; for a core with
    registers also a C header and the register map, and for one behind AXI a C driver.

    Raises
    ------
    ValueError
        If the design has no C driver.
    """
    top, bus = manifest.top, manifest.bus
    files = {f"{top}.{ending}": text for ending, text in out_of_context(manifest).items()}
    writers = [verilog_bench, fusesoc, vivado, litex]
    if bus:
        files[f"{top}.h"] = header(manifest)
        writers.append(documents)
        writers += [driver] if WRAPPERS[manifest.wrapper].has_driver else []
    for write_files in writers:
        files |= write_files(manifest)
    return files


def write(emission: Emission) -> list[Path]:
    """Write the files beside the Verilog; returns their paths."""
    manifest = Manifest.read(emission.manifest)
    files = {emission.folder / name: text for name, text in collateral(manifest).items()}
    for path, text in files.items():
        write_whole(path, text)
    return list(files)
