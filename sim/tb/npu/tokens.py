"""Testbench of the tokens."""

import cocotb

from ...golden.npu.tokens import CAPACITY, PEERS, tokens
from ...lib.bench import Bench, settle

ENGINES = tuple(PEERS)
#: Names of the ports of an action: mask, request, answer.
PORTS = {"take": ("wait", "request", "granted"), "give": ("signal", "give", "accepted")}


def mask(engine, *peers):
    return sum(1 << PEERS[engine].index(peer) for peer in peers)


async def check(bench, steps):
    """Attempts, a mapping a cycle, and answers in the same cycle."""
    dut = bench.dut
    for number, (step, expected) in enumerate(zip(steps, tokens(steps), strict=True)):
        for action, (flags, request, _) in PORTS.items():
            for engine in ENGINES:
                key = action, engine
                getattr(dut, f"{request}_{engine}").value = key in step
                # Without a request the mask means nothing.
                bits = step[key] if key in step else bench.rng.getrandbits(3)
                getattr(dut, f"{flags}_{engine}").value = bits
        await settle()
        actual = {
            (action, engine)
            for action, (_, _, answer) in PORTS.items()
            for engine in ENGINES
            if getattr(dut, f"{answer}_{engine}").value
        }
        assert actual == expected, f"step {number}, {step}: {actual} instead of {expected}"
        await bench.tick()


async def begin(dut):
    bench = Bench(dut)
    await bench.reset()
    await bench.tick()
    return bench


@cocotb.test()
async def each_pair(dut):
    """Fills and empties each counter beyond its ends, alone; no other counter moves."""
    bench = await begin(dut)
    steps = []
    for giver, peers in PEERS.items():
        for taker in peers:
            give = {("give", giver): mask(giver, taker)}
            # What others try to take meanwhile is not there.
            rest = {
                ("take", engine): mask(engine, peer)
                for engine in ENGINES
                if engine != taker
                for peer in [PEERS[engine][len(steps) % 3]]
            }
            steps += [give | rest] * (CAPACITY + 2)
            steps += [{("take", taker): mask(taker, giver)}] * (CAPACITY + 2)
    await check(bench, steps)


@cocotb.test()
async def all_or_none(dut):
    """Masks of several engines, of which one lacks a token, or has no room; empty masks."""
    bench = await begin(dut)
    steps = []
    for engine, peers in PEERS.items():
        for missing in peers:
            rest = [peer for peer in peers if peer != missing]
            steps += [{("give", peer): mask(peer, engine) for peer in rest}]
            steps += [{("take", engine): 7}] * 2
            steps += [{("give", missing): mask(missing, engine)}, {("take", engine): 7}]
            steps += [{("take", engine): mask(engine, peer)} for peer in peers]
            steps += [{("give", engine): mask(engine, missing)}] * CAPACITY
            steps += [{("give", engine): 7}] * 2
            steps += [{("give", engine): mask(engine, *rest)}]
            steps += [{("take", peer): mask(peer, engine) for peer in peers}] * CAPACITY
        steps += [{("take", engine): 0, ("give", engine): 0}]
    await check(bench, steps)


@cocotb.test()
async def throughput(dut):
    """A token a cycle through every counter at once, at levels 1 and 15."""
    bench = await begin(dut)
    gives = {("give", engine): 7 for engine in ENGINES}
    takes = {("take", engine): 7 for engine in ENGINES}
    both = gives | takes
    steps = [gives, *[both] * 20, *[gives] * 13, *[both] * 20, gives, *[both] * 3]
    expected = tokens(steps)
    assert all(done == both.keys() for done in expected[1:21] + expected[34:54])
    # A counter that is full takes none, also in the cycle in which it gives one.
    assert expected[55] == takes.keys()
    await check(bench, steps)


@cocotb.test()
@cocotb.parametrize(takes=[30, 60, 90], gives=[30, 60, 90])
async def random(dut, takes, gives):
    bench = await begin(dut)
    rng = bench.rng
    shares = {"take": takes, "give": gives}
    masks = (0, 1, 2, 4, 4, 2, 1, 3, 5, 6, 7)
    steps = [
        {
            (action, engine): rng.choice(masks)
            for action, share in shares.items()
            for engine in ENGINES
            if rng.randrange(100) < share
        }
        for _ in range(600)
    ]
    await check(bench, steps)


@cocotb.test()
async def reset(dut):
    """No token is left."""
    for count in (1, 5, CAPACITY):
        bench = await begin(dut)
        await check(bench, [{("give", engine): 7 for engine in ENGINES}] * count)
        bench = await begin(dut)
        await check(bench, [{("take", engine): 1 << n} for n in range(3) for engine in ENGINES])
