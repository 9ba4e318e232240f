"""How the words of a stream lie in the beats of a bus, and so in memory."""

from dataclasses import dataclass

from amaranth.lib import data

from ..checks import check_integer

__all__ = [
    "DATA_WIDTHS",
    "WordLayout",
    "beat_layout",
    "check_data_width",
    "word_layout",
    "word_of_packet",
]

#: Widths of AXI buses that there are converters for.
DATA_WIDTHS = (32, 64, 128, 256, 512)


@dataclass(frozen=True, kw_only=True)
class WordLayout:
    """Where words are in beats.

    A word that fits into a beat has a slot of a power of two of bytes, and a beat as many slots as
    fit, the first word in the low bits. A wider word takes whole beats, its low bits first. In
    memory words follow each other at a distance of ``stride`` bytes, lowest byte first; bits
    above a word are zero in results, and ignored in operands.

    Attributes
    ----------
    width, data_width : int
        Widths of a word and of a beat in bits.
    stride : int
        Bytes from one word to the next.
    words_per_beat, beats_per_word : int
        One of them is 1.
    """

    width: int
    data_width: int
    stride: int
    words_per_beat: int
    beats_per_word: int


def word_layout(width, data_width):
    """The layout of words of ``width`` bits on a bus of ``data_width`` bits.

    Raises
    ------
    TypeError, ValueError
        If the width of a word is not a positive integer or that of the bus no power of two of
        bytes.
    """
    check_integer("Word width", width, 1)
    check_integer("Beat width", data_width, 8)
    size = data_width // 8
    if data_width != size * 8 or size & (size - 1):
        raise ValueError(f"Beat width must be a power of two of bytes, not {data_width} bits")
    if width > data_width:
        beats = -(-width // data_width)
        return WordLayout(
            width=width,
            data_width=data_width,
            stride=beats * size,
            words_per_beat=1,
            beats_per_word=beats,
        )
    stride = 1 << (-(-width // 8) - 1).bit_length()
    return WordLayout(
        width=width,
        data_width=data_width,
        stride=stride,
        words_per_beat=size // stride,
        beats_per_word=1,
    )


def check_data_width(width):
    """Check the width of an AXI bus.

    Raises
    ------
    TypeError, ValueError
        If it is none of :data:`DATA_WIDTHS`.
    """
    wanted = f"{', '.join(map(str, DATA_WIDTHS[:-1]))} or {DATA_WIDTHS[-1]} bits"
    if not isinstance(width, int) or isinstance(width, bool):
        raise TypeError(f"Bus width must be {wanted}, not {width!r}")
    if width not in DATA_WIDTHS:
        raise ValueError(f"Bus width must be {wanted}, not {width!r}")


def beat_layout(data_width):
    """A beat of AXI4-Stream: ``data``, ``keep`` (a bit for each byte) and ``last``."""
    return data.StructLayout({"data": data_width, "keep": data_width // 8, "last": 1})


def word_of_packet(width):
    """A word, and whether it is the last of its packet."""
    return data.StructLayout({"word": width, "last": 1})
