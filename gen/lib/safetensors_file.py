"""Tensors in a ``.safetensors`` file, for numpy: also the types that numpy does not have."""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .extras import require
from .messages import closest

__all__ = ["SUFFIX", "Tensor", "TensorFile"]

SUFFIX = ".safetensors"

#: Types of the format to numpy's types of their storage: of floats that numpy has not, of their
#: codes. F4 has two codes a byte.
_STORAGE = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"},
    **{"F8_E4M3": "u1", "F8_E5M2": "u1", "F8_E8M0": "u1", "F4": "u1"},
}


class Tensor(NamedTuple):
    """A tensor as it is stored.

    Members
    -------
    name : str
    type : str
        As the file names it, such as ``BF16``.
    data : array
        Numbers; of BF16, F8 and F4 the codes, uint16 and uint8. F4 has half as many columns.
    """

    name: str
    type: str
    data: np.ndarray

    @property
    def numbers(self) -> np.ndarray:
        """Numbers of a type of numpy's; bfloat16 is float32, whose upper half it is."""
        if self.type == "BF16":
            return (self.data.astype(np.uint32) << 16).view(np.float32)
        return self.data


class TensorFile:
    """The tensors of a file.

    The package ``safetensors`` checks the file and names its tensors; numpy reads their bytes, as
    the package's own functions for numpy refuse bfloat16 and floats of 8 bits.

    Parameters
    ----------
    path : Path
    subject : str
        The subject of the messages.

    Raises
    ------
    UsageError
        If the package is missing.
    OSError
        If the file cannot be read.
    ValueError
        If it is damaged.
    """

    def __init__(self, path: Path, subject: str):
        with require("Weights in .safetensors files"):
            import safetensors

        self.path, self._subject = Path(path), subject
        try:
            with self.path.open("rb") as file:
                with safetensors.safe_open(str(path), framework="np") as tensors:
                    self.names = sorted(tensors.keys())
                length = int.from_bytes(file.read(8), "little")
                self._header = json.loads(file.read(length))
                self._start = 8 + length
        except OSError as error:
            raise OSError(f"{subject} cannot be read: {path}: {error.strerror or error}") from None
        except safetensors.SafetensorError as error:
            raise ValueError(f"{subject} cannot be read: {path}: {error}") from None

    def __contains__(self, name: str) -> bool:
        return name in self._header and name != "__metadata__"

    def __getitem__(self, name: str) -> Tensor:
        """The tensor called ``name``.

        Raises
        ------
        ValueError
            If there is none.
        TypeError
            If it has a type that no matrix here has.
        """
        if name not in self:
            raise self.missing(name, self.names)
        entry = self._header[name]
        type_, shape = entry["dtype"], list(entry["shape"])
        if type_ not in _STORAGE:
            raise TypeError(f"Tensor {name!r} must be of a type of numbers, not {type_}")
        if type_ == "F4":
            shape[-1] //= 2
        begin, _ = entry["data_offsets"]
        data = np.fromfile(self.path, _STORAGE[type_], math.prod(shape), offset=self._start + begin)
        return Tensor(name, type_, data.reshape(shape))

    def missing(self, name: str, names: list[str]) -> ValueError:
        """The error of a tensor that is not there; ``names`` are those that could be meant."""
        return ValueError(
            f"{self._subject} must be a tensor of {self.path.name}, not {name!r}"
            f"{self._elsewhere(name) or closest(name, names)}"
        )

    def _elsewhere(self, name):
        """The end of a message that names the file of a model in which a tensor is."""
        index = self.path.with_name(f"model{SUFFIX}.index.json")
        try:
            files = json.loads(index.read_text())["weight_map"]
            return f"; it is in {files[name]}"
        except (OSError, ValueError, KeyError, TypeError):
            return ""
