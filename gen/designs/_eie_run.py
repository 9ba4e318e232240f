"""``brickwork run eie``: a sparse matrix times vectors on the simulated sparse engine."""

import dataclasses
import json
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ...sim.designs._eie import Layer, check, network
from ...sim.golden.gemm import gemm
from ...sim.golden.sparse import ASSIGNMENTS, cluster, distinct, eie, encode, to_fixed
from ...sim.verilator.core import SimulationError
from ..emission.emit import emit, outline
from ..lib.errors import Failed, Refused
from ..lib.files import alone, check_folder, how_to_open, read_array, write_array
from ..lib.messages import again, difference, errors
from ..lib.progress import progress
from . import registry

__all__ = ["Work", "check_none", "run", "work"]

#: Options that only the sparse engine has, and those that it has not.
_OWN = ("relu", "shift", "assign", "cluster")
_OTHERS = ("mode", "bias", "scale", "zero_point", "a_zero_point")


def check_none(options) -> None:
    """Raise :exc:`Refused` if an option of the sparse engine is given."""
    registry.design(options.design)
    for name in _OWN:
        value = getattr(options, name)
        if value is not None and value is not False:
            raise Refused(f"Option --{name} must go with eie, not with {options.design}")


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the engine is to do, and with what.

    ``numbers`` is what was read for ``a``; results are integers · 2^-``fraction``.
    """

    parameters: object
    layer: Layer
    a: np.ndarray
    weights: "_Weights"
    numbers: np.ndarray
    fraction: int

    def expected(self) -> np.ndarray:
        """What has to come. Not by the encoded matrix: this checks the encoder, too."""
        return eie(
            self.weights.indices,
            self.weights.codebook,
            self.a,
            shift=self.layer.shift,
            relu=self.layer.relu,
            act_width=self.parameters.act_width,
            acc_width=self.parameters.acc_width,
        )


def work(options, parameters, sized=None) -> Work:
    """The work that the options are for, on an engine with ``parameters``.

    ``sized``, if given, makes parameters whose memories hold the matrix of these and the matrix.

    Raises
    ------
    OSError, TypeError, ValueError
        If a file cannot be read, or a matrix or a vector does not fit the engine or each other.
    """
    for name in _OTHERS:
        if getattr(options, name) not in (None, []):
            raise Refused(f"Option --{name.replace('_', '-')} must not go with eie")
    assign = options.assign or "modulo"
    if assign not in ASSIGNMENTS:
        raise Refused(f"Option --assign must be one of {', '.join(ASSIGNMENTS)}, not {assign!r}")
    weights = _weights(options, parameters)
    numbers = read_array(options.a, "A")
    a, a_fraction = to_fixed(numbers, parameters.act_width, "A")
    encoded = encode(
        weights.indices,
        weights.codebook,
        pes=parameters.pes,
        lanes=parameters.lanes,
        value_width=parameters.value_width,
        zeros_width=parameters.zeros_width,
        assign=assign,
    )
    if sized:
        parameters = sized(parameters, encoded)
    # Checked before the shift is reckoned, and again with it.
    check(outline(parameters), [Layer(encoded=encoded)], a)
    shift = _shift(options, parameters, weights, a)
    return Work(
        parameters=parameters,
        layer=Layer(encoded=encoded, shift=shift, relu=options.relu),
        a=a,
        weights=weights,
        numbers=numbers,
        fraction=weights.fraction + a_fraction - shift,
    )


def run(options) -> int:
    parameters = registry.parameters_from_text("eie", options.settings)
    todo = work(
        options,
        parameters,
        lambda parameters, encoded: _sized(parameters, options.settings, encoded),
    )
    out, real_out = (path and Path(path) for path in (options.out, options.real_out))
    for path in (out, real_out):
        if path and path.is_dir():
            raise Refused(f"Results must be written to a file, not to the folder {str(path)!r}")
        if path:
            check_folder(path.parent)
    workdir = check_folder(options.workdir)
    emission = emit(todo.parameters, workdir)
    folder = workdir / "run" / emission.folder.name
    with alone(folder), progress(total=1, what="simulating"):
        try:
            outcome = network(
                emission.manifest,
                [todo.layer],
                todo.a,
                stall_in=options.stall_in,
                stall_out=options.stall_out,
                seed=options.seed,
                limit=options.max_cycles,
                waves=folder / "eie.fst" if options.waves else None,
            )
        except SimulationError as error:
            raise Failed(f"{error}; reproduce with: {again(options)}") from None
    expected = todo.expected()
    y = outcome.y.reshape(expected.shape)
    matches = np.array_equal(y, expected)
    real = np.ldexp(y.astype(np.float64), -todo.fraction)
    if matches:
        for path, values in ((out, y), (real_out, real)):
            if path:
                write_array(path, values)
    _show(options, emission, outcome, todo, real, matches)
    if not matches:
        wrong = folder / "wrong.npy"
        write_array(wrong, y)
        raise Failed(
            f"{difference(y, expected)} (all results: {wrong}); reproduce with: {again(options)}"
        )
    return 0


@dataclass(frozen=True, kw_only=True)
class _Weights:
    """A matrix as the engine gets it: ``codebook[indices]`` · 2^-``fraction``.

    ``shape`` and ``given``, at ``places`` (rows, columns), are what was read; ``clustered`` is
    whether weights were changed to share values.
    """

    indices: np.ndarray
    codebook: np.ndarray
    fraction: int
    given: np.ndarray
    places: tuple[np.ndarray, np.ndarray]
    clustered: bool

    def times(self, a):
        """The product in float64 of the numbers that were given."""
        a = np.atleast_2d(a).astype(np.float64)
        rows, columns = self.places
        return np.stack(
            [np.bincount(rows, self.given * vector[columns], len(self.indices)) for vector in a]
        )


def _weights(options, parameters):
    given, places, shape = _read(options.w)
    width = parameters.value_width
    most = (1 << width) - 1
    different = len(np.unique(given[given != 0]))
    clustered = different > most
    if clustered and given.dtype.kind in "iu" and not options.cluster:
        enough = different.bit_length()
        other = f", or --set value_width={enough}" if enough <= 8 else ""
        raise Refused(
            f"W must have at most {most} distinct weights besides 0 (value_width={width}), not "
            f"{different}; use --cluster{other}"
        )
    values, codebook = (cluster if clustered else distinct)(given, width)
    if given.dtype.kind in "iu":
        codebook = np.rint(codebook).astype(np.int64) if clustered else codebook
    fixed, fraction = to_fixed(codebook, parameters.weight_width, "W")
    indices = np.zeros(shape, np.uint8)
    indices[places] = values
    return _Weights(
        indices=indices,
        codebook=fixed,
        fraction=fraction,
        given=given,
        places=places,
        clustered=clustered,
    )


def _read(path):
    """The numbers of a matrix that are not zero, their rows and columns, and its shape."""
    if zipfile.is_zipfile(path):
        matrix = _read_sparse(path)
        matrix.sum_duplicates()
        values, places = matrix.data, (matrix.row, matrix.col)
    else:
        matrix = read_array(path, "W")
        if matrix.dtype.kind not in "fiu":
            raise TypeError(f"W must be numbers, not {matrix.dtype}")
        if matrix.ndim == 2:
            places = np.nonzero(matrix)
            values = matrix[places]
    if matrix.ndim != 2 or not all(matrix.shape):
        raise ValueError(f"W must be a matrix, outputs × inputs, not of the shape {matrix.shape}")
    if values.dtype.kind not in "fiu":
        raise TypeError(f"W must be numbers, not {values.dtype}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"W must be finite, not {values[~np.isfinite(values)][0]}")
    return values, places, matrix.shape


def _read_sparse(path):
    from scipy import sparse

    try:
        return sparse.load_npz(path).tocoo()
    except Exception as error:  # whatever another file makes of scipy
        detail = str(error).splitlines() or [type(error).__name__]
        raise ValueError(
            f"W must be a .npy file, or a sparse matrix that scipy saved: {path}: {detail[0]}"
        ) from None


def _sized(parameters, settings, encoded):
    """The parameters with memories that hold the matrix, unless they are set.

    Sizes are powers of two, so that similar matrices find a design that is built already.
    """
    needed = {
        "columns": (encoded.columns, 1 << 20),
        "entries": (int(encoded.entries.max()), 1 << 24),
        "acts": (-(-encoded.columns // encoded.pes), 1 << 16),
        "rows": (encoded.rows, 1 << 16),
    }
    given = {setting.partition("=")[0] for setting in settings}
    return dataclasses.replace(
        parameters,
        **{
            name: min(1 << max(1, (size - 1).bit_length()), most)
            for name, (size, most) in needed.items()
            if name not in given
        },
    )


def _shift(options, parameters, weights, a):
    """The shift that is given, or the least that saturates no result; checks the sums' width."""
    sums = gemm(np.atleast_2d(a), weights.codebook[weights.indices].T)
    lowest, highest = int(sums.min()), int(sums.max())
    width = 1 + max((~lowest if lowest < 0 else lowest).bit_length(), highest.bit_length())
    if width > parameters.acc_width:
        raise Refused(
            f"Sums take {width} bits, more than the accumulators' {parameters.acc_width}; "
            f"use --set acc_width={width}"
        )
    if options.shift is not None:
        return options.shift
    limit = (1 << (parameters.act_width - 1)) - 1
    lowest = 0 if options.relu else lowest
    return next(
        shift
        for shift in range(64)
        if round(Fraction(highest, 1 << shift)) <= limit
        and round(Fraction(lowest, 1 << shift)) >= ~limit
    )


