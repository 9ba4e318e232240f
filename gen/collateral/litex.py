"""A core as a module of LiteX."""

import re
from keyword import iskeyword

from ...sim.manifest import Manifest

__all__ = ["litex"]

_STREAM = '''\
"""TOP as a module of LiteX, made by Brickwork."""

from pathlib import Path

from litex.gen import LiteXModule
from litex.soc.interconnect import stream
from migen import ClockSignal, Instance, ResetSignal


class NAME(LiteXModule):
    """An endpoint for each stream, with a word in ``data``; clock domain ``sys``."""

    def __init__(self, platform):
'''

_AXI = '''\
"""TOP as a module of LiteX, made by Brickwork."""

from pathlib import Path

from litex.gen import LiteXModule
from litex.soc.interconnect import axi
from litex.soc.interconnect.csr_eventmanager import EventManager, EventSourceLevel
from migen import ClockSignal, Instance, ResetSignal


class NAME(LiteXModule):
    """Registers at ``control``, an interrupt at ``ev``, and
    BUS; clock domain ``sys``.

    In a SoC, the registers at an address of your choice::

        self.core = NAME(self.platform)
        region = SoCRegion(origin=0x9000_0000, size=SIZE, cached=False)
        self.bus.add_slave("core", self.core.control, region)
        self.irq.add("core", use_loc_if_exists=True)
USAGE    """

    def __init__(self, platform):
'''

_UART = '''\
"""TOP as a module of LiteX, made by Brickwork."""

from pathlib import Path

from litex.gen import LiteXModule
from migen import ClockSignal, Instance, Signal


class NAME(LiteXModule):
    """A core on a serial line: ``pads`` has ``rx`` and ``tx``; clock domain ``sys``.

    The clock has to have CLOCK Hz. ``led`` is high while the core is busy.
    """

    def __init__(self, platform, pads):
'''

_BUSES = {
    "axis": "an AXI4-Stream for each stream of words",
    "axi": "a master for the memory at ``memory``",
}
_USAGES = {
    "axis": "",
    "axi": '        self.bus.add_master("core", self.core.memory)\n',
}


def litex(manifest: Manifest) -> dict[str, str]:
    """``<top>_litex.py``, a ``LiteXModule`` around the Verilog, which has to be beside it.

    Streams become endpoints, AXI becomes the interfaces that LiteX has for it, and the line
    ``interrupt`` an event.

    Returns
    -------
    dict
        File name to text.
    """
    top, bus = manifest.top, manifest.bus
    kind = bus.get("top", "stream")
    head, members, ports = {"stream": _stream, "uart": _uart}.get(kind, _axi)(manifest, bus)
    name = "".join(part.capitalize() for part in top.split("_"))
    imported = re.findall(r"\w+", head.partition("class ")[0])
    if not name.isidentifier() or iskeyword(name) or name in imported:
        name = f"Core{name}"
    text = head.replace("TOP", top).replace("NAME", name)
    lines = [
        f'platform.add_source(str(Path(__file__).resolve().with_name("{top}.v")))',
        *members,
        "self.specials += Instance(",
        f'    "{top}",',
        *(f"    {port}={value}," for port, value in ports.items()),
        ")",
    ]
    return {f"{top}_litex.py": text + "".join(f"        {line}\n" for line in lines)}


def _stream(manifest, bus):
    members, ports = [], {"i_clk": 'ClockSignal("sys")', "i_rst": 'ResetSignal("sys")'}
    for name, port in manifest.streams.items():
        members.append(f'self.{name} = {name} = stream.Endpoint([("data", {port["width"]})])')
        enters, leaves = ("i", "o") if port["direction"] == "input" else ("o", "i")
        ports[f"{enters}_{port['payload']}"] = f"{name}.data"
        ports[f"{enters}_{port['valid']}"] = f"{name}.valid"
        ports[f"{leaves}_{port['ready']}"] = f"{name}.ready"
    return _STREAM, members, ports


def _uart(manifest, bus):
    ports = {
        "i_clk": 'ClockSignal("sys")',
        "i_uart_rx": "pads.rx",
        "o_uart_tx": "pads.tx",
        "o_led": "self.led",
    }
    return _UART.replace("CLOCK", f"{bus['clock_hz']:_}"), ["self.led = Signal()"], ports


def _axi(manifest, bus):
    control = bus["control"]["interface"]
    members = [
        "self.control = control = axi.AXILiteInterface(data_width=32, address_width=32)",
        "self.ev = EventManager()",
        "self.ev.core = EventSourceLevel()",
        "self.ev.finalize()",
    ]
    channels = {control: ("control", _channel)}
    if "memory" in bus:
        memory = bus["memory"]["interface"]
        ids = next(p["width"] for p in manifest.ports if p["name"] == f"{memory}_awid")
        members += [
            "self.memory = memory = axi.AXIInterface(",
            f"    data_width={bus['data_width']},",
            f"    address_width={bus['address_width']},",
            f"    id_width={ids},",
            ")",
        ]
        channels[memory] = ("memory", _channel)
    for name, port in bus["streams"].items():
        if "interface" in port:
            width = bus["data_width"]
            members.append(f"self.{name} = {name} = axi.AXIStreamInterface(data_width={width})")
            channels[port["interface"]] = (name, lambda signal: signal[1:])
    ports = {
        f"i_{bus['clock']}": 'ClockSignal("sys")',
        f"i_{bus['reset']}": '~ResetSignal("sys")',
        f"o_{bus['interrupt']}": "self.ev.core.trigger",
    }
    for port in manifest.ports:
        interface = next((key for key in channels if port["name"].startswith(f"{key}_")), None)
        if interface is None:
            continue
        attribute, signal = channels[interface]
        value = f"{attribute}.{signal(port['name'].removeprefix(f'{interface}_'))}"
        if value in ("control.aw.addr", "control.ar.addr"):
            # Of the bus's addresses; which of them are this core's, the bus looks at.
            value += f"[:{port['width']}]"
        ports[f"{port['direction'][0]}_{port['name']}"] = value
    head = _AXI.replace("BUS", _BUSES[bus["top"]]).replace("USAGE", _USAGES[bus["top"]])
    return head.replace("SIZE", f"0x{1 << bus['control']['address_width']:x}"), members, ports


def _channel(signal):
    """A signal of AXI, as ``awaddr``, in LiteX's channels."""
    channel = signal[:2] if signal[0] == "a" else signal[:1]
    return f"{channel}.{signal.removeprefix(channel)}"
