"""Testbench of the registers: a model of all of them looks on in every cycle."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ._registers import ERRORS, Asker, register_map

INPUTS = ("moves", "waits", "broken", "busy", "resetting", "done", "failed")


class Model:
    """What every register holds, and what every output is."""

    def __init__(self, dut):
        params = manifest().parameters
        self.dut = dut
        self.streams = params["streams"].upper().split(",")
        self.dma = params["address_width"] > 0
        self.address_width = params["address_width"]
        self.tile = params["tile"]
        names = ("streams", "address_width", "counters", "identity", "tile")
        self.map = register_map(*(params[name] for name in names))
        self.by_offset = {register.offset: name for name, register in self.map.items()}
        self._reset()
        self.checks = 0
        self.starts = 0
        outputs = ["done", "error", "read_data"]
        self.handles = {f"registers_{name}": getattr(dut, f"registers_{name}") for name in outputs}

    def _reset(self):
        self.values = {name: register.value for name, register in self.map.items()}
        self.cycles = 0
        self.asked = [0] * 5
        self.answer = None

    def value(self, name):
        return int(getattr(self.dut, name).value)

    def step(self, cycle):
        self._check(cycle)
        # What was asked in the cycle before has its effect in this one.
        request, write, address, strobe, data = self.asked
        self.asked = [
            self.value(f"registers_{name}")
            for name in ("request", "write", "address", "strobe", "write_data")
        ]
        name = self.by_offset.get(address)
        register = self.map.get(name)
        allowed = register is not None and register.access != ("ro" if write else "wo")
        status = self.value("busy") | self.value("resetting") << 1
        mask = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1)
        # What is written, where anything is.
        written = data & mask if request and write and allowed else 0
        starts = self.dma and name == "COMMAND" and written >> 1 & 1
        if self.dma:
            assert self.value("start") == starts, f"cycle {cycle}: start is {not starts}"
            self.starts += starts
        self.answer = None
        values = self.values
        values["STATUS"] = status
        values["CYCLES_LOW"] = self.cycles & 0xFFFF_FFFF
        if request:
            self.answer = (not allowed, 0 if write or not allowed else values[name])
            if allowed and not write and name == "CYCLES_LOW":
                values["CYCLES_HIGH"] = self.cycles >> 32
        if self.value("rst"):
            self._reset()
            return
        clears = name == "COMMAND" and written & 1
        if register and register.access == "rw" and request and write:
            values[name] = (values[name] & ~mask | written) & register.mask
        self._count(clears)
        self._events(written & 3 if name == "INTERRUPT" else 0)

    def _check(self, cycle):
        values = self.values
        done, error, read = (int(handle.value) for handle in self.handles.values())
        assert done == (self.answer is not None), f"cycle {cycle}: done is {done}"
        if done:
            assert (error, read) == self.answer, (
                f"cycle {cycle}: {error}, {read:#x} instead of {self.answer}"
            )
            self.checks += 1
        raised = bool(values["INTERRUPT"] & values["INTERRUPT_ENABLE"])
        assert self.value("interrupt") == raised, f"cycle {cycle}: interrupt is {not raised}"
        assert self.value("reset") == values["CONTROL"]
        if not self.dma:
            assert self.value("single") == values["MODE"]
            return
        if not done and cycle % 16:  # nothing else changes them, and they are wide
            return
        if self.tile:
            tile = self.value("tile"), self.value("tile_words")
            assert tile == (values["TILE"], values["TILE_WORDS"])
        width = self.address_width
        addresses, counts = self.value("address"), self.value("count")
        for index, name in enumerate(self.streams):
            address = values[f"ADDRESS_LOW_{name}"] | values[f"ADDRESS_HIGH_{name}"] << 32
            assert addresses >> index * width & ((1 << width) - 1) == address, name
            assert counts >> index * 32 & 0xFFFF_FFFF == values[f"COUNT_{name}"], name

    def _count(self, clears):
        busy = self.value("busy")
        self.cycles = 0 if clears else self.cycles + busy
        for index, name in enumerate(self.streams):
            if f"WORDS_{name}" not in self.values:
                return
            for prefix, counts in (
                ("WORDS", self.value("moves") >> index & 1),
                ("WAITS", self.value("waits") >> index & busy),
            ):
                key = f"{prefix}_{name}"
                self.values[key] = 0 if clears else self.values[key] + counts

    def _events(self, cleared):
        values = self.values
        pending, broken = values["INTERRUPT"], self.value("broken")
        error = 0
        if self.value("failed"):
            error = self.value("failed_kind") | self.value("failed_stream") << 8
        elif broken:
            error = ERRORS["FRAMING"] | ((broken & -broken).bit_length() - 1) << 8
        fails = bool(self.value("failed") or broken)
        if fails and (not pending & 2 or cleared & 2):
            values["ERROR"] = error
        elif cleared & 2:
            values["ERROR"] = 0
        values["INTERRUPT"] = pending & ~cleared | self.value("done") | fails << 1


class RegisterBank:
    """The registers, and someone who asks."""

    def __init__(self, dut):
        self.dut, self.bench = dut, Bench(dut)
        self.rng = self.bench.rng
        self.model = Model(dut)
        self.asker = Asker(dut, self.bench.tick)
        self.map = self.model.map
        for name in (*INPUTS, "failed_kind", "failed_stream"):
            getattr(dut, name).value = 0

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [self.model]

    def stir(self, percent):
        """Random inputs."""
        rng = self.rng
        for name in INPUTS:
            handle = getattr(self.dut, name)
            flags = [rng.randrange(100) < percent for _ in range(len(handle))]
            handle.value = sum(flag << n for n, flag in enumerate(flags))
        self.dut.busy.value = rng.randrange(4) > 0
        self.dut.failed_kind.value = rng.randrange(1, 8)
        self.dut.failed_stream.value = rng.randrange(8)

    async def play(self, accesses):
        """One after the other, a cycle each; the model checks the answers."""
        handles = [
            getattr(self.dut, f"registers_{name}")
            for name in ("address", "write_data", "strobe", "write", "request")
        ]
        for address, data, strobe in accesses:
            values = (address, data or 0, strobe, data is not None, 1)
            for handle, value in zip(handles, values, strict=True):
                handle.value = value
            await self.bench.tick()
        self.dut.registers_request.value = 0
        for _ in range(2):
            await self.bench.tick()

    async def finish(self):
        """Reads everything once more: whatever went wrong shows."""
        for name in INPUTS:
            getattr(self.dut, name).value = 0
        for register in self.map.values():
            await self.asker.access(register.offset)
        assert self.model.checks >= len(self.map)


@cocotb.test()
async def after_reset(dut):
    """Constants, and zeros, also when there was something else before."""
    for _ in range(2):
        control = RegisterBank(dut)
        await control.start()
        for name, register in control.map.items():
            error, value = await control.asker.access(register.offset)
            assert (error, value) == (register.access == "wo", register.value), name
        control.stir(100)
        for register in control.map.values():
            await control.asker.access(register.offset, 0xFFFF_FFFF)
        await control.finish()


@cocotb.test()
async def every_address(dut):
    """Reads and writes of every byte's address; those without a register are errors."""
    control = RegisterBank(dut)
    await control.start()
    model = control.model
    # Those between the registers, and those that differ from a register's in one bit.
    addresses = set(range(max(model.by_offset) + 32))
    addresses |= {offset ^ 1 << bit for offset in model.by_offset for bit in range(12)}
    await control.play((address, None, 15) for address in sorted(addresses))
    rng = control.rng
    await control.play((address, rng.getrandbits(32), 15) for address in sorted(addresses))
    assert model.checks == 2 * len(addresses)
    await control.finish()


