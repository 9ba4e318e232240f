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
    params = manifest().parameters
    ports = {port["name"]: port for port in manifest().ports}
    fmt = formats.get(params["format"])
    codes = bench.random.permutation(1 << (2 * fmt.bits))
    halves = [codes & ((1 << fmt.bits) - 1), codes >> fmt.bits]
    pairs = np.stack(halves if params["even"] == "low" else halves[::-1], axis=1)
    expected = formats.operands(pairs, fmt.name)
    if params["undefined"] == "outlier":
        two_marks = (pairs == fmt.identifier).all(axis=1)
        assert two_marks.sum() == 1
        # The code zero would be the least outlier; the mark is it with a sign.
        expected[two_marks] = 0, -fmt.outliers[0]
    await bench.reset()
    trace = await play(bench, {"code": codes})
    for side, name in enumerate(("even", "odd")):
        for code, word, value in zip(codes, trace.words[name], expected[:, side], strict=True):
            actual = operand(word, ports[name])
            assert actual == value, f"{name} of {code:#x}: {actual} instead of {value}"
