"""Proofs about the Verilog of the network processor's units."""

from brickwork.hdl.npu.address_generator import AddressGenerator
from brickwork.hdl.npu.buffer import Buffer
from brickwork.hdl.npu.byte_packer import BytePacker
from brickwork.hdl.npu.counters import Counters
from brickwork.hdl.npu.fetch import Fetch
from brickwork.hdl.npu.tokens import Tokens
from proofs import Proof, prove, refute


def address_generator(address_width, count_width, *broken, slow=False):
    return Proof(
        unit=AddressGenerator,
        parameters=dict(
            levels=2,
            address_width=address_width,
            count_width=count_width,
            row_width=2,
            column_width=2,
        ),
        harness=dict(W=address_width, C=count_width),
        broken=broken,
        slow=slow,
    )


def buffer(depth, banks, *broken):
    return Proof(
        unit=Buffer,
        parameters=dict(width=1, depth=depth, banks=banks, reads=2, writes=2, granularity=1),
        harness=dict(A=(depth - 1).bit_length()),
        sizes=(
            ("_REQUESTS = 4", "_REQUESTS = 2"),
            ("room = _LATENCY + reads", "room = 2"),
        ),
        broken=broken,
        slow=True,
    )


def packer(in_bytes, size, *broken, slow=False):
    move_width = max(in_bytes, size).bit_length() + 1
    return Proof(
        unit=BytePacker,
        parameters=dict(in_bytes=in_bytes, out_sizes=(size,), byte_width=1),
        harness=dict(IN=in_bytes, OUT=size, MOVE=move_width),
        broken=broken,
        slow=slow,
    )


PROOFS = {
    "address_generator": address_generator(
        2,
        1,
        ("Mux(begins & ~self.i.valid, -1, ", "Mux(begins & ~self.i.valid, 0, "),
        ("one_hot(goes_on, kept_steps)", "kept_steps[0]"),
        ("inside &= index <= bound", "inside &= index < bound"),
        ("first.eq(last)", "first.eq(last_next)"),
    ),
    "address_generator-2": address_generator(2, 2, slow=True),
    "byte_packer-3-into-2": packer(3, 2, ("(kept <= bytes_out)", "(kept <= bytes_out + 1)")),
    "byte_packer-2-into-3": packer(
        2,
        3,
        ("Mux(closed, closing, Mux(count", "Mux(0, closing, Mux(count"),
        ("joins.eq((kept != 0) & ending)", "joins.eq(ending)"),
        slow=True,
    ),
    "counters": Proof(
        unit=Counters,
        broken=(
            ("Mux(self.clear, 0, value + self", "Mux(self.clear, 0, value[:3] + self"),
            ("Mux(self.clear, 0, value + self", "Mux(self.clear, 1, value + self"),
        ),
        induction=2,
    ),
    "fetch": Proof(
        unit=Fetch,
        parameters=dict(data_width=32, address_width=12, burst=2, outstanding=2, pc_width=2),
        sizes=(("_WORD = 8 * isa.INSTRUCTION_BYTES", "_WORD = 64"),),
        broken=(
            ("active & takes & (halts | word.last)", "active & takes & word.last"),
            ("words.o.valid & ~skips & (active | waits)", "words.o.valid & ~skips & active"),
            ("reader.stop.eq(self.stop | stopping)", "reader.stop.eq(self.stop)"),
        ),
        induction=2,
        covered=26,
        slow=True,
    ),
    "tokens": Proof(
        unit=Tokens,
        broken=(
            ("with m.If(gives[pair] ^ takes[pair]):", "with m.If(gives[pair] | takes[pair]):"),
            ("level[engine, other] == MOST_TOKENS", "level[other, engine] == MOST_TOKENS"),
            ("~(wait & empty).any()", "~(wait & empty).all()"),
        ),
    ),
    "buffer": buffer(
        2,
        1,
        ("queue.ready.eq(taken)", "queue.ready.eq(1)"),
        ("i.ready.eq(queue.i.ready & free)", "i.ready.eq(queue.i.ready)"),
        ("written.eq(granted)", "written.eq(queue.valid & write.last)"),
        ("_lowest(Mux(early.any(), early, requests))", "Mux(early.any(), early, requests)"),
        ("on_way.eq(Cat(taken, on_way[:2]))", "on_way.eq(Cat(on_way[:1], taken, on_way[1]))"),
    ),
    "buffer-2": buffer(4, 2),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
