"""Output channel: bias, and requantization if there is any."""

import numpy as np

from ..arith.requantize import requantize

__all__ = ["output_channel"]


def output_channel(sums: list[int], values: dict[str, int], output: str) -> list[int]:
    """What becomes of the sums, Python integers, of one channel.

    ``values`` has the channel's ``bias``, and unless ``output`` is ``"bias"`` also ``shift``,
    ``zero_point``, ``low``, ``high`` and for ``"scale"`` ``multiplier``.
    """
    if output == "bias":
        return [value + values["bias"] for value in sums]
    values = {"multiplier": 1, **values}
    return requantize(np.array(sums, object), **values).tolist()
