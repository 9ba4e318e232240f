"""The bus wrappers: a core, and the bus around it."""

from dataclasses import dataclass, field, fields
from typing import ClassVar

from ...hdl.bus import axis_top, uart_top
from ...hdl.bus.layout import DATA_WIDTHS
from ..emission.revision import rtl_revision, version_number
from ..lib.messages import closest
from . import registry
from .base import Design, Parameters, option

__all__ = [
    "WRAPPERS",
    "Axi",
    "Axis",
    "Uart",
    "Wrapper",
    "settings_from_text",
    "wrapped",
    "wrapper_from_text",
]


@dataclass(frozen=True, kw_only=True)
class Wrapper(Parameters):
    """A core behind a bus.

    The digest, also in the register ``DIGEST``, is that of all parameters, the core's included.
    """

    #: The wrapper's name on the command line.
    NAME: ClassVar[str]
    #: The bus, as in "a core behind ...".
    description: ClassVar[str]
    #: Whether a C driver is written for the core: its registers are behind AXI4-Lite.
    has_driver: ClassVar[bool] = True
    #: The cocotb module that tests most cores in the wrapper.
    BENCH: ClassVar[str]

    core: Parameters = field(metadata={"meaning": "the core's parameters"})

    def design(self):
        """The core's name."""
        return self.core.design()

    @property
    def module(self):
        return f"{self.design()}_{self.NAME}"

    @property
    def bench(self):
        """The cocotb module that tests the core in the wrapper."""
        return self.core.WRAPPER_BENCHES.get(self.NAME, self.BENCH)

    def options(self):
        """The parameters of the bus alone."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "core"}

    def as_dict(self):
        return self.core.as_dict() | {"top": self.NAME} | self.options()

    def unit(self):
        return self._unit(
            core=self.core.unit(),
            digest=int(self.digest[:8], 16),
            generator=version_number(),
            revision=int(rtl_revision(self.own_code), 16),
        )

    @property
    def own_code(self):
        return self.core.own_code

    def _unit(self, **arguments):
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Axis(Wrapper):
    """AXI4-Stream for operands and results, AXI4-Lite for registers."""

    description = "AXI4-Stream"
    NAME = "axis"
    BENCH = "brickwork.sim.tb.bus.axis_top"

    data_width: int = option(
        64, "width of the streams: 32, 64, 128, 256 or 512 bits", choices=lambda: DATA_WIDTHS
    )

    def _unit(self, **arguments):
        return axis_top.AxisTop(**arguments, **self.options())


@dataclass(frozen=True, kw_only=True)
class Axi(Wrapper):
    """AXI4 for memory, which the wrapper reads and writes itself, AXI4-Lite for registers."""

    description = "AXI4"
    NAME = "axi"
    BENCH = "brickwork.sim.tb.bus.axi_top"

    data_width: int = option(
        64, "width of the memory's bus: 32, 64, 128, 256 or 512 bits", choices=lambda: DATA_WIDTHS
    )
    address_width: int = option(32, "bits of an address in memory")
    burst: int = option(16, "most beats in a burst, a power of two")
    outstanding: int = option(4, "bursts of a stream that may be on their way")
    walk: int = option(
        0,
        "1 to read the index of block-sparse weights, and A once, in place of tiles",
        choices=lambda: (0, 1),
    )

    def as_dict(self):
        # A core that does not walk has the digest that it had before others did.
        values = super().as_dict()
        if not self.walk:
            del values["walk"]
        return values

    def _unit(self, core, **arguments):
        options = self.options()
        if core.rows_stream is None and self.walk:
            raise ValueError(
                f"Block walk must be 0 for {core.name}, whose operands are no tiles, not "
                f"{self.walk!r}"
            )
        if not self.walk:
            del options["walk"]
        return core.axi_top(core=core, **arguments, **options)


@dataclass(frozen=True, kw_only=True)
class Uart(Wrapper):
    """A serial line for everything, for boards without a processor."""

    description = "a serial line"
    has_driver = False
    NAME = "uart"
    BENCH = "brickwork.sim.tb.bus.uart_top"

    clock_hz: int = option(25_000_000, "frequency of the clock in Hz")
    baud: int = option(1_000_000, "bits a second on the line")

    def _unit(self, **arguments):
        return uart_top.UartTop(**arguments, **self.options())


#: Name to class.
WRAPPERS = {each.NAME: each for each in (Axis, Axi, Uart)}


def wrapped(
    core: Design, top: str | None = None, *, clock: float | None = None, **bus: int
) -> Parameters:
    """A core in a bus wrapper, or with ``"stream"`` the core itself; by default its first.

    A wrapper that counts the time has the parameter ``clock_hz``, which follows from ``clock``, the
    frequency in MHz that the design is constrained to; without ``clock`` it is as any other.

    Raises
    ------
    TypeError, ValueError
        If the wrapper or a parameter does not exist, or a value is not allowed; if ``clock_hz`` is
        set to another frequency.
    """
    top = top or core.TOPS[0]
    _check_name(top, bus)
    if top not in core.TOPS:
        raise ValueError(
            f"Bus wrapper of {core.design()} must be {' or '.join(core.TOPS)}, not {top!r}"
        )
    if top == "stream":
        return core
    if clock is not None and hasattr(WRAPPERS[top], "clock_hz"):
        clock_hz = round(clock * 1e6)
        if bus.setdefault("clock_hz", clock_hz) != clock_hz:
            raise ValueError(
                f"Clock must be the wrapper's, clock_hz={bus['clock_hz']}, not {clock:g} MHz"
            )
    return WRAPPERS[top](core=core, **bus)


def wrapper_from_text(top, core, settings, clock=None):
    """A core in a bus wrapper with ``settings``, texts of the form ``NAME=VALUE``.

    With ``"stream"``, which has no settings, it is the core itself. ``clock`` is that of
    :func:`wrapped`.

    Raises
    ------
    TypeError, ValueError
        If the wrapper or a parameter does not exist, or a value is not allowed.
    """
    top = top or core.TOPS[0]
    return wrapped(core, top, clock=clock, **settings_from_text(top, settings))


def settings_from_text(top, settings):
    """Values of some parameters of a bus wrapper, from texts of the form ``NAME=VALUE``.

    Raises
    ------
    ValueError
        If the wrapper or a parameter does not exist.
    """
    _check_name(top, settings)
    items = fields(WRAPPERS[top]) if top != "stream" else ()
    items = [item for item in items if item.name != "core"]
    return registry.values_from_text(f"bus wrapper {top}", items, settings)


def _check_name(top, settings):
    if top == "stream":
        if settings:
            raise ValueError(
                f"Bus settings must go with a bus wrapper ({', '.join(WRAPPERS)}), not with the "
                "bare streams; use --top"
            )
        return
    if top not in WRAPPERS:
        names = ["stream", *WRAPPERS]
        raise ValueError(
            f"Bus wrapper must be one of {', '.join(names)}, not {top!r}{closest(top, names)}"
        )
