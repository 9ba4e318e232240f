"""How windows walk over an input."""

from dataclasses import dataclass

__all__ = ["MOST_SIZE", "Window", "window_over"]

#: What the fields of instructions hold.
_MOST_KERNEL, _MOST_STEP, _MOST_PADDING, MOST_SIZE = 16, 8, 32, 2048


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window of rows and columns; ``start`` is the first tap of the first window."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    start: tuple[int, int]

    def fields(self, x, piece, offset=(0, 0)) -> tuple[int, dict]:
        """Words that the address of an input skips, and fields of MATRIX and VECTOR.

        For a piece of the output; ``offset`` is the first tap that counts.
        """
        (kh, kw), (sy, sx), (dy, dx) = self.kernel, self.stride, self.dilation
        skip_y, iy0, ih = _from(piece.y * sy + self.start[0] + offset[0], x.shape[1])
        skip_x, ix0, iw = _from(piece.x * sx + self.start[1] + offset[1], x.shape[2])
        return skip_y * x.row + skip_x, {
            **{"kh": kh, "kw": kw, "sy": sy, "sx": sx, "dy": dy, "dx": dx},
            **{"iy0": iy0, "ix0": ix0, "ih": ih, "iw": iw},
        }


def _from(first, bound):
    """Rows that are skipped, the first row behind them, and their bound.

    So that windows anywhere in a large input begin at a small coordinate.
    """
    skip = min(max(first, 0), bound - 1)
    return skip, first - skip, bound - skip


def window_over(x, kernel, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1)):
    """A window over a tensor, with height and width of its output."""
    limits = (
        ("Kernel", kernel, 1, _MOST_KERNEL),
        ("Stride", stride, 1, _MOST_STEP),
        ("Dilation", dilation, 1, _MOST_STEP),
        ("Padding", padding, 0, _MOST_PADDING),
        ("Size of the input", x.shape[1:], 1, MOST_SIZE),
    )
    for subject, values, low, high in limits:
        for value in values:
            if not low <= value <= high:
                raise ValueError(f"{subject} must be from {low} to {high}, not {value}")
    top, left, bottom, right = padding
    shape = []
    for axis, pad in enumerate((top + bottom, left + right)):
        size, reach = x.shape[1 + axis] + pad, (kernel[axis] - 1) * dilation[axis] + 1
        if reach > size:
            raise ValueError(
                f"Input with padding must have at least {reach} {('rows', 'columns')[axis]}, not "
                f"{size}"
            )
        shape.append((size - reach) // stride[axis] + 1)
    view = Window(kernel=kernel, stride=stride, dilation=dilation, start=(-top, -left))
    return view, tuple(shape)
