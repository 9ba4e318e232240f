"""Constraints of pins and clocks, in the formats of the tools: .xdc, .sdc, .lpf, .pcf and .cst."""

import re
from pathlib import Path

from ...sim.manifest import Manifest
from ..lib.catalogue import check_name
from . import targets
from .boards import Board

__all__ = ["WRITERS", "board_constraints", "out_of_context"]

_FOLDER = Path(__file__).resolve().parent.parent.parent / "constraints"

#: The period in the files for a core alone, in ns.
_PERIOD = "5.000"


def board_constraints(board: Board) -> dict[str, str]:
    """Constraints for a wrapper with the ports ``clk``, ``uart_rx``, ``uart_tx`` and ``led``.

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
    return {name: WRITERS[name](board) for name in formats}


def _header(board, mark):
    return f"{mark} {board.name}: {board.description}; {board.part}\n"


def _period(board):
    return f"{1000 / board.clock_mhz:.3f}"


def _clock(board):
    return f"create_clock -name clk -period {_period(board)} [get_ports clk]\n"


def _pulled_up(port):
    return port == "uart_rx"


def _asynchronous(board):
    inputs = [port for port in board.pins if port == "uart_rx"]
    outputs = [port for port in board.pins if port not in ("clk", *inputs)]
    return [
        *(f"set_false_path -from [get_ports {port}]\n" for port in inputs),
        *(f"set_false_path -to [get_ports {port}]\n" for port in outputs),
    ]


def _xdc(board):
    lines = [_header(board, "#"), _clock(board)]
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


def _sdc(board):
    return "".join([_header(board, "#"), _clock(board), *_asynchronous(board)])


def _lpf(board):
    lines = [_header(board, "#"), "BLOCK ASYNCPATHS;\n"]
    for port, pin in board.pins.items():
        pull = " PULLMODE=UP" if _pulled_up(port) else ""
        lines.append(f'LOCATE COMP "{port}" SITE "{pin.site}";\n')
        lines.append(f'IOBUF PORT "{port}" IO_TYPE={pin.io}{pull};\n')
    lines.append(f'FREQUENCY PORT "clk" {board.clock_mhz:g} MHZ;\n')
    return "".join(lines)


def _pcf(board):
    lines = [_header(board, "#")]
    for port, pin in board.pins.items():
        pull = "-pullup yes " if _pulled_up(port) else ""
        lines.append(f"set_io {pull}{port} {pin.site}\n")
    lines.append(f"set_frequency clk {board.clock_mhz:g}\n")
    return "".join(lines)


def _cst(board):
    lines = [_header(board, "//")]
    for port, pin in board.pins.items():
        pull = " PULL_MODE=UP" if _pulled_up(port) else ""
        lines.append(f'IO_LOC "{port}" {pin.site};\n')
        lines.append(f'IO_PORT "{port}" IO_TYPE={pin.io}{pull};\n')
    return "".join(lines)


#: Format to the function that writes it for a board.
WRITERS = {"xdc": _xdc, "sdc": _sdc, "lpf": _lpf, "pcf": _pcf, "cst": _cst}


def out_of_context(manifest: Manifest, period_ns: float = 5.0) -> dict[str, str]:
    """Constraints for a core, bare or in a bus wrapper, by itself: its clock and its ports' delays.

    Half of a period remains for the logic on either side of it.

    Parameters
    ----------
    manifest : Manifest
        That of a design with a clock.
    period_ns : float
        Period of the clock.

    Returns
    -------
    dict
        ``"xdc"`` for Vivado and ``"sdc"`` for Quartus, OpenSTA and others, to the file's contents.

    Raises
    ------
    ValueError
        If the period is not positive, or the design has no clock.
    """
    if not period_ns > 0:
        raise ValueError(f"Period must be a positive number of ns, not {period_ns!r}")
    clock = manifest.bus.get("clock", "clk")
    if not any(port["name"] == clock for port in manifest.ports):
        raise ValueError(f"Design to constrain must have a clock, which {manifest.top} has not")
    values = {"clk": clock, _PERIOD: f"{period_ns:.3f}", "2.500": f"{period_ns / 2:.3f}"}
    return {
        name: re.sub(
            r"\bclk\b|\b[25]\.[05]00\b",
            lambda match: values[match[0]],
            (_FOLDER / f"ooc.{name}").read_text("utf-8"),
        )
        for name in ("xdc", "sdc")
    }
