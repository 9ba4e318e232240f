"""``brickwork boards``: the boards of ``brickwork build``."""

from ..flow import targets
from ..lib.messages import print_json
from ..lib.tables import columns
from .arguments import add_json

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main", "record"]

SUMMARY = "list the boards of brickwork build"
EXAMPLE = "brickwork boards --json"


def arguments(parser):
    add_json(parser)


def main(options) -> int:
    from ..flow import boards

    listed = [boards.load(name) for name in boards.names()]
    if options.json:
        print_json([record(board) for board in listed])
        return 0
    rows = [
        (board.name, board.part, f"{board.clock_mhz:g} MHz", board.description) for board in listed
    ]
    for line in columns(rows):
        print(line)
    return 0


def record(board) -> dict:
    """The board as JSON shows it."""
    return {
        "name": board.name,
        "description": board.description,
        "target": board.target,
        "part": board.part,
        "clock_hz": board.clock_hz,
        "pins": {port: pin.site for port, pin in board.pins.items()},
        "available": board.available,
        "bitstream": targets.load(board.target).place is not None,
        "load": board.load,
    }
