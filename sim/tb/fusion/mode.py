"""Testbench of what makes modes and operands ready for multipliers."""

import os

import cocotb
import numpy as np

from ...golden.fusion.mode import WIDTHS, every_mode, mode_fields, offset, spread
from ...lib.bench import Bench, manifest
from ...lib.trace import play
from ._modes import port_word

# Outside a simulation, where a module is only looked at, there is no manifest.
DESIGN = manifest().design if "BRICKWORK_MANIFEST" in os.environ else ""


@cocotb.test(skip=DESIGN != "mode_decoder")
async def every_choice(dut):
    """All widths and signs; the code 3 is 8 bits too."""
    bench = Bench(dut)
    tried = []
    for mode in every_mode():
        codes = [(WIDTHS.index(bits), 3)[: 1 + (bits == 8)] for bits in mode[:2]]
        for a_bits in codes[0]:
            for w_bits in codes[1]:
                choice = {"a_bits": a_bits, "w_bits": w_bits}
                choice |= {"a_signed": mode.a_signed, "w_signed": mode.w_signed}
                tried.append((port_word("i", choice), mode))
    assert len({word for word, _ in tried}) == len(tried) == 64
    bench.rng.shuffle(tried)
    await bench.reset()
    trace = await play(bench, {"i": [word for word, _ in tried]})
    trace.check("o", [port_word("o", mode_fields(mode)) for _, mode in tried])
    trace.check("offset", [offset(mode) for _, mode in tried])


@cocotb.test(skip=DESIGN != "spread")
async def every_step(dut):
    """Each step of a word, for each width of the other operand."""
    bench = Bench(dut)
    count = 200
    tried = []
    for code, other_bits in enumerate((*WIDTHS, 8)):
        for step in range(other_bits // 2):
            words = bench.random.integers(0, 1 << 32, count)
            words[:2] = 0x03020100, 0xFFFFFFFF
            tried += [(word, step, code, spread(word, step, other_bits)) for word in words]
    bench.rng.shuffle(tried)
    words, steps, codes, expected = np.array(tried).T
    await bench.reset()
    trace = await play(bench, {"i": words, "step": steps, "other_bits": codes})
    trace.check("o", expected)
