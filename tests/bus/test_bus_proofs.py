"""Proofs about the Verilog of bus units: rules of AXI, data in order, jobs and packets."""

from brickwork.hdl.bus.axi_lite import AxiLite
from brickwork.hdl.bus.axi_reader import AxiReader
from brickwork.hdl.bus.axi_writer import AxiWriter
from brickwork.hdl.bus.beats_to_words import BeatsToWords
from brickwork.hdl.bus.block_walker import BlockWalker
from brickwork.hdl.bus.dma import Dma
from brickwork.hdl.bus.layout import word_layout
from brickwork.hdl.bus.read_port import ReadPort
from brickwork.hdl.bus.register_bank import RegisterBank
from brickwork.hdl.bus.result_packetizer import ResultPacketizer
from brickwork.hdl.bus.words_to_beats import WordsToBeats
from proofs import Proof, prove, refute


def converter(unit, width, data_width, *broken):
    layout = word_layout(width, data_width)
    return Proof(
        unit=unit,
        parameters=dict(width=width, data_width=data_width),
        harness=dict(
            WIDTH=width,
            DATA=data_width,
            SLOTS=layout.words_per_beat,
            BEATS=layout.beats_per_word,
            STRIDE=layout.stride if layout.beats_per_word == 1 else data_width // 8,
        ),
        broken=broken,
    )


def read_port(index_width, id_width, *broken):
    return Proof(
        unit=ReadPort,
        parameters=dict(readers=3, index_width=index_width, id_width=id_width),
        harness=dict(INDEX=index_width, ID=id_width),
        broken=broken,
    )


def packetizer(count_width, depth, max_owed, *broken, **proof):
    """Packets of up to ``2 ** count_width - 1`` words, ``depth`` of them at a time."""
    return Proof(
        unit=ResultPacketizer,
        parameters=dict(width=1, max_owed=max_owed),
        harness=dict(MOST=max_owed, COUNT=count_width, DEPTH=depth),
        sizes=(
            ("COUNT_WIDTH = 32", f"COUNT_WIDTH = {count_width}"),
            ("_DEPTH = 8", f"_DEPTH = {depth}"),
        ),
        broken=broken,
        **proof,
    )


def axi_reader(data_width, words_per_beat, *broken, slow=False):
    """Any job, up to one of all of the memory of 8 KB."""
    return Proof(
        unit=AxiReader,
        parameters=dict(
            data_width=data_width,
            address_width=13,
            words_per_beat=words_per_beat,
            beats_per_word=1,
            burst=2,
            outstanding=2,
        ),
        harness=dict(DATA=data_width, WORDS=words_per_beat, COUNT=14),
        absent=() if words_per_beat > 1 else ("unit__slots", "unit__extent_slots"),
        broken=broken,
        induction=4,
        slow=slow,
    )


def axi_writer(data_width, burst, *broken, slow=False):
    """Any job, up to one of all of the memory of 8 KB."""
    return Proof(
        unit=AxiWriter,
        parameters=dict(
            data_width=data_width,
            address_width=13,
            words_per_beat=1,
            beats_per_word=1,
            burst=burst,
        ),
        harness=dict(DATA=data_width, BURST=burst, COUNT=14),
        broken=broken,
        induction=6,
        slow=slow,
    )


#: Constant registers; their values make no difference.
IDENTITY = tuple(
    dict.fromkeys(
        ("CAPS", "DIGEST", "SHAPE", "LIMIT", "WIDTHS", "MAX_K", "GENERATOR", "REVISION"), 0
    ).items()
)

