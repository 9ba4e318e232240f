"""Products on the engines, bit for bit, over shapes, formats, outputs, operands and stalls."""

import itertools

import numpy as np
import pytest
from brickwork import GemmOs, GemmWs
from brickwork.gen.emission.emit import emit
from brickwork.sim.designs._gemm import QuantParams
from brickwork.sim.golden import formats
from brickwork.sim.golden.engine import nan_inf_results
from brickwork.sim.lib.patterns import stalls_of_streams
from brickwork.sim.manifest import Manifest
from brickwork.sim.verilator.core import Core
from products import job as job_of
from products import multiply
from products import plan as plan_of

# rows, cols, and the rest of an engine; each is built for both dataflows.
ENGINES = {
    "1x1-int8": (1, 1, {}),
    "1x1-uint2-scale": (1, 1, dict(a_format="uint2", output="scale", out_format="uint2")),
    "1x7-int4-uint3-bias": (1, 7, dict(a_format="int4", w_format="uint3", output="bias")),
    "1x7-int16-shift": (1, 7, dict(a_format="int16", output="shift", out_format="int16")),
    "3x5-uint8-int8-scale": (3, 5, dict(a_format="uint8", output="scale", out_format="uint8")),
    "3x5-saturate": (3, 5, dict(acc_width=17, overflow="saturate", pipeline=0, tile_rows=2)),
    "3x5-int2-int2-wrap": (3, 5, dict(a_format="int2", w_format="int2", acc_width=6, pipeline=2)),
    "8x8-int8-scale": (8, 8, dict(output="scale", pipeline=2, tile_rows=3, tile_cols=3)),
    "8x8-uint16-uint16": (8, 8, dict(a_format="uint16", w_format="uint16", pipeline=0)),
    "9x5-int8-saturate-shift": (
        *(9, 5),
        dict(acc_width=18, overflow="saturate", output="shift", out_format="int4")
        | dict(tile_rows=4, tile_cols=4),
    ),
    "16x16-int4-int4-bias": (16, 16, dict(a_format="int4", w_format="int4", output="bias")),
    "33x17-int8-saturate-shift": (
        *(33, 17),
        dict(acc_width=18, overflow="saturate", output="shift", out_format="int4"),
    ),
}
# Builds of many seconds; 8x8 and 9x5 have their words, tiles and outputs.
LARGE = {"16x16-int4-int4-bias", "33x17-int8-saturate-shift"}
# Stalls of operands and of results in percent, and the pattern of operands.
TREATMENTS = {
    "random": (0, 0, "random"),
    "extremes-stalled": (35, 25, "extremes"),
    "random-blocked": (0, 70, "random"),
}
# Blocked results wait in the same queue, whatever their format.
LIKE_OTHERS = {
    (name, "random-blocked") for name in ENGINES if name not in ("3x5-saturate", "8x8-int8-scale")
}
CASES = [
    pytest.param(
        *(design, *engine, *treatment),
        id=f"{design.design()}-{name}-{pattern}",
        marks=pytest.mark.slow if name in LARGE or (name, pattern) in LIKE_OTHERS else (),
    )
    for design, (name, engine), (pattern, treatment) in itertools.product(
        (GemmWs, GemmOs), ENGINES.items(), TREATMENTS.items()
    )
]


def operands(random, fmt, shape, pattern):
    if pattern == "random":
        return random.integers(fmt.lowest, fmt.highest + 1, shape)
    # Long runs of one sign, so that narrow accumulators reach their limits.
    turn = random.random(shape) < 0.1
    return np.array([fmt.lowest, fmt.highest])[np.cumsum(turn, axis=int(shape[0] < shape[1])) % 2]


def channels(random, parameters, k, n):
    """Bias and scales with which results are spread over the output format."""
    if parameters.output == "raw":
        return None
    acc = 2 ** (parameters.unit().acc_width - 1)
    out = formats.get(parameters.out_format)
    a, w = formats.get(parameters.a_format), formats.get(parameters.w_format)
    size = min(acc, 2 ** (a.bits + w.bits - 2) * k)
    multiplier = random.integers(1 << 23, 1 << 24, n)
    bits = np.log2(size) + (np.log2(multiplier) if parameters.output == "scale" else 0)
    shift = np.ceil(bits).astype(int) - out.bits + random.integers(0, 3, n)
    return QuantParams(
        bias=random.integers(-size, size, n),
        multiplier=multiplier,
        shift=np.clip(shift, 0, 63),
        zero_point=random.integers(out.lowest, out.highest + 1, n),
        low=np.full(n, out.lowest),
        high=np.full(n, out.highest),
    )


