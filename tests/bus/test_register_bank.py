"""The registers in hardware: their testbench, and parameters that they refuse."""

from brickwork.hdl.bus.register_bank import RegisterBank
from refusals import integers

IDENTITY = (
    ("CAPS", 0x0105_1201),
    ("DIGEST", 0xFEDC_BA98),
    ("SHAPE", 0x0003_0002),
    ("LIMIT", 64),
    ("WIDTHS", 0x2008_0808),
    ("MAX_K", 0x8000_0001),
    ("GENERATOR", 0x0001_0203),
    ("REVISION", 0xA5A5_0FF0),
)


def case(streams, address_width, counters, **given):
    return RegisterBank, dict(
        streams=streams, address_width=address_width, counters=counters, identity=IDENTITY, **given
    )


CASES = {
    "DMA of 40 bits": case("tiles,weights,acts,channels,results", 40, 1),
    "no DMA": case("load,jobs,acts,results", 0, 1),
    "DMA of 12 bits, no counters": case("jobs,results", 12, 0),
    "walk": case(
        "row_ptr,acts,results", 32, 0, tile=(("length", 6), ("first", 1), ("last", 1), ("kind", 3))
    ),
}

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "address_width", "Address width", 0, 64),
    *integers(GOOD, "counters", "Counter flag", 0, 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
