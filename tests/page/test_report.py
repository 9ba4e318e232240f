"""Reports of sweeps: reading results, what is best, comparison, and the files that are written."""

import copy
import csv
import html.parser
import json
import random
import re
from pathlib import Path

import pytest
from brickwork.gen.cli import main
from brickwork.gen.page import axes, benches, best, figures, results, svg
from brickwork.gen.page import page as page_module
from brickwork.gen.page.compare import compare
from brickwork.gen.page.metrics import shown
from brickwork.gen.page.points import front, points
from sweep_results import HEADER, many, point, write

AREA = {"unit": "cells", "total": {}, "modules": [], "memories": []}
SHAPES = ((4, 4), (4, 8), (8, 8))
HOSTILE = "</style><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;`|$x$"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refused(folder, capsys):
    """Runs ``brickwork report``, and checks that it refuses with this line and does nothing."""

    def check(message, *argv):
        before = sorted(folder.rglob("*"))
        assert main(["report", *argv]) == 2
        captured = capsys.readouterr()
        assert captured.err == f"brickwork: error: {message}\n"
        assert captured.out == ""
        assert sorted(folder.rglob("*")) == before

    return check


def without_result(status, reason="there is a reason", **more):
    """A point that has none of the numbers."""
    record = point(**more)
    empty = dict.fromkeys(
        ("area", "clock", "fmax_mhz", "cycles", "cycles_kind", "utilization", "gops", "bytes")
    )
    return record | empty | {"status": status, "reason": reason, "log": "line 1\nline 2"}


def changed(records, number=0, seeds=(0.97, 1.0, 1.02), **values):
    """The records with other cycles, LUTs or clocks in one of them."""
    records = copy.deepcopy(records)
    record = records[number]
    record["area"]["total"].update({k: v for k, v in values.items() if k in ("lut", "dsp")})
    record.update({k: v for k, v in values.items() if k == "cycles"})
    if fmax := values.get("fmax"):
        runs = [{"seed": n, "fmax_mhz": fmax * seed} for n, seed in enumerate(seeds, 1)]
        record["clock"]["runs"] = runs
        record["fmax_mhz"] = record["clock"]["fmax_mhz"]["median"] = fmax
    return records


def compared(now, before):
    return compare(points(now), points(before), _results(now), _results(before))


def _results(records, tools=None):
    return results.Results(
        names=["x"], descriptions=[], tools=tools or {}, records=records, remarks=[]
    )


