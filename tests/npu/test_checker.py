"""The static checker: what it says of programs, and that the simulator agrees."""

import re
import time

import numpy as np
import pytest
from brickwork.sim.npu.accesses import accesses
from brickwork.sim.npu.assembly import assemble
from brickwork.sim.npu.checker import Order, check
from brickwork.sim.npu.random_programs import random_instruction, random_program, random_segments
from brickwork.sim.npu.schedule import Schedule, until_halt
from brickwork.sim.npu.simulator import Simulator
from npu_cores import SHAPES, core
from npu_reference import Reference

SEEDS = range(20)


def instructions(source, machine=None):
    return [line.instruction for line in assemble(source, (machine or core()).instructions)]


def sizes(segments):
    return {name: content.size for name, content in segments.items()}


def outcome(machine, program, segments, seed):
    """All bytes after a run."""
    simulator = Simulator(machine, segments)
    simulator.run(program, seed)
    contents = [*simulator.segments.values(), *simulator.memories.values()]
    return b"".join(content.tobytes() for content in contents)


def outcomes(machine, program, segments, seeds=SEEDS):
    return {outcome(machine, program, segments, seed) for seed in seeds}


@pytest.mark.parametrize("number", range(8))
def test_random_programs_are_clean_and_give_the_same_bytes(number):
    machine = core(*SHAPES[number % len(SHAPES)], queue=1 + number)
    program = random_program(machine, np.random.default_rng([number, 31]), 40)
    findings = check(machine, program.instructions, sizes(program.segments))
    assert not findings, findings[0]
    assert len(outcomes(machine, program.instructions, program.segments)) == 1


def without_token(program, giver, taker):
    """The program without a token that one instruction gives and another takes."""
    changed = list(program)
    for number, name, other in ((giver, "signal", taker), (taker, "wait", giver)):
        engine = program[other].engine
        rest = tuple(each for each in program[number][name] if each != engine)
        changed[number] = program[number].replace(**{name: rest})
    return changed


def tokens(program):
    """Pairs of instructions that give and take a token."""
    gives = {}
    for number, instruction in enumerate(program):
        for taker in instruction["signal"]:
            gives.setdefault((instruction.engine, taker), []).append(number)
    for number, instruction in enumerate(program):
        for giver in instruction["wait"]:
            yield gives[giver, instruction.engine].pop(0), number


def test_a_missing_token_is_a_race():
    """Of all tokens between instructions that work, those that are needed are missed."""
    machine = core(4, 4)
    races = differ = same = 0
    for number in range(3):
        program = random_program(machine, np.random.default_rng([number, 37]), 25)
        limits = sizes(program.segments)
        for giver, taker in tokens(program.instructions):
            if program.instructions[taker].opcode == "sync":
                continue
            changed = without_token(program.instructions, giver, taker)
            findings = check(machine, changed, limits)
            results = outcomes(machine, changed, program.segments, range(6))
            if findings:
                races += 1
                assert all("in either order" in finding.reason for finding in findings)
                differ += len(results) > 1
            else:
                same += 1
                assert len(results) == 1
    # Some races write what was there, or need an order that few seeds reach.
    assert races > 20
    assert same > 5
    assert differ > races // 3


def test_the_simulator_can_tell_a_race():
    source = """
    load chip=buffer:0x0 dram=input:0x0 run=3 signal=vector
    vector copy a=0x0 out=0x10 size=1x1 wait=load signal=store
    store chip=buffer:0x10 dram=output:0x0 run=3 wait=vector
    halt
    """
    program = instructions(source)
    segments = {"input": bytes([1, 2, 3]), "output": bytes(3)}
    limits = {"input": 3, "output": 3}
    assert check(core(), program, limits) == []
    assert len(outcomes(core(), program, segments)) == 1
    for giver, taker in ((0, 1), (1, 2)):
        changed = without_token(program, giver, taker)
        (finding,) = check(core(), changed, limits)
        assert finding.number == taker
        assert len(outcomes(core(), changed, segments)) == 2


