"""Simulated designs as Python objects: arrays in, arrays out, compiled code in between.

core = load("out/gemm_ws-0123456789ab")
results, stats = core.run(tiles=..., weights=..., acts=..., results=100)
"""

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import scratch
from ..golden.formats import check_integer, check_integers
from ..host.packing import pack_fields, unpack_fields
from ..manifest import Manifest
from ..processes import ProcessGroup
from .build import build
from .waves import write_views

__all__ = ["IDLE_CYCLES", "Core", "CycleLimitError", "SimulationError", "Stats", "load"]

#: Cycles without a transfer after which a run without a limit ends. The sparse engine may compute
#: for a cycle for each of a PE's entries, without a word on its streams.
IDLE_CYCLES = 1_000_000


class SimulationError(Exception):
    """A simulation that failed; the message is one line."""


class CycleLimitError(SimulationError):
    """The limit of cycles ended a run before its last word."""


@dataclass(frozen=True, kw_only=True)
class Stats:
    """Figures of a run.

    Attributes
    ----------
    cycles : int
        Clock edges from the first accepted input word to the last output word, both counted.
    words : dict
        Words transferred on each stream.
    waited : dict
        Cycles in which the core stalled a stream: an input word was not accepted, or the host was
        ready and an output had no word.
    first, last : dict
        Cycle, counted from 0, of the first word of an input stream, and of the last word of an
        output stream; only for streams with words.
    seconds : float
        Elapsed time of the simulation.
    """

    cycles: int
    words: dict[str, int]
    waited: dict[str, int]
    first: dict[str, int]
    last: dict[str, int]
    seconds: float


def load(folder: Path | str) -> "Core":
    """The design emitted into ``folder``, or that of a manifest; built if it is not in the cache.

    Raises
    ------
    ToolError, ValueError, BuildError
        As :func:`build` does; also if the design has no streams.
    """
    return Core(Manifest.at(folder).path)


class Core:
    """A simulated design; compiled code moves words between its streams and arrays.

    Parameters
    ----------
    manifest : Path
    waves : bool
        Whether runs can record waveforms, which makes builds and runs slower.
    optimized : bool
        See :func:`build`.

    Attributes
    ----------
    manifest : Manifest
    build : Build

    Raises
    ------
    ToolError, ValueError, BuildError
        As :func:`build` does; also if the design has no streams.
    """

    def __init__(self, manifest: Path, *, waves: bool = False, optimized: bool = True):
        self.build = build(manifest, waves=waves, optimized=optimized)
        self.manifest = Manifest.read(manifest)
        self._streams = self.manifest.stream_ports
        if not self._streams:
            raise ValueError(f"Design {self.manifest.top} has no streams to be driven")
        self._inputs = [
            name for name, stream in self._streams.items() if stream["direction"] == "input"
        ]

    def run(
        self,
        *,
        limit: int = 0,
        stalls: Mapping[str, np.ndarray] | None = None,
        waves: Path | None = None,
        **streams,
    ) -> tuple[dict, Stats]:
        """Reset the design, send all input words, and receive the requested output words.

        Parameters
        ----------
        limit : int
            Most cycles; with 0 the run ends after :data:`IDLE_CYCLES` cycles without a transfer.
        stalls : dict
            Stream to an array of decisions, used cyclically: where it is not zero, the host holds
            back a word, or does not accept one, for a cycle.
        waves : Path or None
            The FST file to write, with files that show it; only for a core with ``waves``.
        **streams
            Words of an input stream: an integer array, words × lanes; a dict of arrays by field,
            for words of several fields; packed words, words × bytes in uint8, little-endian; or an
            iterator of arrays of packed words. For an output stream, the number of words.

        Returns
        -------
        (dict, Stats)
            Output stream to an int64 array, words × lanes, or to a dict of such arrays by field.

        Raises
        ------
        TypeError, ValueError
            If a stream does not exist or is left out, or its words don't fit it.
        CycleLimitError
            If words are missing at the limit; the message names the streams that stand still.
        SimulationError
            If the simulation fails in another way.
        Exception
            The exception of an iterator of words, which ends the run at once.
        """
        limit = check_integer(limit, "Cycle limit")
        if limit < 0:
            raise ValueError(f"Cycle limit must be 0 or positive, not {limit}")
        if unknown := set(stalls or ()) - set(self._streams):
            raise ValueError(
                f"Stalls must be of the streams {', '.join(self._streams)}, not {min(unknown)}"
            )
        if missing := set(self._streams) ^ set(streams):
            raise ValueError(
                f"Streams must be {', '.join(self._streams)}; wrong or missing: "
                f"{', '.join(sorted(missing))}"
            )
        words = {name: _chunks(self._streams[name], streams[name], name) for name in self._inputs}
        counts = {name: _count(streams[name], name) for name in streams.keys() - set(words)}
        with contextlib.ExitStack() as stack:
            run = _Run(stack, self.build.binary, stalls or {})
            for name, chunks in words.items():
                run.feed(name, chunks)
            for name, count in counts.items():
                run.collect(name, count, self.manifest.word_bytes(name))
            run.arguments.append(f"limit={limit}" if limit else f"idle={IDLE_CYCLES}")
            if waves:
                run.arguments.append(f"trace={Path(waves).absolute()}")
                write_views(self.manifest, Path(waves))
            report, seconds = run.wait()
        results = {
            name: unpack_fields(words, self._streams[name]["fields"])
            for name, words in run.results.items()
        }
        return results, _stats(report, self._streams, seconds)


