"""The sparse engine: its testbench, and parameters that it refuses."""

from brickwork.hdl.sparse.eie import Eie
from refusals import integers

SMALL = dict(
    pes=3,
    queue_depth=2,
    columns=14,
    entries=50,
    entries_per_word=4,
    entries_per_cycle=1,
    index_width=2,
    run_length_width=2,
    act_width=8,
    weight_width=6,
    acc_width=16,
    acts=4,
    rows=5,
    codebooks=2,
    skip_empty_columns=0,
)
CASES = {
    "3": (Eie, SMALL),
    "3-skip": (Eie, SMALL | dict(skip_empty_columns=1, queue_depth=4)),
    # One of everything.
    "1": (
        Eie,
        dict(
            pes=1,
            queue_depth=2,
            columns=1,
            entries=1,
            entries_per_word=2,
            entries_per_cycle=1,
            index_width=1,
            run_length_width=1,
            act_width=2,
            weight_width=2,
            acc_width=2,
            acts=1,
            rows=1,
            codebooks=1,
            skip_empty_columns=1,
        ),
    ),
    # One PE, with more rows than activations, and sums that wrap.
    "1-wide": (
        Eie,
        SMALL
        | dict(
            pes=1,
            queue_depth=8,
            columns=40,
            entries=200,
            entries_per_word=8,
            entries_per_cycle=1,
            act_width=32,
            weight_width=32,
            acc_width=60,
            acts=16,
            rows=33,
            skip_empty_columns=1,
        ),
    ),
    # Several entries a cycle, in few and in many rows.
    "3-pairs": (Eie, SMALL | dict(entries_per_cycle=2, entries=49, skip_empty_columns=1)),
    "2-eights": (
        Eie,
        SMALL
        | dict(
            pes=2,
            entries_per_cycle=8,
            entries_per_word=16,
            entries=400,
            rows=30,
            run_length_width=1,
        ),
    ),
    # A tree of two levels that is not full, and a width of sums that is less than a product's.
    "5": (
        Eie,
        SMALL
        | dict(
            pes=5,
            columns=23,
            entries_per_word=2,
            index_width=4,
            run_length_width=1,
            acc_width=12,
            codebooks=3,
        ),
    ),
    # The widths of the paper; more activations than rows; three levels.
    "17": (
        Eie,
        dict(
            pes=17,
            queue_depth=8,
            columns=130,
            entries=300,
            entries_per_word=8,
            entries_per_cycle=1,
            index_width=4,
            run_length_width=4,
            act_width=16,
            weight_width=16,
            acc_width=48,
            acts=6,
            rows=4,
            codebooks=1,
            skip_empty_columns=1,
        ),
    ),
}
SLOW = ("2-eights", "5", "17")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "pes", "PE count", 1, 256),
    # What is refused beside is the PEs'.
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
