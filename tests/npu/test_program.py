"""Programs of layers: the simulator of instructions, and RTL, beside plain numpy."""

import re

import numpy as np
import pytest
from brickwork.gen.npu.program import Program
from brickwork.sim.golden.arith.requantize import requantize
from brickwork.sim.npu.checker import check
from brickwork.sim.npu.container import Container
from brickwork.sim.npu.simulator import Simulator
from npu_cores import core

#: Rows, columns and rows of accumulators of cores.
SHAPES = {"3x5": (3, 5, 64), "1x1": (1, 1, 16), "4x4": (4, 4, 64), "8x8": (8, 8, 64)}
SHAPES |= {"12x20": (12, 20, 128), "16x16": (16, 16, 256)}


def machine(rows, cols, acc_depth, **parameters):
    sizes = {"buffer": 8192, "weights": 16 * rows * 8, "channels": 256, "tables": 8}
    return core(rows, cols, acc_depth=acc_depth, **sizes | parameters)


@pytest.fixture(params=SHAPES)
def small(request):
    return machine(*SHAPES[request.param])


def parameters(rng, count, sums):
    """Parameters of requantization for results that use the whole range."""
    shift = int(max(8, 20 + np.log2(sums + 1)))
    return {
        "bias": rng.integers(-1000, 1000, count),
        "multiplier": rng.integers(1 << 22, 1 << 24, count),
        "shift": np.full(count, min(shift, 40)),
        "zero_point": int(rng.integers(-20, 20)),
    }


def windows(x, kernel, stride, padding, dilation, fill):
    """Codes of windows: channels × taps' rows × taps' columns × height × width."""
    top, left, bottom, right = padding
    padded = np.pad(
        x.astype(np.int64), ((0, 0), (top, bottom), (left, right)), constant_values=fill
    )
    height, width = (
        (padded.shape[1 + axis] - (kernel[axis] - 1) * dilation[axis] - 1) // stride[axis] + 1
        for axis in (0, 1)
    )
    taps = np.zeros((len(x), *kernel, height, width), np.int64)
    for i, j in np.ndindex(*kernel):
        rows = slice(i * dilation[0], i * dilation[0] + (height - 1) * stride[0] + 1, stride[0])
        columns = slice(j * dilation[1], j * dilation[1] + (width - 1) * stride[1] + 1, stride[1])
        taps[:, i, j] = padded[:, rows, columns]
    return taps


def rounded(sums, machine, bias, multiplier, shift, zero_point, low=-128, high=127):
    """Requantized sums of channels × height × width."""
    codes = requantize(
        np.moveaxis(sums, 0, -1),
        *(bias, multiplier, shift, zero_point, low, high),
        rounding=machine.rounding,
    )
    return np.moveaxis(codes, -1, 0).astype(np.int8)


def convolved(
    machine, x, zero, weights, *, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), **values
):
    taps = windows(x, weights.shape[2:], stride, padding, dilation, zero) - zero
    return rounded(np.einsum("ocij,cijyx->oyx", weights, taps), machine, **values)


def run(program, inputs, seeds=2):
    """The outputs in some orders of events, after the checker."""
    built = program.finish()
    assert not check(built.core, built.instructions, built.container.segments)
    segments = built.segments(inputs)
    outputs = []
    for seed in range(seeds):
        simulator = Simulator(built.core, segments)
        simulator.run(built.instructions, seed)
        outputs.append(built.outputs(simulator.segments))
    for name in outputs[0]:
        assert all(np.array_equal(each[name], outputs[0][name]) for each in outputs)
    return outputs[0]


def codes(rng, *shape):
    return rng.integers(-128, 128, shape).astype(np.int8)


def random_walk(rng):
    return {
        "stride": tuple(int(step) for step in rng.integers(1, 4, 2)),
        "dilation": tuple(int(step) for step in rng.integers(1, 3, 2)),
        "padding": tuple(int(size) for size in rng.integers(0, 3, 4)),
    }


@pytest.mark.parametrize("seed", range(6))
def test_convolutions(small, seed):
    rng = np.random.default_rng(seed)
    channels, outputs = rng.integers(1, 3 * small.rows + 2), rng.integers(1, 3 * small.cols + 2)
    kernel = tuple(int(size) for size in rng.integers(1, 5, 2))
    walk = random_walk(rng)
    x = codes(rng, channels, *rng.integers(9, 16, 2))
    weights = codes(rng, outputs, channels, *kernel)
    zero = int(rng.integers(-128, 128))
    values = parameters(rng, outputs, channels * np.prod(kernel))
    program = Program(small)
    program.output("y", program.conv(program.input("x", x.shape, zero), weights, **values, **walk))
    y = run(program, {"x": x})["y"]
    assert np.array_equal(y, convolved(small, x, zero, weights, **values, **walk))


