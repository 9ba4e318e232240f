"""The C driver and the RTL behind AXI together: products, the digits network, and mishaps."""

import ctypes as c
import itertools
import re
import subprocess

import numpy as np
import pytest
from brickwork.gen.workloads import digits
from brickwork.sim.designs._gemm import QuantParams
from brickwork.sim.designs.eie import Layer
from brickwork.sim.golden.sparse import eie as golden_eie
from brickwork.sim.golden.sparse import encode
from brickwork.sim.host.mmio import Mmio, headers, library
from brickwork.sim.verilator import toolchain
from c_driver import (
    C99,
    Driver,
    Network,
    emit_top,
    random_product,
    random_scales,
    write_sources,
)
from products import bus_job
from products import plan as plan_of

_UINT8 = "a_format=uint8 out_format=uint8 output=scale"

#: Tops, and modes of their products.
DESIGNS = {
    "gemm_ws": (f"gemm_ws rows=8 cols=8 {_UINT8}", [{}] * 3),
    "gemm_os": (f"gemm_os rows=8 cols=8 {_UINT8}", [{}] * 3, "data_width=256"),
    "raw": ("gemm_ws rows=3 cols=5 acc_depth=9", [{}] * 3, "data_width=32", "address_width=40"),
    "floats": (
        "gemm_ws rows=3 cols=5 acc_depth=9 arith=fp32 a_format=bf16 w_format=bf16",
        [{}] * 3,
    ),
    "rounded": ("gemm_ws rows=3 cols=5 a_format=fp16 w_format=fp16 output=fp32", [{}] * 3),
    "os floats": (
        "gemm_os rows=3 cols=4 max_k=64 arith=fp32 a_format=bf16 w_format=bf16",
        [{}] * 3,
    ),
    "gemm_scaled": (
        "gemm_scaled rows=4 cols=5 acc_depth=9 group=8 a_format=e2m1 w_format=e2m1 "
        "a_scale=e4m3 w_scale=e4m3",
        [{}] * 3,
        "data_width=32",
    ),
    "gemm_scaled w4a16": ("gemm_scaled rows=3 cols=4 acc_depth=9 group=16 output=bf16", [{}] * 3),
    "gemm_fusion": (
        "gemm_fusion rows=2 cols=3 acc_depth=16",
        [{}, {"a_bits": 2, "w_bits": 4, "a_signed": 0}, {"a_bits": 16, "w_bits": 2}],
    ),
}
#: Their words are those of others.
LIKE_OTHERS = ("rounded", "os floats", "gemm_scaled w4a16")
SPARSE = ("eie pes=4 columns=64 entries=256 acts=16 rows=8", "axi", "data_width=32")

#: Manners of bus and memory.
CALM = {}
ROUGH = {"pauses": 25, "latency": 40}


@pytest.fixture(scope="module")
def tops(tmp_path_factory):
    """Manifest and driver of each core, built on first use."""
    cores = {}

    def get(name):
        if name not in cores:
            folder = tmp_path_factory.mktemp("top")
            text, _, *bus = DESIGNS.get(name, (SPARSE[0], None, SPARSE[2]))
            path, manifest = emit_top(folder, text, "axi", *bus)
            cores[name] = path, Driver(manifest, folder)
        return cores[name]

    return get


def fails(name):
    return pytest.raises(Driver.Failure, match=f"^{name}$")


def results_type(driver):
    field = driver.manifest.streams["results"]["fields"][0]
    size = next(size for size in (8, 16, 32, 64) if size >= field["width"])
    return np.dtype(f"{'int' if field['signed'] else 'uint'}{size}")


