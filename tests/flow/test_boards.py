"""Boards: what their files say, and that nothing else knows them."""

import re
from pathlib import Path

import pytest
from brickwork.gen.cli import main
from brickwork.gen.flow import boards, targets

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = boards.names()


def test_names():
    assert {
        *("ulx3s", "ulx3s-12f", "ulx3s-25f", "ulx3s-45f", "ulx3s-85f", "colorlight_i5"),
        *("orangecrab", "orangecrab-25f", "icebreaker", "tang_nano_9k", "tang_nano_20k"),
        *("arty_a7_35t", "pynq_z2"),
    } <= set(NAMES)
    assert not {*NAMES} & {*targets.names()}


def test_first_device_is_the_default():
    board, same = boards.load("ulx3s"), boards.load("ulx3s-85f")
    assert board.part == same.part == "LFE5U-85F-6BG381C"
    assert boards.load("ulx3s-12f").part == "LFE5U-12F-6BG381C"


@pytest.mark.parametrize("name", NAMES)
def test_complete(name):
    board = boards.load(name)
    assert list(board.pins) == ["clk", "uart_rx", "uart_tx", "led"]
    assert len({pin.site for pin in board.pins.values()}) == 4
    # Only banks whose supply decides have no standard to choose.
    assert all(bool(pin.io) == (board.target != "ice40") for pin in board.pins.values())
    assert 10_000_000 <= board.clock_hz <= 125_000_000
    # Places of the iCE40 have a LUT and a flip-flop each.
    logic = {"lc"} if board.target == "ice40" else {"lut", "ff"}
    assert board.available.keys() == {*logic, "dsp", "bram"}
    assert board.load.count("{file}") == 1
    target = targets.load(board.target)
    assert target.constraints
    assert bool(board.placer_options) == (target.place is not None)
    assert (target.bitstream is None) == (target.place is None)
    if board.target_device is not None:
        target.device(board.target_device)


def test_parts_are_in_the_boards_files_alone():
    parts = {boards.load(name).part for name in NAMES}
    sources = [path for folder in ("gen", "hdl", "sim") for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 100
    for path in sources:
        text = path.read_text("utf-8")
        assert not [part for part in parts if part in text], path


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ulx3", "; did you mean 'ulx3s'?"),
        ("ecp5", ""),
        ("ULX3S", "; did you mean 'ulx3s'?"),
        (None, ""),
    ],
)
def test_wrong_name(name, hint):
    message = f"Board must be one of {', '.join(NAMES)}, not {name!r}{hint}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        boards.load(name)


def test_listed(capsys):
    assert main(["boards"]) == 0
    rows = [re.split("  +", line) for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows] == NAMES
    assert ["icebreaker", "iCE40UP5K-SG48", "12 MHz"] in [row[:3] for row in rows]
