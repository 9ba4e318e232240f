"""The formats that can be named."""

import difflib
import functools
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ... import plugins
from .adaptivfloat import adaptivfloat
from .dybit import dybit, udybit
from .flint import flint, uflint
from .format import Format
from .integer import one_bit, signed_integer, unsigned_integer
from .olive import PAIRS, pair_format
from .posit import gposit, posit
from .power_of_two import apot, pot, uapot, upot
from .small_float import (
    CFLOATS,
    EXPONENTS,
    FLOATS,
    MANTISSAS,
    any_float,
    configurable_float,
    small_float,
)

__all__ = ["FAMILIES", "Family", "families", "get", "get_integer", "names"]


@dataclass(frozen=True)
class Family:
    """Names of one grammar, such as ``posit<N>_<es>``, and what makes their formats.

    Members
    -------
    grammar : str
    make : callable
        Makes a format of its name and the numbers in it.
    ranges : tuple of ranges
        What each number is from; a function where that depends on the numbers before it.
    meaning : str
        In a line.
    listed : tuple of str or None
        The names that :meth:`names` has where all would be too many; ``None`` for all.
    """

    grammar: str
    make: Callable[..., Format]
    ranges: tuple[range | Callable[..., range], ...]
    meaning: str
    listed: tuple[str, ...] | None = None

    def match(self, name: str) -> list[int] | None:
        """The numbers in ``name``, or ``None`` if it is not of this grammar."""
        pattern = re.sub("<.*?>", "(0|[1-9][0-9]*)", self.grammar)
        matched = re.fullmatch(pattern, name)
        return matched and [int(number) for number in matched.groups()]

    def check(self, numbers: list[int]) -> None:
        """Raises ``ValueError`` if a number is out of its range."""
        variables = re.findall("<(.*?)>", self.grammar)
        for i, number in enumerate(numbers):
            values = self._range(numbers[:i])
            if number not in values:
                condition = (
                    f" with {variables[0]} = {numbers[0]}" if callable(self.ranges[i]) else ""
                )
                raise ValueError(
                    f"Format {self.grammar} takes {variables[i]} from {values[0]} to {values[-1]}"
                    f"{condition}, not {number}"
                )

    def limits(self) -> str:
        """The widest ranges of the numbers, such as ``E from 2 to 5, M from 0 to 10``."""
        widest, words = [], []
        for variable in re.findall("<(.*?)>", self.grammar):
            values = self._range(widest)
            words.append(f"{variable} from {values[0]} to {values[-1]}")
            widest.append(values[-1])
        return ", ".join(words)

    def names(self) -> Iterator[str]:
        """The names that lists have."""
        if self.listed is not None:
            yield from self.listed
            return
        for numbers in self._numbers(()):
            pieces = re.split("<.*?>", self.grammar)
            yield "".join(
                f"{piece}{number}"
                for piece, number in itertools.zip_longest(pieces, numbers, fillvalue="")
            )

    def _numbers(self, selection):
        if len(selection) == len(self.ranges):
            yield selection
            return
        for number in self._range(selection):
            yield from self._numbers((*selection, number))

    def _range(self, before):
        values = self.ranges[len(before)]
        return values(*before) if callable(values) else values


def _fixed(name, make, meaning):
    return Family(name, make, (), meaning)


_FLOAT_MEANINGS = {
    "fp16": "IEEE 754's half precision",
    "bf16": "bfloat16, without integer operands",
    "tf32": "TensorFloat-32, without integer operands",
}

FAMILIES = (
    Family("int<N>", signed_integer, (range(2, 17),), "integers, two's complement"),
    Family("uint<N>", unsigned_integer, (range(2, 17),), "integers without sign"),
    Family("pot<N>", pot, (range(2, 7),), "powers of two, with sign bit"),
    Family("upot<N>", upot, (range(2, 7),), "powers of two without sign"),
    Family("flint<N>", flint, (range(3, 9),), "ANT's float-int, with sign bit"),
    Family("uflint<N>", uflint, (range(3, 9),), "ANT's float-int without sign"),
    Family("apot<N>", apot, (range(3, 8),), "sums of powers of two, with sign bit"),
    Family("uapot<N>", uapot, (range(2, 7),), "sums of powers of two without sign"),
    *(_fixed(name, small_float, _FLOAT_MEANINGS.get(name, "small floats")) for name in FLOATS),
    Family("posit<N>_<es>", posit, (range(3, 9), range(0, 3)), "posits"),
    Family(
        "gposit<N>_<es>_<rs>",
        gposit,
        (range(3, 9), range(0, 3), lambda bits, _: range(1, bits)),
        "ALPS's posits with regimes of at most rs bits",
        listed=("gposit4_1_2", "gposit6_1_2", "gposit8_0_3", "gposit8_1_3", "gposit8_2_2"),
    ),
    Family(
        "adaptivfloat<N>_<e>",
        adaptivfloat,
        (range(3, 9), lambda bits: range(1, min(5, bits - 1) + 1)),
        "AdaptivFloat: floats without subnormals, with a bias for each tensor",
    ),
    *(_fixed(name, configurable_float, "CFloat, with a bias for each tensor") for name in CFLOATS),
    Family("dybit<N>", dybit, (range(3, 9),), "DyBit, with sign bit (experimental)"),
    Family("udybit<N>", udybit, (range(3, 9),), "DyBit without sign (experimental)"),
    *(_fixed(name, pair_format, "OliVe's outlier-victim pairs") for name in PAIRS),
    # After the standard ones, which keep their NaN and infinities.
    Family(
        "e<E>m<M>",
        any_float,
        (EXPONENTS, MANTISSAS),
        "small floats without NaN and infinities",
        listed=(),
    ),
)

#: Operands of one bit: not of those engines that take any format.
ONE_BIT = (
    _fixed("bin", one_bit, "-1 and 1, as 0 and 1"),
    _fixed("bit", one_bit, "0 and 1"),
)


def families() -> list[Family]:
    """All families, those of plug-ins last."""
    plugged = (each.plugin.formats.values() for each in plugins.loaded())
    return [*FAMILIES, *itertools.chain.from_iterable(plugged)]


def names() -> list[str]:
    """The names of all formats."""
    return [name for family in families() for name in family.names()]


def get(name: str) -> Format:
    """The format called ``name``; the same object every time.

    Raises
    ------
    ValueError
        There is none.
    """
    return _get(name) if isinstance(name, str) else _refuse(name)


def get_integer(name: str) -> Format:
    """The format called ``name``: ``int<N>`` or ``uint<N>``, N from 2 to 16.

    Raises
    ------
    ValueError
        For every other name.
    """
    for family in FAMILIES[:2] if isinstance(name, str) else ():
        numbers = family.match(name)
        if numbers and numbers[0] in family.ranges[0]:
            return _get(name)
    raise ValueError(f"Format must be int<N> or uint<N> with N from 2 to 16, not {name!r}")


@functools.cache
def _get(name):
    for family in (*families(), *ONE_BIT):
        numbers = family.match(name)
        if numbers is not None:
            family.check(numbers)
            return family.make(name, *numbers)
    return _refuse(name)


def _refuse(name):
    from .block_quantizer import is_block_spec  # which has formats of this catalogue

    if is_block_spec(name):
        raise ValueError(
            f"Format must be a format of single numbers, not {name!r}, which has scales for blocks"
        )
    close = isinstance(name, str) and difflib.get_close_matches(name.lower(), names(), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "see: brickwork formats"
    raise ValueError(f"Format must be a number format, not {name!r}; {hint}")
