"""Testbench of a core on a serial line."""

from ....hdl.bus.uart_link import ESCAPE, MAX_BYTES, Code, Header
from .bench import Bench
from .text import instance, slots

__all__ = ["UartBench"]


class UartBench(Bench):
    """The words of a job in an order in which the core takes them."""

    reset = None
    modules = ("rules", "line")

    def __init__(self, manifest, job):
        super().__init__(manifest, job)
        self.bus = manifest.bus
        identity = ("ID", "VERSION", "CAPS", "DIGEST", "SHAPE", "REVISION")
        self.identity = [
            register for register in self.bus["registers"] if register["name"] in identity
        ]
        self.sent = [
            byte
            for register in self.identity
            for byte in (Header.READ | register["offset"] >> 8, register["offset"] & 255)
        ]
        for frame in self.job.frames:
            self.sent += self._frame(frame)

    def _frame(self, frame):
        """The bytes of words for a stream."""
        layout = self.bus["streams"][frame.stream]
        data = slots(frame.words, layout["stride"]).ravel().tolist()
        encoded = []
        for start in range(0, len(data), MAX_BYTES):
            chunk = data[start : start + MAX_BYTES]
            if frame.last and start + MAX_BYTES >= len(data):
                encoded.append(Header.LAST)
            encoded += [Header.DATA | layout["index"] << 5 | len(chunk) - 1, *chunk]
        return encoded

    def surroundings(self):
        results = []
        for words in self.job.packets:
            results += slots(words, self.bus["streams"]["results"]["stride"]).ravel().tolist()
            results.append(0x100)
        values = [register["reset"] for register in self.identity]
        parameters = {
            "DIVISOR": self.bus["divisor"],
            "DEPTH": self.bus["depth"],
            "BYTES": len(self.sent),
            "RESULTS": len(results),
            "VALUES": len(values),
            "ESCAPE": ESCAPE,
            **{name: getattr(Code, name) for name in ("LITERAL", "END", "CREDIT", "READ")},
            "SENT": self.file("sent", self.sent, 8),
            "RESULT": self.file("results", results, 9),
            "VALUE": self.file("values", values, 32),
        }
        ports = {"clk": self.clock, "run": "run", "pauses": "pauses", "hold": "hold"}
        ports |= {"to_core": "uart_rx", "from_core": "uart_tx"}
        ports |= {"done": "line_done", "failed": "line_failed"}
        self.done.append("line_done")
        self.failed.append("line_failed")
        self.controls += ["uart_tx", "led"]
        return [
            "",
            "reg hold = 1'b0;",
            "wire line_done;",
            "wire line_failed;",
            *instance(f"{self.name}_line", "line", ports, parameters),
        ]

    def patience(self):
        # A byte takes ten bits; results and the host's bytes pass at the same time.
        return 30 * self.bus["divisor"] * (len(self.sent) + self.job.results.size + 100)

    def before_job(self):
        bit = self.bus["divisor"]
        return [
            "// A break resets the core.",
            "hold = 1'b1;",
            f"repeat ({30 * bit}) tick;",
            "hold = 1'b0;",
            f"repeat ({30 * bit}) tick;",
        ]

    def after_job(self):
        return [f"repeat ({20 * self.bus['divisor']}) tick;"]
