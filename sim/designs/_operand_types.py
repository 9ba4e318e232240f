"""Operands on an engine's streams: lanes of codes, each word of one operand type."""

import numpy as np

from ..golden import formats

__all__ = ["Side"]


class Side:
    """The formats of activations or of weights.

    The formats are called members. A member is one operand type of the hardware. Beside formats of
    4 bits, nibble decomposition makes ``int8``, ``uint8`` and ``ovp_int8`` two types each, a high
    and a low nibble. A code takes the high bits of a wider lane.

    Parameters
    ----------
    name : str
        The engine's parameter ``a_format`` or ``w_format``: members joined by ``+``.

    Attributes
    ----------
    members : dict
        Name to format.
    types : list of (str, str)
        For each operand type, in the order of their indices, its member and the nibble: ``"high"``,
        ``"low"`` or ``""``.
    pair : bool
        Whether a member has OVP pairs, so that every K has to be even.
    """

    def __init__(self, name: str):
        self.members = {member: formats.get(member) for member in name.split("+")}
        narrow = min(fmt.bits for fmt in self.members.values())
        self.types = []
        for member, fmt in self.members.items():
            nibbles = ("high", "low") if fmt.bits > narrow else ("",)
            self.types += [(member, nibble) for nibble in nibbles]
        self.pair = any(fmt.pair for fmt in self.members.values())
        decomposed = [self.members[member] for member, nibble in self.types if nibble]
        self.split = bool(decomposed)
        # A nibble alone does not tell whether its number is an outlier, so lanes carry both.
        self.bits = 8 if any(fmt.pair for fmt in decomposed) else narrow

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
        """Codes as lanes: for each operand type of the member its index and the lanes."""
        fmt = self.members[member]
        digits = []
        for index, (name, nibble) in enumerate(self.types):
            if name != member:
                continue
            if nibble == "" or fmt.pair:
                digit, bits = codes, fmt.bits
            else:
                digit, bits = (codes >> 4 if nibble == "high" else codes), 4
            if len(self.types) > 1:
                digit = (digit & ((1 << bits) - 1)) << (self.bits - bits)
            digits.append((index, digit))
        return digits

    def operands(self, lanes: np.ndarray, index: int, axis: int, specials: str) -> np.ndarray:
        """The operands in the array, int64, of lanes of a type.

        Parameters
        ----------
        lanes : int64 array
        index : int
            Index of the operand type.
        axis : int
            Axis of K, along which neighbours are OVP pairs.
        specials : str
            NaN/Inf handling: ``"saturate"`` or ``"zero"``.
        """
        member, nibble = self.types[index]
        fmt = self.members[member]
        if nibble and not fmt.pair:
            bits = lanes >> (self.bits - 4) & 15
            if nibble == "low":
                return bits
            return ((bits ^ 8) - 8 if fmt.signed else bits) << 4
        codes = lanes
        if len(self.types) > 1:
            codes = lanes >> (self.bits - fmt.bits)
            if fmt.lowest_code < 0:
                codes = (codes ^ -fmt.lowest_code) + fmt.lowest_code
        values = formats.operands(codes, member, axis=axis, specials=specials)
        if not nibble:
            return values
        outlier = abs(values) > 127
        high = np.where(outlier, values, values >> 4 << 4)
        return high if nibble == "high" else values - high