def test_layers_follow_each_other(small):
    """Two convolutions and a fully connected layer, whose tensors stay on chip."""
    rng = np.random.default_rng(7)
    x = codes(rng, 5, 8, 7)
    program = Program(small)
    tensor, golden = program.input("x", x.shape, 3), x
    for outputs, walk in ((9, {"padding": (1, 1, 1, 1)}), (6, {"stride": (2, 2)})):
        weights = codes(rng, outputs, len(golden), 3, 3)
        values = parameters(rng, outputs, 9 * len(golden))
        golden = convolved(small, golden, tensor.zero_point, weights, **values, **walk)
        tensor = program.conv(tensor, weights, **values, **walk)
        program.output(f"y{outputs}", tensor)
    weights = codes(rng, 11, golden.size)
    values = parameters(rng, 11, golden.size)
    sums = weights.astype(np.int64) @ (golden.ravel().astype(np.int64) - tensor.zero_point)
    program.output("z", program.dense(tensor, weights, **values))
    outputs = run(program, {"x": x})
    assert np.array_equal(outputs["y6"], golden)
    assert np.array_equal(outputs["z"], rounded(sums.reshape(-1, 1, 1), small, **values))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("function", ["depthwise", "max_pool", "average_pool"])
def test_windows(small, function, seed):
    rng = np.random.default_rng(seed)
    channels, kernel = rng.integers(1, 3 * small.rows + 2), tuple(map(int, rng.integers(1, 5, 2)))
    walk, zero = random_walk(rng), int(rng.integers(-128, 128))
    x = codes(rng, channels, *rng.integers(9, 14, 2))
    taps = windows(x, kernel, fill=-128 if function == "max_pool" else zero, **walk)
    program = Program(small)
    tensor = program.input("x", x.shape, zero)
    if function == "depthwise":
        weights = codes(rng, channels, *kernel)
        values = parameters(rng, channels, np.prod(kernel))
        y = program.depthwise(tensor, weights, **values, **walk)
        sums = np.einsum("cij,cijyx->cyx", weights, taps - zero)
    elif function == "average_pool":
        passed = {"multiplier": int(rng.integers(1 << 22, 1 << 24)), "shift": 25, "zero_point": -7}
        y = program.average_pool(tensor, kernel, **passed, **walk)
        values = {"bias": 0, **passed}
        sums = (taps - zero).sum(axis=(1, 2))
    else:
        y = program.max_pool(tensor, kernel, **walk)
    program.output("y", y)
    golden = taps.max(axis=(1, 2)) if function == "max_pool" else rounded(sums, small, **values)
    assert np.array_equal(run(program, {"x": x})["y"], golden)


@pytest.mark.parametrize("seed", range(6))
def test_folded_inputs(small, seed):
    rng = np.random.default_rng(seed)
    channels, outputs = int(rng.integers(1, 5)), int(rng.integers(1, 2 * small.cols + 2))
    kernel = tuple(map(int, rng.integers(1, 8, 2)))
    walk = random_walk(rng) | {"dilation": (1, 1)}
    x, zero = codes(rng, channels, *rng.integers(9, 16, 2)), int(rng.integers(-128, 128))
    weights = codes(rng, outputs, channels, *kernel)
    values = parameters(rng, outputs, channels * np.prod(kernel))
    program = Program(small)
    tensor = program.folded_input("x", x.shape, zero, kernel=kernel, **walk)
    program.output("y", program.conv(tensor, weights, **values))
    golden = convolved(small, x, zero, weights, **values, **walk)
    assert np.array_equal(run(program, {"x": x})["y"], golden)


