"""A SoC of LiteX around a core, without a CPU: ``python litex_soc.py FOLDER TOP``.

Its bus can be driven by pins. Its Verilog goes to ``soc.v`` in the current folder.
"""

import importlib
import inspect
import sys

from litex.build.generic_platform import GenericPlatform, Pins, Subsignal
from litex.gen import LiteXModule
from litex.soc.integration.soc import SoCRegion
from litex.soc.integration.soc_core import SoCMini
from litex.soc.interconnect import wishbone
from migen import ClockDomain

ORIGIN, RAM = 0x9000_0000, 0x4000_0000


class Clocks(LiteXModule):
    def __init__(self, platform):
        self.cd_sys = ClockDomain()
        self.comb += self.cd_sys.clk.eq(platform.request("clk"))
        self.comb += self.cd_sys.rst.eq(platform.request("rst"))


class Soc(SoCMini):
    def __init__(self, platform, module):
        self.crg = Clocks(platform)
        super().__init__(platform, clk_freq=25_000_000, with_timer=False)
        pins = wishbone.Interface()
        self.bus.add_master("pins", pins)
        self.comb += pins.connect_to_pads(platform.request("bus"), mode="slave")
        pads = {"pads": platform.request("serial")} if takes_pads(module) else {}
        self.core = module(platform, **pads)
        if hasattr(self.core, "control"):
            region = SoCRegion(origin=ORIGIN, size=0x1000, cached=False)
            self.bus.add_slave("core", self.core.control, region)
        if hasattr(self.core, "memory"):
            self.add_ram("ram", origin=RAM, size=0x1000)
            self.bus.add_master("core", self.core.memory)


def takes_pads(module):
    return "pads" in inspect.signature(module.__init__).parameters


def main(folder, top):
    sys.path.insert(0, folder)
    module = importlib.import_module(f"{top}_litex")
    name = next(name for name in vars(module) if name.lower() == top.replace("_", ""))
    serial = ("serial", 0, Subsignal("rx", Pins(1)), Subsignal("tx", Pins(1)))
    pins = [("clk", 0, Pins(1)), ("rst", 0, Pins(1)), serial]
    pins += wishbone.Interface().get_ios("bus")
    platform = GenericPlatform("none", pins, name="soc")
    soc = Soc(platform, getattr(module, name))
    soc.finalize()
    platform.get_verilog(soc, name="soc").write("soc.v")
    print("sources:", *(source[0] for source in platform.sources))


main(*sys.argv[1:])
