"""``brickwork formats``: the number formats, and the codes of one."""

import math

from ..lib.messages import print_json
from ..lib.tables import columns
from . import completion
from .arguments import add_json

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "list the number formats, or the codes of one with their values"
EXAMPLE = "brickwork formats flint4"

#: Codes of wider formats are not listed one by one, but in JSON.
_LISTED_BITS = 16


def arguments(parser):
    name = parser.add_argument(
        "name", metavar="NAME", nargs="?", help="a format, whose codes are listed"
    )
    name.completer = completion.formats
    add_json(parser)


def main(options) -> int:
    from ...sim.golden import formats

    if options.name is not None:
        _show_codes(formats.get(options.name), options.json)
        return 0
    records = [
        _record(formats.get(name)) | {"meaning": family.meaning}
        for family in formats.families()
        for name in family.names()
    ]
    if options.json:
        print_json(records)
        return 0
    rows = [
        (
            record["name"],
            record["bits"],
            *(f"{record[end] * record['unit']:g}" for end in ("lowest", "highest")),
            _power(record["unit"]),
            record["meaning"],
        )
        for record in records
    ]
    rows.insert(0, ("format", "bits", "lowest", "highest", "unit", "meaning"))
    print("\n".join(columns(rows, right=range(1, 5))))
    for family in formats.families():
        if family.listed is not None:
            print(f"also {family.grammar}, {family.limits()}: {family.meaning}")
    return 0


def _record(fmt):
    """The format as JSON shows it; ``lowest`` and ``highest`` are in units."""
    names = ("name", "family", "bits", "signed", "pair", "unit", "lowest", "highest")
    return {name: getattr(fmt, name) for name in names}


def _show_codes(fmt, as_json):
    complete = fmt.bits <= _LISTED_BITS
    selection = range(1 << fmt.bits) if complete or as_json else _landmarks(fmt)
    codes = [_code_record(fmt, code) for code in selection]
    if as_json:
        identifier = {"identifier": fmt.identifier} if fmt.pair else {}
        print_json(_record(fmt) | identifier | {"codes": codes})
        return
    for name in ("name", "family", "bits"):
        print(f"{name:12}{getattr(fmt, name)}")
    print(f"{'range':12}{fmt.lowest * fmt.unit:g} to {fmt.highest * fmt.unit:g}")
    print(f"{'unit':12}{_power(fmt.unit)}")
    if fmt.pair:
        print(f"{'identifier':12}{fmt.identifier:0{fmt.bits}b}: a victim, 0, beside an outlier")
    if not complete:
        print(f"{'codes':12}{1 << fmt.bits}, of which these are limits (all: --json)")
    print()
    titles = ("normal", "outlier") if fmt.pair else ("integer", "value")
    if fmt.integers is None:
        titles = ("value",)
    rows = [(code["bits"], *(_text(code[title]) for title in titles)) for code in codes]
    print("\n".join(columns([("code", *titles), *rows], right=range(1, len(titles) + 1))))


def _landmarks(fmt):
    """The codes without sign of 0, 1, the smallest and the largest numbers, and special ones."""
    codes = range(1 << (fmt.bits - 1))
    numbers = [code for code in codes if not fmt.special[code]]
    specials = [code for code in codes if fmt.special[code]]
    ones = [code for code in numbers if fmt.values[code] == 1]
    return sorted({*numbers[:2], *ones, *numbers[-1:], *specials[:1], *specials[-1:]})


def _code_record(fmt, code):
    """The code's values: in an OVP pair as a normal number and as an outlier."""
    record = {"code": code, "bits": f"{code:0{fmt.bits}b}"}
    if fmt.pair:
        if code == fmt.identifier:
            return record | {"normal": "victim", "outlier": "victim"}
        return record | {"normal": int(fmt.integers[code]), "outlier": int(fmt.outliers[code])}
    value = float(fmt.values[code])
    if fmt.integers is not None:
        record["integer"] = int(fmt.integers[code])
    # JSON has no numbers for NaN and infinities.
    return record | {"value": value if math.isfinite(value) else str(value)}


def _text(value):
    return f"{value:.17g}" if isinstance(value, float) else str(value)


def _power(unit):
    return "1" if unit == 1 else f"2^{int(math.log2(unit))}"
