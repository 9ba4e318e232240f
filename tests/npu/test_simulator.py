"""The simulator of instructions against plain loops; the orders of events; its errors."""

import re
import time

import numpy as np
import pytest
from brickwork.sim.golden import formats
from brickwork.sim.npu.assembly import assemble
from brickwork.sim.npu.random_programs import random_instruction, random_program, random_segments
from brickwork.sim.npu.schedule import Schedule
from brickwork.sim.npu.simulator import Simulator
from npu_cores import SHAPES, core
from npu_reference import Reference

FUNCTIONS = core().instructions.functions
INSTRUCTIONS = [("load", None), ("store", None), ("matrix", None)]
INSTRUCTIONS += [("vector", function) for function in FUNCTIONS]


def filled(machine, rng):
    """A simulator whose memories hold random bytes, and channels that can be."""
    segments = random_segments(machine, rng)
    simulator = Simulator(machine, segments)
    for memory in simulator.memories.values():
        memory[:] = rng.integers(0, 256, memory.shape)
    channels = simulator.memories["channels"]
    channels[:] = segments["weights"][: channels.size].reshape(channels.shape)
    return simulator


def matches(simulator, instructions):
    """Executes instructions one after the other, and in plain loops."""
    reference = Reference(simulator.core, simulator.segments, simulator.memories)
    for instruction in instructions:
        simulator.read(instruction)()
        reference.execute(instruction)
    for name, memory in simulator.memories.items():
        assert np.array_equal(memory, np.array(reference.memories[name], np.uint8)), instructions
    for name, segment in simulator.segments.items():
        assert segment.tobytes() == bytes(reference.segments[name]), instructions


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
@pytest.mark.parametrize("key", INSTRUCTIONS, ids=lambda key: key[1] or key[0])
def test_instructions_match_plain_loops(key, shape):
    rng = np.random.default_rng([*shape, INSTRUCTIONS.index(key)])
    simulator = filled(core(*shape), rng)
    for _ in range(12):
        matches(simulator, [random_instruction(simulator.core, rng, *key)])


@pytest.mark.parametrize("memory", ["buffer", "weights", "channels", "tables"])
def test_load_to_each_memory(memory):
    rng = np.random.default_rng(5)
    simulator = filled(core(3, 5), rng)
    for _ in range(6):
        load = random_instruction(simulator.core, rng, "load", memory=memory)
        assert load["memory"] == memory
        matches(simulator, [load])


@pytest.mark.parametrize("mode", ["tensor", "block", "scalar", "pixel"])
@pytest.mark.parametrize("function", ["add", "mul"])
def test_operand_b(function, mode):
    rng = np.random.default_rng(7)
    simulator = filled(core(4, 4), rng)
    for blocks in (1, 2, 3):
        fixed = {"b_mode": mode, "nb": blocks}
        matches(simulator, [random_instruction(simulator.core, rng, "vector", function, **fixed)])


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
def test_sums_stay_for_the_next_matrix(shape):
    rng = np.random.default_rng(11)
    simulator = filled(core(*shape), rng)
    size = {"oh": 3, "ow": 4, "nb": 1}
    for count in (2, 3, 4):
        ends = [{"first": int(at == 0), "last": int(at == count - 1)} for at in range(count)]
        chain = [random_instruction(simulator.core, rng, "matrix", **size, **end) for end in ends]
        matches(simulator, chain)


def test_packed_input():
    rng = np.random.default_rng(13)
    simulator = filled(core(4, 3), rng)
    fixed = {"packed": 1, "kw": 1, "sx": 1, "dx": 1}
    for offset in range(4):
        fixed |= {"ix0": offset, "in_blk": 64 * (offset % 2) + 3 - offset}
        matches(simulator, [random_instruction(simulator.core, rng, "matrix", **fixed)])