class TestReading:
    def test_refused(self, folder, refused):
        again = "write it with this version's brickwork sweep"
        refused("Results file cannot be read: none.jsonl: No such file or directory", "none.jsonl")
        (folder / "dir").mkdir()
        refused("Results file cannot be read: dir: Is a directory", "dir")
        (folder / "x").write_text("")
        refused("Results file must have a header and points, but x is empty", "x")
        other = '{"schema": "other", "version": 1}'
        for text in ("{}\n", "a,b\n1,2\n", "\n", f"{other}\n", other, "[]\n", "one line"):
            (folder / "x").write_text(text)
            refused("Results file must be one of brickwork sweep's, which x is not", "x")
        (folder / "x").write_bytes(b"\x80\xff\n")
        refused("Results file must be one of brickwork sweep's, which x is not", "x")
        write(folder / "x", [point()], version=2)
        refused(
            f"Results file must be of version 1 of its schema, not 2 as x is; {again}",
            "x",
        )
        write(folder / "x", [point()], name=3)
        refused(f"Line 1 of x must have a field 'name'; {again}", "x")
        write(folder / "x", [])
        refused("Results file must have points, which x has not; run brickwork sweep --resume", "x")
        write(folder / "good", [point()])
        refused("Results file cannot be read: y: No such file or directory", "good", "y")
        refused(
            "Results file cannot be read: y: No such file or directory", "good", "--baseline", "y"
        )
        (folder / "file").write_text("")
        refused(
            "Output folder file/report cannot be written: Not a directory", "good", "--out", "file"
        )

    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"design": None}, "'design' must be a text, and is None"),
            ({"status": "done"}, "'status' must be one of ok, infeasible, failed, not 'done'"),
            ({"cycles": "12"}, "'cycles' must be a number or null, and is '12'"),
            ({"cycles": True}, "'cycles' must be a number or null, and is True"),
            ({"parameters": []}, "'parameters' must be an object, and is []"),
            (
                {"area": AREA | {"total": {"lut": "x"}}},
                "in 'area', 'lut' must be a number or null, and is 'x'",
            ),
            (
                {"area": AREA | {"modules": [3]}},
                "in 'area', an object must be where 3 is",
            ),
            (
                {"area": AREA | {"memories": [{"kind": "macro", "words": 1}]}},
                "in 'area', 'width' must be a number, and is missing",
            ),
            (
                {"clock": {"fmax_mhz": {"median": 1, "worst": 1}, "runs": []}},
                "in 'clock', 'best' must be a number, and is missing",
            ),
            (
                {
                    "clock": {
                        "fmax_mhz": dict.fromkeys(("median", "worst", "best"), 1),
                        "runs": [{}],
                    }
                },
                "in 'clock', 'fmax_mhz' must be a number, and is missing",
            ),
            (
                {"bytes": {"acts": None}},
                "in 'bytes', 'acts' must be a number, and is None",
            ),
        ],
    )
    def test_no_point(self, folder, refused, changes, fault):
        write(folder / "x", [point(), point(rows=4) | changes])
        again = "write it with this version's brickwork sweep"
        refused(f"Line 3 of x must be a point: {fault}; {again}", "x")

    def test_no_point_at_all(self, folder, refused):
        again = "write it with this version's brickwork sweep"
        for line in ("[]", "{", '{"cycles": NaN}', ""):
            header = json.dumps(HEADER)
            (folder / "x").write_text(f"{header}\n{line}\n{json.dumps(point())}\n")
            refused(f"Line 2 of x must be a point: it is no object of JSON; {again}", "x")

    def test_half_a_line(self, folder):
        path = write(folder / "x", [point(), point(rows=4)])
        whole = path.read_bytes()
        last = whole.rindex(b"\n", 0, -1) + 1
        for end in [*range(last + 1, len(whole), 61), len(whole) - 1]:
            path.write_bytes(whole[:end])
            found = results.read([path])
            assert len(found.records) == 1
            assert found.remarks == [
                f"The last line of {path} is half written, as a sweep that was stopped leaves it, "
                "and is left out; brickwork sweep --resume completes it."
            ]
        path.write_bytes(whole[:last])
        assert (len(results.read([path]).records), results.read([path]).remarks) == (1, [])
        path.write_bytes(whole)
        assert (len(results.read([path]).records), results.read([path]).remarks) == (2, [])

    def test_the_later_counts(self, folder):
        first = write(folder / "a", [point(), point(rows=4)], name="a")
        other = point() | {"cycles": 7, "key": "another"}
        second = write(folder / "b", [other], name="b", tools={"pyosys": "0.62"})
        found = results.read([first, second])
        assert found.names == ["a", "b"]
        assert sorted(record["cycles"] for record in found.records)[0] == 7
        assert len(found.records) == 2
        assert found.remarks == [
            f"1 point of {second} had been read before; the later counts.",
            "The files were written with several versions of pyosys.",
        ]
        assert found.tools == {"brickwork": "0.1.0", "pyosys": "0.61, 0.62"}
        assert results.read([second, first]).records != found.records

    def test_a_new_parameter_makes_no_other_point(self):
        older = point(design="eie", target="gates", workload=None)
        newer = copy.deepcopy(older)
        del older["parameters"]["skip_empty_columns"]
        assert points([older])[0].identity == points([newer])[0].identity
        newer["parameters"]["skip_empty_columns"] = 0
        assert points([older])[0].identity != points([newer])[0].identity


