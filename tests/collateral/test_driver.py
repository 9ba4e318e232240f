"""The C driver by itself: words as the Python host packs them, and everything it has to refuse."""

import ctypes as c
import itertools
import subprocess

import brickwork
import numpy as np
import pytest
from brickwork.sim.designs import registry as models
from brickwork.sim.designs.eie import Layer
from brickwork.sim.golden.arith.requantize import scale_to_multiplier, scale_to_shift
from brickwork.sim.golden.sparse import encode
from brickwork.sim.host.bus_job import to_memory, words_of_memory
from brickwork.sim.host.packing import unpack_fields
from brickwork.sim.verilator import toolchain
from c_driver import (
    BARRIER,
    CACHE,
    READ,
    WRITE,
    Buffer,
    Device,
    Driver,
    Network,
    emit_top,
    random_product,
    random_scales,
    scale_matrices,
)
from products import bus_job

_WIDTHS = (2, 4, 8, 16)
#: One bit on both sides, one against integers without sign, and with sign.
_BINARY = [
    {"a_bits": 1, "w_bits": 1, "a_signed": 1, "w_signed": 1},
    {"a_bits": 3, "w_bits": 1, "a_signed": 0, "w_signed": 0},
    {"a_bits": 1, "w_bits": 8, "a_signed": 1, "w_signed": 1},
]
_BINARY_MODES = [
    {"a_bits": a, "w_bits": w, "a_signed": s, "w_signed": t}
    for a, w, s, t in itertools.product((1, 2, 5, 8), (1, 8), (0, 1), (0, 1))
]
_FUSION = [
    {"a_bits": a, "w_bits": w, "a_signed": s, "w_signed": t}
    for (a, w), (s, t) in itertools.product(
        itertools.product(_WIDTHS, _WIDTHS), ((0, 1), (1, 0), (1, 1))
    )
]


def types(*names):
    sides = itertools.product(*(name.split("+") for name in names))
    return [{"a_type": a, "w_type": w} for a, w in sides]


