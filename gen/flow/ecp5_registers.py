"""Registers into the DSP blocks and block RAM of the ECP5, which have some of their own."""

from collections import defaultdict
from typing import NamedTuple

__all__ = ["absorb_registers"]


class _Register(NamedTuple):
    """A flip-flop without reset, its nets, and the constant ``"1"`` or a net that enables it."""

    name: str
    d: int
    q: int
    clock: int
    enable: int | str


def absorb_registers(module: dict) -> dict[str, int]:
    """Move registers next to DSP blocks and block RAM into them; yosys maps neither.

    A register inside a block is faster than one beside it, which is reached by wiring, and is
    free. Registers without reset and without enable move

    * if they alone take all bits of a product;
    * if they hold a factor. Those with other readers stay beside the block for these, too.
    * if they alone take the output of a block RAM.

    Parameters
    ----------
    module : dict
        A flat netlist of ECP5 cells as yosys writes it in JSON; it is changed.

    Returns
    -------
    dict
        Numbers of ``products``, ``factors`` and ``memories`` whose registers are inside now, and
        of ``flip_flops`` removed.
    """
    return _Absorber(module).run()


class _Absorber:
    def __init__(self, module):
        self._cells = module["cells"]
        self._port_bits = {bit for port in module["ports"].values() for bit in port["bits"]}
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
            # A factor that is extended to 18 bits has its sign several times.
            registers = [self._register(self._drivers.get(_bit(cell, port))) for port in ports]
            if None in registers or {register.enable for register in registers} != {"1"}:
                continue
            clocks = {register.clock for register in registers} | ({clock} - {None})
            if len(clocks) > 1:
                continue
            clock = clocks.pop()
            counts["factors"] += 1
            for port, register in zip(ports, registers, strict=True):
                cell["connections"][port] = [register.d]
            _set_register(cell, f"INPUT{side}", clock)

    def _memory(self, cell):
        if cell["connections"]["CLKA"] != cell["connections"]["CLKB"]:
            return False
        outputs = [port for port, flow in cell["port_directions"].items() if flow == "output"]
        if self._absorb(cell, outputs, _bit(cell, "CLKA")) is None:
            return False
        for port in "AB":
            cell["parameters"][f"REGMODE_{port}"] = "OUTREG"
            _connect(cell, f"OCE{port}", "1")
        return True

    def _absorb(self, cell, outputs, clock=None):
        """Move the registers that alone take the outputs into the cell; returns their clock.

        None if the outputs have other readers, or the registers another clock than ``clock``.
        """
        registers = {}
        for port in outputs:
            readers = self._readers[_bit(cell, port)]
            if not readers and _bit(cell, port) not in self._port_bits:
                continue
            register = self._register(next(iter(readers))[0]) if len(readers) == 1 else None
            if register is None or register.enable != "1" or _bit(cell, port) in self._port_bits:
                return None
            registers[port] = register
        clocks = {register.clock for register in registers.values()} | ({clock} - {None})
        if not registers or len(clocks) > 1:
            return None
        for port, register in registers.items():
            cell["connections"][port] = [register.q]
            del self._cells[register.name]
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
            read = set(self._port_bits)
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


def _set_register(cell, register, clock):
    cell["parameters"] |= {
        f"REG_{register}_CLK": "CLK0",
        f"REG_{register}_CE": "CE0",
        f"REG_{register}_RST": "RST0",
    }
    for port, bit in (("CLK0", clock), ("CE0", "1"), ("RST0", "0")):
        _connect(cell, port, bit)
