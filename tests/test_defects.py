"""The deliberate defects can all be applied, and a few of them are noticed.

All of them are tried by ``python tests/lib/defects.py``, which takes minutes.
"""

import runpy
from pathlib import Path

import pytest

# Not an import: pytest's importlib mode leaves the folder of the tests off the module path.
defects = runpy.run_path(str(Path(__file__).with_name("lib") / "defects.py"))
ROOT, DEFECTS = defects["ROOT"], defects["DEFECTS"]


def test_every_testbench_has_defects():
    benches = (ROOT / "sim" / "tb").glob("*/[a-z]*.py")
    assert sorted(path.stem for path in benches) == sorted(DEFECTS)


@pytest.mark.parametrize("unit", DEFECTS)
def test_defects_can_be_applied(unit):
    """Each changes a text that occurs once, and no two of a unit are the same."""
    assert len(set(DEFECTS[unit])) >= 5
    cases = runpy.run_path(str(defects["find"](unit)))["CASES"]
    for defect in DEFECTS[unit]:
        assert defect.case in ("", *cases)
        text = (ROOT / defect.file).read_text("utf-8")
        assert defects["broken"](defect, text) != text


def test_a_text_that_occurs_twice_is_refused():
    defect = defects["Defect"]("some.py", "a", "b", "it")
    with pytest.raises(ValueError, match=r"^some.py: 'a' occurs 2 times$"):
        defects["broken"](defect, "a a")


@pytest.mark.parametrize(
    ("unit", "number"),
    [("fifo", 4), ("pe_os", 2), ("accumulator", 0), ("sequencer_ws", 0), ("gemm_os", 0)],
)
def test_defect_is_noticed(unit, number):
    found = defects["attempt"](unit, DEFECTS[unit][number])
    assert found.get("caught"), found
