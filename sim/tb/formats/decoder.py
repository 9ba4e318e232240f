"""Testbench of the decoder, and of a bank of them."""

import os

import cocotb
import numpy as np

from ...designs.operand_types import Side
from ...lib.bench import Bench, manifest
from ...lib.trace import join, late, play, split
from ._operand import operand

# Outside a simulation, where a module is only looked at, there is no manifest.
DESIGN = manifest().design if "BRICKWORK_MANIFEST" in os.environ else ""


class Model:
    """What each code stands for, by type and by whether the neighbour is a victim's mark.

    Attributes
    ----------
    bits : int
        Width of a code's port.
    operands, specials : dict
        For each pair of a type's index and 0 or 1 an array by code.
    """

    def __init__(self):
        given = manifest().parameters
        side = self.side = Side(given["format"])
        self.bits = side.bits
        specials = "zero" if given["specials"] == "flag" else "saturate"
        codes = np.arange(1 << self.bits)
        self.operands, self.specials = {}, {}
        for kind, (member, half) in enumerate(side.types):
            fmt = side.members[member]
            lanes = codes
            if len(side.types) == 1 and fmt.lowest_code < 0:
                # By itself an integer's code is the integer.
                lanes = (codes ^ -fmt.lowest_code) + fmt.lowest_code
            special = fmt.special[codes >> (self.bits - fmt.bits)] if not half else codes < 0
            for outlier, neighbour in enumerate((0, 1 << (self.bits - 1))):
                pairs = np.stack([lanes, np.full_like(lanes, neighbour)], axis=1)
                values = side.operands(pairs if fmt.pair else lanes[:, None], kind, 1, specials)
                self.operands[kind, outlier] = values[:, 0]
                self.specials[kind, outlier] = special

    def describe(self, kind, outlier, code):
        beside = ", beside a mark" if outlier and self.side.pair else ""
        return f"{' '.join(self.side.types[kind])} {code:#x}{beside}"


@cocotb.test(skip=DESIGN != "decoder")
async def every_code(dut):
    """Every code of every type, beside a mark and not; codes of many bits at random."""
    model, bench = Model(), Bench(dut)
    facts = {port["name"]: port for port in manifest().ports}
    codes = np.arange(1 << model.bits)
    if model.bits > 8:
        chosen = bench.random.integers(0, len(codes), 2000)
        chosen[:6] = [0, 1, len(codes) // 2 - 1, len(codes) // 2, len(codes) // 2 + 1, -1]
        codes = codes[chosen]
    # What a port that is not there would say makes no difference.
    outliers = (0, 1) if "outlier" in facts else (0,)
    tried = [(kind, o, c) for kind in range(len(model.side.types)) for o in outliers for c in codes]
    bench.rng.shuffle(tried)
    await bench.reset()
    kinds, outliers, codes = zip(*tried, strict=True)
    inputs = {"kind": kinds, "outlier": outliers, "code": codes}
    trace = await play(bench, {name: inputs[name] for name in inputs if name in facts})
    for (kind, outlier, code), word in zip(tried, trace.words["o"], strict=True):
        found, expected = operand(word, facts["o"]), model.operands[kind, outlier][code]
        where = model.describe(kind, outlier, code)
        assert found == expected, f"{where}: {found} instead of {expected}"
    if "special" in facts:
        trace.check("special", np.array([model.specials[k, o][c] for k, o, c in tried]))


@cocotb.test(skip=DESIGN != "decoder_bank")
async def random(dut):
    """Another type every cycle: each lane has that of lane 0 as many cycles ago as is its index."""
    model, bench = Model(), Bench(dut)
    facts = {port["name"]: port for port in manifest().ports}
    (lane_facts,) = facts["o"]["fields"]
    lanes, types = manifest().parameters["lanes"], len(model.side.types)
    cycles = 300 + 40 * types
    codes = bench.random.integers(0, 1 << model.bits, (cycles, lanes))
    outliers = bench.random.integers(0, 1 + model.side.pair, (cycles, lanes))
    kinds = bench.random.integers(0, types, cycles)
    words = codes | outliers << model.bits
    inputs = {"i": [join(row, model.bits + model.side.pair) for row in words]}
    if "kind" in facts:
        inputs["kind"] = kinds
    await bench.reset()
    trace = await play(bench, inputs)
    seen = np.stack([late(kinds, lane) for lane in range(lanes)], axis=1)
    for cycle in range(lanes, cycles):
        found = split(trace.words["o"][cycle], lane_facts["width"], lanes)
        for lane, word in enumerate(found):
            given = (seen[cycle, lane], outliers[cycle, lane], codes[cycle, lane])
            value, expected = operand(word, lane_facts), model.operands[given[:2]][given[2]]
            where = f"cycle {cycle}, lane {lane}, {model.describe(*given)}"
            assert value == expected, f"{where}: {value} instead of {expected}"
    if "kind" in facts:
        trace.check("kind_o", late(kinds, lanes), np.arange(cycles) >= lanes)
