"""``brickwork cache``: what the cache folder holds, and how to be rid of it."""

import json

from ...sim.cache import Size, clear, folder, usage

__all__ = ["cache"]


def cache(options) -> int:
    if options.clear is None:
        what, sizes = "kinds", usage()
    else:
        what, sizes = "freed", clear(None if options.clear is True else options.clear)
    if options.json:
        found = {kind: size._asdict() for kind, size in sizes.items()}
        print(json.dumps({"folder": str(folder()), what: found}, indent=2))
        return 0
    rows = [(kind, *_shown(size)) for kind, size in sizes.items()]
    if what == "freed":
        rows = [("freed", *row) for row in rows]
    if not any(size.entries for size in sizes.values()) and options.clear in (None, True):
        rows = [("empty",)]
    for row in [("folder", folder()), *rows]:
        print(*row, sep="\t")
    return 0


def _shown(size: Size) -> tuple[str, str]:
    count = f"{size.entries} {'entry' if size.entries == 1 else 'entries'}"
    amount, units = float(size.bytes), ["B", "kB", "MB", "GB"]
    while amount >= 999.5 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    digits = 0 if units[0] == "B" or amount >= 9.95 else 1
    return count, f"{amount:.{digits}f} {units[0]}"
