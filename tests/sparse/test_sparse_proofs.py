"""Proofs about the Verilog of the sparse engine's parts."""

from brickwork.hdl.sparse.lnzd import LnzdTree
from proofs import Proof, prove, refute


def lnzd_tree(bits, *broken):
    return Proof(
        unit=LnzdTree,
        parameters=dict(leaves=5, width=3 + bits),
        harness=dict(DATA=bits),
        broken=broken,
    )


PROOFS = {
    "lnzd_tree": lnzd_tree(
        2,
        ("free & ~any_valid", "free"),
        ("with m.If(free):", "with m.If(free | any_valid):"),
        (
            "Mux(child.valid, child.payload, first_word)",
            "Mux(child.valid, first_word, child.payload)",
        ),
    ),
    "lnzd_tree-wide": lnzd_tree(4, ("self.o.payload.eq(word)", "self.o.payload.eq(word & ~8)")),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
