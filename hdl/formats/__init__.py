"""Number formats of operands and results."""

from .integer import Integer

__all__ = ["Integer", "get"]


def get(name, thing="Format"):
    """The format called ``name``.

    Raises
    ------
    TypeError
        If ``name`` is not a string.
    ValueError
        If there is no such format; the message begins with ``thing``.
    """
    wanted = "int<N> or uint<N> with N from 2 to 16"
    if not isinstance(name, str):
        raise TypeError(f"{thing} must be {wanted}, not {name!r}")
    if (found := Integer.parse(name)) is None:
        raise ValueError(f"{thing} must be {wanted}, not {name!r}")
    return found
