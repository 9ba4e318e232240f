"""Base class of the designs: parameters, modes, operands and limits before hardware exists."""

import abc
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar

from ..lib.errors import UsageError
from ._operands import Operands, Source
from ._plugins import plug_formats, used_plugins

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from ...hdl.unit import Unit
    from ...sim.designs.base import Job
    from ...sim.manifest import Manifest
    from ...sim.verilator.jobs import Result
    from ..api.area import Area
    from ..api.artifacts import Files
    from ..api.product import Product
    from ..workloads import Layer, Workload

__all__ = [
    "Contender",
    "Design",
    "MatrixDesign",
    "Parameters",
    "Task",
    "check_choice",
    "option",
]


def check_choice(subject, value, choices):
    """Raise :exc:`ValueError` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{subject} must be one of {', '.join(map(str, choices))}, not {value!r}")


def option(default, meaning, choices=None):
    """A parameter with its default and its meaning.

    ``choices`` is a function that returns the allowed values, for a parameter with few or with
    names; it is called when they are asked for, as they may take time to import.
    """
    return field(default=default, metadata={"meaning": meaning, "choices": choices})


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A design with parameters and modes, as an entry of a comparison.

    Attributes
    ----------
    name : str
        Name of the published architecture and its formats.
    design : str
    set, modes : dict
        Parameters, and modes of all layers.
    edges : dict or None
        Modes of the first and the last layer, where these differ.
    sparsity : str
        What a network is pruned to that is dense: see ``Sparsity.parse``; empty for a density that
        all such contenders share, if they can use one.
    order : int
        Position in the list of contenders; the first is the reference.
    """

    name: str
    design: str
    set: dict = field(default_factory=dict)
    modes: dict = field(default_factory=dict)
    edges: dict | None = None
    sparsity: str = ""
    order: int = 0