@pytest.mark.parametrize("tables", [4, 16])
def test_sums_one_after_the_other(tables):
    """Each with a table of its own, of which a memory may hold a single one."""
    least = machine(3, 5, 4, tables=tables)
    rng = np.random.default_rng(9)
    x = codes(rng, 4, 3, 5)
    program, golden = Program(least), x
    first = tensor = program.input("x", x.shape)
    for _ in range(6):
        addends = rng.integers(-(1 << 24), 1 << 24, 256)
        tensor = program.add(tensor, first, 1 << 17, addends, 18, 3)
        sums = golden.astype(np.int64) * (1 << 17) + addends[x.astype(int) + 128]
        golden = rounded(sums, least, 0, 1, 18, 3)
    program.output("y", tensor)
    assert np.array_equal(run(program, {"x": x})["y"], golden)


def test_residual_block(small):
    """A block whose sum has two readers, and the average of all pixels behind it."""
    rng = np.random.default_rng(3)
    channels = small.rows + 1
    x, weights = codes(rng, channels, 6, 5), codes(rng, channels, channels, 3, 3)
    values, walk = parameters(rng, channels, 9 * channels), {"padding": (1, 1, 1, 1)}
    addends = rng.integers(-(1 << 24), 1 << 24, 256)
    program = Program(small)
    a = program.input("x", x.shape, 5)
    b = program.conv(a, weights, **values, **walk)
    total = program.add(b, a, 1 << 17, addends, 18, 3)
    program.output("sum", total)
    program.output("mean", program.global_average_pool(total, 1 << 23, 27, -4))
    outputs = run(program, {"x": x})
    golden = convolved(small, x, 5, weights, **values, **walk).astype(np.int64)
    golden = rounded(golden * (1 << 17) + addends[x.astype(int) + 128], small, 0, 1, 18, 3)
    assert np.array_equal(outputs["sum"], golden)
    sums = (golden.astype(np.int64) - 3).sum(axis=(1, 2), keepdims=True)
    assert np.array_equal(outputs["mean"], rounded(sums, small, 0, 1 << 23, 27, -4))


