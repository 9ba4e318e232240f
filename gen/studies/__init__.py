"""Studies: our numbers beside other tools' in the same run, and beside those of papers.

A study is a module of this package with an object ``STUDY``, a :class:`.study.Study`, and an entry
in :data:`ENTRIES`. Nothing here takes time to import, so that help comes at once;
:meth:`Entry.load` imports a study.
"""

import importlib
from typing import TYPE_CHECKING, NamedTuple

from ..commands.arguments import integer, integers, number, path
from ..lib.errors import UsageError
from ..lib.extras import require

if TYPE_CHECKING:
    from .study import Study

__all__ = ["ENTRIES", "OPTIONS", "Entry"]


class Entry(NamedTuple):
    """A study as the command line knows it: its module, and names of its :data:`OPTIONS`.

    ``digits`` says that the study trains the network of handwritten digits.
    """

    name: str
    summary: str
    options: tuple[str, ...] = ()
    digits: bool = False

    def load(self) -> "Study":
        """The study; imports its module, and with it Amaranth and numpy."""
        with require("Plots of studies"):
            study = importlib.import_module(f".{self.name}", __package__).STUDY
        with require("Handwritten digits"):
            if self.digits:
                importlib.import_module("sklearn")
        return study


#: The studies, in the order in which they run and are printed.
ENTRIES = (
    Entry("cycles", "Cycles in RTL, and SCALE-Sim's (the index of its last cycle)"),
    Entry("emission", "Emission of gemm_ws"),
    Entry("simulation", "Simulation of gemm_ws under cocotb, builds with a warm runtime"),
    Entry("quality", "Quality of the number formats", ("design",), digits=True),
    Entry("area", "Area of PEs and decoders", ("liberty",)),
    Entry("bitfusion", "BitFusion: areas, throughput and networks", ("large", "liberty")),
    Entry("floats", "Floats and scales: areas of PEs and scale stages, use", ("liberty",)),
    Entry("nm", "N:M sparsity: areas of PEs, and cycles of networks", ("liberty",)),
    Entry("nm_digits", "The digits network pruned to N:M patterns, on gemm_nm", digits=True),
    Entry("binary", "Products of one bit: areas of PEs, and cycles in RTL", ("liberty",)),
    Entry("blocks", "Block-sparse weights: cycles over densities in RTL, and sizes of blocks"),
    Entry("mixed", "The digits network with a width for each layer", ("budget",), digits=True),
    Entry(
        *("eie", "The nine layers of EIE's paper in RTL; cycles of the paper at 800 MHz"),
        ("quick", "liberty"),
    ),
    Entry(
        *("eie_digits", "The digits network, pruned, on the sparse engine, and dense on gemm_ws"),
        digits=True,
    ),
    Entry("eie_scaling", "The sparse engine over depths of queues and numbers of PEs, in RTL"),
    Entry("eie_area", "Area of the sparse engine's PE beside that of EIE's paper", ("liberty",)),
    Entry("bus", "Throughput of the cores behind a bus, in RTL"),
    Entry("walk", "Block-sparse weights behind AXI4, from their index and as listed tiles, in RTL"),
    Entry(
        *("speed", "Speed of simulation of gemm_ws; ratios to the compiled driver"),
        ("sizes", "runs", "large"),
    ),
)

#: What ``quality`` can run on.
_DENSE = ("gemm_ws", "gemm_os")


def _dense(text):
    if text not in _DENSE:
        raise UsageError(f"Design must be one of {', '.join(_DENSE)}, not {text!r}")
    return text


#: Name of an option to the arguments of ``add_argument``; several studies may share an option.
OPTIONS = {
    "sizes": {
        "metavar": "R,R,...",
        "type": integers("Size", 1, 1024),
        "default": [8, 16, 32, 64],
        "help": "rows and columns of the arrays (default: 8,16,32,64)",
    },
    "runs": {
        "metavar": "N",
        "type": integer("Number of runs", 1, 99),
        "default": 3,
        "help": "runs of each simulator, whose median counts (default: 3)",
    },
    "large": {
        "action": "store_true",
        "help": "bitfusion: throughput with larger products; speed: an array of 256 × 256 too",
    },
    "quick": {
        "action": "store_true",
        "help": "layers and engines of a sixteenth of the size",
    },
    "design": {
        "metavar": "DESIGN",
        "type": _dense,
        "default": "gemm_ws",
        "help": f"the engine of the digits network: {' or '.join(_DENSE)} (default: gemm_ws)",
    },
    "budget": {
        "metavar": "POINTS",
        "type": number("Budget", 0, 100),
        "default": 1.0,
        "help": "percentage points of accuracy on the training images that narrower numbers may "
        "cost (default: 1.0)",
    },
    "liberty": {
        "metavar": "FILE",
        "type": path("Liberty file"),
        "help": "map to the cells of this Liberty file (default: count gates)",
    },
}
