"""Testbench of the element of the output-stationary array with sums in binary32."""

import cocotb
import numpy as np

from ...golden.float.gemm_float import gemm_float, single_codes
from ...lib.bench import Bench, manifest
from ...lib.float_codes import FloatCodes
from ...lib.trace import late, play

#: Sums that take turns.
SUMS = 3


class Pe:
    """The unit, with waveforms of tiles: three sums, the terms of which are interleaved."""

    def __init__(self, dut):
        self.bench = Bench(dut)
        self.pipeline = manifest().parameters["pipeline"]
        widths = {port["name"]: port["width"] for port in manifest().ports}
        self.mantissas = [widths[name] - 9 for name in ("acts", "weights")]
        self.delay = (1, 2, 2)[self.pipeline]
        self.codes = [FloatCodes(self.bench.rng, 8, width) for width in self.mantissas]

    def operands(self, length, pattern):
        """Codes of activations, terms × sums, and of weights."""
        draw = self.bench.random
        sides = []
        for side, (codes, width) in enumerate(zip(self.codes, self.mantissas, strict=True)):
            shape = (length, SUMS) if side == 0 else (length, 1)
            if pattern == "any":
                special = draw.choice(codes.specials(), shape)
                other = [[codes.random() for _ in range(shape[1])] for _ in range(length)]
                sides.append(np.where(draw.random(shape) < 0.1, special, other))
                continue
            # Exponents near 1, or such that products are just above the smallest normal numbers.
            low, high = (120, 134) if pattern == "numbers" else (64, 65)
            field = draw.integers(low, high + 1, shape)
            fraction = draw.integers(0, 1 << width, shape)
            code = (field << width) | fraction
            code = np.where(draw.random(shape) < 0.2, 0, code)
            sides.append(code | draw.integers(0, 2, shape) << (8 + width))
        return sides

    def expected(self, a, w):
        """The codes of the three sums."""
        values = [
            (codes << 23 - width).astype(np.uint32).view(np.float32)
            for codes, width in zip((a, w), self.mantissas, strict=True)
        ]
        return single_codes(gemm_float(values[0].T, values[1], terms_per_step=None))[:, 0]

    async def check(self, lengths, pattern, share=0.0):
        """Tiles of so many terms; words are late by turns, or tiles by cycles, in such a share."""
        draw = self.bench.random
        total = sum(lengths) * SUMS
        cycles = 8 * total + 40
        wave = {name: np.zeros(cycles, np.int64) for name in ("first", "done", "load")}
        idle = np.ones(cycles, np.int64)
        # Without a step the words are any at all.
        acts, weights = (
            np.array([codes.random() for _ in range(cycles)], np.int64) for codes in self.codes
        )
        sums = np.zeros(cycles, np.int64)
        at = 0
        for length in lengths:
            a, w = self.operands(length, pattern)
            while draw.random() < share:
                at += 1
            for word in range(length * SUMS):
                term, group = divmod(word, SUMS)
                while word and draw.random() < share:
                    at += SUMS
                acts[at] = a[term, group]
                if group == 0:
                    weights[at], wave["load"][at] = w[term, 0], 1
                wave["first"][at], idle[at] = term == 0, 0
                at += 1
            # The sums are out in the turns that follow.
            wave["done"][at : at + SUMS] = 1
            sums[at : at + SUMS] = self.expected(a, w)
            assert at < cycles - 2 * SUMS
        await self.play(acts, weights, wave | {"idle": idle}, sums)

    async def play(self, acts, weights, wave, sums):
        flags = {name: late(wave[name], self.delay) for name in ("first", "done", "idle")}
        inputs = {"weights": weights, "load": wave["load"]} | flags
        inputs["acts"] = late(acts, int(self.pipeline < 2))
        await self.bench.reset()
        trace = await play(self.bench, inputs)
        where = np.arange(len(acts)) >= 1
        for port in ("acts", "first", "done", "idle", "load"):
            trace.check(f"{port}_o", late(inputs[port], 1), where)
        held, loaded = np.zeros_like(weights), 0
        for cycle, load in enumerate(wave["load"][:-1]):
            loaded = weights[cycle] if load else loaded
            held[cycle + 1] = loaded
        trace.check("weights_o", held, np.cumsum(late(wave["load"], 1)) > 0)
        trace.check("sums", late(sums, self.delay))


@cocotb.test()
@cocotb.parametrize(pattern=["numbers", "any", "tiny"], share=[0.0, 0.2])
async def sums_of_many_lengths(dut, pattern, share):
    """Sums of one product, of some, and of many; words that are late change no sum."""
    pe = Pe(dut)
    lengths = [
        1,
        1,
        2,
        1,
        *pe.bench.random.integers(1, 9, 30),
        *pe.bench.random.integers(20, 60, 4),
    ]
    await pe.check([int(length) for length in lengths], pattern, share)


@cocotb.test()
async def one_product_each(dut):
    """Three sums begin and end in three cycles."""
    await Pe(dut).check([1] * 40, "numbers")
