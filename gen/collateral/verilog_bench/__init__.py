"""A self-checking testbench in Verilog-2001, for any simulator, and the files that it reads."""

from ....sim.manifest import Manifest
from ..vectors import vectors
from .axi import AxiBench
from .axis import AxisBench
from .bench import Bench
from .stream import StreamBench
from .uart import UartBench

__all__ = ["verilog_bench"]

#: Bus wrapper to its testbench; ``stream`` is a core without one.
_BENCHES: dict[str, type[Bench]] = {
    "stream": StreamBench,
    "axis": AxisBench,
    "axi": AxiBench,
    "uart": UartBench,
}


def verilog_bench(manifest: Manifest) -> dict[str, str]:
    """A testbench ``<top>_tb.v``, and ``<top>_tb_*.hex`` for its ``$readmemh``.

    It runs a small job twice, the first time with pauses on all channels, and compares the outputs
    with the golden model's results. Behind a bus it checks registers, too. It prints ``PASS`` and
    ends with ``$finish``, or it prints ``FAIL`` and ends with an error status; simulators without
    an error status end with ``$stop``.

    Returns
    -------
    dict
        File name to text. Empty if no job fits into the wrapper's addresses or the core's memories.
    """
    job = vectors(manifest)
    if job is None:
        return {}
    bench = _BENCHES[manifest.wrapper](manifest, job)
    return bench.files() if bench.fits else {}
