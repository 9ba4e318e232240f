"""Number formats of operands and results."""

import difflib

from .dybit import DyBit
from .flint import Flint
from .integer import Aligned, Integer
from .olive import OutlierVictim
from .posit import Posit
from .power_of_two import AdditivePowerOfTwo, PowerOfTwo
from .small_float import AdaptivFloat, CFloat, SmallFloat
from .type_set import TypeSet

__all__ = ["get", "get_integer", "names", "plug", "plugged"]

_FAMILIES = (
    *(Integer, Aligned, PowerOfTwo, AdditivePowerOfTwo, Flint, SmallFloat),
    *(Posit, AdaptivFloat, CFloat, DyBit, OutlierVictim),
)

# Families of plug-ins, classes to the names of their formats.
_PLUGGED = {}


def plug(family, names):
    """Add the formats of a plug-in: a subclass of :class:`Format` with ``parse``, and the names."""
    _PLUGGED[family] = tuple(names)


def plugged(name):
    """The class of a plug-in that has the format called ``name``; ``None`` if there is none."""
    return next((family for family, names in _PLUGGED.items() if name in names), None)


def names():
    """The names of all formats, of ``gposit<N>_<ES>_<RS>`` some, of ``e<E>m<M>`` the standards'."""
    return [
        *(f"{sign}int{n}" for sign in ("", "u") for n in range(2, 17)),
        *(f"{sign}pot{n}" for sign in ("", "u") for n in range(2, 7)),
        *(f"apot{n}" for n in range(3, 8)),
        *(f"uapot{n}" for n in range(2, 7)),
        *(f"{sign}flint{n}" for sign in ("", "u") for n in range(3, 9)),
        *("e2m1", "e3m0", "e2m3", "e3m2", "e4m3", "e5m2", "fp16", "bf16", "tf32"),
        *(f"posit{n}_{es}" for n in range(3, 9) for es in range(3)),
        *("gposit4_1_2", "gposit6_1_2", "gposit8_0_3", "gposit8_1_3", "gposit8_2_2"),
        *(f"adaptivfloat{n}_{e}" for n in range(3, 9) for e in range(1, min(6, n))),
        *("cfloat8_e4m3", "cfloat8_e5m2", "cfloat16_e5m10"),
        *(f"{sign}dybit{n}" for sign in ("", "u") for n in range(3, 9)),
        *("ovp_int4", "ovp_flint4", "ovp_int8", "ovp_int8_e2m5"),
        *(name for plugged_names in _PLUGGED.values() for name in plugged_names),
    ]


def get(name, subject="Format"):
    """The format called ``name``, or a set of them, joined by ``+``: see :class:`TypeSet`.

    Raises
    ------
    TypeError
        If ``name`` is not a string.
    ValueError
        If there is no such format, or those of the set don't go together; the message begins with
        ``subject``.
    """
    wanted = f"{subject} must be a number format, or several joined by +"
    if not isinstance(name, str):
        raise TypeError(f"{wanted}, not {name!r}")
    members = [_parse(member_name) for member_name in name.split("+")]
    for member_name, member in zip(name.split("+"), members, strict=True):
        if member is None:
            close = difflib.get_close_matches(member_name, names(), n=1)
            hint = f"did you mean {close[0]!r}?" if close else "for example int8, flint4 or e4m3"
            raise ValueError(f"{wanted}, not {member_name!r}; {hint}")
    return members[0] if len(members) == 1 else TypeSet(members, subject)


def get_integer(name, subject="Format"):
    """The integer format called ``name``.

    Raises
    ------
    TypeError
        If ``name`` is not a string.
    ValueError
        If there is no such format; the message begins with ``subject``.
    """
    wanted = "int<N> or uint<N> with N from 2 to 16"
    if not isinstance(name, str):
        raise TypeError(f"{subject} must be {wanted}, not {name!r}")
    if (format_ := Integer.parse(name)) is None:
        raise ValueError(f"{subject} must be {wanted}, not {name!r}")
    return format_


def _parse(name):
    for family in _FAMILIES:
        if (format_ := family.parse(name)) is not None:
            return format_
    family = plugged(name)
    return family and family.parse(name)
