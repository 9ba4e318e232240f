"""A program with its data, ready to run."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...sim.npu.container import Container
from ...sim.npu.core import Core
from ...sim.npu.instruction import Instruction
from .folded import FoldedTensor
from .layout import blocks, from_blocked, to_blocked

__all__ = ["BuiltProgram"]


@dataclass(frozen=True)
class BuiltProgram:
    """A program with its data.

    Attributes
    ----------
    core : Core
    container : Container
    instructions : list of Instruction
    """

    core: Core
    container: Container
    instructions: list[Instruction]

    def segments(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Contents of DRAM with inputs: int8 arrays by name, channels × height × width."""
        segments = {
            name: np.zeros(size, np.uint8) for name, size in self.container.segments.items()
        }
        content = np.frombuffer(self.container.weights_segment(), np.uint8)
        segments["weights"][: len(content)] = content
        for entry in self.container.inputs:
            codes = np.asarray(inputs[entry["name"]])
            if list(codes.shape) != entry["shape"] or codes.dtype != np.int8:
                shape = "x".join(map(str, entry["shape"]))
                raise ValueError(
                    f"Input {entry['name']} must be int8 of shape {shape}, not {codes.dtype} of "
                    f"shape {'x'.join(map(str, codes.shape))}"
                )
            content = self._content(entry, codes)
            segments["input"][entry["offset"] : entry["offset"] + len(content)] = content
        return segments

    def _content(self, entry, codes):
        """The bytes of an input in its layout."""
        if entry["layout"] == "blocked":
            return to_blocked(codes, self.core.rows)
        common = {name: entry[name] for name in ("shape", "zero_point")}
        return FoldedTensor(rows=self.core.rows, **common, **entry["fold"]).content(codes)

    def outputs(self, segments: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs by name: int8 arrays, channels × height × width."""
        rows = self.core.rows
        outputs = {}
        for entry in self.container.outputs:
            channels, height, width = entry["shape"]
            size = blocks(channels, rows) * rows * height * width
            content = segments["output"][entry["offset"] : entry["offset"] + size]
            outputs[entry["name"]] = from_blocked(content, tuple(entry["shape"]), rows)
        return outputs
