"""Phrases that messages of several commands share; imports nothing that takes time."""

import difflib
import json
import math
import shlex
from collections.abc import Iterable
from typing import Any

__all__ = [
    "closest",
    "difference",
    "errors",
    "finite",
    "print_json",
    "reproduce_command",
    "to_json",
]


def closest(name: object, names: Iterable[str]) -> str:
    """The end of a message about a wrong name: the most similar one of ``names``, or nothing.

    Capitals make no difference.
    """
    folded = {each.casefold(): each for each in names}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=1)
    return f"; did you mean {folded[close[0]]!r}?" if close else ""


def to_json(value: Any) -> str:
    """The text of a JSON file, or of a command's output.

    JSON has no numbers that are not finite; they become null.
    """
    return json.dumps(finite(value), indent=2, allow_nan=False) + "\n"


def print_json(value: Any) -> None:
    """Prints :func:`to_json`."""
    print(to_json(value), end="")


def finite(value: Any) -> Any:
    """A value for JSON with ``None`` in place of numbers that are not finite."""
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def errors(real, expected) -> dict[str, float]:
    """Errors of the results against the product of the numbers before they were quantized.

    ``relative`` is the norm of the errors over the norm of the product (or the former alone, for a
    product of zeros), ``largest`` the largest absolute error. Both arrays are of one shape. Where a
    number is beyond float64, the errors are not finite.
    """
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        off = real - expected
        largest, size = (float(np.abs(array).max()) for array in (off, expected))
        # The squares of magnitudes beyond 2^512 would not be finite, those below 2^-512 zero.
        norm, norm_off = (float(np.linalg.norm(array / (size or 1))) for array in (expected, off))
    return {"relative": norm_off / norm if norm else norm_off, "largest": largest}


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
