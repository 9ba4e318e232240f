"""Tests that every GEMM engine has to pass, whatever its dataflow and its parameters."""

import os

import cocotb

from ...lib.bench import check_no_paths, manifest
from ...lib.gemm_host import Host
from ...lib.streams import never, sparse, stalls, waits

__all__ = [
    "blocked_results",
    "corners",
    "cycle_bound",
    "late_stream",
    "limits",
    "no_paths_within_a_cycle",
    "one_by_one_by_one",
    "products_back_to_back",
    "ragged",
    "random_stalls",
    "reset_in_each_cycle_of_a_run",
    "reset_in_mid_job",
    "short_runs",
    "starved",
]

#: Moments at which a reset ends a job.
MOMENTS = 30

# Outside a simulation, where a module is only looked at, there is no manifest.
INPUTS = manifest().inputs if "BRICKWORK_MANIFEST" in os.environ else []


def mixture(host):
    """Products of many shapes: less, equal and more than the array in each direction."""
    rows, cols, depth = host.rows, host.cols, min(host.depth, 40)
    shapes = [
        (rows, rows, cols),
        (1, 2 * rows, cols + 1),
        (2, 3 * rows + 1, 2 * cols),
        (3, 1, 1),
        (rows + 1, rows + 1, cols),
        (2 * rows + 1, 2 * rows - 1, 2 * cols - 1),
        (5, 5 * rows, cols),
        (depth + 1, rows, cols),
    ]
    return [host.product(*shape) for shape in shapes]


@cocotb.test()
async def corners(dut):
    """Zeros, and every pair of the formats' limits."""
    host = Host(dut)
    m, k, n = host.rows + 1, 2 * host.rows + 1, host.cols + 1
    patterns = ["zeros", "zeros*lowest", "highest*zeros", "extremes"]
    patterns += [f"{a}*{w}" for a in ("lowest", "highest") for w in ("lowest", "highest")]
    await host.run([host.product(m, k, n, pattern) for pattern in patterns])


@cocotb.test()
async def limits(dut):
    """Sums that reach the limits of the accumulators, and what happens beyond them."""
    host = Host(dut)
    await host.run(host.limit_products())


@cocotb.test()
async def one_by_one_by_one(dut):
    host = Host(dut)
    await host.run([host.product(1, 1, 1, "lowest*lowest")])
    patterns = ["zeros", "extremes", "highest*lowest", "lowest*highest", "random"]
    await host.run([host.product(1, 1, 1, pattern) for pattern in patterns])


@cocotb.test()
async def ragged(dut):
    """Shapes next to those of the array, so that rows, terms or columns are left over."""
    host = Host(dut)
    rows, cols = host.rows, host.cols
    shapes = [
        (m, k, n)
        for m in (1, rows - 1, rows + 1)
        for k in (1, rows - 1, 2 * rows + 1)
        for n in (1, cols - 1, cols + 1)
        if min(m, k, n) > 0
    ]
    await host.run([host.product(*shape) for shape in shapes])


@cocotb.test()
async def products_back_to_back(dut):
    host = Host(dut)
    await host.run(mixture(host) + mixture(host)[::-1])


@cocotb.test()
@cocotb.parametrize(inputs=[0, 20, 70], outputs=[0, 30, 80])
async def random_stalls(dut, inputs, outputs):
    """Stalls of so many percent of the cycles, on all inputs and on the results."""
    host = Host(dut)
    patterns = {name: stalls(inputs, host.bench.rng) for name in host.inputs}
    patterns["results"] = stalls(outputs, host.bench.rng)
    products = [*mixture(host), host.product(host.rows, host.rows, host.cols, "extremes")]
    await host.run(products, patterns, slack=10)


@cocotb.test()
async def cycle_bound(dut):
    """Many tiles with a host that never stalls: a cycle lost for each would be seen."""
    host = Host(dut)
    rows, cols = host.rows, host.cols
    tiles = 6 if rows <= 16 else 3
    for m, k, n in [
        (1, 1, 1),
        (1, tiles * rows, tiles * cols),
        (rows, tiles * rows, tiles * cols),
        (tiles * rows, 1, tiles * cols),
        (tiles * rows, rows, tiles * cols),
        (2 * rows + 1, 2 * rows + 1, 2 * tiles * cols),
        (min(host.depth, 40), 20 * rows, 1),
        # A run that is long enough to hide nothing of what comes before and after it.
        (min(host.depth, cols + 20), rows, cols),
    ]:
        await host.run([host.product(m, k, n)])
        cycles, bound = host.cycles, host.cycle_bound
        assert cycles <= bound, f"{m} × {k} × {n} took {cycles} cycles instead of at most {bound}"


@cocotb.test()
@cocotb.parametrize(stream=INPUTS)
async def starved(dut, stream):
    """One stream brings few words at a time, long after the others are there."""
    host = Host(dut)
    for words in (1, host.rows, host.cols + 1):
        products = [
            host.product(host.rows + 1, host.rows + 1, host.cols + 1),
            host.product(1, 2 * host.rows, 2 * host.cols),
        ]
        patience = 2 * (host.rows + host.cols) + 20
        await host.run(products, {stream: sparse(words, patience)}, slack=patience)


