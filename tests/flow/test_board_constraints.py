"""Constraints in each format: whole files, and what a Tcl interpreter reads in them."""

import re
from dataclasses import replace

import pytest
from brickwork.gen.flow import boards, targets
from brickwork.gen.flow.board_constraints import WRITERS, board_constraints, out_of_context
from brickwork.sim.manifest import Manifest

NAMES = boards.names()
MANIFEST = Manifest(
    design="core",
    parameters={},
    top="top",
    verilog="top.v",
    ports=[{"name": "aclk"}, {"name": "s_axis_acts_tdata"}],
    bus={"clock": "aclk"},
)


def test_lpf():
    assert board_constraints(boards.load("ulx3s"))["lpf"] == (
        "# ulx3s: Radiona ULX3S, serial over its USB port US1; LFE5U-85F-6BG381C\n"
        "BLOCK ASYNCPATHS;\n"
        'LOCATE COMP "clk" SITE "G2";\n'
        'IOBUF PORT "clk" IO_TYPE=LVCMOS33;\n'
        'LOCATE COMP "uart_rx" SITE "M1";\n'
        'IOBUF PORT "uart_rx" IO_TYPE=LVCMOS33 PULLMODE=UP;\n'
        'LOCATE COMP "uart_tx" SITE "L4";\n'
        'IOBUF PORT "uart_tx" IO_TYPE=LVCMOS33;\n'
        'LOCATE COMP "led" SITE "B2";\n'
        'IOBUF PORT "led" IO_TYPE=LVCMOS33;\n'
        'FREQUENCY PORT "clk" 25 MHZ;\n'
    )


def test_pcf():
    assert board_constraints(boards.load("icebreaker"))["pcf"] == (
        "# icebreaker: 1BitSquared iCEBreaker, serial over its USB port; iCE40UP5K-SG48\n"
        "set_io clk 35\n"
        "set_io -pullup yes uart_rx 6\n"
        "set_io uart_tx 9\n"
        "set_io led 37\n"
        "set_frequency clk 12\n"
    )


def test_cst():
    files = board_constraints(boards.load("tang_nano_9k"))
    assert files["cst"] == (
        "// tang_nano_9k: Sipeed Tang Nano 9K, serial over its USB port; GW1NR-LV9QN88PC6/I5\n"
        'IO_LOC "clk" 52;\n'
        'IO_PORT "clk" IO_TYPE=LVCMOS33;\n'
        'IO_LOC "uart_rx" 18;\n'
        'IO_PORT "uart_rx" IO_TYPE=LVCMOS33 PULL_MODE=UP;\n'
        'IO_LOC "uart_tx" 17;\n'
        'IO_PORT "uart_tx" IO_TYPE=LVCMOS33;\n'
        'IO_LOC "led" 10;\n'
        'IO_PORT "led" IO_TYPE=LVCMOS18;\n'
    )
    assert files["sdc"] == (
        "# tang_nano_9k: Sipeed Tang Nano 9K, serial over its USB port; GW1NR-LV9QN88PC6/I5\n"
        "create_clock -name clk -period 37.037 [get_ports clk]\n"
        "set_false_path -from [get_ports uart_rx]\n"
        "set_false_path -to [get_ports uart_tx]\n"
        "set_false_path -to [get_ports led]\n"
    )