@pytest.mark.parametrize(
    ("design", "rows", "cols", "settings", "stall_in", "stall_out", "pattern"), CASES
)
def test_product(tmp_path, design, rows, cols, settings, stall_in, stall_out, pattern):
    """M, K and N end in ragged tiles, and K takes more than one tile."""
    depth = {"acc_depth": 12} if design is GemmWs else {}
    parameters = design(rows=rows, cols=cols, max_k=4096, **depth, **settings)
    random = np.random.default_rng([rows, cols, stall_in, stall_out])
    m, k, n = rows + 2, 2 * rows + 5, 2 * cols + 1
    a = operands(random, formats.get(parameters.a_format), (m, k), pattern)
    w = operands(random, formats.get(parameters.w_format), (k, n), pattern)
    emission = emit(parameters, tmp_path)
    product = multiply(
        emission.manifest,
        a,
        w,
        channels(random, parameters, k, n),
        workdir=tmp_path,
        stall_in=stall_in,
        stall_out=stall_out,
    )
    assert product.matches_golden
    assert len(np.unique(product.y)) > 1
    if not stall_in and not stall_out:
        assert product.ideal_cycles <= product.cycles <= product.cycle_bound
        plan = plan_of(Manifest.read(emission.manifest), m, k, n)
        assert product.cycles == plan.cycles


def among(bits, highest):
    """The formats of so many bits whose operands are at most ``highest``."""
    every = map(formats.get, formats.names())
    return [fmt.name for fmt in every if fmt.bits == bits and fmt.highest <= highest]


FOUR = [*among(4, 1 << 16), "int8", "uint8", "ovp_int8"]
# Formats of activations and of weights, the width of accumulators permitting, and the rest of an
# engine that can choose among them for each product.
SETS = {
    "pot2": (["pot2"], ["pot2"], dict(pipeline=0)),
    "2x3": (among(2, 1 << 30), among(3, 1 << 30), dict(pipeline=0)),
    "3x2": (among(3, 1 << 30), among(2, 1 << 30), dict(pipeline=1)),
    "4x4": (FOUR, FOUR, dict(pipeline=2)),
    "4x8": (FOUR, ["int8", "e4m3", "flint8", "posit8_0"], dict(pipeline=1)),
    "5x5": (among(5, 1 << 30), among(5, 1 << 30), dict(pipeline=2, max_k=2)),
    "6x7": (among(6, 1 << 31), among(7, 1 << 21), dict(pipeline=2)),
    "7x6": (among(7, 1 << 40), among(6, 1 << 11), dict(pipeline=2)),
    "8x4": (["uint8", "int8", "e4m3", "posit8_1"], FOUR, dict(pipeline=0)),
    "8x8": (among(8, 1 << 36), among(8, 1 << 20), dict(pipeline=2, nan_inf="flag")),
}
# Those of few or odd bits, whose formats others have too, are built for one dataflow.
ONE_DATAFLOW = {"2x3": "gemm_ws", "3x2": "gemm_os", "6x7": "gemm_ws", "7x6": "gemm_os"}
ENGINES_OF_SETS = [
    pytest.param(design, *sets, id=f"{design.design()}-{name}")
    for name, sets in SETS.items()
    for design in (GemmWs, GemmOs)
    if ONE_DATAFLOW.get(name, design.design()) == design.design()
]
# Engines of sets of 4 and 8 bits. Any two of dataflow, activations and weights come together in
# the fast ones.
WIDE_SETS = {"4x4": GemmWs, "4x8": GemmOs, "8x4": GemmOs, "8x8": GemmWs}
ENGINES_OF_WIDE_SETS = [
    pytest.param(
        *(design, *SETS[name]),
        id=f"{design.design()}-{name}",
        marks=() if design is fast else pytest.mark.slow,
    )
    for name, fast in WIDE_SETS.items()
    for design in (GemmWs, GemmOs)
]
# Formats that both engines multiply in all combinations.
ACTIVATIONS = (
    *("uint8", "int8", "int4", "uflint4", "flint4", "pot4", "upot4", "e2m1", "e4m3"),
    *("ovp_int4", "posit8_1", "apot4"),
)
WEIGHTS = ("int8", "int4", "flint4", "pot4", "e4m3", "ovp_flint4")


