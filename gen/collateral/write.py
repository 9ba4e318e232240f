"""What is written beside the Verilog, for the tools and programs around a core."""

from pathlib import Path

from ...sim.manifest import Manifest
from ..emission.emit import Emission, write_whole
from ..flow.board_constraints import out_of_context
from .driver import driver
from .fusesoc import fusesoc
from .header import header
from .litex import litex
from .register_docs import documents
from .verilog_bench import verilog_bench
from .vivado import vivado

__all__ = ["collateral", "write"]


def collateral(manifest: Manifest) -> dict[str, str]:
    """The files that go with a design, by name; all follow from its manifest.

    Constraints, a testbench, what FuseSoC, Vivado and LiteX need; of a core with registers a C
    header and documents, and of one with AXI a C driver.
    """
    top, bus = manifest.top, manifest.bus
    files = {f"{top}.{ending}": text for ending, text in out_of_context(manifest).items()}
    parts = [verilog_bench, fusesoc, vivado, litex]
    if "registers" in bus:
        files[f"{top}.h"] = header(manifest)
        parts.append(documents)
    if "control" in bus:
        parts.append(driver)
    for part in parts:
        files |= part(manifest)
    return files


def write(emission: Emission) -> list[Path]:
    """Write the files beside the Verilog; returns their paths."""
    manifest = Manifest.read(emission.manifest)
    files = {emission.folder / name: text for name, text in collateral(manifest).items()}
    for path, text in files.items():
        write_whole(path, text)
    return list(files)
