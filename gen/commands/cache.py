"""``brickwork cache``: the contents of the cache folder, and their deletion."""

from ..lib.messages import print_json
from . import completion
from .arguments import add_json

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "show the contents of the cache folder, or delete them"
EXAMPLE = "brickwork cache --clear builds"


def arguments(parser):
    parser.description += (
        "\n\nThe folder is $BRICKWORK_CACHE, else $XDG_CACHE_HOME/brickwork, else "
        "~/.cache/brickwork;\nbrickwork-<user id> in the temporary folder where that cannot be "
        "written.\nOther processes may use it meanwhile: an entry that another process is writing "
        "is left alone,\nand no entry is ever seen half written. A build that needs an entry that "
        "was just deleted\nfails; start it again."
    )
    sections = parser.add_argument(
        "--clear",
        metavar="KIND",
        nargs="?",
        const=True,
        help="delete the entries of a kind: builds, runtime, verilog, synthesis, cycles, failed, "
        "or stale, which are leftovers of killed processes (default: all of them)",
    )
    sections.completer = completion.cache_sections
    add_json(parser)


def main(options) -> int:
    from ...sim.cache import clear, folder, usage

    clearing = options.clear is not None
    selected = None if options.clear is True else options.clear
    sizes = clear(selected) if clearing else usage()
    if options.json:
        entries = {name: size._asdict() for name, size in sizes.items()}
        key = "freed" if clearing else "kinds"
        print_json({"folder": str(folder()), key: entries})
        return 0
    print("folder", folder(), sep="\t")
    if selected is None and not any(size.entries for size in sizes.values()):
        print("empty")
        return 0
    for name, size in sizes.items():
        count = f"{size.entries} {'entry' if size.entries == 1 else 'entries'}"
        print(*(["freed"] if clearing else []), name, count, _amount(size.bytes), sep="\t")
    return 0


def _amount(size):
    """A number of bytes with two or three digits, in the largest unit that allows that."""
    amount, units = float(size), ["B", "kB", "MB", "GB"]
    while amount >= 999.5 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    digits = 0 if units[0] == "B" or amount >= 9.95 else 1
    return f"{amount:.{digits}f} {units[0]}"
