"""Errors of 4-bit formats on random tensors, and whether the orders hold that papers give."""

import math
import statistics
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ...sim.golden import formats
from ...sim.golden.sparse.pe_centroid import centroids_of

__all__ = [
    *(
        "ANT",
        "BLOCKS",
        "CENTROIDS",
        "DISTRIBUTIONS",
        "FORMATS",
        "ORDERS",
        "SEEDS",
        "SHAPE",
        "SHARES",
    ),
    *("measure", "measure_blocks", "orders"),
]

SHAPE = (256, 256)
#: Odd in number, so that the median is one of them.
SEEDS = tuple(range(9))

#: Among these ANT chooses.
ANT = ("int4", "flint4", "pot4")
_FLOATS = ("e2m1", "e3m0")
_PAIRS = ("ovp_int4", "ovp_flint4")
#: int8 of which few numbers need more than int4, and 3-bit indices of centroids with few outliers.
SHARES = {"int4, 1% int8 (OLAccel)": 0.01, "int4, 3% int8 (OLAccel)": 0.03}
CENTROIDS = "8 centroids, 0.1% float (GOBO)"
FORMATS = (*ANT, *_FLOATS, "adaptivfloat4_2", "apot4", "posit4_0", "posit4_1", *_PAIRS)

#: Formats with a scale for each block, which lie along the first axis.
BLOCKS = (
    *("mxint8", "mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4", "nvfp4"),
    *("w4a16:g128", "w4a16:g32", "w4a16z:g128", "w4a16z:g32"),
)

_OUTLIERS = round(0.005 * math.prod(SHAPE))


class Distribution(NamedTuple):
    """A distribution in words, and a function that draws a tensor with a numpy ``Generator``."""

    meaning: str
    draw: Callable[[np.random.Generator], np.ndarray]


def _with_outliers(random):
    x = random.standard_normal(SHAPE)
    at = random.choice(x.size, _OUTLIERS, replace=False)
    x.flat[at] = np.copysign(random.uniform(8, 32, _OUTLIERS), x.flat[at])
    return x


DISTRIBUTIONS = {
    "gaussian": Distribution("standard normal", lambda random: random.standard_normal(SHAPE)),
    "laplace": Distribution("Laplace, scale 1", lambda random: random.laplace(size=SHAPE)),
    "uniform": Distribution("uniform, -1 to 1", lambda random: random.uniform(-1, 1, SHAPE)),
    "outliers": Distribution(
        f"standard normal; then {_OUTLIERS} elements (0.5 %), drawn without replacement, get a "
        "magnitude drawn uniformly from 8 to 32 and keep their sign",
        _with_outliers,
    ),
}


class Order(NamedTuple):
    """A paper's order: one of ``best`` has the least error ``among`` these formats.

    ``scales``: with one scale for a tensor, and with one for each row.
    """

    claim: str
    distribution: str
    best: tuple[str, ...]
    among: tuple[str, ...]
    scales: tuple[str, ...] = ("tensor", "row")


# What holds depends on how far scales may clip. ANT's search ends at 75 % of the largest magnitude.
# In 65,536 Gaussian numbers that is beyond where integers would be best, in a row of 256 it is not.
ORDERS = (
    Order("ANT: int on uniform", "uniform", ("int4",), ANT),
    Order("ANT: flint on Gaussian", "gaussian", ("flint4",), ANT),
    Order("ANT: pot or float on Laplace", "laplace", ("pot4", *_FLOATS), (*ANT, *_FLOATS)),
    # Scales for pairs take longest to find: with one for each row, as long as all else together.
    Order("OliVe: pairs with outliers", "outliers", _PAIRS, FORMATS, ("tensor",)),
)