LOAD = "load chip=buffer:0x0 dram=input:0x0 run=3"
STORE = "store chip=buffer:0x0 dram=output:0x0 run=3"
COPY = "vector copy a=0x0 out=0x10 size=1x1"
MATRIX = "matrix in=0x0 out=0x40/3 size=2x3 bound=2x3"
#: Programs without halt, and findings in whole.
FINDINGS = {
    f"{LOAD}\n{COPY}": [
        f"Instruction 1 ({COPY}): reads word 0 of buffer, which instruction 0 ({LOAD}) writes, in "
        "either order; let load signal vector at instruction 0 or behind it, and vector wait for "
        "load at instruction 1 or ahead of it"
    ],
    f"{COPY}\nvector copy a=0x10/1 out=0x11/1 size=1x1": [
        f"Instruction 1 (vector copy a=0x10/1 out=0x11/1 size=1x1): reads word 16 of buffer, which "
        f"instruction 0 ({COPY}) writes, in either order; put sync vector between them"
    ],
    f"{COPY}\nsync vector\nvector copy a=0x10/1 out=0x11/1 size=1x1": [],
    # A write behind an earlier read or write of its engine is in order.
    f"{COPY}\nvector copy a=0x1 out=0x0 size=1x1": [],
    f"{COPY}\n{COPY}": [],
    "store chip=buffer:0x0 dram=input:0x0 run=9\nload chip=buffer:0x8 dram=input:0x4 run=3": [
        "Instruction 1 (load chip=buffer:0x8 dram=input:0x4 run=3): reads bytes 4 to 6 of segment "
        "input, which instruction 0 (store chip=buffer:0x0 dram=input:0x0 run=9) writes, in either "
        "order; let store signal load at instruction 0 or behind it, and load wait for store at "
        "instruction 1 or ahead of it"
    ],
    "load chip=channels:0x4 dram=weights:0x0 run=12\n"
    "vector affine a=0x0 out=0x10 size=1x1 channels=0x2": [
        "Instruction 1 (vector affine a=0x0 out=0x10 size=1x1 channels=0x2): reads word 4 of "
        "channels, which instruction 0 (load chip=channels:0x4 dram=weights:0x0 run=12) writes, in "
        "either order; let load signal vector at instruction 0 or behind it, and vector wait for "
        "load at instruction 1 or ahead of it"
    ],
    f"{COPY} wait=load": [
        f"Instruction 0 ({COPY} wait=load): waits for token 1 of load, which gives only 0; add "
        "signal=vector to an instruction of load, or remove wait=load",
        f"Instruction 0 ({COPY} wait=load): is in a deadlock: load is idle; matrix is idle; vector "
        f"waits in instruction 0 ({COPY} wait=load) for a token of load; store is idle",
    ],
    f"{COPY} signal=load": [
        f"Instruction 0 ({COPY} signal=load): gives token 1 to load, which takes only 0; add "
        "wait=vector to an instruction of load, or remove signal=load"
    ],
    "sync load wait=store signal=store\nsync store wait=load signal=load": [
        "Instruction 0 (sync load wait=store signal=store): is in a deadlock: load waits in "
        "instruction 0 (sync load wait=store signal=store) for a token of store; matrix is idle; "
        "vector is idle; store waits in instruction 1 (sync store wait=load signal=load) for a "
        "token of load"
    ],
    "\n".join(["sync load signal=store"] * 16 + ["sync store wait=load"] * 16): [
        "Instruction 15 (sync load signal=store): may give store token 16 while none is taken, and "
        "a counter holds 15; let load wait for store ahead of it"
    ],
    "load chip=buffer:0xf0/4/0 dram=input:0x0/3/0 run=6x5": [
        "Instruction 0 (load chip=buffer:0xf0/4 dram=input:0x0/3 run=6x5): reads segment input up "
        "to 17, which has 16 bytes; move or shrink it",
        "Instruction 0 (load chip=buffer:0xf0/4 dram=input:0x0/3 run=6x5): writes buffer up to "
        "257, which has 256 words; move or shrink it",
    ],
    "store chip=buffer:0x0 dram=trace:0x0 run=1 tail=4": [
        "Instruction 0 (store chip=buffer:0x0 dram=trace:0x0 run=1 tail=4): tail must be at most 3 "
        "(the rows), not 4",
        "Instruction 0 (store chip=buffer:0x0 dram=trace:0x0 run=1 tail=4): writes segment trace "
        "up to 0, which has 0 bytes; move or shrink it",
    ],
    "matrix in=0x0 out=0x40/9 size=9x9 bound=1x1": [
        "Instruction 0 (matrix in=0x0 out=0x40/9 size=9x9 bound=1x1): 81 pixels (= 9 * 9) are more "
        "than the 64 rows of accumulators; split the output"
    ],
    f"{MATRIX} blocks=2 keep": [
        f"Instruction 0 ({MATRIX} blocks=2 keep): blocks must be 1 with accumulate or keep, not 2; "
        "split the outputs",
        f"Instruction 0 ({MATRIX} blocks=2 keep): keeps sums that no matrix adds to; let the next "
        "matrix accumulate",
    ],
    f"{MATRIX} accumulate": [
        f"Instruction 0 ({MATRIX} accumulate): accumulates without sums; a matrix with keep must "
        "be ahead"
    ],
    f"{MATRIX} keep\n{MATRIX}": [
        f"Instruction 0 ({MATRIX} keep): keeps sums that no matrix adds to; let the next matrix "
        "accumulate"
    ],
    f"{MATRIX} keep\nmatrix in=0x0 out=0x40/3 size=3x2 bound=2x3 accumulate": [
        "Instruction 1 (matrix in=0x0 out=0x40/3 size=3x2 bound=2x3 accumulate): accumulates 3x2 "
        "sums, but instruction 0 kept 2x3"
    ],
    f"{MATRIX} keep\n{MATRIX} accumulate keep\n{MATRIX} accumulate": [],
    f"{MATRIX} w_zero=3 tail=6": [
        f"Instruction 0 ({MATRIX} w_zero=3 tail=6): out_tail must be at most 5 (the columns), not "
        "6",
        f"Instruction 0 ({MATRIX} w_zero=3 tail=6): w_zero must be 0, not 3: weights have no zero "
        "point",
    ],
    "matrix in=0x0/1/3 out=0x40 size=1x1 kernel=1x2 pad=0,3 bound=1x1 packed": [
        f"Instruction 0 (matrix in=0x0/1/3 out=0x40 size=1x1 kernel=1x2 pad=0,3 bound=1x1 packed): "
        f"{reason}"
        for reason in (
            "kw must be 1 with packed, not 2",
            "ix0 must be at most 2 (the last byte of a word), not 3",
            "bits 5 to 0 of in_blk must be at most 2 with packed, not 3",
        )
    ],
    "vector copy a=0x0 out=0x10 size=1x1 table=8": [
        "Instruction 0 (vector copy a=0x0 out=0x10 size=1x1 table=8): reads tables up to 767, "
        "which has 512 words; move or shrink it",
    ],
    "store chip=tables:0x0 dram=output:0x0 run=4": [
        "Instruction 0 (store chip=tables:0x0 dram=output:0x0 run=4): stores words of tables, but "
        "only those of buffer can be stored"
    ],
    "vector depthwise a=0x0/9 out=0x40/9 size=1x9 kernel=1x3 bound=1x9": [],
    "vector depthwise a=0x0/9 out=0x40/9 size=1x9 kernel=2x3 bound=1x9": [
        "Instruction 0 (vector depthwise a=0x0/9 out=0x40/9 size=1x9 kernel=2x3 bound=1x9): ow "
        "must be at most 8 (dw_depth) for a window larger than 1x3, not 9; split the output"
    ],
    "vector depthwise a=0x0/9 out=0x40/9 size=1x9 kernel=1x2 dilation=1,2 bound=1x9": [
        "Instruction 0 (vector depthwise a=0x0/9 out=0x40/9 size=1x9 kernel=1x2 dilation=1,2 "
        "bound=1x9): ow must be at most 8 (dw_depth) for a window larger than 1x1, not 9; split "
        "the output"
    ],
    # In place is fine, one word on is not.
    "vector copy a=0x0/4 out=0x0/4 size=3x4": [],
    "vector copy a=0x1/4 out=0x0/4 size=3x4": [],
    "vector copy a=0x0/4 out=0x1/4 size=3x4": [
        "Instruction 0 (vector copy a=0x0/4 out=0x1/4 size=3x4): reads word 1 of buffer, perhaps "
        "behind its own write of it; write to other words"
    ],
    "vector window_max a=0x0/4 out=0x0/4 size=3x4 kernel=3x3 pad=-1,-1 bound=3x4": [
        "Instruction 0 (vector window_max a=0x0/4 out=0x0/4 size=3x4 kernel=3x3 pad=-1,-1 "
        "bound=3x4): reads word 0 of buffer, perhaps behind its own write of it; write to other "
        "words"
    ],
    "vector reduce_max a=0x0/4/12 out=0x0/0/12 size=3x4 blocks=2": [],
    "vector reduce_max a=0x0/4/12 out=0x0/0/13 size=3x4 blocks=2": [],
    "vector reduce_max a=0x0/4/12 out=0xc/0/12 size=3x4 blocks=2": [
        "Instruction 0 (vector reduce_max a=0x0/4/12 out=0xc/0/12 size=3x4 blocks=2): reads word "
        "12 of buffer, perhaps behind its own write of it; write to other words"
    ],
    "vector add a=0x20/4 b=scalar:0x1 out=0x0/4 size=1x4": [
        "Instruction 0 (vector add a=0x20/4 b=scalar:0x1 out=0x0/4 size=1x4): reads word 1 of "
        "buffer, perhaps behind its own write of it; write to other words"
    ],
    "matrix in=0x0/3 out=0x5/3 size=2x3 bound=2x3": [
        "Instruction 0 (matrix in=0x0/3 out=0x5/3 size=2x3 bound=2x3): reads word 5 of buffer, "
        "perhaps behind its own write of it; write to other words"
    ],
}