def _stats(report: dict, streams: dict, seconds: float) -> Stats:
    counts = report["streams"]
    first, last = (
        {
            name: counts[name][end]
            for name in streams
            if end in counts[name] and counts[name]["words"]
        }
        for end in ("first", "last")
    )
    return Stats(
        cycles=max(last.values(), default=0) - min(first.values(), default=0) + 1,
        words={name: counts[name]["words"] for name in streams},
        waited={name: counts[name]["waited"] for name in streams},
        first=first,
        last=last,
        seconds=seconds,
    )


def _count(value, name: str) -> int:
    """The number of words of an output stream."""
    count = check_integer(value, f"Number of words of {name}")
    if count < 0:
        raise ValueError(f"Number of words of {name} must be 0 or positive, not {count}")
    return count


def _chunks(stream: dict, value, name: str) -> Iterable[np.ndarray]:
    """The words of an input stream, packed; words that don't fit it are refused."""
    if isinstance(value, np.ndarray) and value.dtype != np.uint8:
        value = {stream["fields"][0]["name"]: value}
    if isinstance(value, Mapping):
        known = {field["name"]: field for field in stream["fields"]}
        value = pack_fields(
            {
                each: _fitting(values, known[each], f"Field {each} of {name}")
                if each in known
                else values
                for each, values in value.items()
            },
            stream["fields"],
        )
    if isinstance(value, np.ndarray):
        value = [value]
    try:
        chunks = iter(value)
    except TypeError:
        raise TypeError(
            f"Words of {name} must be an array, a dict of arrays or an iterator of packed words, "
            f"not {type(value).__name__}"
        ) from None
    if isinstance(value, list):
        return [_packed(chunk, stream, name) for chunk in value]
    return (_packed(chunk, stream, name) for chunk in chunks)


def _fitting(values, field: dict, subject: str) -> np.ndarray:
    """Integers that the bits of a field can hold, with or without sign."""
    values = check_integers(values, subject)
    lowest, highest = -(1 << (field["width"] - 1)), (1 << field["width"]) - 1
    if values.size and not lowest <= int(values.min()) <= int(values.max()) <= highest:
        wrong = values[(values < lowest) | (values > highest)].flat[0]
        raise ValueError(
            f"{subject} must be from {lowest} to {highest} ({field['width']} bits), not {wrong}"
        )
    return values


