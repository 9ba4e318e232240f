"""Complete input and output waveforms, for units without stalls."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from .bench import Bench, manifest

__all__ = ["Trace", "join", "late", "play", "skewed", "split"]


def join(lanes: Iterable[int], width: int) -> int:
    """A word of lanes of ``width`` bits, lane 0 in the low bits."""
    mask = (1 << width) - 1
    return sum((int(lane) & mask) << (n * width) for n, lane in enumerate(lanes))


def split(word: int, width: int, lanes: int) -> list[int]:
    """The lanes of a word, as unsigned integers."""
    return [word >> (n * width) & ((1 << width) - 1) for n in range(lanes)]


def late(values: np.ndarray, cycles: int, fill=0) -> np.ndarray:
    """``values`` (cycles first) that many cycles later, in as many cycles."""
    values = np.asarray(values)
    if cycles == 0:
        return values
    head = np.full_like(values[:cycles], fill)
    return np.concatenate([head, values[: len(values) - cycles]])


def skewed(lanes: np.ndarray, fill=0) -> np.ndarray:
    """``lanes`` (cycles × lanes) as a wavefront: lane *n* is *n* cycles later."""
    lanes = np.asarray(lanes)
    return np.stack([late(lanes[:, n], n, fill) for n in range(lanes.shape[1])], axis=1)


def _integers(values) -> np.ndarray:
    """The values as an array, of Python integers unless they were an array: numpy has 64 bits."""
    return values if isinstance(values, np.ndarray) else np.array(values, object)


class Trace:
    """The outputs in each cycle.

    Attributes
    ----------
    words : dict
        For each output port a list of unsigned integers, one for each cycle.
    checks : int
        Values compared so far.
    """

    def __init__(self, words: dict[str, list[int]], widths: dict[str, int]):
        self.words = words
        self.checks = 0
        self._widths = widths

    def check(self, port: str, expected: np.ndarray, where: np.ndarray | None = None) -> None:
        """Compare an output with ``expected``, cycle by cycle.

        Parameters
        ----------
        port : str
        expected : integers, cycles or cycles × lanes
            Signed or unsigned; compared in the width of the port, or of its lanes.
        where : bools of the same shape
            The values to be compared; by default all.
        """
        words = self.words[port]
        expected = _integers(expected)
        assert len(expected) == len(words), f"{len(expected)} values for {len(words)} cycles"
        lanes = expected[:, None] if expected.ndim == 1 else expected
        where = np.ones(lanes.shape, bool) if where is None else np.reshape(where, lanes.shape)
        count = lanes.shape[1]
        width = self._widths[port] // count
        for cycle, (word, row) in enumerate(zip(words, lanes, strict=True)):
            for lane, (actual, value) in enumerate(
                zip(split(word, width, count), row, strict=True)
            ):
                if where[cycle, lane]:
                    self.checks += 1
                    value = int(value) & ((1 << width) - 1)
                    assert actual == value, (
                        f"cycle {cycle}: {port}, lane {lane}: {actual:#x} instead of {value:#x}"
                    )
        assert where.any(), f"nothing of {port} was checked"


async def play(bench: Bench, inputs: Mapping[str, Sequence], ports: Iterable[str] = ()) -> Trace:
    """Apply ``inputs`` cycle by cycle, and record the outputs.

    The value of an output in a cycle is that just before the edge that ends the cycle, after the
    inputs of the same cycle have taken effect.

    Parameters
    ----------
    inputs : dict
        Input port to integers, one for each cycle, or to an array, cycles × lanes.
    ports : list of str
        Outputs to be recorded; by default all.
    """
    entries = {port["name"]: port for port in manifest().ports}
    names = list(ports) or [n for n, port in entries.items() if port["direction"] == "output"]
    columns = []
    for name, values in inputs.items():
        width, values = entries[name]["width"], _integers(values)
        if values.ndim == 2:
            values = [join(row, width // values.shape[1]) for row in values]
        else:
            values = [int(value) & ((1 << width) - 1) for value in values]
        columns.append((getattr(bench.dut, name), values))
    lengths = {len(values) for _, values in columns}
    assert len(lengths) == 1, f"inputs of different lengths: {sorted(lengths)}"
    watched = [(getattr(bench.dut, name), []) for name in names]
    for cycle in range(lengths.pop()):
        for handle, values in columns:
            handle.value = values[cycle]
        await bench.tick()
        for handle, words in watched:
            words.append(int(handle.value))
    words = {name: recorded for name, (_, recorded) in zip(names, watched, strict=True)}
    return Trace(words, {name: entries[name]["width"] for name in names})