#: Tops, and modes of their products.
CASES = {
    "ws": ("gemm_ws rows=3 cols=5 acc_depth=7 output=scale", [{}] * 3),
    "ws types": (
        "gemm_ws rows=4 cols=3 acc_depth=9 a_format=int4+flint4+int8 w_format=int4+uint8",
        types("int4+flint4+int8", "int4+uint8"),
    ),
    "ws pairs": ("gemm_ws rows=4 cols=3 output=bias w_format=ovp_int4 a_format=int4", [{}] * 3),
    "os flags": (
        "gemm_os rows=3 cols=6 output=shift out_format=uint4 a_format=e4m3 nan_inf=flag",
        [{}] * 3,
    ),
    "os odd widths": ("gemm_os rows=5 cols=2 a_format=int12 w_format=uint3", [{}] * 3),
    "os half precision": (
        "gemm_os rows=3 cols=4 a_format=fp16+cfloat16_e5m10 w_format=dybit4+gposit4_1_2 max_k=64",
        types("fp16+cfloat16_e5m10", "dybit4+gposit4_1_2"),
    ),
    "os floats": ("gemm_os rows=3 cols=2 arith=fp32 a_format=bf16 w_format=bf16", [{}] * 3),
    "os halves": (
        "gemm_os rows=5 cols=2 a_format=uint4+ovp_int8 w_format=int4+int8",
        types("uint4+ovp_int8", "int4+int8"),
    ),
    "nm": (
        "gemm_nm rows=6 cols=4 acc_depth=7 output=bias a_format=ovp_int4+int4 w_format=int4+int8",
        [
            mode | {"pattern": pattern}
            for mode in types("ovp_int4+int4", "int4+int8")
            for pattern in ("1:1", "2:4", "1:2")
        ],
    ),
    # Without outliers, the only weights whose terms stay in their order on the host.
    "outlier": ("gemm_outlier rows=14 cols=3 group_lanes=5 acc_depth=7", [{"outliers": "0%"}] * 3),
    "floats": ("gemm_ws rows=3 cols=4 arith=fp32 a_format=bf16 w_format=tf32", [{}] * 2),
    "ws rounded": (
        "gemm_ws rows=3 cols=5 acc_depth=7 output=fp32 a_format=fp16 w_format=e5m2 nan_inf=flag",
        [{}] * 2,
    ),
    "scaled": ("gemm_scaled rows=3 cols=5 acc_depth=7 group=8 output=bf16", [{}] * 6),
    "scaled both": (
        "gemm_scaled rows=4 cols=3 group=6 a_format=e2m1 w_format=e2m1 a_scale=e4m3 w_scale=e4m3 "
        "output=fp16",
        [{}] * 6,
    ),
    "scaled short": (
        "gemm_scaled rows=7 cols=3 group=4 a_format=e4m3 w_format=e5m2 a_scale=e8m0 w_scale=e8m0 "
        "nan_inf=flag",
        [{}] * 6,
    ),
    "scaled types": (
        "gemm_scaled rows=3 cols=2 group=5 a_format=int8+uint8 w_format=int4+flint4 w_scale=bf16",
        types("int8+uint8", "int4+flint4"),
    ),
    "scaled aligned": ("gemm_scaled rows=3 cols=2 group=9 align=8 a_format=bf16", [{}] * 6),
    "fusion": ("gemm_fusion rows=3 cols=5 acc_depth=7 output=scale acc_width=48", _FUSION),
    "binary": ("gemm_binary rows=3 cols=4 pack=5 acc_depth=7 output=bias", _BINARY),
    "binary bits": ("gemm_binary rows=2 cols=5 pack=8 acc_depth=9 code=bit", _BINARY),
    "binary plain": (
        "gemm_binary rows=2 cols=3 pack=7 acc_depth=9 serial=0 output=threshold",
        [{}] * 3,
    ),
}
#: Each on another bus: words in beats, beats in words.
BUSES = dict(zip(CASES, itertools.cycle(("64", "32", "128", "64", "256"))))


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Drivers, each compiled once."""
    drivers = {}

    def get(text, top="axi", *bus):
        key = (text, top, *bus)
        if key not in drivers:
            folder = tmp_path_factory.mktemp("driver")
            drivers[key] = Driver(emit_top(folder, text, top, *bus)[1], folder)
        return drivers[key]

    return get


@pytest.fixture
def small(make):
    return make(CASES["ws"][0], "axi", "data_width=64")


def fails(name):
    return pytest.raises(Driver.Failure, match=f"^{name}$")


@pytest.mark.parametrize(
    "top",
    [
        (CASES["os flags"][0], "axi", "data_width=64"),
        ("gemm_ws rows=3 cols=5", "axis"),
        (CASES["scaled both"][0], "axi", f"data_width={BUSES['scaled both']}"),
        ("eie pes=4 columns=64 entries=256 acts=16 rows=8", "axi", "data_width=32"),
    ],
    ids=["gemm", "streams", "scales", "eie"],
)
def test_from_other_languages(make, top, tmp_path):
    """The header in C++; C itself is compiled by every other test."""
    header = make(*top).source.with_suffix(".h")
    options = ("-x", "c++", "-std=c++17", "-pedantic", "-Wall", "-Wextra", "-Werror")
    main = tmp_path / "main.cpp"
    main.write_text(f'#include "{header}"\n' * 2)
    command = [*toolchain.compiler().command, *options, "-fsyntax-only", str(main)]
    subprocess.run(command, check=True)


@pytest.mark.parametrize("name", CASES)
def test_words_are_the_python_hosts(make, name):
    random = np.random.default_rng(7)
    text, modes = CASES[name]
    driver = make(text, "axi", f"data_width={BUSES[name]}")
    manifest = driver.manifest
    dtypes = itertools.cycle((np.int64, np.int32))
    for mode in modes:
        m, k, n = (int(size) for size in random.integers(1, 24, 3))
        a, w, channels = random_product(random, manifest, m, k, n, **mode)
        scales = random_scales(random, manifest, a, w)
        job = bus_job(manifest, a, w, channels, scales=scales, **mode)
        product = driver.product(m, k, n, scales=scales, **mode)
        assert driver.count(product) == job.counts
        dtype = next(dtypes)
        packed = {
            "tiles": driver.pack("tiles", [product]),
            "weights": driver.pack("weights", [product], w.astype(dtype)),
            "acts": driver.pack("acts", [product], a.astype(dtype), *scale_matrices(scales)[:-1]),
        }
        if scales:
            packed["w_scales"] = driver.pack("w_scales", [product], scales.w)
        if channels:
            packed["channels"] = driver.pack("channels", [product], driver.channels(channels))
        assert set(packed) == set(job.words)
        for stream, content in packed.items():
            assert np.array_equal(content, job.memory(stream)), f"{stream} of {m}×{k}×{n}, {mode}"
        layout = manifest.bus["streams"]["results"]
        words = random.integers(0, 256, (job.counts["results"], -(-layout["width"] // 8)), np.uint8)
        words[:, -1] >>= -layout["width"] % 8
        results = to_memory(layout, words)
        special = np.full((m, n), 9, np.uint8) if "nan_inf=flag" in text else None
        y = driver.unpack([product], results, np.zeros((m, n), np.int64), special)
        assert np.array_equal(y, job.gather(results))
        if special is not None:
            assert 0 < special.sum() < m * n
            assert special.max() == 1


def test_parts_of_larger_matrices(small):
    """Rows may be further apart than they are long, and numbers of any type that holds them."""
    random = np.random.default_rng(3)
    a, w, _ = random_product(random, small.manifest, 9, 8, 7)
    product = small.product(9, 8, 7)
    packed = small.pack("weights", [product], w)
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        wide = random.integers(-128, 128, (11, 20)).astype(dtype)
        wide[2:10, 5:12] = w
        assert np.array_equal(small.pack("weights", [product], wide[2:10, 5:12]), packed)
    positive = abs(a % 100)
    packed = small.pack("acts", [product], positive)
    for dtype in (np.uint8, np.uint16, np.uint32):
        assert np.array_equal(small.pack("acts", [product], positive.astype(dtype)), packed)


@pytest.mark.parametrize("value", [-129, 128, 255, -(2**40)])
def test_codes_out_of_range(small, value):
    product, a = small.product(4, 5, 6), np.zeros((4, 5), np.int64)
    w = np.zeros((5, 6), np.int64)
    a[3, 4] = w[4, 5] = value
    with fails("VALUE"):
        small.pack("acts", [product], a)
    with fails("VALUE"):
        small.pack("weights", [product], w)


def test_buffers_too_small(small):
    """Nothing is written, neither beside a buffer nor into one that does not hold all."""
    random = np.random.default_rng(5)
    a, w, channels = random_product(random, small.manifest, 5, 4, 3)
    product = small.product(5, 4, 3)
    numbers = {"tiles": [], "weights": [w], "acts": [a], "channels": [small.channels(channels)]}
    for stream, arguments in numbers.items():
        assert small.pack(stream, [product], *arguments, short=0).any()
        for short in (1, small.streams[stream]["stride"]):
            with fails("SIZE"):
                small.pack(stream, [product], *arguments, short=short)
    results = np.zeros(small.bytes(small.streams["results"]["index"], 5) - 1, np.uint8)
    with fails("SIZE"):
        small.unpack([product], results, np.zeros((5, 3), np.int8))


@pytest.mark.parametrize("shape", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 65537, 1)])
def test_sizes_that_are_none(small, shape):
    with fails("ARGUMENT"):
        small.count(small.product(*shape))


@pytest.mark.parametrize(
    "shape",
    [(2**32 - 1, 1, 6), (1, 65536, 2**32 - 1), (2**31, 65536, 1), (2**32 - 1, 1, 2**32 - 1)],
)
def test_more_words_than_can_be_counted(small, shape):
    with fails("WORDS"):
        small.count(small.product(*shape))


def test_largest_jobs(make):
    small = make(CASES["ws"][0], "axi", "data_width=64")
    words = small.count(small.product(2**32 - 1, 3, 5))
    assert words["results"] == words["acts"] == 2**32 - 1
    assert words["tiles"] == -(-(2**32 - 1) // 7)
    fusion = make(CASES["fusion"][0], "axi", "data_width=128")
    words = fusion.count(fusion.product(2**32 - 1, 1, 1, w_bits=4))
    runs, longer = words["tiles"], (2**32 - 1) % words["tiles"]
    assert runs == -(-(2**32 - 1) // 7)
    assert words["acts"] == longer * 4 + (runs - longer) * 3  # of 7 and of 6 rows, by two


def test_heights_of_many_runs(small):
    """Of so many rows that their number times that of runs has more than 32 bits."""
    words = small.pack("tiles", [small.product(200_000, 3, 5)])
    heights = (words & 7).astype(int) + 1  # length is in the low bits
    assert set(heights) == {6, 7}
    assert heights.sum() == 200_000


@pytest.mark.parametrize("design", ["GemmFusion", "GemmBinary"])
def test_sums_that_do_not_fit(make, design):
    """As in :meth:`GemmFusion.check_k`, and :meth:`GemmBinary.check_k`."""
    parameters = getattr(brickwork, design)(rows=3, cols=5)
    driver = make(f"{parameters.NAME} rows=3 cols=5")
    assert parameters.acc_width == 32
    for mode in _FUSION if design == "GemmFusion" else _BINARY_MODES:
        low, high = 1, 2**31
        while low < high:
            k = (low + high + 1) // 2
            try:
                parameters.check_k(k, mode)
                low = k
            except ValueError:
                high = k - 1
        driver.count(driver.product(1, low, 1, **mode))
        if low < 2**31:
            with fails("ARGUMENT"):
                driver.count(driver.product(1, low + 1, 1, **mode))


@pytest.mark.parametrize("mode", [{"a_bits": 3}, {"w_bits": 32}, {"a_signed": 2}, {"w_bits": 0}])
def test_modes_that_are_none(make, mode):
    driver = make("gemm_fusion rows=3 cols=5")
    with fails("ARGUMENT"):
        driver.count(driver.product(1, 1, 1, **mode))


def test_formats_that_are_none(make):
    driver = make(CASES["ws types"][0], "axi", "data_width=32")
    product = driver.product(1, 1, 1)
    product.a_format = 2
    driver.count(product)
    product.a_format = 3
    with fails("ARGUMENT"):
        driver.count(product)


def test_spans_of_sparse_weights(make):
    """The largest that fits W, which packs; with one more term a block has too many weights."""
    driver = make(CASES["nm"][0], "axi", f"data_width={BUSES['nm']}")
    random = np.random.default_rng(8)
    for pattern in ("1:1", "2:3", "2:4", "1:4"):
        a, w, channels = random_product(random, driver.manifest, 3, 25, 9, pattern=pattern)
        product = driver.product(3, 25, 9)
        driver.call("choose_span", product, w)
        assert product.span == bus_job(driver.manifest, a, w, channels).job.span
        driver.pack("weights", [product], w)
    w = np.ones((25, 9), np.int64)
    product = driver.product(3, 25, 9, pattern="2:4")
    with fails("VALUE"):
        driver.pack("weights", [product], w)
    for span in (1, 3, 5):  # activations in pairs
        product.span = span
        with fails("ARGUMENT"):
            driver.count(product)
    with fails("ARGUMENT"):
        driver.call("choose_span", None, w)


@pytest.mark.parametrize(
    "settings", ["rows=12 group_lanes=4", "rows=11 group_lanes=5 w_format=int6 outlier_rows=2"]
)
def test_rounds_of_outliers(make, settings):
    """As few as W takes, whose words multiply; with one round less a group has too many."""
    driver = make(f"gemm_outlier cols=3 {settings}", "axi", "data_width=32")
    random, model = np.random.default_rng(9), models.model(driver.manifest)
    for share in ("0%", "10%", "60%"):
        a, w, _ = random_product(random, driver.manifest, 3, 25, 7, outliers=share)
        product = driver.product(3, 25, 7)
        driver.call("choose_rounds", product, w)
        packed = {
            "tiles": driver.pack("tiles", [product]),
            "weights": driver.pack("weights", [product], w),
            "acts": driver.pack("acts", [product], a),
        }
        lanes = {}
        for name, count in list(driver.count(product).items())[:3]:
            words = words_of_memory(driver.streams[name], packed[name], count)
            lanes[name] = unpack_fields(words, driver.manifest.streams[name]["fields"])
        fields = lanes["tiles"]
        tiles = [
            dict(zip(fields, map(int, row), strict=True))
            for row in zip(*(values[:, 0] for values in fields.values()), strict=True)
        ]
        y = model.word_model(tiles, lanes["weights"], lanes["acts"], None)
        y = y.reshape(-1, 3, 3).swapaxes(0, 1).reshape(3, -1)[:, :7]
        assert np.array_equal(y, a @ w)
        assert product.rounds == 1 if share == "0%" else product.rounds > (share == "60%")
        if product.rounds > 1:
            product.rounds -= 1
            with fails("VALUE"):
                driver.pack("weights", [product], w)
    product.rounds = 33
    with fails("ARGUMENT"):
        driver.count(product)
    with fails("ARGUMENT"):
        driver.call("choose_rounds", None, w)


def test_groups_with_scales(make):
    """Without a group it is the engine's; one that is larger, or odd for aligned sums, is none."""
    driver = make(CASES["scaled both"][0], "axi", f"data_width={BUSES['scaled both']}")
    product = driver.product(2, 20, 4)
    assert driver.count(product)["w_scales"] == 2 * 4  # by groups of 6
    for group, count in ((1, 20), (4, 5), (6, 4)):
        product.group = group
        assert driver.count(product)["w_scales"] == 2 * count
    product.group = 7
    with fails("ARGUMENT"):
        driver.count(product)
    aligned = make(CASES["scaled aligned"][0], "axi", f"data_width={BUSES['scaled aligned']}")
    product = aligned.product(2, 20, 2)
    for group, good in ((2, 1), (3, 1), (4, 0), (6, 1), (8, 0), (9, 1), (10, 0)):
        product.group = group
        if good:
            assert aligned.count(product)["w_scales"] == -(-20 // min(group, 3))
        else:
            with fails("ARGUMENT"):
                aligned.count(product)


def test_scales_of_groups_out_of_range(make):
    driver = make(CASES["scaled both"][0], "axi", f"data_width={BUSES['scaled both']}")
    product = driver.product(3, 20, 5)
    a, a_scales, w_scales = (np.zeros(shape, np.int16) for shape in ((3, 20), (3, 4), (4, 5)))
    for code, good in ((255, 1), (256, 0), (-1, 0)):
        a_scales[2, 3] = w_scales[3, 4] = code
        if good:
            assert driver.pack("acts", [product], a, a_scales).any()
            assert driver.pack("w_scales", [product], w_scales).any()
            continue
        with fails("VALUE"):
            driver.pack("acts", [product], a, a_scales)
        with fails("VALUE"):
            driver.pack("w_scales", [product], w_scales)
    w_scales[3, 4] = 0
    for short in (1, driver.streams["w_scales"]["stride"]):
        with fails("SIZE"):
            driver.pack("w_scales", [product], w_scales, short=short)
    for matrix in (w_scales[:, :4].copy(), None):
        with fails("ARGUMENT"):
            driver.pack("w_scales", [product], matrix)
        with fails("ARGUMENT"):
            driver.pack("acts", [product], a, None if matrix is None else a_scales[:, :3].copy())


@pytest.mark.parametrize(
    ("name", "format"),
    [("floats", np.float32), ("scaled", "bf16"), ("scaled both", np.float16)],
    ids=["fp32", "bf16", "fp16"],
)
def test_results_as_floats(make, name, format):
    driver = make(CASES[name][0], "axi", f"data_width={BUSES[name]}")
    codes = np.arange(1 << 16, dtype=np.uint32)
    if format == "bf16":
        values = (codes << 16).view(np.float32)
    elif format is np.float16:
        values = codes.astype(np.uint16).view(np.float16).astype(np.float32)
    else:
        codes = np.random.default_rng(1).integers(0, 1 << 32, 1 << 16, np.uint32)
        values = codes.view(np.float32)
    read = np.array([driver.to_float(int(code)) for code in codes], np.float32)
    assert np.array_equal(read, values, equal_nan=True)
    assert np.array_equal(np.signbit(read[~np.isnan(read)]), np.signbit(values[~np.isnan(values)]))


def test_results_that_are_floats_need_their_bits(make):
    """Codes have no sign, whatever the floats' signs are."""
    driver = make(CASES["floats"][0], "axi", f"data_width={BUSES['floats']}")
    results = np.zeros(1 << 10, np.uint8)
    product = driver.product(2, 2, 2)
    for dtype in (np.uint32, np.int64):
        driver.unpack([product], results, np.zeros((2, 2), dtype))
    for dtype in (np.uint8, np.uint16, np.int32):
        with fails("ARGUMENT"):
            driver.unpack([product], results, np.zeros((2, 2), dtype))


def test_null_and_wrong_arguments(small):
    product, y = small.product(2, 2, 2), np.zeros((2, 2), np.int8)
    with fails("ARGUMENT"):
        small.count(None)
    with fails("ARGUMENT"):
        small.call("pack_tiles", product, None)
    with fails("ARGUMENT"):
        small.call("pack_tiles", product, Buffer(None, 0, 1 << 20))
    with fails("ARGUMENT"):
        small.pack("acts", [small.product(2, 5, 2)], np.zeros((2, 4), np.int8))
    with fails("ARGUMENT"):
        small.pack("acts", [product], None)
    results = np.zeros(1 << 10, np.uint8)
    for dtype in (np.uint8, np.uint16, np.uint32):  # results are signed
        with fails("ARGUMENT"):
            small.unpack([product], results, y.astype(dtype))
    with fails("ARGUMENT"):
        small.call("probe", None)
    with fails("ARGUMENT"):
        small.call("probe", Device())


def test_channels_out_of_range(small):
    random = np.random.default_rng(5)
    _, _, channels = random_product(random, small.manifest, 1, 1, 3)
    product = small.product(1, 1, 3)
    limits = {
        "bias": (-(2**31), 2**31 - 1),
        "multiplier": (0, 2**24 - 1),
        "shift": (0, 63),
        "zero_point": (-128, 127),
    }
    for name, (lowest, highest) in limits.items():
        for value, good in ((lowest, 1), (highest, 1), (lowest - 1, 0), (highest + 1, 0)):
            rows = small.channels(channels)
            setattr(rows[2], name, value)
            if good:
                small.pack("channels", [product], rows)
            else:
                with fails("VALUE"):
                    small.pack("channels", [product], rows)
    rows = small.channels(channels)
    rows[1].low, rows[1].high = 5, 4
    with fails("VALUE"):
        small.pack("channels", [product], rows)


def floats():
    random = np.random.default_rng(2)
    patterns = random.integers(1, 0x4B7FFFFF, 3000, np.uint32)  # below 2^24
    edges = [1, 2, 0x7FFFFF, 0x800000, 0x1F800000, 0x1F800001, 0x2B800000, 0x2B800001, 0x4B7FFFFF]
    # Beside the shifts of 127 and 63, where rounding begins, and halves of its last place.
    ties = [
        (exponent << 23) + offset
        for exponent in (*range(26), *range(60, 90))
        for offset in (0, 1, 3, 0x400000)
        if exponent or offset
    ]
    return np.array([*patterns, *edges, *ties], np.uint32).view(np.float32)


def set_scale(driver, scale):
    rows = driver.channels(random_product(np.random.default_rng(1), driver.manifest, 1, 1, 1)[2])
    driver.call("set_scale", c.byref(rows[0]), c.c_float(scale))
    return rows[0].multiplier, rows[0].shift


@pytest.mark.parametrize(("name", "highest_shift"), [("ws", 63), ("fusion", 127)])
def test_scales(make, name, highest_shift):
    """With an accumulator of 48 bits, shifts have a bit more."""
    driver = make(CASES[name][0], "axi", "data_width=64")
    scales = floats()
    multipliers, shifts = scale_to_multiplier(scales, highest_shift)
    pairs = [set_scale(driver, scale) for scale in scales]
    assert pairs == list(zip(multipliers.tolist(), shifts.tolist(), strict=True))


@pytest.mark.parametrize("scale", [0.0, -1.0, -0.0, np.inf, np.nan, 2.0**24])
def test_scales_that_are_none(small, scale):
    with fails("VALUE"):
        set_scale(small, scale)


def test_scales_of_shifts(make):
    driver = make(CASES["os flags"][0], "axi", "data_width=64")
    for shift in range(64):
        assert set_scale(driver, 2.0**-shift)[1] == scale_to_shift(2.0**-shift) == shift
    for scale in (2.0, 3.0, 0.75, 2.0**-64, 0.0):
        with fails("VALUE"):
            set_scale(driver, scale)


class Registers:
    """Registers of a core that does nothing, for what a real one never shows."""

    def __init__(self, driver, **values):
        registers = {entry["name"]: entry for entry in driver.manifest.bus["registers"]}
        self.values = {entry["offset"]: entry["reset"] for entry in registers.values()}
        self.values |= {registers[name]["offset"]: value for name, value in values.items()}
        self.reads = 0
        self.writes = []
        self.names = {entry["offset"]: name for name, entry in registers.items()}
        self.device = Device(None, READ(self._read), WRITE(self._write), patience=20)

    def _read(self, _, offset):
        self.reads += 1
        return self.values[offset]

    def _write(self, _, offset, value):
        self.writes.append((self.names[offset], value))


def test_probe(small):
    small.call("probe", Registers(small).device)
    small.call("probe", Registers(small, VERSION=0x0001_0007).device)
    for error, values in (
        ("ABSENT", {"ID": 0xFFFF_FFFF}),
        ("VERSION", {"VERSION": 0x0002_0000}),
        ("DIGEST", {"DIGEST": 0}),
        ("REVISION", {"REVISION": 0}),
    ):
        with fails(error):
            small.call("probe", Registers(small, **values).device)


def test_no_answer(small):
    registers = Registers(small)
    with fails("TIMEOUT"):
        small.call("wait", registers.device)
    assert registers.reads == 20
    with fails("TIMEOUT"):
        small.call("reset", Registers(small, STATUS=2).device)


def test_errors_of_the_core(small):
    for name, error in small.manifest.bus["errors"].items():
        registers = Registers(small, INTERRUPT=3, ERROR=error["number"] | 4 << 8)
        with fails(name):
            small.call("wait", registers.device)
        assert registers.writes == [("INTERRUPT", 3)]
        assert small.text(error["number"]) == error["meaning"]
    assert small.text(0) == "no error"
    assert small.text(36) == "the core did not answer in time"
    assert small.text(99) == "an error that this driver does not know"


def test_addresses_out_of_range(make):
    driver = make(CASES["ws"][0], "axi", "data_width=64", "address_width=16")
    words = driver.count(driver.product(4, 4, 4))
    data = np.zeros(1 << 12, np.uint8)
    for address, error in ((0xF800, None), (0x1_0000, "RANGE")):
        registers = Registers(driver)
        counts, buffers = driver.split(Buffer(data.ctypes.data, 0, len(data)), words)
        buffers[2].address = address
        if error:
            with fails(error):
                driver.call("start", registers.device, buffers, counts)
            assert not registers.writes
        else:
            driver.call("start", registers.device, buffers, counts)
            assert dict(registers.writes)["ADDRESS_LOW_ACTS"] == address
            assert registers.writes[-1] == ("COMMAND", 3)


def test_caches(small):
    """What was written to memory is there before the job begins, results are read after it."""
    data, registers, log = np.zeros(1 << 12, np.uint8), Registers(small, INTERRUPT=1), []
    words = small.count(small.product(5, 6, 7))
    counts, buffers = small.split(Buffer(data.ctypes.data, 0x1000, len(data)), words)

    def note(name):
        return lambda _, start, size: log.append((name, start, size, len(registers.writes)))

    device = registers.device
    device.flush, device.invalidate = CACHE(note("flush")), CACHE(note("invalidate"))
    device.barrier = BARRIER(lambda _: log.append(("barrier", len(registers.writes))))
    small.call("run", device, buffers, counts)
    spans = [(buffer.data, buffer.size) for buffer in buffers]
    assert log[:5] == [("flush", *span, 0) for span in spans]
    command = registers.writes.index(("COMMAND", 3))
    assert ("barrier", command) in log
    end = len(registers.writes)
    assert log[-2:] == [("barrier", end), ("invalidate", *spans[-1], end)]


def test_split(small):
    words = small.count(small.product(5, 6, 7))
    data = np.zeros(1 << 12, np.uint8)
    _, buffers = small.split(Buffer(data.ctypes.data, 0x1000, len(data)), words)
    end = 0x1000
    for (name, layout), buffer in zip(small.streams.items(), buffers, strict=True):
        assert buffer.address == end
        assert buffer.address - 0x1000 == buffer.data - data.ctypes.data
        assert buffer.size == words[name] * layout["stride"]
        end = -(-(buffer.address + buffer.size) // 8) * 8
    small.split(Buffer(data.ctypes.data, 0, buffer.address + buffer.size - 0x1000), words)
    with fails("SIZE"):
        small.split(Buffer(data.ctypes.data, 0, buffer.address + buffer.size - 0x1001), words)
    with fails("ARGUMENT"):
        small.split(Buffer(data.ctypes.data, 4, len(data)), words)


def test_stream_top(make):
    """Without DMA: words are packed alike, and a packet's end is waited for."""
    driver = make("gemm_ws rows=3 cols=5", "axis")
    random = np.random.default_rng(5)
    a, w, _ = random_product(random, driver.manifest, 5, 7, 9)
    job = bus_job(driver.manifest, a, w)
    packed = driver.pack("weights", [driver.product(5, 7, 9)], w)
    assert np.array_equal(packed, job.memory("weights"))
    registers = Registers(driver, INTERRUPT=1)
    driver.call("prepare", registers.device)
    assert registers.writes == [("INTERRUPT", 3), ("INTERRUPT_ENABLE", 0), ("COMMAND", 1)]
    driver.call("wait", registers.device)


def random_network(driver, random, vectors):
    """A job, its network for the driver, and the vectors; keeps the images alive."""
    indices = random.integers(0, 16, (10, 30)) * (random.random((10, 30)) < 0.3)
    codebook = np.array([0, *random.integers(-99, 99, 15)])
    shape = {name: driver.manifest.parameters[name] for name in ("pes", "entries_per_cycle")}
    encoded = encode(
        indices, codebook, index_width=4, run_length_width=4, row_mapping="balanced", **shape
    )
    a = random.integers(-(2**15), 2**15, (vectors, 30))
    job = bus_job(driver.manifest, [Layer(encoded=encoded, shift=3)], a)
    images = {
        "load": job.memory("load"),
        "jobs": job.memory("jobs"),
        **{name: np.asarray(positions, "<u4") for name, positions in job.job.index_files().items()},
    }
    sizes = job.job.description()
    network = Network(
        **{name: image.ctypes.data for name, image in images.items()},
        **{name: sizes[name] for name, _ in Network._fields_ if name in sizes},
    )
    network.images = images
    return job, network, a


@pytest.fixture
def sparse(make):
    return make("eie pes=4 columns=64 entries=256 acts=16 rows=8", "axi", "data_width=32")


def test_networks(sparse):
    random = np.random.default_rng(9)
    job, network, a = random_network(sparse, random, 3)
    assert sparse.count(network, 3, 1) == job.counts
    assert np.array_equal(sparse.pack("jobs", [network, 3, 1]), job.memory("jobs"))
    size = sparse.bytes(0, network.load_words)
    load = np.zeros(size, np.uint8)
    sparse.call("pack_load", network, Buffer(load.ctypes.data, 0, size))
    assert np.array_equal(load, job.memory("load"))
    buffer = np.zeros(sparse.bytes(2, 3 * network.acts_words), np.uint8)
    narrow = a.astype(np.int16)
    sparse.call("pack_acts", network, 3, narrow, Buffer(buffer.ctypes.data, 0, len(buffer)))
    assert np.array_equal(buffer, job.memory("acts"))
    layout = sparse.manifest.bus["streams"]["results"]
    words = random.integers(0, 256, (job.counts["results"], layout["width"] // 8), np.uint8)
    results = to_memory(layout, words)
    y = sparse.unpack([network, 3], results, np.zeros((3, 10), np.int16))
    assert np.array_equal(y, job.gather(results))
    assert sparse.count(network, 2, 0)["load"] == 0
    assert sparse.count(network, 0, 1) == {
        "load": network.load_words,
        "jobs": network.fill_jobs,
        "acts": 0,
        "results": 0,
    }


def test_activations_out_of_range(sparse):
    _, network, a = random_network(sparse, np.random.default_rng(9), 1)
    buffer = np.zeros(sparse.bytes(2, network.acts_words), np.uint8)
    for value, good in ((-(2**15), 1), (2**15 - 1, 1), (-(2**15) - 1, 0), (2**15, 0)):
        a[0, 11] = value
        arguments = (network, 1, a, Buffer(buffer.ctypes.data, 0, len(buffer)))
        if good:
            sparse.call("pack_acts", *arguments)
        else:
            with fails("VALUE"):
                sparse.call("pack_acts", *arguments)


def test_networks_that_are_none(sparse):
    _, network, _ = random_network(sparse, np.random.default_rng(9), 1)
    with fails("ARGUMENT"):
        sparse.count(network, 0, 0)
    with fails("WORDS"):
        sparse.count(network, 2**31, 0)
    network.images["inputs"][7] = network.acts_words * 4
    with fails("ARGUMENT"):
        sparse.count(network, 1, 1)
    network.images["inputs"][7] = network.acts_words * 4 - 1
    sparse.count(network, 1, 1)
    network.jobs = None
    with fails("ARGUMENT"):
        sparse.count(network, 1, 1)
