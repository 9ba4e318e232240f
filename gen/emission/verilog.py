"""Emission of units as Verilog, one module for each distinct unit."""

import re
from typing import NamedTuple

from amaranth.hdl import ClockSignal, Instance, ResetSignal
from amaranth.lib.wiring import In

from ...sim import scratch
from ..lib import yosys
from . import amaranth_internals

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
    # Amaranth names every port of every instance; wires that only rename others are left out.
    "opt_clean -purge",
    "opt_dff",
    # No bit is undefined: simulators and synthesis would choose differently.
    "setundef -zero",
    "opt_clean -purge",
    *(
        " ".join(["attrmap", scope, *(f"-remove {name}" for name in amaranth_internals.ATTRIBUTES)])
        for scope in ("", "-modattr")
    ),
]


# In RTLIL, the name of the module itself, 0, or of one of the units inside, from 1 on.
_NUMBERED = "brickwork_module_{}"
_NUMBER = re.compile(_NUMBERED.format(r"(\d+)"))


class _Converted(NamedTuple):
    """A unit's RTLIL with numbers for names, its clock ports, and the units inside."""

    text: str
    clock_ports: set[str]
    inside: list


class Modules:
    """Converts units to RTLIL; equal units become one module.

    Passed to Amaranth as the platform: a unit that is elaborated asks it to be instantiated.

    Parameters
    ----------
    top : str
        Name of the top-level module; the others' names begin with it, so that two designs with
        different names can be used in one project.
    known : dict
        Conversions by the keys of units: those of an earlier design serve again, new ones are
        added.

    Attributes
    ----------
    units : dict
        Module name to unit, in the order in which the modules are complete: leaves first.
    """

    def __init__(self, top, known):
        self.top = top
        self.units = {}
        self.rtlil = []
        self._known = known
        self._names = {}
        # Numbers of the units inside each module that is being converted, the innermost last.
        self._numbers = []

    def instantiate(self, unit):
        """An instance of the unit's module, which is converted for the first instance."""
        numbers = self._numbers[-1]
        number, _ = numbers.setdefault(unit.key, (len(numbers) + 1, unit))
        self._convert_once(unit)
        clocks = {"clk": ClockSignal(unit.domain), "rst": ResetSignal(unit.domain)}
        ports = {f"i_{port}": clocks[port] for port in self._known[unit.key].clock_ports}
        for port, value, flow, _ in unit.ports():
            ports[f"{'i' if flow == In else 'o'}_{port}"] = value
        return Instance(_NUMBERED.format(number), **ports)

    def _convert_once(self, unit):
        if unit.key not in self._names:
            self.convert(unit, self._new_name(unit))

    def _new_name(self, unit):
        name = first = f"{self.top}_{unit.name}"
        number = 1
        while name in self._names.values():
            number += 1
            name = f"{first}_{number}"
        return name

    def convert(self, unit, name):
        """Convert the unit to a module of the given name, and before it all of its components."""
        self._names[unit.key] = name
        if unit.key in self._known:
            for each in self._known[unit.key].inside:
                self._convert_once(each)
        else:
            self._numbers.append({})
            converted = amaranth_internals.convert_module(unit, _NUMBERED.format(0), self)
            inside = [each for _, each in self._numbers.pop().values()]
            self._known[unit.key] = _Converted(*converted, inside)
        text, _, inside = self._known[unit.key]
        names = [name, *(self._names[each.key] for each in inside)]
        self.rtlil.append(_NUMBER.sub(lambda match: names[int(match[1])], text))
        self.units[name] = unit


def _write_verilog(texts, commands):
    with scratch.folder() as folder:
        (folder / "design.il").write_text("\n".join(texts), "utf-8")
        yosys.run(["read_rtlil design.il", *commands], cwd=folder, temporary=folder)
        return (folder / "design.v").read_text("utf-8")


def convert_shared(unit, name, known=None):
    """The unit and its components as Verilog, each distinct unit once.

    ``known`` are earlier conversions: see :class:`Modules`.

    Returns
    -------
    (str, dict)
        The text, and the unit of each module, leaves first.
    """
    modules = Modules(name, {} if known is None else known)
    modules.convert(unit, name)
    return _write_verilog(modules.rtlil, [*_CLEAN, "write_verilog design.v"]), modules.units


def convert_plain(unit, name):
    """The same unit as Verilog as Amaranth itself does it, with a module for each instance.

    A reference for comparisons: without the structure and the clean-up of :func:`convert_shared`.
    """
    text = amaranth_internals.convert_hierarchy(unit, name)
    commands = ["proc -nomux -norom", "memory_collect", "write_verilog -norename design.v"]
    return _write_verilog([text], commands)
