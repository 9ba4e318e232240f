"""Designs in simulation as Python objects: arrays in, arrays out, no Python in between.

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
from . import build as _build

__all__ = ["Core", "CycleLimitError", "SimulationError", "Stats", "load"]


class SimulationError(Exception):
    """A simulation that did not come to its end; one line."""


class CycleLimitError(SimulationError):
    """Not all words were transferred within the limit of cycles."""


@dataclass(frozen=True, kw_only=True)
class Stats:
    """What a run took.

    Attributes
    ----------
    cycles : int
        Clock edges from the first accepted input word to the last output word, both counted.
    words : dict
        Words transferred on each stream.
    waited : dict
        Cycles in which a stream's other side made it wait: an input word that was not accepted, or
        an open output without a word.
    first, last : dict
        In which cycle an input stream's first word was accepted, and an output stream's last word
        was taken, counted from 0; only of streams with words.
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
    """The design emitted into ``folder``, or that of a manifest, built if it is not in the cache.

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
    """A design whose streams are fed from arrays and read into arrays by compiled code.

    Parameters
    ----------
    manifest : Path
    waves : bool
        Whether runs can record waveforms. Slower to build and to run.

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
        self.build = _build.build(manifest, waves=waves)
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
        """Transfers all words that are given, and as many as are asked for, after a reset.

        Parameters
        ----------
        limit : int
            Most cycles, or 0 for no limit.
        stalls : dict
            For some streams an array of decisions, used cyclically: where it is not zero, a word
            is held back for a cycle, or an output not taken from.
        waves : Path or None
            Where to write an FST file; only of a core with ``waves``.
        **streams
            For an input stream its words: an integer array, words × lanes; a dict of arrays by
            field, if a word has several; packed words, words × bytes in uint8, little-endian; or
            an iterator of packed words. For an output stream the number of words.

        Returns
        -------
        (dict, Stats)
            For each output stream an int64 array, words × lanes, or a dict of such by field.

        Raises
        ------
        ValueError
            If a stream does not exist, is not given, or its words don't fit it.
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
                facts = self._streams[name]
                if facts["direction"] == "input":
                    run.feed(name, _chunks(facts, value, name))
                else:
                    run.collect(name, int(value), -(-facts["width"] // 8))
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


def _chunks(facts: dict, value, name: str) -> Iterable[np.ndarray]:
    """The words of an input stream, packed."""
    size = -(-facts["width"] // 8)
    if isinstance(value, Mapping):
        value = pack_fields(value, facts["fields"])
    elif isinstance(value, np.ndarray) and value.dtype != np.uint8:
        value = pack_fields({facts["fields"][0]["name"]: value}, facts["fields"])
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
        self._passed: list[int] = []
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
                pass  # the simulation ended early, and says why
            except BaseException as error:
                self._trouble.append(error)

        self._threads.append(threading.Thread(target=guarded, daemon=True))

    def feed(self, name: str, chunks: Iterable[np.ndarray]) -> None:
        there, here = os.pipe()
        self._passed.append(there)
        self.arguments.append(f"in:{name}={there}{self._pattern(name)}")

        def work():
            with open(here, "wb", buffering=0) as pipe:
                for chunk in chunks:
                    view = memoryview(np.ascontiguousarray(chunk)).cast("B")
                    while view:
                        view = view[pipe.write(view) :]

        self._start(work)

    def collect(self, name: str, count: int, size: int) -> None:
        here, there = os.pipe()
        self._passed.append(there)
        self.arguments.append(f"out:{name}={there},{count}{self._pattern(name)}")
        words = self.results[name] = np.zeros((count, size), np.uint8)

        def work():
            with open(here, "rb", buffering=0) as pipe:
                view = memoryview(words).cast("B")
                while view and (got := pipe.readinto(view)):
                    view = view[got:]
                while pipe.read(1 << 16):
                    pass  # words too many; their number is in the report

        self._start(work)

    def wait(self, limit: int) -> tuple[dict, float]:
        """Runs to the end; returns the driver's report and the elapsed time."""
        start = time.monotonic()
        child = subprocess.Popen(
            self.arguments,
            pass_fds=self._passed,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            for end in self._passed:
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