def check_product(driver, core, device, random, **mode):
    """A product of random sizes by the driver; the memory beside its words stays as it is."""
    m, k, n = (int(size) for size in random.integers(1, 40, 3))
    a, w, channels = random_product(random, driver.manifest, m, k, n, **mode)
    scales = random_scales(random, driver.manifest, a, w)
    product = driver.product(m, k, n, scales=scales, **mode)
    start = 64 * int(random.integers(1, 60))
    job = bus_job(driver.manifest, a, w, channels, scales=scales, **mode)
    addresses = job.addresses(start)
    end = addresses["results"] + job.sizes["results"]
    core.memory[:] = 0xA5
    y = np.zeros((m, n), results_type(driver))
    memory = driver.memory(core, start, end - start)
    driver.multiply(device, memory, product, a, w, y, channels, scales=scales)
    assert np.array_equal(y, job.job.expected)
    assert (core.memory[:start] == 0xA5).all()
    assert (core.memory[end:] == 0xA5).all()
    for name in job.words:
        stored = core.memory[addresses[name] : addresses[name] + job.sizes[name]]
        assert np.array_equal(stored, job.memory(name))
    # Raises if a bit beyond a word of results is not zero.
    job.gather(core.memory[addresses["results"] : end])


@pytest.mark.parametrize(
    "interrupts",
    [pytest.param(False, marks=pytest.mark.slow), True],
    ids=["polled", "interrupts"],
)
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in LIKE_OTHERS else ()) for name in DESIGNS],
)
def test_ragged_products(tops, name, interrupts):
    path, driver = tops(name)
    random = np.random.default_rng(len(name) + interrupts)
    manners = itertools.cycle((CALM, ROUGH))
    for seed, mode in enumerate(DESIGNS[name][1]):
        with Mmio(path, seed=seed, **next(manners)) as core:
            device = driver.device(core, interrupts)
            driver.call("probe", device)
            for _ in range(3):
                check_product(driver, core, device, random, **mode)
            assert not core.interrupt
            assert core.counts.open == core.counts.read_waits == 0


@pytest.fixture(scope="module")
def network():
    return digits.train()


def channels_of(layer):
    ones = np.ones_like(layer.bias)
    return QuantParams(
        bias=layer.bias,
        multiplier=layer.multiplier,
        shift=layer.shift,
        zero_point=ones * layer.zero_point_out,
        low=ones * layer.low,
        high=ones * layer.high,
    )


@pytest.mark.parametrize(
    ("name", "manner", "overhead"),
    [
        ("gemm_ws", CALM, 0.05),
        ("gemm_os", CALM, 0.05),
        ("gemm_ws", ROUGH, 1),
        ("gemm_os", ROUGH, 1),
    ],
    ids=["gemm_ws", "gemm_os", "gemm_ws-rough", "gemm_os-rough"],
)
def test_digits(tops, network, name, manner, overhead):
    """All test images through all layers; ``overhead`` is that of the cycles of the bare core."""
    path, driver = tops(name)
    layers = digits.quantize(network, "uint8", out_format="uint8")
    codes = layers[0].input.encode(network.test_images)
    cycles = macs = bare = 0
    with Mmio(path, address=0x4000_0000, **manner) as core:
        device = driver.device(core, interrupts=True)
        for layer in layers:
            k, n = layer.weights.shape
            y = np.zeros((len(codes), n), np.uint8)
            driver.multiply(
                device,
                driver.memory(core),
                driver.product(len(codes), k, n),
                codes.astype(np.uint8),
                layer.weights.astype(np.int8),
                y,
                channels_of(layer),
            )
            assert np.array_equal(y, layer.forward(codes))
            cycles += core.read("CYCLES_LOW")
            macs += len(codes) * k * n
            bare += plan_of(driver.manifest, len(codes), k, n).cycles
            codes = y.astype(np.int64)
        assert core.counts.read_waits == 0
    accuracy = network.score(codes)
    print(
        f"{name}: {accuracy:.2%}, {cycles} cycles, {macs / cycles:.1f} MACs/cycle, "
        f"{cycles / bare - 1:.1%} more cycles than the bare core"
    )
    assert accuracy >= network.accuracy - 0.01
    assert bare < cycles < (1 + overhead) * bare


