"""A user's operands of a product: arrays, quantized arrays, sparse matrices."""

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Operands", "Source"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A matrix.

    Attributes
    ----------
    values : numpy array or scipy sparse matrix
        Numbers, or codes of the format ``type``.
    scale : numpy array or None
        Factor from the codes' values to real numbers.
    type : str or None
        The format of the codes of a quantized matrix.
    blocks : BlockScaled or None
        A matrix with scales for blocks; ``values`` are its codes then, and ``scale`` and ``type``
        are ``None``.
    """

    values: Any
    scale: Any = None
    type: str | None = None
    blocks: Any = None

    @classmethod
    def of(cls, matrix) -> "Source":
        """A source itself, an array, a sparse matrix, or the result of a quantization."""
        if isinstance(matrix, cls):
            return matrix
        if (blocks := getattr(matrix, "blocks", None)) is not None:
            matrix = blocks
        if hasattr(matrix, "scale_format"):
            return cls(values=matrix.codes, blocks=matrix)
        if hasattr(matrix, "codes"):
            return cls(values=matrix.codes, scale=matrix.scale, type=matrix.name)
        if hasattr(matrix, "tocoo"):
            return cls(values=matrix)
        from ...sim.golden.formats import as_numpy

        return cls(values=as_numpy(matrix))

    @property
    def is_sparse(self) -> bool:
        return hasattr(self.values, "tocoo")

    @property
    def size(self) -> str:
        """The size of a sparse matrix in words."""
        shape = "×".join(map(str, self.values.shape))
        return f"a sparse matrix of {shape} with {self.values.nnz} entries"

    def numbers(self, axis: int):
        """The values, or the numbers that the codes of a format stand for.

        OVP pairs are neighbours along ``axis``.
        """
        if self.blocks is not None:
            return self.blocks.values
        if self.type is None:
            return self.values
        from ...sim.golden.formats import decode

        return decode(self.values, self.type, axis=axis) * self.scale

    def transposed(self) -> "Source":
        if self.blocks is not None:
            return Source.of(self.blocks.transposed())
        scale = self.scale
        if scale is not None and getattr(scale, "ndim", 0) == 2:
            scale = scale.T
        return Source(values=self.values.T, scale=scale, type=self.type)


@dataclass(frozen=True, kw_only=True, eq=False)
class Operands:
    """A (M × K), W (K × N), modes, and further operands of a product.

    Attributes
    ----------
    a, w : Source
    modes : dict
        Modes that are set at run time.
    options : dict
        Operands of some designs only, by name; see their ``OPTIONS``.
    """

    a: Source
    w: Source
    modes: dict[str, int | str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