PROOFS = {
    "beats_to_words-4-in-1": converter(
        BeatsToWords,
        3,
        32,
        ("(self.o.ready & ~held[1:].any())", "self.o.ready"),
        ("with m.Elif(self.o.ready):", "with m.Else():"),
    ),
    "beats_to_words-1-in-3": converter(
        BeatsToWords,
        19,
        8,
        ("with m.If(ends | self.broken):", "with m.If(ends):"),
    ),
    "words_to_beats-2-in-1": converter(
        WordsToBeats, 3, 16, ("above.eq(below & (place != 0))", "above.eq(below)")
    ),
    "words_to_beats-1-in-3": converter(
        WordsToBeats,
        19,
        8,
        ("beat.last.eq(last & ~held[1])", "beat.last.eq(last)"),
        ("with m.Elif(self.o.ready):", "with m.Else():"),
    ),
    "axi_lite": Proof(
        unit=AxiLite,
        broken=(
            ("aw_held & w_held & ~axi.bvalid", "aw_held & w_held"),
            ("with m.If(axi.rvalid & axi.rready):", "with m.If(axi.rvalid):"),
        ),
    ),
    "read_port": read_port(
        2, 2, ("queue.i.ready & (chosen == number)", "queue.i.ready"), ("behind.any()", "0")
    ),
    "read_port-wide": read_port(5, 3, ("chosen < n for n", "chosen <= n for n")),
    "axi_reader-8": axi_reader(
        8,
        1,
        ("to_edge.eq(burst - offset)", "to_edge.eq(burst)"),
        ("[left.eq(0), self.bursts.valid.eq(0)]", "self.bursts.valid.eq(0)"),
        ("(left == 0) & (free == self.depth)", "left == 0"),
        ("self.stop & (asked | ~self.bursts.valid)", "self.stop"),
    ),
    "axi_reader-4-in-32": axi_reader(
        32, 4, ("full.eq(~last | (slots == 0))", "full.eq(~last)"), slow=True
    ),
    "axi_writer-8": axi_writer(
        8,
        2,
        ("self.o.payload.last.eq(remaining == 1)", "self.o.payload.last.eq(left == 0)"),
        ("with m.If(self.bursts.ready):", "with m.If(self.bursts.valid):"),
        ("[left.eq(0), enough.eq(0)]", "left.eq(0)"),
        ("& ~(self.stop & (stored != 0))", ""),
        ("Mux(remaining == 0, self.stop, self.o.ready)", "self.o.ready | self.stop"),
        slow=True,
    ),
    "axi_writer-16": axi_writer(16, 4, ("& (unanswered == 0)", ""), slow=True),
    "block_walker": Proof(
        unit=BlockWalker,
        parameters=dict(width=3, first=0, last=1),
        sizes=(("_COUNT_WIDTH = 32", "_COUNT_WIDTH = 2"),),
        broken=(
            ("(entry.word < at) | ", ""),
            ("last.eq(following == end)", "last.eq(at == end)"),
            ("self.col_idx.ready.eq(at != count)", "self.col_idx.ready.eq(1)"),
            (
                "tile.eq(self.tile), count.eq(self.count), begun.eq(0)",
                "tile.eq(self.tile), count.eq(self.count)",
            ),
            ("last & final)),", "final)),"),
        ),
    ),
    "dma": Proof(
        unit=Dma,
        parameters=dict(
            data_width=32,
            address_width=12,
            layouts=((1, 1),) * 3,
            needed=1,
            burst=1,
            outstanding=2,
        ),
        slow=True,
        broken=(
            ("memory.rvalid & (memory.rresp != OKAY)", "memory.rvalid & memory.rresp[0]"),
            ("self.start & free & ~self.stop", "self.start & free"),
            ("begin.eq(~wrong)]", "begin.eq(1)]"),
            ("self.done.eq(free & ~self.stop)", "self.done.eq(self.quiet & ~self.stop)"),
            (
                "for mover in [*readers, writer]).all())\n        self._job",
                "for mover in readers).all())\n        self._job",
            ),
            ("reversed([*enumerate(faults[:-1])])", "enumerate(faults[:-1])"),
        ),
    ),
    "register_bank": Proof(
        unit=RegisterBank,
        parameters=dict(streams="jobs,results", address_width=0, counters=1, identity=IDENTITY),
        induction=3,
        broken=(
            ("Mux(clear, 0, counter + counts)", "counter + counts"),
            ("self.waits[index] & self.busy", "self.waits[index]"),
            ("high.eq(cycles[32:])", "high.eq(cycles[:32])"),
        ),
    ),
    "result_packetizer": packetizer(
        2,
        5,
        2,
        ("following.eq(Mux(takes, 2, 1))", "following.eq(1)"),
        ("looked_at = Signal(COUNT_WIDTH)", "looked_at = Signal(COUNT_WIDTH - 1)"),
        ("(so_far > 1)", "(so_far > 0)"),
        ("waiting < _DEPTH - 1", "waiting < _DEPTH"),
        ("accepted | open_ | (waiting != 0)", "open_ | (waiting != 0)"),
        ("sizes.i.valid.eq(ends & some)", "sizes.i.valid.eq(ends)"),
    ),
    "result_packetizer-deep": packetizer(2, 8, 2, slow=True),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