def _show(options, emission, outcome, todo, real, matches):
    parameters, layer, weights, fraction = todo.parameters, todo.layer, todo.weights, todo.fraction
    encoded = layer.encoded
    expected = weights.times(todo.numbers)
    expected = np.maximum(expected, 0) if options.relu else expected
    off = errors(np.atleast_2d(real), expected)
    total = int(encoded.entries.sum())
    facts = {
        "design": "eie",
        "digest": emission.digest,
        "parameters": parameters.as_dict(),
        "shape": list(encoded.shape),
        "vectors": len(outcome.y),
        "weights": int(np.count_nonzero(weights.indices)),
        "codebook": int(np.count_nonzero(weights.codebook)),
        "clustered": weights.clustered,
        "cycles": outcome.cycles,
        "fill_cycles": outcome.fill_cycles,
        "entries": outcome.entries,
        "busy": int(outcome.busy.sum()),
        "padding": encoded.padding / max(1, total),
        "balance": outcome.balance,
        "macs": outcome.macs,
        "macs_per_cycle": outcome.macs / outcome.cycles,
        "dense_macs_per_cycle": outcome.dense_macs / outcome.cycles,
        "shift": layer.shift,
        "fraction": fraction,
        "matches_golden": matches,
        "errors": off,
        "seconds": round(outcome.seconds, 3),
        "waves": outcome.waves and str(outcome.waves),
        "verilog": str(emission.verilog),
        "manifest": str(emission.manifest),
        "out": options.out if matches else None,
        "real_out": options.real_out if matches else None,
    }
    if options.json:
        print(json.dumps(facts, indent=2))
        return
    cells = encoded.shape[0] * encoded.shape[1]
    kind = "by k-means" if weights.clustered else "exact"
    rows = {
        "design": f"eie with {encoded.pes} elements",
        "W": f"{encoded.shape[0]}×{encoded.shape[1]}, {facts['weights']} weights "
        f"({facts['weights'] / cells:.2%}) of {facts['codebook']} values, {kind}",
        "vectors": facts["vectors"],
        "entries": f"{total} ({facts['padding']:.1%} padding), at most "
        f"{int(encoded.entries.max())} in an element of {parameters.entries}",
        "cycles": f"{outcome.cycles} (and {outcome.fill_cycles} to fill the memories)",
        "load balance": f"{outcome.balance:.1%} ({outcome.busy.sum()} cycles with work / "
        f"({encoded.pes} elements · {outcome.cycles} cycles))",
        "MACs": f"{outcome.macs} ({facts['macs_per_cycle']:.2f} per cycle; a dense engine's would "
        f"be {facts['dense_macs_per_cycle']:.2f})",
        "results": f"integers · 2^{-fraction} (sums shifted right by {layer.shift})",
        "equals golden": "yes" if matches else "no",
        "error": f"{off['relative']:.3%} of the product in floats (root of the sum of squares), "
        f"at most {off['largest']:.4g}",
        "seconds": f"{outcome.seconds:.1f}",
        "written": facts["out"],
        "real results": facts["real_out"],
        "waves": outcome.waves and f"{outcome.waves} (open with {how_to_open(outcome.waves)})",
        "Verilog": emission.verilog,
        "manifest": emission.manifest,
    }
    for name, value in rows.items():
        if value is not None:
            print(f"{name:15}{value}")
