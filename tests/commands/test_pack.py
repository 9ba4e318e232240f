"""The Python packer: bytes in memory, beats, register writes, and ``brickwork pack``."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from brickwork.gen.cli import main
from brickwork.hdl.bus.layout import word_layout
from brickwork.sim.designs.eie import Layer
from brickwork.sim.golden.sparse import encode
from brickwork.sim.host.bus_job import (
    Beats,
    to_beats,
    to_memory,
    words_of_beats,
    words_of_memory,
)
from brickwork.sim.host.mmio import Mmio, library
from brickwork.sim.verilator.core import SimulationError
from c_driver import emit_top, random_product
from products import bus_job
from products import plan as plan_of
from scipy import sparse

SMALL = "gemm_ws rows=3 cols=5 acc_depth=9"
SPARSE = "eie pes=4 columns=64 entries=256 acts=16 rows=8"


@pytest.fixture(scope="module")
def tops(tmp_path_factory):
    """The path of a manifest and the manifest, each made once."""
    emitted, folder = {}, tmp_path_factory.mktemp("tops")

    def get(*top):
        if top not in emitted:
            emitted[top] = emit_top(folder, *top)
        return emitted[top]

    return get


def layout_of(width, data_width):
    return vars(word_layout(width, data_width))


#: Width of a word, of the bus, and the bytes of the words 1 and 2^width - 1.
LAYOUTS = {
    "slots": (9, 32, [1, 0, 0xFF, 0x01]),
    "a byte": (8, 32, [1, 0xFF]),
    "a bit": (1, 64, [1, 1]),
    "three bytes": (17, 64, [1, 0, 0, 0, 0xFF, 0xFF, 0x01, 0]),
    "whole beat": (32, 32, [1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
    "two beats": (33, 32, [1, *[0] * 7, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0, 0, 0]),
    "three beats": (70, 32, [1, *[0] * 11, *[0xFF] * 8, 0x3F, 0, 0, 0]),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_words_in_memory(name):
    width, data_width, expected = LAYOUTS[name]
    layout = layout_of(width, data_width)
    size = -(-width // 8)
    words = np.array(
        [list(value.to_bytes(size, "little")) for value in (1, (1 << width) - 1)], np.uint8
    )
    data = to_memory(layout, words)
    assert data.tolist() == expected
    assert np.array_equal(words_of_memory(layout, data.tobytes(), 2), words)


@pytest.mark.parametrize("name", LAYOUTS)
def test_words_in_beats(name):
    width, data_width, _ = LAYOUTS[name]
    layout = layout_of(width, data_width)
    random = np.random.default_rng(1)
    for count in (1, 2, 3, 4, 5, 17):
        words = random.integers(0, 256, (count, -(-width // 8)), np.uint8)
        words[:, -1] >>= -width % 8
        beats = to_beats(layout, words, data_width)
        assert beats.data.shape == beats.keep.shape == (len(beats.last), data_width // 8)
        assert len(beats.last) == -(-count * layout["stride"] * 8 // data_width)
        assert beats.last.tolist() == [False] * (len(beats.last) - 1) + [True]
        assert beats.keep[:-1].all()
        assert beats.keep.sum() == count * layout["stride"]
        assert np.array_equal(words_of_beats(layout, beats), words)


def test_what_no_words_are():
    layout = layout_of(9, 32)
    with pytest.raises(ValueError, match=r"^Memory must have 6 bytes, not 5$"):
        words_of_memory(layout, bytes(5), 3)
    beyond = r"^Bits beyond a word must be zero, not set in word 1$"
    with pytest.raises(ValueError, match=beyond):
        words_of_memory(layout, bytes([0, 1, 0, 2]), 2)
    with pytest.raises(ValueError, match=beyond):
        words_of_memory(layout_of(17, 64), bytes([0] * 7 + [1]), 2)
    keep = np.array([[1, 1, 1, 0]], bool)
    beats = Beats(data=np.zeros((1, 4), np.uint8), keep=keep, last=np.array([True]))
    with pytest.raises(ValueError, match=r"^Bytes that are kept must be those of whole words$"):
        words_of_beats(layout, beats)


def test_product(tops):
    _, manifest = tops(SMALL, "axi", "data_width=32", "address_width=40")
    random = np.random.default_rng(1)
    a, w, _ = random_product(random, manifest, 20, 7, 11)
    job = bus_job(manifest, a, w)
    assert job.counts == plan_of(manifest, 20, 7, 11).stream_words
    for name, words in job.job.words().items():
        assert np.array_equal(job.words[name], np.concatenate(list(words)))
    base = 0x12_3456_7000
    addresses, at = job.addresses(base), base
    for name, address in addresses.items():
        assert address % 4 == 0
        assert at <= address < at + 4
        at = address + job.sizes[name]
    registers = {entry["name"]: entry["offset"] for entry in manifest.bus["registers"]}
    writes = job.writes(base)
    assert [registers[name] for name, _, _ in writes] == [offset for _, offset, _ in writes]
    values = {name: value for name, _, value in writes}
    for name, address in addresses.items():
        low, high = (values[f"ADDRESS_{half}_{name.upper()}"] for half in ("LOW", "HIGH"))
        assert high << 32 | low == address
        assert values[f"COUNT_{name.upper()}"] == job.counts[name]
    assert writes[-1][0] == "COMMAND"
    with pytest.raises(ValueError, match=r"^Address must be a multiple of 4, the bus's bytes, not"):
        job.addresses(2)
    with pytest.raises(ValueError, match=r"^Words must end by 0x10000000000 \(address_width 40\),"):
        job.addresses((1 << 40) - 64)


def test_streams_have_no_addresses(tops):
    _, manifest = tops(SMALL, "axis")
    random = np.random.default_rng(1)
    a, w, _ = random_product(random, manifest, 5, 7, 6)
    job = bus_job(manifest, a, w)
    assert np.array_equal(
        words_of_beats(manifest.bus["streams"]["acts"], job.beats("acts")), job.words["acts"]
    )
    with pytest.raises(
        ValueError, match=r"^Bus wrapper must be axi, which reads memory, not axis$"
    ):
        job.addresses()
    results = to_beats(manifest.bus["streams"]["results"], np.ones((10, 20), np.uint8), 64)
    assert (job.gather(results) == 0x01010101).all()
    with pytest.raises(ValueError, match=r"^Results must be 10 words, not 9$"):
        job.gather(to_beats(manifest.bus["streams"]["results"], np.ones((9, 20), np.uint8), 64))


def test_simulated_core(tops):
    path, manifest = tops(SMALL, "axi", "data_width=32", "address_width=40")
    random = np.random.default_rng(1)
    a, w, _ = random_product(random, manifest, 20, 7, 11)
    job = bus_job(manifest, a, w)
    with Mmio(path, size=4096, address=0x1000, latency=9) as core:
        assert np.array_equal(core.run(job), a @ w)
        assert np.array_equal(core.run(job, base=0x1040), a @ w)
        with pytest.raises(ValueError, match=r"^Memory must have the addresses up to 0x2\w{3} for"):
            core.run(job, base=0x1C00)
        core.fault(0x1000, 0x1000)
        with pytest.raises(SimulationError, match=r"^Job ended with the error READ$"):
            core.run(job)
    with pytest.raises(
        ValueError, match=r"must be of a core in the bus wrapper axi; use brickwork emit --top axi$"
    ):
        library(tops(SMALL, "axis")[0])
    with pytest.raises(ValueError, match=r"^Memory must have multiples of 4 bytes at multiples"):
        Mmio(path, size=4095)


def test_rules_are_checked(tops, tmp_path):
    """A core that is said to have shorter bursts than it has."""
    path, manifest = tops(SMALL, "axi", "data_width=32", "address_width=40")
    shutil.copy(path.with_suffix(".v"), tmp_path)
    manifest = replace(manifest, bus=manifest.bus | {"burst": 4})
    copy = tmp_path / path.name
    copy.write_text(manifest.to_json())
    random = np.random.default_rng(1)
    a, w, _ = random_product(random, manifest, 20, 7, 11)
    core = Mmio(copy)
    assert np.array_equal(core.run(bus_job(manifest, a, w)), a @ w)
    broken = r"^Rule of AXI broken: AR: burst is longer than `burst` in cycle \d+$"
    with pytest.raises(SimulationError, match=broken):
        core.close()


@pytest.fixture
def arrays(tmp_path):
    """Writes arrays; gives their files."""

    def write(**arrays):
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
        return {name: str(tmp_path / f"{name}.npy") for name in arrays}

    return write


def run_from_files(path, folder):
    """What a host of the user's does: nothing but the files, and the registers they name."""
    job = json.loads((folder / "job.json").read_text())
    streams = job["streams"]
    with Mmio(path, address=0x2000, size=1 << 15) as core:
        for stream in streams.values():
            start = stream["address"] - 0x2000
            if "file" in stream:
                data = np.fromfile(folder / stream["file"], np.uint8)
                assert len(data) == stream["bytes"] == stream["words"] * stream["stride"]
                core.memory[start : start + len(data)] = data
        core.write("INTERRUPT_ENABLE", 3)
        for write in job["writes"]:
            core.write(write["offset"], write["value"])
        core.wait()
        assert core.read("INTERRUPT") == 1
        start = streams["results"]["address"] - 0x2000
        return core.memory[start : start + streams["results"]["bytes"]].copy()


