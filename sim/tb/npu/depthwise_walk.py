"""Testbench of the walk of depthwise windows."""

import cocotb

from ...golden.npu.depthwise_walk import depthwise_walk
from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, never, stalls
from ...lib.trace import join
from ._fields import unpack
from ._windows import corner_windows, random_windows, window, window_word

FIRST_STEP, FIRST_TAP = 6, 3


class Walk:
    """The unit between a source of instructions and two sinks; stalls in percent."""

    def __init__(self, dut, instructions, stall_in=0, stall_steps=0, stall_taps=0):
        unit = manifest()
        self.bench, self.parameters = Bench(dut), unit.parameters
        self.streams = streams = unit.streams
        self.width = self.parameters["address_width"]
        sizes = {name: self.parameters[name] for name in ("dw_x", "dw_y")}
        self.walks = [depthwise_walk(fields, **sizes) for fields in instructions]
        self.zeros = [fields["a_zero"] & 255 for fields in instructions]
        words = [window_word(streams["i"], fields) for fields in instructions]

        def pattern(percent):
            return stalls(percent, self.bench.rng) if percent else never

        self.agents = [
            Source(dut, streams["i"], words, pattern(stall_in)),
            Sink(dut, streams["steps"], pattern(stall_steps)),
            Sink(dut, streams["taps"], pattern(stall_taps)),
        ]
        self.i, self.steps, self.taps = (
            Recorder(dut, name, streams[name]) for name in ("i", "steps", "taps")
        )

    async def start(self):
        await self.bench.reset()
        self.bench.agents = [*self.agents, self.i, self.steps, self.taps]

    async def finish(self, limit=100_000):
        """All steps and taps: an instruction may have its first reads in steps of the last one."""
        emits = [
            self._expected(step, a_zero)
            for (steps, _), a_zero in zip(self.walks, self.zeros, strict=True)
            for step in steps
        ]
        taps = [
            tap | {"address": tap["address"] % (1 << self.width)}
            for _, taps in self.walks
            for tap in taps
        ]
        outputs = sum(step["emit"] for step in emits)

        counted = emitted = 0
        end = self.bench.cycle + limit
        while emitted < outputs or self.taps.count < len(taps):
            assert self.bench.cycle < end, f"not done after {limit} cycles"
            await self.bench.tick()
            for word in self.steps.words[counted:]:
                emitted += unpack(self.streams["steps"], word)["emit"]
                counted += 1
        for _ in range(30):
            await self.bench.tick()
        steps = [self._actual(word) for word in self.steps.words]
        if len(self.walks) == 1:
            assert len(steps) == len(emits)
            for number, (actual, right) in enumerate(zip(steps, emits, strict=True)):
                assert actual == right, f"step {number}: {actual} instead of {right}"
        for name, select in (("reads", _reads), ("sums", _sums)):
            actual, right = select(steps), select(emits)
            assert len(actual) == len(right), f"{len(actual)} {name} instead of {len(right)}"
            for number, (a, r) in enumerate(zip(actual, right, strict=True)):
                assert a == r, f"{name} {number}: {a} instead of {r}"
        assert [self._tap(word) for word in self.taps.words] == taps
        return steps

    def _expected(self, step, a_zero):
        reads = [address is not None for address in step["addresses"]]
        mask = (1 << self.width) - 1
        fields = {
            "reads": join(reads, 1),
            "addresses": join([(address or 0) & mask for address in step["addresses"]], self.width),
            "emit": int(step["emit"]),
        }
        if step["emit"]:
            fields |= {"columns": join(step["columns"], 1), "rows": join(step["rows"], 1)}
            fields |= {name: int(step[name]) for name in ("first", "last", "switch")}
            fields["a_zero"] = a_zero
            # Rows of one pass have no partial sums.
            fields["x"] = None if step["first"] and step["last"] else step["x"]
        return fields

    def _actual(self, word):
        """Fields but for those that do not matter: addresses without a read; a sum's without it."""
        fields = unpack(self.streams["steps"], word)
        mask = (1 << self.width) - 1
        addresses = [
            word >> (k * self.width) & (mask if fields["reads"] >> k & 1 else 0)
            for k in range(self.parameters["dw_y"])
        ]
        fields["addresses"] = join(addresses, self.width)
        if not fields["emit"]:
            assert not fields["switch"]
            return {name: fields[name] for name in ("reads", "addresses", "emit")}
        if fields["first"] and fields["last"]:
            fields["x"] = None
        return fields

    def _tap(self, word):
        (layout,) = (f for f in self.streams["taps"]["fields"] if f["name"] == "tap")
        fields = unpack(self.streams["taps"], word)
        return unpack(layout, fields["tap"]) | {"address": fields["address"]}


