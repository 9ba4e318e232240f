"""Proofs about the Verilog of the PE of one-bit products."""

from brickwork.hdl.binary.pe_binary import PeBinary
from proofs import Proof, prove, refute


def pe_binary(pack, code, count, *broken):
    width = pack.bit_length()
    return Proof(
        unit=PeBinary,
        parameters=dict(
            a_format=code, w_format=code, psum_width=width, pipeline=2, pack=pack, count=count
        ),
        harness=dict(PACK=pack, SUM=width, BIN=int(code == "bin")),
        broken=broken,
        induction=2,
        covered=10,
    )


PROOFS = {
    "pe_binary-bin-4": pe_binary(
        4,
        "bin",
        "compressors",
        ("~(acts ^ weights)", "acts ^ weights"),
        ("(three[0] & three[1]) | (half & third)", "three[0] & three[1]"),
        ("bits.append(low)", "bits.append(half)"),
        ("psum.eq(self.psums + count)", "psum.eq(count)"),
    ),
    "pe_binary-bin-8": pe_binary(
        8,
        "bin",
        "adders",
        ("parity = ~parity if len(products) % 2 else parity", "parity = ~parity"),
        ("(first | second) & third", "first & third"),
        ("total.eq(low + high)", "total.eq(low + low)"),
    ),
    "pe_binary-bit-4": pe_binary(
        4, "bit", "adders", ("total.eq(low + high)", "total.eq(low | high)")
    ),
    "pe_binary-bit-8": pe_binary(
        8, "bit", "compressors", ("else acts & weights", "else acts | weights")
    ),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
