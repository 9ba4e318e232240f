"""A network as a list of products of matrices."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from .sparsity import DENSE, Sparsity

__all__ = ["LARGEST", "Layer", "Workload"]

#: Limit of M, K and N.
LARGEST = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Layer:
    """``count`` products of M × K and K × N matrices.

    Attributes
    ----------
    name : str
    count, m, k, n : int
    weights, acts : float
        Shares of those that are not zero.
    pattern, blocks : str or None, int or None
        How these weights lie: see :class:`Sparsity`.
    dynamic : bool
        Whether the second matrix is computed, as in attention, and so never pruned.
    a_bits, w_bits : int or None
        Widths of activations and weights, if they are known.
    """

    name: str
    count: int
    m: int
    k: int
    n: int
    weights: float = 1.0
    acts: float = 1.0
    pattern: str | None = None
    blocks: int | None = None
    dynamic: bool = False
    a_bits: int | None = None
    w_bits: int | None = None

    @property
    def macs(self) -> int:
        """Multiply-adds of one product whose factors are not zero, as expected of the shares."""
        return max(1, round(self.m * self.k * self.n * self.weights * self.acts))

    def as_dict(self) -> dict:
        """The fields that are known."""
        return {name: value for name, value in asdict(self).items() if value not in (None, False)}

    @property
    def sparsity(self) -> Sparsity:
        """Of the weights."""
        return Sparsity(self.weights, self.pattern, self.blocks)

    def pruned(self, sparsity: Sparsity) -> "Layer":
        """The layer with other weights, unless it is dynamic."""
        return self if self.dynamic else replace(self, **sparsity._asdict())

    def dense(self, sparsity: Sparsity = DENSE) -> "Layer":
        """The layer without zeros, but for those of its weights that ``sparsity`` describes."""
        return replace(self, acts=1.0, **sparsity._asdict())


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A network."""

    name: str
    title: str
    source: str
    note: str
    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        return sum(layer.count * layer.macs for layer in self.layers)

    @property
    def is_sparse(self) -> bool:
        """Whether a layer says how its weights are sparse."""
        return any(layer.sparsity != DENSE for layer in self.layers)

    def each(self, name: str, layer: Callable[[Layer], Layer]) -> "Workload":
        """A workload of that name with a function of each layer."""
        return replace(self, name=name, layers=tuple(map(layer, self.layers)))
