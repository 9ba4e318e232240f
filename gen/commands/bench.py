"""The command ``brickwork bench``: measurements side by side, as tables or JSON."""

import importlib
import json
from pathlib import Path

from ..flow.synthesis import check_liberty
from ..lib.errors import Failed
from ..lib.files import check_folder
from ..lib.progress import progress

__all__ = ["BENCHES", "bench", "check", "table"]

#: Name of a measurement to its title; each is a module with a function ``measure``.
BENCHES = {
    "cycles": "Cycles in RTL, and SCALE-Sim's (the index of its last cycle)",
    "emission": "Emission of gemm_ws",
    "simulation": "Simulation of gemm_ws under cocotb, builds with a warm runtime",
    "quality": "Quality of the number formats",
    "area": "Area of processing elements and decoders",
    "bitfusion": "BitFusion: areas, throughput and networks",
    "mixed": "The digits network with a width for each layer",
    "eie": "The nine layers of EIE's paper in RTL; cycles of the paper at 800 MHz",
    "eie_digits": "The digits network, pruned, on the sparse engine, and dense on gemm_ws",
    "eie_scaling": "The sparse engine over depths of queues and numbers of elements, in RTL",
    "eie_area": "Area of the sparse engine's element beside that of EIE's paper",
    "bus": "Throughput of the cores behind a bus, in RTL",
    "speed": "Speed of simulation of gemm_ws; ratios to the compiled driver",
}

#: What ``quality`` can run on.
DENSE = ("gemm_ws", "gemm_os")


def bench(options) -> int:
    if options.liberty is not None:
        check_liberty(options.liberty)
    out = check_folder(Path(options.out) / "bench")
    records = {}
    names = options.benches or list(BENCHES)
    for name in names:
        if name not in BENCHES:
            raise ValueError(f"Measurement must be one of {', '.join(BENCHES)}, not {name!r}")
    if options.design not in DENSE:
        raise ValueError(f"Design must be one of {', '.join(DENSE)}, not {options.design!r}")
    for name in names:
        module = importlib.import_module(f"..studies.{name}", __package__)
        if name == "speed":
            sizes = options.sizes + [256] * options.large
            found = module.measure(out, sizes=sizes, runs=options.runs)
            module.write(out, found)
            text = table(module.rows(found))
        elif name == "area":
            found = list(progress(module.measure(out, liberty=options.liberty), what=name))
            text = f"{table(list(module.rows(found)))}\n\n{module.NOTES}"
        elif name == "bus":
            found = module.measure(out)
            text = f"{table(list(module.rows(found)))}\n\n{module.NOTES}"
        elif name == "bitfusion":
            found = module.measure(out, liberty=options.liberty, large=options.large)
            text = module.write(out, found)
        elif name == "quality":
            found = module.measure(out, design=options.design)
            text = module.write(out, found)
        elif name == "mixed":
            found = module.measure(out, budget=options.budget)
            text = module.text(found)
        elif name == "eie":
            found = module.measure(out, quick=options.quick, liberty=options.liberty)
            text = module.text(found)
        elif name in ("eie_digits", "eie_scaling"):
            found = module.measure(out)
            text = module.write(out, found)
        elif name == "eie_area":
            found = module.measure(out, liberty=options.liberty)
            text = module.write(out, found)
        else:
            found = list(progress(module.measure(out), what=name))
            text = table(found)
        records[name] = found
        if not options.json:
            print(BENCHES[name], text, sep="\n\n", end="\n\n", flush=True)
    if options.json:
        print(json.dumps(records, indent=2))
    check(records)
    return 0


def check(records: dict[str, list[dict]]) -> None:
    """Raises :exc:`Failed` if a result is wrong, or cycles are other than elsewhere or promised."""
    rows = [row for found in records.values() for row in found]
    if wrong := [row for row in rows if row.get("exact") is False]:
        raise Failed(f"{len(wrong)} products are not what the golden model gives: {wrong[0]}")
    if other := [row for row in rows if row.get("same_cycles") is False]:
        raise Failed(f"{len(other)} ways take other cycles for the same product: {other[0]}")
    if slow := [row for row in rows if row.get("as_promised") is False]:
        raise Failed(f"{len(slow)} networks take other cycles than promised: {slow[0]}")
    if slow := [row for row in rows if row.get("fast_enough") is False]:
        raise Failed(f"{len(slow)} buses leave less of their core's throughput: {slow[0]}")


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
