"""The matrix products of a convolution."""

from dataclasses import dataclass

from .workload import LARGEST

__all__ = ["Convolution"]


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A convolution of two dimensions, as networks have it, and its products.

    For each of ``groups`` groups of channels, M × K activations meet K × N weights: M is batch ·
    rows · columns of the output, K is rows · columns of the kernel · input channels of the group, N
    is the filters of the group. A depthwise convolution has as many groups as channels. Products
    with padding count as others do: the array computes them.

    Attributes
    ----------
    height, width, channels : int
        Of the input.
    filters : int
        Output channels of all groups together.
    kernel, stride, dilation : (int, int)
        For rows and columns.
    padding : (int, int, int, int) or "same"
        Zeros before the first row and column, and after the last ones, as in ONNX; ``"same"`` pads
        for an output of ⌈size / stride⌉ rows and columns.
    groups, batch : int

    Raises
    ------
    ValueError
        If the groups do not divide channels and filters, the kernel exceeds the padded input, or a
        product is too large; the message begins with a key.
    """

    height: int
    width: int
    channels: int
    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] | str = (0, 0, 0, 0)
    groups: int = 1
    batch: int = 1

    def __post_init__(self):
        for key in ("channels", "filters"):
            if getattr(self, key) % self.groups:
                raise ValueError(
                    f"groups must divide the {getattr(self, key)} {key}, and {self.groups} does not"
                )
        for axis, (name, size) in enumerate((("rows", self.height), ("columns", self.width))):
            if self._outputs(axis) < 1:
                padded = size + sum(self.padding[axis::2])
                raise ValueError(
                    f"kernel must fit into {padded} padded {name}, and spans {self._span(axis)}"
                )
        for name, value in zip("MKN", self.shape, strict=True):
            if value > LARGEST:
                raise ValueError(f"{name} of the product must be at most {LARGEST}, not {value}")

    def _span(self, axis):
        """Rows or columns from the first tap of the kernel to the last."""
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1

    def _outputs(self, axis):
        size, stride = (self.height, self.width)[axis], self.stride[axis]
        if self.padding == "same":
            return -(-size // stride)
        return (size + sum(self.padding[axis::2]) - self._span(axis)) // stride + 1

    @property
    def output(self) -> tuple[int, int]:
        """Rows and columns of the output."""
        return self._outputs(0), self._outputs(1)

    @property
    def shape(self) -> tuple[int, int, int]:
        """M, K and N of the product of each group."""
        rows, cols = self.output
        taps = self.kernel[0] * self.kernel[1]
        return (
            self.batch * rows * cols,
            taps * self.channels // self.groups,
            self.filters // self.groups,
        )
