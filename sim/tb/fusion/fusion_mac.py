"""Testbench of the multiply-accumulate units."""

import itertools
import os

import cocotb
import numpy as np

from ...golden.fusion.fusion_mac import fusion_mac
from ...golden.fusion.fusion_unit import fusion_unit
from ...golden.fusion.mode import Mode, every_mode, offset
from ...lib.bench import Bench, manifest
from ...lib.trace import late, play
from ._modes import drawn, extreme, mode_word

# Outside a simulation, where a module is only looked at, there is no manifest.
DESIGN = manifest().design if "BRICKWORK_MANIFEST" in os.environ else ""


async def check(bench, inputs, terms):
    """Sums of the terms that the inputs make, a cycle after they come."""
    await bench.reset()
    trace = await play(bench, inputs)
    sums = fusion_mac(terms, inputs["first"])
    # What the register holds before the first sum begins is not known.
    checked = np.cumsum(inputs["first"]) > 0
    trace.check("o", late(sums, 1), late(checked, 1))


def beginnings(bench, cycles, share):
    """Flags of that share of the cycles, one of them soon."""
    first = (bench.random.random(cycles) < share).astype(int)
    first[2] = 1
    return first


def fused_inputs(random, modes, a, w, shift, first):
    """Inputs of :class:`FusionMac`: ``modes``, ``a``, ``w`` and ``shift`` of each cycle."""
    words = {mode: mode_word(mode) for mode in every_mode()}
    offsets = [offset(mode) for mode in modes]
    if manifest().parameters["tree"] != "separable":  # it does not matter
        offsets = random.integers(0, 1 << 17, len(modes))
    inputs = {"a": a, "w": w, "mode": [words[mode] for mode in modes], "offset": offsets}
    return inputs | {"shift": shift, "first": first}


@cocotb.test(skip=DESIGN != "fusion_mac")
@cocotb.parametrize(pattern=["random", "extremes"])
async def every_mode_any_time(dut, pattern):
    """Another mode and shift every cycle, in sums that are short and in sums that wrap."""
    bench = Bench(dut)
    modes = every_mode() * 40
    bench.rng.shuffle(modes)
    if pattern == "random":
        a = [drawn(bench.random, (), mode.w_bits) for mode in modes]
        w = [drawn(bench.random, (), mode.a_bits) for mode in modes]
    else:
        a = [extreme(bench.random, 1, m.a_bits, m.w_bits, m.a_signed)[0] for m in modes]
        w = [extreme(bench.random, 1, m.w_bits, m.a_bits, m.w_signed)[0] for m in modes]
    a, w = np.array(a), np.array(w)
    shift = bench.random.integers(0, 4, len(modes))
    terms = [
        int(fusion_unit(a[n : n + 1], w[n : n + 1], mode)[0]) << (8 * int(shift[n]))
        for n, mode in enumerate(modes)
    ]
    for share in (0.3, 0.01):
        first = beginnings(bench, len(modes), share)
        await check(bench, fused_inputs(bench.random, modes, a, w, shift, first), terms)