@cocotb.test()
async def written_and_read(dut):
    """Each bit of each register by itself, and each byte, and all but it."""
    control = RegisterBank(dut)
    await control.start()
    rng = control.rng
    for register in control.map.values():
        words = [(0xFFFF_FFFF ^ 1 << bit, 15) for bit in range(0, 32, 5)]
        words += [(1 << bit, 15) for bit in range(32)]
        words += [(rng.getrandbits(32), strobe) for strobe in range(16)]
        await control.play(
            (register.offset, data, strobe) for word, strobe in words for data in (word, None)
        )
    await control.finish()


@cocotb.test()
@cocotb.parametrize(percent=[2, 40])
async def everything_at_once(dut, percent):
    """Accesses cycle after cycle while everything happens, also in resets, if much happens."""
    control = RegisterBank(dut)
    await control.start()
    rng = control.rng
    offsets = [register.offset for register in control.map.values()]
    events = [control.map[name].offset for name in ("INTERRUPT", "ERROR", "COMMAND")]
    for _ in range(3000):
        control.stir(percent)
        address = rng.choice([*offsets, *events * 4, rng.choice(offsets) ^ rng.randrange(4)])
        values = {
            "request": rng.randrange(4) > 0,
            "write": rng.randrange(2),
            "address": address,
            "strobe": rng.choice([15, 15, rng.randrange(16)]),
            "write_data": rng.choice([rng.getrandbits(32), 1, 2, 3]),
        }
        for name, value in values.items():
            getattr(dut, f"registers_{name}").value = value
        dut.rst.value = percent > 2 and rng.random() < 0.03
        await control.bench.tick()
    dut.registers_request.value = dut.rst.value = 0
    for _ in range(2):
        await control.bench.tick()
    await control.finish()
    assert control.model.starts > 20 or not control.model.dma


