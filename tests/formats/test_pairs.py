"""The marks of pairs: their testbench, and parameters that they refuse."""

from brickwork.hdl.formats.pairs import PairMarks
from refusals import formats, integers

CASES = {
    "3-ovp_int4": (PairMarks, dict(lanes=3, format="ovp_int4")),
    "1-ovp_int8": (PairMarks, dict(lanes=1, format="ovp_int8")),
    "2-set": (PairMarks, dict(lanes=2, format="flint4+ovp_flint4")),
    "4-halves": (PairMarks, dict(lanes=4, format="ovp_int4+ovp_int8+int8")),
    "17-ovp_flint4": (PairMarks, dict(lanes=17, format="ovp_flint4")),
}
SLOW = ("1-ovp_int8", "17-ovp_flint4")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1),
    *formats(GOOD, "format", "Format"),
    (GOOD, {"format": "int4"}, ValueError, "Format must be one of pairs, not 'int4'"),
    (GOOD, {"format": "int8+e4m3"}, ValueError, "Format must be one of pairs, not 'int8+e4m3'"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
