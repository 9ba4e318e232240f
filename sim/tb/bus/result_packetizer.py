"""Testbench of the marks of packets of results."""

from collections import deque

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest, settle
from ...lib.streams import Recorder, Sink, Source, always, never, sparse, stalls, waits

#: Cycles from a command until the word before those that it owes has left, at most.
KNOWN = 4
#: Packets that may be on their way through the core.
DEPTH = 8


class Commands:
    """Commands for the unit, and what they owe, which a core may give from the next cycle on.

    Attributes
    ----------
    marks : list of int
        Of all results that are owed so far, in order, whether they are the last of a packet.
    """

    def __init__(self, dut, commands):
        self.dut = dut
        self.left = deque(commands)  # (owed, last)
        self.single = 0
        self.marks = []
        self.open = False
        self.size = 0  # words that the packet owes so far
        self.ends = []  # of each packet with results the cycle, and all words until its end
        self.cycle = None  # of the last command
        self.allowed = deque()  # (cycle from which on, words)
        self.accepted = 0
        dut.accepted.value = 0

    def step(self, cycle):
        """What was accepted in the cycle that ends."""
        dut = self.dut
        if not dut.accepted.value:
            return
        owed, last = self.left.popleft()
        self.accepted += 1
        self.marks += [0] * owed
        self.size += owed
        self.open = not (last or (self.single and owed))
        if not self.open:
            if self.size:
                self.marks[-1] = 1
                self.ends.append((cycle, len(self.marks)))
            self.size = 0
        if owed:
            self.allowed.append((cycle, owed))
        self.cycle = cycle

    def offer(self, now):
        """Offers the next one, in the cycle that begins."""
        room = bool(self.dut.room.value)
        takes = bool(self.left) and now and room
        owed, last = self.left[0] if self.left else (0, 0)
        self.dut.accepted.value = takes
        self.dut.owed.value, self.dut.last.value = owed, last
        return takes


class ResultPacketizer:
    """The unit between a core and a sink."""

    def __init__(self, dut, commands, stall_in=never, stall_out=never, pause=never):
        unit = manifest()
        params = unit.parameters
        self.dut, self.bench = dut, Bench(dut)
        self.rng = self.bench.rng
        self.width, self.most = params["width"], params["max_owed"]
        self.commands = Commands(dut, commands)
        total = sum(owed for owed, _ in self.commands.left)
        self.words = [self.rng.getrandbits(self.width) for _ in range(total)]
        self.stall_in, self.pause = stall_in, pause
        self.given = 0
        streams = unit.streams
        self.source = Source(dut, streams["i"], self.words, self._hold)
        self.sink = Sink(dut, streams["o"], stall_out)
        self.o = Recorder(dut, "o", streams["o"])
        dut.single.value = 0

    def _hold(self):
        """Whether the core has no result for the next cycle."""
        allowed = self.commands.allowed
        if not allowed or self.bench.cycle < allowed[0][0] or self.stall_in():
            return True
        cycle, words = allowed.popleft()
        if words > 1:
            allowed.appendleft((cycle, words - 1))
        return False

    async def start(self, *, any_state=True):
        await self.bench.reset(any_state=any_state)
        self.bench.agents = [self, self.commands, self.source, self.sink, self.o]

    def step(self, cycle):
        """Before the others: what was known at the beginning of the cycle."""
        dut, commands = self.dut, self.commands
        waiting = [end for end, words in commands.ends if words > self.o.count]
        # Those that ended in this cycle and the one before count later; there is room for them.
        ended = sum(end < cycle - 1 for end in waiting)
        assert bool(dut.room.value) == (ended < DEPTH - 1), f"cycle {cycle}: room with {ended}"
        assert len(waiting) <= DEPTH
        busy = commands.open or bool(waiting) or commands.cycle == cycle - 1
        assert bool(dut.busy.value) == busy, f"cycle {cycle}: busy is {not busy}"

    async def tick(self):
        """A cycle, with a command in the next if there is room."""
        await self.bench.tick()
        await settle()
        self.commands.offer(not self.pause())

    async def finish(self, limit=8000):
        while self.commands.left or self.o.count < len(self.words):
            await self.tick()
            limit -= 1
            assert limit, f"{self.o.count} of {len(self.words)} words came"
        for _ in range(5):
            await self.tick()
            assert not self.dut.o_valid.value
        mask = (1 << self.width) - 1
        assert [word & mask for word in self.o.words] == self.words
        assert [word >> self.width for word in self.o.words] == self.commands.marks


def commands(packets, owes):
    """Packets of so many commands."""
    return [(owes(), int(number == size - 1)) for size in packets for number in range(size)]


@cocotb.test()
@cocotb.parametrize(core=[0, 60], outputs=[0, 60], pauses=[0, 80], single=[0, 1])
async def random_packets(dut, core, outputs, pauses, single):
    """Commands of every kind; marks, order and ``busy`` are right."""
    rng = Bench(dut).rng
    most = min(manifest().parameters["max_owed"], 20)
    packets = ResultPacketizer(
        dut,
        commands(
            [rng.choice([1, 1, 2, 3, 7]) for _ in range(40)],
            lambda: rng.choice([0, 0, 1, most, rng.randint(0, most)]),
        ),
        stalls(core, rng),
        stalls(outputs, rng),
        stalls(pauses, rng),
    )
    await packets.start()
    dut.single.value = packets.commands.single = single
    await packets.finish()
    assert sum(packets.commands.marks) > 10


