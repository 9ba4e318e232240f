"""The sparse engine: its testbench, and parameters that it refuses."""

from brickwork.hdl.sparse.eie import Eie
from refusals import integers

SMALL = dict(
    pes=3,
    queue_depth=4,
    columns=14,
    entries=50,
    per_word=4,
    lanes=1,
    value_width=2,
    zeros_width=2,
    act_width=8,
    weight_width=6,
    acc_width=16,
    acts=4,
    rows=5,
    books=2,
    skip=0,
)
CASES = {
    "3": (Eie, SMALL),
    "3-skip": (Eie, SMALL | dict(skip=1, queue_depth=2)),
    # One of everything.
    "1": (
        Eie,
        dict(
            pes=1,
            queue_depth=2,
            columns=1,
            entries=1,
            per_word=2,
            lanes=1,
            value_width=1,
            zeros_width=1,
            act_width=2,
            weight_width=2,
            acc_width=2,
            acts=1,
            rows=1,
            books=1,
            skip=1,
        ),
    ),
    # One element, with more rows than activations, and sums that wrap.
    "1-wide": (
        Eie,
        SMALL
        | dict(
            pes=1,
            queue_depth=8,
            columns=40,
            entries=200,
            per_word=8,
            lanes=1,
            act_width=32,
            weight_width=32,
            acc_width=60,
            acts=16,
            rows=33,
            skip=1,
        ),
    ),
    # Several entries a cycle, in few and in many rows.
    "3-pairs": (Eie, SMALL | dict(lanes=2, entries=49, skip=1)),
    "2-eights": (
        Eie,
        SMALL | dict(pes=2, lanes=8, per_word=16, entries=400, rows=30, zeros_width=1),
    ),
    # A tree of two levels that is not full, and a width of sums that is less than a product's.
    "5": (
        Eie,
        SMALL
        | dict(pes=5, columns=23, per_word=2, value_width=4, zeros_width=1, acc_width=12, books=3),
    ),
    # The widths of the paper; more activations than rows; three levels.
    "17": (
        Eie,
        dict(
            pes=17,
            queue_depth=8,
            columns=130,
            entries=300,
            per_word=8,
            lanes=1,
            value_width=4,
            zeros_width=4,
            act_width=16,
            weight_width=16,
            acc_width=48,
            acts=6,
            rows=4,
            books=1,
            skip=1,
        ),
    ),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "pes", "Element count", 1, 256),
    # What is refused beside is the elements'.
    (GOOD, {"rows": 0}, ValueError, "Row count must be an integer from 1 to 65536, not 0"),
    (
        GOOD,
        {"columns": "9"},
        TypeError,
        "Column count must be an integer from 1 to 1048576, not '9'",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
