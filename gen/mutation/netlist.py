"""Mutants of a unit's netlist, all in one Verilog file behind a select that is read at time 0.

Yosys' ``mutate`` draws the mutants and applies them. A mutant is a fault at one bit of one port of
one cell: inverted, stuck at 0 or 1, or changed by another bit of the port. A register whose reset
does nothing is a mutant of a class of its own. Clock pins are left alone.
"""

import dataclasses
import json
import random
import re
from collections import defaultdict, deque
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ...sim.manifest import Manifest
from ..lib import yosys

__all__ = ["FILE", "SELECT", "Mutant", "draw", "mutated", "own_modules", "prepared"]

#: The file in the simulation's working folder with the number of the mutant, in hexadecimal digits;
#: 0 is the netlist without a fault.
FILE = "mutant.hex"

#: The input that chooses a mutant.
SELECT = "brickwork_mutant"
#: Cells of registers with a synchronous reset.
_RESET_CELLS = {"$sdff", "$sdffe", "$sdffce"}
#: Names that Yosys gives to signals without one.
_NUMBERED = re.compile(r"_\d+_")
_BLOCK = re.MULTILINE | re.DOTALL
_NUMBERS = {"port_bit": int, "control_bit": int}
_FIELDS = {
    "mode": "mode",
    "module": "module",
    "cell": "cell",
    "port": "port",
    "portbit": "port_bit",
    "ctrlbit": "control_bit",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mutant:
    """A fault of a netlist.

    Attributes
    ----------
    mode : str
        ``inv``, ``const0``, ``const1``; ``cnot0`` and ``cnot1`` invert the bit if another bit of
        the port, ``control_bit``, is 0 or 1.
    module, cell, port, port_bit, control_bit
        The bit. Names of cells are of one netlist; ``control_bit`` is -1 without one.
    type : str
        The cell's: an operator of RTLIL, such as ``$add``, or the unit of an instance.
    signal : str
        The nearest signal with a name behind the fault, with the module's name without that of the
        top: ``queue.level``. It is the same in all netlists of the unit that have the signal.
    line : str
        The line of Verilog that the cell comes from.
    reset : bool
        Whether the mutant takes the reset from a register, or from an instance.
    """

    mode: str
    module: str
    cell: str
    port: str
    port_bit: int
    control_bit: int = -1
    type: str = ""
    signal: str = ""
    line: str = ""
    reset: bool = False

    @property
    def location(self) -> str:
        """The bit in words that do not depend on numbers in one netlist."""
        return f"{self.signal}: {self.type} {self.port}[{self.port_bit}] {self.mode}"

    def command(self, number: int | None = None, width: int = 0) -> str:
        """Yosys' command for the mutant, with a number behind the select."""
        options = [] if number is None else ["-ctrl", SELECT, str(width), str(number)]
        values = {"module": self.module, "cell": self.cell, "port": self.port}
        values |= {"portbit": self.port_bit}
        if self.control_bit >= 0:
            values["ctrlbit"] = self.control_bit
        for option, value in values.items():
            options += [f"-{option}", str(value)]
        return " ".join(["mutate", *options, "-mode", self.mode])


def own_modules(manifest: Manifest, benched: Iterable[str]) -> list[str]:
    """The modules of a unit itself, without those of other units that have a bench."""
    text = manifest.verilog_path.read_text("utf-8")
    bodies = dict(re.findall(r"^module (\w+)\b(.*?)^endmodule", text, re.MULTILINE | re.DOTALL))
    benched = set(benched)
    others = {
        name
        for name, entry in manifest.modules.items()
        if entry["unit"] in benched and name != manifest.top
    }
    modules, waiting = [], deque([manifest.top])
    while waiting:
        module = waiting.popleft()
        modules.append(module)
        for child in re.findall(r"^  (\w+) \w+ \($", bodies[module], re.MULTILINE):
            if child in bodies and child not in others and child not in (*modules, *waiting):
                waiting.append(child)
    return modules


def prepared(manifest: Manifest) -> list[str]:
    """Yosys' commands for the netlist that mutants belong to."""
    return [
        f"read_verilog {manifest.verilog}",
        f"hierarchy -check -top {manifest.top}",
        "proc",
        "opt_clean",
        # What no result depends on is no fault: upper bits that are cut off, for example.
        "wreduce",
        "opt_expr",
        "opt_dff",
        "opt_clean",
    ]


def draw(
    manifest: Manifest, modules: list[str], count: int, resets: int, seed: int, folder: Path
) -> tuple[list[Mutant], list[str]]:
    """Draw mutants of the modules.

    Parameters
    ----------
    count, resets : int
        The number of mutants, and at most that of resets that do nothing, which are more.
    seed : int
        Seed of both choices.
    folder : Path
        Gets temporary files.

    Returns
    -------
    (list of Mutant, list of str)
        The mutants, fewer than ``count`` where the netlist has fewer; and the signals at which the
        netlist can have mutants.
    """
    selected = " ".join(modules)
    folder = folder.absolute()
    yosys.run(
        [
            *prepared(manifest),
            # Clock pins and resets are drawn too, and dropped.
            f"mutate -list {2 * count + 20} -seed {seed} -o {folder}/list {selected}",
            f"write_json {folder}/netlist.json",
        ],
        cwd=manifest.path.parent,
        temporary=folder,
    )
    source = manifest.verilog_path.read_text("utf-8").splitlines()
    netlist = json.loads((folder / "netlist.json").read_text("utf-8"))["modules"]
    uses, constants = _uses(netlist, manifest.top), _constants(netlist, manifest.top)
    views = {
        name: _Module(netlist, name, manifest, source, uses, constants[name]) for name in modules
    }
    drawn = [_parsed(line) for line in (folder / "list").read_text("utf-8").splitlines()]
    rng = random.Random(seed)
    rng.shuffle(drawn)
    mutants = [
        views[mutant.module].described(mutant)
        for mutant in drawn
        if views[mutant.module].net(mutant) not in ("clk", "rst")
        and not views[mutant.module].is_left_alone(mutant)
        and views[mutant.module].is_read(mutant)
        and views[mutant.module].is_change(mutant)
    ][:count]
    lost = [m for view in views.values() for m in view.lost_resets() if view.is_read(m)]
    rng.shuffle(lost)
    signals = {signal for view in views.values() for signal in view.signals()}
    return mutants + lost[:resets], sorted(signals)


def _parsed(line: str) -> Mutant:
    words = line.split()
    values = dict(zip(words[1::2], words[2::2], strict=False))
    fields = {
        name: values[f"-{option}"] for option, name in _FIELDS.items() if f"-{option}" in values
    }
    return Mutant(**{name: _NUMBERS.get(name, str)(value) for name, value in fields.items()})


class _Uses(NamedTuple):
    """What is read of a netlist, by module.

    ``inputs`` are bits of input ports that are read in the module, ``outputs`` bits of output ports
    that are read around it: pairs of port and number. ``bits`` are those that are read in it, or
    leave it and are read there.
    """

    inputs: dict[str, set]
    outputs: dict[str, set]
    bits: dict[str, set]


def _bottom_up(netlist: dict, top: str) -> list[str]:
    """Modules in front of those that they are in."""
    order: list[str] = []

    def visit(name):
        if name not in order:
            for entry in netlist[name]["cells"].values():
                if entry["type"] in netlist:
                    visit(entry["type"])
            order.append(name)

    visit(top)
    return order


def _constants(netlist: dict, top: str) -> dict[str, dict[int | str, str]]:
    """The values of each module's constant bits: of "0", "1" and outputs of its instances."""
    constants: dict[str, dict] = {}
    for name in _bottom_up(netlist, top):
        values = constants[name] = {"0": "0", "1": "1"}
        for entry in netlist[name]["cells"].values():
            for port, inside in netlist.get(entry["type"], {}).get("ports", {}).items():
                if inside["direction"] == "output":
                    within = (constants[entry["type"]].get(bit) for bit in inside["bits"])
                    pairs = zip(entry["connections"].get(port, ()), within, strict=False)
                    values |= {bit: value for bit, value in pairs if value}
    return constants


def _uses(netlist: dict, top: str) -> _Uses:
    uses = _Uses({}, {}, {})
    order = _bottom_up(netlist, top)

    def bits_in(name):
        for entry in netlist[name]["cells"].values():
            inside = uses.inputs.get(entry["type"])
            for port, connected in entry["connections"].items():
                if entry["port_directions"].get(port) != "output":
                    for number, bit in enumerate(connected):
                        if inside is None or (port, number) in inside:
                            yield bit

    def ports(name, output):
        for port, entry in netlist[name]["ports"].items():
            if (entry["direction"] != "input") == output:
                yield from (((port, number), bit) for number, bit in enumerate(entry["bits"]))

    for name in order:
        bits = set(bits_in(name)) | {bit for _, bit in ports(name, True)}
        uses.inputs[name] = {key for key, bit in ports(name, False) if bit in bits}
        uses.outputs[name] = set()
    uses.outputs[top].update(key for key, _ in ports(top, True))
    for name in reversed(order):
        leaving = {bit for key, bit in ports(name, True) if key in uses.outputs[name]}
        uses.bits[name] = set(bits_in(name)) | leaving
        for entry in netlist[name]["cells"].values():
            if entry["type"] in netlist:
                uses.outputs[entry["type"]].update(
                    (port, number)
                    for port, connected in entry["connections"].items()
                    if entry["port_directions"].get(port) == "output"
                    for number, bit in enumerate(connected)
                    if bit in uses.bits[name]
                )
    return uses


class _Module:
    """A module of the netlist, to tell where its mutants are."""

    def __init__(
        self,
        netlist: dict,
        name: str,
        manifest: Manifest,
        source: list[str],
        uses: _Uses,
        constants: dict,
    ):
        self._name, self._source, self._units = name, source, manifest.modules
        module = netlist[name]
        short = name.removeprefix(manifest.top).lstrip("_")
        self._prefix = f"{short}." if short else ""
        self._cells = module["cells"]
        self._names: dict[int, str] = {}
        for signal, entry in module["netnames"].items():
            if not entry["hide_name"] and not _NUMBERED.fullmatch(signal):
                for bit in entry["bits"]:
                    self._names.setdefault(bit, signal)
        self._readers = defaultdict(list)
        for cell, entry in self._cells.items():
            for port, bits in entry["connections"].items():
                if entry["port_directions"].get(port) == "input":
                    for bit in bits:
                        self._readers[bit].append(cell)

        self._uses, self._constants = uses, constants

    def is_read(self, mutant: Mutant) -> bool:
        """Whether anything reads the bit: an instance may have inputs and outputs without a use."""
        cell = self._cells[mutant.cell.removeprefix("\\")]
        if cell["port_directions"].get(mutant.port) == "output":
            return self._bit(mutant) in self._uses.bits[self._name]
        inside = self._uses.inputs.get(cell["type"])
        return inside is None or (mutant.port, mutant.port_bit) in inside

    def is_change(self, mutant: Mutant) -> bool:
        """Whether the fault changes something: a bit that is always 1 has no stuck-at-1 fault."""
        unchanged = {"const0": "0", "const1": "1", "cnot0": "1", "cnot1": "0"}.get(mutant.mode)
        number = mutant.port_bit if mutant.control_bit < 0 else mutant.control_bit
        return unchanged is None or self._constants.get(self._bit(mutant, number)) != unchanged

    def _bit(self, mutant, number=None):
        """What a bit of the mutant's port is connected to: the faulty bit, if not said."""
        bits = self._cells[mutant.cell.removeprefix("\\")]["connections"][mutant.port]
        return bits[mutant.port_bit if number is None else number]

    def net(self, mutant: Mutant) -> str | None:
        """The name of what the bit is connected to."""
        return self._names.get(self._bit(mutant))

    def is_left_alone(self, mutant: Mutant) -> bool:
        """Whether the bit is a reset, a class of its own, or an enable that has to be constant."""
        memory = self._cells[mutant.cell.removeprefix("\\")]["type"].startswith("$memrd")
        return mutant.port == "SRST" or (memory and mutant.port == "EN")

    def lost_resets(self) -> Iterable[Mutant]:
        """A mutant for each register with a reset, and each instance with one."""
        for cell, entry in self._cells.items():
            port = "SRST" if entry["type"] in _RESET_CELLS else "rst"
            if port not in entry["connections"]:
                continue
            inactive = 1 - int(entry["parameters"].get("SRST_POLARITY", "1"), 2)
            name = cell if cell.startswith("$") else f"\\{cell}"
            yield self.described(
                Mutant(
                    mode=f"const{inactive}",
                    module=self._name,
                    cell=name.removeprefix("\\"),
                    port=port,
                    port_bit=0,
                    reset=True,
                )
            )

    def described(self, mutant: Mutant) -> Mutant:
        cell = self._cells[mutant.cell.removeprefix("\\")]
        line = re.search(r":(\d+)\.", cell["attributes"].get("src", ""))
        unit = self._units.get(cell["type"], {}).get("unit", cell["type"])
        return dataclasses.replace(
            mutant,
            type=unit,
            signal=self._prefix + self._nearest(mutant.cell, mutant.port, mutant.port_bit),
            line=self._source[int(line[1]) - 1].strip() if line else "",
        )

    def signals(self) -> Iterable[str]:
        """The signals of all mutants that the module can have."""
        for cell, entry in self._cells.items():
            for port, bits in entry["connections"].items():
                output = entry["port_directions"].get(port) == "output"
                for number in range(len(bits) if output else 1):
                    yield self._prefix + self._nearest(cell, port, number)

    def _nearest(self, cell: str, port: str, port_bit: int) -> str:
        """The nearest signal with a name that a fault reaches, or the instance that it is at."""
        cell = cell.removeprefix("\\")
        entry = self._cells[cell]
        if not entry["type"].startswith("$"):
            return cell
        if entry["port_directions"].get(port) == "output":
            waiting = deque([entry["connections"][port][port_bit]])
        else:
            waiting = deque(self._outputs(entry))
        reached = set(waiting)
        while waiting:
            bit = waiting.popleft()
            if bit in self._names:
                return self._names[bit]
            for reader in self._readers[bit]:
                if not self._cells[reader]["type"].startswith("$"):
                    return reader
                new = [each for each in self._outputs(self._cells[reader]) if each not in reached]
                reached.update(new)
                waiting.extend(new)
            memories = [
                self._cells[reader]["parameters"]["MEMID"].lstrip("\\")
                for reader in self._readers[bit]
                if "MEMID" in self._cells[reader]["parameters"]
            ]
            if memories:
                return memories[0]
        return entry["parameters"].get("MEMID", cell).lstrip("\\")

    def _outputs(self, entry):
        for port, bits in entry["connections"].items():
            if entry["port_directions"].get(port) == "output":
                yield from (bit for bit in bits if isinstance(bit, int))


def mutated(manifest: Manifest, mutants: list[Mutant], folder: Path) -> Path:
    """Write the netlist with all mutants, and a manifest beside it; returns the manifest's path.

    The simulation reads :data:`FILE` in its working folder at time 0.
    """
    width = len(mutants).bit_length()
    folder = folder.absolute()
    yosys.run(
        [
            *prepared(manifest),
            *(mutant.command(number, width) for number, mutant in enumerate(mutants, 1)),
            f"write_verilog -noattr {folder}/mutated.v",
        ],
        cwd=manifest.path.parent,
        temporary=folder,
    )
    text = (folder / "mutated.v").read_text("utf-8")
    (folder / "mutated.v").unlink()
    # The select comes from a file in place of a port, so that the unit's users stay as they are.
    before, top, after = re.split(rf"^(module {manifest.top}\(.*?^endmodule)", text, flags=_BLOCK)
    top = re.sub(rf", {SELECT}\b|\b{SELECT}, ", "", top, count=1)
    top = re.sub(
        rf"^  input (\S+ )?{SELECT};\n  wire (\S+ )?{SELECT};\n",
        f"  reg [{width - 1}:0] {SELECT}_file [0:0];\n"
        f'  initial $readmemh("{FILE}", {SELECT}_file);\n'
        f"  wire [{width - 1}:0] {SELECT} = {SELECT}_file[0];\n",
        top,
        flags=re.MULTILINE,
    )
    text = before + top + after
    # A fault may look like a loop; Verilator iterates, and stops where values do not settle.
    rules = "UNOPTFLAT", "CMPCONST", "UNSIGNED", "WIDTHTRUNC", "CASEINCOMPLETE", "UNDRIVEN"
    text = "".join(f"/* verilator lint_off {rule} */\n" for rule in rules) + text
    (folder / manifest.verilog).write_text(text, "utf-8")
    copy = dataclasses.replace(manifest, hierarchical_blocks=[])
    path = folder / manifest.path.name
    path.write_text(copy.to_json(), "utf-8")
    return path
