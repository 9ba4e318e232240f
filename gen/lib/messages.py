"""What ``brickwork run`` says about results."""

import shlex

import numpy as np

__all__ = ["again", "difference", "errors"]


def errors(real: np.ndarray, expected: np.ndarray) -> dict[str, float]:
    """How far results are from the product of the numbers before they were quantized."""
    off = real - expected
    size = float(np.linalg.norm(expected))
    return {
        "relative": float(np.linalg.norm(off)) / size if size else float(np.linalg.norm(off)),
        "largest": float(np.abs(off).max()),
    }


def difference(y: np.ndarray, expected: np.ndarray) -> str:
    """How many results are wrong, and the first of them."""
    wrong = y != expected
    first = np.unravel_index(int(wrong.argmax()), wrong.shape)
    count = int(wrong.sum())
    where = ", ".join(map(str, first))
    return (
        f"{count} of {wrong.size} results {'differs' if count == 1 else 'differ'} from the golden "
        f"model, the first Y[{where}] = {y[first]}, not {expected[first]}"
    )


def again(options) -> str:
    """The same command, with its seed and with waves."""
    more = [] if options.waves else ["--waves"]
    if not any(argument.startswith("--seed") for argument in options.argv):
        more += ["--seed", str(options.seed)]
    return shlex.join(["brickwork", *options.argv, *more])
