"""Processing element of EIE: parameters that it refuses. The engine's testbench covers the rest."""

from brickwork.hdl.sparse.pe_eie import PeEie
from refusals import integers

GOOD = (
    PeEie,
    dict(
        queue_depth=4,
        columns=14,
        entries=50,
        per_word=4,
        lanes=1,
        value_width=2,
        zeros_width=2,
        act_width=8,
        weight_width=6,
        acc_width=16,
        acts=4,
        rows=5,
        books=2,
        skip=0,
    ),
)
WRONG = [
    *integers(GOOD, "queue_depth", "Queue depth", 2, 1024),
    *integers(GOOD, "columns", "Column count", 1, 1 << 20),
    *integers(GOOD, "entries", "Entry count", 1, 1 << 24),
    *integers(GOOD, "per_word", "Entries in a word", 2, 64),
    *integers(GOOD, "value_width", "Weight index width", 1, 8),
    *integers(GOOD, "zeros_width", "Zeros width", 1, 8),
    *integers(GOOD, "act_width", "Activation width", 2, 32),
    *integers(GOOD, "weight_width", "Weight width", 2, 32),
    *integers(GOOD, "acc_width", "Accumulator width", 2, 64),
    *integers(GOOD, "acts", "Activation count", 1, 1 << 16),
    *integers(GOOD, "rows", "Row count", 1, 1 << 16),
    *integers(GOOD, "books", "Codebook count", 1, 64),
    *integers(GOOD, "skip", "Skip", 0, 1),
    (GOOD, {"per_word": 6}, ValueError, "Entries in a word must be a power of two, not 6"),
    *integers(GOOD, "lanes", "Lane count", 1, 8),
    (GOOD, {"lanes": 3}, ValueError, "Lane count must be a power of two, not 3"),
    (
        GOOD,
        {"lanes": 4},
        ValueError,
        "Entries in a word must be at least 8 for 4 lanes, not 4",
    ),
]


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