def test_networks(tops):
    """Memories filled once, vectors taken through in further jobs."""
    path, driver = tops("eie")
    random = np.random.default_rng(4)
    indices = random.integers(0, 16, (10, 30)) * (random.random((10, 30)) < 0.3)
    codebook = np.array([0, *random.integers(-99, 99, 15)])
    encoded = encode(
        indices,
        codebook,
        pes=4,
        entries_per_cycle=1,
        index_width=4,
        run_length_width=4,
        row_mapping="balanced",
    )
    for manner in (CALM, ROUGH):
        with Mmio(path, **manner) as core:
            device = driver.device(core, interrupts=True)
            driver.call("probe", device)
            for vectors, fill in ((0, 1), (1, 0), (5, 0), (2, 1)):
                a = random.integers(-(2**10), 2**10, (vectors or 1, 30))
                job = bus_job(driver.manifest, [Layer(encoded=encoded, shift=2)], a)
                y = infer(driver, core, device, job, a[:vectors], fill)
                expected = golden_eie(
                    indices, codebook, a, shift=2, relu=False, act_width=16, acc_width=48
                )
                assert np.array_equal(y, expected[:vectors])
        with Mmio(path, **manner) as core:
            assert np.array_equal(core.run(job), expected)


def infer(driver, core, device, job, a, fill):
    """Vectors through a network by the driver."""
    images = {name: job.memory(name) for name in ("load", "jobs")}
    images |= {
        name: np.asarray(positions, "<u4") for name, positions in job.job.index_files().items()
    }
    sizes = job.job.description()
    network = Network(
        **{name: image.ctypes.data for name, image in images.items()},
        **{name: sizes[name] for name, _ in Network._fields_ if name in sizes},
    )
    y = np.zeros((len(a), 10), np.int16)
    words = driver.count(network, len(a), fill)
    counts, buffers = driver.split(driver.memory(core), words)
    load, jobs, acts, results = buffers
    if fill:
        driver.call("pack_load", network, load)
    driver.call("pack_jobs", network, len(a), fill, jobs)
    if len(a):
        driver.call("pack_acts", network, len(a), a.astype(np.int32), acts)
    driver.call("run", device, buffers, counts)
    if len(a):
        driver.call("unpack", network, len(a), results, y)
    return y


#: A program without anything but the driver and the library of the simulation.
_PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>

#include "gemm_ws_axi_driver.h"
#include "mmio.h"

static int8_t number(void)
{
    static uint32_t state = 1;

    state = state * 1664525u + 1013904223u;
    return (int8_t)(state >> 24);
}

/* Y of one size, from matrices that are as large as they must be; 0 if it is right. */
static int multiply(gemm_ws_axi_device *device, mmio *core, uint32_t m, uint32_t k, uint32_t n)
{
    int8_t *a = (int8_t *)malloc(m * k), *w = (int8_t *)malloc(k * n);
    int32_t *y = (int32_t *)malloc(m * n * sizeof *y);
    const gemm_ws_axi_matrix of_a = {a, GEMM_WS_AXI_S8, k}, of_w = {w, GEMM_WS_AXI_S8, n};
    const gemm_ws_axi_matrix of_y = {y, GEMM_WS_AXI_S32, n};
    const gemm_ws_axi_buffer memory = {mmio_memory(core), 0x80000000u, 1 << 16};
    const gemm_ws_axi_product product = {m, k, n, 0, GEMM_WS_AXI_W_FORMAT_INT8};
    uint32_t row, column, at;
    int status;

    for (at = 0; at < m * k; ++at)
        a[at] = number();
    for (at = 0; at < k * n; ++at)
        w[at] = number();
    status = gemm_ws_axi_multiply(device, &memory, &product, &of_a, &of_w, &of_y);
    if (status)
        printf("%s\n", gemm_ws_axi_text(status));
    for (row = 0; row < m && !status; ++row)
        for (column = 0; column < n; ++column) {
            int32_t sum = 0;

            for (at = 0; at < k; ++at)
                sum += a[row * k + at] * w[at * n + column];
            status |= y[row * n + column] != sum;
        }
    free(a);
    free(w);
    free(y);
    return status;
}

