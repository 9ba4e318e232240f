"""Steps of the rows of a window walk, in words."""

__all__ = ["window_steps"]


def window_steps(pitch: int, iy0: int, sy: int, dy: int, address_width: int) -> dict[str, int]:
    """``start``, ``window`` and ``tap``: the pitch of rows times offset, stride and dilation.

    ``sy`` and ``dy`` are 1 to 8; results are modulo 2^address_width.
    """
    products = {"start": iy0 * pitch, "window": sy * pitch, "tap": dy * pitch}
    return {name: product % (1 << address_width) for name, product in products.items()}
