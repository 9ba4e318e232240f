"""Programs of layers on the Verilog: bit for bit, and how much of the array they use."""

from pathlib import Path

import numpy as np
import pytest
from brickwork import Npu
from brickwork.gen.api.program import run_program
from brickwork.gen.designs.wrappers import wrapped
from brickwork.gen.emission.emit import emit
from brickwork.gen.npu.program import Program
from brickwork.sim.manifest import Manifest
from brickwork.sim.npu.checker import check
from brickwork.sim.npu.core import Core
from brickwork.sim.npu.device import execute
from brickwork.sim.npu.simulator import Simulator

SMALL = {"rows": 3, "cols": 5, "acc_depth": 64, "buffer": 2048, "banks": 4, "weights": 256}
SMALL |= {"channels": 64, "tables": 8, "dw_depth": 32, "queue": 4}
#: Cycles of memory on the 16 × 16 core.
LATENCY = 60
#: Uses of the array that are reached.
CONVOLUTION = 0.995
FOLDED = [(7, 2, (56, 224), 0.91), (3, 1, (56, 56), 0.84)]
SAME = (1, 1, 1, 1)
SCALE = {"bias": 0, "multiplier": 1 << 23, "shift": 35}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return Path(emit(wrapped(Npu(**SMALL)), tmp_path_factory.mktemp("small")).manifest)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A core of 16 × 16 PEs with windows of 3 × 3 taps a cycle."""
    design = wrapped(Npu(dw_x=3, dw_y=3), data_width=128)
    return Path(emit(design, tmp_path_factory.mktemp("base")).manifest)


def codes(*shape, seed=1):
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


def cycles(manifest, layers, latency=LATENCY):
    """Cycles of a program, which gives on the Verilog what it does on the simulator.

    ``layers`` is a function that adds layers to a program, and returns the inputs.
    """
    core = Core.from_manifest(Manifest.read(manifest))
    program = Program(core)
    inputs = layers(program)
    built = program.finish()
    assert not check(core, built.instructions, built.container.segments)
    segments = built.segments(inputs)
    golden = Simulator(core, segments)
    golden.run(built.instructions)
    outcome = execute(manifest, built.instructions, segments, latency=latency)
    for name, content in golden.segments.items():
        assert np.array_equal(outcome.segments[name], content), name
    return outcome.cycles


def every_layer(program):
    """A network with a layer of every sort."""
    inputs = {"x": codes(2, 9, 8), "z": codes(7, 9, 8)}
    folded = program.folded_input("x", (2, 9, 8), 4, kernel=(3, 3), padding=SAME)
    x = program.conv(folded, codes(7, 2, 3, 3), **SCALE)
    z = program.input("z", (7, 9, 8), -3)
    x = program.add(x, z, 1 << 16, np.arange(256) << 9, 18, 3)
    x = program.conv(x, codes(13, 7, 3, 3), **SCALE, stride=(2, 1), padding=(1, 0, 1, 2))
    x = program.depthwise(x, codes(13, 3, 3), 0, 1 << 23, 31, 5, padding=SAME)
    program.output("a", program.max_pool(x, (2, 3), stride=(1, 2)))
    program.output("b", program.average_pool(x, (3, 2), 1 << 23, 26))
    x = program.global_average_pool(x, 1 << 23, 27)
    program.output("c", program.dense(x, codes(11, 13), **SCALE))
    return inputs


def test_every_layer(small):
    """Bit for bit, with a memory that is quick and one that is slow."""
    assert cycles(small, every_layer, 1) < cycles(small, every_layer, 100)


def test_containers_run(small, tmp_path):
    """What ``brickwork run npu --program net.npu --memory M.npz`` does."""
    program = Program(Core.from_manifest(Manifest.read(small)))
    program.output("y", program.conv(program.input("x", (4, 5, 6)), codes(6, 4, 2, 2), **SCALE))
    built = program.finish()
    (tmp_path / "net.npu").write_bytes(built.container.to_bytes())
    memory = {"input": built.segments({"x": codes(4, 5, 6)})["input"]}
    outcome = run_program(Npu(**SMALL), tmp_path / "net.npu", memory, workdir=tmp_path)
    assert outcome.difference == ""
    assert built.outputs(outcome.segments)["y"].any()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_convolutions(small, seed):
    """One on an input in blocks, and one on a folded input."""
    rng = np.random.default_rng(seed)

    def layers(program):
        channels, outputs = (int(count) for count in rng.integers(1, 12, 2))
        kernel = tuple(int(size) for size in rng.integers(1, 5, 2))
        walk = {
            "stride": tuple(int(step) for step in rng.integers(1, 4, 2)),
            "padding": tuple(int(size) for size in rng.integers(0, 4, 4)),
        }
        x = program.input("x", (channels, 9, 11), 7)
        x = program.conv(x, codes(outputs, channels, *kernel), **SCALE, **walk)
        program.output("y", x)
        x = program.folded_input("f", (2, 9, 11), -9, kernel=kernel, **walk)
        program.output("z", program.conv(x, codes(outputs, 2, *kernel), **SCALE))
        return {"x": codes(channels, 9, 11), "f": codes(2, 9, 11)}

    cycles(small, layers)


@pytest.mark.slow
def test_convolution_uses_the_array(base):
    """3 × 3, 56 × 56 pixels, 64 to 64 channels."""

    def layers(count):
        def add(program):
            x = program.input("x", (64, 56, 56))
            for _ in range(count):
                x = program.conv(x, codes(64, 64, 3, 3), **SCALE, padding=SAME)
            program.output("y", program.max_pool(x, (1, 1), stride=(8, 8)))
            return {"x": codes(64, 56, 56)}

        return add

    reach("3x3 64 to 64", base, layers, 56 * 56 * 64 * 64 * 9, CONVOLUTION)


@pytest.mark.slow
@pytest.mark.parametrize(("kernel", "stride", "size", "use"), FOLDED)
def test_folded_inputs_use_the_array(base, kernel, stride, size, use):
    """First layers with 3 channels, to 64; 7 × 7 on a quarter of the rows of a picture."""
    pad = kernel // 2

    def layers(count):
        def add(program):
            walk = {"kernel": (kernel, kernel), "stride": (stride, stride), "padding": 4 * (pad,)}
            x = program.folded_input("x", (3, *size), **walk)
            for _ in range(count):
                y = program.conv(x, codes(64, 3, kernel, kernel), **SCALE)
            program.output("y", program.max_pool(y, (1, 1), stride=(8, 8)))
            return {"x": codes(3, *size)}

        return add

    macs = np.prod(size) // stride**2 * 64 * 3 * kernel**2
    reach(f"{kernel}x{kernel} folded", base, layers, macs, use)


@pytest.mark.slow
@pytest.mark.parametrize(("follow", "more"), [(False, 20), (True, 70)])
def test_depthwise_windows_give_a_word_a_cycle(base, follow, more):
    """3 × 3, 56 × 56 pixels, 32 channels: two words a pixel.

    A layer that reads what the one before wrote begins behind its end.
    """

    def layers(count):
        def add(program):
            x = y = program.input("x", (32, 56, 56))
            for _ in range(count):
                y = program.depthwise(y if follow else x, codes(32, 3, 3), **SCALE, padding=SAME)
            program.output("y", program.max_pool(y, (1, 1), stride=(8, 8)))
            return {"x": codes(32, 56, 56)}

        return add

    words = 2 * 56 * 56
    few, many = (cycles(base, layers(count)) for count in (1, 9))
    print(f"depthwise, follow={follow}: {(many - few) / 8} cycles for {words} words")
    assert (many - few) / 8 <= words + more


def reach(name, manifest, layers, macs, least):
    """Print the use of the array by one more layer, and compare it with what is reached."""
    more = cycles(manifest, layers(2)) - cycles(manifest, layers(1))
    use = macs / (256 * more)
    print(f"{name}: {more} cycles, {use:.2%} of the array")
    assert use >= least
