"""Weight-stationary meshes: sums of words of activations."""

import numpy as np

from ...lib.bench import manifest
from ...lib.trace import Trace, late, skewed

__all__ = ["check_words"]


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
