"""Values that every unit has to refuse, with the complete message, for each type of parameter.

Each function returns entries for a module's ``WRONG``: a good case, the changes to it, the
exception, and its message. See ``conftest.py``.
"""

__all__ = ["OUTPUTS", "choices", "formats", "integer_formats", "integers", "roundings"]

#: The outputs of engines with exact sums, as messages list them.
OUTPUTS = "'raw', 'bias', 'scale', 'shift', 'threshold', 'fp32', 'bf16' or 'fp16'"


def integers(good, name, subject, lowest, highest=None):
    """Values next to the range, and of other types."""
    if highest is not None:
        constraint = f"an integer from {lowest} to {highest}"
    elif lowest < 2:
        constraint = ("a non-negative integer", "a positive integer")[lowest]
    else:
        constraint = f"an integer of at least {lowest}"
    values = [lowest - 1, "4", True, *([highest + 1] if highest is not None else [])]
    return [_refusal(good, name, value, subject, constraint, int) for value in values]


def formats(good, name, subject):
    """A name that is nearly one, one that is not, no name, and sets that don't go together."""
    constraint = f"{subject} must be a number format, or several joined by +"
    widths = "must have formats of one width, or of 4 bits and besides int8, uint8 or ovp_int8"
    return [
        (good, {name: 8}, TypeError, f"{constraint}, not 8"),
        (good, {name: "flimt4"}, ValueError, f"{constraint}, not 'flimt4'; did you mean 'flint4'?"),
        (good, {name: "?"}, ValueError, f"{constraint}, not '?'; for example int8, flint4 or e4m3"),
        (
            good,
            {name: "int4+e4m3"},
            ValueError,
            f"{subject} {widths}, not 'int4+e4m3' of 4 and 8 bits",
        ),
        (
            good,
            {name: "int4+int4"},
            ValueError,
            f"{subject} must name each format once, not be 'int4+int4'",
        ),
    ]


def integer_formats(good, name, subject):
    """Names next to those of integer formats, another format's, and no name."""
    constraint = "int<N> or uint<N> with N from 2 to 16"
    values = ("int1", "uint17", "flint4", 8)
    return [_refusal(good, name, value, subject, constraint, str) for value in values]


def choices(good, name, subject, constraint):
    """Another name, and no name."""
    return [_refusal(good, name, value, subject, constraint, str) for value in ("other", 1)]


def roundings(good):
    """Another name, no name, and float32 where sums are not times a scale."""
    return [
        *choices(good, "rounding", "Rounding", "'exact' or 'float32'"),
        (
            good,
            {"output": "shift", "rounding": "float32"},
            ValueError,
            "Rounding must be exact with output=shift, not float32: only output=scale has products "
            "that a float32 may not hold",
        ),
    ]


def _refusal(good, name, value, subject, constraint, type_):
    error = ValueError if type(value) is type_ else TypeError
    return (good, {name: value}, error, f"{subject} must be {constraint}, not {value!r}")
