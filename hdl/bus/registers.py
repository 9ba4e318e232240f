"""The registers of a core behind a bus: the one place that says where they are and what they do."""

from dataclasses import dataclass

__all__ = [
    "ERRORS",
    "MAGIC",
    "MAP_VERSION",
    "TOPS",
    "Register",
    "RegisterField",
    "bit_fields",
    "constants",
    "controls",
    "events",
    "number_field",
    "numbered",
    "register_map",
]

#: What ``ID`` reads: "BRWK" in ASCII.
MAGIC = 0x4252574B
#: Version of this map, major << 16 | minor. Drivers refuse another major version.
MAP_VERSION = 0x0001_0001

#: Numbers of the bus wrappers in the register ``CAPS``.
TOPS = {"axis": 1, "axi": 2, "uart": 3}

#: Numbers and meanings of ``ERROR.kind``; 0 is none.
ERRORS = {
    "LENGTH": (1, "a job with no words of a stream that it needs"),
    "ALIGNMENT": (2, "an address that is no multiple of the bus's bytes"),
    "RANGE": (3, "words that would lie beyond the last address"),
    "READ": (4, "the memory answered a read with an error"),
    "WRITE": (5, "the memory answered a write with an error"),
    "FRAMING": (6, "a packet that ended within a word, or a beat with a gap before a word"),
    "BUSY": (7, "a start while a job was running, or words of one before were left"),
}


@dataclass(frozen=True, kw_only=True)
class RegisterField:
    """Bits ``low`` to ``low + width - 1`` of a register."""

    name: str
    low: int
    width: int
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Register:
    """A register of 32 bits.

    Attributes
    ----------
    name : str
        In capitals, as in the C header.
    offset : int
        Of its first byte, a multiple of 4.
    access : str
        ``"ro"``, ``"rw"``, ``"wo"`` (writes have an effect, nothing can be read), or ``"w1c"``
        (bits that are written as 1 become 0).
    meaning : str
    reset : int
        Value after a reset; of a constant its only one.
    fields : tuple of RegisterField
        From bit 0 up; bits without a field read as 0.
    """

    name: str
    offset: int
    access: str
    meaning: str
    reset: int = 0
    fields: tuple[RegisterField, ...] = ()

    @property
    def writable(self):
        """The bits that can be written."""
        if self.access == "ro":
            return 0
        return sum(((1 << field.width) - 1) << field.low for field in self.fields)


def bit_fields(*fields):
    """Fields one after the other, each a name, a width and a meaning."""
    placed, low = [], 0
    for name, width, meaning in fields:
        placed.append(RegisterField(name=name, low=low, width=width, meaning=meaning))
        low += width
    return tuple(placed)


def number_field(meaning, width=32):
    return bit_fields(("value", width, meaning))


def numbered(names):
    """Names with their numbers, as the meaning of a field."""
    return ", ".join(f"{number} {name}" for name, number in names.items())


def register_map(
    *, streams, address_width, counters, identity, design="number of the design", tile=()
):
    """The registers of a bus wrapper.

    Parameters
    ----------
    streams : list of str
        Names of the core's streams, the results last: their indices are the order here.
    address_width : int
        Bits of a memory address for a wrapper with DMA, 0 for one without.
    counters : bool
        Whether there are ``WORDS_*`` and ``WAITS_*``.
    identity : dict
        Values of ``CAPS``, ``DIGEST``, ``SHAPE``, ``LIMIT``, ``WIDTHS``, ``MAX_K``, ``GENERATOR``
        and ``REVISION``.
    design : str
        Meaning of ``CAPS.design``: the core's number and name.
    tile : tuple of (str, int)
        Names and widths of the fields of a tile, for a wrapper that walks through the index of
        block-sparse weights.

    Returns
    -------
    list of Register
        By offset.
    """
    dma = address_width > 0
    registers = [*constants(identity, design, tile), *_job_controls(dma)]
    registers += events(
        "a job has ended" if dma else "a packet of results has left",
        ERRORS,
        ("stream", 8, "index of its stream"),
    )
    registers += _tile(tile, identity["LIMIT"]) if tile else []
    for index, name in enumerate(streams):
        registers += _counters(index, name) if counters else []
        registers += _descriptor(index, name, address_width) if dma else []
    return sorted(registers, key=lambda register: register.offset)


