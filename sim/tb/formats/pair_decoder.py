"""Testbench of the decoder of whole pairs."""

import cocotb
import numpy as np

from ...golden import formats
from ...lib.bench import Bench, manifest
from ...lib.trace import play
from ._operand import operand


@cocotb.test()
async def every_code(dut):
    """Every pair of codes, that of two marks included."""
    bench = Bench(dut)
    given = manifest().parameters
    facts = {port["name"]: port for port in manifest().ports}
    fmt = formats.get(given["format"])
    codes = bench.random.permutation(1 << (2 * fmt.bits))
    halves = [codes & ((1 << fmt.bits) - 1), codes >> fmt.bits]
    pairs = np.stack(halves if given["even"] == "low" else halves[::-1], axis=1)
    expected = formats.operands(pairs, fmt.name)
    if given["undefined"] == "outlier":
        both = (pairs == fmt.identifier).all(axis=1)
        assert both.sum() == 1
        # The code zero would be the least outlier; the mark is it with a sign.
        expected[both] = 0, -fmt.outliers[0]
    await bench.reset()
    trace = await play(bench, {"code": codes})
    for side, name in enumerate(("even", "odd")):
        for code, word, value in zip(codes, trace.words[name], expected[:, side], strict=True):
            found = operand(word, facts[name])
            assert found == value, f"{name} of {code:#x}: {found} instead of {value}"
