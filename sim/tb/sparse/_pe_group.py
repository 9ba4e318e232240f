"""What the benches of groups of weights with shared lanes of activations have in common."""

import numpy as np

from ...golden import formats
from ...lib.bench import manifest
from ...lib.trace import late, play

__all__ = ["check_group"]


async def check_group(bench, golden, *, words, choices, operands, sums, moves, length=400):
    """Operands and sums drawn by the functions; ``moves`` is how often weights move.

    Parameters
    ----------
    golden : function
        Of the inputs: ``weights_o``, weight and index, and ``psums_o``; and where the sums count.
    words, choices : int
        Numbers of shadow registers and of indices.
    """
    params = manifest().parameters
    a, w = formats.get(params["a_format"]), formats.get(params["w_format"])
    draw = bench.random
    acts = operands(a, (length, params["group_lanes"]))
    weights, indices = operands(w, length), draw.integers(0, choices, length)
    shift = (draw.random((length, words)) < moves).astype(int)
    swap = (draw.random(length) < moves).astype(int)
    settled = 2 * words + 6
    shift[:words], swap[words] = 1, 1
    psums = sums(params["psum_width"], length)
    word = weights & ((1 << w.bits) - 1) | indices << w.bits
    await bench.reset()
    inputs = {"acts": acts, "shift": shift, "swap": swap, "weights": word, "psums": psums}
    trace = await play(bench, inputs)
    moved, index, totals, valid = golden(acts, shift, swap, weights, indices, psums)
    cycles = np.arange(length)
    for port in ("acts", "shift", "swap"):
        values = late(inputs[port], 1)
        trace.check(
            f"{port}_o", values, np.broadcast_to((cycles >= 1)[:, None], (length, values[0].size))
        )
    word = moved & ((1 << w.bits) - 1) | index << w.bits
    trace.check("weights_o", word, cycles >= words)
    trace.check("psums_o", totals, (cycles >= settled) & valid)
