"""Testbench of the array of fusion units, and so of its tiles."""

import cocotb
import numpy as np

from ...golden.fusion.mesh_fusion import mesh_fusion
from ...golden.fusion.mode import Mode, every_mode, offset
from ...lib.bench import Bench, manifest
from ...lib.trace import play, skewed
from ..systolic._stationary import check_words
from ._modes import drawn, extreme, mode_word


def operands(bench, pattern, mode, side, shape):
    """Spread words of activations, or of weights."""
    widths = (mode.a_bits, mode.w_bits) if side == "a" else (mode.w_bits, mode.a_bits)
    if pattern == "random":
        return drawn(bench.random, shape, widths[1])
    return extreme(bench.random, shape, *widths, getattr(mode, f"{side}_signed"))


async def check(bench, modes, gaps, pattern):
    """A set of weights after the other, each of the mode in ``modes``.

    ``gaps`` are the cycles that each of them but the last stays longer than the next one's loading
    takes. The mode changes as late as it may before the first activations of another, and these
    come no later; what is still on its way then is not looked at.
    """
    params = manifest().parameters
    rows, cols, pipeline = params["rows"], params["cols"], params["pipeline"]
    latency = manifest().timing["mode_latency"]
    swaps = rows + latency + np.cumsum([0, *(rows + gap for gap in gaps)])
    length = int(swaps[-1]) + 4 * rows
    cycles = length + rows + cols + pipeline
    inputs = {
        "acts": np.zeros((cycles, rows), int),
        "weights": bench.random.integers(0, 1 << 32, (cycles, cols)),
        "shift": np.zeros((cycles, rows), int),
        "swap": np.zeros((cycles, rows), int),
        "mode": np.zeros(cycles, int),
        "offset": np.zeros(cycles, int),
    }
    psums, checked = np.zeros((cycles, cols), int), np.zeros(cycles, bool)
    first_used = swaps + (pipeline < 2)
    loaded = [0, *swaps]
    before = None
    for number, mode in enumerate(modes):
        weights = operands(bench, pattern, mode, "w", (rows, cols))
        for step in range(rows):
            inputs["weights"][loaded[number] + step] = weights[rows - 1 - step]
            inputs["shift"][loaded[number] + step, : step + 1] = 1
        inputs["swap"][swaps[number]] = 1
        begin, end = int(first_used[number]), int([*first_used, length][number + 1])
        if mode != before:
            # Multipliers work a cycle after ``swap``, adders another one later if registered.
            inputs["mode"][swaps[number] + 1 - latency if number else 0 :] = mode_word(mode)
            base = int(bench.random.integers(-1 << 15, 1 << 15)) - rows * offset(mode)
            inputs["offset"][swaps[number] + 1 + (pipeline > 0) if number else 0 :] = base
            checked[max(0, begin - (rows + cols - 2)) : begin] = False
        inputs["acts"][begin:end] = operands(bench, pattern, mode, "a", (end - begin, rows))
        psums[begin:end] = mesh_fusion(
            inputs["acts"][begin:end], weights, base, mode=mode, psum_width=params["psum_width"]
        )
        checked[begin:end] = True
        before = mode
    for name in ("acts", "weights", "swap"):
        inputs[name] = skewed(inputs[name])
    await bench.reset()
    trace = await play(bench, inputs)
    check_words(trace, psums, checked)


@cocotb.test()
@cocotb.parametrize(pattern=["extremes", "random"])
async def as_fast_as_it_goes(dut, pattern):
    """In each mode new weights every ``rows`` cycles, with never a cycle without activations."""
    bench = Bench(dut)
    for mode in every_mode():
        await check(bench, [mode] * 4, [0] * 3, pattern)


@cocotb.test()
@cocotb.parametrize(pattern=["extremes", "random"])
async def weights_that_wait(dut, pattern):
    """Weights that stay for random times, while the next ones are loaded and wait."""
    bench = Bench(dut)
    for mode in bench.rng.sample(every_mode(), 6):
        await check(bench, [mode] * 13, bench.random.integers(0, 12, 12), pattern)


@cocotb.test()
@cocotb.parametrize(pattern=["extremes", "random"])
async def changes_of_mode(dut, pattern):
    """Every mode after another, with some sets of weights in each."""
    bench = Bench(dut)
    params = manifest().parameters
    modes = [mode for mode in every_mode() for _ in range(2)]
    bench.rng.shuffle(modes)
    longest = params["rows"] + params["cols"] + 4
    await check(bench, modes, bench.random.integers(0, longest, len(modes) - 1), pattern)


@cocotb.test()
async def reset(dut):
    """A reset makes the mode that of 2 bits without signs at once; PEs keep their weights."""
    bench = Bench(dut)
    params = manifest().parameters
    rows, cols, width = params["rows"], params["cols"], params["psum_width"]
    mode, span = Mode(2, 2, 0, 0), rows + cols
    for other in bench.rng.sample(every_mode(), 8):
        weights = drawn(bench.random, (rows, cols), 2)
        acts = drawn(bench.random, (2 * span, rows), 2)
        base = int(bench.random.integers(-1 << 15, 1 << 15))
        # Weights come into use, and nothing is on its way when the reset comes.
        cycles = 3 * span
        inputs = {name: np.zeros((cycles, rows), int) for name in ("acts", "shift", "swap")}
        inputs["weights"] = bench.random.integers(0, 1 << 32, (cycles, cols))
        for step in range(rows):
            inputs["weights"][step] = weights[rows - 1 - step]
            inputs["shift"][step, : step + 1] = 1
        inputs["swap"][rows] = 1
        inputs |= {name: skewed(inputs[name]) for name in ("weights", "swap")}
        inputs["mode"] = np.full(cycles, mode_word(other))
        await bench.reset()
        await play(bench, inputs)
        dut.rst.value = 1
        await play(bench, {name: values[-1:] for name, values in inputs.items()})
        dut.rst.value = 0

        acts_then = np.pad(acts, ((0, span + params["pipeline"]), (0, 0)))
        after = {"mode": mode_word(mode), "offset": base}
        inputs = {name: np.full(len(acts_then), value) for name, value in after.items()}
        trace = await play(bench, inputs | {"acts": skewed(acts_then)})
        psums = mesh_fusion(acts, weights, base, mode=mode, psum_width=width)
        check_words(trace, psums, np.ones(len(acts), bool))
