"""The numbers by which points of a sweep are compared."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["METRICS", "RESOURCES", "SIZES", "Metric", "shown"]


@dataclass(frozen=True)
class Metric:
    """A number that points have.

    Attributes
    ----------
    name : str
        In CSV files and addresses.
    title : str
        Above a column.
    unit : str
        After a value.
    better : int
        1 if more of it is better, -1 if less is, 0 if neither.
    meaning : str
        In a sentence.
    of : callable
        Its value for a record and a clock in MHz; ``None`` where a number is missing.
    clocked : bool
        Whether it depends on the clock, which place and route finds anew with every seed.
    """

    name: str
    title: str
    unit: str
    better: int
    meaning: str
    of: Callable[[dict, float | None], float | None]
    clocked: bool = False


def _field(name, factor=1):
    def of(record, fmax):
        return None if record[name] is None else factor * record[name]

    return of


def _area(name, unit):
    def of(record, fmax):
        area = record["area"]
        return area["total"].get(name) if area and area["unit"] == unit else None

    return of


def _per_clock(name):
    """A value of the record for its own clock, in proportion to the clock."""

    def of(record, fmax):
        value, clock = record[name], record["fmax_mhz"]
        return value * fmax / clock if value is not None and clock and fmax else None

    return of


def _quotient(numerator, denominator):
    return numerator / denominator if numerator is not None and denominator else None


def _rate(record, fmax):
    return _quotient(record["macs"], record["cycles"])


def _time(record, fmax):
    return _quotient(record["cycles"], fmax)


def _density(record, fmax):
    sizes = [METRICS[name].of(record, fmax) for name in SIZES]
    rate = _rate(record, fmax)
    return None if rate is None else _quotient(1000 * rate, next(filter(None, sizes), None))


def _macro_bits(record, fmax):
    memories = record["area"]["memories"] if record["area"] else []
    sizes = [memory["words"] * memory["width"] for memory in memories if memory["kind"] == "macro"]
    return sum(sizes) if sizes else None


#: Metrics that stand for the area of a netlist; one of them, as it depends on the target.
SIZES = ("lut", "gates", "um2")
#: The scarce resources of a target.
RESOURCES = (*SIZES, "dsp", "bram", "macro_bits")

_TABLE = (
    ("pes", "PEs", "PEs", 0, "processing elements", _field("pes")),
    (
        *("peak", "peak MAC/cycle", "MAC/cycle", 0),
        "multiplications that the array can do in a cycle",
        _field("macs_per_cycle"),
    ),
    (
        *("cycles", "cycles", "cycles", -1),
        "of the whole workload; ≈ where they are extrapolated",
        _field("cycles"),
    ),
    (
        *("utilization", "utilization %", "% utilization", 1),
        "the workload's multiplications over cycles times the peak",
        _field("utilization", 100),
    ),
    ("rate", "MAC/cycle", "MAC/cycle", 1, "the workload's multiplications over cycles", _rate),
    (
        *("fmax", "Fmax MHz", "MHz", 1),
        "median of the seeds of place and route",
        lambda record, fmax: fmax,
        True,
    ),
    ("time", "time µs", "µs", -1, "cycles at Fmax", _time, True),
    (
        *("gops", "GOPS", "GOPS", 1),
        "two operations for each of the workload's multiplications, at Fmax",
        _per_clock("gops"),
        True,
    ),
    ("lut", "LUT", "LUT", -1, "look-up tables after yosys; an estimate", _area("lut", "cells")),
    ("ff", "FF", "FF", -1, "flip-flops after yosys", _area("ff", "cells")),
    ("dsp", "DSP", "DSP", -1, "multiplier blocks", _area("dsp", "cells")),
    ("bram", "BRAM", "BRAM", -1, "block memories", _area("bram", "cells")),
    ("lutram", "LUTRAM", "LUTRAM", -1, "LUTs that serve as memory", _area("lutram", "cells")),
    ("gates", "gates", "gates", -1, "two-input NAND gates; an estimate", _area("area", "gates")),
    ("um2", "µm²", "µm²", -1, "cells of the Liberty file, without wires", _area("area", "µm²")),
    (
        *("macro_bits", "memory bits", "bits of memory", -1),
        "large memories, which are no part of gates or µm²",
        _macro_bits,
    ),
    (
        *("density", "MAC/cycle per 1000", "MAC/cycle per", 1),
        "MAC/cycle over 1000 LUT, gates or µm²",
        _density,
    ),
    ("gops_per_lut", "GOPS/LUT", "GOPS/LUT", 1, "at Fmax", _per_clock("gops_per_lut"), True),
    ("gops_per_dsp", "GOPS/DSP", "GOPS/DSP", 1, "at Fmax", _per_clock("gops_per_dsp"), True),
    ("gops_per_mm2", "GOPS/mm²", "GOPS/mm²", 1, "at Fmax", _per_clock("gops_per_mm2"), True),
)

#: Name to metric, in the order of columns.
METRICS = {row[0]: Metric(*row) for row in _TABLE}


def shown(value: float | None) -> str:
    """A number as people read it, with four digits unless it is whole; nothing for ``None``."""
    if value is None:
        return ""
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    text = f"{value:.4g}"
    return f"{value:.10f}".rstrip("0") if "e" in text else text
