"""Proofs about the Verilog of the sequencers."""

from brickwork.hdl.systolic.sequencer_os import SequencerOs
from brickwork.hdl.systolic.sequencer_ws import SequencerWs
from proofs import Proof, prove, refute


def sequencer_ws(depth, revisit, *broken, groups="none"):
    parameters = dict(depth=depth, revisit=revisit)
    return Proof(
        unit=SequencerWs,
        parameters=parameters | (dict(groups=groups) if groups != "none" else {}),
        harness=dict(DEPTH=depth, REVISIT=revisit, GROUPS=("none", "tile", "tiles").index(groups)),
        broken=broken,
    )


def sequencer_os(rows, max_k, depth, *broken):
    return Proof(
        unit=SequencerOs,
        parameters=dict(rows=rows, max_k=max_k, depth=depth),
        harness=dict(ROWS=rows, MAX_K=max_k, DEPTH=depth),
        broken=broken,
    )


PROOFS = {
    "sequencer_ws-4": sequencer_ws(
        4,
        3,
        ("(self.room & (self.may_launch | ~at_start))", "self.room"),
        ("with m.If(tile.length < missing):", "with m.If(tile.length < missing - 1):"),
    ),
    "sequencer_ws-2": sequencer_ws(
        2, 5, ("self.visit.first.eq(tile.first)", "self.visit.first.eq(1)")
    ),
    "sequencer_ws-2-tile": sequencer_ws(
        2, 6, ("return self.scale_held | ~closes", "return 1"), groups="tile"
    ),
    "sequencer_ws-4-tiles": sequencer_ws(
        4,
        3,
        ("begins.eq(tile.first | begun)", "begins.eq(tile.first)"),
        ("return self.scale_held | ~closes", "return self.scale_held"),
        ("[opens.eq(closes), begun", "[begun"),
        ("self.step & at_start & closes", "self.step & at_end & closes"),
        groups="tiles",
    ),
    "sequencer_os-3": sequencer_os(
        3,
        4,
        4,
        ("(self.room > tile.height)", "(self.room >= tile.height)"),
        ("spacing.eq(rows - 1)", "spacing.eq(rows - 2)"),
    ),
    "sequencer_os-4": sequencer_os(4, 8, 6, ("left.eq(tile.height)", "left.eq(rows - 1)")),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
