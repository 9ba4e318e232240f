"""Testbench of the detector of codes that are no numbers."""

import cocotb
import numpy as np

from ...designs._operand_types import Side
from ...lib.bench import Bench, manifest
from ...lib.trace import join, play


class Model:
    """Which codes of a type are special, and words with and without them."""

    def __init__(self, bench):
        params = manifest().parameters
        self.random = bench.random
        self.lanes = params["lanes"]
        self.side = Side(params["format"])
        self.bits = self.side.bits
        codes = np.arange(1 << self.bits)
        self.special = []
        for member, half in self.side.types:
            fmt = self.side.members[member]
            special = fmt.special[codes >> (self.bits - fmt.bits)] if not half else codes < 0
            self.special.append(special)

    def word(self, codes):
        """Lanes of codes; above each, of pairs, anything."""
        outliers = self.random.integers(0, 1 + self.side.pair, self.lanes)
        return join(codes | outliers << self.bits, self.bits + self.side.pair)


async def check(bench, model, tried):
    """Words of ``(type, codes)``."""
    await bench.reset()
    inputs = {"i": [model.word(codes) for _, codes in tried]}
    if len(model.side.types) > 1:
        inputs["kind"] = [type_ for type_, _ in tried]
    trace = await play(bench, inputs)
    trace.check("o", np.array([model.special[type_][codes].any() for type_, codes in tried]))


@cocotb.test()
async def every_code_in_every_lane(dut):
    """Beside numbers in the other lanes: of the type, but for another they may be special."""
    bench = Bench(dut)
    model = Model(bench)
    tried = []
    for type_, special in enumerate(model.special):
        numbers = np.flatnonzero(~special)
        for lane in range(model.lanes):
            for code in range(1 << model.bits):
                codes = bench.random.choice(numbers, model.lanes)
                codes[lane] = code
                tried.append((type_, codes))
    bench.rng.shuffle(tried)
    await check(bench, model, tried)


@cocotb.test()
async def random(dut):
    """Words with many special codes, of this type or of another."""
    bench = Bench(dut)
    model = Model(bench)
    any_type = np.flatnonzero(np.any(model.special, axis=0))
    tried = []
    for _ in range(500):
        codes = bench.random.integers(0, 1 << model.bits, model.lanes)
        marked = bench.random.random(model.lanes) < 0.3
        codes[marked] = bench.random.choice(any_type, marked.sum())
        tried.append((bench.random.integers(0, len(model.special)), codes))
    await check(bench, model, tried)
