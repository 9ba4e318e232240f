"""Steps of operands out of packed words."""

from .mode import WIDTHS, spread

__all__ = ["unpack"]


def unpack(words: list[list[int]], widths: list[int], count: int) -> list[list[int]]:
    """For each step the spread 32-bit words of all lanes.

    Parameters
    ----------
    words : list of lists
        Lanes of each packed word. A set begins with a new one.
    widths : list of int
        For each set the code of the width of the operands that these ones meet.
    count : int
        Steps in a set.
    """
    steps, words = [], iter(words)
    for code in widths:
        in_word = WIDTHS[code] // 2
        for step in range(count):
            if step % in_word == 0:
                word = next(words)
            steps.append([spread(lane, step % in_word, WIDTHS[code]) for lane in word])
    assert next(words, None) is None, "words were left over"
    return steps
