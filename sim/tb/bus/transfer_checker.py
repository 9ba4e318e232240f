"""Testbench of the check of addresses and counts."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ._beats import beat_count


class TransferChecker:
    """The unit, and what it should say."""

    def __init__(self, dut):
        params = manifest().parameters
        self.dut, self.bench = dut, Bench(dut)
        self.rng = self.bench.rng
        self.layout = {
            name: params[name] for name in ("data_width", "words_per_beat", "beats_per_word")
        }
        self.address_width = params["address_width"]
        self.size = params["data_width"] // 8
        self.all = (1 << self.address_width) // self.size
        self.slots = params["words_per_beat"]
        self.checks = 0

    async def check(self, address, count):
        """Outputs of inputs that are there for two cycles."""
        dut = self.dut
        dut.address.value, dut.count.value = address, count
        await self.bench.tick()
        await self.bench.tick()
        # The next ones make no difference yet.
        dut.address.value = self.rng.getrandbits(self.address_width)
        dut.count.value = self.rng.getrandbits(32)
        await self.bench.tick()
        beats = beat_count(count, **self.layout)
        fits = address // self.size + beats <= self.all
        actual = {name: int(getattr(dut, name).value) for name in ("none", "aligned", "fits")}
        assert actual == {
            "none": count == 0,
            "aligned": address % self.size == 0,
            "fits": fits,
        }, f"{count} words at {address:#x}"
        if fits:
            assert dut.beats.value.to_unsigned() == beats, f"{count} words at {address:#x}"
        assert int(dut.slots.value) == count % self.slots
        self.checks += fits


@cocotb.test()
async def corners(dut):
    """Counts and addresses next to each edge there is."""
    extent = TransferChecker(dut)
    await extent.bench.reset()
    most = (1 << 32) - 1
    all_beats = extent.all * extent.slots // extent.layout["beats_per_word"]
    counts = {0, 1, 2, extent.slots - 1, extent.slots, extent.slots + 1, most, most - 1, 1 << 31}
    counts |= {min(most, max(0, all_beats + n)) for n in range(-2, 3)}
    counts |= {min(most, (1 << bit) + n) for bit in range(2, 33) for n in (-1, 0, 1)}
    for count in sorted(counts):
        beats = beat_count(count, **extent.layout)
        last = max(0, extent.all - beats)
        indices = {0, 1, extent.all - 1, last, max(0, last - 1), min(last + 1, extent.all - 1)}
        for index in sorted(indices):
            await extent.check(min(index, extent.all - 1) * extent.size, count)
    assert extent.checks > len(counts)
    # One bit too many beats, or as many fewer.
    for bit in range(extent.all.bit_length()):
        least = min(most, ((1 << bit) + 1) * extent.slots)
        for count in (least, extent.rng.randint(least, most), most):
            beats = beat_count(count, **extent.layout)
            for end in (extent.all + (1 << bit), extent.all - (1 << bit)):
                if 0 <= end - beats < extent.all:
                    await extent.check((end - beats) * extent.size, count)


@cocotb.test()
async def alignment(dut):
    """Each bit of the address by itself; those below a beat's bytes are wrong."""
    extent = TransferChecker(dut)
    await extent.bench.reset()
    for bit in range(extent.address_width):
        await extent.check(1 << bit, 1)
        await extent.check((1 << extent.address_width) - 1 - (1 << bit), 1)


@cocotb.test()
async def anything(dut):
    """Random addresses and counts of every magnitude."""
    extent = TransferChecker(dut)
    await extent.bench.reset()
    for _ in range(500):
        address = extent.rng.getrandbits(extent.rng.randint(1, extent.address_width))
        await extent.check(address, extent.rng.getrandbits(extent.rng.randint(1, 32)))


@cocotb.test()
async def outputs_come_from_registers(dut):
    extent = TransferChecker(dut)
    await extent.bench.reset()
    for _ in range(20):
        await extent.check(extent.rng.getrandbits(extent.address_width), 1)
        outputs = ["beats", "slots", "none", "aligned", "fits"]
        await check_no_paths(extent.bench, ["address", "count"], outputs)
