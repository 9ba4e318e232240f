"""Designs, number formats, quantization, sweeps and comparisons, by name."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...sim.golden import formats as golden_formats
from .. import workloads
from ..designs import registry
from ..lib import weight_files
from ..lib.tables import Listing
from ..workloads import Workload
from .comparison import Comparison
from .comparison import compare as compare_designs
from .quantized import Quantized
from .sweeps import Sweep, run_sweep

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["compare", "designs", "formats", "quantize", "read_weights", "sweep"]


def designs() -> Listing:
    """A row for each parameter of each design: ``design``, ``parameter``, ``default``,
    ``meaning``."""
    return Listing(
        {
            "design": name,
            "parameter": item.name,
            "default": item.default,
            "meaning": item.metadata["meaning"],
        }
        for name, design in registry.DESIGNS.items()
        for item in dataclasses.fields(design)
    )


def formats(name: str | None = None) -> Listing:
    """The number formats, or the value of each code of one.

    Without ``name``, rows of ``format``, ``bits``, ``lowest``, ``highest`` and ``meaning``. With
    it, rows of ``code`` and ``value``; for OVP formats, ``normal`` and ``outlier``.

    Raises
    ------
    ValueError
        If no format has that name.
    """
    if name is None:
        rows = Listing()
        for family in golden_formats.families():
            for each in map(golden_formats.get, family.names()):
                limits = {end: getattr(each, end) * each.unit for end in ("lowest", "highest")}
                row = {"format": each.name, "bits": each.bits} | limits
                rows.append(row | {"meaning": family.meaning})
        return rows
    fmt = golden_formats.get(name)
    codes = range(1 << fmt.bits)
    if fmt.outliers is not None and fmt.integers is not None:
        return Listing(
            {"code": f"{code:0{fmt.bits}b}", "normal": "victim", "outlier": "victim"}
            if code == fmt.identifier
            else {
                "code": f"{code:0{fmt.bits}b}",
                "normal": int(fmt.integers[code]),
                "outlier": int(fmt.outliers[code]),
            }
            for code in codes
        )
    return Listing(
        {"code": f"{code:0{fmt.bits}b}", "value": float(fmt.values[code])} for code in codes
    )


def quantize(
    x: "ArrayLike",
    formats: str | Sequence[str],
    axis: int | None = None,
    method: str = "mse",
    *,
    pair_axis: int = -1,
    both: str = "larger",
    outliers: float | None = None,
) -> Quantized:
    """Quantizes an array to the format with the least squared error of several.

    Parameters
    ----------
    x : array
        Numbers of any shape.
    formats : str or sequence of str
        Names, or several joined by ``+``; also formats with scales for blocks: ``mxfp8``,
        ``mxfp4``, ``nvfp4``, ``w4a16:g128`` … (:func:`.quantize_blocks`).
    axis : int or None
        A scale for each index along this axis; ``None`` for one scale. Blocks lie along it, by
        default along the first one.
    method : str
        ``"mse"`` for the scales of the least squared error, ``"max"`` for those that map the
        largest magnitude to the format's largest.
    pair_axis : int
        For OVP formats, the axis along which neighbours are pairs.
    both : str
        For OVP formats, the outlier that survives in a pair of two: ``"larger"`` or ``"even"``.
    outliers : float or None
        For ``int<N>`` with an even N, at most that share of the codes need more than N/2 bits;
        the scale is in place of the method's.

    Returns
    -------
    Quantized
        ``name`` of the format, ``codes``, ``scale``, ``values`` and ``mse``; an operand of
        ``run``.

    Raises
    ------
    TypeError, ValueError
        If a format does not exist, or ``x`` has no finite numbers.
    """
    names = formats.split("+") if isinstance(formats, str) else list(formats)
    candidates = golden_formats.each(
        x, names, axis, method, pair_axis=pair_axis, both=both, outliers=outliers
    )
    best = golden_formats.best(candidates)
    return Quantized(
        best.name, best.codes, best.scale, best.mse, pair_axis=pair_axis, blocks=best.blocks
    )


def read_weights(name: str) -> "NDArray | golden_formats.BlockScaled":
    """Weights, K × N, in ``FILE.safetensors:NAME``: plain, GPTQ, AWQ, MX or NVFP4.

    The result is an operand of ``run``; see :func:`.weight_files.read_weights`.
    """
    return weight_files.read_weights(name)


def sweep(
    file: str | Path,
    *,
    out: str | Path = "out",
    resume: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Sweep:
    """Measures all points of a sweep file; see :func:`.sweeps.run_sweep`."""
    return run_sweep(str(file), out=out, resume=resume, workers=workers, scheduler=scheduler)


def compare(
    workload: str | Workload = "resnet18",
    *,
    rows: int = 8,
    cols: int = 8,
    area: float | None = None,
    density: float | None = None,
    sparsity: Sequence[str] = (),
    target: str | None = None,
    liberty: str | Path | None = None,
    pnr: bool = False,
    designs: Sequence[str] | None = None,
    workers: int | None = None,
) -> Comparison:
    """The designs side by side under a workload, by its name or its file; see
    :func:`.comparison.compare`."""
    return compare_designs(
        workloads.load(workload) if isinstance(workload, str) else workload,
        rows=rows,
        cols=cols,
        area=area,
        density=density,
        sparsity=sparsity,
        target=target,
        liberty=None if liberty is None else Path(liberty),
        pnr=pnr,
        designs=designs,
        workers=workers,
    )