class TestPoints:
    def test_labels(self):
        mixed = {"rows": 4, "cols": 8, "a_format": "int4+flint4", "w_format": "int4"}
        fused = {"a_bits": 2, "w_bits": 4, "a_signed": 0, "w_signed": 1}
        records = [
            point("gemm_os", rows=4, cols=8, a_format="int8", w_format="int4"),
            point("gemm_os", rows=4, cols=8, a_format="int8", w_format="int4", pipeline=1),
            point("gemm_ws", **mixed) | {"modes": {"a_type": "flint4", "w_type": "int4"}},
            point("gemm_ws", **mixed) | {"modes": {"a_type": "int4", "w_type": "int4"}},
            point("gemm_fusion", rows=8) | {"modes": fused},
            point("gemm_fusion", rows=8) | {"modes": fused | {"w_bits": 8}},
            point("eie", workload="none", pes=4) | {"modes": {"row_mapping": "balanced"}},
            point("eie", workload="none", pes=4) | {"modes": {"row_mapping": "modulo"}},
            # Varies only where there is no result.
            without_result("infeasible", design="gemm_ws", rows=4, cols=8, max_k=8),
        ]
        assert [(one.name, one.netlist, one.operands) for one in points(records)] == [
            (
                "gemm_ws 4×8 int4+flint4×int4 flint4×int4",
                "4×8 int4+flint4×int4",
                "flint4×int4",
            ),
            ("gemm_ws 4×8 int4+flint4×int4 int4", "4×8 int4+flint4×int4", "int4"),
            ("gemm_ws 4×8 int8 max_k=8", "4×8 int8 max_k=8", "int8"),
            ("gemm_os 4×8 int8×int4 pipeline=1", "4×8 int8×int4 pipeline=1", "int8×int4"),
            ("gemm_os 4×8 int8×int4 pipeline=2", "4×8 int8×int4 pipeline=2", "int8×int4"),
            ("gemm_fusion 8×8 uint2×int4", "8×8", "uint2×int4"),
            ("gemm_fusion 8×8 uint2×int8", "8×8", "uint2×int8"),
            ("eie 4 PEs int16×codebook4 row_mapping=balanced", "4 PEs", "int16×codebook4"),
            ("eie 4 PEs int16×codebook4 row_mapping=modulo", "4 PEs", "int16×codebook4"),
        ]

    def test_mode_of_some_points(self):
        """Without the mode, each layer has its own pattern."""
        records = [point("gemm_nm") | {"modes": modes} for modes in ({}, {"pattern": "1:1"})]
        one, other = sorted(each.label for each in points(records))
        assert other == f"{one} pattern=1:1"

    def test_order_is_that_of_numbers(self):
        records = [point(rows=rows) for rows in (16, 2, 128, 4)]
        assert [one.shape for one in points(records)] == ["2×8", "4×8", "16×8", "128×8"]

    def test_front(self):
        draw = random.Random(1)
        records = [point(rows=rows) for rows in range(1, 61)]
        values = {one.number: (draw.randrange(8), draw.randrange(8)) for one in points(records)}
        found = points(records)
        kept = {one.number for one in front(found, lambda one: values[one.number])}
        assert 1 <= len({values[number] for number in kept}) <= 8
        for one in found:
            x, y = values[one.number]
            beaten = any(a <= x and b <= y and (a, b) != (x, y) for a, b in values.values())
            assert (one.number in kept) != beaten

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, ""),
            (1234567, "1,234,567"),
            (1234.56, "1,235"),
            (0.5, "0.5"),
            (99.987, "99.99"),
            (0.0000123, "0.0000123"),
            (0.0, "0"),
            (12, "12"),
        ],
    )
    def test_shown(self, value, text):
        assert shown(value) == text

    def test_best(self):
        records = [point(rows=4, cols=4), point(rows=8, cols=8), point(rows=9, w_format="int4")]
        found = best.best(points(changed(records, cycles=1000, number=1)))
        assert list(found) == ["int8", "int8×int4"]
        assert [(one.title, one.point.shape) for one in found["int8"]] == [
            ("fewest cycles", "8×8"),
            ("shortest time", "8×8"),
            ("fewest LUTs", "4×4"),
            ("most throughput per area", "8×8"),
        ]
        assert {one.point.shape for one in found["int8×int4"]} == {"9×8"}
        least = found["int8"][0]
        assert (least.text, least.others) == ("1,000 cycles", "3,888 LUT, 64 DSP, 4 BRAM")
        no_target = best.best(points([point(target=None, seeds=())]))
        assert [one.title for one in no_target["int8"]] == ["fewest cycles"]
        gates = best.best(points([point(target="gates", seeds=())]))["int8"]
        assert [one.metric for one in gates] == ["cycles", "gates", "density"]
        assert gates[-1].text.endswith(" MAC/cycle per kgate")
        assert best.best(points([point(target=None, workload=None, seeds=())])) == {}

    def test_of_equals_the_smaller(self):
        same = changed([point(rows=8), point(rows=4)], cycles=1000, number=1)
        same = changed(same, cycles=1000)
        assert best.best(points(same))["int8"][0].point.shape == "4×8"

    def test_fronts_are_of_a_workload_and_target(self):
        records = many(shapes=SHAPES)
        found = points(records)
        numbers = best.fronts(found)
        groups = best.groups(found).values()
        same = [part for group in groups for part in best.by_operands(group).values()]
        assert len(same) == 8
        for group in same:
            for one in group:
                beaten = any(
                    all(a <= b for a, b in zip(other, mine, strict=True)) and other != mine
                    for other in map(self.losses, group)
                    for mine in [self.losses(one)]
                )
                assert (one.number in numbers) != beaten

    @staticmethod
    def losses(one):
        """Cycles and time order the made-up points alike."""
        return (*one.resources(), one.value("cycles"))

    def test_roof(self):
        """Of 4 rows and 8 columns: 32 MACs, and 4 + 8 + 8 · 4 bytes a cycle."""
        assert figures._roof(points([point(rows=4, cols=8)])[0]) == (32, 44)
        none = [point(seeds=()) | {"bytes": None}, point(design="eie", pes=4)]
        none += [point() | {"parameters": {"rows": 8, "gone": 1}}]
        assert [figures._roof(one) for one in points(none)] == [None] * 3

    def test_range_of_the_seeds(self):
        (one,) = points([point(seeds=(1.0, 0.9, 1.25))])
        gops = one.record["gops"]
        assert one.range("gops") == pytest.approx((0.9 * gops, 1.25 * gops))
        assert one.range("time") == pytest.approx(
            (one.value("time") / 1.25, one.value("time") / 0.9)
        )
        assert one.range("cycles") == (one.value("cycles"),) * 2
        assert points([point(seeds=())])[0].range("fmax") is None

    def test_shares_of_roles(self):
        (one,) = points([point()])
        shares = figures._shares(one)
        assert shares["PEs"] == pytest.approx(0.6)
        assert shares["rest"] == pytest.approx(0.01)
        assert sum(shares.values()) == pytest.approx(1)
        some = figures._shares(one, {"PEs": "red"})
        assert some == {"PEs": shares["PEs"], "others": pytest.approx(0.4)}

    def test_filled_markers_are_on_the_front(self):
        found = points(many(shapes=((4, 4), (4, 8), (5, 7), (8, 8), (7, 9)), formats=("int8",)))
        drawn = {plot.name: plot for plot in figures.plots(found, set())}
        for name, sign in (("cycles-digits-ecp5", 1), ("gops-digits-ecp5", -1)):
            metric = name.split("-")[0]
            group = [p for p in found if (p.workload, p.target) == ("digits", "ecp5")]
            losses = {p.number: (*p.resources(), sign * p.value(metric)) for p in group}
            best = {
                number
                for number, mine in losses.items()
                if not any(
                    all(a <= b for a, b in zip(other, mine, strict=True)) and other != mine
                    for other in losses.values()
                )
            }
            markers = [
                (int(line.get_gid().split("-")[1]), line.get_markerfacecolor() != svg.PAPER)
                for line in drawn[name].figure.axes[0].lines
                if line.get_marker() in ("o", "s")
            ]
            assert dict(markers) == {number: number in best for number in losses}
            assert 1 < len(best) < len(losses)

    def test_ticks_are_numbers_of_pes(self):
        def ticks(values):
            figure, panel = axes.bare("x")
            axes.scale(panel, "x", values, "PEs", exact=True)
            figure.draw_without_rendering()
            return [label.get_text() for label in panel.get_xticklabels()]

        assert ticks([16, 64, 256, 1024, 64]) == ["16", "64", "256", "1024"]
        assert ticks([4, 6, 8]) == ["4", "6", "8"]
        assert ticks([9]) == ["9"]
        # Not so many that they collide: the least and the greatest stay.
        some = ticks(range(1, 1000, 7))
        assert (some[0], some[-1], len(some)) == ("1", "995", 6)

    @pytest.mark.slow
    def test_labels_do_not_collide(self):
        """Neither with each other, nor with lines, dots and the edges."""
        records = many(shapes=[(n, n + 1) for n in range(3, 40, 4)], formats=("int8", "int4"))
        seen = 0
        for plot in figures.plots(points(records), set()):
            (panel,) = plot.figure.axes
            plot.figure.draw_without_rendering()
            inside = panel.get_window_extent()
            boxes = [note.get_window_extent() for note in panel.texts if plot.workload]
            lines = [panel.transData.transform_path(line.get_path()) for line in panel.lines]
            for number, box in enumerate(boxes):
                assert not any(map(box.overlaps, boxes[:number]))
                assert not any(line.intersects_bbox(box, filled=False) for line in lines)
                assert (box.x0, box.y0) >= (inside.x0, inside.y0)
                assert box.y1 <= inside.y1 + 1
            seen += len(boxes)
        assert seen > 50


