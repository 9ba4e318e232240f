"""Fetch of a program: its instructions in memory."""

from itertools import takewhile

__all__ = ["fetch"]

_BYTES = 32


def fetch(memory: bytes, address: int, length: int) -> tuple[list[int], bool]:
    """The instructions of a program of at most ``length``, up to its HALT.

    Parameters
    ----------
    memory : bytes
    address : int
        First byte of the program.
    length : int

    Returns
    -------
    instructions : list of int
        The HALT included. Instructions are little-endian, and an opcode of 0 is HALT.
    halts : bool
        Whether there is a HALT.
    """
    places = range(address, address + length * _BYTES, _BYTES)
    words = [int.from_bytes(memory[place : place + _BYTES], "little") for place in places]
    ahead = list(takewhile(lambda word: word & 15 != 0, words))
    halts = len(ahead) < len(words)
    return words[: len(ahead) + halts], halts
