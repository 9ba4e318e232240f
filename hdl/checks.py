"""Parameter checks whose messages tell what is wrong, what was expected, and with what value."""

__all__ = ["check_choice", "check_integer", "check_relation"]


def check_integer(subject, value, lowest, highest=None):
    """Check that ``value`` is an integer from ``lowest`` to ``highest`` (both included).

    Raises
    ------
    TypeError
        If ``value`` is not an integer; ``True`` and ``False`` are not.
    ValueError
        If it is out of range.
    """
    if highest is not None:
        wanted = f"an integer from {lowest} to {highest}"
    else:
        wanted = {0: "a non-negative integer", 1: "a positive integer"}.get(
            lowest, f"an integer of at least {lowest}"
        )
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{subject} must be {wanted}, not {value!r}")
    if value < lowest or (highest is not None and value > highest):
        raise ValueError(f"{subject} must be {wanted}, not {value!r}")


def check_choice(subject, value, choices):
    """Check that ``value`` is one of the strings ``choices``.

    Raises
    ------
    TypeError
        If ``value`` is not a string.
    ValueError
        If it is none of ``choices``.
    """
    wanted = " or ".join([", ".join(map(repr, choices[:-1])), repr(choices[-1])])
    if not isinstance(value, str):
        raise TypeError(f"{subject} must be {wanted}, not {value!r}")
    if value not in choices:
        raise ValueError(f"{subject} must be {wanted}, not {value!r}")


def check_relation(holds, message):
    """Raise :exc:`ValueError` with ``message``, which shows the derivation, unless ``holds``."""
    if not holds:
        raise ValueError(message)
