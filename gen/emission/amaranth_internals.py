"""All that emission knows of Amaranth's internals: its fragments, and the RTLIL that it writes.

Amaranth 0.5 has no public way to convert a design into one module for each distinct component. So
this module takes fragments apart and edits RTLIL as text. ``tests/emission/
test_amaranth_internals.py`` has a test for each assumption about Amaranth.
"""

import re

from amaranth.back import rtlil
from amaranth.hdl import Fragment, Instance
from amaranth.hdl._ir import PortDirection
from amaranth.lib.wiring import In

__all__ = ["ATTRIBUTES", "convert_hierarchy", "convert_module"]

#: Attributes that Amaranth gives to cells, wires and modules in RTLIL, none of use in Verilog.
ATTRIBUTES = ("generator", "src", "top", "amaranth.hierarchy", "amaranth.decoding")

#: Names of the ports that clock domains have, in the order in which they come first.
_CLOCK_PORTS = ("clk", "rst")

# The end of a port's declaration, `wire width 8 input 3 \name`.
_PORT = re.compile(r"(?<= )(input|output) \d+ +\\(\w+)$", re.MULTILINE)
# Each field of a structured signal has a wire of its own, for waveform viewers.
_FIELD = re.compile(r"^ *(wire .*|connect) \\[^\s.\[]+[.\[]\S*( .*)?\n", re.MULTILINE)


def convert_module(unit, name: str, platform) -> tuple[str, set[str]]:
    """RTLIL of a unit whose components ``platform`` instantiates.

    Parameters
    ----------
    unit : Unit
    name : str
        Name of the module.
    platform
        Passed to ``elaborate`` of all components; see :class:`verilog.Modules`.

    Returns
    -------
    (str, set of str)
        The text: the module, and those of components of Amaranth's own library in it. And the
        ports among ``clk`` and ``rst`` that the module has.
    """
    fragment = Fragment.get(unit.build(), platform)
    _name_instance_ports(fragment)
    ports = _ports(unit)
    for port, (value, _) in ports.items():
        value.name = port
    text, _ = rtlil.convert_fragment(fragment, ports, name, emit_src=False)
    text, names = _number_ports(text, [*_CLOCK_PORTS, *ports])
    # Components of Amaranth's library become modules `name.part`, which needs escaped names.
    text = re.sub(rf"\\{name}(\.\w+)+", lambda match: match[0].replace(".", "_"), text)
    return _FIELD.sub("", text), names & {*_CLOCK_PORTS}


def convert_hierarchy(unit, name: str) -> str:
    """RTLIL of a unit and all its components, as Amaranth itself writes it."""
    return rtlil.convert(unit, name, ports=_ports(unit), emit_src=False)


def _ports(unit):
    """Port name to signal and direction."""
    return {
        port: (value, PortDirection.Input if flow == In else PortDirection.Output)
        for port, value, flow, _ in unit.ports()
    }


def _name_instance_ports(fragment):
    """Name the signals at instances after instance and port, not after the port alone."""
    for child, child_name, _ in fragment.subfragments:
        if isinstance(child, Instance):
            for port, (value, _) in child.ports.items():
                if port not in _CLOCK_PORTS:
                    value.name = f"{child_name}_{port}"


def _number_ports(text, order):
    """Number the ports in this order, and after them others; returns their names, too.

    Amaranth numbers ports as they come to be used; people look for the clock first.
    """
    numbers = {port: number for number, port in enumerate(order, 1)}
    names = set()

    def number(match):
        direction, name = match.groups()
        names.add(name)
        return f"{direction} {numbers.setdefault(name, len(numbers) + 1)} \\{name}"

    return _PORT.sub(number, text), names
