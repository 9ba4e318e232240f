"""Testbench of the hold."""

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Monitor, Scoreboard, Source, never, stalls


class User:
    """Takes words when ``wish`` says so; knows exactly what the hold has to show."""

    def __init__(self, dut, board, wish):
        self.dut, self.board, self.wish = dut, board, wish
        self.held, self.word, self.take = False, 0, False
        self.accepted = []
        dut.take.value = 0

    def step(self, cycle):
        dut = self.dut
        assert bool(dut.held.value) == self.held, f"cycle {cycle}: held is {dut.held.value}"
        if self.held:
            assert int(dut.word.value) == self.word, f"cycle {cycle}: the word changed"
        assert bool(dut.i_ready.value) == (not self.held or self.take), f"cycle {cycle}: i_ready"
        if self.take:
            self.board.check(self.word)
            self.accepted.append(cycle)
        if dut.i_ready.value:
            self.held, self.word = bool(dut.i_valid.value), int(dut.i_payload.value)
        self.take = self.held and not self.wish()
        dut.take.value = int(self.take)


async def run(dut, words, stall_in, stall_out):
    bench = Bench(dut)
    unit = manifest()
    stream = unit.streams["i"]
    words = [bench.rng.getrandbits(unit.parameters["width"]) for _ in range(words)]
    board = Scoreboard()
    user = User(dut, board, stalls(stall_out, bench.rng) if stall_out else never)
    source = Source(dut, stream, words, stalls(stall_in, bench.rng))
    await bench.reset()
    bench.agents = [source, Monitor(dut, "i", stream, board.expect), user]
    await bench.run(lambda: len(user.accepted) >= len(words), 20 * len(words) + 50)
    for _ in range(5):
        await bench.tick()
    board.finish()
    return bench, user


@cocotb.test()
@cocotb.parametrize(inputs=[0, 30, 70], outputs=[0, 30, 70])
async def random_stalls(dut, inputs, outputs):
    """Words are held after one cycle, all of them and in order, until they are taken."""
    await run(dut, 300, inputs, outputs)


@cocotb.test()
async def throughput(dut):
    """One word a cycle."""
    _, user = await run(dut, 50, 0, 0)
    assert user.accepted == list(range(user.accepted[0], user.accepted[0] + 50))


@cocotb.test()
async def reset(dut):
    """A reset gives up the word."""
    bench = Bench(dut)
    dut.take.value = 0
    for _ in range(3):
        await bench.reset()
        await bench.tick()
        assert not dut.held.value
        dut.i_valid.value = 1
        await bench.tick()
        await bench.tick()
        assert dut.held.value
    dut.i_valid.value = 0
    await bench.reset()
    await bench.tick()
    assert not dut.held.value
    assert dut.i_ready.value


@cocotb.test()
async def ready_depends_on_take_alone(dut):
    bench = Bench(dut)
    width = manifest().parameters["width"]
    await bench.reset()
    for _ in range(40):
        dut.i_valid.value = bench.rng.randrange(2)
        dut.i_payload.value = bench.rng.getrandbits(width)
        dut.take.value = 0
        await bench.tick()
        await check_no_paths(bench, ["i_valid", "i_payload"], ["i_ready", "held", "word"])
        await check_no_paths(bench, ["take"], ["held", "word"])
