"""The decoder of whole pairs: its testbench, and parameters that it refuses."""

import itertools

from brickwork.hdl.formats.pair_decoder import PairDecoder
from refusals import choices, formats

CASES = {
    f"{name}-{even}-{undefined}": (
        PairDecoder,
        dict(format=name, even=even, undefined=undefined),
    )
    for name, even, undefined in itertools.product(
        ("ovp_int4", "ovp_flint4", "ovp_int8", "ovp_int8_e2m5"),
        ("low", "high"),
        ("zeros", "outlier"),
    )
}

#: Half of the cases have every two values of different parameters together.
SLOW = [name for number, name in enumerate(CASES) if (number + number // 2 + number // 4) % 2 == 1]

GOOD = next(iter(CASES.values()))
WRONG = [
    *formats(GOOD, "format", "Format"),
    (GOOD, {"format": "int4"}, ValueError, "Format must be one of pairs, not 'int4'"),
    (
        GOOD,
        {"format": "ovp_int4+ovp_flint4"},
        ValueError,
        "Format must be one of pairs, not 'ovp_int4+ovp_flint4'",
    ),
    *choices(GOOD, "even", "Place of the even element", "'low' or 'high'"),
    *choices(GOOD, "undefined", "Undefined pair", "'zeros' or 'outlier'"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
