"""Emission of units as Verilog, one module for each distinct unit."""

import re
import tempfile
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Fragment, Instance, ResetSignal
from amaranth.hdl._ir import PortDirection
from amaranth.lib.wiring import In

from ..lib import yosys

__all__ = ["Modules", "convert_plain", "convert_shared"]

_CLEAN = [
    # The power-up values of data registers and memories would be most of the text; nothing looks
    # at data before a flag says that they are valid.
    "setattr -unset init a:brickwork_data",
    "setattr -unset brickwork_data a:brickwork_data",
    "delete t:$meminit t:$meminit_v2",
    # Registers with their resets and enables, and expressions, instead of processes.
    "proc -norom -noopt",
    # Parallel cases would be written as overlapping ones.
    "pmuxtree",
    "memory_collect",
    # Amaranth names every port of every instance; what only renames another wire is left out.
    "opt_clean -purge",
    "opt_dff",
    "opt_clean -purge",
    *(
        f"attrmap {kind} -remove generator -remove src -remove top "
        "-remove amaranth.hierarchy -remove amaranth.decoding"
        for kind in ("", "-modattr")
    ),
]


_PORT = re.compile(r"(?<= )(input|output) \d+ +\\(\w+)$", re.MULTILINE)
# Amaranth gives each field of a structured signal a wire of its own, for waveform viewers.
_FIELD = re.compile(r"^ *(wire .*|connect) \\[^\s.\[]+[.\[]\S*( .*)?\n", re.MULTILINE)


class Modules:
    """Converts units to RTLIL; equal units become one module.

    Passed to Amaranth as the platform: a unit that is elaborated asks it to be instantiated.

    Parameters
    ----------
    top : str
        Name of the top-level module; the others' names begin with it, so that two designs with
        different names can be used in one project.

    Attributes
    ----------
    units : dict
        Module name to unit, in the order in which the modules are complete: leaves first.
    """

    def __init__(self, top):
        self.top = top
        self.units = {}
        self.rtlil = []
        self._names = {}
        self._clocked = {}

    def instantiate(self, unit):
        """An instance of the unit's module, which is converted if it is the first of its kind."""
        if unit.key not in self._names:
            self.convert(unit, self._new_name(unit))
        name = self._names[unit.key]
        ports = {"i_clk": ClockSignal(unit.domain), "i_rst": ResetSignal(unit.domain)}
        ports = {port: value for port, value in ports.items() if port in self._clocked[name]}
        for port, value, flow, _ in unit.ports():
            ports[f"{'i' if flow == In else 'o'}_{port}"] = value
        return Instance(name, **ports)

    def _new_name(self, unit):
        name = first = f"{self.top}_{unit.name}"
        number = 1
        while name in self._names.values():
            number += 1
            name = f"{first}_{number}"
        return name

    def convert(self, unit, name):
        """Convert the unit to a module of the given name, and first all that it consists of."""
        self._names[unit.key] = name
        fragment = Fragment.get(unit.build(), self)
        for child, child_name, _ in fragment.subfragments:
            # Ports of instances are named after the instance, not after the port alone.
            if isinstance(child, Instance):
                for port, (value, _) in child.ports.items():
                    if port not in ("clk", "rst"):
                        value.name = f"{child_name}_{port}"
        ports = {}
        for port, value, flow, _ in unit.ports():
            value.name = port
            direction = PortDirection.Input if flow == In else PortDirection.Output
            ports[port] = (value, direction)
        text, _ = rtlil.convert_fragment(fragment, ports, name, emit_src=False)
        # Amaranth numbers ports as they come to be used; people look for the clock first.
        order = {port: index for index, port in enumerate(["clk", "rst", *ports], 1)}
        found = set()

        def number(match):
            found.add(match[2])
            return f"{match[1]} {order.setdefault(match[2], len(order) + 1)} \\{match[2]}"

        text = _PORT.sub(number, text)
        self._clocked[name] = {f"i_{port}" for port in found & {"clk", "rst"}}
        # Parts of Amaranth's library become modules `name.part`, which only escaped names allow.
        text = re.sub(rf"\\{name}(\.\w+)+", lambda m: m[0].replace(".", "_"), text)
        self.rtlil.append(_FIELD.sub("", text))
        self.units[name] = unit


def _write_verilog(texts, commands):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "design.il").write_text("\n".join(texts), "utf-8")
        yosys.run(["read_rtlil design.il", *commands], cwd=folder)
        return (Path(folder) / "design.v").read_text("utf-8")


def convert_shared(unit, name):
    """The unit and what it consists of as Verilog, each distinct unit once.

    Returns
    -------
    (str, dict)
        The text, and the unit of each module, leaves first.
    """
    modules = Modules(name)
    modules.convert(unit, name)
    return _write_verilog(modules.rtlil, [*_CLEAN, "write_verilog design.v"]), modules.units


def convert_plain(unit, name):
    """The same unit as Verilog as Amaranth itself does it, with a module for each instance.

    What to compare with: neither the structure nor the clean-up of :func:`convert_shared`.
    """
    ports = {
        port: (value, PortDirection.Input if flow == In else PortDirection.Output)
        for port, value, flow, _ in unit.ports()
    }
    text = rtlil.convert(unit, name, ports=ports, emit_src=False)
    commands = ["proc -nomux -norom", "memory_collect", "write_verilog -norename design.v"]
    return _write_verilog([text], commands)
