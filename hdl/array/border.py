"""The border of an array: words of codes become staggered lanes of operands."""

from ..formats.decoder import DecoderBank
from ..formats.integer import Integer
from ..formats.special_detector import SpecialDetector
from .skew import Skew

__all__ = ["decode_at_border", "detect_specials", "skewed"]


def skewed(m, name, lanes, width, word, *, together=1, step=1):
    """The lanes of a word, ``width`` bits each, as late as they enter the array."""
    skew = Skew(lanes=lanes // together, width=together * width, backwards=0, step=step)
    m.submodules[f"{name}_skew"] = skew
    m.d.comb += skew.i.eq(word)
    return skew.o


def decode_at_border(m, name, fmt, lanes, word, type_index, nan_inf, *, together=1, step=1):
    """Skew a word of codes, and decode it where it enters the array; returns the operands.

    Neighbours enter ``together``, so many at a time, ``step`` cycles after those before them.

    Parameters
    ----------
    name : str
        The stream's, in names of submodules.
    fmt : Format
    word : Value
        ``lanes`` times the format's ``lane_width`` bits.
    type_index : Value or None
        The word's type, if the format has several.
    nan_inf : str
        See :class:`DecoderBank`.
    """
    word = skewed(m, name, lanes, fmt.lane_width, word, together=together, step=step)
    if isinstance(fmt, Integer):  # others may have integers for operands, but not for codes
        return word
    bank = DecoderBank(lanes=lanes, format=fmt.name, nan_inf=nan_inf, together=together, step=step)
    m.submodules[f"{name}_decoders"] = bank
    m.d.comb += bank.i.eq(word)
    if type_index is not None:
        m.d.comb += bank.kind.eq(type_index)
    return bank.o


def detect_specials(m, name, fmt, lanes, word, type_index):
    """Whether a word has a lane that is NaN, NaR or an infinity; arguments as above."""
    if not fmt.has_special:
        return 0
    m.submodules[f"{name}_specials"] = detector = SpecialDetector(lanes=lanes, format=fmt.name)
    m.d.comb += detector.i.eq(word)
    if type_index is not None:
        m.d.comb += detector.kind.eq(type_index)
    return detector.o
