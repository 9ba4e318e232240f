"""The page of a report in a browser: sorting, filters, marks, and no overflow on a phone."""

import html
import json
import re
import shutil
import subprocess

import pytest
from brickwork.gen.cli import main
from sweep_results import many, point, write

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"has none of {', '.join(BROWSERS)}")

#: What the page shows: rows in their order, with the texts of their columns; heads of each table;
#: marks in plots and whether they are dimmed; figures, and how much wider the page is than the
#: window.
LOOK = """
const seen = (selector) => [...document.querySelectorAll(selector)];
const rows = seen("#points tbody tr").filter((row) => row.checkVisibility());
const keys = (row) => [...row.closest("table").tHead.rows[0].cells].map((head) => head.dataset.key);
const cells = (row) => keys(row).map((key, at) => [key, row.cells[at].textContent]);
const look = () => ({
  rows: rows.map((row) => ({ ...row.dataset, id: row.id, ...Object.fromEntries(cells(row)) })),
  heads: seen("#points thead th").map((head) => [head.dataset.key, head.ariaSort]),
  marks: seen("figure .point").map((mark) => [mark.dataset.p, mark.matches(".off")]),
  chosen: [seen("tr.on").map((row) => row.id), seen(".point.on").map((mark) => mark.dataset.p)],
  figures: seen("#plots figure").filter((one) => one.checkVisibility()).map((one) => one.dataset),
  headings: seen("h3").filter((one) => one.checkVisibility()).map((one) => one.textContent),
  hints: seen(".hint").map((hint) => hint.checkVisibility()),
  selection: getSelection().toString(),
  count: document.querySelector("output").textContent,
  tip: document.getElementById("tip").innerText,
  address: location.hash,
  overflow: document.documentElement.scrollWidth - innerWidth,
  width: innerWidth,
});
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    records = many(shapes=((4, 4), (4, 8), (8, 8)), formats=("int8", "int4"))
    # Few have a DSP: what is missing must come last, whichever way it is sorted.
    # These three read 50 each.
    for number, share in enumerate((0.5000002, 0.5, 0.5000001)):
        records[number]["utilization"] = share
    records += [point("eie", "none", "gates", seeds=(), pes=pes) for pes in (4, 8)]
    results = write(folder / "r", records)
    assert main(["report", str(results), "--baseline", str(results), "--out", str(folder)]) == 0
    return folder / "report/index.html"


@pytest.fixture
def look(page, tmp_path):
    """Opens the page, runs a script in it, and returns what the page shows then."""

    def run(fragment="", script="", width=1280):
        extra = f"<script>{{{script}}}{{{LOOK}document.title = JSON.stringify(look());}}</script>"
        text = page.read_text("utf-8").replace("</body>", f"{extra}</body>")
        (tmp_path / "page.html").write_text(text, "utf-8")
        # In a frame: a window cannot be as narrow as a phone.
        (tmp_path / "frame.html").write_text(
            f'<iframe width="{width}" height="2000" src="page.html#{fragment}" '
            'onload="document.title = contentDocument.title"></iframe>'
        )
        command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        command += ["--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}"]
        done = subprocess.run(
            [*command, f"file://{tmp_path / 'frame.html'}"],
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=True,
        )
        title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)[1]
        return json.loads(html.unescape(title))

    return run


def column(found, name, target):
    """The texts of a column in the table of a target."""
    return [row[name] for row in found["rows"] if row["target"] == target]


def numbers(texts):
    return [float(re.sub("[,≈ ]", "", text)) for text in texts if text]


def in_order(found):
    """Tables of two targets, each in the order of the points."""
    assert [row["target"] for row in found["rows"]] == ["ecp5"] * 24 + ["gates"] * 26
    for target in ("ecp5", "gates"):
        numbers = [int(name[1:]) for name in column(found, "id", target)]
        assert numbers == sorted(numbers)


def test_as_it_opens(look, page):
    found = look()
    assert len(found["rows"]) == 50
    assert found["count"] == "50 of 50 points"
    in_order(found)
    assert {order for _, order in found["heads"]} == {"none"}
    assert set(column(found, "front", "gates")) == {"●", ""}
    assert "dsp" not in found["rows"][-1]
    assert found["chosen"] == [[], []]
    assert found["overflow"] <= 0
    assert page.stat().st_size < 400_000


def test_sorted_and_filtered_by_address(look):
    found = look("sort=cycles&filter=gemm_ws&workload=digits")
    for target in ("ecp5", "gates"):
        cycles = numbers(column(found, "cycles", target))
        assert cycles == sorted(cycles)
        assert len(cycles) == 6
    assert {row["design"] for row in found["rows"]} == {"gemm_ws"}
    assert dict(found["heads"])["cycles"] == "ascending"
    assert found["count"] == "12 of 50 points"
    shown = {row["id"][1:] for row in found["rows"]}
    assert {dimmed for _, dimmed in found["marks"]} == {True, False}
    assert any(shown & set(mark.split()) < set(mark.split()) for mark, _ in found["marks"])
    for mark, dimmed in found["marks"]:
        assert dimmed == shown.isdisjoint(mark.split())


def test_what_is_missing_comes_last(look):
    for sort in ("time", "-time"):
        texts = column(look(f"sort={sort}"), "time", "gates")
        values = numbers(texts)
        assert values == sorted(values, reverse=sort == "-time")
        assert len(set(values)) > 1
        assert texts[len(values) :] == ["", ""]


def test_a_column_of_one_table(look):
    found = look("sort=-dsp")
    values = numbers(column(found, "dsp", "ecp5"))
    assert values == sorted(values, reverse=True)
    numbered = [int(name[1:]) for name in column(found, "id", "gates")]
    assert numbered == sorted(numbered)


def test_sorted_by_what_is_exact(look):
    found = look("sort=utilization")
    assert column(found, "utilization", "ecp5")[:2] == ["50", "50"]
    assert column(found, "workload", "ecp5")[:2] == ["bert", "digits"]


def test_workload_and_target(look):
    found = look("workload=digits&target=gates&front=1")
    assert {row["workload"] for row in found["rows"]} == {"digits"}
    assert {row["target"] for row in found["rows"]} == {"gates"}
    assert {row["front"] for row in found["rows"]} == {"●"}
    for figure in found["figures"]:
        assert figure.get("workload") in (None, "digits")
        assert figure.get("target") in (None, "gates")
    assert len(found["figures"]) == 7
    assert "bert" not in found["headings"]
    assert {"digits", "Targets", "gates"} <= set(found["headings"])
    assert "ecp5" not in found["headings"]


def test_heads_sort_and_the_address_follows(look):
    click = "document.querySelector('[data-key=gops] button').click();"
    found = look("filter=int4", click)
    for target in ("ecp5", "gates"):
        values = numbers(column(found, "gops", target))
        assert values == sorted(values, reverse=True)
    assert dict(found["heads"])["gops"] == "descending"
    assert found["address"] == "#sort=-gops&filter=int4"
    assert look("filter=int4", click * 2)["address"] == "#sort=gops&filter=int4"


def test_a_point_marks_its_row(look):
    click = """
    const mark = document.querySelector("figure .point");
    const box = mark.getBoundingClientRect();
    const at = { bubbles: true, clientX: box.x + box.width / 2 + 9, clientY: box.y };
    mark.closest("svg").dispatchEvent(new MouseEvent("click", at));
    """
    found = look("", click)
    (row,), marks = found["chosen"]
    assert marks
    assert all(row[1:] in mark.split() for mark in marks)
    assert "cycles" in found["tip"]
    (shown,) = [cells for cells in found["rows"] if cells["id"] == row]
    assert shown["name"] in found["tip"]


def test_a_row_marks_its_points(look):
    click = "document.querySelector('#p7 button').click();"
    found = look("", click)
    assert found["chosen"][0] == ["p7"]
    assert len(found["chosen"][1]) >= 5
    assert all("7" in mark.split() for mark in found["chosen"][1])
    assert look("", click * 2)["chosen"] == [[], []]


def test_the_best_are_links_to_rows(look):
    found = look("p7")
    assert found["chosen"][0] == ["p7"]
    assert found["count"] == "50 of 50 points"


def test_addresses_that_say_nothing(look):
    found = look("sort=nothing&workload=none-such&filter=")
    assert found["count"] == "50 of 50 points"
    in_order(found)


def test_the_command_is_copied(look):
    found = look("", "document.querySelector('.command button').click();")
    assert re.fullmatch(r"brickwork report \S+/r --baseline \S+/r", found["selection"])


def test_no_overflow_on_a_phone(look):
    found = look(width=390)
    assert found["width"] == 390
    assert found["overflow"] <= 0
    assert len(found["figures"]) > 10
    assert found["hints"] == [True, True]
    empty = "document.querySelectorAll('.scroll table').forEach((table) => (table.hidden = true));"
    resized = "dispatchEvent(new Event('resize'));"
    assert look(script=empty + resized, width=390)["hints"] == [False, False]
    wide = look(script="document.querySelector('h1').style.width = '30rem';", width=390)
    assert wide["overflow"] > 0
