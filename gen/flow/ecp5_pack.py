"""Registers into the DSP blocks and block RAM of the ECP5, which have some of their own."""

from collections import defaultdict
from typing import NamedTuple

__all__ = ["pack"]


class _Register(NamedTuple):
    """A flip-flop without reset, its nets, and the constant ``"1"`` or a net that enables it."""

    name: str
    d: int
    q: int
    clock: int
    enable: int | str


def pack(module: dict) -> dict[str, int]:
    """Moves registers next to DSP blocks and block RAM into them; yosys maps neither.

    Such a register is faster than one beside the block, to and from which there is wiring, and
    costs nothing. Moved are registers without reset and without enable

    * that take whole products, and nothing else takes these;
    * that hold a factor. If others read them too, they stay beside for these.
    * that take what a block RAM gives, and nothing else takes that.

    Parameters
    ----------
    module : dict
        A flat netlist of ECP5 cells as yosys writes it in JSON; it is changed.

    Returns
    -------
    dict
        How many products, factors and memories have their registers inside now, and how many
        flip-flops are gone.
    """
    return _Packer(module).run()


class _Packer:
    def __init__(self, module):
        self._cells = module["cells"]
        self._kept = {bit for port in module["ports"].values() for bit in port["bits"]}
        self._drivers, self._readers = {}, defaultdict(set)
        for name, cell in self._cells.items():
            for port, bits in cell["connections"].items():
                for bit in bits:
                    if cell["port_directions"][port] == "output":
                        self._drivers[bit] = name
                    else:
                        self._readers[bit].add((name, port))

    def run(self):
        before = len(self._cells)
        counts = {"products": 0, "factors": 0, "memories": 0}
        for cell in list(self._cells.values()):
            if cell["type"] == "MULT18X18D":
                self._multiplier(cell, counts)
            elif cell["type"] == "DP16KD":
                counts["memories"] += self._memory(cell)
        self._sweep()
        return counts | {"flip_flops": before - len(self._cells)}

    def _multiplier(self, cell, counts):
        clock = self._absorb(cell, [f"P{n}" for n in range(36)])
        if clock is not None:
            counts["products"] += 1
            _set_register(cell, "OUTPUT", clock)
        for side in "AB":
            ports = [f"{side}{n}" for n in range(18)]
            found = [self._register(self._drivers.get(_bit(cell, port))) for port in ports]
            # What is extended to 18 bits has its sign several times.
            if None in found or {one.enable for one in found} != {"1"}:
                continue
            clocks = {one.clock for one in found} | ({clock} - {None})
            if len(clocks) > 1:
                continue
            clock = clocks.pop()
            counts["factors"] += 1
            for port, one in zip(ports, found, strict=True):
                cell["connections"][port] = [one.d]
            _set_register(cell, f"INPUT{side}", clock)

    def _memory(self, cell):
        if cell["connections"]["CLKA"] != cell["connections"]["CLKB"]:
            return False
        outputs = [name for name, way in cell["port_directions"].items() if way == "output"]
        if self._absorb(cell, outputs, _bit(cell, "CLKA")) is None:
            return False
        for port in "AB":
            cell["parameters"][f"REGMODE_{port}"] = "OUTREG"
            _connect(cell, f"OCE{port}", "1")
        return True

    def _absorb(self, cell, outputs, clock=None):
        """Put the outputs past the registers that alone take them; returns these' clock.

        Or None, if these are not such registers, or have another clock than is wanted.
        """
        found = {}
        for port in outputs:
            readers = self._readers[_bit(cell, port)]
            if not readers and _bit(cell, port) not in self._kept:
                continue
            one = self._register(next(iter(readers))[0]) if len(readers) == 1 else None
            if one is None or one.enable != "1" or _bit(cell, port) in self._kept:
                return None
            found[port] = one
        clocks = {one.clock for one in found.values()} | ({clock} - {None})
        if not found or len(clocks) > 1:
            return None
        for port, one in found.items():
            cell["connections"][port] = [one.q]
            del self._cells[one.name]
        return clocks.pop()

    def _register(self, name):
        cell = self._cells.get(name, {"type": None})
        if cell["type"] != "TRELLIS_FF":
            return None
        settings = {key: value.strip() for key, value in cell["parameters"].items()}
        if settings["CLKMUX"] != "CLK" or _bit(cell, "LSR") != "0":
            return None
        enable = "1" if settings["CEMUX"] == "1" else _bit(cell, "CE")
        return _Register(name, _bit(cell, "DI"), _bit(cell, "Q"), _bit(cell, "CLK"), enable)

    def _sweep(self):
        """Remove flip-flops that nothing reads any more."""
        while True:
            read = set(self._kept)
            for cell in self._cells.values():
                for port, bits in cell["connections"].items():
                    if cell["port_directions"][port] != "output":
                        read.update(bits)
            unread = [
                name
                for name, cell in self._cells.items()
                if cell["type"] == "TRELLIS_FF" and _bit(cell, "Q") not in read
            ]
            if not unread:
                return
            for name in unread:
                del self._cells[name]


def _bit(cell, port):
    (bit,) = cell["connections"][port]
    return bit


def _connect(cell, port, bit):
    cell["connections"][port] = [bit]
    cell["port_directions"][port] = "input"


def _set_register(cell, which, clock):
    cell["parameters"] |= {
        f"REG_{which}_CLK": "CLK0",
        f"REG_{which}_CE": "CE0",
        f"REG_{which}_RST": "RST0",
    }
    for port, bit in (("CLK0", clock), ("CE0", "1"), ("RST0", "0")):
        _connect(cell, port, bit)
