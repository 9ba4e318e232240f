"""The files beside the Verilog, for the tools and programs around a core."""

from pathlib import Path

from ...sim.manifest import Manifest
from ..designs import registry
from ..designs.base import MatrixDesign, Parameters
from ..designs.wrappers import WRAPPERS, Wrapper
from ..emission.emit import Emission
from ..flow.board_constraints import out_of_context
from ..lib.files import write_whole
from .ci import ci
from .driver import driver, find_section
from .fusesoc import fusesoc
from .header import header
from .litex import litex
from .register_docs import documents
from .verilog_bench import verilog_bench
from .vivado import vivado

__all__ = ["check", "collateral", "write"]


# Headers of C and POSIX, which `<top>.h` in a folder of `-I` would hide.
_HEADERS = """
    aio assert complex cpio ctype dirent dlfcn endian errno fcntl features fenv float fmtmsg
    fnmatch ftw glob grp iconv inttypes iso646 langinfo libgen limits locale math monetary
    mqueue ndbm netdb nl_types poll pthread pwd regex sched search semaphore setjmp signal spawn
    stdalign stdarg stdatomic stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string
    strings stropts syslog tar termios tgmath threads time trace uchar ulimit unistd utime utmpx
    wchar wctype wordexp
"""


def check(parameters: Parameters, name: str | None = None) -> None:
    """Refuse a core whose files would not work.

    Raises
    ------
    ValueError
        If the design has no C driver and the bus calls for one, or a C header has the name.
    """
    if not isinstance(parameters, Wrapper):
        return
    multiplies = isinstance(parameters.core, MatrixDesign)
    if multiplies and parameters.has_driver and not parameters.options().get("walk"):
        find_section(parameters.design())
    if name is not None and name.lower() in _HEADERS.split():
        raise ValueError(
            f"Top-level name must not be that of a C header, as {name!r} is: the core's header "
            f"{name}.h would hide it"
        )


def collateral(manifest: Manifest, clock: float | None = None) -> dict[str, str]:
    """The files that go with a design, by name; all follow from its manifest.

    They are constraints, a testbench, and files for FuseSoC, Vivado and LiteX; for a core with
    registers also a C header and the register map, and for one behind AXI a C driver. ``clock`` is
    that of :func:`.out_of_context`.

    Raises
    ------
    ValueError
        If the design has no C driver.
    """
    top, bus = manifest.top, manifest.bus
    constraints = out_of_context(manifest, clock)
    files = {f"{top}.{ending}": text for ending, text in constraints.items()}
    writers = [verilog_bench, fusesoc, vivado, litex]
    if bus:
        files[f"{top}.h"] = header(manifest)
        writers.append(documents)
        multiplies = issubclass(registry.design(manifest.design), MatrixDesign)
        has_driver = multiplies and WRAPPERS[manifest.wrapper].has_driver and "walk" not in bus
        writers += [driver] if has_driver else []
    for write_files in writers:
        files |= write_files(manifest)
    return files


def write(emission: Emission, clock: float | None = None, ci_host: str | None = None) -> list[Path]:
    """Writes the files beside the Verilog, see :func:`collateral`; returns their paths.

    ``clock`` is the frequency in MHz that the constraints ask for, see :func:`.out_of_context`;
    ``ci_host`` adds a pipeline for a host, see :func:`.ci`.
    """
    manifest = Manifest.read(emission.manifest)
    texts = collateral(manifest, clock) | (ci(manifest, ci_host) if ci_host else {})
    files = {emission.folder / name: text for name, text in texts.items()}
    for path, text in files.items():
        write_whole(path, text)
    return list(files)
