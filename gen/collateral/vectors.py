"""A small job for a core: the words that go into it, and those that must come out."""

from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from ...sim.designs import _eie
from ...sim.designs._gemm import Channels, tiling
from ...sim.golden import formats
from ...sim.golden.engine import product
from ...sim.golden.sparse import encode
from ...sim.host.packing import pack, pack_fields
from ...sim.host.uart import Frame, eie_frames, gemm_frames
from ...sim.manifest import Manifest

__all__ = ["Vectors", "vectors"]

#: Arrays of more elements get one tile of K and of N: their words fill megabytes.
_LARGE = 64 * 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Vectors:
    """Words of a job, uint8 arrays of words × bytes, little-endian.

    Attributes
    ----------
    inputs : dict
        For each input stream its words.
    results : array
        The words of the stream ``results``, by the golden model.
    frames : list of Frame
        The words of the inputs in an order in which the core takes them.
    packets : list of arrays
        The results of each packet of commands in ``frames``.
    """

    inputs: dict[str, np.ndarray]
    results: np.ndarray
    frames: list[Frame]
    packets: list[np.ndarray]


def vectors(manifest: Manifest) -> Vectors | None:
    """A job for the core that a manifest describes, the same every time.

    A GEMM engine computes a product in each of a few modes, which leaves something over in M and in
    K, but not in N, so that every lane of the results is known. ``eie`` multiplies a matrix by two
    vectors; there is no job for one whose memories have no room for an entry in each lane.
    """
    # Of all of numpy's, this generator's numbers are promised never to change.
    random = np.random.RandomState(1)
    if manifest.design == "eie":
        return _sparse(manifest, random)
    jobs = [_product(manifest, modes, random) for modes in _modes(manifest)]
    return Vectors(
        inputs={
            name: np.concatenate([job.inputs[name] for job in jobs]) for name in jobs[0].inputs
        },
        results=np.concatenate([job.results for job in jobs]),
        frames=[frame for job in jobs for frame in job.frames],
        packets=[job.results for job in jobs],
    )


def _modes(manifest):
    """Every format of each side once, or different widths and signs."""
    if manifest.design == "gemm_fusion":
        return [
            {"a_bits": 8, "w_bits": 8, "a_signed": 1, "w_signed": 1},
            {"a_bits": 2, "w_bits": 4, "a_signed": 0, "w_signed": 1},
            {"a_bits": 16, "w_bits": 2, "a_signed": 1, "w_signed": 0},
        ]
    given = manifest.parameters
    sides = [given[f"{side}_format"].split("+") for side in "aw"]
    return [
        {"a_type": a or sides[0][0], "w_type": w or sides[1][0]} for a, w in zip_longest(*sides)
    ]


