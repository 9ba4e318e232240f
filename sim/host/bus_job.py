"""Host side of a core behind a bus: the words of a job in memory, and as beats.

The layout of the words comes from the manifest of the bus wrapper, their values from the job.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..designs.base import Job
from ..manifest import Manifest
from .packing import unpack_fields

__all__ = [
    "Beats",
    "BusJob",
    "to_beats",
    "to_memory",
    "words_of_beats",
    "words_of_memory",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Beats:
    """The transfers of one packet on an AXI4-Stream.

    Attributes
    ----------
    data : uint8 array, beats × bytes of the bus
        The byte of the lowest bits first.
    keep : bool array, beats × bytes of the bus
    last : bool array, beats
    """

    data: np.ndarray
    keep: np.ndarray
    last: np.ndarray


def to_memory(layout: Mapping, words: np.ndarray) -> np.ndarray:
    """The bytes of words in memory, one word every ``stride`` bytes.

    Parameters
    ----------
    layout : dict
        The stream's entry in the manifest's ``bus.streams``.
    words : uint8 array, words × ceil(width / 8)
        Packed, little-endian.

    Returns
    -------
    uint8 array
    """
    padding = layout["stride"] - words.shape[1]
    return np.pad(words, ((0, 0), (0, padding))).reshape(-1)


def words_of_memory(layout: Mapping, data: bytes | np.ndarray, count: int) -> np.ndarray:
    """The inverse of :func:`to_memory`: ``count`` packed words.

    Raises
    ------
    ValueError
        If there are fewer bytes, or a bit beyond a word is not zero.
    """
    data = np.frombuffer(data, np.uint8) if not isinstance(data, np.ndarray) else data
    stride = layout["stride"]
    if len(data) < count * stride:
        raise ValueError(f"Memory must have {count * stride} bytes, not {len(data)}")
    words = data[: count * stride].reshape(count, stride)
    size, spare = -(-layout["width"] // 8), -layout["width"] % 8
    beyond = words[:, size:].any(axis=1) | (words[:, size - 1] >> (8 - spare) > 0)
    if beyond.any():
        raise ValueError(f"Bits beyond a word must be zero, not set in word {beyond.argmax()}")
    return words[:, :size]


def to_beats(layout: Mapping, words: np.ndarray, data_width: int) -> Beats:
    """Words as a packet; unused bytes of its last beat are not kept."""
    data, size = to_memory(layout, words), data_width // 8
    spare = -len(data) % size
    keep = np.pad(np.ones(len(data), bool), (0, spare))
    beats = np.pad(data, (0, spare)).reshape(-1, size)
    return Beats(
        data=beats, keep=keep.reshape(-1, size), last=np.arange(len(beats)) == len(beats) - 1
    )


def words_of_beats(layout: Mapping, beats: Beats) -> np.ndarray:
    """The inverse of :func:`to_beats`, of any number of packets.

    Raises
    ------
    ValueError
        If a word is kept incompletely, or a bit beyond a word is set.
    """
    stride = layout["stride"]
    kept = beats.data[beats.keep]
    slots = beats.keep.reshape(-1, min(stride, beats.keep.shape[1]))
    if len(kept) % stride or (slots.any(axis=1) != slots.all(axis=1)).any():
        raise ValueError("Bytes that are kept must be those of whole words")
    return words_of_memory(layout, kept, len(kept) // stride)


@dataclass(frozen=True, eq=False)
class BusJob:
    """A job for a core in a bus wrapper: words in memory, beats, register writes.

    Parameters
    ----------
    job : Job
        A job from the manifest of the wrapped core.

    Attributes
    ----------
    words : dict
        For each input stream its packed words, uint8 arrays, words × ceil(width / 8).
    """

    job: Job

    @property
    def manifest(self) -> Manifest:
        return self.job.manifest

    @cached_property
    def words(self) -> dict[str, np.ndarray]:
        words = self.job.words()
        inputs = [name for name in self._bus["streams"] if name != "results"]
        if "walk" in self._bus:
            words |= self._indexed
        return {name: np.concatenate(list(words[name])) for name in inputs}

    @cached_property
    def _index(self):
        return self.job.index()

    @property
    def _indexed(self):
        """Words of the streams of a wrapper that walks in which it differs from others."""
        name, rows = self._bus["walk"]["rows"], self._index.rows
        # Each tile begins with a beat.
        spare = -rows.shape[1] % self._layout(name)["words_per_beat"]
        rows = np.pad(rows, ((0, 0), (0, spare), (0, 0)))
        words = {name: [rows.reshape(-1, rows.shape[-1])]}
        for name in ("row_ptr", "col_idx"):
            entries = np.asarray(getattr(self._index, name), "<u4")
            words[name] = [entries.view(np.uint8).reshape(-1, 4)]
        return words

    @property
    def counts(self) -> dict[str, int]:
        """The number of words of each stream."""
        return {name: len(words) for name, words in self.words.items()} | {
            "results": self.job.result_words
        }

    @property
    def sizes(self) -> dict[str, int]:
        """The bytes of each stream in memory."""
        return {name: count * self._layout(name)["stride"] for name, count in self.counts.items()}

    def memory(self, stream: str) -> np.ndarray:
        """The words of an input stream as bytes in memory."""
        return to_memory(self._layout(stream), self.words[stream])

    def beats(self, stream: str) -> Beats:
        """The words of an input stream as one packet."""
        return to_beats(self._layout(stream), self.words[stream], self._bus["data_width"])

    def addresses(self, base: int = 0) -> dict[str, int]:
        """Addresses for the words of each stream: one stream after the other, aligned to beats.

        Raises
        ------
        ValueError
            If the core has no DMA, ``base`` is no multiple of the bus's bytes, or the words reach
            beyond the last address.
        """
        if "memory" not in self._bus:
            raise ValueError(f"Bus wrapper must be axi, which reads memory, not {self._bus['top']}")
        size, width = self._bus["data_width"] // 8, self._bus["address_width"]
        if base < 0 or base % size:
            raise ValueError(f"Address must be a multiple of {size}, the bus's bytes, not {base}")
        addresses, end = {}, base
        for name, length in self.sizes.items():
            addresses[name] = end
            end += -(-length // size) * size
        if end > 1 << width:
            raise ValueError(
                f"Words must end by {1 << width:#x} (address_width {width}), not by {end:#x}; "
                "use a lower address, or a smaller job"
            )
        return addresses

    @property
    def registers(self) -> dict[str, int]:
        """Values of registers that a job needs besides addresses and counts."""
        if "walk" not in self._bus:
            return {}
        index, registers = self._index, {each["name"]: each for each in self._bus["registers"]}
        fields = registers["TILE"]["fields"]
        tile = sum(index.tile[field["name"]] << field["low"] for field in fields)
        return {"TILE": tile, "TILE_WORDS": index.rows.shape[1]}

    def writes(self, base: int = 0) -> list[tuple[str, int, int]]:
        """Register writes that start the job, in order: names, offsets and values.

        The end of the job sets ``done`` in ``INTERRUPT``.
        """
        registers = {register["name"]: register for register in self._bus["registers"]}
        masks = {
            (register["name"], field["name"]): ((1 << field["width"]) - 1) << field["low"]
            for register in self._bus["registers"]
            for field in register["fields"]
        }
        values = {"INTERRUPT": masks["INTERRUPT", "done"] | masks["INTERRUPT", "error"]}
        counts = self.counts
        for name, address in self.addresses(base).items():
            upper = name.upper()
            values[f"ADDRESS_LOW_{upper}"] = address & 0xFFFF_FFFF
            if registers[f"ADDRESS_HIGH_{upper}"]["access"] == "rw":
                values[f"ADDRESS_HIGH_{upper}"] = address >> 32
            values[f"COUNT_{upper}"] = counts[name]
        values |= self.registers
        values["COMMAND"] = masks["COMMAND", "clear"] | masks["COMMAND", "start"]
        return [(name, registers[name]["offset"], value) for name, value in values.items()]

    def gather(self, results: bytes | np.ndarray | Beats) -> np.ndarray:
        """The results as a matrix, int64: M × N, or vectors × outputs.

        Parameters
        ----------
        results : bytes, uint8 array or Beats
            The results in memory, or the beats of a core without DMA.
        """
        layout = self._layout("results")
        if isinstance(results, Beats):
            words = words_of_beats(layout, results)
        else:
            words = words_of_memory(layout, results, self.job.result_words)
        if len(words) != self.job.result_words:
            raise ValueError(f"Results must be {self.job.result_words} words, not {len(words)}")
        return self.job.gather(unpack_fields(words, self.manifest.streams["results"]["fields"]))

    @property
    def _bus(self):
        return self.manifest.bus

    def _layout(self, stream):
        return self._bus["streams"][stream]