class Task(abc.ABC):
    """Checked operands in the formats of a design.

    Attributes
    ----------
    design : Design
    shape : (int, int, int)
        M, K and N.
    """

    design: "Design"
    shape: tuple[int, int, int]

    @abc.abstractmethod
    def job(self, manifest: "Manifest") -> "Job":
        """The job for an emitted core, bare or in a bus wrapper."""

    def expected(self, job: "Job") -> "np.ndarray":
        """Results of the golden model for the operands, in the shape of the core's results."""
        return job.expected

    def shaped(self, y: "np.ndarray") -> "np.ndarray":
        """The core's results in the shape that the operands call for."""
        return y

    @property
    def is_real(self) -> bool:
        """Whether results stand for real numbers."""
        return False

    def real(self, y: "np.ndarray") -> "np.ndarray | None":
        """Results as real numbers; ``None`` if :attr:`is_real` is false."""
        return None

    def reference(self) -> "np.ndarray | None":
        """The product in float64 of the numbers before they were quantized."""
        return None

    def description(self) -> dict[str, Any]:
        """Further entries for a host's job file."""
        return {}

    def record(self, result: "Result") -> dict[str, Any]:
        """Further entries of a run's record: counts, and properties of the encoded operands."""
        return {}

    @abc.abstractmethod
    def rows(self, result: "Result") -> dict[str, str | None]:
        """Rows of a run's report that only this design has."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Base of the parameters of a design and of a bus wrapper.

    Construction of the unit checks them.

    Raises
    ------
    TypeError, ValueError
        If the unit rejects a parameter.
    """

    def __post_init__(self):
        plug_formats()
        self.unit()

    def unit(self) -> "Unit":
        """The top-level unit, an Amaranth component."""
        raise NotImplementedError

    @classmethod
    def design(cls) -> str:
        """The design's name."""
        raise NotImplementedError

    @property
    def module(self) -> str:
        """Default name of the top-level module."""
        return self.design()

    def as_dict(self) -> dict[str, int | str]:
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @property
    def own_code(self) -> str:
        """Digits that stand for code of plug-ins and users in the hardware; empty without any."""
        from ..emission.own_code import own_code

        return own_code(self.unit(), *self.makers())

    @classmethod
    def makers(cls) -> tuple[Callable, ...]:
        """The functions that make the unit."""
        return (cls.unit,)

    def origin(self) -> dict[str, str]:
        """Digests of the plug-ins that the design needs, and of its own code; of a stock one none.

        Keys are names in messages: ``plug-in <name>``, and ``own code``.
        """
        code = self.own_code
        origin = {f"plug-in {name}": digest for name, digest in self.plugins().items()}
        return origin | ({"own code": code} if code else {})

    def plugins(self) -> dict[str, str]:
        """Name to digest of the plug-ins that the design and its formats come from."""
        texts = [value for value in self.as_dict().values() if isinstance(value, str)]
        return used_plugins(self.design(), [name for text in texts for name in text.split("+")])

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that stand for the design, its parameters and own code."""
        code = self.own_code
        entries = [self.design(), self.as_dict(), *([code] if code else [])]
        text = json.dumps(entries, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, kw_only=True)
class Design(Parameters):
    """A design: its parameters, and all choices before hardware exists."""

    #: The design's name.
    NAME: ClassVar[str]
    #: ``"stream"`` for the bare core, and the bus wrappers that it can have; the first by default.
    TOPS: ClassVar[tuple[str, ...]] = ("stream", "axis", "axi", "uart")
    #: Bus wrappers whose test bench is another than that of most cores, to its module.
    WRAPPER_BENCHES: ClassVar[dict[str, str]] = {}
    #: Values of parameters together, by the name for the setting ``preset``.
    PRESETS: ClassVar[dict[str, dict[str, int | str]]] = {}
    #: Modes that are set at run time, to the type of their values.
    MODES: ClassVar[dict[str, type]] = {}
    #: Modes of a product alone, which no sweep varies.
    OUTPUT_MODES: ClassVar[dict[str, type]] = {}
    #: Modes with few values, or with names, to functions that return these.
    MODE_CHOICES: ClassVar[dict[str, Callable[[], Sequence[int | str]]]] = {}
    #: Operands and choices beside A and W, which :meth:`arguments` defines.
    OPTIONS: ClassVar[tuple[str, ...]] = ()
    #: Resource of a device that is short to the parameters that lower its use, the most effective
    #: first; ``None`` stands for any other resource.
    SHRINK: ClassVar[dict[str | None, tuple[str, ...]]] = {}
    #: Parameters of :attr:`SHRINK` that are lowered to powers of two.
    POWERS_OF_TWO: ClassVar[tuple[str, ...]] = ()
    #: The size of the array in reports, with names of parameters in braces.
    SIZE_LABEL: ClassVar[str] = ""
    #: Parameters and modes that were renamed, old name to new.
    RENAMED: ClassVar[dict[str, str]] = {}
    #: Name of the design's section of the C driver, ``gen/collateral/drivers/<name>.c``; ``None``
    #: for a design without a C driver.
    driver: ClassVar[str | None] = None
    #: Whether the demo runs its network on the design.
    DEMO: ClassVar[bool] = False
    #: Settings, ``NAME=VALUE``, of small cores that together have all of a design's structures,
    #: for lint; the first and the last are also put into bus wrappers.
    LINT_CASES: ClassVar[tuple[tuple[str, ...], ...]] = ((),)
    WRAPPED_LINT_CASES: ClassVar[tuple[int, int]] = (0, -1)
    #: Settings of a core that is small enough for a test bench.
    BENCH_CASE: ClassVar[dict[str, int | str]] = {}

    @classmethod
    def design(cls) -> str:
        return cls.NAME

    @staticmethod
    def arguments(parser) -> None:
        """Adds the options for :attr:`OPTIONS` to an argument parser."""

    @classmethod
    def operand_label(cls, side: str, values: dict, modes: dict) -> str | None:
        """The format of operands of a side, ``a`` or ``w``, in reports."""
        return None

    def checked_modes(self, modes: dict[str, int | str]) -> dict[str, int | str]:
        """Modes with defaults for missing ones, as a sweep records them.

        Raises
        ------
        ValueError
            If a value does not exist.
        """
        return dict(modes)

    def peak(self, modes: dict[str, int | str]) -> tuple[int, Real]:
        """Number of PEs, and MACs of all PEs in a cycle."""
        raise NotImplementedError

    @classmethod
    def contenders(cls) -> Sequence[Contender]:
        """The design's entries of a comparison."""
        return ()

    @classmethod
    def comparison(
        cls, contender: Contender, shape: dict[str, int], workload: "Workload"
    ) -> list[dict]:
        """Entries of a sweep that together measure a contender with ``rows`` · ``cols`` PEs."""
        entry = {
            "design": contender.design,
            "set": contender.set | shape,
            "modes": contender.modes,
            "workloads": [workload.name],
        }
        return [entry] if contender.edges is None else [entry, entry | {"modes": contender.edges}]

    def emit(
        self,
        out: "Path | str",
        top: str | None = None,
        *,
        name: str | None = None,
        clock: float | None = None,
        **bus: int,
    ) -> "Files":
        """Writes the Verilog, the manifest, and the files that go with them.

        Parameters
        ----------
        out : Path
            The files lie in a folder below it, ``<name>-<digest>``.
        top : str
            ``"stream"`` for the bare core, or a bus wrapper: ``"axis"``, ``"axi"``, ``"uart"``; by
            default the first that the design has.
        name : str
            Name of the top-level module.
        clock : float
            Frequency in MHz that the constraints ask for; of a serial line also its ``clock_hz``.
        **bus
            Parameters of the bus wrapper, such as ``data_width``.

        Returns
        -------
        Files
            Paths: ``folder``, ``verilog``, ``manifest`` and ``collateral``.

        Raises
        ------
        TypeError, ValueError
            If the wrapper or a parameter does not exist, or a value is not allowed.
        OSError
            If the folder cannot be written.
        """
        from ..api.artifacts import emit

        return emit(self, out, top, name=name, clock=clock, **bus)

    def synth(
        self,
        target: str,
        *,
        top: str | None = None,
        liberty: "Path | str | None" = None,
        pnr: bool = False,
        device: str | None = None,
        seeds: int | None = None,
        clock: float | None = None,
        workdir: "Path | str" = "out",
        **bus: int,
    ) -> "Area":
        """Area on a target, by role, and with ``pnr`` the clock; see :func:`.api.area.synth`."""
        from ..api.area import synth
        from .wrappers import wrapped

        return synth(
            wrapped(self, top, clock=clock, **bus),
            target,
            workdir=workdir,
            liberty=liberty,
            pnr=pnr,
            device=device,
            seeds=seeds,
            clock=clock,
        )


