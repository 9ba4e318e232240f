"""Host side of a serial line to a core: registers, credits, and products.

:class:`UartLink` of ``brickwork.hdl`` defines what the bytes mean, :class:`Link` speaks them.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..designs._eie import Layer, Plan
from ..designs._gemm import Channels, Tiling, tiling
from ..manifest import Manifest
from .packing import unpack_fields

__all__ = ["Frame", "Link", "LinkError", "eie_frames", "gemm_frames"]

_ESCAPE = 0xA5
_LITERAL, _END, _CREDIT, _LOST, _UNKNOWN, _WRITE, _READ = 0, 1, 2, 3, 4, 6, 8
_READ_HEADER, _WRITE_HEADER, _LAST_HEADER = 0x10, 0x20, 0x30
_BEGIN_HEADER, _DATA_HEADER = 0x40, 0x80
_MAX_BYTES = 32

#: Version of the register map that is understood here, the major part.
_MAJOR = 1


class LinkError(Exception):
    """The device did not answer as it should; one line."""


class Frame(NamedTuple):
    """Words for an input stream, and whether the last one ends its packet."""

    stream: str
    words: np.ndarray
    last: bool = False


class Link:
    """A core at the other end of a serial line.

    It is reset, and must be the one of the manifest.

    Parameters
    ----------
    port
        As pyserial's ``Serial``: ``write(data)``, ``read(size)``, which gives fewer bytes, or none,
        after the port's own timeout, ``in_waiting``, ``send_break(duration)`` and
        ``reset_input_buffer()``.
    manifest : dict
        Of a ``uart`` top.

    Attributes
    ----------
    registers : dict
        Those of the manifest, by name.
    sent, received : int
        Bytes so far.

    Raises
    ------
    ValueError
        If the manifest is not one of a top with a serial line.
    LinkError
        If the device does not answer, or is another one.
    """

    def __init__(self, port, manifest: Manifest):
        bus = manifest.bus
        if manifest.wrapper != "uart":
            raise ValueError(
                f"Manifest must be of a top with a serial line, not of {manifest.top}; emit the "
                "design with --top uart"
            )
        self.manifest = manifest
        self._port = port
        self._streams = bus["streams"]
        self.registers = {register["name"]: register for register in bus["registers"]}
        self._depth = bus["depth"]
        self.sent = self.received = 0
        self.reset()
        self._check()

    def reset(self) -> None:
        """Reset the core and all around it, in whatever state they are."""
        # Longer than bytes that are still on their way can take through an adapter.
        self._port.send_break(0.1)
        self._port.reset_input_buffer()
        # Of use where an adapter passes no break on; it counts as no byte.
        self._port.write(bytes([_BEGIN_HEADER]))
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
        self._queue += bytes([_READ_HEADER | offset >> 8, offset & 255])
        return self._reply(f"Register {register} must be readable")

    def write(self, register: str, value: int) -> None:
        """Write a register."""
        offset = self.registers[register]["offset"]
        head = bytes([_WRITE_HEADER | offset >> 8, offset & 255])
        self._queue += head + value.to_bytes(4, "little")
        self._reply(f"Register {register} must be writable")

    def _reply(self, refusal: str) -> int:
        self._exchange(iter(()), lambda: bool(self._replies))
        refused, value = self._replies.popleft()
        if refused:
            raise LinkError(f"{refusal}; the device refused")
        return value

    def _check(self) -> None:
        for name, what in (("ID", "a core of Brickwork"), ("DIGEST", "the design of the manifest")):
            wanted, found = self.registers[name]["reset"], self.read(name)
            if found != wanted:
                raise LinkError(
                    f"Device must be {what}, with {name} {wanted:#010x}, not {found:#010x}; load "
                    "its bitstream"
                )
        version = self.read("VERSION")
        if version >> 16 != _MAJOR:
            raise LinkError(
                f"Device's register map must have the version {_MAJOR}, not {version >> 16}; "
                "generate both sides with the same release"
            )

    def multiply(
        self, a: np.ndarray, w: np.ndarray, channels: Channels | None = None, **modes
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Computes A · W, and what the engine's output stage does.

        Parameters
        ----------
        a, w : integer arrays, M × K and K × N
            Codes of the engine's formats.
        channels : Channels or None
            Must be given unless the engine puts out raw accumulators.
        **modes
            What is chosen at run time: see :func:`tiling`.

        Returns
        -------
        (int64 array, bool array or None)
            Results, M × N, and flags of those that are special, of an engine that tells.

        Raises
        ------
        LinkError
            If the device does not answer as it should; a wrong result does not raise.
        """
        plan = tiling(self.manifest, *a.shape, w.shape[1], **modes)
        words = self.transfer(gemm_frames(self.manifest, plan, a, w, channels), plan.result_words)
        return plan.gather(words), plan.gather_special(words)

    def network(self, layers: Sequence[Layer], a: np.ndarray) -> np.ndarray:
        """Takes vectors through layers on the sparse engine, and fills its memories before.

        See :func:`brickwork.sim.designs._eie.network` for the parameters, and what they must be.

        Returns
        -------
        int64 array, batch × outputs
        """
        plan = Plan(self.manifest, layers)
        a = plan.checked(a)
        last = layers[-1].encoded
        words = self.transfer(eie_frames(self.manifest, plan, a), len(a) * last.rows)
        return words.reshape(len(a), -1)[:, last.outputs]

    def transfer(self, frames: Iterable[Frame], results: int) -> np.ndarray | dict[str, np.ndarray]:
        """Sends words, in this order, and takes as many of the results; at the same time.

        The last frame of the commands has to be ``last``.

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
            found = len(self._results)
            self._results.clear()
            raise LinkError(f"Device must give {size} bytes of results, not {found}; reset it")
        data = np.frombuffer(bytes(self._results), np.uint8).reshape(results, layout["stride"])
        self._results.clear()
        return unpack_fields(data, self.manifest.streams["results"]["fields"])

    def encoded(self, frame: Frame) -> bytes:
        """The bytes of a frame of words: some frames of the protocol."""
        head = _DATA_HEADER | self._streams[frame.stream]["index"] << 5
        data = np.ascontiguousarray(frame.words).tobytes()
        parts = []
        for at in range(0, len(data), _MAX_BYTES):
            part = data[at : at + _MAX_BYTES]
            if frame.last and at + _MAX_BYTES >= len(data):
                parts.append(bytes([_LAST_HEADER]))
            parts += [bytes([head | len(part) - 1]), part]
        return b"".join(parts)

    def _exchange(self, more: Iterator[bytes], done) -> None:
        """Send all bytes, as there are credits for them, and take what comes until ``done``."""
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
        """What the device sent: bytes of results, and what an escape introduces."""
        at = 0
        while at < len(data):
            if self._in_message:
                self._reader.send(data[at])
                at += 1
                continue
            escape = data.find(_ESCAPE, at)
            end = len(data) if escape < 0 else escape
            self._results += data[at:end]
            at = end + 1
            self._in_message = escape >= 0

    def _read_bytes(self) -> Generator[None, int, None]:
        """Takes the bytes after each escape, one by one."""
        self._in_message = False
        while True:
            code = yield
            if code == _LITERAL:
                self._results.append(_ESCAPE)
            elif code == _END:
                self._ended = True
            elif code == _CREDIT:
                self._room += self._depth // 2
            elif code == _LOST:
                raise LinkError("Device must get every byte, but lost one; lower the baud rate")
            elif code == _UNKNOWN:
                header = yield
                raise LinkError(
                    f"Device must know every header, and does not know {header:#04x}; check the "
                    "baud rate, and reset it"
                )
            elif code >> 1 == _WRITE >> 1:
                self._replies.append((code & 1 == 1, 0))
            elif code >> 1 == _READ >> 1:
                value = [(yield), (yield), (yield), (yield)]
                self._replies.append((code & 1 == 1, int.from_bytes(value, "little")))
            else:
                raise LinkError(
                    f"Device must send known codes, not {code:#04x}; check the baud rate, and "
                    "reset it"
                )
            self._in_message = False


def gemm_frames(
    manifest: Manifest, plan: Tiling, a: np.ndarray, w: np.ndarray, channels: Channels | None
) -> Iterator[Frame]:
    """The words of a product, each after all that the engine needs before it can take it.

    As only one stream moves at a time, a word that the engine cannot take stops everything behind
    it. That none is stopped for ever follows, tile by tile, if results are always taken:

    * The word of a tile, and the values of a run's channels, are taken once the tile, and the run,
      before have begun their last step. All that these need was sent before.
    * In a weight-stationary engine the weights of a tile are loaded once those before have come
      into use, which the first activations of the tile before see to. Then its activations
      pass, for which nothing else is needed.
    * In an output-stationary engine a step takes a word of weights and one of activations. The
      engine holds a word of each, and the converter in front of it another one. So two words of
      weights are taken while there are no activations, and then the two that they meet.
    """
    words = plan.words(a, w, channels)
    runs = len(plan.runs)
    step = 2 if manifest.design == "gemm_os" else None
    for number in range(runs):
        run = {name: next(stream) for name, stream in words.items()}
        tiles = len(run["tiles"])
        parts = {name: run[name].reshape(tiles, -1, run[name].shape[1]) for name in _OPERANDS}
        for tile in range(tiles):
            last = number == runs - 1 and tile == tiles - 1
            yield Frame("tiles", run["tiles"][tile : tile + 1], last)
            if tile == 0 and "channels" in run:
                yield Frame("channels", run["channels"])
            weights, acts = (parts[name][tile] for name in _OPERANDS)
            if step is None:
                yield Frame("weights", weights)
                yield Frame("acts", acts)
                continue
            for at in range(0, len(weights), step):
                yield Frame("weights", weights[at : at + step])
                yield Frame("acts", acts[at : at + step])


_OPERANDS = ("weights", "acts")


def eie_frames(manifest: Manifest, plan: Plan, a: np.ndarray) -> Iterator[Frame]:
    """The words that fill the memories and take vectors through all layers.

    A job's words follow right behind it; the engine takes them, and then the next job, in any case.
    """
    jobs = plan.jobs(len(a))
    fields = unpack_fields(jobs, manifest.streams["jobs"]["fields"])
    loads = np.concatenate(list(plan.load()))
    acts = plan.acts(a)
    load = act = 0
    for number in range(len(jobs)):
        job = {name: int(values[number, 0]) for name, values in fields.items()}
        yield Frame("jobs", jobs[number : number + 1], number == len(jobs) - 1)
        if job["fill"]:
            yield Frame("load", loads[load : load + job["fill"]])
            load += job["fill"]
        elif job["load"]:
            yield Frame("acts", acts[act : act + job["in_last"] + 1])
            act += job["in_last"] + 1
