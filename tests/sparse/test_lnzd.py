"""Leading-non-zero detection, nodes and trees: testbench, and parameters that are refused."""

from brickwork.hdl.sparse.lnzd import LnzdNode, LnzdTree
from refusals import integers

CASES = {
    "tree-of-5": (LnzdTree, dict(leaves=5, width=9)),
    "node-of-3": (LnzdNode, dict(children=3, width=7)),
    "node-of-1": (LnzdNode, dict(children=1, width=4)),
    "node-of-4": (LnzdNode, dict(children=4, width=33)),
    "tree-of-1": (LnzdTree, dict(leaves=1, width=3)),
    "tree-of-4": (LnzdTree, dict(leaves=4, width=8)),
    "tree-of-16": (LnzdTree, dict(leaves=16, width=12)),
    "tree-of-17": (LnzdTree, dict(leaves=17, width=70)),
}
#: What these have, others have, too: each two values of parameters together.
SLOW = ("node-of-1", "tree-of-4", "tree-of-16", "node-of-4")

GOOD = next(iter(CASES.values()))
NODE = CASES["node-of-3"]
WRONG = [
    *integers(GOOD, "leaves", "Leaf count", 1, 256),
    *integers(GOOD, "width", "Word width", 1),
    *integers(NODE, "children", "Child count", 1, 4),
    *integers(NODE, "width", "Word width", 1),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
