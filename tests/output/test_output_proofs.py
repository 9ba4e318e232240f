"""Proofs about the Verilog of the output side of an array."""

from brickwork.hdl.output.output_stage import OutputStage
from proofs import Proof, prove, refute


def output_stage(cols, bank_cols, depth, *broken):
    return Proof(
        unit=OutputStage,
        parameters=dict(
            cols=cols,
            bank_cols=bank_cols,
            acc_width=2,
            output="raw",
            out_format="int8",
            rounding="exact",
            depth=depth,
            max_reserve=2,
            run_interval=1,
        ),
        harness=dict(COLS=cols, DEPTH=depth, LATENCY=cols),
        broken=broken,
    )


PROOFS = {
    "output_stage-2-banks": output_stage(
        2,
        1,
        3,
        ("self.room - self.reserve + left", "self.room - (self.reserve != 0) + left"),
        ("(self.room > self.reserve) | left", "(self.room >= self.reserve) | left"),
        ("cycles, flags = 0, written.o", "cycles, flags = 1, written.o"),
    ),
    "output_stage-1-bank": output_stage(
        3, 3, 2, ("cycles=cycles + count)", "cycles=cycles + count - 1)")
    ),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
