"""A host for the GEMM engines: data of every kind, streams, monitors and the golden model."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import cocotb
import numpy as np

from ..designs._gemm import OUTPUT_LATENCY, Channels, Tiling, tiling
from ..designs.operand_types import Side
from ..golden import formats
from ..golden.engine import product as golden_product
from ..golden.engine import special_results
from ..golden.fusion.gemm_fusion import gemm_fusion
from ..golden.systolic.gemm_os import gemm_os
from ..golden.systolic.gemm_ws import gemm_ws
from ..host.packing import unpack_fields
from .bench import Bench, manifest
from .streams import Recorder, Sink, Source, never

__all__ = ["Host", "Product"]

_MODELS = {"gemm_ws": gemm_ws, "gemm_os": gemm_os, "gemm_fusion": gemm_fusion}


@dataclass(frozen=True, kw_only=True)
class Product:
    """Codes of the operands of a product, its modes, and what is done to its results."""

    a: np.ndarray
    w: np.ndarray
    channels: Channels | None
    modes: dict[str, str | int]


class Host:
    """Computes products on the engine under test and checks every word of them.

    What should come is reckoned twice: from the words that the monitors saw going in, by the
    engine's stream model, and from the matrices, by the model of the product.

    Attributes
    ----------
    bench : Bench
    rows, cols, max_k : int
        Parameters of the engine.
    depth : int
        Rows of results that one run can have.
    latency : int
        Cycles that an accumulator needs to its output.
    inputs : list of str
        The input streams.
    seen : dict
        Stream name to :class:`Recorder`, of the run that was started last.
    """

    def __init__(self, dut):
        self.bench = Bench(dut)
        self.facts = manifest()
        given = self.facts.parameters
        self.rows, self.cols = given["rows"], given["cols"]
        self.max_k = given.get("max_k", 1 << 16)
        self.depth = given.get("acc_depth", self.rows)
        self.latency = OUTPUT_LATENCY[given["output"]]
        self.given = given
        self.streams = self.facts.streams
        self.inputs = [n for n, stream in self.streams.items() if stream["direction"] == "input"]
        self.acc_width = self.facts.derived["acc_width"]
        # The formats that either operand can have, by what is chosen at run time.
        if self.facts.design == "gemm_fusion":
            widths = [(bits, sign) for bits in (2, 4, 8, 16) for sign in (0, 1)]
            fmts = [
                {(("bits", bits), ("signed", sign)): formats.get(f"{'' if sign else 'u'}int{bits}")}
                for bits, sign in widths
            ]
            side = {key: fmt for found in fmts for key, fmt in found.items()}
            self._sides = [side, side]
        else:
            self._sides = [
                {(("type", name),): fmt for name, fmt in Side(given[key]).members.items()}
                for key in ("a_format", "w_format")
            ]

    def product(self, m: int, k: int, n: int, kind: str = "random", modes=None) -> Product:
        """A product of at least 1 × 1 × 1 and at most ``max_k`` terms.

        ``kind`` is one of ``random``, ``extremes`` (every operand the least or the largest of its
        format), ``runs`` (the same for stretches of k, so that sums go to one limit and back),
        ``zeros``, or two of ``lowest``, ``highest``, joined by ``*``. Modes that are not given are
        drawn.
        """
        m, k, n = max(1, m), min(max(1, k), self.max_k), max(1, n)
        draw = self.bench.random
        drawn, fmts = {}, []
        for name, side in zip("aw", self._sides, strict=True):
            found = [
                (mode, fmt)
                for mode, fmt in side.items()
                if all((modes or {}).get(f"{name}_{key}", value) == value for key, value in mode)
            ]
            mode, fmt = found[draw.integers(len(found))]
            drawn |= {f"{name}_{key}": value for key, value in mode}
            fmts.append(fmt)
        a_fmt, w_fmt = fmts

        def matrix(fmt, shape, values, steps):
            """Codes; ``steps`` is the axis of k."""
            limits = _extremes(fmt)
            if values == "random":
                codes = draw.integers(fmt.lowest_code, fmt.highest_code + 1, shape)
                if fmt.pair:  # more marks of victims than one of so many codes
                    codes[draw.random(shape) < 0.2] = limits.mark
                return codes
            if values == "extremes":
                codes = limits.codes[draw.integers(0, 2, shape)]
            elif values == "runs":
                change = draw.random(shape) < 3 / k
                codes = limits.codes[(np.cumsum(change, axis=steps) + draw.integers(0, 2)) % 2]
            else:
                codes = np.full(shape, dict(zip(_KINDS, (0, *limits.codes), strict=True))[values])
            if fmt.pair and values != "zeros":  # every other one is a victim, or all are normal
                np.moveaxis(codes, steps, 0)[draw.integers(0, 2) :: 2] = limits.mark
            return codes

        for_a, _, for_w = kind.partition("*")
        return Product(
            a=matrix(a_fmt, (m, k), for_a, 1),
            w=matrix(w_fmt, (k, n), for_w or for_a, 0),
            channels=self.channels(n, k),
            modes=drawn,
        )

    def limit_products(self) -> list[Product]:
        """Products that take the accumulators to their limits and beyond, if few terms can."""
        largest = max(abs(a * w) for a in self._limits(0) for w in self._limits(1))
        k = min((1 << (self.acc_width - 1)) // largest + 3, self.max_k)
        if k > 40 * self.rows + 400:
            cocotb.log.info("accumulators of %d bits are out of reach", self.acc_width)
            k = 4 * self.rows
        widest = {f"{name}_{key}": value for name, key, value in self._widest()}
        kinds = ["lowest*lowest", "highest*lowest", "lowest*highest", "highest*highest"]
        shapes = [(min(2, self.depth), k, 1)] * 4 + [(self.rows + 1, 3 * k, self.cols)] * 3
        return [
            self.product(*shape, kind, widest)
            for shape, kind in zip(shapes, [*kinds, "runs", "runs", "extremes"], strict=True)
        ]

    def _widest(self):
        """The mode whose products are the largest, where not all modes come near the limits."""
        if self.facts.design == "gemm_fusion":
            yield from (("a", "bits", 16), ("w", "bits", 16))

    def _limits(self, side: int) -> tuple[int, int]:
        """Least and greatest operand of activations (0) or weights (1)."""
        members = self._sides[side].values()
        return min(fmt.lowest for fmt in members), max(fmt.highest for fmt in members)

    def channels(self, n: int, k: int) -> Channels | None:
        """Values for ``n`` channels: mostly such that results vary, some at their limits."""
        if "channels" not in self.streams:
            return None
        draw = self.bench.random
        bits = min(self.acc_width, 62)
        bias = draw.integers(-1 << (bits - 1), 1 << (bits - 1), n) >> draw.integers(0, bits, n)
        multiplier = draw.integers(0, 1 << 24, n)
        shift = draw.integers(0, 64, n)
        out = formats.get_integer(self.given["out_format"])
        magnitudes = [max(abs(limit) for limit in self._limits(side)) for side in (0, 1)]
        zero_point = draw.integers(out.lowest, out.highest + 1, n)
        low, high = np.full(n, out.lowest), np.full(n, out.highest)
        for c in range(n):
            match draw.integers(0, 8):
                case 0:  # anything at all
                    limits = draw.integers(out.lowest, out.highest + 1, 2)
                    low[c], high[c] = limits.min(), limits.max()
                case 1:
                    multiplier[c], shift[c] = draw.choice([0, 1, (1 << 24) - 1]), 0
                case 2:
                    bias[c] = draw.choice([-1 << (bits - 1), (1 << (bits - 1)) - 1])
                    multiplier[c], shift[c] = (1 << 24) - 1, 63
                    zero_point[c] = draw.choice([out.lowest, out.highest])
                case _:  # results that fill the format
                    size = magnitudes[0] * magnitudes[1] * k
                    most = min(size, 1 << (bits - 1))
                    bias[c] = draw.integers(-most, most)
                    if self.given["output"] == "scale":
                        size *= int(multiplier[c])
                    shift[c] = min(max(size.bit_length() - out.bits + draw.integers(0, 3), 0), 63)
        return Channels(
            bias=bias, multiplier=multiplier, shift=shift, zero_point=zero_point, low=low, high=high
        )

    def plans(self, products: list[Product]) -> list[Tiling]:
        return [tiling(self.facts, *p.a.shape, p.w.shape[1], **p.modes) for p in products]

    async def start(
        self, products: list[Product], stalls: dict[str, Callable[[], bool]] | None = None
    ) -> None:
        """Reset the engine and begin; ``stalls`` has patterns for streams that should stall."""
        stalls = stalls or {}
        dut = self.bench.dut
        self._products, self._plans = products, self.plans(products)
        words = [
            plan.words(p.a, p.w, p.channels) for plan, p in zip(self._plans, products, strict=True)
        ]
        self._sources = {
            name: Source(
                dut,
                self.streams[name],
                _integers(itertools.chain(*[part[name] for part in words])),
                stalls.get(name, never),
            )
            for name in self.inputs
        }
        self._sink = Sink(dut, self.streams["results"], stalls.get("results", never))
        self.seen = {name: Recorder(dut, name, stream) for name, stream in self.streams.items()}
        self.bench.parts = []
        await self.bench.reset()
        self.bench.parts = [*self._sources.values(), self._sink, *self.seen.values()]

    async def finish(self, limit: int) -> None:
        """Run to the last result, and check that every word came and none more."""
        results = self.seen["results"]
        wanted = sum(plan.result_words for plan in self._plans)
        await self.bench.run(lambda: results.count >= wanted, limit)
        # A word too many would come soon after, and all inputs must have been used by now.
        for _ in range(4 * (self.rows + self.cols) + 50):
            await self.bench.tick()
        assert results.count == wanted, f"{results.count} results instead of {wanted}"
        left = [name for name, source in self._sources.items() if not source.done]
        assert not left, f"words were left over of {', '.join(left)}"
        self._compare()

    async def run(self, products: list[Product], stalls=None, *, slack: int = 1) -> None:
        """All of it; ``slack`` is how many times longer it may take for its stalls."""
        await self.start(products, stalls)
        await self.finish(slack * (8 * sum(p.cycle_bound for p in self._plans) + 2000))

    async def stand_still(self, limit: int) -> None:
        """Run until no stream has moved for long."""
        patience = 4 * (self.rows + self.cols) + 50
        await self.bench.run(lambda: self.bench.cycle - self.last_move > patience, limit)

    @property
    def fed(self) -> bool:
        """Whether the engine has accepted all that it is given."""
        return all(source.done for source in self._sources.values())

    @property
    def last_move(self) -> int:
        """The last cycle in which any word was transferred."""
        return max((r.taken[-1] for r in self.seen.values() if r.taken), default=0)

    @property
    def cycles(self) -> int:
        """From the first accepted word to the last result, both counted."""
        first = min(self.seen[name].taken[0] for name in self.inputs)
        return self.seen["results"].taken[-1] - first + 1

    @property
    def cycle_bound(self) -> int:
        """The most cycles that the products may take one after the other."""
        return sum(plan.cycle_bound for plan in self._plans)

    def _compare(self) -> None:
        words = self._words("results")
        results = words["lane"] if isinstance(words, dict) else words
        tiles = [
            {
                f["name"]: word >> f["offset"] & ((1 << f["width"]) - 1)
                for f in self._fields("tiles")
            }
            for word in self.seen["tiles"].words
        ]
        expected = _MODELS[self.facts.design](
            self.facts, tiles, self._words("weights"), self._words("acts"), self._channel_values()
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
        for plan, p in zip(self._plans, self._products, strict=True):
            span = slice(at, at + plan.result_words)
            what = f"a product of {p.a.shape} and {p.w.shape}, {p.modes},"
            expected = golden_product(self.facts, p.a, p.w, p.channels, **p.modes)
            assert np.array_equal(plan.gather(results[span]), expected), (
                f"{what} is wrong, though every word is right"
            )
            if isinstance(words, dict):
                needed = special_results(p.a, p.w, **p.modes)
                flags = plan.gather_special({"special": words["special"][span]})
                assert flags[needed].all(), f"{what} has special operands and no flag for them"
                assert needed.any() or not flags.any(), f"{what} has flags without reason"
            at = span.stop

    def _fields(self, stream):
        return self.streams[stream]["fields"]

    def _words(self, stream):
        """The words that were seen, as lanes or, if there are more, by field."""
        size = -(-self.streams[stream]["width"] // 8)
        return unpack_fields(_bytes(self.seen[stream].words, size), self._fields(stream))

    def _channel_values(self):
        """What the words of the stream ``channels`` say, run by run, the first column first."""
        if "channels" not in self.streams:
            return None
        names = ("bias", "multiplier", "shift", "zero_point", "low", "high")
        words = self.seen["channels"].words
        runs = []
        for at in range(0, len(words), self.cols):
            values = {name: np.zeros(self.cols, np.int64) for name in names}
            for field in self._fields("channels"):
                sign = field["signed"] << (field["width"] - 1)
                mask = (1 << field["width"]) - 1
                values[field["name"]] = np.array(
                    [
                        ((word >> field["offset"] & mask) ^ sign) - sign
                        for word in reversed(words[at : at + self.cols])
                    ]
                )
            runs.append(Channels(**values))
        return runs


_KINDS = ("zeros", "lowest", "highest")


@dataclass(frozen=True)
class _Extremes:
    """Codes of the least and the greatest operand, and of pairs the mark of a victim."""

    codes: np.ndarray
    mark: int


def _extremes(fmt) -> _Extremes:
    mark = 1 << (fmt.bits - 1)
    every = np.arange(fmt.lowest_code, fmt.highest_code + 1)
    shown = every
    if fmt.pair:  # beside a mark, which makes all but marks outliers
        every = every[every != mark]
        shown = np.stack([every, np.full(len(every), mark)], axis=1)
    values = formats.operands(shown, fmt.name)
    values = values[:, 0] if fmt.pair else values
    return _Extremes(every[[values.argmin(), values.argmax()]], mark)


def _integers(chunks):
    for chunk in chunks:
        for word in chunk:
            yield int.from_bytes(word.tobytes(), "little")


def _bytes(words, size):
    packed = b"".join(word.to_bytes(size, "little") for word in words)
    return np.frombuffer(packed, np.uint8).reshape(-1, size)
