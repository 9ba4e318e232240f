"""What a program has in DRAM: weights, parameters of channels, tables, inputs and outputs."""

import numpy as np

from ...sim.npu.container import Container
from ...sim.npu.core import Core
from .layout import channel_words

__all__ = ["Data"]

#: Tensors and sections begin at multiples of these bytes; those of containers do.
_ALIGNMENT = 64


class Data:
    """Contents of DRAM, as layers add to them.

    Parameters
    ----------
    core : Core

    Attributes
    ----------
    bases : dict of str to int
        Bytes of the segment ``weights`` at which its sections begin, as long as none grows.
    """

    def __init__(self, core: Core):
        self._core = core
        self._sections = {"weights": b"", "channels": b"", "tables": b""}
        self._sizes = {"input": 0, "output": 0}
        self._tensors = {"input": [], "output": []}

    @property
    def bases(self) -> dict[str, int]:
        bases, at = {}, 0
        for name, content in self._sections.items():
            bases[name] = at = _aligned(at)
            at += len(content)
        return bases

    def append(self, section: str, content: bytes) -> int:
        """Where a content begins in its section."""
        offset = len(self._sections[section])
        self._sections[section] += content
        return offset

    def channels(self, count: int, **parameters) -> int:
        """Where the parameters of channels begin: an array, or one value for all, for each."""
        parameters["bias"] = np.broadcast_to(parameters["bias"], count)
        return self.append("channels", channel_words(**parameters))

    def tensor(self, segment: str, name: str, x, entry: dict) -> int:
        """Where an input or output begins in its segment; ``entry`` is the container's.

        Raises
        ------
        ValueError
            If there is one of this name.
        """
        if any(other["name"] == name for other in self._tensors[segment]):
            raise ValueError(f"Name of an {segment} must be new, not {name!r}")
        offset = _aligned(self._sizes[segment])
        self._sizes[segment] = offset + x.words * self._core.rows
        self._tensors[segment].append(
            entry
            | {"name": name, "segment": segment, "offset": offset, "shape": list(x.shape)}
            | {"scale": 1.0, "zero_point": x.zero_point, "type": "int8"}
        )
        return offset

    def container(self, instructions, origins: list[str]) -> Container:
        """The container of a program with this data."""
        weights = self.bases["tables"] + len(self._sections["tables"])
        sizes = {"weights": weights, **self._sizes}
        return Container(
            digest=self._core.digest,
            program=self._core.instructions.program(instructions),
            segments={name: max(1, size) for name, size in sizes.items()},
            inputs=self._tensors["input"],
            outputs=self._tensors["output"],
            source_map=origins,
            **self._sections,
        )


def _aligned(offset):
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
