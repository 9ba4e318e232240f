"""The registers of the network processor, beside those that every core has."""

from ..bus.registers import ERRORS as BUS_ERRORS
from ..bus.registers import Register, constants, controls, events, number_field, numbered
from .counters import COUNTERS
from .errors import ERRORS as PROGRAM_ERRORS
from .isa import ENGINES, SEGMENTS

__all__ = ["ERRORS", "SOURCES", "counter_registers", "npu_register_map"]

#: Numbers of ``ERROR.source``: what an error comes from.
SOURCES = {"program": 0, "fetch": 1, "load": 2, "store": 3}
#: Numbers and meanings of ``ERROR.kind``; 0 is none.
ERRORS = {name: error for name, error in BUS_ERRORS.items() if name != "FRAMING"} | PROGRAM_ERRORS


def counter_registers():
    """Name to meaning of the registers of counters, low halves of 32 bits first."""
    registers = {}
    for counter in COUNTERS:
        if counter.name == "cycles":  # which every core has
            continue
        if counter.width <= 32:
            registers[counter.name] = counter.meaning
            continue
        registers[f"{counter.name}_low"] = f"{counter.meaning}: low half"
        registers[f"{counter.name}_high"] = f"{counter.meaning}: high half"
    return registers


def npu_register_map(*, address_width, pc_width, counters, identity, design):
    """The registers of the network processor on AXI4-Lite.

    Parameters
    ----------
    address_width : int
        Bits of a memory address.
    pc_width : int
        Bits of the number of an instruction.
    counters : dict
        Name to meaning of each counter, in the order of their offsets.
    identity : dict
        Values of the registers that tell what the core is.
    design : str
        Meaning of ``CAPS.design``.

    Returns
    -------
    list of Register
        By offset.
    """
    command = (
        ("clear", 1, "set CYCLES and all counters to 0"),
        ("start", 1, "begin the program at BASE_*_PROGRAM"),
    )
    registers = [
        *constants(identity, design),
        *controls(command, "nothing to choose", (), "a program is running"),
        *events(
            "a program has ended",
            ERRORS,
            ("source", 8, numbered(SOURCES)),
            ("instruction", 1, "an instruction with irq has ended"),
        ),
        Register(
            name="ERROR_PC",
            offset=0x3C,
            access="ro",
            meaning="number of the instruction of the first error",
            fields=number_field("instruction", pc_width),
        ),
        Register(
            name="LENGTH",
            offset=0x50,
            access="rw",
            meaning="instructions of the program",
            fields=number_field("instructions", pc_width),
        ),
    ]
    registers += [
        Register(
            name=f"PC_{engine.upper()}",
            offset=0x60 + 4 * number,
            access="ro",
            meaning=f"number of the oldest instruction of the engine {engine}",
            fields=number_field("instruction", pc_width),
        )
        for number, engine in enumerate(ENGINES)
    ]
    registers += [
        Register(
            name=name.upper(),
            offset=0x80 + 4 * number,
            access="ro",
            meaning=meaning,
            fields=number_field("count"),
        )
        for number, (name, meaning) in enumerate(counters.items())
    ]
    for name, number in SEGMENTS.items():
        registers += _base(name, number, address_width)
    return sorted(registers, key=lambda register: register.offset)


def _base(name, number, address_width):
    high = max(address_width - 32, 0)
    yield Register(
        name=f"BASE_LOW_{name.upper()}",
        offset=0x100 + 8 * number,
        access="rw",
        meaning=f"address of the first byte of the segment {name}",
        fields=number_field("low half", min(address_width, 32)),
    )
    yield Register(
        name=f"BASE_HIGH_{name.upper()}",
        offset=0x104 + 8 * number,
        access="rw" if high else "ro",
        meaning="high half of the address",
        fields=number_field("high half", high) if high else (),
    )
