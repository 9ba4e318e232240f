"""Testbench of the decoder, and of a bank of them."""

import os

import cocotb
import numpy as np

from ...designs._operand_types import Side
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
        params = manifest().parameters
        side = self.side = Side(params["format"])
        self.bits = side.bits
        specials = "zero" if params["nan_inf"] == "flag" else "saturate"
        codes = np.arange(1 << self.bits)
        self.operands, self.specials = {}, {}
        for type_, (member, half) in enumerate(side.types):
            fmt = side.members[member]
            lanes = codes
            if len(side.types) == 1 and fmt.lowest_code < 0:
                # By itself an integer's code is the integer.
                lanes = (codes ^ -fmt.lowest_code) + fmt.lowest_code
            special = fmt.special[codes >> (self.bits - fmt.bits)] if not half else codes < 0
            for outlier, neighbour in enumerate((0, 1 << (self.bits - 1))):
                pairs = np.stack([lanes, np.full_like(lanes, neighbour)], axis=1)
                if fmt.integers is None:
                    values = _wide_operands(fmt, specials)[:, None]
                else:
                    values = pairs if fmt.pair else lanes[:, None]
                    values = side.operands(values, type_, 1, specials)
                self.operands[type_, outlier] = values[:, 0]
                self.specials[type_, outlier] = special

    def describe(self, type_, outlier, code):
        beside = ", beside a mark" if outlier and self.side.pair else ""
        return f"{' '.join(self.side.types[type_])} {code:#x}{beside}"


def _wide_operands(fmt, specials):
    """Operands of a small float by code, in Python integers."""
    substitute = 0 if specials == "zero" else fmt.highest
    negative = np.arange(1 << fmt.bits) >> (fmt.bits - 1)
    operands = np.empty(1 << fmt.bits, object)
    for code, value in enumerate(fmt.values):
        size = substitute if fmt.special[code] else abs(int(value / fmt.unit))
        operands[code] = -size if negative[code] else size
    return operands


@cocotb.test(skip=DESIGN != "decoder")
async def every_code(dut):
    """Every code of every type, beside a mark and not; codes of many bits at random."""
    model, bench = Model(), Bench(dut)
    ports = {port["name"]: port for port in manifest().ports}
    codes = np.arange(1 << model.bits)
    if model.bits > 8:
        selection = bench.random.integers(0, len(codes), 2000)
        selection[:6] = [0, 1, len(codes) // 2 - 1, len(codes) // 2, len(codes) // 2 + 1, -1]
        codes = codes[selection]
    # What a port that is not there would say makes no difference.
    outliers = (0, 1) if "outlier" in ports else (0,)
    tried = [
        (type_, o, c) for type_ in range(len(model.side.types)) for o in outliers for c in codes
    ]
    bench.rng.shuffle(tried)
    await bench.reset()
    types, outliers, codes = zip(*tried, strict=True)
    inputs = {"kind": types, "outlier": outliers, "code": codes}
    trace = await play(bench, {name: inputs[name] for name in inputs if name in ports})
    for (type_, outlier, code), word in zip(tried, trace.words["o"], strict=True):
        actual, expected = operand(word, ports["o"]), model.operands[type_, outlier][code]
        where = model.describe(type_, outlier, code)
        assert actual == expected, f"{where}: {actual} instead of {expected}"
    if "special" in ports:
        trace.check("special", np.array([model.specials[k, o][c] for k, o, c in tried]))


@cocotb.test(skip=DESIGN != "decoder_bank")
async def random(dut):
    """Another type every cycle: each lane has that of lane 0 as many cycles ago as it is late."""
    model, bench = Model(), Bench(dut)
    ports = {port["name"]: port for port in manifest().ports}
    (lane_facts,) = ports["o"]["fields"]
    params, types = manifest().parameters, len(model.side.types)
    lanes = params["lanes"]
    delays = [lane // params["together"] * params["step"] for lane in range(lanes + 1)]
    cycles = 300 + 40 * types
    codes = bench.random.integers(0, 1 << model.bits, (cycles, lanes))
    outliers = bench.random.integers(0, 1 + model.side.pair, (cycles, lanes))
    selections = bench.random.integers(0, types, cycles)
    words = codes | outliers << model.bits
    inputs = {"i": [join(row, model.bits + model.side.pair) for row in words]}
    if "kind" in ports:
        inputs["kind"] = selections
    await bench.reset()
    trace = await play(bench, inputs)
    seen = np.stack([late(selections, delay) for delay in delays[:-1]], axis=1)
    for cycle in range(delays[-1], cycles):
        actual = split(trace.words["o"][cycle], lane_facts["width"], lanes)
        for lane, word in enumerate(actual):
            case = (seen[cycle, lane], outliers[cycle, lane], codes[cycle, lane])
            value, expected = operand(word, lane_facts), model.operands[case[:2]][case[2]]
            where = f"cycle {cycle}, lane {lane}, {model.describe(*case)}"
            assert value == expected, f"{where}: {value} instead of {expected}"
    if "kind" in ports:
        trace.check("kind_o", late(selections, delays[-1]), np.arange(cycles) >= delays[-1])
