"""The command ``brickwork bench``: measurements side by side, as tables or JSON."""

import importlib
import json
from pathlib import Path

from ..errors import Failed
from ..files import check_folder
from ..progress import progress

__all__ = ["BENCHES", "bench", "check", "table"]

#: Name of a measurement to its title; each is a module with a function ``measure``.
BENCHES = {
    "cycles": "Cycles in RTL, and SCALE-Sim's (the index of its last cycle)",
    "emission": "Emission of gemm_ws",
    "simulation": "Simulation of gemm_ws under cocotb, builds with a warm runtime",
    "speed": "Speed of simulation of gemm_ws; ratios to the compiled driver",
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
        if name == "speed":
            sizes = options.sizes + [256] * options.large
            found = module.measure(out, sizes=sizes, runs=options.runs)
            module.write(out, found)
            shown = module.rows(found)
        else:
            found = shown = list(progress(module.measure(out), what=name))
        records[name] = found
        if not options.json:
            print(BENCHES[name], table(shown), sep="\n\n", end="\n\n", flush=True)
    if options.json:
        print(json.dumps(records, indent=2))
    check(records)
    return 0


def check(records: dict[str, list[dict]]) -> None:
    """Raises :exc:`Failed` if a result is wrong, or a product took other cycles than elsewhere."""
    rows = [row for found in records.values() for row in found]
    if wrong := [row for row in rows if row.get("exact") is False]:
        raise Failed(f"{len(wrong)} products are not what the golden model gives: {wrong[0]}")
    if other := [row for row in rows if row.get("same_cycles") is False]:
        raise Failed(f"{len(other)} ways take other cycles for the same product: {other[0]}")


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