@cocotb.test()
async def throughput(dut):
    """A word a cycle, with packets of one each and of many, once enough is known of their sizes."""
    for list_, pause, count in (
        ([(1, 1)] * 50, never, 50),
        ([*[(5, 0)] * 9, (0, 0), (5, 1)], never, 50),
        ([(5, 0), (5, 1)] * 5, never, 50),
        # The second packet ends after its first words have left.
        ([(5, 1), *[(5, 0)] * 8, (5, 1)], sparse(1, 2), 12),
    ):
        packets = ResultPacketizer(dut, list_, waits(12), pause=pause)
        await packets.start()
        await packets.finish(100)
        accepted = packets.o.accepted[:count]
        assert accepted == list(range(accepted[0], accepted[0] + count))


@cocotb.test()
async def latency(dut):
    """A cycle, once the size of the packet is known."""
    packets = ResultPacketizer(dut, [(5, 1)], stall_in=sparse(1, 9))
    came = Recorder(dut, "i", manifest().streams["i"])
    await packets.start()
    packets.bench.agents.append(came)
    await packets.finish()
    assert packets.o.offered[1:] == [cycle + 1 for cycle in came.accepted[1:]]


@cocotb.test()
async def most_words(dut):
    """As many as a command can owe, or as there is time for."""
    most = min(manifest().parameters["max_owed"], 600)
    packets = ResultPacketizer(dut, [(most, 0), (most, 1), (1, 1), (most, 1)])
    await packets.start()
    await packets.finish()
    assert [words for _, words in packets.commands.ends] == [2 * most, 2 * most + 1, 3 * most + 1]


@cocotb.test()
@cocotb.parametrize(ended=[0, 1])
async def magnitudes(dut, ended):
    """The first words of packets of each magnitude, and of small ones all that are known."""
    bench = Bench(dut)
    o = Recorder(dut, "o", manifest().streams["o"])
    width = manifest().parameters["width"]
    dut.o_ready.value = 1
    for bit in range(manifest().parameters["max_owed"].bit_length()):
        size = (1 << bit) + ended
        bench.agents = []
        await bench.reset()
        dut.accepted.value, dut.owed.value, dut.last.value = 1, 1 << bit, 0
        await bench.tick()
        dut.accepted.value, dut.owed.value, dut.last.value = ended, 1, 1
        await bench.tick()
        dut.accepted.value = 0
        o.words.clear()
        bench.agents = [o]
        dut.i_valid.value = 1
        for _ in range(12):
            await bench.tick()
        dut.i_valid.value = 0
        known = min(size - (not ended), 5)
        assert [word >> width for word in o.words[:known]] == [
            int(number == size) for number in range(1, known + 1)
        ]
        assert len(o.words) >= known


@cocotb.test()
async def one_by_one(dut):
    """A word leaves with the next that is owed, throughout a long packet."""
    packets = ResultPacketizer(dut, [*[(1, 0)] * 600, (0, 1)])
    await packets.start()
    accepted = deque([0] * KNOWN, KNOWN)
    while packets.commands.left:
        await packets.tick()
        accepted.append(packets.commands.accepted)
        assert packets.o.count >= accepted[0] - 1
    await packets.finish()


@cocotb.test()
async def late_ends(dut):
    """The last word that is owed so far waits until it is known whether it is the last."""
    for owed, ends in ((3, (0, 1)), (1, (0, 1)), (1, (2, 1)), (2, (0, 0)), (4, (1, 0))):
        packets = ResultPacketizer(dut, [(owed, 0), ends, (0, 1)])
        packets.pause = lambda packets=packets: packets.commands.accepted
        await packets.start()
        for _ in range(20):
            await packets.tick()
        assert packets.o.count == owed - 1
        assert not dut.o_valid.value
        # The core does not wait with it.
        assert packets.source.done or packets.source.accepted == owed
        packets.pause = never
        await packets.finish(100)


@cocotb.test()
async def single_does_not_wait(dut):
    """Nor does a command's last word with ``single``, however late the packet ends."""
    packets = ResultPacketizer(dut, [(3, 0), (2, 0)])
    await packets.start()
    dut.single.value = packets.commands.single = 1
    await packets.finish(100)
    assert packets.commands.marks == [0, 0, 1, 0, 1]


@cocotb.test()
async def room(dut):
    """For so many packets whose results have not left, and for others that owe nothing."""
    block = [always]
    packets = ResultPacketizer(dut, [(1, 1)] * 12 + [(0, 1)] * 3, stall_out=lambda: block[0]())
    await packets.start()
    for _ in range(30):
        await packets.tick()
    assert packets.commands.accepted == DEPTH
    block[0] = never
    await packets.finish(100)


@cocotb.test()
async def reset(dut):
    """Whatever was owed is forgotten."""
    rng = Bench(dut).rng
    for cycles in range(1, 16):
        before = commands([1, 3, 2] * 3, lambda: rng.randrange(3))
        packets = ResultPacketizer(dut, before, stall_out=rng.choice([never, always]))
        await packets.start()
        for _ in range(cycles):
            await packets.tick()
        packets = ResultPacketizer(dut, commands([2, 1], lambda: 1))
        await packets.start(any_state=False)
        await packets.finish(100)


@cocotb.test()
async def room_and_busy_come_from_registers(dut):
    rng = Bench(dut).rng
    packets = ResultPacketizer(dut, commands([2] * 20, lambda: 1), stalls(50, rng), stalls(50, rng))
    await packets.start()
    inputs = ["owed", "last", "single", "i_payload", "i_valid", "o_ready"]
    for _ in range(40):
        await packets.tick()
        dut.accepted.value = 0
        await check_no_paths(packets.bench, inputs, ["room", "busy"])
