"""The detector of codes that are no numbers: its testbench, and parameters that it refuses."""

from brickwork.hdl.formats.special_detector import SpecialDetector
from refusals import formats, integers

CASES = {
    "3-e4m3": (SpecialDetector, dict(lanes=3, format="e4m3")),
    "1-e5m2": (SpecialDetector, dict(lanes=1, format="e5m2")),
    "2-set": (SpecialDetector, dict(lanes=2, format="int8+e4m3+posit8_2+flint8+e5m2")),
    "4-pairs": (SpecialDetector, dict(lanes=4, format="ovp_int8_e2m5+e5m2")),
    "3-halves": (SpecialDetector, dict(lanes=3, format="uint8+posit4_1+ovp_int8+posit4_0")),
    "1-bf16": (SpecialDetector, dict(lanes=1, format="int16+fp16+bf16")),
    "33-posit3": (SpecialDetector, dict(lanes=33, format="posit3_0")),
}
SLOW = ("3-halves", "1-bf16", "33-posit3")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "lanes", "Lane count", 1),
    *formats(GOOD, "format", "Format"),
    *(
        (
            GOOD,
            {"format": name},
            ValueError,
            f"Format must have special values, which {name!r} has not",
        )
        for name in ("int8", "e2m1", "ovp_int8+uint8")
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
