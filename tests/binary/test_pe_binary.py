"""PE of one-bit products: its testbench, and wrong parameters."""

from brickwork.hdl.binary.pe_binary import PeBinary
from refusals import choices, integers


def case(code, pack, count, psum_width, pipeline):
    parameters = dict(a_format=code, w_format=code, psum_width=psum_width, pipeline=pipeline)
    return PeBinary, parameters | dict(pack=pack, count=count)


CASES = {
    "bin-8": case("bin", 8, "compressors", 7, 2),
    "bin-11-adders": case("bin", 11, "adders", 5, 1),
    "bit-32": case("bit", 32, "compressors", 8, 1),
    "bit-5-adders": case("bit", 5, "adders", 3, 0),
    "bin-32-adders": case("bin", 32, "adders", 9, 2),
    "bin-2": case("bin", 2, "compressors", 2, 0),
}
SLOW = ("bin-32-adders", "bin-2")

GOOD = next(iter(CASES.values()))
WRONG = [
    *choices(GOOD, "a_format", "Activation format", "'bin' or 'bit'"),
    *choices(GOOD, "w_format", "Weight format", "'bin' or 'bit'"),
    (
        GOOD,
        {"w_format": "bit"},
        ValueError,
        "Weight format must be bin, that of activations, not bit",
    ),
    *choices(GOOD, "count", "Count", "'compressors' or 'adders'"),
    *integers(GOOD, "pack", "Product count", 2, 256),
    *integers(GOOD, "pipeline", "Pipeline register count", 0, 2),
    *integers(GOOD, "psum_width", "Partial sum width", 2),
    (
        GOOD,
        {"psum_width": 3},
        ValueError,
        "Partial sum width 3 is less than the 4 bits of a count of 8",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
