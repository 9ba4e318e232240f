"""Logic cells of the iCE40, counted before placement."""

import re
from collections import Counter
from collections.abc import Iterable

__all__ = ["logic_cells"]


def logic_cells(cells: Iterable[dict]) -> int:
    """Logic cells of a netlist: each is a LUT, the carry that adds its inputs, and a flip-flop.

    A signal enters a carry chain by a cell of its own. The count is within a per cent of what
    nextpnr packs, which has more cells at some ends of the chains.

    Parameters
    ----------
    cells : iterable of dict
        The cells of a flat netlist as yosys writes them in JSON.
    """
    cells = list(cells)
    readers = Counter(
        bit
        for cell in cells
        for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "input"
        for bit in bits
    )
    by_type = {"SB_LUT4": [], "SB_CARRY": [], "SB_DFF": []}
    for cell in cells:
        type_ = re.sub(r"^(SB_DFF).*", r"\1", cell["type"])
        if type_ in by_type:
            by_type[type_].append({port: bits[0] for port, bits in cell["connections"].items()})
    luts, carries, registers = by_type.values()
    with_register = {lut["O"] for lut in luts if readers[lut["O"]] == 1}
    adding = {(lut["I1"], lut["I2"]) for lut in luts}
    inner = {"0", "1"} | {carry["CO"] for carry in carries}
    return (
        len(luts)
        + sum(register["D"] not in with_register for register in registers)
        + sum((carry["I0"], carry["I1"]) not in adding for carry in carries)
        + sum(carry["CI"] not in inner for carry in carries)
    )
