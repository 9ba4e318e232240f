"""The register map as documents."""

import json
import re

import pytest
from brickwork.gen.collateral.register_docs import documents
from brickwork.gen.designs.wrappers import Axi, Axis, Uart
from brickwork.gen.emission.emit import emit
from brickwork.sim.manifest import Manifest
from c_driver import emit_top
from integration import CORES, LINE
from systemrdl import RDLCompiler, warnings
from systemrdl.messages import MessagePrinter
from systemrdl.rdltypes import AccessType, OnWriteType

WRAPPERS = {
    "axis": lambda core: Axis(core=core, data_width=32),
    "axi": lambda core: Axi(core=core),
    "axi-wide": lambda core: Axi(core=core, data_width=128, address_width=40),
    "uart": lambda core: Uart(core=core, **LINE),
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tops")
    return emit_top(folder, "gemm_ws rows=3 cols=5 output=scale", "axi", "address_width=40")[1]


@pytest.fixture(scope="module")
def files(manifest):
    return documents(manifest)


@pytest.fixture(params=[(core, name) for core in CORES for name in WRAPPERS], ids="-".join)
def wrapped(request, tmp_path):
    """The manifest of each design in each wrapper."""
    core, name = request.param
    return Manifest.read(emit(WRAPPERS[name](CORES[core]), tmp_path).manifest)


def test_names(files):
    assert list(files) == [f"gemm_ws_axi_registers.{ending}" for ending in ("md", "json", "rdl")]


def test_json(files, manifest):
    entries = json.loads(files["gemm_ws_axi_registers.json"])
    assert entries["digest"] == manifest.digest
    for name in ("registers", "errors", "streams"):
        assert entries[name] == manifest.bus[name]


def tables(text):
    """The rows of each section's table, as lists of cells."""
    sections = {}
    for line in text.splitlines():
        if line.startswith("#"):
            rows = sections[line.lstrip("# ")] = []
        elif line.startswith("| "):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return sections


def test_markdown(files, manifest):
    sections = tables(files["gemm_ws_axi_registers.md"])
    _, *rows = sections["Registers of gemm_ws_axi"]
    registers = manifest.bus["registers"]
    assert [[int(row[0], 16), row[1], int(row[3], 16), row[4]] for row in rows] == [
        [register["offset"], f"`{register['name']}`", register["reset"], register["meaning"]]
        for register in registers
    ]
    for register in registers:
        fields = [field for field in register["fields"] if field["name"] != "value"]
        assert len(sections.get(register["name"], [None])) - 1 == len(fields)
        for row, field in zip(sections.get(register["name"], [])[1:], fields, strict=True):
            high, _, low = row[0].partition(":")
            assert int(low or high) == field["low"]
            assert int(high) == field["low"] + field["width"] - 1
            assert row[1:] == [f"`{field['name']}`", field["meaning"]]
    assert [row[0] for row in sections["Errors"][1:]] == [
        str(error["number"]) for error in manifest.bus["errors"].values()
    ]
    lane = sections["weights"][1]
    assert lane == ["39:0", "`lane`", "5 × signed, 8 bits, the first in the low bits"]


def section(text, title):
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_programming_sequence(wrapped):
    """Steps in order, each register at its offset, each value of fields that it has."""
    text = documents(wrapped)[f"{wrapped.top}_registers.md"]
    sequence, recovery = (
        section(text, title) for title in ("Programming sequence", "Recovery from errors")
    )
    if wrapped.wrapper == "uart":
        assert not sequence
        assert not recovery
        return
    registers = {register["name"]: register for register in wrapped.bus["registers"]}
    for name, offset in re.findall(r"`([A-Z_]+)` \((0x\w+)\)", sequence + recovery):
        assert int(offset, 16) == registers[name]["offset"]
    for name, value in re.findall(r"`([A-Z_]+)` \(0x\w+\) reads (0x\w+)", sequence):
        assert int(value, 16) == registers[name]["reset"]
    writes = re.findall(r"[Ww]rite (0x\w+) to `([A-Z_]+)` \(", sequence)
    assert all(registers[name]["access"] in ("rw", "wo", "w1c") for _, name in writes)
    dma = wrapped.wrapper == "axi"
    assert [(int(value, 16), name) for value, name in writes] == [
        (1, "CONTROL"),
        (3, "INTERRUPT"),
        (3, "INTERRUPT"),
        (3, "INTERRUPT_ENABLE"),
        (3 if dma else 1, "COMMAND"),
    ]
    steps = re.findall(r"^(\d)\. \*\*(\w+)", sequence, re.M)
    assert [int(number) for number, _ in steps] == [*range(1, len(steps) + 1)]
    assert [name for _, name in steps] == (
        ["Identify", "Reset", "Operands", "Addresses", "Counts", "Events", "Start", "Wait"]
        if dma
        else ["Identify", "Reset", "Events", "Counters", "Results", "Operands", "Wait"]
    ) + ["Acknowledge"]
    assert ("ADDRESS_HIGH" in sequence) == (wrapped.bus.get("address_width", 0) > 32)
    errors = {*wrapped.bus["errors"]} - ({"FRAMING"} if dma else set())
    recovered = set(re.findall(r"`([A-Z]+)`", recovery)) & {*wrapped.bus["errors"]}
    assert recovered == (errors if dma else {"FRAMING"})
    for stream in wrapped.bus["streams"].values():
        assert dma or f"`{stream['interface']}`" in sequence


class Messages(MessagePrinter):
    """Collects what the compiler complains about."""

    def __init__(self):
        self.lines = []

    def emit_message(self, lines):
        self.lines += lines


def compiled(text, path):
    """The address map of a text in SystemRDL, which compiles without a complaint."""
    path.write_text(text, "utf-8")
    messages = Messages()
    compiler = RDLCompiler(message_printer=messages, warning_flags=warnings.ALL)
    compiler.compile_file(str(path))
    top = compiler.elaborate().top
    assert messages.lines == []
    return top


#: Access of software to a register, and its side effects.
ACCESS = {
    "ro": (AccessType.r, None, False),
    "rw": (AccessType.rw, None, False),
    "wo": (AccessType.w, None, True),
    "w1c": (AccessType.rw, OnWriteType.woclr, False),
}


def test_system_rdl(wrapped, tmp_path):
    top = compiled(documents(wrapped)[f"{wrapped.top}_registers.rdl"], tmp_path / "map.rdl")
    assert top.inst_name == wrapped.top
    nodes = list(top.registers())
    registers = wrapped.bus["registers"]
    assert [(node.inst_name, node.absolute_address) for node in nodes] == [
        (register["name"], register["offset"]) for register in registers
    ]
    for node, register in zip(nodes, registers, strict=True):
        assert node.size == node.get_property("accesswidth") // 8 == 4
        assert node.get_property("desc") == register["meaning"]
        bits = list(node.fields())
        assert sum(field.get_property("reset") << field.low for field in bits) == register["reset"]
        assert all(
            (
                field.get_property("sw"),
                field.get_property("onwrite"),
                field.get_property("singlepulse"),
            )
            == ACCESS[register["access"]]
            for field in bits
        )
        if not register["fields"]:
            assert [(field.inst_name, field.width) for field in bits] == [("value", 32)]
            assert not bits[0].is_hw_writable
            continue
        assert [(f.inst_name, f.low, f.width, f.get_property("desc")) for f in bits] == [
            (f["name"], f["low"], f["width"], f["meaning"]) for f in register["fields"]
        ]
    (digest,) = next(node for node in nodes if node.inst_name == "DIGEST").fields()
    assert f"{digest.get_property('reset'):08x}" == wrapped.digest[:8]


# Reserved in SystemRDL 2.0, and names of its properties.
KEYWORDS = """
    abstract accesstype addressalignment addressing addressingtype addrmap arbiter async bothedge
    bridge compact counter cpuif_reset dontcompare donttest edge encode errextbus external
    field_reset field hw hwclr hwenable hwmask hwset intr level littleendian lsb0 mem mementries
    memwidth msb0 na name nonsticky onreadtype onwrite overflow paritycheck posedge precedence prop
    rclr reg regalign regfile regwidth reset ro rset rsvdset rw rw1 sharedextbus singlepulse sticky
    stickybit sw swacc swmod swwe swwel sync true underflow w1 we wel wclr woclr wzt xored
"""


def test_system_rdl_of_any_name(tmp_path):
    """The top-level module may be called like a keyword of SystemRDL."""
    manifest = Manifest.read(emit(WRAPPERS["axis"](CORES["eie"]), tmp_path).manifest)
    text = documents(manifest)[f"{manifest.top}_registers.rdl"]
    # One register suffices, once the map with all of them compiles.
    text = text.partition("@ 0x000;")[0] + "@ 0x000;\n};\n"
    for name in [*KEYWORDS.split(), "conv1"]:
        renamed = text.replace(f"\\{manifest.top} ", f"\\{name} ")
        assert compiled(renamed, tmp_path / f"{name}.rdl").inst_name == name
