"""Deliberate defects: all can be applied, and the test benches notice them."""

import ast
import runpy

import pytest
from brickwork.sim import cache
from defects import DEFECTS, ROOT, attempt, broken, cases_file

#: A few units of different families; the defects of all others take minutes.
QUICK = ("pe_os", "fifo", "mode", "lnzd")


def test_every_bench_has_defects():
    benches = (ROOT / "sim" / "tb").glob("*/[a-z]*.py")
    assert sorted(path.stem for path in benches) == sorted(DEFECTS)


@pytest.mark.parametrize("unit", DEFECTS)
def test_defects_can_be_applied(unit):
    cases = runpy.run_path(str(cases_file(unit)))["CASES"]
    trees = set()
    for defect in DEFECTS[unit]:
        assert defect.keys() - {"in", "case"} == {"effect", "file", "old", "new"}
        assert defect.get("case") in (None, *cases)
        source = (ROOT / defect["file"]).read_text("utf-8")
        tree = broken(defect, source)
        compile(tree, defect["file"], "exec")
        trees |= {ast.dump(tree), ast.dump(ast.parse(source))}
    assert len(trees) > len(DEFECTS[unit]), "two defects are the same, or change nothing"


SOURCE = """
class Unit:
    def build(self, m):
        m.d.comb += self.o.eq(
            self.a  # the first
            + self.b
        )
        return self.a
"""


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("self.a + self.b", "self.a - self.b", "m.d.comb += self.o.eq(self.a - self.b)"),
        ("m.d.comb += self.o.eq(self.a + self.b)", "pass", "pass"),
    ],
)
def test_layout_does_not_matter(old, new, line):
    defect = {"file": "unit.py", "in": "Unit.build", "old": old, "new": new}
    assert line in [each.strip() for each in ast.unparse(broken(defect, SOURCE)).splitlines()]


@pytest.mark.parametrize(
    ("place", "old", "message"),
    [
        ({"in": "Unit.build"}, "self.a", "unit.py: Unit.build: 'self.a' occurs 2 times"),
        ({}, "self.c", "unit.py: 'self.c' occurs 0 times"),
        ({"in": "Unit.wait"}, "self.a", "unit.py: Unit.wait is defined 0 times"),
    ],
)
def test_not_exactly_once(place, old, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        broken({"file": "unit.py", "old": old, "new": "0"} | place, SOURCE)


ALL = [
    pytest.param(
        unit,
        defect,
        id=f"{unit}-{defect['effect']}",
        marks=() if unit in QUICK and number == 0 else pytest.mark.slow,
    )
    for unit in DEFECTS
    for number, defect in enumerate(DEFECTS[unit])
]


@pytest.mark.parametrize(("unit", "defect"), ALL)
def test_defect_is_noticed(unit, defect, tmp_path, monkeypatch):
    runtime = cache.folder() / "runtime"
    monkeypatch.setenv("BRICKWORK_CACHE", str(tmp_path))
    (tmp_path / "runtime").symlink_to(runtime)
    outcome = attempt(unit, defect)
    assert outcome.get("noticed"), outcome.get("error", "every test passed")
    assert [path.name for path in tmp_path.iterdir()] == ["runtime"], "the cache has broken builds"


def test_no_defect_is_not_noticed():
    """A unit that is right passes its bench."""
    outcome = attempt("mode", DEFECTS["mode"][0] | {"new": DEFECTS["mode"][0]["old"]})
    assert not {"noticed", "error"} & outcome.keys()
