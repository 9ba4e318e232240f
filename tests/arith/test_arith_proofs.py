"""Proofs about the Verilog of arithmetic units."""

from brickwork.hdl.arith.requantize import Requantize
from proofs import Proof, prove, refute


def requantize(acc_width, out_format, signed, *broken, slow=False):
    return Proof(
        unit=Requantize,
        parameters=dict(acc_width=acc_width, output="scale", out_format=out_format),
        harness=dict(WIDTH=acc_width, SIGNED=signed),
        sizes=(("MULTIPLIER_WIDTH = 24", "MULTIPLIER_WIDTH = 3"),),
        broken=broken,
        induction=9,
        slow=slow,
    )


PROOFS = {
    "requantize-int8": requantize(
        3,
        "int8",
        1,
        ("fine[1] & (fine[0] | fine[2])", "fine[1]"),
        ("lost = value[: distance + 1].any()", "lost = value[:distance].any()"),
        ("starts[stage]):", "starts[0]):"),
        ("moved > high, high", "moved >= high, low"),
    ),
    "requantize-uint8": requantize(
        4,
        "uint8",
        0,
        ("max(len(narrow), self.out_shape.width + 1) + 1", "self.out_shape.width + 1"),
        slow=True,
    ),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
