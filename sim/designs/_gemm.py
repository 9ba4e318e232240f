"""Base class of the GEMM engines' host models."""

import abc
import itertools
import math
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ..golden import formats
from ._gemm_job import GemmJob, QuantParams, checked_qparams
from ._operand_types import Side
from .base import HostModel, LayerCycles

__all__ = ["Gemm", "GemmJob", "QuantParams"]

#: Most multiplications, or PEs times cycles, of a product that is simulated completely (a second).
WHOLE = 1 << 24
#: Examples for an array of more PEs have one tile of K and of N: their words fill megabytes.
LARGE = 64 * 64
#: Most blocks of the weights of a layer (some hundred megabytes).
MOST_BLOCKS = 1 << 24


class Gemm(HostModel):
    """The host model of a GEMM engine."""

    descriptors = "tiles"
    job_class: ClassVar[type[GemmJob]]
    #: The parameter with the most rows of A in an output tile.
    depth_parameter: ClassVar[str]
    #: Modes beside those of the formats: see :meth:`structured`.
    weight_modes: ClassVar[tuple[str, ...]] = ()

    @property
    def depth(self) -> int:
        """Most rows of A in an output tile."""
        return self.manifest.parameters[self.depth_parameter]

    @property
    def max_k(self) -> int:
        """Largest K of random products."""
        return self.manifest.parameters.get("max_k", 1 << 16)

    def job(self, a, w, qparams=None, *, skip_zeros=False, scales=None, **modes) -> GemmJob:
        """The product A · W; see :class:`GemmJob` for the parameters.

        With ``skip_zeros`` a weight-stationary engine's tiles of zero weights are left out.
        ``scales`` are those of groups of terms, for an engine that takes them.

        Raises
        ------
        TypeError, ValueError
            If a matrix is not of codes of its format, or has another shape than M × K or K × N; if
            K is above ``max_k``; if the quantization parameters do not fit the stream ``channels``.
        """
        names = [name for side in "aw" for name in self.side_modes(side)[0][0]]
        names += self.weight_modes
        if unknown := modes.keys() - set(names):
            raise ValueError(f"Mode must be one of {', '.join(names)}, not {min(unknown)!r}")
        a, w = (_matrix(*side) for side in ((a, "A", "M × K"), (w, "W", "K × N")))
        if a.shape[1] != len(w):
            raise ValueError(
                f"W must have {a.shape[1]} rows, as A has columns, not the shape {w.shape}"
            )
        most = self.manifest.parameters.get("max_k", a.shape[1])
        if a.shape[1] > most:
            raise ValueError(f"K must be at most {most} (max_k), not {a.shape[1]}")
        shape = (*a.shape, w.shape[1])
        plan = self.plan(*shape, **modes)
        a, w = (
            formats.check_values(codes, self.operand_format(side, plan), side.upper())
            for side, codes in (("a", a), ("w", w))
        )
        layout = self.manifest.streams.get("channels", {}).get("fields", [])
        qparams = checked_qparams(qparams, layout, w.shape[1])
        options = modes | ({"blocks": (w != 0, 1)} if skip_zeros else {})
        options |= {} if scales is None else {"scales": scales}
        return self.job_class(self.manifest, shape, a, w, qparams, **options)

    def with_raw_sums(self) -> "Gemm":
        """The model of the engine without quantization parameters."""
        streams = {
            name: stream for name, stream in self.manifest.streams.items() if name != "channels"
        }
        parameters = self.manifest.parameters | {"output": "raw"}
        return type(self)(replace(self.manifest, parameters=parameters, streams=streams))

    def plan(self, m: int, k: int, n: int, **options) -> GemmJob:
        """A job without operands, for its sizes and cycles.

        ``options`` are modes, and the ``blocks`` of a weight-stationary engine that have weights.
        """
        return self.job_class(self.manifest, (m, k, n), **options)

    def side_modes(self, side: str) -> list[tuple[dict[str, int | str], formats.Format]]:
        """The modes of one side, ``a`` or ``w``, each with the format of its codes."""
        members = Side(self.manifest.parameters[f"{side}_format"]).members
        return [({f"{side}_type": name}, fmt) for name, fmt in members.items()]

    def widest_modes(self) -> dict[str, int | str]:
        """Modes whose products come closest to the limits of the accumulators."""
        return {}

    def random_structure(self, rng: np.random.Generator) -> dict[str, int | str]:
        """A value for each of the ``weight_modes``."""
        return {}

    def structured(self, w: np.ndarray, modes, rng) -> np.ndarray:
        """Codes of weights with zeros where the ``weight_modes`` call for them."""
        return w

    def random_scales(self, shape: tuple[int, int, int], rng: np.random.Generator):
        """Scales for a product of M × K × N, for an engine that takes them; else ``None``."""
        return None

    def operand_format(self, side: str, job: GemmJob) -> formats.Format:
        """The format of a side's codes in a job's modes."""
        return next(
            fmt for modes, fmt in self.side_modes(side) if modes.items() <= job.modes.items()
        )

    @abc.abstractmethod
    def word_model(self, descriptors, weights, acts, qparams) -> np.ndarray:
        """Result words of the golden model from the words of the input streams."""

    def random_job(self, rng, size=2):
        from ._gemm_random import GemmOperands

        limits = (self.depth, self.manifest.parameters["rows"], self.manifest.parameters["cols"])
        m, k, n = (int(rng.integers(1, size * limit + 1)) for limit in limits)
        operands = GemmOperands(self, rng)
        if "walk" not in self.manifest.bus:
            return operands.job(m, k, n)
        # A walk is a single part of A and a single pass; some tiles have no weights.
        job = operands.job(min(m, self.depth), k, n)
        while len(job.passes) > 1:
            job = operands.job(min(m, self.depth), k, n)
        tiles = -(-job.k // job.tile_terms), -(-n // self.manifest.parameters["cols"])
        kept = rng.random(tiles) < rng.choice([0.2, 0.5, 1])
        kept = np.kron(kept, np.ones((job.tile_terms, self.manifest.parameters["cols"]), bool))
        w = np.where(kept[: len(job.w), :n], job.w, 0)
        return operands.job_of(job.a, w, job.modes | {"skip_zeros": True})

    def identity(self):
        parameters = self.manifest.parameters
        return {
            "SHAPE": {name: parameters[name] for name in ("rows", "cols")},
            "LIMIT": self.depth,
            "MAX_K": parameters.get("max_k", 0),
            "WIDTHS": {
                "act": self.manifest.streams["acts"]["fields"][0]["width"],
                "result": self.manifest.streams["results"]["fields"][0]["width"],
                "acc": parameters["acc_width"] or self.manifest.derived["acc_width"],
            },
        }

    def example_modes(self) -> list[dict[str, int | str]]:
        """Modes with every format of each side at least once."""
        parameters = self.manifest.parameters
        sides = [parameters[f"{side}_format"].split("+") for side in "aw"]
        return [
            {"a_type": a or sides[0][0], "w_type": w or sides[1][0]}
            for a, w in itertools.zip_longest(*sides)
        ]

    def example_jobs(self, rng):
        """A product in each of the example modes.

        M and K end in a ragged tile; N does not, so that every lane has a known result.
        """
        return [self._example(modes, rng) for modes in self.example_modes()]

    def _example(self, modes, rng):
        parameters = self.manifest.parameters
        rows, cols = parameters["rows"], parameters["cols"]
        terms = self.plan(1, 1, 1, **modes).tile_terms
        large = rows * cols > LARGE
        k = terms + (0 if large else terms // 2 + 1)
        m, k = min(rows + 1, 5), min(k, parameters.get("max_k", k))
        n = cols if large else 2 * cols
        a = rng.choice(self._number_codes("a", modes), (m, k))
        w = self.structured(rng.choice(self._number_codes("w", modes), (k, n)), modes, rng)
        qparams = None
        if "channels" in self.manifest.streams:
            qparams = self._example_qparams(a, w, modes, rng)
        return self.job(a, w, qparams, **modes)

    def _number_codes(self, side, modes):
        """The codes without NaN and infinities, which would flag results."""
        fmt = next(fmt for mode, fmt in self.side_modes(side) if mode.items() <= modes.items())
        codes = np.arange(fmt.lowest_code, fmt.highest_code + 1)
        return codes[~fmt.special[codes & ((1 << fmt.bits) - 1)]]

    def _example_qparams(self, a, w, modes, rng):
        """Values that spread results over the output format; some channels are clamped at the zero
        point."""
        parameters, n = self.manifest.parameters, w.shape[1]
        layout = {field["name"]: field for field in self.manifest.streams["channels"]["fields"]}
        size = int(abs(self.with_raw_sums().job(a, w, **modes).expected).max())
        most = min(size, (1 << (layout["bias"]["width"] - 1)) - 1)
        bias = rng.randint(-most, most + 1, n)
        if parameters["output"] == "bias":
            return QuantParams.of_bias(bias)
        if parameters["output"] == "threshold":
            return QuantParams.of_signs(bias >> 2, rng.randint(0, 2, n))
        ones = np.ones(n, np.int64)
        out = formats.get(parameters["out_format"])
        multiplier = rng.randint(1 << 23, 1 << 24, n) if parameters["output"] == "scale" else ones
        bits = (size * int(multiplier.max())).bit_length()
        zero_point = rng.randint(out.lowest, out.highest + 1, n)
        return QuantParams(
            bias=bias,
            multiplier=multiplier,
            shift=np.clip(
                bits - out.bits + rng.randint(0, 3, n), 0, (1 << layout["shift"]["width"]) - 1
            ),
            zero_point=zero_point,
            low=np.where(rng.rand(n) < 0.3, zero_point, out.lowest),
            high=ones * out.highest,
        )

    def layer_cycles(self, layer, modes, run):
        """The cycles of the product in RTL; for a large one those of the formula, which a
        representative portion in RTL must confirm: of a block-sparse one every other tile."""
        modes = {name: layer[name] for name in self.weight_modes if layer.get(name)} | modes
        blocks = _random_blocks(layer) if layer.get("blocks") else None
        options = modes | ({} if blocks is None else {"blocks": blocks})
        plan = self.plan(*(layer[side] for side in "mkn"), **options)
        work = max(math.prod(plan.shape), plan.cycles * plan.rows * plan.cols)
        shape = plan.shape if work <= WHOLE else plan.representative
        complete = shape == plan.shape
        kept = None
        if blocks is not None:
            mask, size = blocks
            k, n = map(np.arange, shape[1:])
            kept = np.add.outer(k // plan.tile_terms, n // plan.cols) % 2 == 0
            kept = mask[np.ix_(k // size, n // size)] if complete else kept
        job = self._any_job(shape, plan, kept)
        cycles = run(job).cycles
        if not complete and cycles != job.cycles:
            raise RuntimeError(
                f"Formula of cycles must match RTL: {cycles} for a product of "
                f"{'×'.join(map(str, shape))}, not {job.cycles}"
            )
        words = plan.stream_words
        return LayerCycles(
            cycles=cycles if complete else plan.cycles,
            origin="rtl" if complete else "extrapolated",
            simulated=math.prod(shape) / math.prod(plan.shape),
            bytes={
                name: sum(words[each] * self.manifest.streams[each]["width"] for each in streams)
                // 8
                for name, streams in (
                    ("acts", ["acts"]),
                    ("weights", [each for each in ("weights", "w_scales") if each in words]),
                    ("results", ["results"]),
                )
            },
        )

    def _any_job(self, shape, plan, kept=None):
        """A product of arbitrary codes: cycles depend neither on these nor on ``qparams``.

        Zeros are left out of W, where ``kept`` says which of its codes are not zero.
        """
        m, k, n = shape
        rng = np.random.default_rng(1)
        a, w = (
            rng.integers(fmt.lowest_code, fmt.highest_code + 1, size)
            for fmt, size in (
                (self.operand_format("a", plan), (m, k)),
                (self.operand_format("w", plan), (k, n)),
            )
        )
        w = self.structured(w if kept is None else w * kept, plan.modes, rng)
        qparams = None
        if "channels" in self.manifest.streams:
            ones, out = np.ones(n, np.int64), formats.get(self.manifest.parameters["out_format"])
            qparams = QuantParams(
                bias=ones,
                multiplier=ones << 23,
                shift=ones * 32,
                zero_point=ones * 0,
                low=ones * out.lowest,
                high=ones * out.highest,
                flip=ones,
            )
        return self.job(a, w, qparams, skip_zeros=kept is not None, **plan.modes)


def _random_blocks(layer):
    """Which blocks of a layer's weights are not zero, as many as its density says, and their
    size."""
    size = layer["blocks"]
    shape = [-(-layer[side] // size) for side in "kn"]
    if math.prod(shape) > MOST_BLOCKS:
        raise ValueError(f"W must have at most {MOST_BLOCKS} blocks, not {math.prod(shape)}")
    mask = np.zeros(math.prod(shape), bool)
    count = max(1, round(layer["weights"] * mask.size))
    mask[np.random.default_rng(1).permutation(mask.size)[:count]] = True
    return mask.reshape(shape), size


def _matrix(values, name, shape):
    """Integers of two dimensions, at least one each."""
    values = formats.check_integers(values, name)
    if values.ndim != 2 or not values.size:
        raise ValueError(
            f"{name} must be a matrix ({shape}) of at least one row and one column, not of the "
            f"shape {values.shape}"
        )
    return values