def test_wide_and_deep(small):
    """Rows wider than the accumulators are deep; sums of many more tiles than a slot holds."""
    rng = np.random.default_rng(5)
    channels = 3 * small.rows
    x, weights = codes(rng, channels, 3, 300 // small.rows), codes(rng, 4, channels, 3, 15)
    values, walk = parameters(rng, 4, weights[0].size), {"padding": (1, 7, 1, 7)}
    program = Program(small)
    program.output("y", program.conv(program.input("x", x.shape, 9), weights, **values, **walk))
    golden = convolved(small, x, 9, weights, **values, **walk)
    assert np.array_equal(run(program, {"x": x})["y"], golden)


def test_more_layers_than_a_counter_holds(small):
    """Many stores, and tensors that take each other's words."""
    rng = np.random.default_rng(6)
    x = codes(rng, small.rows + 1, 5, 4)
    program = Program(small)
    tensor = program.input("x", x.shape)
    for number in range(40):
        tensor = program.max_pool(tensor, (2, 2), padding=(1, 0, 0, 1))
        program.output(f"y{number}", tensor)
    golden = x
    outputs = run(program, {"x": x}, seeds=4)
    for number in range(40):
        golden = windows(golden, (2, 2), (1, 1), (1, 0, 0, 1), (1, 1), -128).max(axis=(1, 2))
        assert np.array_equal(outputs[f"y{number}"], golden)


@pytest.mark.parametrize(
    "memories", [{"weights": 6}, {"channels": 10}, {"weights": 3}, {"channels": 5}]
)
def test_least_memories(memories):
    """Slots of one tile, and of one group of columns."""
    least = machine(3, 5, 4, **memories)
    rng = np.random.default_rng(8)
    x, weights = codes(rng, 7, 4, 3), codes(rng, 12, 7, 2, 3)
    values = parameters(rng, 12, weights[0].size)
    program = Program(least)
    program.output("y", program.conv(program.input("x", x.shape, 1), weights, **values))
    golden = convolved(least, x, 1, weights, **values)
    assert np.array_equal(run(program, {"x": x})["y"], golden)


def test_weights_of_four_bits():
    short = machine(3, 5, 16, w_format="int4")
    rng = np.random.default_rng(10)
    x, weights = codes(rng, 7, 5, 6), rng.integers(-8, 8, (12, 7, 3, 2))
    values = parameters(rng, 12, weights[0].size)
    program = Program(short)
    program.output("y", program.conv(program.input("x", x.shape, 1), weights, **values))
    golden = convolved(short, x, 1, weights, **values)
    assert np.array_equal(run(program, {"x": x})["y"], golden)


def test_equal_layers_make_equal_bytes():
    """And a container holds all of the program."""
    contents = []
    for _ in range(2):
        program = Program(machine(4, 4, 64))
        x = program.folded_input("x", (3, 6, 6), kernel=(3, 3))
        y = program.conv(x, np.ones((5, 3, 3, 3), int), 0, 1 << 23, 30)
        program.output("y", program.dense(y, np.ones((2, 80), int), 0, 1 << 23, 30))
        contents.append(program.finish().container.to_bytes())
    assert contents[0] == contents[1]
    container = Container.from_bytes(contents[0])
    assert container.inputs[0]["layout"] == "folded"
    assert container.source_map[-2].startswith("output y")


REFUSALS = {
    "buffer": (
        {"buffer": 64},
        lambda p, x: p.max_pool(x, (1, 1)),
        "Layer window_max 1: Its output needs 48 words in a row of the buffer, which has 64 with "
        "48 in use; take a core with buffer=128 or smaller tensors",
    ),
    "weights": (
        {"weights": 3},
        lambda p, x: p.conv(x, np.ones((2, 5, 1, 1), int), 0, 1, 0),
        "Layer conv 1: Memory weights of 3 words must have at least 4; take a core with weights=4",
    ),
    "channels of weights": (
        {},
        lambda p, x: p.conv(x, np.ones((2, 4, 1, 1), int), 0, 1, 0),
        "Weights must be outputs x 5 x height x width, not of shape 2x4x1x1",
    ),
    "large weight": (
        {},
        lambda p, x: p.conv(x, np.full((2, 5, 1, 1), 128), 0, 1, 0),
        "Weights must be from -128 to 127, not 128",
    ),
    "bias": (
        {},
        lambda p, x: p.conv(x, np.ones((2, 5, 1, 1), int), 1 << 31, 1, 0),
        "Bias must be from -2147483648 to 2147483647, not 2147483648",
    ),
    "kernel": (
        {},
        lambda p, x: p.max_pool(x, (17, 1), padding=(9, 0, 9, 0)),
        "Kernel must be from 1 to 16, not 17",
    ),
    "stride": (
        {},
        lambda p, x: p.max_pool(x, (1, 1), stride=(9, 1)),
        "Stride must be from 1 to 8, not 9",
    ),
    "small input": (
        {},
        lambda p, x: p.max_pool(x, (5, 1)),
        "Input with padding must have at least 5 rows, not 4",
    ),
    "no windows": (
        {"dw_x": 0, "dw_y": 0},
        lambda p, x: p.depthwise(x, np.ones((5, 1, 1), int), 0, 1, 0),
        "Core has no depthwise windows (dw_x=0, dw_y=0); take one with dw_x=3 and dw_y=1",
    ),
    "shapes": (
        {},
        lambda p, x: p.add(x, p.max_pool(x, (2, 2)), 1, np.zeros(256, int), 0),
        "Tensors must have one shape, not 5x4x6 and 5x3x5",
    ),
    "folded": (
        {},
        lambda p, x: p.max_pool(p.folded_input("f", (2, 3, 3), kernel=(2, 2)), (1, 1)),
        "Operand of window_max must be in blocks; a folded input is for its convolution alone",
    ),
    "folded output": (
        {},
        lambda p, x: p.output("f", p.folded_input("f", (2, 3, 3), kernel=(2, 2))),
        "Operand of output must be in blocks; a folded input is for its convolution alone",
    ),
    "name": (
        {},
        lambda p, x: p.input("x", (1, 1, 1)),
        "Name of an input must be new, not 'x'",
    ),
}


@pytest.mark.parametrize(("sizes", "layer", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusals(sizes, layer, message):
    program = Program(machine(4, 4, 64, **sizes))

    def build():
        layer(program, program.input("x", (5, 4, 6)))
        program.finish()

    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        build()


def test_refused_format():
    message = "Weight format must be intN, not flint4; take a core with w_format=int8"
    with pytest.raises(ValueError, match=f"^{message}$"):
        Program(machine(4, 4, 64, w_format="flint4"))


def test_refused_inputs():
    program = Program(machine(4, 4, 64))
    program.output("y", program.input("x", (5, 4, 6)))
    message = "Input x must be int8 of shape 5x4x6, not int64 of shape 5x4"
    with pytest.raises(ValueError, match=f"^{message}$"):
        program.finish().segments({"x": np.zeros((5, 4), int)})