def test_command(tops, arrays, tmp_path, capsys):
    path, manifest = tops(SMALL, "axi", "data_width=32", "address_width=40")
    random = np.random.default_rng(1)
    a, w, _ = random_product(random, manifest, 20, 7, 11)
    files, out = arrays(a=a, w=w), tmp_path / "job"
    command = ["pack", str(path.parent), "--a", files["a"], "--w", files["w"], "--out", str(out)]
    assert main([*command, "--address", "0x2000"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:2] == ["tiles", "27 words"]
    assert {file.name for file in out.iterdir()} == {
        *(f"{name}.bin" for name in ("tiles", "weights", "acts")),
        "expected.npy",
        "job.json",
    }
    expected = np.load(out / "expected.npy")
    assert np.array_equal(expected, a @ w)
    assert np.array_equal(bus_job(manifest, a, w).gather(run_from_files(path, out)), expected)
    first = {file.name: file.read_bytes() for file in out.iterdir()}
    assert main([*command, "--address", "0x2000", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"folder": str(out)} | json.loads(
        first["job.json"]
    )
    assert {file.name: file.read_bytes() for file in out.iterdir()} == first


WALK = SMALL, "axi", "data_width=64", "walk=1"


@pytest.mark.parametrize("form", ["dense", "sparse", "empty"])
def test_command_writes_the_index(tops, arrays, tmp_path, capsys, form):
    """A once, and the tiles of W; also of W that has none."""
    path, _ = tops(*WALK)
    random = np.random.default_rng(1)
    a, w = random.integers(-128, 128, (9, 14)), random.integers(-128, 128, (14, 12))
    row_ptr, col_idx = [0, 5, 10, 15], [*range(5)] * 3
    files, out = arrays(a=a), tmp_path / "job"
    if form != "dense":
        w[:, 5:10] = w[3:9] = 0
        w *= form == "sparse"
        row_ptr, col_idx = ([0, 3, 3, 6], [0, 3, 4] * 2) if w.any() else ([0] * 4, [])
        sparse.save_npz(tmp_path / "w.npz", sparse.csr_array(w))
    else:
        np.save(tmp_path / "w.npy", w)
    weights = str(tmp_path / f"w.{'npy' if form == 'dense' else 'npz'}")
    command = ["pack", str(path.parent), "--a", files["a"], "--w", weights, "--out", str(out)]
    assert main([*command, "--address", "0x2000"]) == 0
    streams = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert streams == ["row_ptr", "col_idx", "weights", "acts", "results", "expected", "job"]
    assert np.fromfile(out / "row_ptr.bin", "<u4").tolist() == row_ptr
    assert np.fromfile(out / "col_idx.bin", "<u4").tolist() == col_idx
    # Two words of three lanes in a beat, nine rows and an empty word in a tile along K.
    rows = np.fromfile(out / "acts.bin", np.int8).reshape(5, 10, 4)
    assert np.array_equal(np.hstack(rows[:, :9, :3])[:, :14], a)
    packed = {write["register"]: write["value"] for write in job_of(out)["writes"]}
    assert (packed["TILE"], packed["TILE_WORDS"], packed["COUNT_ACTS"]) == (8, 9, 50)
    results = run_from_files(path, out)
    assert np.array_equal(np.load(out / "expected.npy"), a @ w)
    lanes = results.view("<i4").reshape(3, 9, -1)[:, :, :5]
    assert np.array_equal(np.hstack(lanes)[:, :12], a @ w)


def job_of(folder):
    return json.loads((folder / "job.json").read_text())


def test_more_rows_than_a_walk_takes(tops, arrays, tmp_path, capsys):
    """The simulated core multiplies them part by part; files are those of a single job."""
    path, manifest = tops(*WALK)
    a, w, _ = random_product(np.random.default_rng(1), manifest, 20, 14, 12)
    with Mmio(path, size=1 << 13) as core:
        assert np.array_equal(core.run(bus_job(manifest, a, w, skip_zeros=True)), a @ w)
    files = arrays(a=a, w=w)
    command = ["pack", str(path.parent), "--a", files["a"], "--w", files["w"]]
    assert main([*command, "--out", str(tmp_path / "job")]) == 2
    assert capsys.readouterr().err == (
        "brickwork: error: A must have at most 9 rows (acc_depth) for a wrapper with walk=1, not "
        "20; multiply it in parts\n"
    )


def test_a_walk_is_one_pass(tmp_path, arrays, capsys):
    path, manifest = emit_top(tmp_path, "gemm_fusion rows=2 cols=2", "axi", "walk=1")
    files = arrays(a=np.ones((2, 3), int), w=np.ones((3, 4), int))
    command = ["pack", str(path.parent), "--a", files["a"], "--w", files["w"]]
    assert main([*command, "--out", str(tmp_path / "job"), "--mode", "a_bits=16"]) == 2
    assert capsys.readouterr().err == (
        "brickwork: error: Operands must take one pass for a wrapper with walk=1, not 2: choose "
        "narrower ones\n"
    )
    job = bus_job(manifest, np.ones((2, 3), int), np.ones((3, 4), int), a_bits=16)
    with Mmio(path) as core, pytest.raises(ValueError, match=r"^Operands must take one pass for a"):
        core.run(job)


def test_command_on_networks(tops, arrays, tmp_path, capsys):
    path, manifest = tops(SPARSE, "axi", "data_width=32")
    random = np.random.default_rng(1)
    w = random.integers(-7, 8, (10, 30)) * (random.random((10, 30)) < 0.3)
    a = random.integers(-9, 10, (3, 30))
    files, out = arrays(a=a, w=w.T), tmp_path / "job"
    command = ["pack", str(path.parent), "--a", files["a"], "--w", files["w"], "--out", str(out)]
    command += ["--mode", "row_mapping=balanced", "--mode", "relu=1"]
    assert main([*command, "--address", "0x2000"]) == 0
    expected = np.load(out / "expected.npy")
    assert np.array_equal(expected, np.maximum(a @ w.T, 0))
    record = json.loads((out / "job.json").read_text())["job"]
    assert (record["vectors"], record["input_count"], record["output_count"]) == (3, 30, 10)
    results = run_from_files(path, out)
    positions = np.fromfile(out / "outputs.bin", "<u4")
    lanes = results.reshape(-1, 8).view("<i2").reshape(3, -1)
    assert np.array_equal(lanes[:, positions], expected)
    indices = abs(w)
    encoded = encode(
        indices,
        np.arange(16),
        pes=4,
        entries_per_cycle=1,
        index_width=4,
        run_length_width=4,
        row_mapping="balanced",
    )
    job = bus_job(manifest, [Layer(encoded=encoded)], a)
    assert job.job.description()["fill_jobs"] == record["fill_jobs"]
    assert np.array_equal(np.fromfile(out / "inputs.bin", "<u4"), job.job.index_files()["inputs"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--address", "0x1001"], "Address must be a multiple of 4, the bus's bytes, not 4097"),
        (["--scale", "a.npy"], "Output must be scale or shift with --scale, not 'raw'"),
        (["--relu"], "Option --relu is now --mode relu=1"),
        (["--cluster"], "Option --cluster must not go with gemm_ws"),
        (["--address", "-1"], "Address must be an integer of at least 0, not '-1'"),
        (["--mode", "a_type=int4"], "Mode a_type must be one of int8, not 'int4'"),
    ],
)
def test_command_refuses(tops, arrays, tmp_path, capsys, change, message):
    path, _ = tops(SMALL, "axi", "data_width=32", "address_width=40")
    files, out = arrays(a=np.ones((2, 3), int), w=np.ones((3, 4), int)), tmp_path / "job"
    command = ["pack", str(path.parent), "--a", files["a"], "--w", files["w"], "--out", str(out)]
    change = [files["a"] if argument == "a.npy" else argument for argument in change]
    assert main([*command, *change]) == 2
    assert capsys.readouterr().err == f"brickwork: error: {message}\n"
    assert not out.exists()


def test_command_needs_a_wrapper(arrays, tmp_path, capsys):
    files = arrays(a=np.ones((2, 3), int), w=np.ones((3, 4), int))
    command = ["pack", str(tmp_path), "--a", files["a"], "--w", files["w"], "--out", "job"]
    assert main(command) == 2
    assert re.fullmatch(
        r"brickwork: error: Folder \S+ must hold one manifest of a core in the bus wrapper axis or "
        r"axi, not 0; see brickwork emit --top axi\n",
        capsys.readouterr().err,
    )