@cocotb.test()
async def first_error(dut):
    """The first one stays until it is cleared; one that comes with that is the next."""
    control = RegisterBank(dut)
    await control.start()
    at = {name: control.map[name].offset for name in ("INTERRUPT", "ERROR")}
    read = control.asker.read

    async def fail(error, stream):
        dut.failed.value, dut.failed_kind.value, dut.failed_stream.value = 1, error, stream

    await fail(3, 1)
    await control.bench.tick()
    await fail(4, 0)
    await control.bench.tick()
    dut.failed.value = 0
    assert await read(at["ERROR"]) == 3 | 1 << 8
    assert await read(at["INTERRUPT"]) == 2
    # Clearing the other event leaves it.
    await control.asker.write(at["INTERRUPT"], 1)
    assert await read(at["ERROR"]) == 3 | 1 << 8
    for handle, value in (("request", 1), ("write", 1), ("address", at["INTERRUPT"])):
        getattr(dut, f"registers_{handle}").value = value
    dut.registers_write_data.value, dut.registers_strobe.value = 2, 1
    await control.bench.tick()
    dut.registers_request.value = 0
    await fail(5, 1)
    await control.bench.tick()
    dut.failed.value = 0
    await control.bench.tick()
    assert await read(at["ERROR"]) == 5 | 1 << 8
    await control.asker.write(at["INTERRUPT"], 2)
    assert await read(at["ERROR"]) == 0
    assert await read(at["INTERRUPT"]) == 0
    dut.broken.value = 2
    await control.bench.tick()
    dut.broken.value = 0
    assert await read(at["ERROR"]) == ERRORS["FRAMING"] | 1 << 8
    await control.finish()


@cocotb.test()
async def answers_come_from_registers(dut):
    control = RegisterBank(dut)
    await control.start()
    outputs = ["registers_done", "registers_error", "registers_read_data", "interrupt", "reset"]
    for _ in range(40):
        control.stir(30)
        await control.bench.tick()
        await check_no_paths(control.bench, [*INPUTS, "registers_write_data"], outputs)