class TestComparison:
    before = many(shapes=SHAPES)[::4]

    def test_equal(self):
        found = compared(self.before, self.before[::-1])
        assert (found.changes, found.unchanged) == ([], len(self.before))
        assert found.lines() == [f"points without a change: {len(self.before)}"]

    def test_cycles_and_area_are_exact(self):
        cycles, lut = self.before[0]["cycles"], self.before[2]["area"]["total"]["lut"]
        now = changed(self.before, cycles=cycles - 1)
        now = changed(now, number=2, lut=lut + 1)
        found = compared(now, self.before)
        assert [(one.metric, one.before, one.after, one.verdict) for one in found.changes] == [
            ("lut", lut, lut + 1, "worse"),
            ("cycles", cycles, cycles - 1, "better"),
        ]
        assert found.changes[1].delta == f"{-100 / cycles:+.1f} %"
        assert found.unchanged == len(self.before) - 2

    def test_from_nothing(self):
        now = changed(self.before, number=1, dsp=8)
        was = changed(self.before, number=1, dsp=0)
        assert [one.delta for one in compared(now, was).changes] == ["+8"]

    @pytest.mark.parametrize(
        ("fmax", "verdict"),
        [(200, None), (206, None), (211, "better"), (194, None), (189, "worse")],
    )
    def test_clocks_within_the_spread_are_the_same(self, fmax, verdict):
        """From 194 to 204 MHz before; ranges are 97 to 102 % of ``fmax``."""
        now = changed(self.before, fmax=fmax)
        found = compared(now, changed(self.before, fmax=200))
        assert [one.verdict for one in found.changes] == ([verdict] if verdict else [])
        assert found.noise == (verdict is None and fmax != 200)

    def test_a_single_seed(self):
        now = changed(self.before, fmax=300, seeds=(1.0,))
        found = compared(now, self.before)
        assert (found.changes, found.noise, found.unmeasured) == ([], 0, 1)
        assert any(line.startswith("clocks that differ, with a single") for line in found.lines())

    def test_area_and_clock_count_once_for_all_workloads(self):
        before = [point(workload=name) for name in ("bert", "digits")]
        now = changed(changed(before, lut=9000, fmax=400), number=1, lut=9000, fmax=400)
        found = compared(now, before)
        assert [(one.metric, one.location) for one in found.changes] == [
            ("lut", "ecp5"),
            ("fmax", "ecp5"),
        ]

    def test_areas_are_of_netlists_and_cycles_of_modes(self):
        modes = [{"a_bits": bits, "w_bits": bits} for bits in (2, 8)]
        before = [point("gemm_fusion", rows=8) | {"modes": one} for one in modes]
        now = changed(changed(before, lut=9000, cycles=5), number=1, lut=9000, cycles=9)
        found = compared(now, before)
        assert [(one.name, one.metric, one.after) for one in found.changes] == [
            ("gemm_fusion 8×8", "lut", 9000),
            ("gemm_fusion 8×8 int2", "cycles", 5),
            ("gemm_fusion 8×8 int8", "cycles", 9),
        ]

    def test_points_of_one_side(self):
        now = [*self.before[2:], without_result("failed", rows=100), point(rows=99)]
        before = [*self.before, point(rows=100)]
        found = compared(now, before)
        assert [one.shape for one in found.new] == ["99×8"]
        assert len(found.gone) == 2
        assert [(one.shape, was) for one, was in found.statuses] == [("100×8", "ok")]
        assert "gemm_ws 100×8 int8, digits on ecp5: ok before, failed now" in found.lines()

    def test_other_tools(self):
        sides = (_results([], {"yosys": "2", "a": "1"}), _results([], {"yosys": "1", "a": "1"}))
        assert compare([], [], *sides).remarks == ["yosys: 1 before, 2 now"]