@pytest.mark.parametrize("w_format", ["int4", "int5", "uint3", "flint4"])
def test_narrow_weights(w_format):
    rng = np.random.default_rng(17)
    simulator = filled(core(3, 5, w_format=w_format), rng)
    bits = formats.get(w_format).bits
    assert simulator.memories["weights"].shape[1] == -(-5 * bits // 8)
    for _ in range(8):
        matches(simulator, [random_instruction(simulator.core, rng, "matrix")])


def test_sums_wrap_at_32_bits():
    rng = np.random.default_rng(19)
    simulator = filled(core(4, 4), rng)
    simulator.memories["buffer"][:] = 128
    simulator.memories["weights"][:] = 128
    whole = dict.fromkeys(("oh", "ow", "nb", "kc", "kh", "kw"), 1) | {"iy0": 0, "ix0": 0}
    (keep, last) = [
        random_instruction(simulator.core, rng, "matrix", packed=0, **whole, **ends)
        for ends in ({"first": 1, "last": 0}, {"first": 0, "last": 1})
    ]
    simulator.read(keep)()
    simulator.sums[0] = (1 << 31) - 1
    reference = Reference(simulator.core, simulator.segments, simulator.memories)
    reference.sums = {(0, 0, column): (1 << 31) - 1 for column in range(4)}
    simulator.read(last)()
    reference.matrix(dict(last.values))
    assert simulator.sums[0].max() < 0
    buffer = np.array(reference.memories["buffer"], np.uint8)
    assert np.array_equal(simulator.memories["buffer"], buffer)


def test_a_layer_takes_well_below_a_second():
    machine = core(16, 16, acc_depth=3136, buffer=32768, weights=8192, channels=64)
    simulator = filled(machine, np.random.default_rng(23))
    (line,) = assemble(
        "matrix in=0/56/3136 out=0x4000/56/3136 size=56x56 kernel=3x3x4 pad=-1,-1 bound=56x56 "
        "blocks=4",
        machine.instructions,
    )
    start = time.process_time()
    simulator.read(line.instruction)()
    assert time.process_time() - start < 1


# Orders


def events(source, seed, **parameters):
    """Event and number of each event of one order, for one engine's sake sorted by time."""
    machine = core(**parameters)
    program = [line.instruction for line in assemble(source, machine.instructions)]
    return list(Schedule(program, machine, seed))


COPY = "vector copy a=0x0 out=0x10 size=1x1"
ONE_ENGINE = "\n".join([COPY] * 6 + ["sync vector"] + [COPY] * 3 + ["halt"])


@pytest.mark.parametrize("seed", range(20))
def test_order_of_an_engine(seed):
    order = events(ONE_ENGINE, seed)
    for event in ("start", "write", "end"):
        assert [number for name, number in order if name == event] == list(range(10))
    for number in range(10):
        times = [order.index((event, number)) for event in ("start", "write", "end")]
        assert times == sorted(times)
    assert order.index(("start", 6)) > order.index(("end", 5))


def test_seeds_reach_other_orders():
    orders = {tuple(events(ONE_ENGINE, seed)) for seed in range(20)}
    assert len(orders) >= 10
    # A read ahead of the write of the instruction before, and behind it.
    ahead = {order.index(("start", 1)) < order.index(("write", 0)) for order in orders}
    assert ahead == {False, True}
    both = f"load chip=buffer:0 dram=input:0 run=3\n{COPY}\nhalt"
    firsts = {events(both, seed)[0] for seed in range(20)}
    assert firsts == {("start", 0), ("start", 1)}


@pytest.mark.parametrize("seed", range(20))
def test_tokens_order_engines(seed):
    source = f"""
    load chip=buffer:0 dram=input:0 run=3 signal=vector
    {COPY} wait=load signal=load,store
    load chip=buffer:0 dram=input:0 run=3 wait=vector
    store chip=buffer:0 dram=input:0 run=3 wait=vector
    halt
    """
    order = events(source, seed)
    assert order.index(("end", 0)) < order.index(("start", 1))
    assert order.index(("end", 1)) < min(order.index(("start", number)) for number in (2, 3))


def test_counters_hold_15_tokens():
    lines = ["sync load signal=vector"] * 20 + [f"{COPY} wait=load"] * 20 + ["halt"]
    highest = 0
    for seed in range(20):
        held = 0
        for event, number in events("\n".join(lines), seed, queue=32):
            held += (event == "end" and number < 20) - (event == "start" and number >= 20)
            highest = max(highest, held)
            assert held >= 0
        assert held == 0
    assert highest == 15


def test_queues_hold_few_instructions():
    lines = ["load chip=buffer:0 dram=input:0 run=3 wait=vector"] * 3 + [
        "sync vector signal=load"
    ] * 3
    assert len(events("\n".join([*lines, "halt"]), 1, queue=3)) == 18
    with pytest.raises(ValueError, match="deadlock"):
        events("\n".join([*lines, "halt"]), 1, queue=2)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
def test_programs_match_plain_loops(shape):
    machine = core(*shape)
    program = random_program(machine, np.random.default_rng([*shape, 29]), 20)
    simulator = Simulator(machine, program.segments)
    reference = Reference(machine, simulator.segments, simulator.memories)
    simulator.run(program.instructions, 1)
    for instruction in program.instructions:
        if instruction.opcode not in ("sync", "halt"):
            reference.execute(instruction)
    for name, segment in simulator.segments.items():
        assert segment.tobytes() == bytes(reference.segments[name])


# Errors

MATRIX = "matrix in=0x0 size=2x3 bound=2x3"


def test_memories_can_be_too_small():
    message = "Memories are too small for matrix with {'kc': 900}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        random_instruction(core(), np.random.default_rng(1), "matrix", kc=900)


WRONG = {
    "load chip=buffer:0xff dram=input:0x0 run=4": (
        "Instruction 0 (load chip=buffer:0xff dram=input:0x0 run=4): Address in buffer must be "
        "from 0 to 255, not 256"
    ),
    "store chip=buffer:0x0 dram=input:0x5 run=12": (
        "Instruction 0 (store chip=buffer:0x0 dram=input:0x5 run=12): Segment input must have at "
        "least 17 bytes, not 16"
    ),
    "load chip=buffer:0x0 dram=trace:0x0 run=4": (
        "Instruction 0 (load chip=buffer:0x0 dram=trace:0x0 run=4): Segment trace must be there"
    ),
    "store chip=weights:0x0 dram=input:0x0 run=5": (
        "Instruction 0 (store chip=weights:0x0 dram=input:0x0 run=5): Memory must be buffer, not "
        "weights"
    ),
    "matrix in=0x0 size=9x9 bound=2x3": (
        "Instruction 0 (matrix in=0x0 size=9x9 bound=2x3): Size 9x9 must have at most 64 pixels, "
        "not 81"
    ),
    f"{MATRIX} blocks=2 keep": (
        f"Instruction 0 ({MATRIX} blocks=2 keep): Blocks must be 1 with accumulate or keep, not 2"
    ),
    f"{MATRIX} accumulate": (
        f"Instruction 0 ({MATRIX} accumulate): Sums of size 2x3 must be there, not none"
    ),
    f"{MATRIX} keep\nmatrix in=0x0 size=3x2 bound=2x3 accumulate": (
        "Instruction 1 (matrix in=0x0 size=3x2 bound=2x3 accumulate): Sums of size 3x2 must be "
        "there, not those of size 2x3"
    ),
    "vector affine a=0x0 out=0x1 size=1x1 channels=0x5": (
        "Instruction 0 (vector affine a=0x0 out=0x1 size=1x1 channels=0x5): Low of channel 5 must "
        "be at most high (1), not 2"
    ),
    "sync load wait=store\nstore chip=buffer:0x0 dram=input:0x0 run=4 wait=load": (
        "Program ends in a deadlock: load waits in instruction 0 (sync load wait=store) for a "
        "token of store; matrix is idle; vector is idle; store waits in instruction 1 (store "
        "chip=buffer:0x0 dram=input:0x0 run=4 wait=load) for a token of load"
    ),
    "\n".join(["sync load signal=store"] * 16): (
        "Program ends in a deadlock: load waits in instruction 15 (sync load signal=store) for "
        "room for tokens to store; matrix is idle; vector is idle; store is idle"
    ),
}


@pytest.mark.parametrize("source", WRONG)
def test_errors(source):
    machine = core()
    program = [line.instruction for line in assemble(f"{source}\nhalt", machine.instructions)]
    simulator = Simulator(machine, {"input": bytes(16)})
    simulator.memories["channels"][5, 8:10] = [2 << 6, 1 << 6]
    with pytest.raises(ValueError, match=f"^{re.escape(WRONG[source])}$"):
        simulator.run(program)


def test_a_program_ends_with_halt():
    machine = core()
    program = [line.instruction for line in assemble(COPY, machine.instructions)]
    with pytest.raises(ValueError, match=r"^Program must end with halt$"):
        Simulator(machine, {}).run(program)