def of_sets(design, acts, weights, settings):
    depth = {"acc_depth": 20} if design is GemmWs else {}
    sets = {"a_format": "+".join(acts), "w_format": "+".join(weights)}
    return design(**dict(rows=4, cols=3, max_k=31) | depth | sets | settings)


def extremes(name):
    """Codes of the least and the greatest operand; of pairs, beside a mark."""
    fmt = formats.get(name)
    codes = np.arange(fmt.lowest_code, fmt.highest_code + 1)
    operands = (fmt.outliers if fmt.pair else fmt.integers)[codes]
    return codes[[operands.argmin(), operands.argmax()]]


def mixed(random, name, shape):
    """Random codes with extremes, and for OVP formats with many victim identifiers."""
    fmt = formats.get(name)
    codes = random.integers(fmt.lowest_code, fmt.highest_code + 1, shape)
    codes = np.where(random.random(shape) < 0.3, random.choice(extremes(name), shape), codes)
    return np.where(random.random(shape) < 0.25, fmt.identifier, codes) if fmt.pair else codes


def every(random, name, partner):
    """Rows of operands, of one code or of an OVP pair, for the multiplier.

    All codes, or all pairs, of up to 5 bits, and of 8-bit integers with 8-bit integers; otherwise
    the extremes and random ones.
    """
    fmt = formats.get(name)
    codes = np.arange(fmt.lowest_code, fmt.highest_code + 1)
    rows = codes[:, None]
    if fmt.pair:
        rows = np.stack(np.meshgrid(codes, codes), axis=-1).reshape(-1, 2)
    elif formats.get(partner).pair:
        rows = np.concatenate([np.pad(rows, ((0, 0), padding)) for padding in ((0, 1), (1, 0))])
    if fmt.bits <= 5 or {name, partner} <= {"int8", "uint8"}:
        return rows
    edges = rows[np.isin(rows, extremes(name)).any(axis=1)]
    return np.concatenate([random.choice(edges, 8), random.choice(rows, 40)])


def compute(emission, jobs, stall_in=0, stall_out=0):
    """Products ``(a, w, types)`` without pauses; returns the cycles and their worst case.

    All results, and all flags of NaN and infinity, are compared with the golden model.
    """
    manifest = Manifest.read(emission.manifest)
    plans = [job_of(manifest, a, w, **types) for a, w, types in jobs]
    words = [plan.words() for plan in plans]
    bound = sum(plan.cycle_bound for plan in plans)
    core = Core(emission.manifest, optimized=bound >= 100_000)
    results, stats = core.run(
        **{name: itertools.chain(*(streams[name] for streams in words)) for name in words[0]},
        results=sum(plan.result_words for plan in plans),
        limit=20 * bound + 10_000,
        stalls=stalls_of_streams(manifest.streams, stall_in, stall_out, seed=1),
    )
    fields = results["results"]
    fields = fields if isinstance(fields, dict) else {"lane": fields}
    at = 0
    for plan, (a, w, types) in zip(plans, jobs, strict=True):
        portion = {name: lanes[at : at + plan.result_words] for name, lanes in fields.items()}
        at += plan.result_words
        wrong = np.argwhere(plan.gather(portion) != plan.expected)
        assert not len(wrong), f"{types}: {len(wrong)} wrong, first row {a[wrong[0][0]]} of A"
        if "special" in portion:
            needed, flags = nan_inf_results(a, w, **types), plan.flags(portion)
            assert flags[needed].all(), f"{types}: special operands and no flag"
            assert flags.any() <= needed.any(), f"{types}: flags without reason"
    return stats.cycles, bound