def _packed(chunk, stream: dict, name: str) -> np.ndarray:
    size = -(-stream["width"] // 8)
    if not isinstance(chunk, np.ndarray) or chunk.dtype != np.uint8:
        type_ = chunk.dtype if isinstance(chunk, np.ndarray) else type(chunk).__name__
        raise TypeError(
            f"Packed words of {name} must be arrays of uint8, words × {size} bytes, not {type_}"
        )
    if chunk.ndim != 2 or chunk.shape[1] != size:
        raise ValueError(f"Words of {name} must be packed in {size} bytes, not {chunk.shape}")
    return chunk


class _Run:
    """A running simulation, with a thread for each stream that keeps its pipe full or empty."""

    def __init__(self, stack, binary: Path, stalls: Mapping[str, np.ndarray]):
        self.arguments = [str(binary), "--drive"]
        self.results: dict[str, np.ndarray] = {}
        self._stack = stack
        self._stalls = stalls
        self._folder = None
        self._child_ends: list[int] = []
        self._feeders: list[threading.Thread] = []
        self._collectors: list[threading.Thread] = []
        self._trouble: list[BaseException] = []
        self._child: subprocess.Popen

    def _pattern(self, name: str) -> str:
        if name not in self._stalls:
            return ""
        if self._folder is None:
            self._folder = self._stack.enter_context(scratch.folder())
        file = self._folder / name
        file.write_bytes((np.asarray(self._stalls[name]) != 0).astype(np.uint8).tobytes())
        return f",{file}"

    def _thread(self, work, descriptor: int, mode: str) -> threading.Thread:
        """A thread that works on a pipe; an exception ends the simulation."""

        def guarded():
            with contextlib.suppress(BrokenPipeError), open(descriptor, mode, buffering=0) as pipe:
                try:
                    work(pipe)
                except BrokenPipeError:
                    pass  # the simulation ended early; its output has the reason
                except BaseException as error:
                    # Before the pipe is closed, which would look like the end of the words.
                    self._trouble.append(error)
                    self._child.kill()

        return threading.Thread(target=guarded, daemon=True)

    def feed(self, name: str, chunks: Iterable[np.ndarray]) -> None:
        """Send packed words to an input stream."""
        child_end, own_end = os.pipe()
        self._child_ends.append(child_end)
        self.arguments.append(f"in:{name}={child_end}{self._pattern(name)}")

        def work(pipe):
            for chunk in chunks:
                view = memoryview(np.ascontiguousarray(chunk).reshape(-1))
                while view:
                    view = view[pipe.write(view) :]

        self._feeders.append(self._thread(work, own_end, "wb"))

    def collect(self, name: str, count: int, word_bytes: int) -> None:
        """Receive words of an output stream, packed, into ``results``."""
        own_end, child_end = os.pipe()
        self._child_ends.append(child_end)
        self.arguments.append(f"out:{name}={child_end},{count}{self._pattern(name)}")
        words = self.results[name] = np.zeros((count, word_bytes), np.uint8)

        def work(pipe):
            view = memoryview(words.reshape(-1))
            while view and (size := pipe.readinto(view)):
                view = view[size:]
            while pipe.read(1 << 16):
                pass  # surplus words; their number is in the report

        self._collectors.append(self._thread(work, own_end, "rb"))

    def wait(self) -> tuple[dict, float]:
        """Run to the end; returns the driver's report and the elapsed time."""
        start = time.monotonic()
        child = self._child = self._stack.enter_context(ProcessGroup()).start(
            self.arguments,
            pass_fds=self._child_ends,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            for end in self._child_ends:
                os.close(end)
            for thread in (*self._feeders, *self._collectors):
                thread.start()
            printed, complaint = child.communicate()
        except BaseException:
            child.kill()
            child.wait()
            raise
        # An iterator of words that waits for something may never end.
        for thread in self._collectors:
            thread.join()
        seconds = time.monotonic() - start
        if self._trouble:
            raise self._trouble[0]
        if child.returncode not in (0, 3):
            lines = complaint.strip().splitlines() or [f"exit status {child.returncode}"]
            raise SimulationError(f"Simulation failed: {lines[-1]}")
        report = json.loads(printed.splitlines()[-1])
        self._check(report, child.returncode)
        return report, seconds

    def _check(self, report: dict, status: int) -> None:
        streams = report["streams"]
        if status == 3:
            raise CycleLimitError(self._unfinished(report))
        for name, words in self.results.items():
            if streams[name]["words"] != len(words):
                raise SimulationError(
                    f"Stream {name} gave {streams[name]['words']} words instead of {len(words)}"
                )
        if report["left"]:
            raise SimulationError("Input words were left over when all output words had come")

    def _unfinished(self, report: dict) -> str:
        """The state of the streams when a limit of cycles was reached."""
        streams = report["streams"]
        counts = [
            f"{name} {stream['words']}"
            + (f" of {len(self.results[name])}" if name in self.results else "")
            for name, stream in streams.items()
        ]
        text = f"Not done after {report['cycles']} cycles"
        if report["idle"]:
            text += f", the last {report['idle']} without a transfer"
        text += f"; words transferred: {', '.join(counts)}"
        if pending := [name for name, stream in streams.items() if stream["pending"]]:
            text += f"; standing still: {', '.join(pending)}"
        return text