def _reads(steps):
    return [(step["reads"], step["addresses"]) for step in steps if step["reads"]]


def _sums(steps):
    hidden = ("reads", "addresses")
    return [
        {name: value for name, value in step.items() if name not in hidden}
        for step in steps
        if step["emit"]
    ]


@cocotb.test()
async def corners(dut):
    """Each by itself: all steps and taps, the first ones after the latency."""
    for name, fields in corner_windows(manifest().parameters["depth"]).items():
        cocotb.log.info("%s", name)
        walk = Walk(dut, [fields])
        await walk.start()
        await walk.finish()
        start = walk.i.accepted[0]
        assert walk.steps.offered[0] == start + FIRST_STEP
        assert walk.taps.offered[0] == start + FIRST_TAP


@cocotb.test()
async def padding_without_cycles(dut):
    """A step a cycle, as many as outputs, and one ahead of the first: none for padding."""
    wide = manifest().parameters["dw_x"] == 3
    fields = window(kw=3 if wide else 1, ix0=-1 if wide else 0, kh=1, iy0=0, nb=3)
    walk = Walk(dut, [fields])
    await walk.start()
    await walk.finish()
    count = fields["nb"] * fields["oh"] * fields["ow"] + wide
    first = walk.i.accepted[0] + FIRST_STEP
    assert walk.steps.accepted == list(range(first, first + count))


@cocotb.test()
async def instructions(dut):
    """They follow each other without a gap; the first columns of the next are in the last steps."""
    fields = window(a_row=7, a_blk=0)
    alone = Walk(dut, [fields | {"nb": 4}])
    await alone.start()
    await alone.finish()
    walk = Walk(dut, [fields] * 4)
    await walk.start()
    await walk.finish()
    assert walk.steps.accepted[-1] - walk.i.accepted[0] == (
        alone.steps.accepted[-1] - alone.i.accepted[0]
    )


@cocotb.test()
@cocotb.parametrize(inputs=[0, 80], steps=[0, 50], taps=[0, 50])
async def random_stalls(dut, inputs, steps, taps):
    rng = Bench(dut).rng
    instructions = [random_windows(rng, manifest().parameters["depth"]) for _ in range(4)]
    walk = Walk(dut, instructions, inputs, steps, taps)
    await walk.start()
    await walk.finish()


@cocotb.test()
async def reset(dut):
    """A reset at any time ends an instruction; the next one is right."""
    rng = Bench(dut).rng
    for cycles in (*range(1, 12), 15, 20, 30):
        walk = Walk(dut, [random_windows(rng, manifest().parameters["depth"]) for _ in range(4)])
        await walk.start()
        for _ in range(cycles):
            await walk.bench.tick()
        walk.bench.agents = []
        walk = Walk(dut, [window(nb=2)])
        await walk.start()
        await walk.finish()


@cocotb.test()
async def no_paths_within_a_cycle(dut):
    rng = Bench(dut).rng
    walk = Walk(dut, [random_windows(rng, 10) for _ in range(3)], 40, 40, 40)
    await walk.start()
    inputs = ["i_payload", "i_valid", "steps_ready", "taps_ready"]
    outputs = ["i_ready", "steps_valid", "steps_payload", "taps_valid", "taps_payload"]
    for _ in range(60):
        await walk.bench.tick()
        await check_no_paths(walk.bench, inputs, outputs)
    await walk.finish()