@pytest.mark.parametrize("source", FINDINGS)
def test_findings(source):
    limits = {"input": 16, "output": 16, "weights": 16}
    findings = check(core(queue=32, dw_depth=8), instructions(f"{source}\nhalt"), limits)
    assert [str(finding) for finding in findings] == FINDINGS[source]


def test_a_program_needs_halt():
    (finding,) = check(core(), instructions(COPY))
    assert finding.reason == "Program must end with halt; append a halt"


def test_what_is_behind_halt_does_not_count():
    assert check(core(), instructions(f"halt\n{LOAD}\n{COPY}")) == []


def test_queues_can_be_too_short():
    lines = [f"{LOAD} wait=vector"] * 3 + ["sync vector signal=load"] * 3 + ["halt"]
    assert check(core(queue=3), instructions("\n".join(lines))) == []
    (finding,) = check(core(queue=2), instructions("\n".join(lines)))
    assert finding.reason == (
        f"is in a deadlock: load waits in instruction 0 ({LOAD} wait=vector) for a token of "
        "vector; matrix is idle; vector is idle; store is idle; instruction 2 waits for room in "
        "the queue of load"
    )


def test_order_goes_through_other_engines():
    source = f"""
    {LOAD} signal=matrix
    sync matrix wait=load signal=vector
    {COPY} wait=matrix signal=load
    load chip=buffer:0x0 dram=input:0x0 run=3 wait=vector
    halt
    """
    assert check(core(), instructions(source)) == []
    # Tokens are alike: the second wait takes the token of the second signal.
    source = f"""
    sync load signal=vector
    sync vector wait=load
    {LOAD} signal=vector
    {COPY} wait=load
    halt
    """
    assert check(core(), instructions(source)) == []
    early = source.replace("sync vector wait=load", "")
    reasons = [finding.reason for finding in check(core(), instructions(early))]
    assert len(reasons) == 2
    assert any("in either order" in reason for reason in reasons)


