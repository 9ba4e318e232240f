"""A small job for a core: the words that go into it, and those that must come out."""

from dataclasses import dataclass, field

import numpy as np

from ...sim.designs import registry
from ...sim.designs.base import Frame
from ...sim.host.bus_job import BusJob
from ...sim.manifest import Manifest

__all__ = ["Vectors", "vectors"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Vectors:
    """Words of jobs, uint8 arrays of words × bytes, little-endian.

    Attributes
    ----------
    inputs : dict
        For each input stream its words.
    results : array
        The words of the stream ``results``, by the golden model.
    frames : list of Frame
        The words of the inputs in an order in which the core takes them.
    packets : list of arrays
        The results of each packet of descriptors in ``frames``.
    registers : dict
        Values of registers that the job needs.
    moved : dict
        Words that the core takes of a stream of which memory has another number.
    """

    inputs: dict[str, np.ndarray]
    results: np.ndarray
    frames: list[Frame]
    packets: list[np.ndarray]
    registers: dict[str, int] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)


def vectors(manifest: Manifest) -> Vectors | None:
    """Jobs for the core that a manifest describes, the same every time; ``None`` if none fits."""
    # Of all of numpy's, this generator's numbers are promised never to change.
    jobs = registry.model(manifest).example_jobs(np.random.RandomState(1))
    if not jobs:
        return None
    if "walk" in manifest.bus:
        walks = [part for job in jobs for part in job.parts]
        return _walk(BusJob(walks[0]), manifest.bus["walk"]["rows"]) if walks else None
    words = [{name: np.concatenate(list(w)) for name, w in job.words().items()} for job in jobs]
    packets = [job.golden_words() for job in jobs]
    return Vectors(
        inputs={name: np.concatenate([each[name] for each in words]) for name in words[0]},
        results=np.concatenate(packets),
        frames=[frame for job in jobs for frame in job.frames()],
        packets=packets,
    )


def _walk(job, rows):
    """A job for a wrapper that walks; frames are those of a core without memory."""
    results = job.job.golden_words()
    return Vectors(
        inputs=job.words,
        results=results,
        frames=[],
        packets=[results],
        registers=job.registers,
        moved={rows: job.job.stream_words[rows]},
    )
