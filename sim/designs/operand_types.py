"""Operands of an engine as its streams carry them: lanes of codes, each word of one type."""

import numpy as np

from ..golden import formats

__all__ = ["Side"]


class Side:
    """The formats of activations or of weights.

    Where there are several they are called members. Each is one type of the hardware; but beside
    formats of 4 bits ``int8``, ``uint8`` and ``ovp_int8`` are two, their high and low halves. In a
    lane that is wider than its code the code stands in the high bits.

    Parameters
    ----------
    name : str
        The engine's parameter ``a_format`` or ``w_format``: members joined by ``+``.

    Attributes
    ----------
    members : dict
        Name to format.
    types : list of (str, str)
        For each type, in the order of their indices, its member and
        ``"high"``, ``"low"`` or ``""``.
    pair : bool
        Whether a member has pairs, so that every K has to be even.
    """

    def __init__(self, name: str):
        self.members = {part: formats.get(part) for part in name.split("+")}
        narrow = min(fmt.bits for fmt in self.members.values())
        self.types = []
        for member, fmt in self.members.items():
            halves = ("high", "low") if fmt.bits > narrow else ("",)
            self.types += [(member, half) for half in halves]
        self.pair = any(fmt.pair for fmt in self.members.values())
        whole = [self.members[member] for member, half in self.types if half]
        self.split = bool(whole)
        # Whether a number is an outlier cannot be told from half of its code.
        self.bits = 8 if any(fmt.pair for fmt in whole) else narrow

    def choose(self, member: str | None) -> str:
        """The member of that name, or with ``None`` the first.

        Raises
        ------
        ValueError
            If there is no such member.
        """
        if member is None:
            return next(iter(self.members))
        if member not in self.members:
            raise ValueError(f"Type must be one of {', '.join(self.members)}, not {member!r}")
        return member

    def lanes(self, codes: np.ndarray, member: str) -> list[tuple[int, np.ndarray]]:
        """Codes as lanes: for each type that they take its index and the lanes."""
        fmt = self.members[member]
        kinds = [(index, half) for index, (m, half) in enumerate(self.types) if m == member]
        parts = []
        for index, half in kinds:
            if half == "" or fmt.pair:
                part, bits = codes, fmt.bits
            else:
                part, bits = (codes >> 4 if half == "high" else codes), 4
            if len(self.types) > 1:
                part = (part & ((1 << bits) - 1)) << (self.bits - bits)
            parts.append((index, part))
        return parts

    def operands(self, lanes: np.ndarray, index: int, axis: int, specials: str) -> np.ndarray:
        """What lanes of a type stand for: int64 operands of the array.

        Parameters
        ----------
        lanes : int64 array
        index : int
            Of the type.
        axis : int
            That of K, along which neighbours are pairs.
        specials : str
            ``"saturate"`` or ``"zero"``: what NaN and infinities count as.
        """
        member, half = self.types[index]
        fmt = self.members[member]
        if half and not fmt.pair:
            nibble = lanes >> (self.bits - 4) & 15
            if half == "low":
                return nibble
            return ((nibble ^ 8) - 8 if fmt.signed else nibble) << 4
        codes = lanes
        if len(self.types) > 1:
            codes = lanes >> (self.bits - fmt.bits)
            if fmt.lowest_code < 0:
                codes = (codes ^ -fmt.lowest_code) + fmt.lowest_code
        values = formats.operands(codes, member, axis=axis, specials=specials)
        if not half:
            return values
        outlier = abs(values) > 127
        high = np.where(outlier, values, values >> 4 << 4)
        return high if half == "high" else values - high
