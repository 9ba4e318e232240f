"""Proofs about the Verilog of floating-point arithmetic, for all codes of small formats."""

from brickwork.hdl.float.fp_add import FpAdd
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
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
