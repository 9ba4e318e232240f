"""Where words begin in memory and how many there are, as beats of the bus."""

from amaranth.hdl import Module, Signal
from amaranth.lib.wiring import In, Out

from ..arith.exact import index_shape
from ..checks import check_integer, check_relation
from ..unit import Unit, data_register

__all__ = ["BYTES_PER_PAGE", "TransferChecker", "check_memory"]

#: No burst may cross a multiple of this (IHI 0022, A3.4.1).
BYTES_PER_PAGE = 4096


def check_memory(data_width, address_width):
    """Check widths of a bus to memory.

    Raises
    ------
    TypeError, ValueError
        If they are no integers or out of range, or a beat is no power of two of bytes.
    """
    check_integer("Beat width", data_width, 8, 1024)
    check_relation(
        data_width & (data_width - 1) == 0,
        f"Beat width must be a power of two of bytes, not {data_width} bits",
    )
    check_integer("Address width", address_width, 12, 64)


class TransferChecker(Unit):
    """Tells how many beats some words take, and whether they can be there.

    Outputs come from registers, 2 cycles after the inputs.

    Parameters
    ----------
    data_width, address_width : int
        Of the bus, in bits.
    words_per_beat, beats_per_word : int
        Those of :class:`WordLayout`.

    Members
    -------
    address : ``In(address_width)``
    count : ``In(32)``
        Words.
    beats : ``Out(...)``
        Right if ``fits``; as wide as all beats of memory need, or as those of all counts.
    slots : ``Out(range(words_per_beat))``
        Words in the last beat; 0 for a full one.
    none, aligned, fits : ``Out(1)``
        There are no words; the address is a multiple of a beat's bytes; the last byte has an
        address.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not an integer or out of range.
    """

    role = "bus"

    def __init__(self, *, data_width, address_width, words_per_beat, beats_per_word):
        check_memory(data_width, address_width)
        check_integer("Words in a beat", words_per_beat, 1, data_width // 8)
        check_integer("Beats of a word", beats_per_word, 1)
        check_relation(
            words_per_beat & (words_per_beat - 1) == 0,
            f"Words in a beat must be a power of two, not {words_per_beat}",
        )
        check_relation(
            words_per_beat == 1 or beats_per_word == 1,
            f"Beats of a word must be 1 if a beat has several words, not {beats_per_word}",
        )
        self.size_bits = (data_width // 8).bit_length() - 1
        self.index_width = address_width - self.size_bits
        super().__init__(
            {
                "address": In(address_width),
                "count": In(32),
                "beats": Out(min(self.index_width + 1, 32 + beats_per_word.bit_length())),
                "slots": Out(index_shape(words_per_beat)),
                "none": Out(1),
                "aligned": Out(1),
                "fits": Out(1),
            }
        )

    def build(self):
        m = Module()
        words, factor = self.parameters["words_per_beat"], self.parameters["beats_per_word"]
        shift = words.bit_length() - 1
        beats = data_register(32 + factor.bit_length(), name="all_beats")
        end = Signal(max(len(beats), self.index_width) + 1)
        m.d.comb += end.eq(self.address[self.size_bits :] + beats)
        m.d.sync += beats.eq(
            (self.count + (words - 1) >> shift) if factor == 1 else self.count * factor
        )
        for name, value in (
            ("beats", beats),
            ("slots", self.count & (words - 1)),
            ("none", self.count == 0),
            ("aligned", self.address[: self.size_bits] == 0),
            ("fits", end <= 1 << self.index_width),
        ):
            port = getattr(self, name)
            register = data_register(len(port), name=f"{name}_q")
            m.d.comb += port.eq(register)
            m.d.sync += register.eq(value)
        return m
