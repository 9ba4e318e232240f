"""DRAM behind AXI4, with bytes that programs read and write."""

import numpy as np

from ..bus._memory import Memory

__all__ = ["Dram"]


class Dram(Memory):
    """A memory whose reads give what was written.

    Attributes
    ----------
    content : uint8 array
        All bytes, from address 0 on.
    """

    def __init__(self, dut, prefix, rng, size, **timing):
        super().__init__(dut, prefix, rng, **timing)
        self.content = np.zeros(size, np.uint8)

    def _beat(self, index):
        return self.content[index * self.size : (index + 1) * self.size]

    def _word(self, index):
        return int.from_bytes(self._beat(index).tobytes(), "little")

    def _store(self, index, beat):
        data = np.frombuffer(beat["data"].to_bytes(self.size, "little"), np.uint8)
        strobe = np.frombuffer(beat["strb"].to_bytes(-(-self.size // 8), "little"), np.uint8)
        kept = np.unpackbits(strobe, bitorder="little")[: self.size].astype(bool)
        self._beat(index)[kept] = data[kept]

    def forget(self):
        """After a reset of the manager: nothing is on its way."""
        self._due, self._begun = {}, len(self.writes)
        self._beats.clear()
        self._answers.clear()
        self.answered = len(self.writes)
        for name in ("rvalid", "bvalid"):
            self._port(name).value = 0
        for channel in (self._aw, self._ar, self._w):
            channel._waiting = None
