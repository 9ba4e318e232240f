"""The clock of a testbench: steps every part once a cycle."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

__all__ = ["Bench", "manifest"]


def manifest() -> dict:
    """The manifest of the design under test."""
    return json.loads(Path(os.environ["BRICKWORK_MANIFEST"]).read_text("utf-8"))


class Bench:
    """Clocks the design, resets it, and calls ``step(cycle)`` of each part after each edge.

    What a part reads in ``step`` are the values just before the edge, as a flip-flop would see
    them, and what it writes is there before the next. One coroutine serves all parts: switching
    between several would take most of the time of a simulation.

    Attributes
    ----------
    parts : list
        Add sources, sinks and monitors here. Monitors read only, so their place does not matter.
    rng : random.Random
        Seeded by the run's seed.
    """

    def __init__(self, dut):
        self.dut = dut
        self.parts: list = []
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycle = 0
        self._edge = RisingEdge(dut.clk)

    async def reset(self) -> None:
        self.dut.rst.value = 1
        Clock(self.dut.clk, 2, unit="ns").start(start_high=False)
        for _ in range(3):
            await self._edge
        self.dut.rst.value = 0
        await self._edge

    async def tick(self) -> None:
        """One cycle."""
        await self._edge
        self.cycle += 1
        for part in self.parts:
            part.step(self.cycle)

    async def run(self, until: Callable[[], bool], limit: int) -> None:
        """Cycles until ``until()`` holds; fails when it does not within ``limit`` cycles."""
        end = self.cycle + limit
        while not until():
            assert self.cycle < end, f"not done after {limit} cycles"
            await self.tick()
