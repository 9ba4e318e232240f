"""Several formats, one of which is chosen at run time."""

from ..checks import check_relation
from .format import Format
from .half import Half
from .operand import Operand

__all__ = ["TypeSet"]


class TypeSet(Format):
    """Formats that one decoder can read, the type chosen at run time.

    All have codes of the same width; or of 4 bits, and besides ``int8``, ``uint8`` or ``ovp_int8``,
    which then are read half by half, the high half first: each is two types. Codes that are
    narrower than the widest stand in the high bits.

    Attributes
    ----------
    types : tuple of Format
        What the decoder tells apart; their indices are the run-time choice.
    split : bool
        Whether some formats are read half by half.
    """

    _WIDE = ("int8", "uint8", "ovp_int8")

    def __init__(self, members, subject):
        name = "+".join(member.name for member in members)
        check_relation(
            len({member.name for member in members}) == len(members),
            f"{subject} must name each format once, not be {name!r}",
        )
        bits = min(member.bits for member in members)
        types = []
        for member in members:
            if bits == 4 and member.name in self._WIDE:
                types += [Half(member, True), Half(member, False)]
            else:
                types.append(member)
        self.split = any(isinstance(type_, Half) for type_ in types)
        widths = sorted({type_.bits for type_ in types if not isinstance(type_, Half)})
        check_relation(
            len(widths) == 1,
            f"{subject} must have formats of one width, or of 4 bits and besides int8, uint8 or "
            f"ovp_int8, not {name!r} of {' and '.join(map(str, widths))} bits",
        )
        self._types = tuple(types)
        self._units = {member.unit for member in members}
        self.pair = any(type_.pair for type_ in types)
        super().__init__(
            name=name,
            bits=max(type_.bits for type_ in types),
            lowest=min(member.lowest for member in members),
            highest=max(member.highest for member in members),
            operand=Operand.union([type_.operand for type_ in types]),
        )

    @property
    def unit(self):
        check_relation(
            len(self._units) == 1,
            f"Formats must count in the same unit for sums that are rounded, not {self.name!r}",
        )
        return min(self._units)

    @property
    def types(self):
        return self._types
