"""The matrices of ``brickwork run``: codes, or numbers that are quantized to them."""

from dataclasses import dataclass

import numpy as np

from ...sim.golden import formats
from ..lib.files import read_array, read_quantized

__all__ = ["Matrices", "Matrix", "matrices"]


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A matrix as an engine gets it.

    Attributes
    ----------
    codes : int64 array
        Of the format; of an integer format the integers themselves.
    type : str
        Name of the format: the design's, or one of the several it has.
    scale : float64 array or None
        Real numbers are the codes' values times this, which has the matrix's two dimensions or
        one element; ``None`` if only codes were given.
    numbers : float64 array or None
        What was quantized.
    """

    codes: np.ndarray
    type: str
    scale: np.ndarray | None = None
    numbers: np.ndarray | None = None

    @property
    def unit(self) -> np.ndarray:
        """What one unit of an operand is worth."""
        return formats.get(self.type).unit * (1.0 if self.scale is None else self.scale)

    def values(self, axis: int) -> np.ndarray:
        """The numbers before they were quantized, or what the codes stand for."""
        if self.numbers is not None:
            return self.numbers
        return formats.decode(self.codes, self.type, axis=axis) * (
            1.0 if self.scale is None else self.scale
        )


@dataclass(frozen=True, kw_only=True)
class Matrices:
    """A (M × K) and W (K × N).

    Attributes
    ----------
    padded : bool
        Whether a zero was added to an odd K, for formats of pairs.
    """

    a: Matrix
    w: Matrix
    padded: bool

    @property
    def real(self) -> bool:
        """Whether scales are known, so that results stand for real numbers."""
        return self.a.scale is not None or self.w.scale is not None

    def dequantized(self, y: np.ndarray) -> np.ndarray:
        """Raw results as real numbers."""
        return y * self.a.unit * self.w.unit

    def expected(self) -> np.ndarray:
        """The product in float64, without quantization where numbers were given."""
        return self.a.values(1) @ self.w.values(0)


def matrices(options, parameters, modes: dict) -> Matrices:
    """Reads A and W, and quantizes what are not integers.

    A has one scale, W one for each column. Of several formats that ``modes`` leave numbers are in
    the one with the least squared error, and integers in the first.

    Raises
    ------
    OSError, TypeError, ValueError
        If a file cannot be read or does not hold such a matrix, or the two don't fit together.
    """
    a_read = _read(options.a, "A", "M × K")
    w_read = _read(options.w, "W", "K × N")
    k = a_read[0].shape[1]
    if k != len(w_read[0]):
        raise ValueError(f"A has {k} columns, W has {len(w_read[0])} rows: K must be the same")
    parameters.check_k(k, modes)
    names = {side: parameters.formats(side, modes) for side in "aw"}
    padded = k % 2 == 1 and any(formats.get(name).pair for side in names for name in names[side])
    found = {}
    for side, thing, (values, scale, kind), axis in (
        ("a", "A", a_read, None),
        ("w", "W", w_read, 1),
    ):
        k_axis = 1 if side == "a" else 0
        if padded:
            values = np.pad(values, [(0, int(at == k_axis)) for at in (0, 1)])
        if kind is not None and kind not in names[side]:
            raise ValueError(
                f"{thing} is in the format {kind}, not in {' or '.join(names[side])}; "
                f"use {parameters.remedy(side, kind)}"
            )
        given = [kind] if kind else names[side]
        if values.dtype.kind == "f":
            try:
                best = min(
                    formats.each(values, given, axis, pair_axis=k_axis), key=lambda one: one.mse
                )
            except ValueError as error:
                raise ValueError(f"{thing} cannot be quantized: {error}") from None
            found[side] = Matrix(
                codes=best.codes.astype(np.int64),
                type=best.name,
                scale=np.asarray(best.scale),
                numbers=values.astype(np.float64),
            )
        else:
            codes = _checked(values, given[0], thing, parameters, side)
            found[side] = Matrix(codes=codes, type=given[0], scale=scale)
    return Matrices(**found, padded=padded)


def _read(path, thing, shape):
    """Values, and their scale and format if the file tells them."""
    found = read_quantized(path, thing)
    values, scale, kind = found or (read_array(path, thing), None, None)
    if values.ndim != 2:
        plural = "" if values.ndim == 1 else "s"
        raise ValueError(
            f"{thing} must be a matrix ({shape}), not an array of {values.ndim} dimension{plural}"
        )
    if not values.size:
        raise ValueError(
            f"{thing} must have at least one row and one column, not the shape {values.shape}"
        )
    if scale is not None and scale.size > 1 and (thing == "A" or scale.shape[0] != 1):
        per = "one" if thing == "A" else "one, or one for each column"
        raise ValueError(f"Scale of {thing} must be {per}, not of the shape {scale.shape}")
    return values, scale, kind


def _checked(values, name, thing, parameters, side):
    fmt = formats.get(name)
    try:
        return formats.check_values(values, fmt, thing)
    except ValueError as error:
        wider = f"; {_wider(values, parameters, side)}" if fmt.family in ("int", "uint") else ""
        raise ValueError(f"{error}{wider}") from None


def _wider(values, parameters, side):
    """What to set so that all values are in range."""
    lowest, highest = int(values.min()), int(values.max())
    if lowest < 0:
        name, bits = "int", max((-lowest - 1).bit_length(), highest.bit_length()) + 1
    else:
        name, bits = "uint", highest.bit_length()
    if bits > 16:
        return f"no format has values from {lowest} to {highest}"
    return f"use {parameters.remedy(side, f'{name}{max(bits, 2)}')}"
