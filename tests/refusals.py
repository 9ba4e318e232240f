"""What every unit has to refuse, with the whole message, for each kind of parameter.

Each function gives entries for a module's ``WRONG``: a good case, what to change in it, the
exception, and its message. See ``conftest.py``.
"""

__all__ = ["choices", "formats", "integers"]


def integers(good, name, thing, lowest, highest=None):
    """Values next to the range, and of other types."""
    if highest is not None:
        wanted = f"an integer from {lowest} to {highest}"
    elif lowest < 2:
        wanted = ("a non-negative integer", "a positive integer")[lowest]
    else:
        wanted = f"an integer of at least {lowest}"
    values = [lowest - 1, "4", True, *([highest + 1] if highest is not None else [])]
    return [_refusal(good, name, value, thing, wanted, int) for value in values]


def formats(good, name, thing):
    """Names next to those of formats, and no name."""
    wanted = "int<N> or uint<N> with N from 2 to 16"
    return [_refusal(good, name, value, thing, wanted, str) for value in ("int1", "uint17", 8)]


def choices(good, name, thing, wanted):
    """Another name, and no name."""
    return [_refusal(good, name, value, thing, wanted, str) for value in ("other", 1)]


def _refusal(good, name, value, thing, wanted, kind):
    error = ValueError if type(value) is kind else TypeError
    return (good, {name: value}, error, f"{thing} must be {wanted}, not {value!r}")
