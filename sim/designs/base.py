"""Base classes of the host models: jobs, their words in and out, and their golden results."""

import abc
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..host.packing import pack_fields
from ..manifest import Manifest

__all__ = [
    "CoreModel",
    "Frame",
    "HostModel",
    "Index",
    "Job",
    "LayerCycles",
    "check_core",
    "pack_results",
]


class Frame(NamedTuple):
    """Words for an input stream; ``last`` tells whether the last word ends its packet."""

    stream: str
    words: np.ndarray
    last: bool = False


class Index(NamedTuple):
    """A job for a bus wrapper that finds the tiles of block-sparse weights itself.

    Attributes
    ----------
    row_ptr, col_idx : integer arrays
        Of W transposed, in the format BSR: for each group of columns its tiles along K.
    rows : uint8 array, tiles along K × words × bytes
        The rows of A that each tile meets.
    tile : dict
        Values of the fields that all tiles have in common.
    """

    row_ptr: np.ndarray
    col_idx: np.ndarray
    rows: np.ndarray
    tile: dict[str, int]


class LayerCycles(NamedTuple):
    """Cycles of a layer of a workload, and the traffic on the engine's streams.

    Attributes
    ----------
    cycles : int
    origin : str
        ``"rtl"``, or ``"extrapolated"`` where only a representative portion was simulated.
    simulated : float
        Share of the layer that was computed in RTL, 0 to 1.
    bytes : dict
        Bytes on the streams ``acts``, ``weights`` and ``results``.
    """

    cycles: int
    origin: str
    simulated: float
    bytes: dict[str, int]


