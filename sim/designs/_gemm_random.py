"""Random operands for GEMM engines that reach the limits of formats and accumulators."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from ..golden import formats
from ..golden.engine import sums_in_floats
from ._gemm import Gemm, GemmJob, QuantParams

__all__ = ["GemmOperands"]


class GemmOperands:
    """Draws jobs for an engine.

    Parameters
    ----------
    model : Gemm
    rng : numpy.random.Generator
    """

    def __init__(self, model: Gemm, rng: np.random.Generator):
        self.model, self._rng = model, rng
        self._parameters = model.manifest.parameters
        self.acc_width = model.manifest.derived["acc_width"]
        self._floats = sums_in_floats(model.manifest)
        self._sides = {side: model.side_modes(side) for side in "aw"}

    def job(self, m: int, k: int, n: int, values: str = "random", modes=None) -> GemmJob:
        """A product of at least 1 × 1 × 1 and at most ``max_k`` terms.

        ``values`` is one of ``random``, ``extremes`` (every operand the least or the largest of its
        format), ``runs`` (the same for stretches of k, so that sums go to one limit and back),
        ``zeros``, or two of ``lowest``, ``highest``, joined by ``*``. Modes that are not set are
        drawn.
        """
        m, k, n = max(1, m), min(max(1, k), self.model.max_k), max(1, n)
        drawn, sides = {}, []
        for side in self._sides.values():
            matches = [
                (mode, fmt)
                for mode, fmt in side
                if all((modes or {}).get(name, value) == value for name, value in mode.items())
            ]
            mode, fmt = matches[self._rng.integers(len(matches))]
            drawn |= mode
            sides.append(fmt)
        a_values, _, w_values = values.partition("*")
        a = self._matrix(sides[0], (m, k), a_values, 1)
        w = self._matrix(sides[1], (k, n), w_values or a_values, 0)
        drawn |= self.model.random_structure(self._rng)
        drawn |= {name: value for name, value in (modes or {}).items() if name in drawn}
        return self.job_of(a, self.model.structured(w, drawn, self._rng), drawn)

    def job_of(self, a: np.ndarray, w: np.ndarray, modes) -> GemmJob:
        """The product of such codes, with random quantization parameters."""

        @cache
        def sums():
            return self.model.with_raw_sums().job(a, w, **modes).expected

        scales = self.model.random_scales((*a.shape, w.shape[1]), self._rng)
        qparams = self.qparams(w.shape[1], len(w), sums)
        return self.model.job(a, w, qparams, scales=scales, **modes)

    def _matrix(self, fmt, shape, values, k_axis):
        rng, limits = self._rng, _extremes(fmt)
        if values == "random" and self._floats:
            return _near_one(rng, fmt, shape)
        if values == "random":
            codes = rng.integers(fmt.lowest_code, fmt.highest_code + 1, shape)
            if fmt.pair:  # more victim identifiers than uniform codes have
                codes[rng.random(shape) < 0.2] = limits.victim
            return codes
        if values == "extremes":
            codes = limits.codes[rng.integers(0, 2, shape)]
        elif values == "runs":
            change = rng.random(shape) < 3 / shape[k_axis]
            codes = limits.codes[(np.cumsum(change, axis=k_axis) + rng.integers(0, 2)) % 2]
        else:
            lowest, highest = limits.codes
            codes = np.full(shape, {"zeros": 0, "lowest": lowest, "highest": highest}[values])
        if fmt.pair and values != "zeros":  # every other one is a victim, or all are normal
            np.moveaxis(codes, k_axis, 0)[rng.integers(0, 2) :: 2] = limits.victim
        return codes

    def limit_jobs(self) -> list[GemmJob]:
        """Products that reach and exceed the accumulators' limits, if a short K suffices."""
        rows, cols = self._parameters["rows"], self._parameters["cols"]
        largest = max(abs(a * w) for a in self._limits("a") for w in self._limits("w"))
        k = min((1 << (self.acc_width - 1)) // largest + 3, self.model.max_k)
        if k > 40 * rows + 400:  # accumulators so wide are out of reach
            k = 4 * rows
        values = ["lowest*lowest", "highest*lowest", "lowest*highest", "highest*highest"]
        shapes = [(min(2, self.model.depth), k, 1)] * 4 + [(rows + 1, 3 * k, cols)] * 3
        return [
            self.job(*shape, each, self.model.widest_modes())
            for shape, each in zip(shapes, [*values, "runs", "runs", "extremes"], strict=True)
        ]

    def _limits(self, side: str) -> tuple[int, int]:
        """Least and greatest operand of activations or weights."""
        members = [fmt for _, fmt in self._sides[side]]
        return min(fmt.lowest for fmt in members), max(fmt.highest for fmt in members)

    def qparams(self, n: int, k: int, sums: Callable[[], np.ndarray]) -> QuantParams | None:
        """Parameters for ``n`` channels of such sums: most spread the results, some are extreme."""
        if "channels" not in self.model.manifest.streams:
            return None
        rng, output = self._rng, self._parameters["output"]
        bits = min(self.acc_width, 62)
        bias = rng.integers(-1 << (bits - 1), 1 << (bits - 1), n) >> rng.integers(0, bits, n)
        multiplier = rng.integers(0, 1 << 24, n)
        layout = self.model.manifest.streams["channels"]["fields"]
        widths = {field["name"]: field["width"] for field in layout}
        highest = (1 << widths.get("shift", 6)) - 1  # the output stage ``bias`` has no shift
        shift = rng.integers(0, highest + 1, n)
        out = formats.get_integer(self._parameters["out_format"])
        magnitudes = [max(abs(limit) for limit in self._limits(side)) for side in "aw"]
        zero_point = rng.integers(out.lowest, out.highest + 1, n)
        low, high = np.full(n, out.lowest), np.full(n, out.highest)
        for c in range(n):
            match rng.integers(0, 8):
                case 0:  # anything at all
                    limits = rng.integers(out.lowest, out.highest + 1, 2)
                    low[c], high[c] = limits.min(), limits.max()
                case 1:
                    multiplier[c], shift[c] = rng.choice([0, 1, (1 << 24) - 1]), 0
                case 2:
                    bias[c] = rng.choice([-1 << (bits - 1), (1 << (bits - 1)) - 1])
                    multiplier[c], shift[c] = (1 << 24) - 1, highest
                    zero_point[c] = rng.choice([out.lowest, out.highest])
                case 3:  # the low bits of a sum, and of the multiplier
                    multiplier[c], shift[c] = rng.integers(1, out.highest + 1), 0
                    near = rng.integers(out.lowest, out.highest + 1) - zero_point[c]
                    if output == "scale":
                        near //= multiplier[c]
                    wanted = int(near) - int(rng.choice(sums()[:, c]))
                    bias[c] = min(max(wanted, -1 << (bits - 1)), (1 << (bits - 1)) - 1)
                case _:  # results that fill the format
                    size = magnitudes[0] * magnitudes[1] * k
                    most = min(size, 1 << (bits - 1))
                    bias[c] = rng.integers(-most, most)
                    if output == "scale":
                        size *= int(multiplier[c])
                    fitting = size.bit_length() - out.bits + rng.integers(0, 3)
                    shift[c] = min(max(fitting, 0), highest)
        if output == "threshold":  # sums at the threshold and next to it
            limits = -1 << (bits - 1), (1 << (bits - 1)) - 1
            near = np.array([rng.choice(sums()[:, c]) for c in range(n)])
            near = np.clip(rng.integers(-1, 2, n) - near, *limits)
            bias = np.where(rng.random(n) < 0.7, near, bias)
        return QuantParams(
            bias=bias,
            multiplier=multiplier,
            shift=shift,
            zero_point=zero_point,
            low=low,
            high=high,
            flip=rng.integers(0, 2, n),
        )


@dataclass(frozen=True)
class _Extremes:
    """Codes of the least and the greatest operand, and the victim identifier of OVP formats."""

    codes: np.ndarray
    victim: int


def _extremes(fmt) -> _Extremes:
    victim = 1 << (fmt.bits - 1)
    every = np.arange(fmt.lowest_code, fmt.highest_code + 1)
    shown = every
    if fmt.pair:  # beside a victim identifier, which makes all other codes outliers
        every = every[every != victim]
        shown = np.stack([every, np.full(len(every), victim)], axis=1)
    if fmt.integers is None:
        values = np.where(fmt.special, 0, fmt.values)
    else:
        values = formats.operands(shown, fmt.name)
    values = values[:, 0] if fmt.pair else values
    return _Extremes(every[[values.argmin(), values.argmax()]], victim)


def _near_one(rng, fmt, shape) -> np.ndarray:
    """Codes of floats whose sums cancel and round; some are any codes at all, also of NaN."""
    numbers = rng.normal(size=shape) * 2.0 ** rng.integers(-5, 6, shape)
    numbers[rng.random(shape) < 0.1] = 0
    codes = formats.cast(numbers, fmt.name).astype(np.int64)
    others = rng.random(shape) < rng.choice([0, 0.003, 0.05])
    return np.where(others, rng.integers(0, fmt.highest_code + 1, shape), codes)
