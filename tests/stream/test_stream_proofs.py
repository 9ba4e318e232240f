"""Proofs about the Verilog of queues and registers between streams."""

from brickwork.hdl.stream.fifo import Fifo
from brickwork.hdl.stream.register_slice import RegisterSlice
from proofs import Proof, prove, refute


def fifo(width, depth, latency, broken):
    return Proof(
        unit=Fifo,
        parameters=dict(width=width, depth=depth),
        harness=dict(WIDTH=width, DEPTH=depth, LATENCY=latency),
        broken=broken,
    )


PROOFS = {
    "fifo-registers": fifo(3, 2, 1, (("writes.eq(writes ^ put)", "writes.eq(~writes)"),)),
    "fifo-lut-ram": fifo(2, 4, 1, (("self.i.ready.eq(queue.w_rdy)", "self.i.ready.eq(1)"),)),
    "fifo-block-ram": fifo(2, 5, 2, (("queue.r_en.eq(self.o.ready)", "queue.r_en.eq(1)"),)),
    "register_slice": Proof(
        unit=RegisterSlice,
        parameters=dict(width=2),
        harness=dict(WIDTH=2),
        broken=(
            ("self.held.eq(self.i.valid)", "self.held.eq(self.held | self.i.valid)"),
            ("self.i.ready.eq(~self.held | self.take)", "self.i.ready.eq(~self.held)"),
        ),
    ),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