#: Offset, meaning and fields of the registers whose values tell what the core is; a meaning alone
#: stands for a register that is one number. ``CAPS`` also has the field ``design``.
_IDENTITY = {
    "CAPS": (
        0x08,
        "what the core is",
        (
            ("top", 4, numbered(TOPS)),
            ("beat", 4, "logarithm to base 2 of the bus's bytes"),
            ("channels", 1, "there is a stream of per-channel quantization parameters"),
            ("special", 1, "results carry a flag for NaN and infinities"),
            ("streams", 4, "number of streams, the results included"),
        ),
    ),
    "DIGEST": (0x0C, "first 32 bits of the digest of all parameters", ()),
    "SHAPE": (
        0x10,
        "array of PEs",
        (("rows", 16, "rows of PEs"), ("cols", 16, "columns of PEs")),
    ),
    "LIMIT": (0x14, "most rows of A in an output tile, or most activations in a PE", ()),
    "WIDTHS": (
        0x18,
        "bits of numbers",
        (
            ("act", 8, "an activation"),
            ("weight", 8, "a weight"),
            ("result", 8, "a result"),
            ("acc", 8, "an accumulator"),
        ),
    ),
    "MAX_K": (0x1C, "largest K that the accumulators are exact for; 0 if any", ()),
    "GENERATOR": (
        0x48,
        "version of Brickwork that generated the core",
        (("patch", 8, "patch"), ("minor", 8, "minor version"), ("major", 16, "major version")),
    ),
    "REVISION": (0x4C, "RTL revision: digest of the sources that the core was generated from", ()),
}


#: A further field of ``CAPS`` of a wrapper that walks.
_WALK = ("walk", 1, "tiles are those of an index of block-sparse weights in memory")


def constants(identity, design, tile=()):
    """The registers that tell what the core is, with the values ``identity``."""
    yield Register(
        name="ID",
        offset=0x00,
        access="ro",
        meaning='a core of Brickwork: "BRWK"',
        reset=MAGIC,
        fields=number_field("magic number"),
    )
    yield Register(
        name="VERSION",
        offset=0x04,
        access="ro",
        meaning="version of this map",
        reset=MAP_VERSION,
        fields=bit_fields(("minor", 16, "compatible changes"), ("major", 16, "other changes")),
    )
    for name, (offset, meaning, fields) in _IDENTITY.items():
        if name == "CAPS":
            fields = (("design", 8, design), *fields, *([_WALK] if tile else []))
        yield Register(
            name=name,
            offset=offset,
            access="ro",
            meaning=meaning,
            reset=identity[name],
            fields=bit_fields(*fields) if fields else number_field(meaning),
        )


def _job_controls(dma):
    command = [("clear", 1, "set CYCLES, WORDS_* and WAITS_* to 0")]
    if dma:
        command.append(("start", 1, "begin the job that the registers of the streams describe"))
        return controls(command, "nothing to choose", (), "a job is running")
    meaning = (
        "a packet of results ends with each accumulation group, not only with the packet of "
        "descriptors"
    )
    mode = (("run_packets", 1, meaning),)
    busy = "results are owed for accepted descriptors"
    return controls(command, "how the wrapper works", mode, busy)