def test_thousands_of_instructions():
    """Bands of a layer, each buffer twice, in a few seconds."""
    machine = core(16, 16, acc_depth=1024, buffer=32768, weights=8192, channels=2048, queue=8)
    lines, bands = [], 500
    for band in range(bands):
        half = band % 2
        wait = {name: f",{name}" * (band >= 2) for name in ("matrix", "vector", "store")}
        signal = {name: f",{name}" * (band < bands - 2) for name in ("load", "matrix", "vector")}
        lines += [
            f"load chip=buffer:{half * 0x1000}/56/560 dram=input:{band * 64}/896/50176 "
            f"run=896x10x4 signal=matrix wait={wait['matrix'][1:]}",
            f"matrix in={half * 0x1000}/56/560 out={0x4000 + half * 0x1000}/56/448 size=8x56 "
            "kernel=3x3x4 pad=0,-1 bound=10x56 blocks=4 "
            f"wait=load{wait['vector']} signal=vector{signal['load']}",
            f"vector affine a={0x4000 + half * 0x1000}/56/448 out={0x6000 + half * 0x800}/28/112 "
            f"size=4x28 blocks=4 wait=matrix{wait['store']} signal=store{signal['matrix']}",
            f"store chip=buffer:{0x6000 + half * 0x800}/28/112 dram=output:0x0/448/1792 "
            f"run=448x4x4 wait=vector signal={signal['vector'][1:]}",
        ]
    lines = [re.sub(r" (wait|signal)=(?= |$)", "", line) for line in lines]
    program = instructions("\n".join([*lines, "halt"]), machine)
    start = time.process_time()
    assert check(machine, program) == []
    assert time.process_time() - start < 5
    # A token that was left out of the middle.
    changed = without_token(program, 4 * 200 + 3, 4 * 202 + 2)
    (finding,) = check(machine, changed)
    assert finding.number == 4 * 202 + 2
    assert "writes words 24576 to 25023 of buffer" in finding.reason


