"""From sums to activations: testbench, and parameters that are refused."""

from brickwork.hdl.sparse.write_back import WriteBack
from refusals import integers

CASES = {
    "12-5": (WriteBack, dict(acc_width=12, act_width=5)),
    "48-16": (WriteBack, dict(acc_width=48, act_width=16)),
    "2-2": (WriteBack, dict(acc_width=2, act_width=2)),
    "8-8": (WriteBack, dict(acc_width=8, act_width=8)),
    "4-9": (WriteBack, dict(acc_width=4, act_width=9)),
    "31-32": (WriteBack, dict(acc_width=31, act_width=32)),
    "64-32": (WriteBack, dict(acc_width=64, act_width=32)),
}
#: What these have, others have, too: each two values of parameters together.
SLOW = ("48-16", "8-8", "4-9")

GOOD = next(iter(CASES.values()))
WRONG = [
    *integers(GOOD, "acc_width", "Accumulator width", 2, 64),
    *integers(GOOD, "act_width", "Activation width", 2, 32),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)
