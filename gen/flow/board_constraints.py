"""Constraints of pins and clocks, in the formats of the tools: .xdc, .sdc, .lpf, .pcf and .cst."""

import re
from numbers import Real
from pathlib import Path

from ...sim.manifest import Manifest
from ..lib.catalogue import check_name
from . import targets
from .boards import Board

__all__ = ["WRITERS", "board_constraints", "check_clock", "out_of_context"]

_FOLDER = Path(__file__).resolve().parent.parent.parent / "constraints"

#: The clock of a core alone in MHz, if no other is asked for.
_CLOCK_MHZ = 200

#: The period of that clock, and half of it, in ns, as the files of the package have them.
_PERIOD, _HALF = "5.000", "2.500"


def check_clock(clock: float) -> float:
    """Return the frequency of a clock in MHz, which must be a number from 0.001 to 10000.

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    wanted = f"Clock in MHz must be a number from 0.001 to 10000, not {clock!r}"
    if isinstance(clock, bool) or not isinstance(clock, Real):
        raise TypeError(wanted)
    if not 0.001 <= clock <= 10_000:
        raise ValueError(wanted)
    return clock


def board_constraints(board: Board, clock: float | None = None) -> dict[str, str]:
    """Constraints for a wrapper with the ports ``clk``, ``uart_rx``, ``uart_tx`` and ``led``.

    ``clock`` is the frequency in MHz to constrain to; by default it is the board's.

    The input ``uart_rx`` is pulled up: a line that nobody drives is idle, and no break. All ports
    but the clock's are asynchronous to the clock, so no path to or from them is timed.

    Returns
    -------
    dict
        Format, of :data:`WRITERS`, to the file's contents; the first format has the pins.
    """
    formats = targets.load(board.target).constraints
    for name in formats:
        check_name(f"Format of constraints of target {board.target}", name, WRITERS)
    clock = board.clock_mhz if clock is None else clock
    return {name: WRITERS[name](board, clock) for name in formats}


def _header(board, mark):
    return f"{mark} {board.name}: {board.description}; {board.part}\n"


def _period(clock):
    """The period of a clock in MHz, in ns."""
    return f"{1000 / clock:.3f}"


def _clock(clock):
    return f"create_clock -name clk -period {_period(clock)} [get_ports clk]\n"


def _pulled_up(port):
    return port == "uart_rx"


def _asynchronous(board):
    inputs = [port for port in board.pins if port == "uart_rx"]
    outputs = [port for port in board.pins if port not in ("clk", *inputs)]
    return [
        *(f"set_false_path -from [get_ports {port}]\n" for port in inputs),
        *(f"set_false_path -to [get_ports {port}]\n" for port in outputs),
    ]


def _xdc(board, clock):
    lines = [_header(board, "#"), _clock(clock)]
    for port, pin in board.pins.items():
        properties = f"PACKAGE_PIN {pin.site} IOSTANDARD {pin.io}"
        lines.append(f"set_property -dict {{{properties}}} [get_ports {port}]\n")
        if _pulled_up(port):
            lines.append(f"set_property PULLTYPE PULLUP [get_ports {port}]\n")
    lines += _asynchronous(board)
    lines += [
        f"set_property {name} {value} [current_design]\n"
        for name, value in board.properties.items()
    ]
    return "".join(lines)


def _sdc(board, clock):
    return "".join([_header(board, "#"), _clock(clock), *_asynchronous(board)])


def _lpf(board, clock):
    lines = [_header(board, "#"), "BLOCK ASYNCPATHS;\n"]
    for port, pin in board.pins.items():
        pull = " PULLMODE=UP" if _pulled_up(port) else ""
        lines.append(f'LOCATE COMP "{port}" SITE "{pin.site}";\n')
        lines.append(f'IOBUF PORT "{port}" IO_TYPE={pin.io}{pull};\n')
    lines.append(f'FREQUENCY PORT "clk" {clock:g} MHZ;\n')
    return "".join(lines)


def _pcf(board, clock):
    lines = [_header(board, "#")]
    for port, pin in board.pins.items():
        pull = "-pullup yes " if _pulled_up(port) else ""
        lines.append(f"set_io {pull}{port} {pin.site}\n")
    lines.append(f"set_frequency clk {clock:g}\n")
    return "".join(lines)


def _cst(board, clock):
    lines = [_header(board, "//")]
    for port, pin in board.pins.items():
        pull = " PULL_MODE=UP" if _pulled_up(port) else ""
        lines.append(f'IO_LOC "{port}" {pin.site};\n')
        lines.append(f'IO_PORT "{port}" IO_TYPE={pin.io}{pull};\n')
    return "".join(lines)


#: Format to the function that writes it for a board and a clock in MHz.
WRITERS = {"xdc": _xdc, "sdc": _sdc, "lpf": _lpf, "pcf": _pcf, "cst": _cst}


def out_of_context(manifest: Manifest, clock: float | None = None) -> dict[str, str]:
    """Constraints for a core, bare or in a bus wrapper, by itself: its clock and its ports' delays.

    Half of a period remains for the logic on either side of it.

    Parameters
    ----------
    manifest : Manifest
        That of a design with a clock.
    clock : float or None
        Frequency of the clock in MHz; by default that of a wrapper with ``clock_hz``, else 200.

    Returns
    -------
    dict
        ``"xdc"`` for Vivado and ``"sdc"`` for Quartus, OpenSTA and others, to the file's contents.

    Raises
    ------
    ValueError
        If the frequency is out of range, or the design has no clock.
    """
    if clock is not None:
        check_clock(clock)
    port = manifest.bus.get("clock", "clk")
    if not any(each["name"] == port for each in manifest.ports):
        raise ValueError(f"Design to constrain must have a clock, which {manifest.top} has not")
    if clock is None:
        clock = manifest.bus["clock_hz"] / 1e6 if "clock_hz" in manifest.bus else _CLOCK_MHZ
    values = {"clk": port, _PERIOD: _period(clock), _HALF: _period(2 * clock)}
    return {
        name: re.sub(
            r"\bclk\b|\b[25]\.[05]00\b",
            lambda match: values[match[0]],
            (_FOLDER / f"ooc.{name}").read_text("utf-8"),
        )
        for name in ("xdc", "sdc")
    }