@cocotb.test()
@cocotb.parametrize(stream=INPUTS)
async def late_stream(dut, stream):
    """One stream begins when the others have been standing still for long."""
    host = Host(dut)
    await host.run(mixture(host), {stream: waits(10 * (host.rows + host.cols) + 100)}, slack=2)


@cocotb.test()
async def blocked_results(dut):
    """The results are not taken until everything stands still, then a few at a time, then all."""
    host = Host(dut)
    words = 3 * (2 * host.rows + host.cols + 30)
    m = min(host.depth, 2 * host.rows + 3)
    products = [host.product(m, k, host.cols * -(-words // m)) for k in (1, 2 * host.rows)]
    opened = [lambda: True]
    await host.start(products, {"results": lambda: opened[0]()})
    limit = 20 * host.cycle_bound + 2000
    await host.stand_still(limit)
    assert host.seen["results"].count == 0
    assert not host.fed, "nothing held the host back"
    opened[0] = sparse(1, 2 * (host.rows + host.cols) + 40)
    await host.bench.run(lambda: host.seen["results"].count >= 5, limit)
    opened[0] = lambda: True
    await host.stand_still(limit)
    assert not host.fed, "nothing held the host back"
    opened[0] = never
    await host.finish(limit)


@cocotb.test()
@cocotb.parametrize(inputs=[0, 40])
async def short_runs(dut, inputs):
    """Runs of one row or one term, as close as they may be, each with channel values of its own."""
    host = Host(dut)
    n = 12 * host.cols
    shapes = [(1, 1, n), (min(2, host.depth), host.rows, n), (host.rows + 1, 1, 6 * host.cols)]
    patterns = {name: stalls(inputs, host.bench.rng) for name in host.inputs}
    products = [host.product(*shape, "extremes") for shape in shapes]
    await host.run(products, patterns, slack=4)
    if not inputs:
        assert host.cycles <= host.cycle_bound


@cocotb.test()
async def reset_in_mid_job(dut):
    """A reset of a cycle or two, at any moment, leaves nothing of the job that it ends.

    The jobs behind it take as many cycles as they took the first time.
    """
    host = Host(dut)
    rng, rows, cols = host.bench.rng, host.rows, host.cols
    m = min(host.depth, rows + 2)
    following = []
    for _ in range(3):
        shapes = [[rng.randint(1, n) for n in (m, rows + 1, cols + 1)] for _ in range(3)]
        jobs = [host.product(*shape) for shape in shapes]
        await host.run(jobs)
        following.append((jobs, host.times))
    for _ in range(MOMENTS):
        patterns = {name: stalls(rng.choice([0, 30]), rng) for name in host.inputs}
        patterns["results"] = stalls(rng.choice([0, 30, 95]), rng)
        jobs = [host.product(m, 3 * rows, 3 * cols), host.product(1, 1, 2 * cols)]
        await host.start(jobs, patterns, reset=rng.randint(1, 2))
        for _ in range(rng.randrange(host.cycle_bound + 20)):
            await host.bench.tick()
        # Sometimes the next reset is the only one between two jobs that are not finished.
        if rng.random() < 0.75:
            jobs, times = rng.choice(following)
            await host.run(jobs, reset=rng.randint(1, 2))
            assert host.times == times, "other cycles after a reset"
    await host.run([host.product(m, 2 * rows, cols)], reset=1)


@cocotb.test()
async def reset_in_each_cycle_of_a_run(dut):
    """Runs follow each other as closely as they may, and a reset comes in each cycle of one.

    The next job begins as early as it may, and takes as many cycles as after any other reset.
    """
    host = Host(dut)
    sums = host.manifest.derived.get("sums_per_pe", 1)
    period = max(host.rows * sums, host.manifest.timing["run_interval"])
    m = min(host.depth, host.rows)
    runs = [host.product(m, 1, 8 * host.cols)]
    following = [host.product(1, 1, 2 * host.cols)]
    await host.run(runs)
    in_full_pace = host.times["results"][3 * m]
    await host.run(following)
    times = host.times
    for moment in range(min(period, MOMENTS)):
        await host.start(runs, reset=1)
        for _ in range(in_full_pace + moment):
            await host.bench.tick()
        await host.run(following, reset=1)
        assert host.times == times, "other cycles after a reset"


@cocotb.test()
async def no_paths_within_a_cycle(dut):
    """``ready`` and ``valid`` come from registers."""
    host = Host(dut)
    patterns = {name: stalls(30, host.bench.rng) for name in [*host.inputs, "results"]}
    await host.start(mixture(host), patterns)
    inputs, outputs = ["results_ready"], ["results_payload", "results_valid"]
    for name in host.inputs:
        inputs += [f"{name}_payload", f"{name}_valid"]
        outputs += [f"{name}_ready"]
    for _ in range(60):
        await host.bench.tick()
        await check_no_paths(host.bench, inputs, outputs)
    await host.finish(50 * host.cycle_bound)