@cocotb.test(skip=DESIGN != "fusion_mac")
@cocotb.parametrize(a_signed=[0, 1], w_signed=[0, 1])
async def halves(dut, a_signed, w_signed):
    """Numbers of 16 bits by such of 8 in two cycles, and by such of 16 bits in four."""
    bench = Bench(dut)
    for a_bits, w_bits in ((16, 8), (8, 16), (16, 16)):
        limits = [
            (-sign << (bits - 1), (1 << (bits - sign)) - 1)
            for bits, sign in ((a_bits, a_signed), (w_bits, w_signed))
        ]
        products, columns = [], []
        for number in range(150):
            if number < 4:
                a, w = limits[0][number & 1], limits[1][number >> 1]
            else:
                a, w = (bench.rng.randint(*limit) for limit in limits)
            products.append(a * w)
            # Of two bytes the low one has no sign.
            passes = itertools.product(range(a_bits // 8), range(w_bits // 8))
            for step, (i, j) in enumerate(passes):
                mode = Mode(
                    8, 8, a_signed * (8 * i + 8 == a_bits), w_signed * (8 * j + 8 == w_bits)
                )
                byte = [a >> (8 * i) & 255, w >> (8 * j) & 255]
                columns.append((mode, *(0x01010101 * b for b in byte), i + j, int(step == 0)))
        columns.append(columns[-1])  # to see the last sum
        modes, a, w, shift, first = zip(*columns, strict=True)
        await bench.reset()
        trace = await play(bench, fused_inputs(bench.random, modes, a, w, shift, first))
        count = a_bits * w_bits // 64
        for number, product in enumerate(products):
            actual = trace.words["o"][count * (number + 1)]
            label = f"product {number} of {a_bits} × {w_bits} bits"
            assert actual == product & 0xFFFFFFFF, f"{label}: {actual:#x} instead of {product:#x}"


@cocotb.test(skip=DESIGN != "fixed_mac")
@cocotb.parametrize(pattern=["random", "extremes"])
async def products_of_bytes(dut, pattern):
    """Signs that change every cycle."""
    bench = Bench(dut)
    cycles = 4000
    a, w = bench.random.integers(0, 256, (2, cycles))
    if pattern == "extremes":
        a, w = bench.random.choice([0, 1, 127, 128, 255], (2, cycles))
    a_signed, w_signed = bench.random.integers(0, 2, (2, cycles))
    terms = (a - 256 * (a_signed & (a > 127))) * (w - 256 * (w_signed & (w > 127)))
    for share in (0.3, 0.001):
        inputs = {"a": a, "w": w, "a_signed": a_signed, "w_signed": w_signed}
        await check(bench, inputs | {"first": beginnings(bench, cycles, share)}, terms)


@cocotb.test(skip=DESIGN != "fixed_mac")
async def wrapping(dut):
    """The largest product until the sum wraps."""
    cycles = 34_000
    ones = np.ones(cycles, int)
    first = np.zeros(cycles, int)
    first[0] = 1
    inputs = {"a": 255 * ones, "w": 255 * ones, "a_signed": 0 * ones, "w_signed": 0 * ones}
    await check(Bench(dut), inputs | {"first": first}, 255 * 255 * ones)


@cocotb.test(skip=DESIGN != "temporal_mac")
async def digit_by_digit(dut):
    """Products of numbers of every width, a digit of each in a cycle."""
    bench = Bench(dut)
    wanted, columns = {}, []
    for mode in every_mode() * 6:
        sums = 0
        for term in range(bench.rng.randint(1, 4)):
            codes = [bench.rng.getrandbits(bits) for bits in mode[:2]]
            if bench.rng.random() < 0.3:
                codes = [bench.rng.choice([1 << (b - 1), (1 << b) - 1]) for b in mode[:2]]
            numbers = [
                code - (sign << bits if code >> (bits - 1) else 0)
                for code, bits, sign in zip(codes, mode[:2], mode[2:], strict=True)
            ]
            sums += numbers[0] * numbers[1]
            for i, j in itertools.product(range(mode.a_bits // 2), range(mode.w_bits // 2)):
                columns.append(
                    {
                        "x": codes[0] >> (2 * i) & 3,
                        "y": codes[1] >> (2 * j) & 3,
                        "x_signed": int(mode.a_signed and 2 * i + 2 == mode.a_bits),
                        "y_signed": int(mode.w_signed and 2 * j + 2 == mode.w_bits),
                        "shift": i + j,
                        "first": int(term == i == j == 0),
                    }
                )
        wanted[len(columns)] = sums
    columns.append(columns[-1])
    await bench.reset()
    trace = await play(bench, {name: [c[name] for c in columns] for name in columns[0]})
    expected = np.array([wanted.get(cycle, 0) for cycle in range(len(columns))])
    trace.check("o", expected, np.isin(np.arange(len(columns)), list(wanted)))


@cocotb.test(skip=DESIGN != "temporal_mac")
@cocotb.parametrize(share=[0.3, 0.001])
async def any_shift(dut, share):
    """Each of the shifts with each product of digits."""
    bench = Bench(dut)
    cycles = 6000
    x, y = bench.random.integers(0, 4, (2, cycles))
    x_signed, y_signed = bench.random.integers(0, 2, (2, cycles))
    shift = bench.random.integers(0, 7, cycles)
    terms = (x - 4 * (x_signed & (x > 1))) * (y - 4 * (y_signed & (y > 1))) << (2 * shift)
    inputs = {"x": x, "y": y, "x_signed": x_signed, "y_signed": y_signed, "shift": shift}
    await check(bench, inputs | {"first": beginnings(bench, cycles, share)}, terms)
