"""Testbench of the sparse engine."""

from itertools import pairwise, product

import cocotb

from ...lib.bench import Bench, check_no_paths, manifest
from ...lib.streams import Recorder, Sink, Source, never, sparse, stalls
from ...lib.trace import join
from ._words import corner, word_of
from .write_back import finished

#: What a word of the stream ``load`` writes.
ENTRIES, POINTER, WEIGHT = range(3)
INPUTS = ("load", "jobs", "acts")
#: Moments at which a reset ends jobs.
MOMENTS = 30


class Engine:
    """The engine between sources and a sink, and what it has to compute, in integers.

    Entries are made directly, any index with any number of zeros before it, and not by an encoder:
    so rows that an entry passes, and entries that only pass rows, are wherever they can be.
    """

    def __init__(self, dut, **patterns):
        unit = manifest()
        self.params, self.streams = unit.parameters, unit.streams
        self.dut, self.bench, self.patterns = dut, Bench(dut), patterns
        self.rng = self.bench.rng
        self.pes = self.params["pes"]
        #: For each element its codebooks, columns of entries, sums and activations.
        self.codebooks: list[list[list[int]]] = []
        self.columns: list[list[list[tuple[int, int]]]] = []
        self.forget()

    def forget(self):
        """Forget all but the memories, as a reset does."""
        #: Words of the streams, and entries that all jobs together have at most.
        self.words = {"load": [], "jobs": [], "acts": [], "results": []}
        self.work = 0
        self.sums = [[0] * self.params["rows"] for _ in range(self.pes)]
        self.acts = [[0] * self.params["acts"] for _ in range(self.pes)]

    def filled_up(self, entries):
        """Entries in whole groups: what is added has index 0, and counts any zeros."""
        missing = -len(entries) % self.params["entries_per_cycle"]
        return entries + [
            (0, self.rng.getrandbits(self.params["run_length_width"])) for _ in range(missing)
        ]

    def entries_of_column(self, density):
        """Random entries, as many as there are rows for them."""
        rng, entries, row = self.rng, [], -1
        most = (1 << self.params["run_length_width"]) - 1
        while rng.random() < density:
            zeros = rng.choice([0, 0, rng.randint(0, most), most])
            row += zeros + 1
            if row >= self.params["rows"]:
                break
            entries.append((rng.randrange(1 << self.params["index_width"]), zeros))
        return entries

    def fill(self, density=0.7, columns=None):
        """Fill all memories, in any order; ``columns`` may give each element's columns."""
        params, rng = self.params, self.rng
        size, entries_per_word = 1 << params["index_width"], params["entries_per_word"]
        bits = params["index_width"] + params["run_length_width"]
        self.codebooks, self.columns, words = [], [], []
        for pe in range(self.pes):
            lists, left = [], params["entries"]
            for column in range(params["columns"]):
                entries = columns[column] if columns else self.entries_of_column(density)
                entries = self.filled_up(entries)
                lists.append(entries if len(entries) <= left else [])
                left -= len(lists[-1])
            self.columns.append(lists)
            # Index 0 stands for zero whatever the codebook has there.
            self.codebooks.append(
                [
                    [corner(rng, params["weight_width"]) for _ in range(size)]
                    for _ in range(params["codebooks"])
                ]
            )
            flat = [value | zeros << params["index_width"] for e in lists for value, zeros in e]
            flat += [rng.getrandbits(bits) for _ in range(-len(flat) % entries_per_word)]
            data = [
                (ENTRIES, n, join(flat[n * entries_per_word : (n + 1) * entries_per_word], bits))
                for n in range(len(flat) // entries_per_word)
            ]
            ends = [0]
            for entries in lists:
                ends.append(ends[-1] + len(entries) // params["entries_per_cycle"])
            data += [(POINTER, n, end) for n, end in enumerate(ends)]
            data += [
                (WEIGHT, n << params["index_width"] | index, weight)
                for n, book in enumerate(self.codebooks[-1])
                for index, weight in enumerate(book)
            ]
            for target, address, value in data:
                if target == WEIGHT:
                    value = join([value], params["weight_width"])
                words.append(
                    word_of(self.streams["load"], pe=pe, what=target, address=address, data=value)
                )
        rng.shuffle(words)
        self.words["load"] += words
        others = [field for field in self.streams["jobs"]["fields"] if field["name"] != "fill"]
        while words:
            count = rng.randint(1, len(words))
            # No other field matters to such a job.
            fields = {field["name"]: rng.getrandbits(field["width"]) for field in others}
            self.words["jobs"].append(word_of(self.streams["jobs"], fill=count, **fields))
            del words[:count]

    def job(self, *, zeros=0.4, lanes=None, **fields):
        """A job, with random activations if it has ``load``; ``lanes`` may be those of a word."""
        params, rng = self.params, self.rng
        self.words["jobs"].append(word_of(self.streams["jobs"], **fields))
        if fields.get("load"):
            for index in range(fields["in_last"] + 1):
                for pe in range(self.pes):
                    column = fields["column"] + index * self.pes + pe
                    value = corner(rng, params["act_width"]) if lanes is None else lanes[pe]
                    # Beyond the last column there is nothing to multiply.
                    if column >= params["columns"] or rng.random() < zeros:
                        value = 0
                    self.acts[pe][index] = value
                word = join((acts[index] for acts in self.acts), params["act_width"])
                self.words["acts"].append(word)
        if fields.get("clear"):
            self.sums = [[0] * params["rows"] for _ in range(self.pes)]
        self.multiply(fields["column"], fields["in_last"], fields["book"])
        if fields.get("finish"):
            self.finish_sums(fields)

    def multiply(self, first, in_last, book):
        busy = [0] * self.pes
        for index, source in product(range(in_last + 1), range(self.pes)):
            act = self.acts[source][index]
            if not act:
                continue
            column = first + index * self.pes + source
            for pe, (lists, sums) in enumerate(zip(self.columns, self.sums, strict=True)):
                row = -1
                for value, zeros in lists[column]:
                    row += zeros + 1
                    if value:
                        sums[row] += act * self.codebooks[pe][book][value]
                busy[pe] += max(1, len(lists[column]) // self.params["entries_per_cycle"])
        self.work += max(busy) + in_last + 1

    def finish_sums(self, fields):
        modulus, act_width = 1 << self.params["acc_width"], self.params["act_width"]
        for row in range(fields["out_last"] + 1):
            results = []
            for sums in self.sums:
                wrapped = (sums[row] + modulus // 2) % modulus - modulus // 2
                results.append(
                    finished(wrapped, fields.get("shift", 0), fields.get("relu", 0), act_width)
                )
            if fields.get("emit"):
                self.words["results"].append(join(results, act_width))
            if fields.get("keep"):
                for acts, result in zip(self.acts, results, strict=True):
                    acts[row] = result
        self.work += fields["out_last"] + 1

    def random_job(self, **fixed):
        """A job that stays within the memories."""
        params, rng = self.params, self.rng
        fields = {
            name: rng.randrange(2) for name in ("load", "clear", "finish", "emit", "keep", "relu")
        } | fixed
        in_last = min(params["acts"], -(-params["columns"] // self.pes)) - 1
        in_last = rng.choice([in_last, rng.randint(0, in_last)])
        out_last = min(params["rows"], params["acts"] if fields["keep"] else params["rows"]) - 1
        # Activations that were kept are looked at whole, so the columns must suffice.
        most = max(0, params["columns"] - (in_last + 1) * self.pes)
        if not fields["load"]:
            in_last = min(in_last, params["columns"] // self.pes - 1)
            if in_last < 0:
                in_last, fields["load"] = 0, 1
        width = params["acc_width"]
        shift = rng.choice([0, width - params["act_width"], width // 2, rng.randrange(64)])
        self.job(
            **fields,
            in_last=in_last,
            out_last=rng.choice([out_last, rng.randint(0, out_last)]),
            column=rng.choice([0, most, rng.randint(0, most)]),
            book=rng.randrange(params["codebooks"]),
            shift=min(63, max(0, shift)),
        )

    def random_jobs(self, flags):
        """Jobs that are random but for what ``kinds`` say, one that loads all activations first.

        The last shows the sums.
        """
        params, rng = self.params, self.rng
        self.job(load=1, clear=rng.randrange(2), column=0, book=0, in_last=params["acts"] - 1)
        for flag in flags:
            self.random_job(**flag)
        self.random_job(finish=1, emit=1)

    async def start(self, reset=0):
        """Reset the engine, which with ``reset`` cycles is as the jobs before have left it."""
        dut, streams = self.dut, self.streams
        sources = [
            Source(dut, streams[name], self.words[name], self.patterns.get(name, never))
            for name in INPUTS
        ]
        sink = Sink(dut, streams["results"], self.patterns.get("results", never))
        self.seen = {name: Recorder(dut, name, stream) for name, stream in streams.items()}
        await (self.bench.reset(reset, any_state=False) if reset else self.bench.reset())
        # Words are on offer right after the reset.
        for source in sources:
            source.step(self.bench.cycle)
        self.bench.agents = [*sources, sink, *self.seen.values()]

    def all_jobs_accepted(self):
        return self.seen["jobs"].count >= len(self.words["jobs"])

    @property
    def limit(self):
        """Cycles that all jobs may take without stalls."""
        return self.work + 100 + sum(map(len, self.words.values())) + 60 * len(self.words["jobs"])

    async def finish(self, slack=1):
        """Run until everything came; ``slack`` is by how many times stalls slow it down."""
        await self.bench.run(
            lambda: all(self.seen[name].count >= len(self.words[name]) for name in self.words),
            slack * self.limit,
        )
        for _ in range(60):
            await self.bench.tick()
        assert self.seen["results"].words, "no results"
        for name, words in self.words.items():
            assert self.seen[name].words == words, f"{name}: not the words that were expected"


@cocotb.test()
@cocotb.parametrize(inputs=[0, 50], results=[0, 70], density=[0.5, 0.95])
async def random_jobs(dut, inputs, results, density):
    rng = Bench(dut).rng
    patterns = {name: stalls(inputs, rng) for name in INPUTS} | {"results": stalls(results, rng)}
    engine = Engine(dut, **patterns)
    engine.fill(density)
    engine.random_jobs([{}] * 12)
    await engine.start()
    await engine.finish(12)


@cocotb.test()
async def every_kind_of_job(dut):
    """All combinations of what a job can do, in any order."""
    engine = Engine(dut)
    engine.fill()
    names = ("load", "clear", "finish", "emit", "keep")
    flags = [dict(zip(names, flag, strict=True)) for flag in product((0, 1), repeat=len(names))]
    engine.rng.shuffle(flags)
    engine.random_jobs(flags)
    await engine.start()
    await engine.finish()


@cocotb.test()
@cocotb.parametrize(stream=[*INPUTS, "results"])
async def starved(dut, stream):
    """One stream moves a word at a time, long after the others."""
    engine = Engine(dut, **{stream: sparse(1, 9)})
    engine.fill()
    engine.random_jobs([{}] * 6)
    await engine.start()
    await engine.finish(12)


@cocotb.test()
async def blocked_results(dut):
    """Rows that nobody takes wait, as many as there is room for; then the jobs stop."""
    engine = Engine(dut)
    engine.fill()
    room = 9 + (engine.params["entries_per_cycle"] > 1)
    for _ in range(room + 3):
        fields = {"load": 1, "finish": 1, "emit": 1, "column": 0, "book": 0}
        engine.job(**fields, in_last=0, out_last=0)
    blocked = [True]
    engine.patterns = {"results": lambda: blocked[0]}
    await engine.start()
    others = len(engine.words["jobs"]) - room - 3
    for _ in range(engine.limit):
        await engine.bench.tick()
    assert engine.seen["jobs"].count - others == room + 1
    blocked[0] = False
    await engine.finish()


@cocotb.test()
async def batches_over_columns(dut):
    """All columns, as many a job as there are activations: the sums go on from job to job."""
    engine = Engine(dut)
    params = engine.params
    engine.fill()
    offsets = params["acts"] * engine.pes
    for book in range(params["codebooks"]):
        firsts = range(0, params["columns"], offsets)
        for first in firsts:
            count = min(offsets, params["columns"] - first)
            engine.job(
                load=1,
                clear=first == 0,
                finish=first == firsts[-1],
                emit=1,
                column=first,
                book=book,
                in_last=-(-count // engine.pes) - 1,
                out_last=params["rows"] - 1,
                shift=min(63, params["weight_width"]),
            )
    await engine.start()
    await engine.finish()


@cocotb.test()
async def chained_layers(dut):
    """The sums of a job become the activations of the next, several times."""
    engine = Engine(dut)
    params = engine.params
    rows = min(params["rows"], params["acts"])
    if rows * engine.pes > params["columns"]:
        rows = params["columns"] // engine.pes
    if not rows:
        cocotb.log.info("%d columns are too few for a layer's sums", params["columns"])
        return
    engine.fill(0.9)
    for layer in range(7):
        engine.job(
            zeros=0.1,
            load=layer % 5 == 0,
            clear=1,
            finish=1,
            keep=1,
            emit=layer % 2,
            relu=layer % 3 == 0,
            column=(params["columns"] - rows * engine.pes) * (layer % 2),
            book=layer % params["codebooks"],
            in_last=rows - 1,
            out_last=rows - 1,
            # Sums stay about as large as activations.
            shift=min(63, params["weight_width"] - 1),
        )
    await engine.start()
    await engine.finish()


async def time_of_job(dut, columns, in_last):
    """Cycles of a job on these columns, the same for each element; no activation is zero."""
    engine = Engine(dut)
    engine.fill(columns=columns)
    for _ in range(2):
        fields = {"load": 1, "clear": 1, "finish": 1, "emit": 1, "column": 0, "book": 0}
        engine.job(**fields, zeros=0, lanes=[1] * engine.pes, in_last=in_last, out_last=0)
    await engine.start()
    await engine.finish()
    first, second = engine.seen["jobs"].accepted[-2:]
    return second - first


@cocotb.test()
async def a_group_a_cycle(dut):
    """In the rows of the one before or not, a group takes a cycle, and the rest of a job few.

    All elements have the same entries, so that none waits for another.
    """
    params = manifest().parameters
    pes, lanes = params["pes"], params["entries_per_cycle"]
    indices = min(params["acts"], params["columns"] // pes)
    longest = min(params["rows"], 6 * lanes, params["entries"] // params["columns"])
    if not indices or longest < lanes:
        cocotb.log.info("too few columns or entries")
        return
    levels = 1
    while 4**levels < pes:
        levels += 1
    # To the tree and through it, through the element, until all is surely quiet, and the result.
    rest = 28 + levels + params["skip_empty_columns"] + (lanes > 1) + (params["queue_depth"] > 4)
    for groups in {1, longest // lanes}:
        columns = [[(1, 0)] * groups * lanes] * params["columns"]
        cycles = await time_of_job(dut, columns, indices - 1)
        work = groups * indices * pes
        assert cycles == work + rest, f"{cycles} cycles instead of {work} + {rest}"


@cocotb.test()
async def empty_columns(dut):
    """Between columns of several groups those without any cost no cycle."""
    params = manifest().parameters
    pes, lanes = params["pes"], params["entries_per_cycle"]
    long = min(params["rows"] // lanes, 4) * lanes
    indices = min(params["acts"], params["columns"] // pes)
    full = params["columns"] * (long + lanes) > params["entries"] * 2 - 9
    if pes % 2 == 0 or indices < 4 or not long or full:
        cocotb.log.info("too few columns or entries, or long columns come side by side")
        return
    times = []
    for short in ([], [(1, 0)]):
        columns = [short if column % 2 else [(1, 0)] * long for column in range(params["columns"])]
        times.append(await time_of_job(dut, columns, indices - 1))
    # An entry in each of them costs a cycle.
    assert abs(times[1] - times[0] - indices * pes // 2) <= 1, times


@cocotb.test()
async def reset_in_mid_job(dut):
    """A reset of a cycle or two, at any moment, leaves nothing of the jobs that it ends.

    Memories have no reset: what they were filled with stays, so that jobs begin right after it, and
    take as long as they do later, also those that have nothing to multiply.
    """
    engine = Engine(dut)
    rng, params, filled = engine.rng, engine.params, False

    def prepare():
        engine.forget()
        if not filled or rng.random() < 0.1:
            engine.fill(0.9)

    for _ in range(MOMENTS):
        # Sometimes the next reset is the only one between jobs that are not finished.
        if rng.random() < 0.4:
            prepare()
            engine.random_jobs([{"finish": 1, "emit": 1}] * 3)
            engine.patterns = {name: stalls(rng.choice([0, 30]), rng) for name in INPUTS}
            engine.patterns["results"] = stalls(rng.choice([0, 30, 95]), rng)
            await engine.start(rng.choice([1, 1, 2]))
            words = len(engine.words["load"])
            for _ in range(rng.randrange(2 * words + engine.work + 60)):
                await engine.bench.tick()
            filled = engine.seen["acts"].count > 0
        prepare()
        # All sums, which nothing but the reset has set to zero.
        fields = {"load": 1, "finish": 1, "emit": 1, "column": 0, "book": 0}
        fields |= {"out_last": params["rows"] - 1, "shift": rng.choice([0, params["weight_width"]])}
        zero = rng.random() < 0.5
        lanes = [0 if zero else corner(rng, params["act_width"]) for _ in range(engine.pes)]
        for _ in range(4):
            engine.job(**fields, zeros=0, lanes=lanes, in_last=0)
        engine.patterns = {}
        await engine.start(rng.choice([1, 1, 2]))
        jobs, results = engine.seen["jobs"], engine.seen["results"]
        await engine.bench.run(engine.all_jobs_accepted, engine.limit)
        times = [after - before for before, after in pairwise(jobs.accepted[-4:])]
        assert len(set(times)) == 1, f"jobs of {times} cycles after a reset"
        assert results.words == engine.words["results"][: 3 * params["rows"]]
        filled = True
        # The next reset comes at any time in the last job, and often while its sums are put out.
        left = rng.randrange(rng.choice([times[0], params["rows"] + 12]))
        for _ in range(max(0, times[0] - left)):
            await engine.bench.tick()
    await engine.finish()


@cocotb.test()
async def no_paths_within_a_cycle(dut):
    """All outputs come from registers."""
    rng = Bench(dut).rng
    engine = Engine(dut, **{name: stalls(30, rng) for name in (*INPUTS, "results")})
    engine.fill(0.9)
    engine.random_jobs([{}] * 5)
    await engine.start()
    inputs = [f"{name}_{agent}" for name in INPUTS for agent in ("payload", "valid")]
    outputs = [f"{name}_ready" for name in INPUTS] + ["results_valid", "results_payload"]
    for cycle in range(600):
        await engine.bench.tick()
        if cycle % 10 == 0:
            await check_no_paths(engine.bench, [*inputs, "results_ready"], outputs)
    await engine.finish(12)
