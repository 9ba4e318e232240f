"""The compiled driver: against cocotb, on other designs than engines, and with bad input."""

import itertools

import numpy as np
import pytest
from brickwork import GemmOs, GemmWs, sim
from brickwork.gen.emission.emit import emit, emit_unit
from brickwork.hdl.stream.fifo import Fifo
from brickwork.sim.designs._gemm import QuantParams
from brickwork.sim.verilator import core
from products import multiply


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


def test_waves(tmp_path):
    traced = core.Core(emit_unit(Fifo(width=4, depth=2), tmp_path).manifest, waves=True)
    traced.run(i=np.arange(16)[:, None], o=16, waves=tmp_path / "fifo.fst")
    assert (tmp_path / "fifo.fst").stat().st_size > 200


def test_limit(fifo):
    with pytest.raises(core.CycleLimitError) as error:
        fifo.run(i=np.zeros((3, 1), int), o=4, limit=50)
    assert str(error.value) == "Not done after 50 cycles; words transferred: i 3, o 3"


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
    ],
)
def test_bad_input(fifo, streams, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011, the whole message is compared
        fifo.run(**streams)
    assert str(error.value) == message


def test_trouble_in_an_iterator_is_raised(fifo):
    def words():
        yield np.zeros((1, 2), np.uint8)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        fifo.run(i=words(), o=1)


def test_folder_without_manifest(tmp_path):
    with pytest.raises(ValueError, match=r"must hold one manifest, not 0$"):
        core.load(tmp_path)
