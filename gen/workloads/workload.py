"""A network as a list of products of matrices."""

from dataclasses import asdict, dataclass

__all__ = ["LARGEST", "Layer", "Workload"]

#: Limit of M, K and N.
LARGEST = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Layer:
    """``count`` products of M × K and K × N matrices.

    ``weights`` and ``acts`` are the shares of those that are not zero, ``a_bits`` and ``w_bits``
    the widths of both, if they are known.
    """

    name: str
    count: int
    m: int
    k: int
    n: int
    weights: float = 1.0
    acts: float = 1.0
    a_bits: int | None = None
    w_bits: int | None = None

    @property
    def macs(self) -> int:
        """Multiply-adds of one product whose factors are not zero, as expected of the shares."""
        return max(1, round(self.m * self.k * self.n * self.weights * self.acts))

    def as_dict(self) -> dict:
        """The fields that are known."""
        return {name: value for name, value in asdict(self).items() if value is not None}


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