int main(void)
{
    const mmio_manner manner = {1, 20, 30, 100000};
    mmio *core = mmio_open(0x80000000u, 1 << 16, manner);
    gemm_ws_axi_device device = {0};
    uint32_t size;

    device.context = core;
    device.read32 = mmio_read32;
    device.write32 = mmio_write32;
    device.wait = mmio_wait;
    if (gemm_ws_axi_probe(&device))
        return 1;
    for (size = 1; size < 20; ++size)
        if (multiply(&device, core, 21 - size, size, 1 + size * 7 % 13))
            return 2;
    printf("right after %llu cycles%s\n", (unsigned long long)mmio_count(core).cycles,
           mmio_trouble(core));
    mmio_close(core);
    return 0;
}
"""


def test_program(tops, tmp_path):
    """Linked as a user would."""
    path, driver = tops("raw")
    (tmp_path / "main.c").write_text(_PROGRAM)
    folder = library(path).parent
    source = write_sources(driver.manifest, tmp_path)
    compiler = toolchain.compiler().command
    objects = []
    for file in (tmp_path / "main.c", source):
        objects.append(str(file.with_suffix(".o")))
        command = [*compiler, *C99, f"-I{headers()}", "-c", str(file), "-o", objects[-1]]
        subprocess.run(command, check=True)
    link = [f"-L{folder}", f"-Wl,-rpath,{folder}", "-lmmio"]
    subprocess.run([*compiler, "-o", str(tmp_path / "program"), *objects, *link], check=True)
    done = subprocess.run([tmp_path / "program"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"right after \d+ cycles\n", done.stdout)


class Job:
    """A product of ``raw``, packed into a core's memory from an address on."""

    def __init__(self, driver, core, seed=1, start=0x100):
        random = np.random.default_rng(seed)
        self.a, self.w, _ = random_product(random, driver.manifest, 20, 9, 11)
        self.driver, self.product = driver, driver.product(20, 9, 11)
        words = driver.count(self.product)
        self.counts, self.buffers = driver.split(driver.memory(core, start), words)
        self.named = dict(zip(driver.streams, self.buffers, strict=True))
        driver.call("pack_tiles", self.product, self.named["tiles"])
        driver.call("pack_weights", self.product, self.w, self.named["weights"])
        driver.call("pack_acts", self.product, self.a, self.named["acts"])

    def call(self, name, device):
        self.driver.call(name, device, self.buffers, self.counts)

    def check(self, device):
        y = np.zeros((20, 11), np.int64)
        self.call("run", device)
        self.driver.call("unpack", self.product, self.named["results"], y)
        assert np.array_equal(y, self.a @ self.w)


def test_resets_at_any_moment(tops):
    """A job that was cut short leaves nothing behind, and what was asked of the bus has come."""
    path, driver = tops("raw")
    random = np.random.default_rng(6)
    moments = [*range(12), *random.integers(12, 900, 25)]
    for manner in (CALM, {"pauses": 40, "latency": 90}):
        with Mmio(path, **manner) as core:
            device = driver.device(core)
            job, next_job = Job(driver, core, 1), Job(driver, core, 2, start=0x8000)
            left = 0
            for moment in moments:
                job.call("start", device)
                core.step(int(moment))
                left += core.counts.open
                driver.call("reset", device)
                assert core.counts.open == 0
                assert core.read("STATUS") == core.read("INTERRUPT") == 0
                next_job.check(device)
            assert left > 0


@pytest.mark.parametrize("stream", ["tiles", "weights", "acts", "results"])
def test_memory_errors(tops, stream):
    """A word in the middle of a stream cannot be read, or written; the next job is right again."""
    path, driver = tops("raw")
    for manner in (CALM, ROUGH):
        with Mmio(path, **manner) as core:
            device = driver.device(core, interrupts=True)
            job = Job(driver, core)
            buffer = job.named[stream]
            middle = buffer.address + buffer.size // 2
            core.fault(middle, middle)
            job.call("start", device)
            core.wait()
            assert core.read("ERROR") >> 8 == driver.streams[stream]["index"]
            with fails("WRITE" if stream == "results" else "READ"):
                driver.call("wait", device)
            driver.call("reset", device)
            with fails("WRITE" if stream == "results" else "READ"):
                job.call("run", device)
            core.fault(1, 0)
            job.check(device)


def test_beyond_the_memory(tops):
    """Addresses at which nothing is, which the bus answers with an error."""
    path, driver = tops("raw")
    with Mmio(path, size=1 << 16) as core:
        device = driver.device(core, interrupts=True)
        job = Job(driver, core)
        job.named["acts"].address = 1 << 20
        with fails("READ"):
            job.call("run", device)
        job = Job(driver, core)
        job.named["results"].address = (1 << 40) - 4096
        with fails("WRITE"):
            job.call("run", device)
        Job(driver, core).check(device)


