"""Proofs about the Verilog of the sparse engine's parts."""

from brickwork.hdl.sparse.column_reader import ColumnReader
from brickwork.hdl.sparse.lnzd import LnzdTree
from proofs import Proof, prove, refute


def lnzd_tree(bits, *broken):
    return Proof(
        unit=LnzdTree,
        parameters=dict(leaves=5, width=3 + bits),
        harness=dict(DATA=bits),
        broken=broken,
    )


def column_reader(columns, groups, act_width, harness, *broken):
    return Proof(
        unit=ColumnReader,
        parameters=dict(columns=columns, groups=groups, act_width=act_width, skip_empty_columns=0),
        harness=harness,
        broken=broken,
    )


PROOFS = {
    "column_reader-4": column_reader(
        4,
        3,
        2,
        {},
        ("(column + 1) >> 1", "column >> 1"),
        ("moves.eq(~present | empty | queue.i.ready)", "moves.eq(1)"),
        ("span.start.eq(Mux(swapped, odd, even))", "span.start.eq(even)"),
    ),
    "column_reader-8": column_reader(
        8,
        7,
        3,
        dict(COLUMN=3, ADDRESS=4, POINTER=3, ACT=3),
        ("read.en.eq(moves)", "read.en.eq(1)"),
    ),
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
