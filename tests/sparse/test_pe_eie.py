"""Processing element of EIE: parameters that it refuses. The engine's testbench covers the rest."""

from brickwork.hdl.sparse.pe_eie import PeEie
from refusals import integers

GOOD = (
    PeEie,
    dict(
        queue_depth=4,
        columns=14,
        entries=50,
        entries_per_word=4,
        entries_per_cycle=1,
        index_width=2,
        run_length_width=2,
        act_width=8,
        weight_width=6,
        acc_width=16,
        acts=4,
        rows=5,
        codebooks=2,
        skip_empty_columns=0,
    ),
)
WRONG = [
    *integers(GOOD, "queue_depth", "Queue depth", 2, 1024),
    *integers(GOOD, "columns", "Column count", 1, 1 << 20),
    *integers(GOOD, "entries", "Entry count", 1, 1 << 24),
    *integers(GOOD, "entries_per_word", "Entries in a word", 2, 64),
    *integers(GOOD, "index_width", "Weight index width", 1, 8),
    *integers(GOOD, "run_length_width", "Run length width", 1, 8),
    *integers(GOOD, "act_width", "Activation width", 2, 32),
    *integers(GOOD, "weight_width", "Weight width", 2, 32),
    *integers(GOOD, "acc_width", "Accumulator width", 2, 64),
    *integers(GOOD, "acts", "Activation count", 1, 1 << 16),
    *integers(GOOD, "rows", "Row count", 1, 1 << 16),
    *integers(GOOD, "codebooks", "Codebook count", 1, 64),
    *integers(GOOD, "skip_empty_columns", "Skip of empty columns", 0, 1),
    (GOOD, {"entries_per_word": 6}, ValueError, "Entries in a word must be a power of two, not 6"),
    *integers(GOOD, "entries_per_cycle", "Entries per cycle", 1, 8),
    (GOOD, {"entries_per_cycle": 3}, ValueError, "Entries per cycle must be a power of two, not 3"),
    (
        GOOD,
        {"entries_per_cycle": 4},
        ValueError,
        "Entries in a word must be at least 8 for 4 entries per cycle, not 4",
    ),
]


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
