"""Proofs about the Verilog of the switch of modes."""

from brickwork.hdl.fusion.mode_switch import ModeSwitch
from proofs import Proof, prove, refute


def mode_switch(drain, settle, *broken):
    return Proof(
        unit=ModeSwitch,
        parameters=dict(depth=2, drain=drain, settle=settle),
        harness=dict(TILE=3, DRAIN=drain, SETTLE=settle),
        broken=broken,
    )


PROOFS = {
    "mode_switch-3-2": mode_switch(
        3,
        2,
        ("~same & (known == 0)", "~same"),
        ("quiet.eq(drain)", "quiet.eq(drain - 1)"),
        ("same & ~settling", "same"),
    ),
    "mode_switch-1-2": mode_switch(1, 2, ("quiet.eq(settle - 1)", "quiet.eq(settle - 2)")),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
