"""``brickwork formats`` and ``brickwork quantize``: number formats, and arrays in them."""

import json
import math
from pathlib import Path

import numpy as np

from ...sim.golden import formats
from ..lib.errors import Refused
from ..lib.files import check_folder, read_array, write_arrays

__all__ = ["list_formats", "quantize_file"]


def list_formats(options) -> int:
    if options.name is not None:
        return _show_codes(formats.get(options.name), options.json)
    found = [
        _facts(formats.get(name)) | {"meaning": family.meaning}
        for family in formats.FAMILIES
        for name in family.names()
    ]
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    rows = [
        (
            fact["name"],
            fact["bits"],
            *(f"{fact[end] * fact['unit']:g}" for end in _ENDS),
            _power(fact["unit"]),
            fact["meaning"],
        )
        for fact in found
    ]
    _print_table([("format", "bits", *_ENDS, "unit", "meaning"), *rows])
    return 0


_ENDS = ("lowest", "highest")


def _facts(fmt):
    """``lowest`` and ``highest`` are in units."""
    names = ("name", "family", "bits", "signed", "pair", "unit", *_ENDS)
    return {name: getattr(fmt, name) for name in names}


def _show_codes(fmt, as_json):
    codes = [_code(fmt, code) for code in range(1 << fmt.bits)]
    if as_json:
        facts = _facts(fmt) | ({"identifier": fmt.identifier} if fmt.pair else {})
        print(json.dumps(facts | {"codes": codes}, indent=2))
        return 0
    for name in ("name", "family", "bits"):
        print(f"{name:12}{getattr(fmt, name)}")
    print(f"{'range':12}{fmt.lowest * fmt.unit:g} to {fmt.highest * fmt.unit:g}")
    print(f"{'unit':12}{_power(fmt.unit)}")
    if fmt.pair:
        print(f"{'identifier':12}{fmt.identifier:0{fmt.bits}b}: a victim, 0, beside an outlier")
    print()
    kinds = ("normal", "outlier") if fmt.pair else ("integer", "value")
    rows = [(code["bits"], *(_shown(code[kind]) for kind in kinds)) for code in codes]
    _print_table([("code", *kinds), *rows])
    return 0


def _code(fmt, code):
    facts = {"code": code, "bits": f"{code:0{fmt.bits}b}"}
    if fmt.pair:
        if code == fmt.identifier:
            return facts | {"normal": "victim", "outlier": "victim"}
        return facts | {"normal": int(fmt.integers[code]), "outlier": int(fmt.outliers[code])}
    value = float(fmt.values[code])
    # JSON has no numbers for NaN and infinities.
    shown = value if math.isfinite(value) else str(value)
    return facts | {"integer": int(fmt.integers[code]), "value": shown}


def _shown(value):
    return f"{value:.17g}" if isinstance(value, float) else str(value)


def _power(unit):
    return "1" if unit == 1 else f"2^{int(math.log2(unit))}"


def _print_table(rows):
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            f"{cell:>{width}}" if i and i < len(row) - ("meaning" in rows[0]) else f"{cell:{width}}"
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip())


def quantize_file(options) -> int:
    names = options.formats.split(",")
    pairs = [name for name in names if formats.get(name).pair]
    for given, flag in ((options.pair_axis, "--pair-axis"), (options.both, "--both")):
        if given is not None and not pairs:
            raise Refused(f"Format must be one of pairs (ovp) with {flag}, not {options.formats!r}")
    x = read_array(options.x, "X")
    if not x.size:
        raise ValueError(f"X must have at least one number, not the shape {x.shape}")
    out = options.out and Path(options.out)
    if out and out.is_dir():
        raise Refused(f"Result must be written to a file, not to the folder {str(out)!r}")
    pair_axis = -1 if options.pair_axis is None else options.pair_axis
    found = formats.each(
        x,
        names,
        options.axis,
        options.method,
        pair_axis=pair_axis,
        both=options.both or "larger",
    )
    best = min(found, key=lambda one: one.mse)
    if out:
        check_folder(out.parent)
        arrays = {"codes": best.codes, "scale": best.scale, "format": np.array(best.name)}
        write_arrays(out, arrays)
    energy = float(np.square(x.astype(np.float64)).mean())
    facts = {
        "format": best.name,
        "shape": list(x.shape),
        "scales": best.scale.size,
        "lowest_scale": float(best.scale.min()),
        "highest_scale": float(best.scale.max()),
        "mse": best.mse,
        "sqnr_db": _sqnr(energy, best.mse),
        "candidates": [
            {"format": one.name, "mse": one.mse, "sqnr_db": _sqnr(energy, one.mse)} for one in found
        ],
        "out": options.out,
    }
    fmt = formats.get(best.name)
    if fmt.pair:
        # Each outlier has one victim, and nothing else has the identifier.
        facts["pairs"] = best.codes.size // 2
        facts["outliers"] = int((best.codes == fmt.identifier).sum())
    if options.json:
        print(json.dumps(facts, indent=2))
    else:
        _show_result(facts, options.axis)
    return 0


def _sqnr(energy, error):
    """In dB; ``None`` where that is not finite."""
    return 10 * math.log10(energy / error) if energy and error else None


def _show_result(facts, axis):
    if len(facts["candidates"]) > 1:
        rows = [(one["format"], f"{one['mse']:.6g}", _decibels(one)) for one in facts["candidates"]]
        _print_table([("format", "MSE", "SQNR"), *rows])
        print()
    scale = f"{facts['lowest_scale']:.6g}"
    if facts["scales"] > 1:
        scale += f" to {facts['highest_scale']:.6g} ({facts['scales']} along axis {axis})"
    rows = {
        "format": facts["format"],
        "shape": "×".join(map(str, facts["shape"])) or "one number",
        "scale": scale,
        "MSE": f"{facts['mse']:.6g}",
        "SQNR": _decibels(facts),
    }
    if "pairs" in facts:
        share = facts["outliers"] / facts["pairs"]
        rows["outliers"] = f"{facts['outliers']}, and as many victims ({share:.2%} of the pairs)"
    if facts["out"]:
        rows["results"] = facts["out"]
    for name, value in rows.items():
        print(f"{name:12}{value}")


def _decibels(facts):
    return "exact" if not facts["mse"] else f"{facts['sqnr_db']:.2f} dB"