class Job(abc.ABC):
    """A complete piece of work for a core: input words, results, and worst-case cycles.

    Attributes
    ----------
    manifest : Manifest
    modes : dict
        Modes at run time.
    result_words : int
        Words of the stream ``results``.
    macs : int
        Multiplications that contribute to the results.
    cycle_bound : int
        Worst-case cycles from the first accepted word to the last result, both counted, with a
        host that never stalls.
    formula : str
        The formula of ``cycle_bound``, with this job's numbers.
    """

    manifest: Manifest
    modes: dict[str, int | str]
    result_words: int
    macs: int
    cycle_bound: int
    formula: str

    @abc.abstractmethod
    def words(self) -> dict[str, Iterator[np.ndarray]]:
        """Chunks of packed words (words × bytes, little-endian) for each input stream."""

    @abc.abstractmethod
    def frames(self) -> Iterator[Frame]:
        """All words, one stream at a time, in an order that never blocks the core.

        A word follows all words without which the core cannot accept it, as long as the host
        accepts results.
        """

    @property
    @abc.abstractmethod
    def results_owed(self) -> list[int]:
        """Words of results that each word of the descriptor stream owes."""

    @cached_property
    @abc.abstractmethod
    def expected(self) -> np.ndarray:
        """Results of the golden model, in the shape of :meth:`gather`."""

    @abc.abstractmethod
    def gather(self, words: np.ndarray | Mapping[str, np.ndarray]) -> np.ndarray:
        """The results, int64, from the words of ``results``: lanes, or their fields."""

    @abc.abstractmethod
    def golden_words(self) -> np.ndarray:
        """Packed words of ``results`` by the golden model."""

    def flags(self, words: np.ndarray | Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Flags of results with NaN or infinite operands; ``None`` for a core without flags."""
        return None

    def matches(self, y: np.ndarray, flags: np.ndarray | None = None) -> bool:
        """Whether results, and their flags, match the golden model."""
        return np.array_equal(y, self.expected)

    @property
    @abc.abstractmethod
    def ideal_cycles(self) -> float:
        """Cycles of an array whose PEs all multiply in every cycle."""

    @property
    def cycles(self) -> int | None:
        """Cycles by a formula that simulations confirm; ``None`` for a design without one."""
        return None

    def measures(self, stats) -> dict[str, int]:
        """``cycles``, and other counts of a run, from its :class:`~..verilator.core.Stats`."""
        return {"cycles": stats.cycles}

    def index(self) -> Index:
        """The job for a wrapper that walks; its other streams are those of :meth:`words`.

        Raises
        ------
        ValueError
            If the job is not one walk.
        """
        raise NotImplementedError

    @property
    def parts(self) -> "list[Job]":
        """Jobs of one walk each, whose results, one below the other, are these; none if none."""
        return []

    def description(self) -> dict[str, Any]:
        """Sizes and modes, for a host's job file."""
        return dict(self.modes)

    def index_files(self) -> dict[str, np.ndarray]:
        """Arrays of indices that a host needs to run the job in portions, by name."""
        return {}

    @property
    def stream_words(self) -> dict[str, int]:
        """The number of words of each stream."""
        counts = {name: sum(map(len, chunks)) for name, chunks in self.words().items()}
        return counts | {"results": self.result_words}


def check_core(job, manifest: Manifest) -> None:
    """Raises ``ValueError`` if a job was made for another core than that of the manifest."""
    if job.manifest.digest != manifest.digest:
        raise ValueError(
            f"Job must be made from the manifest of this core, {manifest.top} {manifest.digest}, "
            f"not of {job.manifest.top} {job.manifest.digest}"
        )


def pack_results(manifest: Manifest, lanes: np.ndarray) -> np.ndarray:
    """Packed words of ``results`` from their lanes, words × lanes; flags beside them are 0."""
    fields = manifest.streams["results"]["fields"]
    values = {field["name"]: np.zeros((len(lanes), field["count"]), np.int64) for field in fields}
    return pack_fields(values | {fields[0]["name"]: lanes}, fields)


class CoreModel:
    """What follows from the manifest of a core of any design.

    Attributes
    ----------
    bench : str
        The cocotb module that tests the core.
    """

    bench: ClassVar[str]

    def __init__(self, manifest: Manifest):
        self.manifest = manifest

    def example_jobs(self, rng: np.random.RandomState) -> list[Job]:
        """Small jobs for an emitted test bench that reach every lane; none if none fits."""
        return []


class HostModel(CoreModel, abc.ABC):
    """The host's view of a design that multiplies matrices, from the manifest alone.

    Attributes
    ----------
    number : int
        The design's number in the register ``CAPS``.
    descriptors : str
        The descriptor stream.
    required_streams : tuple of str
        Streams that every job has words for; empty stands for all streams.
    unhurried : frozenset of str
        Input streams whose words an idle core may leave waiting.
    """

    number: ClassVar[int]
    descriptors: ClassVar[str]
    required_streams: ClassVar[tuple[str, ...]] = ()
    unhurried: ClassVar[frozenset[str]] = frozenset()

    @abc.abstractmethod
    def job(self, **operands) -> Job:
        """The job for operands; see the design's own model for their names."""

    @abc.abstractmethod
    def random_job(self, rng: np.random.Generator, size: int = 2) -> Job:
        """A job with random operands in random modes; its size grows with ``size``, from 1 up."""

    @abc.abstractmethod
    def identity(self) -> dict[str, int | dict[str, int]]:
        """Values, or fields, of the registers ``SHAPE``, ``LIMIT``, ``MAX_K`` and ``WIDTHS``."""

    @abc.abstractmethod
    def layer_cycles(
        self, layer: Mapping[str, Any], modes: Mapping[str, Any], run: Callable[[Job], Any]
    ) -> LayerCycles:
        """Cycles of a layer: simulated, or extrapolated from a representative portion.

        Parameters
        ----------
        layer : dict
            ``m``, ``k``, ``n``, and the sparsity that the engine can use: the densities ``weights``
            (with ``blocks``, of these) and ``acts``, ``pattern``, and the size of ``blocks``.
        modes : dict
        run : function
            Simulates a job; its result has ``cycles``.

        Raises
        ------
        ValueError
            If the layer does not fit the engine.
        RuntimeError
            If the simulated cycles do not match the formula.
        """
