"""Testbench of a core behind AXI4, with a memory."""

import numpy as np

from ....sim.host.packing import integers
from .axi_lite import AxiLiteBench
from .text import instance, slots

__all__ = ["AxiBench"]

#: Outputs of the core that the memory ignores.
_IGNORED = ("lock", "cache", "prot", "qos")


class AxiBench(AxiLiteBench):
    """A memory, in which the streams' words follow each other."""

    modules = ("rules", "registers", "memory")

    def __init__(self, manifest, job):
        super().__init__(manifest, job)
        size = self.bus["data_width"] // 8
        # A beat before each stream, and after the last one, shows writes beside the results.
        self.offsets, self.size = {}, size
        for name, words in self.words.items():
            self.offsets[name] = self.size
            self.size += -(-len(words) * self.layouts[name]["stride"] // size) * size + size
        # The job lies across the middle of all addresses, and so across a 4 KB boundary, if any.
        space = 1 << self.bus["address_width"]
        self.base = space // 2 - self.size // (2 * size) * size
        self.fits = self.size <= space

    def surroundings(self):
        memory, width = self.bus["memory"]["interface"], self.bus["data_width"]
        widths = {port["name"]: port["width"] for port in self.manifest.ports}
        signals = [name for name in widths if name.startswith(f"{memory}_")]
        parameters = {
            "DATA": width,
            "ADDRESS": self.bus["address_width"],
            "ID": widths[f"{memory}_awid"],
            "WORDS": self.size * 8 // width,
            "BASE": f"{self.bus['address_width']}'h{self.base:x}",
            "BEFORE": self.file("before", self._image(results=False), width),
            "AFTER": self.file("after", self._image(results=True), width),
        }
        ports = {"clk": self.clock, "run": "run", "pauses": "pauses"}
        ports |= {
            name.removeprefix(f"{memory}_"): name for name in signals if not name.endswith(_IGNORED)
        }
        ports["failed"] = "memory_failed"
        self.done.append(self.bus["interrupt"])
        self.failed.append("memory_failed")
        outputs = ("awvalid", "wvalid", "bready", "arvalid", "rready")
        self.controls += [f"{memory}_{name}" for name in outputs]
        return [
            *super().surroundings(),
            "",
            "wire memory_failed;",
            *instance(f"{self.name}_memory", "memory", ports, parameters),
        ]

    def _image(self, results):
        """The memory, with or without the results."""
        image = np.full(self.size, 0xA5, np.uint8)
        for name, words in self.words.items():
            if name != "results" or results:
                data = slots(words, self.layouts[name]["stride"]).ravel()
                image[self.offsets[name] : self.offsets[name] + data.size] = data
        return integers(image.reshape(-1, self.bus["data_width"] // 8))

    def before_job(self):
        lines = ["memory.load;"]
        for name, words in self.words.items():
            address = self.base + self.offsets[name]
            values = {
                f"ADDRESS_LOW_{name.upper()}": address & 0xFFFF_FFFF,
                f"ADDRESS_HIGH_{name.upper()}": address >> 32,
                f"COUNT_{name.upper()}": len(words),
            }
            for register, value in values.items():
                if self.bank[register]["access"] == "rw":
                    lines += [self.write(register, value), self.read(register, value)]
        lines += [self.write(name, value) for name, value in self.job.registers.items()]
        return [*lines, self.write("COMMAND", self.bank.mask("COMMAND", "start"))]

    def after_job(self):
        return ["memory.check;", *super().after_job()]
