"""Where things lie on chip: regions of the buffer, slots of the other memories."""

__all__ = ["Regions", "Slots"]

#: Words of a buffer that an instruction can address.
_MOST_WORDS = 1 << 16


class Regions:
    """Regions of a memory, first fit.

    Parameters
    ----------
    words : int
        Of the memory.
    """

    def __init__(self, words: int):
        self._words = words
        self._used = []

    def take(self, words: int, subject: str) -> int:
        """The first word of a region of so many words.

        Raises
        ------
        ValueError
            If no gap is large enough; the message names the subject.
        """
        base = 0
        for begin, end in sorted(self._used):
            if begin - base >= words:
                break
            base = end
        if base + words > self._words:
            used = sum(end - begin for begin, end in self._used)
            larger = max(_power(used + words), 2 * self._words)
            remedy = f"a core with buffer={larger} or " if larger <= _MOST_WORDS else ""
            raise ValueError(
                f"{subject} needs {words} words in a row of the buffer, which has {self._words} "
                f"with {used} in use; take {remedy}smaller tensors"
            )
        self._used.append((base, base + words))
        return base

    def free(self, base: int) -> None:
        """Gives back the region that begins at a word."""
        self._used = [region for region in self._used if region[0] != base]


class Slots:
    """Equal slots of a memory that are filled in turn, while others are in use.

    Parameters
    ----------
    memory : str
    words : int
        Of the memory.
    least : int
        Words that a slot must hold.

    Attributes
    ----------
    count : int
        Slots: four or two, or one if the memory has no room for more.
    size : int
        Words of a slot.

    Raises
    ------
    ValueError
        If the memory is less than what a slot must hold.
    """

    def __init__(self, memory: str, words: int, least: int):
        if words < least:
            raise ValueError(
                f"Memory {memory} of {words} words must have at least {least}; take a core with "
                f"{memory}={_power(least)}"
            )
        self.count = next(count for count in (4, 2, 1) if words // count >= least)
        self.size = words // self.count
        self._next = 0

    def take(self) -> int:
        """The first word of the next slot; with two or more, that of the call before is another."""
        base = self._next * self.size
        self._next = (self._next + 1) % self.count
        return base


def _power(words):
    return 1 << (words - 1).bit_length()
