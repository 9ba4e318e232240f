"""Testbench of a core without a bus wrapper."""

from ....sim.host.packing import integers
from .bench import Bench

__all__ = ["StreamBench"]


class StreamBench(Bench):
    """A source or a sink at each stream."""

    def surroundings(self):
        lines = []
        for name, words in self.words.items():
            port = self.manifest.streams[name]
            signals = [port[signal] for signal in ("payload", "valid", "ready")]
            lines += ["", *self.stream(name, integers(words), port["width"], *signals)]
        return lines