def test_xdc():
    assert board_constraints(boards.load("arty_a7_35t")) == {
        "xdc": (
            "# arty_a7_35t: Digilent Arty A7-35T, serial over its USB port; xc7a35ticsg324-1L\n"
            "create_clock -name clk -period 10.000 [get_ports clk]\n"
            "set_property -dict {PACKAGE_PIN E3 IOSTANDARD LVCMOS33} [get_ports clk]\n"
            "set_property -dict {PACKAGE_PIN A9 IOSTANDARD LVCMOS33} [get_ports uart_rx]\n"
            "set_property PULLTYPE PULLUP [get_ports uart_rx]\n"
            "set_property -dict {PACKAGE_PIN D10 IOSTANDARD LVCMOS33} [get_ports uart_tx]\n"
            "set_property -dict {PACKAGE_PIN H5 IOSTANDARD LVCMOS33} [get_ports led]\n"
            "set_false_path -from [get_ports uart_rx]\n"
            "set_false_path -to [get_ports uart_tx]\n"
            "set_false_path -to [get_ports led]\n"
            "set_property CFGBVS VCCO [current_design]\n"
            "set_property CONFIG_VOLTAGE 3.3 [current_design]\n"
        )
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_board(name):
    """Each port is at its pin, and the clock has its frequency, in each format that has these."""
    board = boards.load(name)
    files = board_constraints(board)
    assert list(files) == targets.load(board.target).constraints
    assert set(files) <= set(WRITERS)
    pins = next(iter(files.values()))
    for port, pin in board.pins.items():
        assert any({port, pin.site} <= {*re.findall(r"\w+", line)} for line in pins.splitlines())
    timed = files.get("sdc", pins)
    period = float(re.search(r"-period (\S+)", timed)[1])
    assert period == pytest.approx(1e9 / board.clock_hz, abs=5e-4)


@pytest.fixture
def tcl():
    """An interpreter that keeps what the commands of timing constraints are called with."""
    interpreter = pytest.importorskip("tkinter").Tcl()
    calls = []
    for name in ("create_clock", "set_property", "set_false_path", "set_input_delay"):
        interpreter.createcommand(name, lambda *values, name=name: calls.append((name, *values)))
    interpreter.createcommand("set_output_delay", lambda *values: calls.append(values))
    interpreter.createcommand("get_ports", lambda *values: values[-1])
    for name in ("current_design", "all_inputs", "all_outputs", "remove_from_collection"):
        interpreter.createcommand(name, lambda *_, name=name: name)
    return interpreter, calls


@pytest.mark.parametrize("name", NAMES)
def test_tcl(name, tcl):
    interpreter, calls = tcl
    board = boards.load(name)
    for kind, text in board_constraints(board).items():
        if kind in ("xdc", "sdc"):
            interpreter.eval(text)
    assert calls[0][:3] == ("create_clock", "-name", "clk")
    assert ("set_false_path", "-from", "uart_rx") in calls
    assert ("set_false_path", "-to", "led") in calls


@pytest.mark.parametrize("kind", ["xdc", "sdc"])
def test_out_of_context(kind, tcl):
    interpreter, calls = tcl
    text = out_of_context(MANIFEST, 250)[kind]
    assert not re.search(r"\bclk\b", text)
    interpreter.eval(text)
    assert calls[0] == ("create_clock", "-name", "aclk", "-period", "4.000", "aclk")
    assert calls[1][:4] == ("set_input_delay", "-clock", "aclk", "2.000")
    assert calls[2][:3] == ("-clock", "aclk", "2.000")
    assert len(calls) == 3


def test_core_alone_has_the_files_of_the_package():
    core = replace(MANIFEST, ports=[{"name": "clk"}], bus={})
    assert "create_clock -name clk -period 5.000 [get_ports clk]\n" in out_of_context(core)["sdc"]
    assert "set_input_delay -clock clk 2.500 " in out_of_context(core)["sdc"]


def test_a_wrapper_that_counts_the_time_has_its_clock():
    serial = replace(MANIFEST, bus=MANIFEST.bus | {"clock_hz": 48_000_000})
    assert " -period 20.833 " in out_of_context(serial)["xdc"]
    assert " -period 10.000 " in out_of_context(serial, 100)["xdc"]


def test_a_clock_in_place_of_the_boards():
    assert 'FREQUENCY PORT "clk" 62.5 MHZ;' in board_constraints(boards.load("ulx3s"), 62.5)["lpf"]
    for kind, name in (("xdc", "arty_a7_35t"), ("sdc", "tang_nano_9k")):
        assert " -period 3.333 " in board_constraints(boards.load(name), 300)[kind]
    assert "set_frequency clk 20\n" in board_constraints(boards.load("icebreaker"), 20)["pcf"]


@pytest.mark.parametrize(
    ("clock", "error"),
    [
        *((clock, ValueError) for clock in (0, -1.5, float("nan"), 10_001)),
        *((clock, TypeError) for clock in ("100", True)),
    ],
)
def test_wrong_clock(clock, error):
    message = rf"^Clock in MHz must be a number from 0\.001 to 10000, not {clock!r}$"
    with pytest.raises(error, match=message):
        out_of_context(MANIFEST, clock)


def test_no_clock():
    message = "^Design to constrain must have a clock, which top has not$"
    with pytest.raises(ValueError, match=message):
        out_of_context(replace(MANIFEST, bus={}))
