"""A host for the GEMM engines: operands, streams, monitors and the golden models."""

import itertools
from collections.abc import Callable

import numpy as np

from ..designs import registry
from ..designs._gemm import GemmJob, QuantParams
from ..designs._gemm_random import GemmOperands
from ..host.packing import integers, unpack_fields
from .bench import Bench, manifest
from .streams import Recorder, Sink, Source, never

__all__ = ["Host"]


class Host:
    """Runs jobs on the engine under test and checks every result word.

    The expected results are computed twice: from the input words that the monitors recorded, by the
    engine's word model, and from the matrices, by the golden model of the product.

    Attributes
    ----------
    bench : Bench
    model : Gemm
    rows, cols, max_k : int
        Parameters of the engine.
    depth : int
        Most rows of results in an output tile.
    latency : int
        Latency of an accumulator in cycles.
    inputs : list of str
        The input streams.
    seen : dict
        Stream name to the :class:`Recorder` of the latest run.
    """

    def __init__(self, dut):
        self.bench = Bench(dut)
        self.manifest = manifest()
        self.model = registry.model(self.manifest)
        self.operands = GemmOperands(self.model, self.bench.random)
        self.rows, self.cols = (self.manifest.parameters[name] for name in ("rows", "cols"))
        self.max_k, self.depth = self.model.max_k, self.model.depth
        self.latency = self.manifest.timing["output_latency"]
        self.streams, self.inputs = self.manifest.streams, self.manifest.inputs
        self.acc_width = self.manifest.derived["acc_width"]

    def product(self, m: int, k: int, n: int, values: str = "random", modes=None) -> GemmJob:
        """See :meth:`GemmOperands.job`."""
        return self.operands.job(m, k, n, values, modes)

    def limit_products(self) -> list[GemmJob]:
        """See :meth:`GemmOperands.limit_jobs`."""
        return self.operands.limit_jobs()

    async def start(
        self,
        jobs: list[GemmJob],
        stalls: dict[str, Callable[[], bool]] | None = None,
        *,
        reset: int = 0,
    ) -> None:
        """Reset the engine and begin; ``stalls`` maps streams to their patterns of stalls.

        The reset finds the engine in any state; with ``reset``, a number of cycles, in the one
        in which the jobs before have left it.
        """
        stalls = stalls or {}
        dut = self.bench.dut
        self._jobs = jobs
        words = [job.words() for job in jobs]
        self._sources = {
            name: Source(
                dut,
                self.streams[name],
                _integers([job_words[name] for job_words in words]),
                stalls.get(name, never),
            )
            for name in self.inputs
        }
        self._sink = Sink(dut, self.streams["results"], stalls.get("results", never))
        self.seen = {name: Recorder(dut, name, stream) for name, stream in self.streams.items()}
        self.bench.agents = []
        await (self.bench.reset(reset, any_state=False) if reset else self.bench.reset())
        self._began = self.bench.cycle
        # Words are on offer right after the reset.
        for source in self._sources.values():
            source.step(self._began)
        self.bench.agents = [*self._sources.values(), self._sink, *self.seen.values()]

    async def finish(self, limit: int) -> None:
        """Run to the last result, and check that every word came, and no further one."""
        results = self.seen["results"]
        wanted = sum(job.result_words for job in self._jobs)
        await self.bench.run(lambda: results.count >= wanted, limit)
        # A surplus word would follow within this time.
        for _ in range(4 * (self.rows + self.cols) + 50):
            await self.bench.tick()
        assert results.count == wanted, f"{results.count} results instead of {wanted}"
        left = [name for name, source in self._sources.items() if not source.done]
        assert not left, f"words were left over of {', '.join(left)}"
        self._compare()

    async def run(
        self, jobs: list[GemmJob], stalls=None, *, slack: int = 1, reset: int = 0
    ) -> None:
        """Start and finish; ``slack`` is the factor on the time limit for stalls."""
        await self.start(jobs, stalls, reset=reset)
        await self.finish(slack * (8 * self.cycle_bound + 2000))

    async def stand_still(self, limit: int) -> None:
        """Run until no word has been transferred for the longest possible pause."""
        patience = 4 * (self.rows + self.cols) + 50
        await self.bench.run(lambda: self.bench.cycle - self.last_move > patience, limit)

    @property
    def fed(self) -> bool:
        """Whether the engine has accepted all words."""
        return all(source.done for source in self._sources.values())

    @property
    def last_move(self) -> int:
        """The last cycle in which any word was transferred, or that of the reset."""
        return max((r.accepted[-1] for r in self.seen.values() if r.accepted), default=self._began)

    @property
    def cycles(self) -> int:
        """From the first accepted word to the last result, both counted."""
        first = min(self.seen[name].accepted[0] for name in self.inputs)
        return self.seen["results"].accepted[-1] - first + 1

    @property
    def times(self) -> dict[str, list[int]]:
        """The cycles from the reset on in which the words of each stream were accepted."""
        return {
            name: [cycle - self._began for cycle in recorder.accepted]
            for name, recorder in self.seen.items()
        }

    @property
    def cycle_bound(self) -> int:
        """Worst-case cycles of the jobs one after the other."""
        return sum(job.cycle_bound for job in self._jobs)

    def _compare(self) -> None:
        words = self._words("results")
        results = words["lane"] if isinstance(words, dict) else words
        descriptors = [
            {
                field["name"]: word >> field["offset"] & ((1 << field["width"]) - 1)
                for field in self._layout("tiles")
            }
            for word in self.seen["tiles"].words
        ]
        scales = {"w_scales": self._words("w_scales")} if "w_scales" in self.streams else {}
        expected = self.model.word_model(
            descriptors, self._words("weights"), self._words("acts"), self._qparams(), **scales
        )
        assert expected.shape == results.shape, f"{results.shape} instead of {expected.shape}"
        assert results.size, "nothing was checked"
        wrong = np.argwhere(results != expected)
        if len(wrong):
            word, lane = wrong[0]
            raise AssertionError(
                f"{len(wrong)} of {results.size} results are wrong, first lane {lane} of word "
                f"{word}: {results[word, lane]} instead of {expected[word, lane]}"
            )
        at = 0
        assert results.shape[1] == self.cols
        for job in self._jobs:
            span = slice(at, at + job.result_words)
            product = f"a product of {job.a.shape} and {job.w.shape}, {job.modes},"
            assert np.array_equal(job.gather(results[span]), job.expected), (
                f"{product} is wrong, though every word is right"
            )
            if isinstance(words, dict):
                needed = job.special_results
                flags = job.flags({"special": words["special"][span]})
                assert flags[needed].all(), f"{product} has NaN or Inf operands and no flag"
                assert needed.any() or not flags.any(), f"{product} has flags without reason"
            at = span.stop

    def _layout(self, stream):
        return self.streams[stream]["fields"]

    def _words(self, stream):
        """The recorded words, as lanes, or by field if words have several."""
        size = self.manifest.word_bytes(stream)
        return unpack_fields(_bytes(self.seen[stream].words, size), self._layout(stream))

    def _qparams(self):
        """Recorded quantization parameters, output tile by tile, the first column first."""
        if "channels" not in self.streams:
            return None
        names = ("bias", "multiplier", "shift", "zero_point", "low", "high", "flip")
        words = self.seen["channels"].words
        tiles = []
        for at in range(0, len(words), self.cols):
            values = {name: np.zeros(self.cols, np.int64) for name in names}
            for field in self._layout("channels"):
                sign = field["signed"] << (field["width"] - 1)
                mask = (1 << field["width"]) - 1
                values[field["name"]] = np.array(
                    [
                        ((word >> field["offset"] & mask) ^ sign) - sign
                        for word in reversed(words[at : at + self.cols])
                    ]
                )
            tiles.append(QuantParams(**values))
        return tiles


def _integers(streams):
    """The words of streams, which come in chunks, one stream after the other."""
    for chunk in itertools.chain.from_iterable(streams):
        yield from integers(chunk)


def _bytes(words, size):
    packed = b"".join(word.to_bytes(size, "little") for word in words)
    return np.frombuffer(packed, np.uint8).reshape(-1, size)
