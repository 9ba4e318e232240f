"""Addresses of nested loops: the testbench, and parameters that are refused."""

from brickwork.hdl.npu.address_generator import AddressGenerator
from refusals import integers


def case(levels, address_width, count_width, row_width, column_width):
    return AddressGenerator, dict(
        levels=levels,
        address_width=address_width,
        count_width=count_width,
        row_width=row_width,
        column_width=column_width,
    )


CASES = {
    "3 levels": case(3, 7, 4, 5, 4),
    "6 levels": case(6, 16, 11, 12, 12),
    "one level": case(1, 16, 9, 0, 0),
    "narrow": case(2, 1, 1, 2, 0),
    "columns": case(4, 12, 8, 0, 9),
}
#: Further sizes, for the long regression.
SLOW = (
    "one level",
    "narrow",
    "columns",
)

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "levels", "Number of levels", 1),
    *integers(GOOD, "address_width", "Address width", 1),
    *integers(GOOD, "count_width", "Count width", 1),
    *integers(GOOD, "row_width", "Row width, unless 0,", 2),
    *integers(GOOD, "column_width", "Column width, unless 0,", 2),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
