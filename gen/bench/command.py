"""The command ``brickwork bench``: measurements side by side, as tables or JSON."""

import importlib
import json
from pathlib import Path

from ..errors import Failed
from ..files import check_folder
from ..progress import progress

__all__ = ["BENCHES", "bench", "table"]

#: Name of a measurement to its title; each is a module with a function ``measure``.
BENCHES = {
    "cycles": "Cycles in RTL, and SCALE-Sim's (the index of its last cycle)",
    "emission": "Emission of gemm_ws",
    "simulation": "Simulation of gemm_ws under cocotb, builds with a warm runtime",
}


def bench(options) -> int:
    out = check_folder(Path(options.out) / "bench")
    records = {}
    names = options.benches or list(BENCHES)
    for name in names:
        if name not in BENCHES:
            raise ValueError(f"Measurement must be one of {', '.join(BENCHES)}, not {name!r}")
    for name in names:
        module = importlib.import_module(f".{name}", __package__)
        try:
            found = list(progress(module.measure(out), what=name))
        except ModuleNotFoundError as error:
            raise ValueError(
                f"Package {error.name} is missing, which only benchmarks need: "
                "pip install 'brickwork[bench]'"
            ) from None
        records[name] = found
        if not options.json:
            print(BENCHES[name], table(found), sep="\n\n", end="\n\n", flush=True)
    if options.json:
        print(json.dumps(records, indent=2))
    wrong = [row for rows in records.values() for row in rows if not row.get("exact", True)]
    if wrong:
        raise Failed(f"{len(wrong)} products are not what the golden model gives: {wrong[0]}")
    return 0


def table(records: list[dict]) -> str:
    """Records as lines of aligned columns; numbers to the right."""
    names = list(dict.fromkeys(name for record in records for name in record))
    texts = [[_text(record.get(name)) for name in names] for record in records]
    widths = [max(map(len, column)) for column in zip(names, *texts, strict=True)]
    numeric = [all(not isinstance(record.get(name), str) for record in records) for name in names]
    lines = []
    for row in [[name.replace("_", " ") for name in names], *texts]:
        cells = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
