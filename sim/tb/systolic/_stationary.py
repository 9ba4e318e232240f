"""Weight-stationary meshes: sums of words of activations, and resets of weights on their way."""

from collections.abc import Mapping

import numpy as np

from ...lib.bench import Bench, manifest
from ...lib.trace import Trace, late, play, skewed

__all__ = ["check_words", "play_reset", "reset_moments"]

#: Most moments of a test: all of a small mesh, a sample of those of a large one.
_MOST = 12


def check_words(trace: Trace, psums: np.ndarray, checked: np.ndarray) -> None:
    """Compare what leaves the last row with the sums of each word, where ``checked``.

    Parameters
    ----------
    psums : words × columns
    checked : bools, one for each word
    """
    params = manifest().parameters
    delay = params["rows"] + params["pipeline"]
    rest = len(trace.words["psums"]) - len(psums)
    psums = skewed(np.pad(psums, ((0, rest), (0, 0))))
    where = skewed(np.repeat(np.pad(checked, (0, rest))[:, None], psums.shape[1], axis=1))
    trace.check("psums", late(psums, delay), late(where, delay))


def reset_moments(bench: Bench) -> list[int]:
    """Moments of :func:`play_reset`, in any order."""
    params = manifest().parameters
    moments = range(2 * (params["rows"] + params["cols"]))
    return bench.rng.sample(moments, min(_MOST, len(moments)))


async def play_reset(
    bench: Bench,
    sets: np.ndarray,
    acts: np.ndarray,
    moment: int,
    before: Mapping[str, int],
    after: Mapping[str, int],
) -> tuple[Trace, np.ndarray]:
    """Reset the mesh so many cycles after it begins to load a second set of weights.

    Each PE keeps the weights that it has loaded and that it uses, and nothing moves after the
    reset, until half of the activations have come. Then what is loaded comes into use.

    Parameters
    ----------
    sets : 2 × rows × columns
    acts : words × rows
        Activations from the reset on.
    before, after : dict
        Constant values of other inputs.

    Returns
    -------
    (Trace, array, words × rows × columns)
        From the reset on, and the weights that are in use for each word.
    """
    params = manifest().parameters
    rows, cols, words = params["rows"], params["cols"], len(acts)
    span = rows + cols  # more than a wavefront takes
    weights_width = next(port["width"] for port in manifest().ports if port["name"] == "weights")

    def idle(cycles, constant):
        flags = {name: np.zeros((cycles, rows), int) for name in ("acts", "shift", "swap")}
        lanes = bench.random.integers(0, 1 << weights_width // cols, (cycles, cols))
        others = {name: np.full(cycles, value) for name, value in constant.items()}
        return flags | others | {"weights": lanes}

    inputs = idle(4 * span, before)
    for number, values in enumerate(sets):
        begin = 2 * span * number
        for step in range(rows):
            inputs["weights"][begin + step] = values[rows - 1 - step]
            inputs["shift"][begin + step, : step + 1] = 1
            inputs["swap"][begin + span + step, step] = 1
    inputs["weights"] = skewed(inputs["weights"])
    end = 2 * span + moment
    await bench.reset()
    await play(bench, {name: values[:end] for name, values in inputs.items()})
    bench.dut.rst.value = 1
    await play(bench, {name: values[end : end + 1] for name, values in inputs.items()})
    bench.dut.rst.value = 0

    row, col = np.indices((rows, cols))
    # Steps in which the column has loaded weights; row ``n`` takes part from step ``n`` on.
    steps = np.clip(moment + 1 - col, 0, rows)
    loaded = np.where(steps > row, sets[1][np.minimum(rows - steps + row, rows - 1), col], sets[0])
    used = np.repeat(np.where(moment >= span + row + col, sets[1], sets[0])[None], words, 0)
    inputs = idle(words + span + params["pipeline"], after)
    inputs["acts"][:words] = acts
    inputs["acts"] = skewed(inputs["acts"])
    swap = words // 2
    for lane in range(rows):
        inputs["swap"][swap + lane, lane] = 1
    used[swap + (params["pipeline"] < 2) :] = loaded
    return await play(bench, inputs), used
