"""Testbench of a core behind AXI4-Stream."""

import numpy as np

from .axi_lite import AxiLiteBench
from .text import signal_range, slots

__all__ = ["AxisBench"]


class AxisBench(AxiLiteBench):
    """The words of a job are a packet on each stream."""

    def surroundings(self):
        lines = super().surroundings()
        for name, words in self.words.items():
            port = self.layouts[name]["interface"]
            beats, width = _beats(words, self.layouts[name], self.bus["data_width"])
            data = f"{{{port}_tlast, {port}_tkeep, {port}_tdata}}"
            if name == "results":
                lines += self._kept(port)
                data = f"{{{port}_tlast, {port}_tkeep, kept}}"
            signals = [data, f"{port}_tvalid", f"{port}_tready"]
            lines += ["", *self.stream(name, beats, width, *signals)]
        return lines

    def _kept(self, port):
        size = self.bus["data_width"] // 8
        return [
            "",
            "// Bytes beyond the packet may have any value.",
            f"wire {signal_range(8 * size)}kept;",
            "genvar g;",
            "generate",
            f"  for (g = 0; g < {size}; g = g + 1) begin : bytes",
            "    assign kept[8*g +: 8] =",
            f"      {port}_tkeep[g] ? {port}_tdata[8*g +: 8] : 8'd0;",
            "  end",
            "endgenerate",
        ]


def _beats(words, layout, data_width):
    """The words of a packet as beats, integers of last, keep and data; and their width."""
    size = data_width // 8
    packet = slots(words, layout["stride"]).ravel()
    count = -(-packet.size // size)
    data = np.pad(packet, (0, count * size - packet.size))
    values = []
    for number, beat in enumerate(data.reshape(count, size)):
        keep = (1 << min(packet.size - number * size, size)) - 1
        value = (number == count - 1) << size | keep
        values.append(value << data_width | int.from_bytes(beat.tobytes(), "little"))
    return values, data_width + size + 1