@pytest.mark.slow
@pytest.mark.parametrize(("design", "acts", "weights", "settings"), ENGINES_OF_SETS)
def test_every_pair_of_codes(tmp_path, design, acts, weights, settings):
    """Outer products of columns and rows of codes, whose types change from product to product."""
    random = np.random.default_rng(len(acts) * len(weights))
    jobs = []
    for a_type, w_type in itertools.product(acts, weights):
        a, w = every(random, a_type, w_type), every(random, w_type, a_type)
        jobs.append((a, w.T, {"a_type": a_type, "w_type": w_type}))
    random.shuffle(jobs)
    tried = sum(len(a) * w.shape[1] for a, w, _ in jobs)
    assert tried >= 100_000 or all(formats.get(name).bits <= 5 for name in (*acts, *weights))
    compute(emit(of_sets(design, acts, weights, settings), tmp_path), jobs)


@pytest.mark.parametrize(("stall_in", "stall_out"), [(0, 0), (30, 20)])
@pytest.mark.parametrize(("design", "acts", "weights", "settings"), ENGINES_OF_WIDE_SETS)
def test_formats(tmp_path, design, acts, weights, settings, stall_in, stall_out):
    """Each activation format by each weight format: sizes that leave something over, extremes."""
    parameters = of_sets(design, acts, weights, settings)
    random = np.random.default_rng([len(acts), len(weights), stall_in])
    jobs = []
    for a_type, w_type in itertools.product(acts, weights):
        m, n = random.integers(1, 2 * parameters.rows + 2), random.integers(1, 8)
        k = random.choice([random.integers(1, 14), parameters.max_k], p=[0.8, 0.2])
        a, w = mixed(random, a_type, (m, k)), mixed(random, w_type, (k, n))
        jobs.append((a, w, {"a_type": a_type, "w_type": w_type}))
    # The largest operands that are not rare by nature, in as many terms as there may be.
    largest = [
        max((n for n in side if not formats.get(n).pair), key=lambda n: formats.get(n).highest)
        for side in (acts, weights)
    ]
    a, w = (np.tile(extremes(name), (parameters.max_k, 2)) for name in largest)
    jobs.append((a.T, w, dict(zip(("a_type", "w_type"), largest, strict=True))))
    random.shuffle(jobs)
    emission = emit(parameters, tmp_path)
    cycles, bound = compute(emission, jobs, stall_in, stall_out)
    assert stall_in or cycles <= bound
    a, w, types = jobs[0]
    stalls = {"stall_in": stall_in, "stall_out": stall_out}
    assert multiply(emission.manifest, a, w, **types, **stalls, workdir=tmp_path).matches_golden


def test_both_engines_are_tried_with_these_formats():
    tried = {
        (case.values[0].design(), a, w)
        for case in ENGINES_OF_SETS
        for a, w in itertools.product(case.values[1], case.values[2])
    }
    assert tried >= set(itertools.product(("gemm_ws", "gemm_os"), ACTIVATIONS, WEIGHTS))


@pytest.mark.parametrize("design", [GemmWs, GemmOs], ids=["gemm_ws", "gemm_os"])
@pytest.mark.parametrize(
    ("a_format", "w_format", "pipeline"),
    [("int4", "int4", 0), ("uflint4", "pot4", 2), ("e4m3", "e4m3", 1), ("int4", "posit8_2", 2)],
)
def test_full_accumulators(tmp_path, design, a_format, w_format, pipeline):
    """As many of the largest products as there may be, of an engine that has no bit to spare."""
    a_codes, w_codes = extremes(a_format), extremes(w_format)
    a_values, w_values = formats.operands(a_codes, a_format), formats.operands(w_codes, w_format)
    largest = int(abs(np.outer(a_values, w_values)).max())
    # The number for which the greatest sum comes closest to the next power of two.
    k = max(range(20, 60), key=lambda k: k * largest / (1 << (k * largest).bit_length()))
    formats_of_sides = {"a_format": a_format, "w_format": w_format}
    parameters = design(rows=3, cols=2, **formats_of_sides, max_k=k, pipeline=pipeline)
    a, w = (np.tile(codes, (k, 2)) for codes in (a_codes, w_codes))
    product = multiply(emit(parameters, tmp_path).manifest, a.T, w, workdir=tmp_path, stall_in=10)
    assert product.matches_golden
    limit = 1 << (parameters.unit().acc_width - 1)
    assert 0.95 * limit < abs(product.y).max() < limit