def test_jobs_that_are_none(tops):
    """UsageError by the core: nothing is read or written, and the next job is right."""
    path, driver = tops("raw")
    with Mmio(path) as core:
        device = driver.device(core, interrupts=True)
        for stream in driver.streams:
            index = driver.streams[stream]["index"]
            for error, change in (
                ("LENGTH", lambda job, index: job.counts.__setitem__(index, 0)),
                ("ALIGNMENT", lambda job, index: move(job, index, 2)),
                ("RANGE", lambda job, index: move(job, index, (1 << 40) - 0x1000)),
            ):
                job, before = Job(driver, core), core.counts
                if error == "RANGE":
                    job.buffers[index].size = 1 << 20
                    job.counts[index] = 20000
                change(job, index)
                job.call("start", device)
                with fails(error):
                    driver.call("wait", device)
                assert core.read("STATUS") == 0
                after = core.counts
                assert after.read_bursts == before.read_bursts
                assert after.write_bursts == before.write_bursts
        Job(driver, core).check(device)


def move(job, index, distance):
    job.buffers[index].address += distance


def test_start_while_busy(tops):
    path, driver = tops("raw")
    with Mmio(path, **ROUGH) as core:
        device = driver.device(core)
        job, next_job = Job(driver, core), Job(driver, core, 2, start=0x8000)
        job.call("start", device)
        with fails("BUSY"):
            next_job.call("start", device)
        # Against the driver's advice: the core says the same, and the job goes on.
        core.write("COMMAND", 2)
        assert core.read("ERROR") == driver.manifest.bus["errors"]["BUSY"]["number"]
        with fails("BUSY"):
            driver.call("wait", device)
        driver.call("wait", device)
        y = np.zeros((20, 11), np.int64)
        driver.call("unpack", job.product, job.named["results"], y)
        assert np.array_equal(y, job.a @ job.w)
        next_job.check(device)


def test_the_driver_gives_up(tops):
    """A memory that does not answer in time."""
    path, driver = tops("raw")
    with Mmio(path, latency=3000, patience=20, seed=3) as core:
        device = driver.device(core, interrupts=True)
        job = Job(driver, core)
        job.call("start", device)
        with fails("TIMEOUT"):
            driver.call("wait", device)
        driver.call("reset", driver.device(core))
        assert core.counts.open == 0


def test_counters(tops):
    path, driver = tops("raw")
    with Mmio(path) as core:
        device = driver.device(core)
        for seed in (1, 2):  # each job begins at 0
            job = Job(driver, core, seed)
            job.check(device)

        class Counters(c.Structure):
            _fields_ = (
                ("cycles", c.c_uint64),
                ("words", c.c_uint32 * len(driver.streams)),
                ("waits", c.c_uint32 * len(driver.streams)),
            )

        counters = Counters()
        driver.call("read_counters", device, counters)
        assert list(counters.words) == list(job.counts)
        assert counters.cycles == core.read("CYCLES_LOW")
        bare = plan_of(driver.manifest, 20, 9, 11).cycles
        assert bare < counters.cycles < 2 * bare + 200
        assert max(counters.waits) <= counters.cycles


def test_accesses_that_are_none(tops):
    """Registers that are not there, misaligned or the other way round."""
    path, driver = tops("raw")
    registers = driver.manifest.bus["registers"]
    access = {register["offset"]: register["access"] for register in registers}
    with Mmio(path, pauses=10) as core:
        for offset in (*range(0, 0x200, 2), 0x400, 0xFFC):
            value = core.read(offset)
            readable = access.get(offset) in ("ro", "rw", "w1c")
            assert core.response == (0 if readable else 2), hex(offset)
            if not readable:
                assert value == 0
        for register in registers:
            core.write(register["offset"], 0)
            assert core.response == (2 if register["access"] == "ro" else 0), register["name"]
        core.write(0x3FC, 1)
        assert core.response == 2
        for register in registers:
            if register["access"] == "ro" and register["reset"]:
                assert core.read(register["name"]) == register["reset"]
        Job(driver, core).check(driver.device(core))
