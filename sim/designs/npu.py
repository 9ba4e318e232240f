"""The network processor."""

from typing import ClassVar

from .base import CoreModel

__all__ = ["Npu"]


class Npu(CoreModel):
    """A core that runs programs: see :mod:`brickwork.sim.npu`."""

    bench: ClassVar[str] = "brickwork.sim.tb.npu.npu_top"
