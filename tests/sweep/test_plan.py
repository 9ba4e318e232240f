"""Sweep files: the points that they ask for, and what is refused; the results file."""

import json
import re
import shutil

import pytest
from brickwork.gen.cli import main
from brickwork.gen.lib.errors import UsageError
from brickwork.gen.sweep import plan as plans
from brickwork.gen.sweep import results

GRID = """
name = "mine"
targets = ["ecp5"]
workloads = ["digits"]

[[grid]]
design = "gemm_ws"
set = { rows = [2, 4], cols = [2, 3, 4] }
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        file = tmp_path / "mine.toml"
        file.write_text(text)
        return plans.read(str(file))

    return read


def sizes(plan):
    return [(p.netlist.parameters["rows"], p.netlist.parameters["cols"]) for p in plan.points]


class TestPoints:
    def test_grid(self, read):
        plan = read(GRID)
        assert sizes(plan) == [(2, 2), (2, 3), (2, 4), (4, 2), (4, 3), (4, 4)]
        assert {(p.target, p.workload, p.reason) for p in plan.points} == {("ecp5", "digits", None)}
        assert plan.points[1].pes == plan.points[1].macs_per_cycle == 6
        assert len({point.key for point in plan.points}) == 6

    def test_zip(self, read):
        plan = read(GRID.replace("[2, 3, 4]", "[3, 5]") + 'zip = ["rows", "cols"]')
        assert sizes(plan) == [(2, 3), (4, 5)]
        formats = 'a_format = ["int4", "int8"], w_format = ["int8", "int4"]'
        text = GRID.replace("[2, 3, 4]", f"[3, 5], {formats}")
        plan = read(text + 'zip = [["rows", "cols"], ["a_format", "w_format"]]')
        assert sizes(plan) == [(2, 3), (2, 3), (4, 5), (4, 5)]
        formats = [
            (p.netlist.parameters["a_format"], p.netlist.parameters["w_format"])
            for p in plan.points
        ]
        assert formats == [("int4", "int8"), ("int8", "int4")] * 2

    def test_sample(self, read):
        every = sizes(read(GRID))
        samples = {seed: sizes(read(GRID + f"sample = 4\nseed = {seed}")) for seed in range(1, 6)}
        for sample in samples.values():
            assert len(sample) == 4
            assert sample == [size for size in every if size in sample]
        assert len(set(map(tuple, samples.values()))) > 1
        assert sizes(read(GRID + "sample = 4")) == samples[1]
        assert sizes(read(GRID + "sample = 6")) == every

    def test_huge_grid_is_sampled(self, read):
        many = ", ".join(
            f"{name} = {list(range(1, 1001))}" for name in ("max_k", "acc_depth", "tile_rows")
        )
        text = GRID.replace("rows = [2, 4], cols = [2, 3, 4]", many)
        assert len(read(text + "sample = 3").points) == 3
        with pytest.raises(
            UsageError, match=r"combinations must be at most 100,000, not 1,000,000,0"
        ):
            read(text)

    def test_modes(self, read):
        text = GRID.replace("gemm_ws", "gemm_fusion").replace(
            "rows = [2, 4], cols = [2, 3, 4]", "acc_width = 48"
        )
        plan = read(text + "modes = { a_bits = [2, 16], w_bits = 4 }")
        assert [point.modes["a_bits"] for point in plan.points] == [2, 16]
        assert {point.modes["w_signed"] for point in plan.points} == {1}
        assert [point.macs_per_cycle for point in plan.points] == [64 * 8, 64]
        text = text.replace("set = {", "set = { rows = 3, cols = 3, ")
        (point,) = read(text + "modes = { a_bits = 16, w_bits = 16 }").points
        assert point.macs_per_cycle == 2.25

    def test_types(self, read):
        text = GRID.replace("rows = [2, 4], cols = [2, 3, 4]", 'a_format = "int4+int8+flint4"')
        plan = read(text + 'modes = { a_type = ["int8", "flint4"] }')
        assert [point.modes for point in plan.points] == [{"a_type": "int8"}, {"a_type": "flint4"}]
        assert [point.macs_per_cycle for point in plan.points] == [32, 64]
        assert read(text).points[0].modes == {"a_type": "int4"}
        assert read(GRID).points[0].modes == {}

    def test_assignment_of_rows(self, read):
        text = GRID.replace("gemm_ws", "eie").replace(
            "rows = [2, 4], cols = [2, 3, 4]", "entries_per_cycle = 2"
        )
        plan = read(text + 'modes = { row_mapping = ["modulo", "balanced"] }')
        assert [point.modes for point in plan.points] == [
            {"row_mapping": "modulo"},
            {"row_mapping": "balanced"},
        ]
        assert [point.pes for point in plan.points] == [64, 64]
        assert [point.macs_per_cycle for point in plan.points] == [128, 128]

    def test_own_targets_and_workloads(self, read):
        plan = read(
            GRID + 'targets = ["gates", "ecp5"]\nworkloads = []\n'
            '[[points]]\ndesign = "gemm_os"\ntargets = []'
        )
        assert [p.target for p in plan.points] == ["gates", "ecp5"] * 6 + [None]
        assert {p.workload for p in plan.points[:-1]} == {None}
        assert plan.points[-1].workload == "digits"

    def test_equal_points_count_once(self, read):
        point = '[[points]]\ndesign = "gemm_ws"\nset = { rows = 2, cols = 3, tile_rows = 16 }'
        assert [p.key for p in read(GRID + point).points] == [p.key for p in read(GRID).points]

    def test_keys(self, read, tmp_path):
        """A key changes with all that is asked for, and with nothing else."""
        text = GRID.replace("[2, 4]", "2").replace("[2, 3, 4]", "2").replace("digits", "mine.toml")
        workload = 'title = "t"\nsource = "s"\nlayers = [{ name = "n", m = 1, k = 2, n = 3 }]'

        def key(text, workload=workload):
            text = text.replace("mine.toml", "load.toml")
            (tmp_path / "load.toml").write_text(workload)
            (point,) = read(text).points
            return point.key

        first = key(text)
        assert first == key(text.replace('"mine"', '"yours"'))
        assert first == key(text, workload.replace('"t"', '"other"'))
        changed = [
            key(text.replace("rows = 2", "rows = 3")),
            key(text.replace("gemm_ws", "gemm_os")),
            key(text.replace("ecp5", "ice40")),
            key(text.replace("[[", "pnr = true\n[[")),
            key(text.replace("[[", "pnr = true\nseeds = 2\n[[")),
            key(text, workload.replace("k = 2", "k = 3")),
            key(text, workload.replace("k = 2", "k = 2, acts = 0.5")),
        ]
        assert len({first, *changed}) == 8

    def test_infeasible(self, read):
        plan = read(
            GRID.replace("}", ', w_format = ["int8", "ovp_int4"], acc_width = [0, 8, 40] }')
        )
        reasons = {p.reason for p in plan.points}
        assert reasons == {
            None,
            "Accumulator width 8 is less than the 16 bits of a product of int8 and int8",
            "Accumulator width 8 is less than the 15 bits of a product of int8 and ovp_int4",
        }
        plan = read(GRID.replace("}", ", max_k = [32, 64] }"))
        reasons = [p.reason for p in plan.points]
        assert reasons[0].startswith("layer fc1: K must be at most 32 (max_k), not 64; use ")
        assert reasons[1] is None

    def test_matrix_too_large(self, read):
        text = GRID.replace("gemm_ws", "eie").replace("digits", "eie_16th")
        plan = read(text.replace("rows = [2, 4], cols = [2, 3, 4]", "pes = 4, rows = [64, 256]"))
        assert [p.reason for p in plan.points] == [
            "layer NT-Wd: rows must be at least 138 for it",
            None,
        ]


REFUSED = [
    ("[[grid]]", "[[grid]", "line 6"),
    ('name = "mine"', "", "name must be letters, digits, - and _, as in a file's name, not ''"),
    ('"mine"', '"a/b"', "name must be letters, .* not 'a/b'"),
    ('"mine"', '".a"', "name must not begin with a dot"),
    ('"mine"', "3", "name must be a text, not 3"),
    ("targets", "target", "key must be one of name, .* not 'target'; did you mean 'targets'"),
    ('"ecp5"', '"ecp6"', "targets: Target must be one of .*, not 'ecp6'; did you mean 'ecp5'"),
    ('"ecp5"', "5", "targets must be a list of names, not \\[5\\]"),
    ('["ecp5"]', '"ecp5"', "targets must be a list, not 'ecp5'"),
    ('"digits"', '"digit"', "workloads: Workload must be .*, not 'digit'; did you mean 'digits'"),
    ('"digits"', '"a.toml"', "workloads: Workload cannot be read: .*a.toml: No such file"),
    ("[[grid]]", "seeds = 0\n[[grid]]", "seeds must be an integer from 1 to 99, not 0"),
    ("[[grid]]", "seeds = true\n[[grid]]", "seeds must be an integer, not True"),
    ("[[grid]]", "pnr = 1\n[[grid]]", "pnr must be true or false, not 1"),
    ('["ecp5"]', '["gates"]\npnr = true', "pnr must go with a target that has place and route"),
    ('["ecp5"]', '["liberty"]', 'target "liberty" needs a library: liberty = "file.lib"'),
    ("[[grid]]", 'liberty = "no.lib"\n[[grid]]', "Liberty file cannot be read: .*no.lib"),
    ("[[grid]]", "[[list]]", "key must be one of .* not 'list'"),
    ("[[grid]]", "[grid]", "grid must be a list, not"),
    (GRID[GRID.index("[[") :], "", r"there must be a \[\[grid\]\] or \[\[points\]\], one at least"),
    (
        GRID[GRID.index("[[") :],
        "grid = [3]",
        r"\[\[grid\]\] 1 must be a table with a design, not 3",
    ),
    ('"gemm_ws"', '"gemm_sw"', r"\[\[grid\]\] 1: Design must be .*; did you mean 'gemm_ws'"),
    ('design = "gemm_ws"', "", r"\[\[grid\]\] 1 must have a design"),
    ("design", "desing", r"\[\[grid\]\] 1, key must be .* 'desing'; did you mean 'design'"),
    ("rows", "row", r"\[\[grid\]\] 1, set: Parameter of gemm_ws .* 'row'; did you mean 'rows'"),
    (
        "rows",
        "specials",
        r"\[\[grid\]\] 1, set: Parameter specials of gemm_ws is now called nan_inf",
    ),
    ("[2, 4]", "[]", r"\[\[grid\]\] 1, rows must have a value at least, not \[\]"),
    ("[2, 4]", "[2, 4.5]", r"\[\[grid\]\] 1, rows must be integers or texts, not 4.5"),
    ("[2, 4]", "[2, true]", r"\[\[grid\]\] 1, rows must be integers or texts, not True"),
    ("[2, 4]", "[2, '4']", r"\[\[grid\]\] 1: Row count must be an integer from 1 to 1024, not '4'"),
    ("set = {", "set = 3 # {", r"\[\[grid\]\] 1, set must be a table \{ … \}, not 3"),
    ("set =", "modes = { a_bits = 3 }\nset =", r"1, modes: Mode of gemm_ws .*, not 'a_bits'"),
    ("set =", "zip = ['row']\nset =", r"1, zip must be of names .* 'row'; did you mean 'rows'"),
    ("set =", "zip = ['rows', 'cols']\nset =", "of lists of one length, not rows 2, cols 3"),
    ("set =", "zip = ['rows', 'rows']\nset =", "zip must name rows once, not twice"),
    ("set =", "zip = 'rows'\nset =", "zip must be a list, not 'rows'"),
    ("set =", "sample = 0\nset =", "sample must be an integer from 1 to 6, .* not 0"),
    ("set =", "sample = 7\nset =", "sample must be an integer from 1 to 6, .* not 7"),
    ("set =", "seed = 7\nset =", "seed must go with a sample"),
    (
        "set =",
        "targets = []\nworkloads = []\nset =",
        "1 must have targets or workloads: there is no",
    ),
    ("set =", "targets = ['x']\nset =", r"\[\[grid\]\] 1, targets: Target must be one of"),
    (
        "[2, 4]",
        "[0]",
        "all points are infeasible; the first one: Row count must be",
    ),
    (
        "[[grid]]",
        "[[points]]",
        r"\[\[points\]\] 1, rows must be an integer or a text, not \[2, 4\]",
    ),
    (
        "[[grid]]",
        "[[points]]\nsample = 1",
        r"\[\[points\]\] 1, key must be one of .*, not 'sample'",
    ),
    (
        "[[grid]]",
        "[[points]]\ndesign = 'gemm_os'\n[[points]]\ndesign = 'gemm_os'\nset.rows = 'x'\n[[grid]]",
        r"\[\[points\]\] 2: Row count must be an integer from 1 to 1024, not 'x'",
    ),
]


class TestRefused:
    @pytest.mark.parametrize(
        ("old", "new", "message"), REFUSED, ids=[case[2][:40] for case in REFUSED]
    )
    def test_file(self, read, tmp_path, old, new, message):
        assert old in GRID
        start = rf"(Sweep )?{tmp_path}/mine.toml( must be TOML)?: "
        with pytest.raises(UsageError, match=f"^{start}.*{message}"):
            read(GRID.replace(old, new, 1))

    @pytest.mark.parametrize(
        ("argv", "message"),
        [
            ([], "A sweep must be given: a file, or a name (see brickwork sweep --list)"),
            (
                ["smal"],
                "Sweep cannot be read: smal: No such file or directory; built-in sweeps are ",
            ),
            (["."], "Sweep cannot be read: .: Is a directory; built-in sweeps are "),
            (["small", "--workers", "0"], "Number of workers must be an integer from 1 to 1024"),
            (["small", "--scheduler", "here:8786"], "Scheduler must be tcp://HOST:PORT, not 'here"),
            (
                ["small", "--scheduler", "tcp://a:1", "--workers", "2"],
                "--workers must not go with --scheduler, whose workers are started apart",
            ),
            (
                ["binary.toml"],
                "File binary.toml must be text in UTF-8, not binary data: byte 8 is 0xff",
            ),
        ],
    )
    def test_command(self, tmp_path, monkeypatch, capsys, argv, message):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "binary.toml").write_bytes(b"name = '\xff'")
        assert main(["sweep", *argv]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert err.startswith(f"brickwork: error: {message}")
        assert [path.name for path in tmp_path.iterdir()] == ["binary.toml"]


class TestReady:
    @pytest.mark.parametrize("name", plans.builtin_sweeps())
    def test_every_point_is_possible(self, name):
        plan = plans.read(name)
        assert plan.name == name
        assert plan.source["description"]
        assert [point.reason for point in plan.points if point.reason] == []

    def test_list(self, capsys):
        assert main(["sweep", "--list", "--json"]) == 0
        counts = {entry["name"]: entry["points"] for entry in json.loads(capsys.readouterr().out)}
        assert counts.keys() == {"formats", "large", "small"}
        assert 20 <= counts["small"] <= 30
        assert counts["large"] >= 180
        assert main(["sweep", "--list"]) == 0
        assert "\nsmall    28 points   every kind" in capsys.readouterr().out


TOOLS = {"brickwork": "1", "yosys": "2"}


def record(key, status="ok"):
    return {"key": key, "status": status, "text": f"µ {key}"}


class TestResults:
    @pytest.fixture
    def opened(self, tmp_path):
        """Opens one file; ``add`` are the keys of points that are appended."""

        def opened(*add, resume=True, tools=TOOLS, sweep=None, order=None):
            path = tmp_path / "out" / "mine.jsonl"
            with results.opened(path, "mine", sweep or {"a": 1}, tools, resume) as store:
                before = list(store.records)
                for key in add:
                    store.append(record(key))
                if order:
                    store.finish(order)
            return path, before

        return opened

    def test_lines(self, opened):
        path, before = opened("x", "y")
        assert before == []
        header, *points = map(json.loads, path.read_text("utf-8").splitlines())
        assert header == {
            "schema": "brickwork-sweep",
            "version": 1,
            "name": "mine",
            "sweep": {"a": 1},
            "tools": TOOLS,
        }
        assert points == [record("x"), record("y")]

    def test_every_point_is_written_at_once(self, tmp_path):
        path = tmp_path / "mine.jsonl"
        with results.opened(path, "mine", {}, TOOLS, False) as store:
            for number in range(3):
                store.append(record(str(number)))
                assert len(path.read_text("utf-8").splitlines()) == 2 + number

    def test_nothing_measured(self, opened):
        """A sweep that ends before its first point leaves no file, and a file as it was."""
        path, _ = opened(resume=False)
        assert list(path.parent.iterdir()) == []
        opened("x")
        content = path.read_bytes()
        opened()
        assert path.read_bytes() == content
        assert [file.name for file in path.parent.iterdir()] == ["mine.jsonl"]

    @pytest.mark.parametrize("resume", [False, True])
    @pytest.mark.parametrize("length", [None, 0, 9, 40])
    def test_header_alone(self, opened, resume, length):
        """A file without points is as none, whatever the tools that began it."""
        path, _ = opened("x")
        header = path.read_bytes().splitlines(keepends=True)[0]
        path.write_bytes(header[:length])
        _, before = opened("y", resume=resume, tools=TOOLS | {"yosys": "3"})
        assert before == []
        header, *points = map(json.loads, path.read_text("utf-8").splitlines())
        assert header["tools"]["yosys"] == "3"
        assert points == [record("y")]

    def test_cut_at_every_byte(self, opened, tmp_path):
        """Whatever of the file a killed sweep left, all whole lines stay and nothing else."""
        path, _ = opened("x", "y", "z")
        content = path.read_bytes()
        ends = [i + 1 for i, byte in enumerate(content) if byte == 10]
        for length in range(len(content) + 1):
            path.write_bytes(content[:length])
            lines = sum(end <= length for end in ends)
            kept = ["x", "y", "z"][: max(lines - 1, 0)]
            _, before = opened("new")
            assert before == kept
            *old, new = path.read_bytes().splitlines(keepends=True)
            assert b"".join(old) == content[: ends[max(lines, 1) - 1]]
            assert json.loads(new) == record("new")
        # And what is added then stands on a line of its own.
        path.write_bytes(content[:-5])
        opened("z")
        assert path.read_bytes() == content

    def test_order(self, opened):
        opened("z", "old", "x")
        path, _ = opened("y", sweep={"a": 2}, order=["x", "y", "z"])
        header, *points = map(json.loads, path.read_text("utf-8").splitlines())
        assert header["sweep"] == {"a": 2}
        assert [point["key"] for point in points] == ["old", "x", "y", "z"]

    def test_failed_points_are_tried_again(self, tmp_path):
        path = tmp_path / "mine.jsonl"
        with results.opened(path, "mine", {}, TOOLS, False) as store:
            store.append(record("x", "failed"))
            store.append(record("y", "infeasible"))
        with results.opened(path, "mine", {}, TOOLS, True) as store:
            assert list(store.records) == ["y"]

    def test_there_already(self, opened):
        path, _ = opened("x")
        content = path.read_bytes()
        message = f"Results {path} are there already; use --resume to go on with them, or "
        with pytest.raises(UsageError, match=f"^{re.escape(message)}another --out$"):
            opened(resume=False)
        assert path.read_bytes() == content

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (b'"version":1', b'"version":2', "must be of brickwork-sweep version 1, not of brick"),
            (b'"schema"', b'"scheme"', "must be of brickwork-sweep version 1, not of None"),
            (b'"yosys":"2"', b'"yosys":"3"', "were made with yosys 3, not 2; use another --out"),
            (b'"yosys":"2"', b'"more":"3"', "were made with more 3, not None; use another --out"),
            (b'"key":"x"', b'"key":"x', "are damaged in line 2; use another --out"),
            (b'{"key":"x"', b'7\n{"key":"x"', "are damaged in line 2; use another --out"),
            (b'"key":"y"', b'"kez":"y"', "are damaged in line 3; use another --out"),
            (b'"tools"', b'"tolls"', "are damaged in line 1; use another --out"),
        ],
    )
    def test_of_another_kind(self, opened, old, new, message):
        path, _ = opened("x", "y")
        content = path.read_bytes()
        assert old in content
        path.write_bytes(content.replace(old, new))
        with pytest.raises(UsageError, match=rf"^Results {path} {message}"):
            opened()
        assert path.read_bytes() == content.replace(old, new)

    def test_two_writers(self, tmp_path):
        path = tmp_path / "mine.jsonl"
        with results.opened(path, "mine", {}, TOOLS, False) as store:
            store.append(record("x"))
            with (
                pytest.raises(
                    UsageError, match=f"^Results {path} are being written by another sweep"
                ),
                results.opened(path, "mine", {}, TOOLS, True),
            ):
                pass
            store.append(record("y"))
        assert len(path.read_text("utf-8").splitlines()) == 3

    def test_folder_in_the_way(self, tmp_path, capsys, monkeypatch):
        (tmp_path / "out").write_text("")
        monkeypatch.chdir(tmp_path)
        assert main(["sweep", "small"]) == 2
        assert capsys.readouterr().err == (
            "brickwork: error: Output folder out/sweep cannot be written: Not a directory\n"
        )

    def test_sweep_of_the_same_name(self, tmp_path, capsys, monkeypatch):
        shutil.copy(plans.builtin_sweeps()["small"], tmp_path / "mine.toml")
        monkeypatch.chdir(tmp_path)
        (tmp_path / "out" / "sweep").mkdir(parents=True)
        path = tmp_path / "out" / "sweep" / "small.jsonl"
        with results.opened(path, "small", {}, TOOLS, False) as store:
            store.append(record("x"))
        assert main(["sweep", "mine.toml"]) == 2
        assert "small.jsonl are there already; use --resume" in capsys.readouterr().err
