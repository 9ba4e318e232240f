"""Host side of a core behind a bus: the words of a job as they lie in memory, and as beats.

How the words of a stream lie is read from the manifest of the top; what they are is for
:mod:`.tiling` and :mod:`.sparse` to say.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..designs._eie import Layer, Plan
from ..designs._gemm import Channels, tiling
from ..manifest import Manifest
from .packing import unpack_fields

__all__ = [
    "Beats",
    "Job",
    "gemm_job",
    "sparse_job",
    "to_beats",
    "to_memory",
    "words_of_beats",
    "words_of_memory",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Beats:
    """The transfers of an AXI4-Stream, which are one packet.

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
    """The bytes of words in memory, each at its distance from the one before.

    Parameters
    ----------
    layout : dict
        Of the stream, in the manifest's ``bus.streams``.
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
    """Words as a packet; of its last beat the bytes without words are not kept."""
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
        If a part of a word is kept, or a bit beyond a word is set.
    """
    stride = layout["stride"]
    kept = beats.data[beats.keep]
    slots = beats.keep.reshape(-1, min(stride, beats.keep.shape[1]))
    if len(kept) % stride or (slots.any(axis=1) != slots.all(axis=1)).any():
        raise ValueError("Bytes that are kept must be those of whole words")
    return words_of_memory(layout, kept, len(kept) // stride)


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What a core behind a bus gets for a product, or for a network, and what it gives.

    Attributes
    ----------
    manifest : dict
        Of the top.
    words : dict
        For each input stream its packed words, uint8 arrays, words × ceil(width / 8).
    result_words : int
    parts : dict
        Of a sparse job ``fill_jobs`` and ``vector_jobs``: how many of the words of ``jobs`` have
        the memories filled, and how many take one vector through; also the words ``acts`` and
        ``results`` of a vector.
    places : dict
        Of a sparse job the places of ``inputs`` and ``outputs`` among the numbers of a vector.
    """

    manifest: Manifest
    words: dict[str, np.ndarray]
    result_words: int
    parts: dict[str, int] = field(default_factory=dict)
    places: dict[str, np.ndarray] = field(default_factory=dict)
    _gather: Callable

    @property
    def counts(self) -> dict[str, int]:
        """The number of words of each stream."""
        return {name: len(words) for name, words in self.words.items()} | {
            "results": self.result_words
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
        """Where the words of each stream may lie: one after the other, on boundaries of beats.

        Raises
        ------
        ValueError
            If the core has no DMA, ``base`` is no multiple of the bus's bytes, or the words reach
            beyond the last address.
        """
        if "memory" not in self._bus:
            raise ValueError(f"Top must be axi, which reads memory, not {self._bus['top']}")
        size, width = self._bus["data_width"] // 8, self._bus["address_width"]
        if base < 0 or base % size:
            raise ValueError(f"Address must be a multiple of {size}, the bus's bytes, not {base}")
        found, at = {}, base
        for name, length in self.sizes.items():
            found[name] = at
            at += -(-length // size) * size
        if at > 1 << width:
            raise ValueError(
                f"Words must end by {1 << width:#x} (address_width {width}), not by {at:#x}; "
                "use a lower address, or a part of the job"
            )
        return found

    def writes(self, base: int = 0) -> list[tuple[str, int, int]]:
        """Register writes that begin the job, in order: names, offsets and values.

        Afterwards ``INTERRUPT`` tells when it has ended.
        """
        registers = {register["name"]: register for register in self._bus["registers"]}
        masks = {
            (register["name"], part["name"]): ((1 << part["width"]) - 1) << part["low"]
            for register in self._bus["registers"]
            for part in register["fields"]
        }
        values = {"INTERRUPT": masks["INTERRUPT", "done"] | masks["INTERRUPT", "error"]}
        counts = self.counts
        for name, address in self.addresses(base).items():
            upper = name.upper()
            values[f"ADDRESS_LOW_{upper}"] = address & 0xFFFF_FFFF
            if registers[f"ADDRESS_HIGH_{upper}"]["access"] == "rw":
                values[f"ADDRESS_HIGH_{upper}"] = address >> 32
            values[f"COUNT_{upper}"] = counts[name]
        values["COMMAND"] = masks["COMMAND", "clear"] | masks["COMMAND", "start"]
        return [(name, registers[name]["offset"], value) for name, value in values.items()]

    def gather(self, results: bytes | np.ndarray | Beats) -> np.ndarray:
        """What the results stand for: M × N, or vectors × outputs, int64.

        Parameters
        ----------
        results : bytes, uint8 array or Beats
            The results in memory, or as a core without DMA sends them.
        """
        layout = self._layout("results")
        if isinstance(results, Beats):
            words = words_of_beats(layout, results)
        else:
            words = words_of_memory(layout, results, self.result_words)
        if len(words) != self.result_words:
            raise ValueError(f"Results must be {self.result_words} words, not {len(words)}")
        return self._gather(unpack_fields(words, self.manifest.streams["results"]["fields"]))

    @property
    def _bus(self):
        return self.manifest.bus

    def _layout(self, stream):
        return self._bus["streams"][stream]


def gemm_job(
    manifest: Manifest, a: np.ndarray, w: np.ndarray, channels: Channels | None = None, **modes
) -> Job:
    """The product A · W; parameters as of :func:`.tiling` and :meth:`.Tiling.words`.

    Raises
    ------
    ValueError
        If there is no such mode.
    """
    plan = tiling(manifest, *a.shape, w.shape[1], **modes)
    words = plan.words(a, w, channels)
    return Job(
        manifest=manifest,
        words={name: np.concatenate(list(words[name])) for name in _inputs(manifest)},
        result_words=plan.result_words,
        _gather=plan.gather,
    )


def sparse_job(manifest: Manifest, layers: Sequence[Layer], a: np.ndarray) -> Job:
    """Vectors through a network, whose matrices are filled into the memories first.

    Raises
    ------
    TypeError, ValueError
        If a matrix or a vector does not fit the engine or each other.
    """
    plan = Plan(manifest, layers)
    a = plan.checked(a)
    first, last = layers[0].encoded, layers[-1].encoded
    jobs, fills = plan.jobs(len(a)), len(plan.jobs(0))
    words = {"load": np.concatenate(list(plan.load())), "jobs": jobs, "acts": plan.acts(a)}
    parts = {
        "fill_jobs": fills,
        "vector_jobs": (len(jobs) - fills) // len(a),
        "acts": len(words["acts"]) // len(a),
        "results": last.rows,
    }
    return Job(
        manifest=manifest,
        words={name: words[name] for name in _inputs(manifest)},
        result_words=len(a) * last.rows,
        parts=parts,
        places={"inputs": first.inputs, "outputs": last.outputs},
        _gather=lambda lanes: lanes.reshape(len(a), -1)[:, last.outputs],
    )


def _inputs(manifest):
    return [name for name in manifest.bus["streams"] if name != "results"]