def controls(command, mode_meaning, mode, busy):
    """The registers by which the host tells the core what to do, and sees what it is doing.

    Parameters
    ----------
    command, mode : sequence of (str, int, str)
        Fields of ``COMMAND`` and of ``MODE``.
    mode_meaning : str
    busy : str
        Meaning of ``STATUS.busy``.
    """
    yield Register(
        name="COMMAND",
        offset=0x20,
        access="wo",
        meaning="bits written as 1 take effect at once",
        fields=bit_fields(*command),
    )
    yield Register(
        name="CONTROL",
        offset=0x24,
        access="rw",
        meaning="soft reset",
        fields=bit_fields(
            ("reset", 1, "while 1 the core is held in reset, and words that come are dropped"),
        ),
    )
    yield Register(
        name="MODE",
        offset=0x28,
        access="rw" if mode else "ro",
        meaning=mode_meaning,
        fields=bit_fields(*mode),
    )
    yield Register(
        name="STATUS",
        offset=0x2C,
        access="ro",
        meaning="what the core is doing",
        fields=bit_fields(
            ("busy", 1, busy),
            ("resetting", 1, "CONTROL.reset is 1, or its transfers on the bus have not ended"),
        ),
    )
    yield Register(
        name="CYCLES_LOW",
        offset=0x40,
        access="ro",
        meaning="cycles in which STATUS.busy was 1; reading it holds CYCLES_HIGH",
        fields=number_field("low half"),
    )
    yield Register(
        name="CYCLES_HIGH",
        offset=0x44,
        access="ro",
        meaning="as it was when CYCLES_LOW was read",
        fields=number_field("high half"),
    )


def events(done, errors, detail, *others):
    """The registers of interrupts and of the first error.

    Parameters
    ----------
    done : str
        Meaning of the event ``done``.
    errors : dict
        As :data:`ERRORS`.
    detail : (str, int, str)
        Field of ``ERROR`` above the error's number.
    *others : (str, int, str)
        Further events.
    """
    happened = bit_fields(("done", 1, done), ("error", 1, "there was an error; see ERROR"), *others)
    yield Register(
        name="INTERRUPT",
        offset=0x30,
        access="w1c",
        meaning="what has happened",
        fields=happened,
    )
    yield Register(
        name="INTERRUPT_ENABLE",
        offset=0x34,
        access="rw",
        meaning="what raises the line interrupt",
        fields=happened,
    )
    yield Register(
        name="ERROR",
        offset=0x38,
        access="ro",
        meaning="the first error since INTERRUPT.error was cleared",
        fields=bit_fields(
            ("kind", 8, numbered({name: number for name, (number, _) in errors.items()})),
            detail,
        ),
    )


def _tile(tile, limit):
    """What all tiles of a job have in common."""
    meanings = {"length": "rows of A less one"}
    meanings |= dict.fromkeys(("first", "last"), "set by the walk")
    yield Register(
        name="TILE",
        offset=0x50,
        access="rw",
        meaning="the tile that stands for each block of the index",
        fields=bit_fields(*((name, width, meanings.get(name, name)) for name, width in tile)),
    )
    yield Register(
        name="TILE_WORDS",
        offset=0x54,
        access="rw",
        meaning="words of the rows of A that each tile takes",
        fields=number_field("words", limit.bit_length()),
    )


def _counters(index, name):
    waits = "the host let wait" if name == "results" else "the core waited for"
    yield Register(
        name=f"WORDS_{name.upper()}",
        offset=0x80 + 8 * index,
        access="ro",
        meaning=f"words of {name} transferred",
        fields=number_field("words"),
    )
    yield Register(
        name=f"WAITS_{name.upper()}",
        offset=0x84 + 8 * index,
        access="ro",
        meaning=f"cycles of STATUS.busy in which {waits} {name}",
        fields=number_field("cycles"),
    )


def _descriptor(index, name, address_width):
    high = max(address_width - 32, 0)
    yield Register(
        name=f"ADDRESS_LOW_{name.upper()}",
        offset=0x100 + 16 * index,
        access="rw",
        meaning=f"where {name} begin in memory, a multiple of the bus's bytes",
        fields=number_field("low half", min(address_width, 32)),
    )
    yield Register(
        name=f"ADDRESS_HIGH_{name.upper()}",
        offset=0x104 + 16 * index,
        access="rw" if high else "ro",
        meaning=f"high half of the address of {name}",
        fields=number_field("high half", high) if high else (),
    )
    yield Register(
        name=f"COUNT_{name.upper()}",
        offset=0x108 + 16 * index,
        access="rw",
        meaning=f"words of {name} in the job",
        fields=number_field("words"),
    )
