"""The bus wrappers: a core, and the bus around it."""

from dataclasses import dataclass, field, fields
from typing import ClassVar

from ...hdl.bus import axi_top, axis_top, uart_top
from ..lib.messages import closest
from . import registry
from .base import Design, Parameters, option

__all__ = ["WRAPPERS", "Axi", "Axis", "Uart", "Wrapper", "wrapped", "wrapper_from_text"]


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
    #: The cocotb module that tests a core in the wrapper.
    bench: ClassVar[str]

    core: Parameters = field(metadata={"meaning": "the core's parameters"})

    def design(self):
        """The core's name."""
        return self.core.design()

    @property
    def module(self):
        return f"{self.design()}_{self.NAME}"

    def options(self):
        """The parameters of the bus alone."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "core"}

    def as_dict(self):
        return self.core.as_dict() | {"top": self.NAME} | self.options()

    def unit(self):
        return self._unit(core=self.core.unit(), digest=int(self.digest[:8], 16))

    def _unit(self, **arguments):
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Axis(Wrapper):
    """AXI4-Stream for operands and results, AXI4-Lite for registers."""

    description = "AXI4-Stream"
    NAME = "axis"
    bench = "brickwork.sim.tb.bus.axis_top"

    data_width: int = option(64, "width of the streams: 32, 64, 128, 256 or 512 bits")

    def _unit(self, **arguments):
        return axis_top.AxisTop(**arguments, **self.options())


@dataclass(frozen=True, kw_only=True)
class Axi(Wrapper):
    """AXI4 for memory, which the wrapper reads and writes itself, AXI4-Lite for registers."""

    description = "AXI4"
    NAME = "axi"
    bench = "brickwork.sim.tb.bus.axi_top"

    data_width: int = option(64, "width of the memory's bus: 32, 64, 128, 256 or 512 bits")
    address_width: int = option(32, "bits of an address in memory")
    burst: int = option(16, "most beats in a burst, a power of two")
    outstanding: int = option(4, "bursts of a stream that may be on their way")

    def _unit(self, **arguments):
        return axi_top.AxiTop(**arguments, **self.options())


@dataclass(frozen=True, kw_only=True)
class Uart(Wrapper):
    """A serial line for everything, for boards without a processor."""

    description = "a serial line"
    has_driver = False
    NAME = "uart"
    bench = "brickwork.sim.tb.bus.uart_top"

    clock_hz: int = option(25_000_000, "frequency of the clock in Hz")
    baud: int = option(1_000_000, "bits a second on the line")

    def _unit(self, **arguments):
        return uart_top.UartTop(**arguments, **self.options())


#: Name to class.
WRAPPERS = {each.NAME: each for each in (Axis, Axi, Uart)}


def wrapped(core: Design, top: str = "stream", **bus: int) -> Parameters:
    """A core in a bus wrapper, or with ``"stream"`` the core itself.

    Raises
    ------
    TypeError, ValueError
        If the wrapper or a parameter does not exist, or a value is not allowed.
    """
    _check_name(top, bus)
    return core if top == "stream" else WRAPPERS[top](core=core, **bus)


def wrapper_from_text(top, core, settings):
    """A core in a bus wrapper with ``settings``, texts of the form ``NAME=VALUE``.

    With ``"stream"``, which has no settings, it is the core itself.

    Raises
    ------
    TypeError, ValueError
        If the wrapper or a parameter does not exist, or a value is not allowed.
    """
    _check_name(top, settings)
    if top == "stream":
        return core
    items = [item for item in fields(WRAPPERS[top]) if item.name != "core"]
    return WRAPPERS[top](
        core=core, **registry.values_from_text(f"bus wrapper {top}", items, settings)
    )


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
