"""Simulated designs as Python objects: arrays in, arrays out, compiled code in between.

core = load("out/gemm_ws-0123456789ab")
results, stats = core.run(tiles=..., weights=..., acts=..., results=100)
"""

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..host.packing import pack_fields, unpack_fields
from ..manifest import Manifest
from .build import build

__all__ = ["Core", "CycleLimitError", "SimulationError", "Stats", "load"]


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
    path = Path(folder)
    if path.is_dir():
        manifests = sorted(path.glob("*.json"))
        if len(manifests) != 1:
            raise ValueError(f"Folder {path} must hold one manifest, not {len(manifests)}")
        path = manifests[0]
    return Core(path)


class Core:
    """A simulated design; compiled code moves words between its streams and arrays.

    Parameters
    ----------
    manifest : Path
    waves : bool
        Whether runs can record waveforms, which makes builds and runs slower.

    Attributes
    ----------
    manifest : Manifest
    build : Build

    Raises
    ------
    ToolError, ValueError, BuildError
        As :func:`build` does; also if the design has no streams.
    """

    def __init__(self, manifest: Path, *, waves: bool = False):
        self.build = build(manifest, waves=waves)
        self.manifest = Manifest.read(manifest)
        self._streams = self.manifest.stream_ports
        if not self._streams:
            raise ValueError(f"Design {self.manifest.top} has no streams to be driven")

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
            Most cycles, or 0 for no limit.
        stalls : dict
            Stream to an array of decisions, used cyclically: where it is not zero, the host holds
            back a word, or does not accept one, for a cycle.
        waves : Path or None
            The FST file to write; only for a core with ``waves``.
        **streams
            Words of an input stream: an integer array, words × lanes; a dict of arrays by field,
            for words of several fields; packed words, words × bytes in uint8, little-endian; or an
            iterator of packed words. For an output stream, the number of words.

        Returns
        -------
        (dict, Stats)
            Output stream to an int64 array, words × lanes, or to a dict of such arrays by field.

        Raises
        ------
        ValueError
            If a stream does not exist or is left out, or its words don't fit it.
        CycleLimitError
            If words are left over after ``limit`` cycles.
        SimulationError
            If the simulation fails in another way.
        """
        if missing := set(self._streams) ^ set(streams):
            raise ValueError(
                f"Streams must be {', '.join(self._streams)}; wrong or missing: "
                f"{', '.join(sorted(missing))}"
            )
        with contextlib.ExitStack() as stack:
            run = _Run(stack, self.build.binary, stalls or {})
            for name, value in streams.items():
                stream = self._streams[name]
                if stream["direction"] == "input":
                    run.feed(name, _chunks(stream, value, name))
                else:
                    run.collect(name, int(value), self.manifest.word_bytes(name))
            if limit:
                run.arguments.append(f"limit={limit}")
            if waves:
                run.arguments.append(f"trace={Path(waves).absolute()}")
            report, seconds = run.wait(limit)
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


def _chunks(stream: dict, value, name: str) -> Iterable[np.ndarray]:
    """The words of an input stream, packed."""
    size = -(-stream["width"] // 8)
    if isinstance(value, Mapping):
        value = pack_fields(value, stream["fields"])
    elif isinstance(value, np.ndarray) and value.dtype != np.uint8:
        value = pack_fields({stream["fields"][0]["name"]: value}, stream["fields"])
    if not isinstance(value, np.ndarray):
        return value
    if value.ndim != 2 or value.shape[1] != size:
        raise ValueError(f"Words of {name} must be packed in {size} bytes, not {value.shape}")
    return [value]


class _Run:
    """A running simulation, with a thread for each stream that keeps its pipe full or empty."""

    def __init__(self, stack, binary: Path, stalls: Mapping[str, np.ndarray]):
        self.arguments = [str(binary), "--drive"]
        self.results: dict[str, np.ndarray] = {}
        self._stack = stack
        self._stalls = stalls
        self._folder = None
        self._child_ends: list[int] = []
        self._threads: list[threading.Thread] = []
        self._trouble: list[BaseException] = []

    def _pattern(self, name: str) -> str:
        if name not in self._stalls:
            return ""
        if self._folder is None:
            self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        file = self._folder / name
        file.write_bytes((np.asarray(self._stalls[name]) != 0).astype(np.uint8).tobytes())
        return f",{file}"

    def _start(self, work, *arguments) -> None:
        def guarded():
            try:
                work(*arguments)
            except BrokenPipeError:
                pass  # the simulation ended early; its output has the reason
            except BaseException as error:
                self._trouble.append(error)

        self._threads.append(threading.Thread(target=guarded, daemon=True))

    def feed(self, name: str, chunks: Iterable[np.ndarray]) -> None:
        """Send packed words to an input stream."""
        child_end, own_end = os.pipe()
        self._child_ends.append(child_end)
        self.arguments.append(f"in:{name}={child_end}{self._pattern(name)}")

        def work():
            with open(own_end, "wb", buffering=0) as pipe:
                for chunk in chunks:
                    view = memoryview(np.ascontiguousarray(chunk)).cast("B")
                    while view:
                        view = view[pipe.write(view) :]

        self._start(work)

    def collect(self, name: str, count: int, word_bytes: int) -> None:
        """Receive words of an output stream, packed, into ``results``."""
        own_end, child_end = os.pipe()
        self._child_ends.append(child_end)
        self.arguments.append(f"out:{name}={child_end},{count}{self._pattern(name)}")
        words = self.results[name] = np.zeros((count, word_bytes), np.uint8)

        def work():
            with open(own_end, "rb", buffering=0) as pipe:
                view = memoryview(words).cast("B")
                while view and (size := pipe.readinto(view)):
                    view = view[size:]
                while pipe.read(1 << 16):
                    pass  # surplus words; their number is in the report

        self._start(work)

    def wait(self, limit: int) -> tuple[dict, float]:
        """Run to the end; returns the driver's report and the elapsed time."""
        start = time.monotonic()
        child = subprocess.Popen(
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
            for thread in self._threads:
                thread.start()
            printed, complaint = child.communicate()
        except BaseException:
            child.kill()
            child.wait()
            raise
        for thread in self._threads:
            thread.join()
        seconds = time.monotonic() - start
        if self._trouble:
            raise self._trouble[0]
        if child.returncode not in (0, 3):
            lines = complaint.strip().splitlines() or [f"exit status {child.returncode}"]
            raise SimulationError(f"Simulation failed: {lines[-1]}")
        report = json.loads(printed.splitlines()[-1])
        self._check(report, child.returncode, limit)
        return report, seconds

    def _check(self, report: dict, status: int, limit: int) -> None:
        counts = {name: stream["words"] for name, stream in report["streams"].items()}
        if status == 3:
            so_far = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise CycleLimitError(f"Not done after {limit} cycles; words transferred: {so_far}")
        for name, words in self.results.items():
            if counts[name] != len(words):
                raise SimulationError(
                    f"Stream {name} gave {counts[name]} words instead of {len(words)}"
                )
        if report["left"]:
            raise SimulationError("Input words were left over when all output words had come")
