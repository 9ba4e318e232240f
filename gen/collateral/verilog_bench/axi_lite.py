"""The part of a testbench for cores with registers behind AXI4-Lite."""

from ..register_bank import RegisterBank
from .bench import Bench
from .text import instance

__all__ = ["AxiLiteBench"]


class AxiLiteBench(Bench):
    """Reads identity and events, and resets the core after each job."""

    clock, reset, active = "aclk", "aresetn", 0
    modules = ("rules", "streams", "registers")

    def __init__(self, manifest, job):
        super().__init__(manifest, job)
        self.bus = manifest.bus
        self.bank = RegisterBank(manifest.bus)
        self.layouts = manifest.bus["streams"]

    def surroundings(self):
        return [*self._control(), *self._interrupt()]

    def _control(self):
        control = self.bus["control"]["interface"]
        names = (
            *("awaddr", "awvalid", "awready", "wdata", "wvalid", "wready"),
            *("bresp", "bvalid", "bready", "araddr", "arvalid", "arready"),
            *("rdata", "rresp", "rvalid", "rready"),
        )
        self.failed.append("registers_failed")
        outputs = ("awready", "wready", "bvalid", "arready", "rvalid")
        self.controls += [f"{control}_{name}" for name in outputs]
        ports = {"clk": self.clock} | {name: f"{control}_{name}" for name in names}
        return [
            "",
            f"assign {control}_awprot = 3'd0;",
            f"assign {control}_arprot = 3'd0;",
            f"assign {control}_wstrb = 4'hf;",
            "wire registers_failed;",
            *instance(
                f"{self.name}_registers", "registers", ports | {"failed": "registers_failed"}
            ),
        ]

    def _interrupt(self):
        line = self.bus["interrupt"]
        self.failed.append("interrupt_failed")
        self.controls.append(line)
        return [
            "",
            "reg interrupt_failed = 1'b0;",
            "task check_interrupt(input wanted);",
            f"  if ({line} !== wanted) begin",
            f'    $display("{line} is %b, not %b", {line}, wanted);',
            "    interrupt_failed = 1'b1;",
            "  end",
            "endtask",
        ]

    def write(self, name, value, response=0):
        """A statement that writes a register and compares the response."""
        return f"registers.write({_offset(self.bank.offset(name))}, {_word(value)}, 2'd{response});"

    def read(self, name, value, response=0):
        """A statement that reads a register and compares value and response."""
        return f"registers.read({_offset(self.bank.offset(name))}, {_word(value)}, 2'd{response});"

    def setup(self):
        constants = ("ID", "VERSION", "CAPS", "DIGEST", "SHAPE", "LIMIT", "WIDTHS", "MAX_K")
        constants += ("GENERATOR", "REVISION")
        events = self.bank.mask("INTERRUPT", "done", "error")
        return [
            *(self.read(name, self.bank.reset(name)) for name in constants),
            "// No register; a write to a read-only one; a read of a write-only one.",
            f"registers.read({_offset(self.bank.size)}, {_word(0)}, 2'd2);",
            self.write("ID", 0, response=2),
            self.read("COMMAND", 0, response=2),
            self.write("INTERRUPT_ENABLE", events),
            self.read("INTERRUPT_ENABLE", events),
            "check_interrupt(1'b0);",
        ]

    def after_job(self):
        done = self.bank.mask("INTERRUPT", "done")
        counts = {name: len(words) for name, words in self.words.items()} | self.job.moved
        counters = {f"WORDS_{name.upper()}": count for name, count in counts.items()}
        return [
            "check_interrupt(1'b1);",
            self.read("INTERRUPT", done),
            self.read("ERROR", 0),
            self.read("STATUS", 0),
            *(self.read(name, count) for name, count in counters.items() if name in self.bank),
            self.write("INTERRUPT", done),
            "check_interrupt(1'b0);",
            "// Soft reset.",
            self.write("COMMAND", self.bank.mask("COMMAND", "clear")),
            self.write("CONTROL", self.bank.mask("CONTROL", "reset")),
            self.read("STATUS", self.bank.mask("STATUS", "resetting")),
            self.write("CONTROL", 0),
            self.read("STATUS", 0),
        ]


def _offset(offset):
    return f"12'h{offset:03x}"


def _word(value):
    return f"32'h{value:08x}"
