"""Results files as ``brickwork sweep`` writes them, with made-up numbers."""

import hashlib
import json
import math
from pathlib import Path

from brickwork.gen.designs import registry

__all__ = ["HEADER", "many", "point", "write"]

HEADER = {
    "schema": "brickwork-sweep",
    "version": 1,
    "name": "made up",
    "sweep": {"name": "made up", "description": "numbers that nothing measured"},
    "tools": {"brickwork": "0.1.0", "pyosys": "0.61"},
}

_LAYERS = {"digits": [(360, 64, 64), (360, 64, 32), (360, 32, 10)], "bert": [(384, 768, 768)] * 4}
_ROLES = {"PEs": 0.6, "skew": 0.12, "accumulators": 0.1, "control": 0.06, "results": 0.11}


def point(
    design="gemm_ws", workload="digits", target="ecp5", seeds=(0.97, 1.0, 1.02), **parameters
):
    """A point with numbers that depend on the arguments alone; no seeds are no clock."""
    values = registry.design(design)(**parameters).as_dict()
    rows, cols = values["rows"], values.get("cols", 1)
    pes = values.get("pes", rows * cols)
    bits = 4 if "4" in str(values.get("a_format")) else 8
    layers = _LAYERS.get(workload, [])
    macs = sum(m * k * n for m, k, n in layers)
    slow = 1.0 if design == "gemm_ws" else 1.03
    cycles = sum(
        int(slow * m * -(-k // rows) * -(-n // cols)) + 2 * rows + cols + 16 for m, k, n in layers
    )
    lut = pes * bits * bits // 2 + 90 * (rows + cols) + 400
    fmax = 260 / (1 + 0.05 * math.log2(pes) + bits / 40) if seeds else None
    gops = 2 * macs / cycles * fmax / 1000 if seeds and cycles else None
    record = {
        "status": "ok",
        "reason": None,
        "log": None,
        "design": design,
        "parameters": values,
        "modes": {},
        "target": target,
        "workload": workload,
        "pes": pes,
        "macs_per_cycle": pes,
        "area": _area(target, lut, pes if bits == 8 else 0) if target else None,
        "clock": fmax and _clock(target, fmax, seeds),
        "fmax_mhz": fmax,
        "cycles": cycles or None,
        "cycles_kind": {"digits": "rtl", "bert": "extrapolated"}.get(workload),
        "simulated_share": {"digits": 1.0, "bert": 0.01}.get(workload, 0.0),
        "macs": macs or None,
        "utilization": macs / (cycles * pes) if cycles else None,
        "gops": gops,
        "gops_per_lut": gops and (gops / lut if target == "ecp5" else None),
        "gops_per_dsp": gops and (gops / pes if target == "ecp5" and bits == 8 else None),
        "gops_per_mm2": None,
        "bytes": _bytes(layers, rows, cols, bits) if layers else None,
        "layers": [],
        "seconds": 1.5,
    }
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    return {"key": digest[:16]} | record


def many(shapes=((4, 4), (4, 8), (8, 8), (16, 8), (16, 16)), formats=("int8", "int4"), **options):
    """Points of two designs, with all shapes, formats, workloads and targets."""
    return [
        point(design, workload, target, rows=r, cols=c, a_format=f, w_format=f, **options)
        for design in ("gemm_ws", "gemm_os")
        for r, c in shapes
        for f in formats
        for workload in _LAYERS
        for target in ("ecp5", "gates")
    ]


def write(path, records, **header) -> Path:
    """Writes a results file."""
    lines = [HEADER | header, *records]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def _area(target, lut, dsp):
    if target != "ecp5":
        total = {"area": 4.5 * lut, "flip_flops": 2.0 * lut, "logic": 2.5 * lut}
        unit = "gates" if target == "gates" else "µm²"
    else:
        total = {"lut": lut, "ff": lut // 2, "dsp": dsp, "bram": 4, "lutram": 16, "carry": 64}
        unit = "cells"
    modules = [
        {"role": role, "unit": role.lower(), "instances": 1}
        | {name: share * count for name, count in total.items()}
        for role, share in _ROLES.items()
    ]
    resource = "block RAM" if unit == "cells" else "macro"
    memory = {"name": "u_accumulator.mem", "words": 512, "width": 256, "kind": resource}
    record = {"target": target, "unit": unit, "total": total, "modules": modules}
    return record | {"memories": [memory], "estimate": True, "tools": {"pyosys": "0.61"}}


def _clock(target, fmax, seeds):
    runs = [{"seed": number, "fmax_mhz": fmax * seed} for number, seed in enumerate(seeds, 1)]
    clocks = sorted(run["fmax_mhz"] for run in runs)
    fmax_mhz = {"median": fmax, "worst": clocks[0], "best": clocks[-1], "spread_percent": 5.0}
    return {"target": target, "device": "any", "fmax_mhz": fmax_mhz, "runs": runs}


def _bytes(layers, rows, cols, bits):
    return {
        "acts": sum(m * k * -(-n // cols) for m, k, n in layers) * bits // 8,
        "weights": sum(k * n for m, k, n in layers) * bits // 8,
        "results": sum(m * n for m, k, n in layers) * 4,
    }
