"""Synthesis with yosys: the area that Verilog takes, in gates or in cells of a library."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import yosys

__all__ = ["Area", "area", "check_liberty"]

#: The parts of one of yosys' transistor counts (``stat -tech cmos``): it takes 4 for a two-input
#: NAND, in units of which gates are counted, and 16 for a D flip-flop. In standard cell libraries a
#: flip-flop takes the area of 4 to 6 NAND gates too.
_NAND_TRANSISTORS = 4
_FLIP_FLOP_TRANSISTORS = 16

_GENERIC = [
    # Plain flip-flops alone: enables and resets are gates before them.
    "dfflegalize -cell $_DFF_P_ 01",
    "abc -g cmos",
    "opt_clean",
    "tee -q -o area.json stat -json -tech cmos",
]
_LIBRARY = [
    "dfflibmap -liberty cells.lib",
    "abc -liberty cells.lib",
    "opt_clean",
    "tee -q -o area.json stat -json -liberty cells.lib",
]

# What every library must have cells for.
_TRIAL = """
module trial(input clk, input rst, input a, input b, output reg y);
  always @(posedge clk) y <= rst ? 1'b0 : a ^ b;
endmodule
"""


@dataclass(frozen=True, kw_only=True)
class Area:
    """The area of a module with everything in it.

    Attributes
    ----------
    total, flip_flops : float
        Of all cells, and of the flip-flops among them: in two-input NAND gates, or in the
        library's units, which are µm² as a rule.
    cells : dict
        Name of each kind of cell to their number.
    """

    total: float
    flip_flops: float
    cells: dict[str, int]

    @property
    def logic(self) -> float:
        return self.total - self.flip_flops


def area(verilog: Path, top: str, liberty: Path | None = None, options: str = "") -> Area:
    """Synthesize a module without hierarchy, and measure it.

    Yosys runs ``read_verilog`` and ``synth -flatten <options> -top <top>``, then

    * without a library ``dfflegalize -cell $_DFF_P_ 01; abc -g cmos; opt_clean; stat -tech cmos``.
      There are D flip-flops, inverters, NAND, NOR, AND-OR-invert, OR-AND-invert, XOR, XNOR and
      multiplexers; areas are yosys' numbers of transistors, by the 4 of a two-input NAND gate.
    * with a library ``dfflibmap; abc; opt_clean; stat``, each with ``-liberty <file>``; areas are
      sums of the cells' areas.

    There is neither a clock period nor wiring in it. Equal Verilog gives equal areas; the same
    logic with other names can take a per cent or two more or less, as ABC finds it.

    Parameters
    ----------
    verilog : Path
    top : str
        Name of the module.
    liberty : Path or None
        Liberty file of a library of cells.
    options : str
        More options of ``synth``, ``"-booth"`` for example.

    Raises
    ------
    YosysError
        If yosys refuses the Verilog or an option, or the library lacks what it takes.
    """
    with tempfile.TemporaryDirectory(prefix="brickwork-") as place:
        folder = Path(place)
        (folder / "design.v").symlink_to(Path(verilog).absolute())
        if liberty is not None:
            (folder / "cells.lib").symlink_to(Path(liberty).absolute())
        synth = f"synth -flatten {options} -top {top}"
        commands = ["read_verilog design.v", synth, "delete t:$scopeinfo"]
        commands += _GENERIC if liberty is None else _LIBRARY
        yosys.run(commands, cwd=folder, temporary=folder)
        found = json.loads((folder / "area.json").read_text("utf-8"))["design"]
    cells = found.get("num_cells_by_type", {})
    if liberty is not None:
        total, flip_flops = found.get("area", 0.0), found.get("sequential_area", 0.0)
        return Area(total=total, flip_flops=flip_flops, cells=cells)
    total = int(found["estimated_num_transistors"]) / _NAND_TRANSISTORS
    flip_flops = cells.get("$_DFF_P_", 0) * _FLIP_FLOP_TRANSISTORS / _NAND_TRANSISTORS
    return Area(total=total, flip_flops=flip_flops, cells=cells)


def check_liberty(path: Path) -> None:
    """Check that :func:`area` can use a Liberty file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no Liberty file, or lacks gates, flip-flops or areas.
    """
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"Liberty file cannot be read: {path}: {reason}") from None
    wanted = f"Liberty file must have gates and a flip-flop with areas, which {str(path)!r} has not"
    with tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
        trial = Path(folder, "trial.v")
        trial.write_text(_TRIAL, "utf-8")
        try:
            found = area(trial, "trial", path)
        except yosys.YosysError as error:
            raise ValueError(f"{wanted}; yosys says {str(error).strip()!r}") from None
    if not (found.flip_flops > 0 and found.logic > 0):
        raise ValueError(wanted)
