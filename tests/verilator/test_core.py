"""The compiled driver: against cocotb, on other designs than engines, and with bad input."""

import itertools
import re
import shutil
import subprocess

import numpy as np
import pytest
from brickwork import GemmOs, GemmWs, sim
from brickwork.gen.designs.wrappers import Axi
from brickwork.gen.emission.emit import emit, emit_unit
from brickwork.hdl.stream.fifo import Fifo
from brickwork.sim.designs._gemm import QuantParams
from brickwork.sim.host.mmio import Mmio
from brickwork.sim.verilator import core
from products import multiply

POPEN = subprocess.Popen


@pytest.mark.parametrize("kind", [GemmWs, GemmOs])
@pytest.mark.parametrize("output", ["raw", "scale"])
def test_driver_and_cocotb_agree_on_results_and_cycles(kind, output, tmp_path):
    rng = np.random.default_rng(1)
    emission = emit(
        kind(rows=3, cols=5, output=output, acc_depth=8)
        if kind is GemmWs
        else kind(rows=3, cols=5, output=output),
        tmp_path,
    )
    a, w = rng.integers(-128, 128, (17, 10)), rng.integers(-128, 128, (10, 11))
    channels = None
    if output == "scale":
        ones = np.ones(11, np.int64)
        channels = QuantParams(
            bias=rng.integers(-5000, 5000, 11),
            multiplier=rng.integers(1 << 23, 1 << 24, 11),
            shift=rng.integers(30, 34, 11),
            zero_point=3 * ones,
            low=-100 * ones,
            high=100 * ones,
        )
    for stall_in, stall_out in itertools.product((0, 35), (0, 60)):
        products = [
            multiply(
                emission.manifest,
                a,
                w,
                channels,
                workdir=tmp_path / "work",
                stall_in=stall_in,
                stall_out=stall_out,
                cocotb=cocotb,
            )
            for cocotb in (False, True)
        ]
        assert all(product.matches_golden for product in products)
        assert products[0].cycles == products[1].cycles
        assert products[0].build.binary == products[1].build.binary


@pytest.fixture
def fifo(tmp_path):
    return sim.load(emit_unit(Fifo(width=13, depth=6), tmp_path).folder)


def test_any_design_with_streams(fifo):
    words = np.random.default_rng(1).integers(0, 1 << 13, (1000, 1))
    pattern = np.array([0, 1, 1, 0, 1])
    for stalls in ({}, {"i": pattern}, {"o": pattern}, {"i": pattern, "o": pattern[:3]}):
        results, stats = fifo.run(i=words, o=1000, stalls=stalls)
        assert np.array_equal(results["o"], words)
        assert stats.words == {"i": 1000, "o": 1000}
    assert fifo.run(i=words, o=1000)[1].cycles == 1002  # two cycles from accepted to taken


def test_values_at_power_up(tmp_path):
    """As in hardware, a register without an initial value begins with any."""
    emission = emit_unit(Fifo(width=13, depth=2), tmp_path)
    text = emission.verilog.read_text()
    broken = text.replace("if (_10_) item_0 <= i_payload;", ";")
    assert broken != text
    emission.verilog.write_text(broken)
    results, _ = core.Core(emission.manifest).run(i=np.zeros((1, 1), int), o=1)
    assert results["o"].any()


@pytest.mark.skipif(shutil.which("clang++") is None, reason="clang++ is not installed")
def test_clang(tmp_path, monkeypatch):
    """All that is built with clang++ links and loads."""
    monkeypatch.setenv("CXX", "clang++")
    engine = GemmOs(rows=1, cols=1)
    ones = np.ones((2, 2), int)
    for cocotb in (False, True):
        manifest = emit(engine, tmp_path).manifest
        assert multiply(manifest, ones, ones, workdir=tmp_path, cocotb=cocotb).matches_golden
    emission = emit(Axi(core=engine, data_width=32), tmp_path)
    with Mmio(emission.manifest) as device:
        assert f"{device.read('DIGEST'):08x}" == emission.digest[:8]


def test_waves(tmp_path):
    traced = core.Core(emit_unit(Fifo(width=4, depth=2), tmp_path).manifest, waves=True)
    traced.run(i=np.arange(16)[:, None], o=16, waves=tmp_path / "fifo.fst")
    assert (tmp_path / "fifo.fst").stat().st_size > 200


def test_limit(fifo):
    with pytest.raises(core.CycleLimitError) as error:
        fifo.run(i=np.zeros((3, 1), int), o=4, limit=50)
    assert str(error.value) == (
        "Not done after 50 cycles, the last 44 without a transfer; words transferred: i 3, "
        "o 3 of 4; standing still: o"
    )


def test_a_core_that_stands_still_ends_without_a_limit(tmp_path, monkeypatch):
    """A descriptor calls for a row of A that never comes."""
    monkeypatch.setattr(core, "IDLE_CYCLES", 300)
    engine = core.load(emit(GemmWs(rows=2, cols=2), tmp_path).folder)
    tiles = {"length": [2], "first": [1], "last": [1]}
    with pytest.raises(core.CycleLimitError) as error:
        engine.run(tiles=tiles, weights=np.eye(2, dtype=int), acts=np.ones((2, 2), int), results=3)
    assert re.fullmatch(
        r"Not done after 3\d\d cycles, the last 300 without a transfer; words transferred: "
        r"tiles 1, weights 2, acts 2, results 2 of 3; standing still: results",
        str(error.value),
    )
    # A word that waits is one of a stream that stands still.
    with pytest.raises(core.CycleLimitError, match=r"; standing still: acts, results$"):
        engine.run(
            tiles={name: np.zeros(0, int) for name in tiles},
            weights=np.eye(2, dtype=int),
            acts=np.ones((9, 2), int),
            results=1,
        )


