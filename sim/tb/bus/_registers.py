"""The map of the registers, as drivers that were written for it know it."""

from typing import NamedTuple

__all__ = ["ERRORS", "Register", "register_map"]

ERRORS = {
    "LENGTH": 1,
    "ALIGNMENT": 2,
    "RANGE": 3,
    "READ": 4,
    "WRITE": 5,
    "FRAMING": 6,
    "BUSY": 7,
}

_WHOLE = (1 << 32) - 1


class Register(NamedTuple):
    """Where a register is; ``access`` is ``ro``, ``rw``, ``wo`` or ``w1c``.

    ``mask`` are the bits that can be written, ``value`` is what it reads after a reset.
    """

    offset: int
    access: str
    mask: int = 0
    value: int = 0


def register_map(streams, address_width, counters, identity, tile=()) -> dict[str, Register]:
    """Every register by name; the parameters are those of the unit."""
    identity = dict(identity)
    dma = address_width > 0
    registers = {
        "ID": Register(0x00, "ro", value=int.from_bytes(b"BRWK", "big")),
        "VERSION": Register(0x04, "ro", value=1 << 16 | 1),
        "COMMAND": Register(0x20, "wo", 3 if dma else 1),
        "CONTROL": Register(0x24, "rw", 1),
        "MODE": Register(0x28, "ro" if dma else "rw", 0 if dma else 1),
        "STATUS": Register(0x2C, "ro"),
        "INTERRUPT": Register(0x30, "w1c", 3),
        "INTERRUPT_ENABLE": Register(0x34, "rw", 3),
        "ERROR": Register(0x38, "ro"),
        "CYCLES_LOW": Register(0x40, "ro"),
        "CYCLES_HIGH": Register(0x44, "ro"),
    }
    offsets = {"CAPS": 0x08, "DIGEST": 0x0C, "SHAPE": 0x10, "LIMIT": 0x14, "WIDTHS": 0x18}
    offsets |= {"MAX_K": 0x1C, "GENERATOR": 0x48, "REVISION": 0x4C}
    registers |= {
        name: Register(offsets[name], "ro", value=value) for name, value in identity.items()
    }
    if tile:
        bits = sum(width for _, width in tile)
        registers["TILE"] = Register(0x50, "rw", (1 << bits) - 1)
        words = identity["LIMIT"].bit_length()
        registers["TILE_WORDS"] = Register(0x54, "rw", (1 << words) - 1)
    for index, name in enumerate(streams.upper().split(",")):
        if counters:
            registers[f"WORDS_{name}"] = Register(0x80 + 8 * index, "ro")
            registers[f"WAITS_{name}"] = Register(0x84 + 8 * index, "ro")
        if dma:
            low = _WHOLE >> max(0, 32 - address_width)
            high = _WHOLE >> 32 - max(0, address_width - 32)
            at = 0x100 + 16 * index
            registers[f"ADDRESS_LOW_{name}"] = Register(at, "rw", low)
            registers[f"ADDRESS_HIGH_{name}"] = Register(at + 4, "rw" if high else "ro", high)
            registers[f"COUNT_{name}"] = Register(at + 8, "rw", _WHOLE)
    return registers


class Asker:
    """Reads and writes registers at the ports ``registers_*`` of a unit."""

    def __init__(self, dut, tick):
        self._tick = tick
        names = ("request", "write", "address", "strobe", "write_data")
        self._asks = {name: getattr(dut, f"registers_{name}") for name in names}
        self._answers = [getattr(dut, f"registers_{name}") for name in ("error", "read_data")]
        self._done = dut.registers_done
        for handle in self._asks.values():
            handle.value = 0

    async def access(self, address, data=None, strobe=15) -> tuple[int, int]:
        """Reads, or writes ``data``; returns whether it is an error, and what was read."""
        values = (1, data is not None, address, strobe, data or 0)
        for handle, value in zip(self._asks.values(), values, strict=True):
            handle.value = value
        await self._tick()
        self._asks["request"].value = 0
        await self._tick()
        assert not self._done.value, f"too early an answer from {address:#x}"
        await self._tick()
        assert self._done.value, f"no answer from {address:#x}"
        return tuple(int(handle.value) for handle in self._answers)

    async def read(self, address) -> int:
        """What is read; fails on an error."""
        error, value = await self.access(address)
        assert not error, f"register {address:#x} cannot be read"
        return value

    async def write(self, address, data) -> None:
        """Writes; fails on an error."""
        error, _ = await self.access(address, data)
        assert not error, f"register {address:#x} cannot be written"
