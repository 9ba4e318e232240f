"""Proofs about the Verilog of floating-point arithmetic, for all codes of small formats."""

from brickwork.hdl.float.fp_add import FpAdd
from brickwork.hdl.float.to_float import ToFloat
from proofs import Proof, prove, refute


def fp_add(exponent_width, mantissa_width, *broken, slow=False):
    return Proof(
        unit=FpAdd,
        parameters=dict(exponent_width=exponent_width, mantissa_width=mantissa_width),
        harness=dict(EXPONENT=exponent_width, MANTISSA=mantissa_width),
        broken=broken,
        covered=6,
        slow=slow,
    )


def to_float(width, unit, format, *broken, slow=False):
    exponent, mantissa = {"fp16": (5, 10), "bf16": (8, 7)}[format]
    lowest = 2 - (1 << (exponent - 1)) - mantissa
    return Proof(
        unit=ToFloat,
        parameters=dict(width=width, unit=unit, format=format),
        harness=dict(
            WIDTH=width,
            LOWEST=lowest - unit + 512,
            EXPONENT=exponent,
            MANTISSA=mantissa,
            GRADUAL=int(format == "fp16"),
        ),
        broken=broken,
        covered=6,
        slow=slow,
    )


PROOFS = {
    "fp_add-e3m3": fp_add(
        3,
        3,
        ("carry = subtract & ~lost", "carry = subtract"),
        ("positive = nan | (subtract & a_zero & b_zero)", "positive = nan"),
        ("rounds_up(fraction, value[:4])", "value[3]"),
        ("sign & ~zero", "sign"),
        ("x_fraction.any() | (subtract & ~distance.any())", "x_fraction.any()"),
    ),
    "fp_add-e4m3": fp_add(
        4, 3, ("distance[steps:].any()", "distance[steps + 1 :].any()"), slow=True
    ),
    "to_float-bf16": to_float(11, -134, "bf16", ("field <= 0", "field < 0")),
    "to_float-fp16": to_float(
        14,
        -26,
        "fp16",
        ("most = top_field - 1 if top_field - 1 < width - 1 else None", "most = None"),
        ("rest[:-1].any(), rest[-1]", "rest[-1], rest[-1]"),
        slow=True,
    ),
    "to_float-bf16-overflow": to_float(
        11,
        120,
        "bf16",
        ("field >= self.layout.special", "field > self.layout.special"),
        slow=True,
    ),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