def _product(manifest, modes, random):
    given = manifest.parameters
    rows, cols = given["rows"], given["cols"]
    terms = tiling(manifest, 1, 1, 1, **modes).terms
    large = rows * cols > _LARGE
    k = rows * terms + (0 if large else rows * terms // 2 + 1)
    m, k, n = min(rows + 1, 5), min(k, given.get("max_k", k)), cols if large else 2 * cols
    a = random.choice(_codes(manifest, "a", modes), (m, k))
    w = random.choice(_codes(manifest, "w", modes), (k, n))
    channels = None if given["output"] == "raw" else _channels(manifest, a, w, modes, random)
    plan = tiling(manifest, m, k, n, **modes)
    inputs = {
        name: np.concatenate(list(words)) for name, words in plan.words(a, w, channels).items()
    }
    y = product(manifest, a, w, channels, **plan.modes)
    lanes = [y[rows.start : rows.stop, cols.start : cols.stop] for rows, cols in plan.runs]
    results = _result_words(manifest, np.concatenate(lanes))
    frames = list(gemm_frames(manifest, plan, a, w, channels))
    return Vectors(inputs=inputs, results=results, frames=frames, packets=[results])


def _codes(manifest, side, modes):
    """The codes that stand for numbers: where NaN would meet them results are flagged."""
    if manifest.design == "gemm_fusion":
        sign = "" if modes[f"{side}_signed"] else "u"
        fmt = formats.get(f"{sign}int{modes[f'{side}_bits']}")
    else:
        fmt = formats.get(modes[f"{side}_type"])
    codes = np.arange(fmt.lowest_code, fmt.highest_code + 1)
    return codes[~fmt.special[codes & ((1 << fmt.bits) - 1)]]


def _channels(manifest, a, w, modes, random):
    """Values that spread results over the output format; some channels end at the zero point."""
    given, n = manifest.parameters, w.shape[1]
    fields = {part["name"]: part for part in manifest.streams["channels"]["fields"]}
    raw = replace(manifest, parameters=given | {"output": "raw"})
    size = int(abs(product(raw, a, w, **modes)).max())
    most = min(size, (1 << (fields["bias"]["width"] - 1)) - 1)
    bias = random.randint(-most, most + 1, n)
    same = np.ones(n, np.int64)
    if given["output"] == "bias":
        return Channels(
            bias=bias, multiplier=same, shift=same, zero_point=same, low=same, high=same
        )
    out = formats.get(given["out_format"])
    multiplier = random.randint(1 << 23, 1 << 24, n) if given["output"] == "scale" else same
    bits = (size * int(multiplier.max())).bit_length()
    zero_point = random.randint(out.lowest, out.highest + 1, n)
    return Channels(
        bias=bias,
        multiplier=multiplier,
        shift=np.clip(bits - out.bits + random.randint(0, 3, n), 0, 63),
        zero_point=zero_point,
        low=np.where(random.rand(n) < 0.3, zero_point, out.lowest),
        high=same * out.highest,
    )


def _result_words(manifest, lanes):
    """Words of results; none of their flags, if they have any, is set."""
    fields = manifest.streams["results"]["fields"]
    values = {part["name"]: np.zeros((len(lanes), part["count"]), np.int64) for part in fields}
    return pack_fields(values | {"lane": lanes}, fields)


def _sparse(manifest, random):
    given = manifest.parameters
    pes, lanes = given["pes"], given["lanes"]
    rows = min(given["rows"], 2 if given["entries"] >= 2 * lanes else 1)
    groups = -(-rows // lanes) * lanes
    inputs = min(given["columns"], 20, given["entries"] // groups)
    if inputs == 0:
        return None
    outputs = max(rows * pes - 1, 1)
    values = (1 << given["value_width"]) - 1
    live = random.rand(outputs, inputs) < 0.4
    live[:, 0] = True
    indices = np.where(live, random.randint(1, values + 1, (outputs, inputs)), 0)
    highest = (1 << (given["weight_width"] - 1)) - 1
    codebook = np.concatenate([[0], random.randint(-highest, highest + 1, values)])
    highest = (1 << (given["act_width"] - 1)) - 1
    a = random.randint(1, highest + 1, (2, inputs))
    a *= random.choice([-1, 0, 1], a.shape)
    a[:, 0] = [1, highest]
    encoded = encode(
        indices,
        codebook,
        **{name: given[name] for name in ("pes", "lanes", "value_width", "zeros_width")},
    )
    sums = abs(a @ codebook[indices].T).max()
    shift = min(max(int(sums).bit_length() + 1 - given["act_width"], 0), 63)
    plan = _eie.Plan(manifest, [_eie.Layer(encoded=encoded, shift=shift)])
    y = np.zeros((2, encoded.rows * pes), np.int64)
    y[:, encoded.outputs] = plan.expected(a)[0]
    results = pack(y.reshape(-1, pes), given["act_width"])
    return Vectors(
        inputs={
            "load": np.concatenate(list(plan.load())),
            "jobs": plan.jobs(len(a)),
            "acts": plan.acts(a),
        },
        results=results,
        frames=list(eie_frames(manifest, plan, a)),
        packets=[results],
    )
