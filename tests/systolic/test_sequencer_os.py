"""Sequencing of the output-stationary engine: testbench, wrong parameters."""

from brickwork.hdl.systolic.sequencer_os import SequencerOs
from refusals import integers

CASES = {
    "3-rows-9-terms-12-places": (SequencerOs, dict(rows=3, max_k=9, depth=12)),
    "1-rows-1-terms-2-places": (SequencerOs, dict(rows=1, max_k=1, depth=2)),
    "5-rows-300-terms-5-places": (SequencerOs, dict(rows=5, max_k=300, depth=5)),
    "4-rows-5-terms-40-places": (SequencerOs, dict(rows=4, max_k=5, depth=40)),
    "7-rows-1-terms-9-places": (SequencerOs, dict(rows=7, max_k=1, depth=9)),
    "2-rows-types-multipass": (
        SequencerOs,
        dict(rows=2, max_k=9, depth=9, a_type=2, w_type=3, multipass=1),
    ),
    "6-rows-multipass": (SequencerOs, dict(rows=6, max_k=20, depth=15, multipass=1)),
    "3-rows-a-type": (SequencerOs, dict(rows=3, max_k=6, depth=10, a_type=1)),
    "9-rows-3-groups": (SequencerOs, dict(rows=9, max_k=9, depth=30, groups=3)),
    "3-rows-3-groups": (SequencerOs, dict(rows=3, max_k=1, depth=3, groups=3)),
    "6-rows-2-groups-types": (
        SequencerOs,
        dict(rows=6, max_k=30, depth=20, a_type=1, w_type=2, groups=2),
    ),
    "1-rows-w-type-multipass": (SequencerOs, dict(rows=1, max_k=4, depth=5, w_type=5, multipass=1)),
}
SLOW = ("7-rows-1-terms-9-places", "6-rows-multipass", "3-rows-a-type", "6-rows-2-groups-types")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "rows", "Row count", 1),
    *integers(GOOD, "max_k", "Largest K", 1),
    *integers(GOOD, "depth", "Result queue depth", 2),
    *integers(GOOD, "a_type", "Type width", 0),
    *integers(GOOD, "w_type", "Type width", 0),
    *integers(GOOD, "multipass", "Multipass", 0, 1),
    *integers(GOOD, "groups", "Group count", 1),
    (
        GOOD,
        {"groups": 3, "multipass": 1},
        ValueError,
        "Group count must be 1 for tiles of several passes, not 3",
    ),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
