"""Phrases that messages of several commands share; imports nothing that takes time."""

import difflib
import shlex
from collections.abc import Iterable

__all__ = ["closest", "difference", "errors", "reproduce_command"]


def closest(name: object, names: Iterable[str]) -> str:
    """The end of a message about a wrong name: the most similar one of ``names``, or nothing."""
    close = difflib.get_close_matches(str(name), list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def errors(real, expected) -> dict[str, float]:
    """Errors of the results against the product of the numbers before they were quantized.

    ``relative`` is the norm of the errors over the norm of the product (or the former alone, for a
    product of zeros), ``largest`` the largest absolute error. Both arrays are of one shape.
    """
    import numpy as np

    off = real - expected
    norm = float(np.linalg.norm(expected))
    return {
        "relative": float(np.linalg.norm(off)) / norm if norm else float(np.linalg.norm(off)),
        "largest": float(np.abs(off).max()),
    }


def difference(y, expected) -> str:
    """The number of wrong results, and the first of them; the arrays must differ."""
    import numpy as np

    wrong = y != expected
    first = np.unravel_index(int(wrong.argmax()), wrong.shape)
    count = int(wrong.sum())
    index = ", ".join(map(str, first))
    return (
        f"{count} of {wrong.size} results {'differs' if count == 1 else 'differ'} from the golden "
        f"model, the first Y[{index}] = {y[first]}, not {expected[first]}"
    )


def reproduce_command(options) -> str:
    """The command line of ``options``, with its seed and with waves."""
    more = [] if options.waves else ["--waves"]
    if not any(argument.startswith("--seed") for argument in options.argv):
        more += ["--seed", str(options.seed)]
    return shlex.join(["brickwork", *options.argv, *more])