def measure(seeds=SEEDS) -> Iterator[dict]:
    """Yield a record for each distribution, kind of scale and format.

    Every tensor is drawn with ``numpy.random.default_rng(seed)`` and quantized with the method
    ``"mse"``: by all formats with one scale, and by those that an order is about with a scale for
    each row too.
    """
    for name, distribution in DISTRIBUTIONS.items():
        tensors = [distribution.draw(np.random.default_rng(seed)) for seed in seeds]
        scalings = [("tensor", None, FORMATS)]
        for order in ORDERS:
            if order.distribution == name and "row" in order.scales:
                scalings.append(("row", 0, order.among))
        for scale, axis, names in scalings:
            by_seed = [_errors(x, names, axis) for x in tensors]
            for fmt in by_seed[0]:
                yield _record(name, scale, fmt, seeds, [errors[fmt] for errors in by_seed])


def measure_blocks(seeds=SEEDS) -> Iterator[dict]:
    """Yield a record for each distribution and format with scales for blocks; the same tensors."""
    for name, distribution in DISTRIBUTIONS.items():
        by_seed = []
        for seed in seeds:
            x = distribution.draw(np.random.default_rng(seed))
            by_seed.append(formats.each(x, BLOCKS))
        for results in zip(*by_seed, strict=True):
            errors = [result.relative for result in results]
            yield {
                "table": "blocks",
                "distribution": name,
                "format": results[0].name,
                "bits": results[0].blocks.bits_per_weight,
                "nmse": statistics.median(errors),
                "sqnr_db": _decibels(statistics.median(errors)),
                "seeds": list(seeds),
                "nmse_by_seed": errors,
            }


def _errors(x, names, axis):
    """Of each format, and of ANT's choice, its name and the error over the tensor's energy."""
    results = formats.each(x, names, axis, "mse")
    errors = {result.name: (result.name, result.relative) for result in results}
    errors["ANT"] = min((errors[name] for name in ANT), key=lambda error: error[1])
    if axis is None:
        for name, share in SHARES.items():
            (result,) = formats.each(x, ["int8"], outliers=share)
            errors[name] = (name, result.relative)
        errors[CENTROIDS] = (CENTROIDS, _centroid_error(x))
    return errors


def _centroid_error(x):
    """GOBO's numbers of centroids and outliers; its outliers stay floats."""
    centroids, bins, outliers = centroids_of(x, 8, 0.001)
    values = np.where(outliers, x, centroids[bins])
    return float(np.square(values - x).sum() / np.square(x).sum())


def _record(distribution, scale, name, seeds, named_errors):
    errors = [error for _, error in named_errors]
    return {
        "table": "tensors",
        "distribution": distribution,
        "scale": scale,
        "format": name,
        "nmse": statistics.median(errors),
        "sqnr_db": _decibels(statistics.median(errors)),
        "seeds": list(seeds),
        "nmse_by_seed": errors,
        "chosen": [fmt for fmt, _ in named_errors] if name == "ANT" else None,
    }


def _decibels(nmse):
    return -10 * math.log10(nmse)


def orders(records: list[dict]) -> list[dict]:
    """Whether each of :data:`ORDERS` holds in the records of :func:`measure`."""
    errors = {(row["distribution"], row["scale"], row["format"]): row for row in records}
    results = []
    for order in ORDERS:
        for scale in order.scales:
            rows = [errors[order.distribution, scale, name] for name in order.among]
            best = min(rows, key=lambda row: row["nmse"])
            by_seed = zip(*(row["nmse_by_seed"] for row in rows), strict=True)
            winners = [order.among[np.argmin(some)] for some in by_seed]
            ours = min(row["nmse"] for row in rows if row["format"] in order.best)
            others = min(row["nmse"] for row in rows if row["format"] not in order.best)
            results.append(
                {
                    "table": "orders",
                    "claim": order.claim,
                    "scale": scale,
                    "among": list(order.among),
                    "best": best["format"],
                    "margin_db": _decibels(ours) - _decibels(others),
                    "holds": best["format"] in order.best,
                    "tensors": len(winners),
                    "tensors_that_hold": sum(winner in order.best for winner in winners),
                }
            )
    return results