class Tracing(Reference):
    """Plain loops that keep all addresses that they read and write."""

    def execute(self, instruction):
        self.addresses = {}
        super().execute(instruction)
        return self.addresses

    def keep(self, space, write, address):
        self.addresses.setdefault((space, write), set()).add(address)

    def code(self, address, lane):
        self.keep("buffer", False, address)
        return super().code(address, lane)

    def weight(self, address, column):
        self.keep("weights", False, address)
        return super().weight(address, column)

    def channel(self, number):
        self.keep("channels", False, number)
        return super().channel(number)

    def table(self, v, code):
        # Which words of a group are read depends on data.
        self.addresses["tables", False] = {256 * (v["table"] // 4) + code for code in range(256)}
        return super().table(v, code)

    def write(self, results):
        for word, _, _ in results:
            self.keep("buffer", True, word)
        super().write(results)

    def moves(self, v):
        loads = "fill" in v
        for byte, word, lane in super().moves(v):
            self.keep(f"segment {v['segment']}", not loads, byte)
            self.keep(v["memory"], loads, word)
            yield byte, word, lane


INSTRUCTIONS = [("load", None), ("store", None), ("matrix", None)]
INSTRUCTIONS += [("vector", function) for function in core().instructions.functions]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape[0]}x{shape[1]}")
@pytest.mark.parametrize("key", INSTRUCTIONS, ids=lambda key: key[1] or key[0])
def test_accesses_are_those_of_plain_loops(key, shape):
    machine = core(*shape)
    rng = np.random.default_rng([*shape, INSTRUCTIONS.index(key), 47])
    segments = random_segments(machine, rng)
    memories = {
        name: np.zeros((words, machine.word_bytes[name]), int)
        for name, words in machine.words.items()
    }
    tracing = Tracing(machine, segments, memories)
    for _ in range(12):
        instruction = random_instruction(machine, rng, *key)
        known = {}
        for access in accesses(machine, instruction):
            starts, ends = access.intervals
            assert (starts[1:] > ends[:-1]).all()
            assert (access.lowest, access.highest) == (starts[0], ends[-1] - 1)
            addresses = known.setdefault((access.space, access.write), set())
            for start, end in zip(starts, ends, strict=True):
                addresses.update(range(start, end))
        assert known == tracing.execute(instruction), instruction


@pytest.mark.parametrize("number", range(4))
def test_order_is_what_all_schedules_have_in_common(number):
    """No instruction starts ahead of those that have to end, and hardly more end in all orders."""
    machine = core(3, 5, queue=3)
    program = random_program(machine, np.random.default_rng([number, 43]), 16).instructions
    order = Order(machine, program)
    least = np.full(order.ended.shape, len(program))
    for seed in range(150):
        ended = np.zeros(order.ended.shape[1], np.int64)
        for event, at in Schedule(program, machine, seed):
            if event == "start":
                assert (ended >= order.ended[at]).all()
                least[at] = np.minimum(least[at], ended)
            elif event == "end":
                ended[order.engine[at]] += 1
    starts = order.engine < order.ended.shape[1]
    assert (least[starts] == order.ended[starts]).mean() > 0.9


# Mutations


def mutated(machine, rng, program):
    """A program with another value in one field, and the number of that instruction."""
    number = int(rng.integers(len(until_halt(program))))
    old = program[number]
    fields = machine.instructions.fields(old.opcode, old.values.get("function"))
    while True:
        name = str(rng.choice([name for name in fields if name != "op"]))
        width = fields[name]["width"]
        flip = int(rng.choice([1 << int(rng.integers(width)), int(rng.integers(1, 1 << width))]))
        word = machine.instructions.encode(old) ^ flip << fields[name]["low"]
        try:
            new = machine.instructions.decode(word)
        except ValueError:
            continue
        return [*program[:number], new, *program[number + 1 :]], number


def refused_or(machine, program, segments):
    """Results of two orders; one if parameters of channels come from other data."""
    results = set()
    for seed in range(2):
        try:
            results.add(outcome(machine, program, segments, seed))
        except ValueError as error:
            results.add(re.search("Low of channel", str(error))[0])
    return results


def mutations(first, count):
    """How many programs with a mutation the checker reports, and how many run to the end."""
    caught = ran = 0
    for number in range(first, first + count):
        rng = np.random.default_rng([number, 41])
        if number % 50 == 0:
            machine = core(*SHAPES[number // 50 % len(SHAPES)])
            program = random_program(machine, rng, 12)
        changed, at = mutated(machine, rng, list(program.instructions))
        if check(machine, changed, sizes(program.segments)):
            caught += 1
            continue
        ran += 1
        assert len(refused_or(machine, changed, program.segments)) == 1, changed[at]
    return caught, ran


def test_mutated_programs_are_reported_or_run():
    caught, ran = mutations(0, 200)
    assert min(caught, ran) > 30


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 10000, 500))
def test_ten_thousand_mutated_programs(first):
    caught, ran = mutations(first, 500)
    assert min(caught, ran) > 50
