"""Several products in one simulation."""

import re

import numpy as np
import pytest
from brickwork.gen.designs.base import GemmFusion, GemmOs, GemmWs
from brickwork.gen.emission.emit import emit
from brickwork.sim.designs import _product
from brickwork.sim.designs._gemm import Channels
from brickwork.sim.designs._product import Factors, multiply, multiply_all
from brickwork.sim.verilator.core import CycleLimitError


def alone(manifest, products, workdir):
    """Each product by itself."""
    return [
        multiply(manifest, one.a, one.w, one.channels, workdir=workdir, **one.modes)
        for one in products
    ]


def channels(rng, n):
    ones = np.ones(n, np.int64)
    return Channels(
        bias=rng.integers(-5000, 5000, n),
        multiplier=rng.integers(1 << 23, 1 << 24, n),
        shift=rng.integers(30, 34, n),
        zero_point=3 * ones,
        low=-100 * ones,
        high=100 * ones,
    )


@pytest.fixture
def scaled(tmp_path):
    """An engine with values for each column, and products of different sizes."""
    emission = emit(GemmWs(rows=3, cols=5, output="scale", acc_depth=8), tmp_path)
    rng = np.random.default_rng(1)
    products = [
        Factors(
            a=rng.integers(-128, 128, (m, k)),
            w=rng.integers(-128, 128, (k, n)),
            channels=channels(rng, n),
        )
        for m, k, n in [(17, 10, 11), (1, 1, 1), (4, 3, 12)]
    ]
    return emission.manifest, products


def test_each_is_what_it_is_by_itself(scaled, tmp_path):
    manifest, products = scaled
    chain = multiply_all(manifest, products)
    each = alone(manifest, products, tmp_path)
    assert chain.matches_golden == [True] * 3
    for y, one in zip(chain.y, each, strict=True):
        assert y.dtype == np.int64
        assert np.array_equal(y, one.y)
    assert max(one.cycles for one in each) < chain.cycles < sum(one.cycles for one in each)
    assert chain.simulation_seconds > 0


def test_one_alone(scaled, tmp_path):
    manifest, products = scaled
    (one,) = alone(manifest, products[:1], tmp_path)
    assert multiply_all(manifest, products[:1]).cycles == one.cycles


def test_flags_of_special_results(tmp_path):
    parameters = GemmOs(rows=2, cols=3, a_format="e4m3", w_format="e4m3", specials="flag")
    manifest = emit(parameters, tmp_path).manifest
    rng = np.random.default_rng(2)
    products = [
        Factors(a=rng.integers(0, 127, (m, k)), w=rng.integers(0, 127, (k, n)))
        for m, k, n in [(5, 4, 3), (2, 3, 4), (1, 6, 2)]
    ]
    products[1].a[1, 2] = 127
    chain = multiply_all(manifest, products)
    assert chain.matches_golden == [True] * 3
    each = alone(manifest, products, tmp_path)
    assert [bool(one.special.any()) for one in each] == [False, True, False]
    for y, one in zip(chain.y, each, strict=True):
        assert np.array_equal(y, one.y)


def test_modes(tmp_path):
    """One after the other; without a cycle between equal modes, and else no more than promised."""
    manifest = emit(GemmFusion(rows=4, cols=4), tmp_path).manifest
    rng = np.random.default_rng(3)

    def factors(a_bits, w_bits):
        return Factors(
            a=rng.integers(0, 1 << a_bits, (9, 40)),
            w=rng.integers(-(1 << (w_bits - 1)), 1 << (w_bits - 1), (40, 6)),
            modes={"a_bits": a_bits, "a_signed": 0, "w_bits": w_bits},
        )

    core = _product.Core(manifest)
    promised = core.manifest.timing["mode_switch"]
    for bits in [((8, 8), (8, 8)), ((8, 8), (4, 2)), ((2, 4), (4, 2)), ((16, 8), (2, 2))]:
        products = [factors(*one) for one in bits]
        chain = multiply_all(manifest, products)
        assert chain.matches_golden == [True] * 2
        first, second = alone(manifest, products, tmp_path)
        # The second one's rows of activations: tiles of 4 · 64 / (bits · bits) terms, two of N.
        rows = 9 * -(-40 * bits[1][0] * bits[1][1] // (4 * 64)) * 2
        assert second.cycles > rows
        between = chain.cycles - first.cycles - rows
        assert 0 <= between <= promised * (bits[0] != bits[1])


def test_wrong_results_are_told_apart(scaled, monkeypatch):
    manifest, products = scaled
    golden = _product.golden_product

    def wrong(facts, a, *rest, **modes):
        return golden(facts, a, *rest, **modes) + (len(a) == 1)

    monkeypatch.setattr(_product, "golden_product", wrong)
    assert multiply_all(manifest, products).matches_golden == [True, False, True]


def test_limit(scaled):
    with pytest.raises(CycleLimitError, match=r"^gemm_ws: Not done after 30 cycles; words "):
        multiply_all(*scaled, limit=30)


def test_no_products(scaled):
    message = "Products must be at least one, not none"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        multiply_all(scaled[0], [])
