"""Output channel: bias, and requantization if there is any."""

import numpy as np

from ..arith.requantize import requantize

__all__ = ["output_channel"]


def output_channel(
    sums: list[int], values: dict[str, int], output: str, rounding: str
) -> list[int]:
    """What becomes of the sums, Python integers, of one channel.

    ``values`` has the channel's ``bias``, for ``"threshold"`` ``flip``, for ``"scale"`` and
    ``"shift"`` ``shift``, ``zero_point``, ``low``, ``high``, for ``"scale"`` ``multiplier``.
    ``rounding`` is ``"exact"``, or for ``"scale"`` ``"float32"``.
    """
    if output == "threshold":
        reached = [value >= -values["bias"] for value in sums]
        return [int(not each if values["flip"] else each) for each in reached]
    if output == "bias":
        return [value + values["bias"] for value in sums]
    values = {"multiplier": 1, **values}
    return requantize(np.array(sums, object), **values, rounding=rounding).tolist()
