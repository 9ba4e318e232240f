"""Proofs about the Verilog of arithmetic units."""

from brickwork.hdl.arith.requantize import Requantize
from proofs import Proof, prove, refute


def requantize(acc_width, out_format, rounding, *broken, slow=False):
    return Proof(
        unit=Requantize,
        parameters=dict(
            acc_width=acc_width, output="scale", out_format=out_format, rounding=rounding
        ),
        harness=dict(
            WIDTH=acc_width, SIGNED=int(out_format == "int8"), FLOAT=int(rounding == "float32")
        ),
        sizes=(("MULTIPLIER_WIDTH = 24", "MULTIPLIER_WIDTH = 3"),),
        broken=broken,
        induction=9,
        slow=slow,
    )


PROOFS = {
    "requantize-int8": requantize(
        3,
        "int8",
        "exact",
        ("fine[1] & (fine[0] | fine[2])", "fine[1]"),
        ("lost = value[: distance + 1].any()", "lost = value[:distance].any()"),
        ("starts[stage], name", "starts[0], name"),
        ("moved > high, high", "moved >= high, low"),
    ),
    "requantize-uint8": requantize(
        4,
        "uint8",
        "exact",
        ("max(len(narrow), out_shape.width + 1) + 1", "out_shape.width + 1"),
        slow=True,
    ),
    "requantize-float32": requantize(
        4,
        "int8",
        "float32",
        ("odd | below", "odd"),
        ("Cat(odd | below, near) >", "Cat(odd | below, near) >="),
        ("Mux(past, half, odd)", "Mux(past, half, 0)"),
        ("whole[:-1] ^ negative.replicate(len(whole) - 1)", "whole[:-1]"),
        slow=True,
    ),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
