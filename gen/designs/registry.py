"""The designs that can be named, and how their parameters are read from text."""

import contextlib
import difflib
from dataclasses import fields

from .base import Eie, GemmFusion, GemmOs, GemmWs

__all__ = ["DESIGNS", "closest", "design", "parameters_from_text", "values_from_text"]

#: Design name to the class of its parameters.
DESIGNS = {kind.design(): kind for kind in (GemmWs, GemmOs, GemmFusion, Eie)}


def closest(name, names):
    """The end of a message about a wrong name: one of ``names`` that is nearly it, if any is."""
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def design(name):
    """The parameter class of the design called ``name``.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in DESIGNS:
        raise ValueError(
            f"Design must be one of {', '.join(DESIGNS)}, not {name!r}{closest(name, DESIGNS)}"
        )
    return DESIGNS[name]


def parameters_from_text(name, settings):
    """Parameters of the design ``name`` with ``settings``, texts of the form ``NAME=VALUE``.

    Raises
    ------
    TypeError, ValueError
        If the design or a parameter does not exist, or a value is not allowed.
    """
    kind = design(name)
    return kind(**values_from_text(name, fields(kind), settings))


def values_from_text(owner, known, settings):
    """Values for some of the dataclass fields ``known`` of ``owner``, from texts ``NAME=VALUE``.

    Raises
    ------
    ValueError
        If a text is of another form, or its name is none of theirs or comes twice.
    """
    types = {item.name: item.type for item in known}
    values = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"Setting must be NAME=VALUE, not {setting!r}")
        if key not in types:
            raise ValueError(
                f"Parameter of {owner} must be one of {', '.join(types)}, not {key!r}"
                f"{closest(key, types)}"
            )
        if key in values:
            raise ValueError(f"Parameter {key} must be set once, not twice")
        values[key] = text
        if types[key] in (int, "int"):
            # A text that is no integer stays one: the unit's check says what it should be.
            with contextlib.suppress(ValueError):
                values[key] = int(text, 0)
    return values
