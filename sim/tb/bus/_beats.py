"""What the units of a bus promise, on whole lists: words in beats, beats in memory, bursts."""

from typing import NamedTuple

__all__ = [
    "BYTES_PER_PAGE",
    "Beat",
    "Layout",
    "beat_count",
    "beats_in_memory",
    "bursts",
    "layout",
    "memory_word",
]

#: No burst crosses a multiple of this.
BYTES_PER_PAGE = 4096


class Beat(NamedTuple):
    """A beat of a packet; ``keep`` has a bit for each byte."""

    data: int
    keep: int
    last: int

    @classmethod
    def of(cls, payload: int, data_width: int) -> "Beat":
        """The beat that a payload is."""
        size = data_width // 8
        return cls(
            payload & ((1 << data_width) - 1),
            payload >> data_width & ((1 << size) - 1),
            payload >> data_width + size,
        )

    def payload(self, data_width: int) -> int:
        """The payload of a beat."""
        return self.data | self.keep << data_width | self.last << data_width + data_width // 8

    def kept(self) -> int:
        """The data, zero where ``keep`` is."""
        mask = sum(0xFF << 8 * byte for byte in range(self.keep.bit_length()) if self.has(byte))
        return self.data & mask

    def has(self, byte: int) -> int:
        """Whether a byte is kept."""
        return self.keep >> byte & 1


class Layout(NamedTuple):
    """How words of ``width`` bits lie in beats of ``data_width`` bits."""

    width: int
    data_width: int
    stride: int
    words_per_beat: int
    beats_per_word: int

    def words(self, beats: list[Beat]) -> tuple[list[tuple[int, int]], list[int]]:
        """Words of some beats, each with whether it is the last of its packet.

        Also, for each beat, whether it shows that its packet is malformed.
        """
        results, broken, pieces = [], [], []
        mask = (1 << self.width) - 1
        for beat in beats:
            if self.beats_per_word == 1:
                flags = [beat.has(slot * self.stride) for slot in range(self.words_per_beat)]
                count = [*flags, 0].index(0)
                words = [beat.data >> slot * self.stride * 8 & mask for slot in range(count)]
                results += [(w, int(beat.last and n == count - 1)) for n, w in enumerate(words)]
                broken.append(int(any(flags[count:]) or (beat.last and not count)))
                continue
            if beat.has(0):
                pieces.append(beat.data)
            complete = beat.has(0) and len(pieces) == self.beats_per_word
            if complete:
                word = sum(piece << n * self.data_width for n, piece in enumerate(pieces))
                results.append((word & mask, beat.last))
            broken.append(int(beat.last and not complete))
            if complete or beat.last:
                pieces = []
        return results, broken

    def beats(self, words: list[tuple[int, int]]) -> list[Beat]:
        """Beats of some words, each with whether it is the last of its packet."""
        results, slots = [], []
        size = self.data_width // 8
        for word, last in words:
            if self.beats_per_word > 1:
                pieces = [word >> n * self.data_width for n in range(self.beats_per_word)]
                mask = (1 << self.data_width) - 1
                results += [Beat(piece & mask, (1 << size) - 1, 0) for piece in pieces[:-1]]
                results.append(Beat(pieces[-1], (1 << size) - 1, last))
                continue
            slots.append(word)
            if last or len(slots) == self.words_per_beat:
                data = sum(each << n * self.stride * 8 for n, each in enumerate(slots))
                results.append(Beat(data, (1 << len(slots) * self.stride) - 1, last))
                slots = []
        return results


def layout(width: int, data_width: int) -> Layout:
    """The layout of words: a power of two of bytes for each, or as many beats as it needs."""
    size = data_width // 8
    if width > data_width:
        count = -(-width // data_width)
        return Layout(width, data_width, count * size, 1, count)
    stride = next(stride for stride in (1, 2, 4, 8, 16, 32, 64, 128) if stride * 8 >= width)
    return Layout(width, data_width, stride, size // stride, 1)


def beat_count(count: int, *, data_width, words_per_beat, beats_per_word) -> int:
    """Beats that ``count`` words take."""
    return -(-count // words_per_beat) * beats_per_word


def beats_in_memory(count: int, **layout: int) -> list[Beat]:
    """Beats of ``count`` words, one packet, all data zero; see :func:`beat_count`."""
    size = layout["data_width"] // 8
    slots = layout["words_per_beat"]
    number = beat_count(count, **layout)
    last = (1 << size // slots * ((count - 1) % slots + 1)) - 1
    return [
        Beat(0, last if n == number - 1 else (1 << size) - 1, int(n == number - 1))
        for n in range(number)
    ]


def bursts(index: int, beats: int, burst: int) -> list[tuple[int, int]]:
    """Bursts for beats from ``index`` on: first beat and number, cut at multiples of ``burst``."""
    results = []
    while beats:
        length = min(beats, burst - index % burst)
        results.append((index, length))
        index, beats = index + length, beats - length
    return results


def memory_word(index: int, data_width: int) -> int:
    """What a memory that nobody has written holds in a beat: every one is another."""
    seed = (index + 1) * 0x9E37_79B9_7F4A_7C15 ^ index >> 7
    count = -(-data_width // 64)
    words = [(seed ^ n * 0x5555_0F0F_3333_1111) & ((1 << 64) - 1) for n in range(count)]
    return sum(word << n * 64 for n, word in enumerate(words)) & ((1 << data_width) - 1)