def contrast(one, other):
    def luminance(colour):
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


class Reader(html.parser.HTMLParser):
    """Collects elements and their attributes; void ones aside, they must be closed in order."""

    void = ("meta", "input", "br")

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs)
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "script" not in self.open and "style" not in self.open:
            self.text.append(data)

    def values(self, name):
        return [found[name] for _, found in self.elements if name in found]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A report of 24 points and four without a result, beside a baseline."""
    folder = tmp_path_factory.mktemp("report")
    records = many(shapes=SHAPES)[::2]
    lost = [
        without_result(status, f"{status} because", workload=name, rows=40)
        for status in ("infeasible", "failed")
        for name in ("bert", "digits")
    ]
    lost[2]["parameters"]["pipeline"] = lost[3]["parameters"]["pipeline"] = 0
    now = write(folder / "now", [*records, *lost])
    before = write(folder / "before", changed(records, cycles=10))
    argv = ["report", str(now), "--baseline", str(before), "--out", str(folder / "out")]
    assert main(argv) == 0
    return folder, records, lost


class TestFiles:
    def test_page(self, written):
        folder, records, _ = written
        text = (folder / "out/report/index.html").read_text("utf-8")
        page = Reader(text)
        ids = page.values("id")
        assert len(ids) == len(set(ids))
        links = [link[1:] for link in page.values("href") if link.startswith("#")]
        assert len(links) > 50
        assert set(links) <= set(ids)
        clips = re.findall(r"url\(#([^)]+)\)", text)
        assert set(clips) <= set(ids)
        rows = {name[1:] for name in ids if re.fullmatch(r"p\d+", name)}
        assert len(rows) == len(records)
        told = set(" ".join(page.values("data-p")).split())
        assert told == rows
        assert "http" not in text.replace("http-equiv", "")
        assert "src" not in " ".join(" ".join(found) for _, found in page.elements).split()
        said = " ".join(page.text)
        assert "28 points: 24 ok, 2 infeasible, 2 failed" in said
        assert "infeasible because" in said
        assert "line 1\nline 2" in said
        assert "≈" in said
        assert "estimates" in said
        assert said.count("bert on ecp5; digits on ecp5") == 2
        assert "changes: 1" in said

    def test_every_sortable_column_has_a_button(self, written):
        page = Reader((written[0] / "out/report/index.html").read_text("utf-8"))
        heads = [found for tag, found in page.elements if tag == "th" and "data-key" in found]
        assert len(heads) > 15
        assert {found["aria-sort"] for found in heads} == {"none"}
        at = [index for index, (_, found) in enumerate(page.elements) if "data-key" in found]
        assert {page.elements[index + 1][0] for index in at} == {"button"}
        labelled = [
            index
            for index, (tag, _) in enumerate(page.elements)
            if tag in ("select", "input") and page.elements[index - 1][0] == "label"
        ]
        controls = [tag for tag, _ in page.elements if tag in ("select", "input")]
        assert len(labelled) == len(controls) == 5

    def test_benches(self, folder):
        names = [*list(benches.COLUMNS)[1:8], "resets"]
        counts = dict(zip(names, range(100, 108), strict=True))
        rows = [
            {"unit": "fifo", **counts, "score": 99.5, "resets_score": None},
            {"unit": "all", **counts, "score": 98.0, "resets_score": 97.0},
        ]
        (folder / "mutation.json").write_text(json.dumps({"units": rows}))
        results = write(folder / "r", [point()])
        assert main(["report", str(results), "--benches", "mutation.json"]) == 0
        said = " ".join(Reader((folder / "out/report/index.html").read_text("utf-8")).text)
        said = " ".join(said.split())
        assert "score of resets, % fifo 100 101 102 103 104 105 106 99.5 107 all" in said
        assert "--benches mutation.json" in said
        lines = (folder / "out/report/report.md").read_text("utf-8").splitlines()
        assert "| all | 100 | 101 | 102 | 103 | 104 | 105 | 106 | 98.0 | 107 | 97.0 |" in lines

    @pytest.mark.parametrize("text", ["", "[" * 100_000, "[]", '{"units": []}', '{"units": [{}]}'])
    def test_no_benches(self, folder, refused, text):
        (folder / "m.json").write_text(text)
        refused(
            "Scores file must be mutation.json of this version's brickwork mutate, which m.json is "
            "not",
            str(write(folder / "r", [point()])),
            "--benches",
            "m.json",
        )

    def test_headline(self, written):
        """The best of the largest group, with one plot of it, before all else."""
        out = written[0] / "out/report"
        page = Reader((out / "index.html").read_text("utf-8"))
        said = " ".join(page.text)
        first = "bert on ecp5, int4 Fastest 76,224 µs gemm_ws 8×8 int4 ≈ 14,155,936 cycles"
        assert first in re.sub(r"\s+", " ", said)
        order = [found.get("id") for tag, found in page.elements if tag in ("section", "svg")]
        assert order[:3] == ["headline", None, "best"]
        lines = (out / "report.md").read_text("utf-8").splitlines()
        at = lines.index("## bert on ecp5, int4")
        assert lines[at + 2 : at + 5] == [
            "- Fastest: 76,224 µs, gemm\\_ws 8×8 int4",
            "- Smallest: 1,248 LUT, gemm\\_ws 4×4 int4",
            "- Best per area: 0.01011 GOPS/LUT, gemm\\_ws 8×8 int4",
        ]

    def test_headline_of_the_largest_group(self):
        records = [point(seeds=(), rows=rows) for rows in (2, 4)]
        records += [point(rows=4, a_format="int4"), point(workload="bert", rows=4)]
        found = best.headline(points(records))
        assert (found.title, found.points) == ("digits on ecp5, int8", 2)
        assert {title: one.metric for title, one in found.winners.items()} == {
            "Fastest": "cycles",
            "Smallest": "lut",
            "Best per area": "density",
        }
        # Of equal groups the one with a clock.
        assert best.headline(points(records[1:])).title == "bert on ecp5, int8"
        assert best.headline(points([without_result("failed")])) is None

    def test_files_and_command(self, written):
        folder, *_ = written
        out = folder / "out/report"
        text = (out / "index.html").read_text("utf-8")
        files = [
            link for link in Reader(text).values("href") if not link.startswith(("#", "plots/"))
        ]
        assert files == ["points.csv", "report.md", "changes.csv"]
        assert all((out / name).is_file() for name in files)
        command = f"brickwork report {folder}/now --baseline {folder}/before"
        assert f"<code>{command}</code>" in text
        assert f"Made by {command}\n".replace("_", "\\_") in (out / "report.md").read_text("utf-8")

    def test_without_a_script(self, written):
        """Controls that need the script are hidden until it runs; nothing else is."""
        page = Reader((written[0] / "out/report/index.html").read_text("utf-8"))
        hidden = [(tag, found.get("id")) for tag, found in page.elements if "hidden" in found]
        assert hidden == [("button", None), ("form", "filters"), ("p", None), ("div", "tip")]

    def test_colours_have_contrast(self):
        """At least 4.5 to 1 (WCAG 2.2) between texts and what they stand on, in both schemes."""
        style = Path(page_module.__file__).with_name("page.css").read_text("utf-8")
        schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
        colours = {}
        for scheme in schemes:
            colours |= dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", scheme))
            for text in ("ink", "soft", "link", "better", "worse"):
                for ground in ("paper", "card"):
                    assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        assert len(schemes) == 2

    def test_plots(self, written):
        out = written[0] / "out/report"
        page = Reader((out / "index.html").read_text("utf-8"))
        images = {path.name for path in (out / "plots").iterdir()}
        kinds = {name.split("-")[0] for name in images}
        assert kinds == {
            *("cycles", "gops", "fmax", "area", "roofline"),
            *("cycles_over_pes", "utilization_over_pes"),
        }
        linked = [link for link in page.values("href") if link.startswith("plots/")]
        assert sorted(linked) == sorted(f"plots/{name}" for name in images)
        assert len([tag for tag, _ in page.elements if tag == "svg"]) == len(images)
        for name in images:
            assert (out / "plots" / name).read_bytes().startswith(b"\x89PNG\r\n")

    def test_csv(self, written):
        folder, records, lost = written
        with (folder / "out/report/points.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(records) + len(lost)
        assert {row["key"] for row in rows} == {record["key"] for record in [*records, *lost]}
        by_key = {record["key"]: record for record in records}
        for row in rows:
            record = by_key.get(row["key"])
            if record is None:
                assert (row["cycles"], row["lut"]) == ("", "")
                continue
            assert int(row["cycles"]) == record["cycles"]
            assert float(row["fmax"]) == record["fmax_mhz"]
            assert float(row["fmax_worst"]) == min(r["fmax_mhz"] for r in record["clock"]["runs"])
            area = "lut" if record["target"] == "ecp5" else "area"
            assert float(row[f"area.{area}"]) == record["area"]["total"][area]
            assert row["parameters.a_format"] == record["parameters"]["a_format"]
        with (folder / "out/report/changes.csv").open(encoding="utf-8", newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["metric"], row["before"], row["verdict"]) == ("cycles", "10", "worse")

    def test_markdown(self, written):
        folder, *_ = written
        text = (folder / "out/report/report.md").read_text("utf-8")
        titles = "fewest cycles, shortest time, most throughput per area"
        assert f"| digits on ecp5 | int8 | {titles} | gemm\\_ws 8×8 int8 |" in text
        assert "| failed | gemm\\_ws 40×8" in text
        for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            lines = table.splitlines()
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1

    def test_equal_results_give_equal_files(self, folder):
        """Whatever the order of the points, and the time that they took."""
        records = many(shapes=SHAPES)[2::4]
        write(folder / "r", records)
        assert main(["report", "r", "--out", "a"]) == 0
        draw = random.Random(2)
        draw.shuffle(records)
        for record in records:
            record["seconds"] = draw.random()
        write(folder / "r", records)
        assert main(["report", "r", "--out", "b"]) == 0
        files = [path for path in (folder / "a").rglob("*") if path.is_file()]
        names = [path.relative_to(folder / "a") for path in files]
        assert len(names) == 10
        for name in names:
            assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()

    def test_names_that_look_like_html(self, folder, capsys):
        record = point() | {"design": HOSTILE, "workload": HOSTILE, "target": HOSTILE}
        record["parameters"] = {"rows": HOSTILE, "cols": HOSTILE, "other": HOSTILE}
        record["area"]["modules"][0]["role"] = HOSTILE
        second = copy.deepcopy(record) | {"pes": 100, "key": HOSTILE}
        second["parameters"]["other"] = "plain"
        lost = without_result("failed", HOSTILE, rows=3) | {"log": HOSTILE}
        write(folder / "r", [record, second, lost], name=HOSTILE, tools={HOSTILE: HOSTILE})
        assert main(["report", "r", "--baseline", "r"]) == 0
        assert capsys.readouterr().err == ""
        page = Reader((folder / "out/report/index.html").read_text("utf-8"))
        tags = [tag for tag, _ in page.elements]
        assert tags.count("script") == tags.count("style") == 1
        assert "img" not in tags
        assert "".join(page.text).count("alert(1)") > 10
        assert all(path.suffix == ".png" for path in (folder / "out/report/plots").iterdir())

    def test_nothing_but_failures(self, folder, capsys):
        write(folder / "r", [without_result("failed"), without_result("infeasible", rows=3)])
        assert main(["report", "r", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"page": "out/report/index.html", "points": 2}
        page = Reader((folder / "out/report/index.html").read_text("utf-8"))
        assert "there is a reason" in page.text
        assert "svg" not in [tag for tag, _ in page.elements]

    def test_what_is_not_known_is_left_out(self, folder):
        """Points without a workload, without a target, and without a clock."""
        records = [point(workload=None, rows=rows, seeds=()) for rows in (2, 4)]
        records += [point(target=None, rows=rows, seeds=()) for rows in (2, 4)]
        write(folder / "r", records)
        assert main(["report", "r"]) == 0
        images = {path.name for path in (folder / "out/report/plots").iterdir()}
        assert images == {
            *("area-ecp5.png", "roofline-digits.png"),
            *("cycles_over_pes-digits.png", "utilization_over_pes-digits.png"),
        }
        said = " ".join(Reader((folder / "out/report/index.html").read_text("utf-8")).text)
        assert "there is no clock, time or throughput" in said
        assert "Fmax MHz" not in said

    def test_remarks_are_on_the_page_and_printed(self, folder, capsys):
        path = write(folder / "r", [point(), point(rows=4)])
        path.write_bytes(path.read_bytes()[:-9])
        assert main(["report", "r"]) == 0
        remark = "The last line of r is half written"
        out = capsys.readouterr().out
        assert remark in out
        assert out.endswith("page: out/report/index.html\n")
        for name in ("index.html", "report.md"):
            assert remark in (folder / "out/report" / name).read_text("utf-8")

    def test_changes_of_an_earlier_report_do_not_stay(self, folder):
        write(folder / "r", [point()])
        assert main(["report", "r", "--baseline", "r"]) == 0
        assert (folder / "out/report/changes.csv").exists()
        assert main(["report", "r"]) == 0
        assert not (folder / "out/report/changes.csv").exists()