def test_words_left_over(tmp_path):
    engine = core.load(emit(GemmOs(rows=1, cols=1), tmp_path).folder)
    words = {"acts": np.full((9, 1), 3), "weights": np.full((9, 1), 5)}
    tiles = {"length": np.array([8]), "height": np.array([0])}
    assert engine.run(tiles=tiles, **words, results=1)[0]["results"] == [[9 * 15]]
    tiles["length"] -= 4  # the engine itself holds one more than it uses
    with pytest.raises(core.SimulationError) as error:
        engine.run(tiles=tiles, **words, results=1)
    assert str(error.value) == "Input words were left over when all output words had come"


def test_words_too_many(fifo):
    with pytest.raises(core.SimulationError) as error:
        fifo.run(i=np.zeros((5, 1), int), o=3)
    assert str(error.value) == "Stream o gave 5 words instead of 3"


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        ({"i": np.zeros((1, 1), int)}, "Streams must be i, o; wrong or missing: o"),
        ({"i": np.zeros((1, 1), int), "o": 1, "p": 1}, "Streams must be i, o; wrong or missing: p"),
        (
            {"i": np.zeros((1, 2), int), "o": 1},
            "Field word must have 1 lanes, not the shape (1, 2)",
        ),
        (
            {"i": np.zeros((1, 3), np.uint8), "o": 1},
            "Words of i must be packed in 2 bytes, not (1, 3)",
        ),
        ({"i": {"lane": [1]}, "o": 1}, "Fields must be word, not lane"),
        (
            {"i": np.array([[1 << 13]]), "o": 1},
            "Field word of i must be from -4096 to 8191 (13 bits), not 8192",
        ),
        ({"i": np.zeros((1, 1), int), "o": -1}, "Number of words of o must be 0 or positive, not "),
        (
            {"i": np.zeros((1, 1), int), "o": 1, "limit": -1},
            "Cycle limit must be 0 or positive, not -1",
        ),
        (
            {"i": np.zeros((1, 1), int), "o": 1, "stalls": {"p": [1]}},
            "Stalls must be of the streams i, o, not p",
        ),
    ],
)
def test_bad_input(fifo, streams, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        fifo.run(**streams)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            np.array([[0.5]]),
            "Field word of i must be integers, not float64; quantize them first",
        ),
        ({"word": [np.nan]}, "Field word of i must be integers, not float64; quantize them first"),
        (np.array([[True]]), "Field word of i must be integers, not bool"),
        (
            ...,
            "Words of i must be an array, a dict of arrays or an iterator of packed words, not "
            "ellipsis",
        ),
        ([[1], [2]], "Packed words of i must be arrays of uint8, words × 2 bytes, not list"),
        (
            iter([np.zeros((1, 2))]),
            "Packed words of i must be arrays of uint8, words × 2 bytes, not float64",
        ),
    ],
)
def test_words_of_another_type(fifo, words, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        fifo.run(i=words, o=1)


def test_numbers_of_words_of_another_type(fifo):
    with pytest.raises(TypeError, match=r"^Number of words of o must be an integer, not 1\.5$"):
        fifo.run(i=np.zeros((1, 1), int), o=1.5)


def test_trouble_in_an_iterator_is_raised(fifo):
    """At once, though the core waits for words: the result that is asked for never comes."""

    def words():
        yield np.zeros((1, 2), np.uint8)
        raise RuntimeError("no more")

    for count in (1, 2):
        with pytest.raises(RuntimeError, match="no more") as error:
            fifo.run(i=words(), o=count)
        assert error.traceback[-1].name == "words"


def test_words_without_end(fifo):
    chunk = np.zeros((100, 2), np.uint8)
    with pytest.raises(core.CycleLimitError, match=r"^Not done after 5000 cycles; words "):
        fifo.run(i=itertools.repeat(chunk), o=1_000_000, limit=5000)
    with pytest.raises(core.SimulationError, match=r"^Stream o gave \d+ words instead of 3$"):
        fifo.run(i=itertools.repeat(chunk), o=3)


def test_no_words(fifo):
    assert fifo.run(i=np.zeros((0, 1), int), o=0)[0]["o"].shape == (0, 1)


def test_simulation_that_dies(fifo, monkeypatch):
    monkeypatch.setattr(
        core.subprocess,
        "Popen",
        lambda arguments, **options: POPEN(
            ["sh", "-c", "echo out of memory >&2; kill -9 $$"], **options
        ),
    )
    with pytest.raises(core.SimulationError, match=r"^Simulation failed: out of memory$"):
        fifo.run(i=itertools.repeat(np.zeros((100, 2), np.uint8)), o=5)


def test_folder_without_manifest(tmp_path):
    with pytest.raises(ValueError, match=r"must hold one manifest, not 0$"):
        core.load(tmp_path)
