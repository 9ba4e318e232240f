"""Proofs about the Verilog of the sparse engine's parts."""

from brickwork.hdl.sparse.column_reader import ColumnReader
from brickwork.hdl.sparse.eie import Eie
from brickwork.hdl.sparse.entry_reader import EntryReader
from brickwork.hdl.sparse.lnzd import LnzdTree
from brickwork.hdl.sparse.pe_nm import PeNm
from brickwork.hdl.sparse.pe_outlier import PeOutlier
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


def entry_reader(groups, groups_per_word, harness, *broken):
    return Proof(
        unit=EntryReader,
        parameters=dict(
            groups=groups,
            groups_per_word=groups_per_word,
            lanes=1,
            index_width=1,
            run_length_width=1,
            act_width=2,
        ),
        harness=harness,
        broken=broken,
    )


def pe_nm(group_sum, absent, *broken):
    return Proof(
        unit=PeNm,
        parameters=dict(
            a_format="int4",
            w_format="int4",
            psum_width=9,
            pipeline=2,
            group_rows=2,
            group_lanes=4,
            group_sum=group_sum,
        ),
        harness=dict(SKEW=int(group_sum == "skew")),
        absent=absent,
        broken=broken,
        induction=2,
        covered=10,
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
    "eie": Proof(
        unit=Eie,
        parameters=dict(
            pes=1,
            queue_depth=2,
            columns=1,
            entries=1,
            entries_per_word=2,
            entries_per_cycle=1,
            index_width=1,
            run_length_width=1,
            act_width=2,
            weight_width=2,
            acc_width=2,
            acts=1,
            rows=1,
            codebooks=1,
            skip_empty_columns=0,
        ),
        broken=(
            ("job.fill.eq(job.fill - 1)", "job.fill.eq(job.fill - 2)"),
            ("with m.If(job.fill == 1):", "with m.If(job.fill <= 2):"),
        ),
    ),
    "entry_reader-2": entry_reader(
        4,
        2,
        {},
        ("asked_low.eq(Mux(begun, 0, span.start))", "asked_low.eq(span.start)"),
        ("ends.eq(empty | (now == last_word))", "ends.eq(now == last_word)"),
        ("asks.eq(self.i.valid & (~asked | moves))", "asks.eq(self.i.valid & ~asked)"),
        ("[low.eq(low + 1), first.eq(0)]", "[low.eq(low + 1)]"),
        ("self.busy.eq(present | asked)", "self.busy.eq(present)"),
    ),
    "entry_reader-4": entry_reader(
        8,
        4,
        dict(WORD=8, POINTER=4, GROUPS=8),
        ("asked_first.eq(~begun)", "asked_first.eq(1)"),
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
    "pe_outlier": Proof(
        unit=PeOutlier,
        parameters=dict(
            a_format="int3",
            w_format="int2",
            psum_width=9,
            pipeline=2,
            group_lanes=2,
            outlier_rows=1,
        ),
        broken=(
            ("<< self.digit", "<< 1"),
            ("bits[: self.digit + 1].as_signed()", "bits[: self.digit + 1]"),
            ("range(row, row + 1) if", "range(1) if"),
            ("bits[self.digit + 1 : end]", "bits[self.digit : end - 1]"),
        ),
        induction=2,
        covered=12,
    ),
    "pe_nm-tree": pe_nm(
        "tree",
        ("unit__psum_0", "unit__chosen_1_1", "unit__swap_later"),
        ("range(row, row + free + 1)", "range(free + 1)"),
        ("Mux(bit, high, low)", "Mux(bit, low, high)"),
        ("index.eq(choice)", "index.eq(self.weights.index)"),
    ),
    "pe_nm-skew": pe_nm(
        "skew",
        (),
        ("weight.eq(operand)", "weight.eq(self.weights.operand)"),
        ("delayed.eq(chosen)", "delayed.eq(~chosen)"),
    ),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
