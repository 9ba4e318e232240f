"""What a program has to know of a network processor."""

from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property

from ..golden import formats
from ..manifest import Manifest
from .instruction import InstructionSet

__all__ = ["CHANNEL_FIELDS", "Core"]

#: The parameters of one output channel from bit 0 up: name, width, whether it is signed.
CHANNEL_FIELDS = (
    ("bias", 32, True),
    ("multiplier", 24, False),
    ("shift", 6, False),
    ("zero_point", 8, True),
    ("low", 8, True),
    ("high", 8, True),
)
_CHANNEL_BITS = sum(width for _, width, _ in CHANNEL_FIELDS)


@dataclass(frozen=True, kw_only=True)
class Core:
    """A network processor, as its programs see it.

    Attributes
    ----------
    rows, cols : int
        Of the array. A word of the buffer has ``rows`` codes, one of weights ``cols``.
    w_format : str
        Format of weights.
    acc_depth : int
        Rows of accumulators.
    buffer, weights, channels : int
        Words of these memories.
    tables : int
        Tables of 256 codes; four share words. Number 0 stands for none where results are looked up.
    banks : int
        Of the buffer. No result depends on it.
    dw_x, dw_y : int
        Multipliers of a lane for depthwise windows; 0 and 0: no depthwise windows.
    dw_depth : int
        Most columns of outputs of a depthwise window that is larger, or dilated along a row.
    rounding : str
        ``"exact"`` or ``"float32"``.
    queue : int
        Instructions that wait in front of each engine.
    isa : dict
        The instruction set, as the manifest describes it.
    digest : str
        Of the emitted core; empty if it is not known.
    """

    rows: int
    cols: int
    w_format: str = "int8"
    acc_depth: int
    buffer: int
    weights: int
    channels: int
    tables: int
    banks: int = 1
    dw_x: int = 0
    dw_y: int = 0
    dw_depth: int = 2048
    rounding: str = "exact"
    queue: int = 8
    isa: dict = field(repr=False, hash=False)
    digest: str = ""

    @classmethod
    def from_manifest(cls, manifest: Manifest) -> "Core":
        """The core of a manifest.

        Raises
        ------
        ValueError
            If the manifest is that of another design.
        """
        if not manifest.isa:
            raise ValueError(
                f"Manifest {manifest.path or manifest.top} must be that of a network processor "
                f"(npu), not of {manifest.design}"
            )
        parameters = {
            item.name: manifest.parameters[item.name]
            for item in fields(cls)
            if item.name not in ("isa", "digest")
            and (item.default is MISSING or item.name in manifest.parameters)
        }
        return cls(**parameters, isa=manifest.isa, digest=manifest.digest)

    @cached_property
    def instructions(self) -> InstructionSet:
        """The instruction set; depthwise windows are in it only with multipliers for them."""
        lacks = () if self.dw_x and self.dw_y else ("depthwise",)
        return InstructionSet(self.isa, lacks=lacks)

    @cached_property
    def words(self) -> dict[str, int]:
        """Words of each memory on chip."""
        return {
            "buffer": self.buffer,
            "weights": self.weights,
            "channels": self.channels,
            "tables": 256 * (self.tables // 4),
        }

    @cached_property
    def word_bytes(self) -> dict[str, int]:
        """Bytes in DRAM of a word of each memory on chip."""
        return {
            "buffer": self.rows,
            "weights": -(-self.cols * self.weight_bits // 8),
            "channels": -(-_CHANNEL_BITS // 32) * 4,
            "tables": 4,
        }

    @cached_property
    def weight_bits(self) -> int:
        """Bits of the code of a weight."""
        return formats.get(self.w_format).bits