@dataclass(frozen=True, kw_only=True)
class MatrixDesign(Design):
    """A design that multiplies a matrix A, or vectors, by a matrix W."""

    #: Whether operands may have scales for blocks.
    BLOCK_SCALES: ClassVar[bool] = False

    @classmethod
    def fit(cls, settings: dict[str, int | str], operands: Operands) -> "Design":
        """The design with ``settings``, all other parameters fitted to the operands."""
        return cls(**settings)

    @classmethod
    def check_blocks(cls, operands: Operands) -> None:
        """Raise :exc:`UsageError` for scales for blocks where the design takes none."""
        for name, source in (("A", operands.a), ("W", operands.w)):
            if source.blocks is not None and not cls.BLOCK_SCALES:
                raise UsageError(
                    f"{name} must have no scales for blocks for {cls.NAME}, not those of "
                    f"{source.blocks.name}; use brickwork run gemm_scaled"
                )

    def task(self, operands: Operands) -> Task:
        """Operands for this design, checked and quantized.

        Raises
        ------
        UsageError, TypeError, ValueError
            If an operand has a wrong type, or does not fit the design or the other operands.
        """
        raise NotImplementedError

    def check_layer(self, layer: "Layer", modes: dict[str, int | str]) -> None:
        """Raise :exc:`ValueError` if the design cannot compute a layer of a workload."""

    def usable(self, layer: "Layer") -> "Layer":
        """The layer with the sparsity that the design can use, and dense otherwise.

        With ``blocks``, ``weights`` is the share of these.
        """
        return layer.dense()

    def run(
        self,
        a: Any,
        w: Any,
        *,
        modes: dict[str, int | str] | None = None,
        workdir: "Path | str" = "out",
        stall_in: int = 0,
        stall_out: int = 0,
        seed: int = 1,
        limit: int = 0,
        waves: bool = False,
        **operands: Any,
    ) -> "Product":
        """Computes A · W on the simulated design, and compares with the golden model.

        Parameters
        ----------
        a, w : array, sparse matrix, or a result of ``quantize``
            M × K and K × N. Integers are codes of the design's formats; floats are quantized.
        modes : dict
            Modes that are set at run time, such as ``relu`` or ``a_type``.
        workdir : Path
            Gets the Verilog, the manifest, and waves.
        stall_in, stall_out : int
            Percentage of cycles in which the host holds back operands, and results.
        seed : int
            Of the stalls.
        limit : int
            Most cycles, or 0 for several times the worst case.
        waves : bool
            Whether to record waveforms.
        **operands
            Further operands that the design takes, see its ``OPTIONS``: ``bias``, ``scale`` …

        Returns
        -------
        Product
            ``y``, ``cycles``, ``utilization``, ``matches_golden`` and more.

        Raises
        ------
        UsageError, TypeError, ValueError
            If an operand does not fit the design or the others.
        SimulationError
            If the simulation fails; a wrong result does not raise.
        """
        from ..api.product import run

        if unknown := operands.keys() - set(self.OPTIONS):
            names = ", ".join(self.OPTIONS)
            raise TypeError(f"Operand must be one of {names}, not {sorted(unknown)[0]!r}")
        sources = Operands(
            a=Source.of(a), w=Source.of(w), modes=dict(modes or {}), options=operands
        )
        self.check_blocks(sources)
        return run(
            self,
            sources,
            workdir=workdir,
            stall_in=stall_in,
            stall_out=stall_out,
            seed=seed,
            limit=limit,
            waves=waves,
        )

    def check_options(self, operands: Operands) -> None:
        """Raise :exc:`UsageError` for an operand or a mode that the design does not take."""
        for name, value in operands.options.items():
            if name not in self.OPTIONS and value is not None and value is not False:
                flag = f"--{name.replace('_', '-')}"
                raise UsageError(f"Option {flag} must not go with {self.design()}")
        from . import registry

        modes = self.MODES | self.OUTPUT_MODES
        for name in operands.modes:
            if name not in modes:
                hint = registry.hint(name, modes, self.design())
                raise UsageError(f"Mode must be one of {', '.join(modes)}, not {name!r}{hint}")
