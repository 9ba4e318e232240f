"""The dispatch of instructions: its testbench, its errors, and parameters that it refuses."""

from brickwork.hdl.bus import registers
from brickwork.hdl.npu import errors, isa
from brickwork.hdl.npu.dispatch import Dispatch
from brickwork.sim.golden.npu import dispatch
from refusals import integers

ALL = ",".join(isa.FUNCTIONS)
CASES = {
    "some-9": (Dispatch, dict(functions="add,copy,window_max", pc_width=9)),
    "all-27": (Dispatch, dict(functions=ALL, pc_width=27)),
}

GOOD = next(iter(CASES.values()))
NAMES = ", ".join(map(repr, list(isa.FUNCTIONS)[:-1])) + " or 'reduce_max'"
WRONG = [
    (
        GOOD,
        {"functions": "copy,soft"},
        ValueError,
        f"Function must be {NAMES}, not 'soft'",
    ),
    (GOOD, {"functions": ""}, ValueError, f"Function must be {NAMES}, not ''"),
    (GOOD, {"functions": 3}, TypeError, "Functions must be names separated by commas, not 3"),
    (
        GOOD,
        {"functions": "copy,copy"},
        ValueError,
        "Functions must be named once each, not 'copy,copy'",
    ),
    *integers(GOOD, "pc_width", "Program counter width", 1, 31),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)


def test_reserved_bits_of_forms():
    """The golden model's own table agrees with the instruction set."""
    every = (1 << 256) - 1
    for form in isa.FORMS:
        for function in form.functions or (None,):
            used = dispatch.used_bits(isa.OPCODES[form.opcode], function)
            assert used ^ every == form.reserved, (form.opcode, function)
    assert {name: code for code, name in enumerate(dispatch.FUNCTIONS)} == isa.FUNCTIONS


def test_numbers_of_errors():
    numbers = {name: number for name, (number, _) in errors.ERRORS.items()}
    assert dispatch.ERRORS.items() <= numbers.items()
    first = max(number for number, _ in registers.ERRORS.values()) + 1
    assert sorted(numbers.values()) == list(range(first, first + len(numbers)))
    assert not numbers.keys() & registers.ERRORS.keys()
