"""``brickwork bench``: runs studies, and prints their tables or JSON."""

from pathlib import Path

from ..lib.files import check_folder
from ..lib.messages import closest, print_json
from ..lib.progress import progress
from . import completion
from .arguments import add_json, add_out

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "measure cycles, emission, simulation and formats, beside other tools in the same run"
EXAMPLE = "brickwork bench speed --sizes 8,16"


def arguments(parser):
    from ..studies import ENTRIES, OPTIONS

    width = max(len(entry.name) for entry in ENTRIES)
    lines = [f"  {entry.name:{width}}  {entry.summary}" for entry in ENTRIES]
    parser.description += "\n\n" + "\n".join(["studies:", *lines])
    names = parser.add_argument("names", metavar="NAME", nargs="*", help="studies (default: all)")
    names.completer = completion.studies
    add_out(parser)
    add_json(parser)
    groups = {}
    for option, settings in OPTIONS.items():
        users = ", ".join(entry.name for entry in ENTRIES if option in entry.options)
        if users not in groups:
            groups[users] = parser.add_argument_group(f"options of {users}")
        groups[users].add_argument(f"--{option}", **settings)


def main(options) -> int:
    from ..flow.synthesis import check_liberty
    from ..studies import ENTRIES
    from ..studies.study import check

    entries = {entry.name: entry for entry in ENTRIES}
    for name in options.names:
        if name not in entries:
            raise ValueError(
                f"Study must be one of {', '.join(entries)}, not {name!r}{closest(name, entries)}"
            )
    if options.liberty is not None:
        check_liberty(options.liberty)
    # All of them, before one that works takes its hours.
    studies = {name: entries[name].load() for name in options.names or entries}
    out = check_folder(Path(options.out) / "bench")
    records = {}
    for name, study in studies.items():
        selected = {option: getattr(options, option) for option in entries[name].options}
        records[name] = list(progress(study.measure(out, **selected), label=name))
        text = study.write(out, name, records[name])
        if not options.json:
            print(entries[name].summary, text, sep="\n\n", end="\n\n", flush=True)
    if options.json:
        print_json(records)
    check([record for name in records for record in records[name]])
    return 0
