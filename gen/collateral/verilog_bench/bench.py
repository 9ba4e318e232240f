"""The part of a testbench that is the same for all bus wrappers."""

from pathlib import Path
from textwrap import indent

from ....sim.manifest import Manifest
from ..vectors import Vectors
from .text import indented, instance, joined, signal_range

__all__ = ["Bench"]

#: Cycles after which a job is considered hung: a constant, and for each word.
_PATIENCE = 20_000, 100

_HEADER = """\
// Self-checking testbench of TOP: a small job, twice, with the golden model's results.
// It prints PASS or FAIL. Simulate it in the folder of its .hex files, for example:
//   $ iverilog -g2005 -o TOP_tb.vvp TOP_tb.v TOP.v
//   $ vvp TOP_tb.vvp
// or
//   $ verilator --binary TOP.vlt TOP_tb.v TOP.v
//   $ obj_dir/VTOP_tb
`timescale 1ns / 1ps

// verilator lint_off WIDTH
// verilator lint_off SYMRSVDWORD
"""

# Verilog cannot end a simulation with an error status; these simulators know $fatal.
_FAIL = """\
task fail;
  begin
    $display("FAIL");
`ifdef VERILATOR
    $fatal(1, "wrong");
`elsif __ICARUS__
    $fatal(1, "wrong");
`else
    $stop;
`endif
  end
endtask
"""


class Bench:
    """A clock, two jobs, and the verdict; subclasses add what surrounds the core.

    Attributes
    ----------
    clock, reset : str
        Ports of the core; ``reset`` may be ``None``.
    active : int
        Level of an active reset.
    modules : tuple of str
        Files of modules that the testbench uses, without ``.v``.
    fits : bool
        Whether the job fits into the wrapper's addresses.
    data : dict
        Files for ``$readmemh``, name to text.
    done, failed : list of str
        Signals: the job ends when all of ``done`` are 1, and fails when one of ``failed`` is.
    controls : list of str
        Outputs of the core that are never unknown after the reset.
    """

    clock, reset, active = "clk", "rst", 1
    modules = ("rules", "streams")
    fits = True

    def __init__(self, manifest: Manifest, job: Vectors):
        self.manifest = manifest
        self.top = manifest.top
        self.name = f"{self.top}_tb"
        self.job = job
        self.words = {**job.inputs, "results": job.results}
        self.data = {}
        self.done, self.failed, self.controls = [], [], []

    def surroundings(self) -> list[str]:
        """Declarations around the core.

        They add to ``data``, ``done``, ``failed`` and ``controls``.
        """
        raise NotImplementedError

    def setup(self) -> list[str]:
        """Statements before both jobs."""
        return []

    def before_job(self) -> list[str]:
        """Statements that begin a job."""
        return []

    def after_job(self) -> list[str]:
        """Statements after a job."""
        return []

    def patience(self) -> int:
        """Cycles after which the simulation fails."""
        return _PATIENCE[0] + _PATIENCE[1] * sum(map(len, self.words.values()))

    def files(self) -> dict[str, str]:
        """The testbench and its data, by file name."""
        text = self._module()
        for module in self.modules:
            path = Path(__file__).with_name(f"{module}.v")
            text += path.read_text("utf-8").replace("TOP_tb", self.name)
        return {f"{self.name}.v": text} | self.data

    def file(self, name: str, values: list[int], width: int) -> str:
        """Adds integers as a file for ``$readmemh``; returns its name, in quotes."""
        digits = -(-width // 4)
        self.data[f"{self.name}_{name}.hex"] = "".join(f"{value:0{digits}x}\n" for value in values)
        return f'"{self.name}_{name}.hex"'

    def stream(self, name, values, width, data, valid, ready) -> list[str]:
        """A source or, for the results, a sink of words at signals of the core."""
        type_ = "sink" if name == "results" else "source"
        self.done.append(f"{name}_done")
        self.failed.append(f"{name}_failed")
        self.controls.append(valid if type_ == "sink" else ready)
        parameters = {
            "WIDTH": width,
            "WORDS": len(values),
            "SEED": len(self.done),
            "FILE": self.file(name, values, width),
        }
        ports = {"clk": self.clock, "run": "run", "pauses": "pauses"}
        ports |= {"valid": valid, "ready": ready, "data": data}
        ports |= {"done": f"{name}_done", "failed": f"{name}_failed"}
        return [
            f"wire {name}_done;",
            f"wire {name}_failed;",
            *instance(f"{self.name}_{type_}", f"{name}_side", ports, parameters),
        ]

    def _module(self):
        surroundings = self.surroundings()
        body = [
            *self._core(),
            *surroundings,
            "",
            *joined("done", "&&", self.done),
            *joined("failed", "||", self.failed),
            "",
            f"always #5 {self.clock} = !{self.clock};",
            "",
            *_FAIL.splitlines(),
            "",
            *self._watchdog(),
            "",
            *self._unknown_controls(),
            "",
            *self._jobs(),
        ]
        text = indent("\n".join(body), "  ", lambda line: line.strip() and line[0] != "`")
        return _HEADER.replace("TOP", self.top) + f"module {self.name};\n{text}\nendmodule\n"

    def _core(self):
        """Signals and the core."""
        ports = self.manifest.ports
        driven = {self.clock: 0} | ({self.reset: self.active} if self.reset else {})
        declarations = [
            f"reg {port['name']} = 1'b{driven[port['name']]};"
            if port["name"] in driven
            else f"wire {signal_range(port['width'])}{port['name']};"
            for port in ports
        ]
        return [
            *declarations,
            "reg run = 1'b0;",
            "reg pauses = 1'b0;",
            "reg started = 1'b0;",
            "integer round;",
            "integer cycles = 0;",
            "",
            *instance(self.top, "dut", {port["name"]: port["name"] for port in ports}),
        ]

    def _watchdog(self):
        return [
            f"always @(posedge {self.clock}) begin",
            "  cycles <= cycles + 1;",
            "  if (failed) fail;",
            f"  if (cycles == {self.patience()}) begin",
            '    $display("no end after %0d cycles", cycles);',
            "    fail;",
            "  end",
            "end",
        ]

    def _unknown_controls(self):
        signals = ",\n".join(f"  {name}" for name in self.controls)
        return [
            "// No control signal may be unknown after the reset.",
            "wire controls = ^{",
            *signals.split("\n"),
            "};",
            f"always @(posedge {self.clock})",
            "  if (started && controls === 1'bx) begin",
            '    $display("a control signal is unknown:");',
            *(f'    $display("  {name} %b", {name});' for name in self.controls),
            "    fail;",
            "  end",
        ]

    def _jobs(self):
        return [
            "// Shortly after the edge, so that nothing races with it.",
            "task tick;",
            "  begin",
            f"    @(posedge {self.clock});",
            "    #1;",
            "  end",
            "endtask",
            "",
            "initial begin",
            "  repeat (4) tick;",
            *([f"  {self.reset} = 1'b{1 - self.active};"] if self.reset else []),
            "  repeat (2) tick;",
            "  started = 1'b1;",
            *indented(self.setup(), 1),
            "  for (round = 0; round < 2; round = round + 1) begin",
            "    pauses = round == 0;",
            *indented(self.before_job(), 2),
            "    run = 1'b1;",
            "    tick;",
            "    while (!done) tick;",
            "    // No more words may come.",
            "    repeat (64) tick;",
            *indented(self.after_job(), 2),
            "    run = 1'b0;",
            "    repeat (2) tick;",
            "  end",
            "  if (failed) fail;",
            '  $display("PASS: %0d cycles", cycles);',
            "  $finish;",
            "end",
        ]
