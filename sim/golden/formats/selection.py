"""Which format suits an array best."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .block_quantizer import block_errors, is_block_spec, quantize_blocks
from .block_scaled import BlockScaled
from .quantizer import errors, quantize

__all__ = ["Quantized", "best", "each", "select"]


class Quantized(NamedTuple):
    """An array in a format, as of ``quantize``, and its errors.

    ``mse`` is the mean squared error, and ``relative`` its ratio to the mean square of the array,
    which compares formats where squares are beyond float64, too. Of formats with scales for blocks
    ``blocks`` has all, and ``scale`` the real scales of the blocks.
    """

    name: str
    codes: np.ndarray
    scale: np.ndarray
    mse: float
    relative: float
    blocks: BlockScaled | None = None


def each(
    x: ArrayLike,
    names: Sequence[str],
    axis: int | None = None,
    method: str = "mse",
    *,
    pair_axis: int = -1,
    both: str = "larger",
    outliers: float | None = None,
) -> list[Quantized]:
    """``x`` in every one of the formats ``names``; parameters and errors are those of ``quantize``,
    and ``ValueError`` if there are no names.

    Of a format with scales for blocks (:func:`.quantize_blocks`) ``axis`` is that along which
    blocks lie, 0 by default. Of another format it has a scale for each index, so that formats of
    both kinds go together without an axis only.
    """
    if not names:
        raise ValueError("Formats must be at least one, not none")
    blocked = [name for name in names if is_block_spec(name)]
    if blocked and axis is not None and len(blocked) < len(names):
        raise ValueError(
            f"Formats must be all with scales for blocks, as {blocked[0]}, or none, for an axis: "
            "blocks lie along it, other scales are one for each index"
        )
    if blocked and outliers is not None:
        raise ValueError(f"Format must be int<N> for outliers, not {blocked[0]}")
    results = []
    for name in names:
        if name in blocked:
            blocks = quantize_blocks(x, name, 0 if axis is None else axis, method)
            scale = blocks.scale_values.astype(np.float64) * blocks.tensor_scale
            error = block_errors(x, blocks)
            results.append(Quantized(blocks.name, blocks.codes, scale, *error, blocks))
            continue
        codes, scale = quantize(
            x, name, axis, method, pair_axis=pair_axis, both=both, outliers=outliers
        )
        error = errors(x, codes, scale, name, pair_axis=pair_axis)
        results.append(Quantized(name, codes, scale, *error))
    return results


def best(candidates: Sequence[Quantized]) -> Quantized:
    """The one with the least squared error, of equal ones the first."""
    return min(candidates, key=lambda candidate: candidate.relative)


def select(
    x: ArrayLike,
    names: Sequence[str],
    axis: int | None = None,
    *,
    pair_axis: int = -1,
    both: str = "larger",
) -> tuple[str, np.ndarray, np.ndarray]:
    """ANT's choice for an array: the format with the least squared error, of equal ones the first.

    Every format has the scales that the method ``"mse"`` finds for it; the format is the same for
    the whole array. Returns its name, the codes and the scale; parameters and errors are those of
    :func:`each`.
    """
    choice = best(each(x, names, axis, pair_axis=pair_axis, both=both))
    return choice.name, choice.codes, choice.scale
