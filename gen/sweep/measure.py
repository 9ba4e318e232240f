"""What is measured for the points of a sweep: each a function of plain values, on any machine."""

import contextlib
import functools
import importlib.metadata
import io
import json
import math
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ...sim import cache
from ...sim.designs._eie import Layer, check, matvec
from ...sim.designs._gemm import Channels, tiling
from ...sim.designs._product import multiply
from ...sim.golden import formats
from ...sim.golden.sparse import encode
from ...sim.manifest import Manifest
from ...sim.verilator import build as simulation
from ...sim.verilator import toolchain
from ..designs import registry
from ..emission.emit import emit
from ..lib.errors import Failed, Refused

__all__ = ["Impossible", "area", "build", "clock", "cycles", "tools"]

#: A product on a dense engine is simulated as a whole up to so many multiplications, or elements
#: times cycles: in a second.
WHOLE = 1 << 24
#: So is a matrix of so many entries, or of which so many meet activations, on the sparse engine:
#: in about half a minute with 64 elements.
WHOLE_ENTRIES = 1 << 23

_LOG_CHARACTERS = 20_000


class Impossible(ValueError):
    """There cannot be such a point."""


def tools() -> dict[str, str]:
    """Versions of what results depend on, and a digest of the program's own sources."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    versions["verilator"] = ".".join(map(str, toolchain.verilator().version))
    return versions | {"sources": _sources()[:16]}


_PACKAGES = ("brickwork", "amaranth", "pyosys")
_GENERATOR = (
    "designs",
    "emission",
    "flow",
)


@functools.cache
def _sources():
    gen = Path(__file__).parents[1]
    files = [*gen.with_name("hdl").rglob("*.py"), *gen.with_name("sim").rglob("*.*")]
    files += [file for name in _GENERATOR for file in (gen / name).rglob("*.py")]
    files += [Path(__file__), *gen.with_name("constraints").glob("*.toml")]
    files = sorted(file for file in files if file.suffix != ".pyc" and file.is_file())
    return cache.digest(*(file.read_bytes() for file in files))


def _task(function: Callable) -> Callable:
    """Makes what a function returns, or the error that it raises, a dict that can be sent.

    It has ``value``, ``impossible`` (a reason), or ``failed`` (a reason) and ``log``; and
    ``seconds``. The task takes the client's :func:`tools` first, which must be this machine's; it
    does nothing ``after`` another one that failed.
    """

    @functools.wraps(function)
    def task(expected, *given, after=None):
        start = time.monotonic()
        for name, version in tools().items():
            if version != expected[name]:
                raise Refused(
                    f"Worker must have {name} {expected[name]}, as the sweep, not {version}"
                )
        if after is not None and "value" not in after:
            return after
        try:
            # Progress is for whoever started the sweep, who sees its own.
            with contextlib.redirect_stderr(io.StringIO()):
                found = {"value": function(*given)}
        except Impossible as error:
            found = {"impossible": str(error)}
        except Exception as error:
            log = str(getattr(error, "log", None) or traceback.format_exc())
            reason = " ".join(str(error).split("\n")) or type(error).__name__
            found = {"failed": reason, "log": log[-_LOG_CHARACTERS:]}
        return found | {"seconds": time.monotonic() - start}

    return task


@contextlib.contextmanager
def _emitted(design, given) -> Iterator[Path]:
    """The manifest of a design, for a while."""
    with tempfile.TemporaryDirectory(prefix="brickwork-") as folder:
        yield emit(registry.design(design)(**given), Path(folder)).manifest


@_task
def build(design: str, given: dict) -> bool:
    """Builds the simulation, so that it is in the cache when it is needed."""
    with _emitted(design, given) as manifest:
        simulation.build(manifest)
    return True


@_task
def area(design: str, given: dict, target: str, liberty: str | None, library: str | None) -> dict:
    """What :func:`synthesize` tells; ``library`` is the digest of the file ``liberty``."""
    from ..flow.synthesis import synthesize

    if liberty is not None and cache.digest(Path(liberty).read_bytes()) != library:
        raise Failed(f"Liberty file {liberty} must be that of the sweep, not another")
    with _emitted(design, given) as manifest:
        return synthesize(manifest, target, liberty=None if liberty is None else Path(liberty))


@_task
def clock(design: str, given: dict, target: str, seeds: int) -> dict:
    """What :func:`place` tells."""
    from ..flow.place import place

    with _emitted(design, given) as manifest:
        try:
            return place(manifest, target, seeds=seeds)
        except ValueError as error:
            raise Impossible(str(error)) from None


@_task
def cycles(design: str, given: dict, modes: dict, layer: dict) -> dict:
    """Cycles of one product of a layer, and what passes the engine's streams meanwhile.

    Returns
    -------
    dict
        ``cycles``; ``kind``, ``"rtl"`` or ``"extrapolated"``; ``simulated``, the part of the
        product that was computed in RTL, 0 to 1; and ``bytes`` of acts, weights and results.
    """
    with _emitted(design, given) as manifest:
        key = (
            *(manifest.read_bytes(), manifest.with_suffix(".v").read_bytes()),
            *(json.dumps([modes, layer], sort_keys=True), json.dumps(tools())),
        )

        def make(folder):
            count = _sparse if design == "eie" else _dense
            (folder / "cycles.json").write_text(json.dumps(count(manifest, given, modes, layer)))

        folder, _ = cache.entry("cycles", *key, make=make)
        return json.loads((folder / "cycles.json").read_text("utf-8"))


def _dense(manifest, given, modes, layer):
    """A product as a whole; or a part, if its cycles are those of the formula, for the rest."""
    facts = Manifest.read(manifest)
    whole = tuple(layer[side] for side in "mkn")
    plan = tiling(facts, *whole, **modes)
    work = max(math.prod(whole), plan.cycles * plan.rows * plan.cols)
    size = whole if work <= WHOLE else plan.part
    found = _product(manifest, facts, plan, size)
    if size != whole:
        formula = tiling(facts, *size, **modes).cycles
        if found.cycles != formula:
            raise Failed(
                f"Formula of cycles must be what RTL takes, {found.cycles} for a product of "
                f"{'×'.join(map(str, size))}, not {formula}"
            )
    words = plan.stream_words
    return {
        "cycles": found.cycles if size == whole else plan.cycles,
        "kind": "rtl" if size == whole else "extrapolated",
        "simulated": math.prod(size) / math.prod(whole),
        "bytes": {
            name: words[name] * facts.streams[name]["width"] // 8
            for name in ("acts", "weights", "results")
        },
    }


def _product(manifest, facts, plan, size):
    """A product of any codes on a GEMM engine."""
    m, k, n = size
    random = np.random.default_rng(1)
    codes = [
        random.integers(fmt.lowest_code, fmt.highest_code + 1, shape)
        for fmt, shape in zip(_formats(plan), ((m, k), (k, n)), strict=True)
    ]
    channels = None
    if facts.parameters["output"] != "raw":
        # What is done to the sums takes the same time whatever the values.
        same, out = np.ones(n, np.int64), formats.get(facts.parameters["out_format"])
        limits = {"low": same * out.lowest, "high": same * out.highest}
        channels = Channels(
            bias=same, multiplier=same << 23, shift=same * 32, zero_point=same * 0, **limits
        )
    found = multiply(manifest, *codes, channels, workdir=manifest.parent, **plan.modes)
    _check(found)
    return found


def _formats(plan):
    if "a_type" in plan.modes:
        return [formats.get(plan.modes[f"{side}_type"]) for side in "aw"]
    return [
        formats.get(f"{'' if plan.modes[f'{side}_signed'] else 'u'}int{plan.modes[f'{side}_bits']}")
        for side in "aw"
    ]


def _check(found):
    if not found.matches_golden:
        raise Failed("Results must be the golden model's, and are not")


def _sparse(manifest, given, modes, layer):
    """Vectors times a matrix as a whole, or some of the vectors or of the columns.

    Of these the first half is computed by itself too: every further vector or column is taken to
    need as long as one of the second half.
    """
    m, k, n = (layer[side] for side in "mkn")
    places = given["pes"] * given["acts"]
    columns, vectors = k, m
    entries = k * n * layer["weights"]
    if entries > WHOLE_ENTRIES:
        # Two halves of whole batches of activations, if there can be.
        columns = max(2, int(k * WHOLE_ENTRIES / entries))
        columns -= columns % (2 * places) if columns >= 2 * places else 0
        vectors = 1
    elif m * entries * layer["acts"] > WHOLE_ENTRIES:
        vectors = max(1, int(WHOLE_ENTRIES / (entries * layer["acts"])))
    found, entries = _vectors(manifest, given, modes, layer, vectors, columns)
    total = found.cycles
    if columns < k:
        half, _ = _vectors(manifest, given, modes, layer, 1, columns // 2)
        rate = (total - half.cycles) / (columns - columns // 2)
        total = m * (total + rate * (k - columns))
    elif 1 < vectors < m:
        half, _ = _vectors(manifest, given, modes, layer, vectors // 2, columns)
        rate = (total - half.cycles) / (vectors - vectors // 2)
        total += rate * (m - vectors)
    elif vectors < m:
        total *= m

    def words(places):
        return m * -(-places // given["pes"])

    bits = given["value_width"] + given["zeros_width"]
    return {
        "cycles": round(total),
        "kind": "rtl" if (vectors, columns) == (m, k) else "extrapolated",
        "simulated": vectors * columns / (m * k),
        "bytes": {
            "acts": words(k) * given["pes"] * given["act_width"] // 8,
            "weights": round(entries * k / columns) * bits // 8,
            "results": words(n) * given["pes"] * given["act_width"] // 8,
        },
    }


def _vectors(manifest, given, modes, layer, vectors, columns):
    """The first vectors and columns of a layer on the sparse engine, and their entries."""
    most = (1 << given["value_width"]) - 1
    random = np.random.default_rng([0, 1])
    indices = np.zeros((layer["n"], columns), np.uint8)
    for column in range(columns):
        live = random.random(layer["n"]) < layer["weights"]
        indices[:, column] = random.integers(1, most + 1, layer["n"]) * live
    highest = min(127, (1 << given["weight_width"] - 1) - 1)
    codebook = np.random.default_rng([1, 1]).integers(-highest, highest + 1, most + 1)
    codebook[0] = 0
    highest = min(1023, (1 << given["act_width"] - 1) - 1)
    a = np.zeros((vectors, columns), np.int64)
    for number, vector in enumerate(a):
        live = np.random.default_rng([2, number]).random(columns) < layer["acts"]
        vector[:] = np.random.default_rng([3, number]).integers(1, highest + 1, columns) * live
    encoded = encode(
        indices,
        codebook,
        **{name: given[name] for name in ("pes", "lanes", "value_width", "zeros_width")},
        assign=modes["assign"],
    )
    try:
        check(Manifest.read(manifest), [Layer(encoded=encoded)], a)
    except ValueError as error:
        raise Impossible(str(error)) from None
    all_entries = round(encoded.entries.max() * layer["k"] / columns)
    for name, needed in (("columns", layer["k"]), ("entries", all_entries)):
        if needed > given[name]:
            raise Impossible(f"{name} must be at least some {needed} for the whole matrix")
    found = matvec(manifest, encoded, a, shift=8)
    _check(found)
    return found, int(encoded.entries.sum())
