"""Parameters of the tops: a core, and the bus around it."""

from dataclasses import dataclass, field, fields

from ...hdl.bus import axi_top, axis_top, uart_top
from . import registry
from .base import Parameters, option

__all__ = ["TOPS", "Axi", "Axis", "Top", "Uart", "top_from_text"]


@dataclass(frozen=True, kw_only=True)
class Top(Parameters):
    """A core behind a bus.

    The digest, also in the register ``DIGEST``, is that of all parameters, the core's included.
    """

    core: Parameters = field(metadata={"meaning": "the core's parameters"})

    def design(self):
        """The core's name."""
        return self.core.design()

    @classmethod
    def kind(cls):
        """The top's name on the command line."""
        raise NotImplementedError

    @property
    def module(self):
        return f"{self.design()}_{self.kind()}"

    def options(self):
        """The parameters of the bus alone."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "core"}

    def as_dict(self):
        return self.core.as_dict() | {"top": self.kind()} | self.options()

    def unit(self):
        return self._unit(core=self.core.unit(), digest=int(self.digest[:8], 16))

    def _unit(self, **given):
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Axis(Top):
    """AXI4-Stream for operands and results, AXI4-Lite for registers."""

    data_width: int = option(64, "width of the streams: 32, 64, 128, 256 or 512 bits")

    @classmethod
    def kind(cls):
        return "axis"

    def _unit(self, **given):
        return axis_top.AxisTop(**given, **self.options())


@dataclass(frozen=True, kw_only=True)
class Axi(Top):
    """AXI4 for memory, which the top reads and writes itself, AXI4-Lite for registers."""

    data_width: int = option(64, "width of the memory's bus: 32, 64, 128, 256 or 512 bits")
    address_width: int = option(32, "bits of an address in memory")
    burst: int = option(16, "most beats in a burst, a power of two")
    outstanding: int = option(4, "bursts of a stream that may be on their way")

    @classmethod
    def kind(cls):
        return "axi"

    def _unit(self, **given):
        return axi_top.AxiTop(**given, **self.options())


@dataclass(frozen=True, kw_only=True)
class Uart(Top):
    """A serial line for everything, for boards without a processor."""

    clock_hz: int = option(25_000_000, "frequency of the clock in Hz")
    baud: int = option(1_000_000, "bits a second on the line")

    @classmethod
    def kind(cls):
        return "uart"

    def _unit(self, **given):
        return uart_top.UartTop(**given, **self.options())


#: Name to class.
TOPS = {kind.kind(): kind for kind in (Axis, Axi, Uart)}


def top_from_text(kind, core, settings):
    """A top around the parameters ``core`` with ``settings``, texts of the form ``NAME=VALUE``.

    With ``"stream"``, which has no settings, it is the core itself.

    Raises
    ------
    TypeError, ValueError
        If the top or a parameter does not exist, or a value is not allowed.
    """
    if kind == "stream":
        if settings:
            raise ValueError(
                f"Bus settings are for the tops {', '.join(TOPS)}, not for the bare streams; "
                "use --top"
            )
        return core
    if kind not in TOPS:
        names = ["stream", *TOPS]
        raise ValueError(
            f"Top must be one of {', '.join(names)}, not {kind!r}{registry.closest(kind, names)}"
        )
    known = [item for item in fields(TOPS[kind]) if item.name != "core"]
    return TOPS[kind](core=core, **registry.values_from_text(f"top {kind}", known, settings))
