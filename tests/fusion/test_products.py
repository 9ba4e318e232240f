"""Products on BitFusion's engine, bit for bit, of all widths and signs on one netlist."""

import itertools

import numpy as np
import pytest
from brickwork import GemmFusion
from brickwork.gen.emission.emit import emit
from brickwork.sim.manifest import Manifest
from products import multiply
from products import plan as plan_of

ROWS, COLS, DEPTH = 4, 3, 12
WIDTHS = (2, 4, 8, 16)
# Stalls of operands and of results in percent, and the kind of operands.
TREATMENTS = {
    "random": (0, 0, "random"),
    "extremes-stalled": (35, 25, "extremes"),
    "random-blocked": (0, 70, "random"),
}
PAIRS = list(itertools.product(WIDTHS, WIDTHS))


def treated():
    """All widths with all treatments. Any two of the three come together in the fast ones."""
    for (a_bits, w_bits), (number, name) in itertools.product(PAIRS, enumerate(TREATMENTS)):
        fast = (WIDTHS.index(a_bits) + WIDTHS.index(w_bits)) % len(TREATMENTS) == number
        marks = () if fast else pytest.mark.slow
        yield pytest.param(a_bits, w_bits, name, id=f"{a_bits}-{w_bits}-{name}", marks=marks)


def signs(a_bits, w_bits):
    """Two combinations of signs, which together have each once; not the same for all pairs."""
    number = WIDTHS.index(a_bits) + 2 * WIDTHS.index(w_bits)
    flags = number & 1, number >> 1 & 1
    return [flags, (1 - flags[0], 1 - flags[1])]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The manifest of the engine; its accumulators hold any sum exactly."""
    parameters = GemmFusion(
        rows=ROWS, cols=COLS, tile_rows=3, tile_cols=2, acc_width=48, acc_depth=DEPTH
    )
    return emit(parameters, tmp_path_factory.mktemp("engine")).manifest


def limits(bits, signed):
    """The least and the greatest integer."""
    return (-1 << (bits - 1), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def operands(random, bits, signed, shape, pattern):
    low, high = limits(bits, signed)
    if pattern == "random":
        return random.integers(low, high + 1, shape)
    return random.choice([low, high], shape, p=[0.8, 0.2] if signed else [0.2, 0.8])


@pytest.mark.parametrize(("a_bits", "w_bits", "treatment"), [*treated()])
def test_product(engine, tmp_path, a_bits, w_bits, treatment):
    """M, K and N leave something over in every direction, and K takes more than one tile."""
    stall_in, stall_out, pattern = TREATMENTS[treatment]
    terms = 64 // (min(a_bits, 8) * min(w_bits, 8))
    random = np.random.default_rng([a_bits, w_bits, stall_out])
    shapes = [(DEPTH + 3, 2 * ROWS * terms + 3, 2 * COLS + 1), (1, terms + 1, 1)]
    choices = random.permutation(signs(a_bits, w_bits))
    for (m, k, n), (a_signed, w_signed) in zip(shapes, choices, strict=True):
        a = operands(random, a_bits, a_signed, (m, k), pattern)
        w = operands(random, w_bits, w_signed, (k, n), pattern)
        modes = {"a_bits": a_bits, "w_bits": w_bits}
        modes |= {"a_signed": int(a_signed), "w_signed": int(w_signed)}
        stalls = {"stall_in": stall_in, "stall_out": stall_out}
        product = multiply(engine, a, w, workdir=tmp_path, **stalls, **modes)
        assert np.array_equal(product.y, a @ w)
        assert product.matches_golden
        if not stall_in and not stall_out:
            assert product.ideal_cycles <= product.cycles <= product.cycle_bound
            manifest = Manifest.read(engine)
            assert product.cycles == plan_of(manifest, m, k, n, **modes).cycles


@pytest.mark.parametrize(("a_high", "w_high"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_limits(engine, tmp_path, a_high, w_high):
    """Every operand the least or the greatest of its kind."""
    for a_bits, w_bits in PAIRS:
        for a_signed, w_signed in signs(a_bits, w_bits):
            a = np.full((5, 70), limits(a_bits, a_signed)[a_high])
            w = np.full((70, COLS), limits(w_bits, w_signed)[w_high])
            modes = dict(a_bits=a_bits, w_bits=w_bits, a_signed=a_signed, w_signed=w_signed)
            product = multiply(engine, a, w, workdir=tmp_path, **modes)
            assert np.array_equal(product.y, a @ w), modes


def test_throughput(engine, tmp_path):
    """As many times the products of 8 × 8 bits in a cycle as the widths allow, within 1 %."""
    factors = {(2, 2): 16, (2, 4): 8, (8, 2): 4, (4, 4): 4, (8, 4): 2, (8, 8): 1, (16, 16): 0.25}
    random = np.random.default_rng(1)
    cycles = {}
    for a_bits, w_bits in factors:
        a = operands(random, a_bits, 1, (8 * DEPTH, 1024), "random")
        w = operands(random, w_bits, 1, (1024, 4 * COLS), "random")
        product = multiply(engine, a, w, workdir=tmp_path, a_bits=a_bits, w_bits=w_bits)
        assert product.matches_golden
        cycles[a_bits, w_bits] = product.cycles
    rates = {pair: cycles[8, 8] / count for pair, count in cycles.items()}
    assert rates == pytest.approx(factors, rel=0.01)
