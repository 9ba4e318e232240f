"""Sequencing of the weight-stationary engine: testbench, wrong parameters."""

from brickwork.hdl.systolic.sequencer_ws import SequencerWs
from refusals import choices, integers

CASES = {
    "5-revisit-3": (SequencerWs, dict(depth=5, revisit=3)),
    "1-revisit-1": (SequencerWs, dict(depth=1, revisit=1)),
    "2-revisit-2": (SequencerWs, dict(depth=2, revisit=2)),
    "8-revisit-4": (SequencerWs, dict(depth=8, revisit=4)),
    "17-revisit-1": (SequencerWs, dict(depth=17, revisit=1)),
    "1-revisit-4": (SequencerWs, dict(depth=1, revisit=4)),
    "6-revisit-3-types": (SequencerWs, dict(depth=6, revisit=3, a_type=3)),
    "4-revisit-4-type-4-ahead": (SequencerWs, dict(depth=4, revisit=4, a_type=1, ahead=4)),
    "9-revisit-2-5-ahead": (SequencerWs, dict(depth=9, revisit=2, ahead=5)),
    "4-revisit-6-group-tile": (SequencerWs, dict(depth=4, revisit=6, groups="tile")),
    "5-revisit-3-group-tiles": (SequencerWs, dict(depth=5, revisit=3, groups="tiles")),
    "7-revisit-2-group-tiles-type": (
        SequencerWs,
        dict(depth=7, revisit=2, a_type=2, ahead=4, groups="tiles"),
    ),
    "1-revisit-6-group-tiles": (SequencerWs, dict(depth=1, revisit=6, groups="tiles")),
}
SLOW = ("2-revisit-2", "8-revisit-4", "17-revisit-1", "7-revisit-2-group-tiles-type")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "depth", "Accumulator depth", 1),
    *integers(GOOD, "revisit", "Revisit distance", 1),
    *integers(GOOD, "a_type", "Type width", 0),
    *integers(GOOD, "ahead", "Tiles ahead", 3),
    *choices(GOOD, "groups", "Groups", "'none', 'tile' or 'tiles'"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
