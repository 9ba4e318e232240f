"""The clock of a testbench, which steps sources, sinks and monitors once a cycle."""

import os
import random
from collections import Counter
from collections.abc import Callable

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer

from ..manifest import Manifest

__all__ = ["Bench", "check_no_paths", "manifest", "settle"]


def manifest() -> Manifest:
    """The manifest of the design under test."""
    return Manifest.read(os.environ["BRICKWORK_MANIFEST"])


#: Random inputs before a reset take at most so many cycles.
_MOST_RANDOM_CYCLES = 24

#: How many benches the test with a seed had so far: each resets other states.
_benches: Counter[int] = Counter()


class Bench:
    """Clocks and resets the design, and calls ``step(cycle)`` of each agent after each edge.

    A reset finds the design in any state: random inputs come first.

    In ``step`` an agent reads the values just before the edge, as a flip-flop does; its writes take
    effect before the next edge. One coroutine serves all agents: switching between several would
    take most of the time of a simulation.

    A combinational unit has no clock, and a unit of data registers no reset; the bench works for
    both.

    Attributes
    ----------
    agents : list
        Sources, sinks and monitors. Monitors only read, so their position does not matter.
    rng : random.Random
        Random numbers from the run's seed.
    random : numpy.random.Generator
        Random arrays from the same seed.
    """

    def __init__(self, dut):
        self.dut = dut
        self.agents: list = []
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.random = np.random.default_rng(cocotb.RANDOM_SEED)
        self.cycle = 0
        self._clock = Clock(dut.clk, 2, unit="ns") if hasattr(dut, "clk") else None
        self._edge = RisingEdge(dut.clk) if self._clock else Timer(2, "ns")
        self._running = False
        # Numbers of its own, so that those of a test do not depend on how it begins.
        number = _benches[cocotb.RANDOM_SEED]
        _benches[cocotb.RANDOM_SEED] += 1
        self._state_rng = random.Random(f"state {number} {cocotb.RANDOM_SEED}")
        self._inputs = [
            getattr(dut, port["name"])
            for port in manifest().ports
            if port["direction"] == "input" and port["name"] not in ("clk", "rst")
        ]
        self._shares: list[float] = []
        for handle in self._inputs:
            handle.value = 0
        cocotb.log.info("random numbers from the seed %d", cocotb.RANDOM_SEED)

    async def reset(self, cycles: int = 1, *, any_state: bool = True) -> None:
        """Starts the clock if it stands still, and resets the design; agents do not step.

        Values at its end are those of the last cycle of the reset; :meth:`tick` leads to the first
        one after it. With ``any_state`` all inputs have random values before and during the
        reset, which no rule of a protocol binds, and those of before afterwards: also for a unit
        that has no reset itself. Agents that work without ``step`` would answer to what the design
        does with them.
        """
        if self._clock and not self._running:
            self._clock.start(start_high=False)
            self._running = True
        await self._edge  # what agents write at first
        if self._clock:
            before = [handle.value for handle in self._inputs]
            for cycle in range(any_state and self._state_rng.randint(1, _MOST_RANDOM_CYCLES)):
                self._randomize(cycle)
                await self._edge
            self._set_reset(1)
            for cycle in range(cycles):
                if any_state:
                    self._randomize(cycle)
                await self._edge
            self._set_reset(0)
            for handle, value in zip(self._inputs, before, strict=True):
                handle.value = value

    def _set_reset(self, value):
        if hasattr(self.dut, "rst"):
            self.dut.rst.value = value

    def _randomize(self, cycle: int) -> None:
        """Random values on all inputs, from cycle 0 of a sequence on."""
        rng = self._state_rng
        if cycle == 0:
            # Single bits are often set or seldom: queues fill or empty, and states get deep.
            self._shares = [rng.choice((0.1, 0.5, 0.9)) for _ in self._inputs]
        for handle, share in zip(self._inputs, self._shares, strict=True):
            single = len(handle) == 1
            handle.value = rng.random() < share if single else rng.getrandbits(len(handle))

    async def tick(self) -> None:
        """One cycle."""
        await self._edge
        self.cycle += 1
        for agent in self.agents:
            agent.step(self.cycle)

    async def run(self, until: Callable[[], bool], limit: int) -> None:
        """Cycles until ``until()`` holds; fails when it does not within ``limit`` cycles."""
        end = self.cycle + limit
        while not until():
            assert self.cycle < end, f"not done after {limit} cycles"
            await self.tick()


async def check_no_paths(bench: Bench, inputs: list[str], outputs: list[str]) -> None:
    """Fail if an input reaches an output within a cycle.

    Call it at an edge, after :meth:`Bench.tick`; the inputs are restored before the next edge.
    """
    handles = [getattr(bench.dut, name) for name in inputs]
    watched = [getattr(bench.dut, name) for name in outputs]
    await Timer(200, "ps")
    values = [int(handle.value) for handle in handles]
    before = [int(handle.value) for handle in watched]
    for handle, value in zip(handles, values, strict=True):
        for trial in (0, (1 << len(handle)) - 1, bench.rng.getrandbits(len(handle)), value):
            handle.value = trial
            await Timer(10, "ps")
            for name, then, now in zip(outputs, before, watched, strict=True):
                assert int(now.value) == then, f"{handle._name} reaches {name} within a cycle"


async def settle() -> None:
    """Wait, after an edge, until combinational outputs have settled."""
    await Timer(100, "ps")
