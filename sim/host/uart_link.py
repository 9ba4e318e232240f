"""Host side of a serial line to a core: registers, credits, and products.

:class:`UartLink` of ``brickwork.hdl`` defines the protocol; :class:`Link` is its host side.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator

import numpy as np

from ..designs.base import Frame, Job, check_core
from ..manifest import Manifest
from .packing import unpack_fields

__all__ = ["Link", "LinkError"]

#: Major version of the register map that this host supports.
_MAJOR = 1


class LinkError(Exception):
    """A violation of the protocol by the device, in one line."""


class Link:
    """A core at the other end of a serial line.

    Construction resets the core and checks that it is the core of the manifest.

    Parameters
    ----------
    port
        A port like pyserial's ``Serial``: ``write(data)``; ``read(size)``, which returns fewer
        bytes, or none, after the port's timeout; ``in_waiting``; ``send_break(duration)``; and
        ``reset_input_buffer()``.
    manifest : Manifest
        Manifest of a core in the bus wrapper ``uart``.

    Attributes
    ----------
    registers : dict
        Registers of the manifest, by name.
    sent, received : int
        Bytes so far.

    Raises
    ------
    ValueError
        If the manifest is of a core without a serial line.
    LinkError
        If the device does not answer, or is not the core of the manifest.
    """

    def __init__(self, port, manifest: Manifest):
        bus = manifest.bus
        if manifest.wrapper != "uart":
            raise ValueError(
                f"Manifest must be of a core with a serial line, not of {manifest.top}; emit the "
                "design with --top uart"
            )
        self.manifest = manifest
        self._port = port
        self._streams = bus["streams"]
        self.registers = {register["name"]: register for register in bus["registers"]}
        self._depth = bus["depth"]
        protocol = bus["protocol"]
        self._escape, self._max_bytes = protocol["escape"], protocol["max_bytes"]
        self._codes, self._headers = protocol["codes"], protocol["headers"]
        self.sent = self.received = 0
        self.reset()
        self._check()

    def reset(self) -> None:
        """Reset the core and its bus wrapper from any state."""
        # Longer than any delay of bytes in an adapter.
        self._port.send_break(0.1)
        self._port.reset_input_buffer()
        # Replaces the break behind an adapter that does not forward it; needs no credit.
        self._port.write(bytes([self._headers["begin"]]))
        self._queue = bytearray()
        self._room = self._depth
        self._results = bytearray()
        self._ended = False
        self._replies: deque[tuple[bool, int]] = deque()
        self._reader = self._read_bytes()
        next(self._reader)

    def read(self, register: str) -> int:
        """The value of a register of the map, by its name."""
        offset = self.registers[register]["offset"]
        self._queue += bytes([self._headers["read"] | offset >> 8, offset & 255])
        return self._reply(f"Register {register} must be readable")

    def write(self, register: str, value: int) -> None:
        """Write a register."""
        offset = self.registers[register]["offset"]
        head = bytes([self._headers["write"] | offset >> 8, offset & 255])
        self._queue += head + value.to_bytes(4, "little")
        self._reply(f"Register {register} must be writable")

    def _reply(self, refusal: str) -> int:
        self._exchange(iter(()), lambda: bool(self._replies))
        refused, value = self._replies.popleft()
        if refused:
            raise LinkError(f"{refusal}; the device refused")
        return value

    def _check(self) -> None:
        self._check_constant("ID", "a core of Brickwork")
        version = self.read("VERSION")
        if version >> 16 != _MAJOR:
            raise LinkError(
                f"Device's register map must have the version {_MAJOR}, not {version >> 16}; "
                "generate both sides with the same release"
            )
        self._check_constant("DIGEST", "the design of the manifest")
        # Cores of earlier releases have none.
        if "REVISION" in self.registers:
            release = (
                f"of the manifest's RTL revision (Brickwork {self.manifest.tools['brickwork']})"
            )
            self._check_constant("REVISION", release)

    def _check_constant(self, name, device):
        expected, value = self.registers[name]["reset"], self.read(name)
        if value != expected:
            raise LinkError(
                f"Device must be {device}, with {name} {expected:#010x}, not {value:#010x}; "
                "load its bitstream"
            )

    def run(self, job: Job) -> tuple[np.ndarray, np.ndarray | None]:
        """Runs a job that was made with the manifest of this core.

        Returns
        -------
        (int64 array, bool array or None)
            Results, and the flags of a core that flags results with NaN or infinite operands.

        Raises
        ------
        ValueError
            If the job is of another core.
        LinkError
            If the device violates the protocol; a wrong result does not raise.
        """
        check_core(job, self.manifest)
        words = self.transfer(job.frames(), job.result_words)
        return job.gather(words), job.flags(words)

    def transfer(self, frames: Iterable[Frame], results: int) -> np.ndarray | dict[str, np.ndarray]:
        """Sends words, in this order, and receives ``results`` words at the same time.

        The last frame of descriptors must have ``last`` set.

        Returns
        -------
        int64 array, words × lanes, or a dict of them
            See :func:`unpack_fields`.
        """
        layout = self._streams["results"]
        size = results * layout["stride"]
        self._ended = False
        self._exchange(map(self.encoded, frames), lambda: self._ended or not size)
        if len(self._results) != size:
            count = len(self._results)
            self._results.clear()
            raise LinkError(f"Device must give {size} bytes of results, not {count}; reset it")
        data = np.frombuffer(bytes(self._results), np.uint8).reshape(results, layout["stride"])
        self._results.clear()
        return unpack_fields(data, self.manifest.streams["results"]["fields"])

    def encoded(self, frame: Frame) -> bytes:
        """The bytes of a frame of words, which is split into frames of the protocol."""
        head = self._headers["data"] | self._streams[frame.stream]["index"] << 5
        data = np.ascontiguousarray(frame.words).tobytes()
        encoded = bytearray()
        for at in range(0, len(data), self._max_bytes):
            payload = data[at : at + self._max_bytes]
            if frame.last and at + self._max_bytes >= len(data):
                encoded += bytes([self._headers["last"]])
            encoded += bytes([head | len(payload) - 1]) + payload
        return bytes(encoded)

    def _exchange(self, more: Iterator[bytes], done) -> None:
        """Send all bytes, as credits allow, and receive until ``done``."""
        left = True
        while True:
            while left and len(self._queue) < self._depth:
                chunk = next(more, None)
                left = chunk is not None
                self._queue += chunk or b""
            if chunk := bytes(self._queue[: self._room]):
                self._port.write(chunk)
                del self._queue[: len(chunk)]
                self.sent += len(chunk)
                self._room -= len(chunk)
            if not self._queue and not left and done():
                return
            data = self._port.read(max(1, self._port.in_waiting))
            if not data:
                raise LinkError(
                    "Device must answer, and did not; check the port, its baud rate, and that the "
                    "design's bitstream is loaded"
                )
            self.received += len(data)
            self._take(data)

    def _take(self, data: bytes) -> None:
        """Decode received bytes: results, and messages that an escape introduces."""
        at = 0
        while at < len(data):
            if self._in_message:
                self._reader.send(data[at])
                at += 1
                continue
            escape = data.find(self._escape, at)
            end = len(data) if escape < 0 else escape
            self._results += data[at:end]
            at = end + 1
            self._in_message = escape >= 0

    def _read_bytes(self) -> Generator[None, int, None]:
        """Decodes messages; the bytes after each escape are sent to the generator one by one."""
        codes = self._codes
        self._in_message = False
        while True:
            code = yield
            if code == codes["literal"]:
                self._results.append(self._escape)
            elif code == codes["end"]:
                self._ended = True
            elif code == codes["credit"]:
                self._room += self._depth // 2
            elif code == codes["lost"]:
                raise LinkError("Device must get every byte, but lost one; lower the baud rate")
            elif code == codes["unknown"]:
                header = yield
                raise LinkError(
                    f"Device must know every header, and does not know {header:#04x}; check the "
                    "baud rate, and reset it"
                )
            elif code >> 1 == codes["write"] >> 1:
                self._replies.append((code & 1 == 1, 0))
            elif code >> 1 == codes["read"] >> 1:
                value = [(yield), (yield), (yield), (yield)]
                self._replies.append((code & 1 == 1, int.from_bytes(value, "little")))
            else:
                raise LinkError(
                    f"Device must send known codes, not {code:#04x}; check the baud rate, and "
                    "reset it"
                )
            self._in_message = False
