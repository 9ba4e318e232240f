"""A self-checking testbench in Verilog-2001, for any simulator, and the files that it reads."""

from pathlib import Path
from textwrap import indent

import numpy as np

from ...hdl.bus.uart_link import ESCAPE, MAX_BYTES, Code, Header
from ...sim.manifest import Manifest
from .vectors import vectors

__all__ = ["verilog_bench"]

#: Cycles of a job that mean that it will not end: so many, and so many for each word.
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
"""

# Verilog has no way to end a simulation with an error status; these simulators know $fatal.
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


def verilog_bench(manifest: Manifest) -> dict[str, str]:
    """A testbench ``<top>_tb.v``, and ``<top>_tb_*.hex`` for its ``$readmemh``.

    It does a small job twice, at first with pauses on all channels, and compares what comes out
    with the golden model's results. Around a bus it uses the registers too. It prints ``PASS`` and
    ends with ``$finish``; or it prints ``FAIL``, and ends with an error status where the simulator
    has a way to, else with ``$stop``.

    Returns
    -------
    dict
        File name to text. Empty where no job fits into the top's addresses, or the core's memories.
    """
    kind = _KINDS[manifest.bus.get("top", "stream")]
    job = vectors(manifest)
    bench = job and kind(manifest, job)
    return bench.files() if bench and bench.possible else {}


class _Bench:
    """What testbenches of all tops have in common: a clock, two jobs, and the verdict."""

    clock, reset, active = "clk", "rst", 1
    #: Files of modules that are used.
    modules = ("rules", "streams")
    possible = True

    def __init__(self, manifest, job):
        self.manifest = manifest
        self.top = manifest.top
        self.name = f"{self.top}_tb"
        self.job = job
        self.words = {**self.job.inputs, "results": self.job.results}
        self.data = {}
        self.done, self.failed = [], []

    def parts(self):
        """Declarations around the core. They add to ``data``, ``done`` and ``failed``."""
        raise NotImplementedError

    def once(self):
        """Statements before both jobs."""
        return []

    def before(self):
        """Statements that begin a job."""
        return []

    def after(self):
        """Statements after a job."""
        return []

    def patience(self):
        """Cycles after which there will be no end."""
        return _PATIENCE[0] + _PATIENCE[1] * sum(map(len, self.words.values()))

    def files(self):
        text = self._module()
        for part in self.modules:
            path = Path(__file__).with_name(f"bench_{part}.v")
            text += path.read_text("utf-8").replace("TOP_tb", self.name)
        return {f"{self.name}.v": text} | self.data

    def file(self, name, values, width):
        """Keeps integers as a file for ``$readmemh``; returns its name, in quotes."""
        digits = -(-width // 4)
        self.data[f"{self.name}_{name}.hex"] = "".join(f"{value:0{digits}x}\n" for value in values)
        return f'"{self.name}_{name}.hex"'

    def stream(self, name, values, width, data, valid, ready):
        """A source or a sink of words at ports ``valid`` and ``ready``."""
        sink = name == "results"
        self.done.append(f"{name}_done")
        self.failed.append(f"{name}_failed")
        parameters = {
            "WIDTH": width,
            "WORDS": len(values),
            "SEED": len(self.done),
            "FILE": self.file(name, values, width),
        }
        ports = {"clk": self.clock, "run": "run", "pauses": "pauses"}
        ports |= {"valid": valid, "ready": ready, "data": data}
        ports |= {"done": f"{name}_done", "failed": f"{name}_failed"}
        kind = f"{self.name}_{'sink' if sink else 'source'}"
        declared = [f"wire {name}_done;", f"wire {name}_failed;"]
        return [*declared, *_instance(kind, f"{name}_side", ports, parameters)]

    def _module(self):
        parts = self.parts()
        ports = self.manifest.ports
        driven = {self.clock: 0} | ({self.reset: self.active} if self.reset else {})
        declared = [
            f"reg {port['name']} = 1'b{driven[port['name']]};"
            if port["name"] in driven
            else f"wire {_range(port['width'])}{port['name']};"
            for port in ports
        ]
        edge = f"@(posedge {self.clock})"
        body = [
            *declared,
            "reg run = 1'b0;",
            "reg pauses = 1'b0;",
            "integer round;",
            "integer cycles = 0;",
            "",
            *_instance(self.top, "dut", {port["name"]: port["name"] for port in ports}),
            *parts,
            "",
            *_joined("done", "&&", self.done),
            *_joined("failed", "||", self.failed),
            "",
            f"always #5 {self.clock} = !{self.clock};",
            "",
            *_FAIL.splitlines(),
            "",
            f"always {edge} begin",
            "  cycles <= cycles + 1;",
            "  if (failed) fail;",
            f"  if (cycles == {self.patience()}) begin",
            '    $display("there is no end after %0d cycles", cycles);',
            "    fail;",
            "  end",
            "end",
            "",
            "// A little after the edge, so that nothing races with it.",
            "task tick;",
            "  begin",
            f"    {edge};",
            "    #1;",
            "  end",
            "endtask",
            "",
            "initial begin",
            "  repeat (4) tick;",
            *([f"  {self.reset} = 1'b{1 - self.active};"] if self.reset else []),
            "  repeat (2) tick;",
            *_indented(self.once(), 1),
            "  for (round = 0; round < 2; round = round + 1) begin",
            "    pauses = round == 0;",
            *_indented(self.before(), 2),
            "    run = 1'b1;",
            "    tick;",
            "    while (!done) tick;",
            "    // Nothing more may come.",
            "    repeat (64) tick;",
            *_indented(self.after(), 2),
            "    run = 1'b0;",
            "    repeat (2) tick;",
            "  end",
            "  if (failed) fail;",
            '  $display("PASS: %0d cycles", cycles);',
            "  $finish;",
            "end",
        ]
        text = indent("\n".join(body), "  ", lambda line: line.strip() and line[0] != "`")
        return _HEADER.replace("TOP", self.top) + f"module {self.name};\n{text}\nendmodule\n"


class _Stream(_Bench):
    """A core by itself."""

    def parts(self):
        lines = []
        for name, words in self.words.items():
            port = self.manifest.streams[name]
            sides = [port[side] for side in ("payload", "valid", "ready")]
            lines += ["", *self.stream(name, _integers(words), port["width"], *sides)]
        return lines


class _Bus(_Bench):
    """A core with registers behind AXI4-Lite."""

    clock, reset, active = "aclk", "aresetn", 0
    modules = ("rules", "streams", "registers")

    def __init__(self, manifest, job):
        super().__init__(manifest, job)
        self.bus = manifest.bus
        self.registers = {register["name"]: register for register in self.bus["registers"]}
        self.layouts = self.bus["streams"]

    def parts(self):
        control = self.bus["control"]["interface"]
        names = (
            *("awaddr", "awvalid", "awready", "wdata", "wvalid", "wready"),
            *("bresp", "bvalid", "bready", "araddr", "arvalid", "arready"),
            *("rdata", "rresp", "rvalid", "rready"),
        )
        self.failed.append("registers_failed")
        ports = {"clk": self.clock} | {name: f"{control}_{name}" for name in names}
        return [
            "",
            f"assign {control}_awprot = 3'd0;",
            f"assign {control}_arprot = 3'd0;",
            f"assign {control}_wstrb = 4'hf;",
            "wire registers_failed;",
            *_instance(
                f"{self.name}_registers", "registers", ports | {"failed": "registers_failed"}
            ),
        ]

    def write(self, name, value):
        return f"registers.write({self._address(name)}, 32'h{value:08x}, 2'd0);"

    def read(self, name, value):
        """Reads a register, and compares."""
        return f"registers.read({self._address(name)}, 32'h{value:08x}, 2'd0);"

    def _address(self, name):
        return f"12'h{self.registers[name]['offset']:03x}"

    def bits(self, name, *fields):
        """The value of a register with these fields all ones."""
        parts = {part["name"]: part for part in self.registers[name]["fields"]}
        return sum(((1 << parts[field]["width"]) - 1) << parts[field]["low"] for field in fields)

    def once(self):
        constant = ("ID", "VERSION", "CAPS", "DIGEST", "SHAPE", "LIMIT", "WIDTHS", "MAX_K")
        missing = max(register["offset"] for register in self.bus["registers"]) + 4
        events = self.bits("INTERRUPT", "done", "error")
        return [
            *(self.read(name, self.registers[name]["reset"]) for name in constant),
            "// There is no such register; this one cannot be written; and that not be read.",
            f"registers.read(12'h{missing:03x}, 32'h00000000, 2'd2);",
            f"registers.write({self._address('ID')}, 32'h00000000, 2'd2);",
            f"registers.read({self._address('COMMAND')}, 32'h00000000, 2'd2);",
            self.write("INTERRUPT_ENABLE", events),
            self.read("INTERRUPT_ENABLE", events),
            "check_interrupt(1'b0);",
        ]

    def after(self):
        done = self.bits("INTERRUPT", "done")
        counted = [name for name in self.words if f"WORDS_{name.upper()}" in self.registers]
        return [
            "check_interrupt(1'b1);",
            self.read("INTERRUPT", done),
            self.read("ERROR", 0),
            self.read("STATUS", 0),
            *(self.read(f"WORDS_{name.upper()}", len(self.words[name])) for name in counted),
            self.write("INTERRUPT", done),
            "check_interrupt(1'b0);",
            "// The core begins anew.",
            self.write("COMMAND", self.bits("COMMAND", "clear")),
            self.write("CONTROL", self.bits("CONTROL", "reset")),
            self.read("STATUS", self.bits("STATUS", "resetting")),
            self.write("CONTROL", 0),
            self.read("STATUS", 0),
        ]

    def interrupt(self):
        line = self.bus["interrupt"]
        self.failed.append("interrupt_failed")
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


class _Axis(_Bus):
    """Streams: the words of a job are a packet."""

    def parts(self):
        lines = [*super().parts(), *self.interrupt()]
        for name, words in self.words.items():
            port = self.layouts[name]["interface"]
            beats, width = _beats(words, self.layouts[name], self.bus["data_width"])
            data = f"{{{port}_tlast, {port}_tkeep, {port}_tdata}}"
            if name == "results":
                size = self.bus["data_width"] // 8
                lines += [
                    "",
                    "// Bytes that the packet has not may be anything.",
                    f"wire {_range(8 * size)}kept;",
                    "genvar g;",
                    "generate",
                    f"  for (g = 0; g < {size}; g = g + 1) begin : bytes",
                    "    assign kept[8*g +: 8] =",
                    f"      {port}_tkeep[g] ? {port}_tdata[8*g +: 8] : 8'd0;",
                    "  end",
                    "endgenerate",
                ]
                data = f"{{{port}_tlast, {port}_tkeep, kept}}"
            sides = [data, f"{port}_tvalid", f"{port}_tready"]
            lines += ["", *self.stream(name, beats, width, *sides)]
        return lines


def _beats(words, layout, data_width):
    """The words of a packet as beats, integers of last, keep and data; and their width."""
    size = data_width // 8
    slots = _slots(words, layout["stride"])
    beats = -(-slots.size // size)
    data = np.zeros(beats * size, np.uint8)
    data[: slots.size] = slots.ravel()
    values = []
    for number, beat in enumerate(data.reshape(beats, size)):
        kept = (1 << min(slots.size - number * size, size)) - 1
        value = (number == beats - 1) << size | kept
        values.append(value << data_width | int.from_bytes(beat.tobytes(), "little"))
    return values, data_width + size + 1


class _Axi(_Bus):
    """Memory, in which the streams' words follow each other."""

    modules = ("rules", "registers", "memory")

    def __init__(self, manifest, job):
        super().__init__(manifest, job)
        size = self.bus["data_width"] // 8
        # A beat before each stream, and after the last one, shows what is written beside it.
        self.places, self.size = {}, size
        for name, words in self.words.items():
            self.places[name] = self.size
            self.size += -(-len(words) * self.layouts[name]["stride"] // size) * size + size
        # The job lies across the middle of all addresses, and so across 4 KB, if there are two.
        space = 1 << self.bus["address_width"]
        self.base = space // 2 - self.size // (2 * size) * size
        self.possible = self.size <= space

    def parts(self):
        memory, width = self.bus["memory"]["interface"], self.bus["data_width"]
        names = [
            port["name"].removeprefix(f"{memory}_")
            for port in self.manifest.ports
            if port["name"].startswith(f"{memory}_")
        ]
        ignored = ("lock", "cache", "prot", "qos")
        used = [name for name in names if not name.endswith(ignored)]
        ids = next(port for port in self.manifest.ports if port["name"] == f"{memory}_awid")
        parameters = {
            "DATA": width,
            "ADDRESS": self.bus["address_width"],
            "ID": ids["width"],
            "WORDS": self.size * 8 // width,
            "BASE": f"{self.bus['address_width']}'h{self.base:x}",
            "BEFORE": self.file("before", self._image(results=False), width),
            "AFTER": self.file("after", self._image(results=True), width),
        }
        ports = {"clk": self.clock, "run": "run", "pauses": "pauses"}
        ports |= {name: f"{memory}_{name}" for name in used} | {"failed": "memory_failed"}
        self.done.append(self.bus["interrupt"])
        self.failed.append("memory_failed")
        return [
            *super().parts(),
            *self.interrupt(),
            "",
            "wire memory_failed;",
            *_instance(f"{self.name}_memory", "memory", ports, parameters),
        ]

    def _image(self, results):
        """The memory, with or without the results."""
        image = np.full(self.size, 0xA5, np.uint8)
        for name, words in self.words.items():
            if name != "results" or results:
                slots = _slots(words, self.layouts[name]["stride"]).ravel()
                image[self.places[name] : self.places[name] + slots.size] = slots
        return _integers(image.reshape(-1, self.bus["data_width"] // 8))

    def before(self):
        lines = ["memory.load;"]
        for name, words in self.words.items():
            address = self.base + self.places[name]
            values = {
                f"ADDRESS_LOW_{name.upper()}": address & 0xFFFF_FFFF,
                f"ADDRESS_HIGH_{name.upper()}": address >> 32,
                f"COUNT_{name.upper()}": len(words),
            }
            for register, value in values.items():
                if self.registers[register]["access"] == "rw":
                    lines += [self.write(register, value), self.read(register, value)]
        return [*lines, self.write("COMMAND", self.bits("COMMAND", "start"))]

    def after(self):
        return ["memory.check;", *super().after()]


class _Uart(_Bench):
    """A serial line: the words of a job in the order in which the core takes them."""

    reset = None
    modules = ("rules", "line")

    def __init__(self, manifest, job):
        super().__init__(manifest, job)
        self.bus = manifest.bus
        constant = ("ID", "VERSION", "CAPS", "DIGEST", "SHAPE")
        self.asked = [part for part in self.bus["registers"] if part["name"] in constant]
        self.sent = [
            byte
            for part in self.asked
            for byte in (Header.READ | part["offset"] >> 8, part["offset"] & 255)
        ]
        for frame in self.job.frames:
            self.sent += self._frame(frame)

    def _frame(self, frame):
        """The bytes of words for a stream."""
        layout = self.bus["streams"][frame.stream]
        data = _slots(frame.words, layout["stride"]).ravel().tolist()
        found = []
        for at in range(0, len(data), MAX_BYTES):
            part = data[at : at + MAX_BYTES]
            if frame.last and at + MAX_BYTES >= len(data):
                found.append(Header.LAST)
            found += [Header.DATA | layout["index"] << 5 | len(part) - 1, *part]
        return found

    def parts(self):
        results = []
        for words in self.job.packets:
            results += _slots(words, self.bus["streams"]["results"]["stride"]).ravel().tolist()
            results.append(0x100)
        values = [part["reset"] for part in self.asked]
        parameters = {
            "DIVISOR": self.bus["divisor"],
            "DEPTH": self.bus["depth"],
            "BYTES": len(self.sent),
            "RESULTS": len(results),
            "VALUES": len(values),
            "ESCAPE": ESCAPE,
            **{name: getattr(Code, name) for name in ("LITERAL", "END", "CREDIT", "READ")},
            "SENT": self.file("sent", self.sent, 8),
            "RESULT": self.file("results", results, 9),
            "VALUE": self.file("values", values, 32),
        }
        ports = {"clk": self.clock, "run": "run", "pauses": "pauses", "hold": "hold"}
        ports |= {"to_core": "uart_rx", "from_core": "uart_tx"}
        ports |= {"done": "line_done", "failed": "line_failed"}
        self.done.append("line_done")
        self.failed.append("line_failed")
        return [
            "",
            "reg hold = 1'b0;",
            "wire line_done;",
            "wire line_failed;",
            *_instance(f"{self.name}_line", "line", ports, parameters),
        ]

    def patience(self):
        # A byte takes ten bits; those of results and of the host go at the same time.
        return 30 * self.bus["divisor"] * (len(self.sent) + self.job.results.size + 100)

    def before(self):
        bit = self.bus["divisor"]
        return [
            "// A break: the core begins anew.",
            "hold = 1'b1;",
            f"repeat ({30 * bit}) tick;",
            "hold = 1'b0;",
            f"repeat ({30 * bit}) tick;",
        ]

    def after(self):
        return [f"repeat ({20 * self.bus['divisor']}) tick;"]


_KINDS = {"stream": _Stream, "axis": _Axis, "axi": _Axi, "uart": _Uart}


def _slots(words, stride):
    """Words with zeros above, words × ``stride`` bytes."""
    return np.pad(words, ((0, 0), (0, stride - words.shape[1])))


def _integers(words):
    return [int.from_bytes(word.tobytes(), "little") for word in words]


def _range(width):
    return f"[{width - 1}:0] " if width > 1 else ""


def _instance(module, name, ports, parameters=None):
    lines = [f"{module} {name} ("]
    if parameters:
        values = ",\n".join(f"  .{key}({value})" for key, value in parameters.items())
        lines = [f"{module} #(", *values.split("\n"), f") {name} ("]
    connected = ",\n".join(f"  .{key}({value})" for key, value in ports.items())
    return [*lines, *connected.split("\n"), ");"]


def _joined(name, operator, parts):
    """A wire that is made of others."""
    first, *others = parts
    lines = [f"wire {name} = {first}", *(f"  {operator} {part}" for part in others)]
    return [*lines[:-1], f"{lines[-1]};"]


def _indented(lines, depth):
    return ["  " * depth + line for line in lines]
