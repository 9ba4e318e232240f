"""Results of sweeps as their files hold them: a header, then a point in each line of JSON."""

import json
from dataclasses import dataclass
from pathlib import Path

from ..sweep.results import SCHEMA, VERSION
from .identity import identity

__all__ = ["STATUSES", "Results", "read"]

STATUSES = ("ok", "infeasible", "failed")

_WRITE_AGAIN = "write it with this version's brickwork sweep"

_NUMBER = (int, float)
_NONE = type(None)
#: Fields of a point that are used here, with their types.
_FIELDS = {
    "key": (str,),
    "status": (str,),
    "reason": (str, _NONE),
    "log": (str, _NONE),
    "design": (str,),
    "parameters": (dict,),
    "modes": (dict, _NONE),
    "target": (str, _NONE),
    "workload": (str, _NONE),
    "pes": (int, _NONE),
    "macs_per_cycle": (*_NUMBER, _NONE),
    "area": (dict, _NONE),
    "clock": (dict, _NONE),
    "fmax_mhz": (*_NUMBER, _NONE),
    "cycles": (*_NUMBER, _NONE),
    "cycles_kind": (str, _NONE),
    "simulated_share": (*_NUMBER, _NONE),
    "macs": (*_NUMBER, _NONE),
    "utilization": (*_NUMBER, _NONE),
    "gops": (*_NUMBER, _NONE),
    "gops_per_lut": (*_NUMBER, _NONE),
    "gops_per_dsp": (*_NUMBER, _NONE),
    "gops_per_mm2": (*_NUMBER, _NONE),
    "bytes": (dict, _NONE),
}
_NAMES = {str: "a text", dict: "an object", list: "a list", int: "a number", _NONE: "null"}


@dataclass(frozen=True, kw_only=True)
class Results:
    """What was read from one or more files.

    Attributes
    ----------
    names, descriptions : list of str
        Of the sweeps.
    tools : dict of str to str
        Name of a tool to its version, or versions.
    records : list of dict
        A point each; none is there twice.
    remarks : list of str
        Notes about the files for readers of the results.
    """

    names: list[str]
    descriptions: list[str]
    tools: dict[str, str]
    records: list[dict]
    remarks: list[str]


def read(paths: list[Path]) -> Results:
    """Reads results; of points that are there twice the later counts.

    A last line that is half written is left out: a sweep that was killed leaves one.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If it is not of this schema and version, or has no points.
    """
    names, descriptions, tools, points, remarks = [], [], {}, {}, []
    for path in paths:
        header, records, half = _read(path)
        names.append(header["name"])
        descriptions.append(str(header["sweep"].get("description", "")))
        for tool, version in header["tools"].items():
            tools.setdefault(tool, []).append(str(version))
        if half:
            remarks.append(
                f"The last line of {path} is half written, as a sweep that was stopped leaves it, "
                "and is left out; brickwork sweep --resume completes it."
            )
        twice = 0
        for record in records:
            key = identity(record)
            twice += key in points
            points[key] = record
        if twice:
            count = "1 point" if twice == 1 else f"{twice} points"
            remarks.append(f"{count} of {path} had been read before; the later counts.")
    for tool, versions in tools.items():
        if len(set(versions)) > 1:
            remarks.append(f"The files were written with several versions of {tool}.")
    return Results(
        names=list(dict.fromkeys(names)),
        descriptions=[text for text in dict.fromkeys(descriptions) if text],
        tools={tool: ", ".join(dict.fromkeys(tools[tool])) for tool in sorted(tools)},
        records=list(points.values()),
        remarks=remarks,
    )


def _read(path):
    """The header, the points, and whether the last line was half written."""
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise OSError(f"Results file cannot be read: {path}: {error.strerror or error}") from None
    if lines == [b""]:
        raise ValueError(f"Results file must have a header and points, but {path} is empty")
    # Whatever comes after the last end of a line was not written to its end; a header alone, which
    # another program may have written, is looked at.
    half = bool(lines.pop()) if len(lines) > 1 else False
    header = _parsed(lines[0])
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise ValueError(f"Results file must be one of brickwork sweep's, which {path} is not")
    if header.get("version") != VERSION:
        raise ValueError(
            f"Results file must be of version {VERSION} of its schema, not {header.get('version')} "
            f"as {path} is; {_WRITE_AGAIN}"
        )
    for name, type_ in (("name", str), ("sweep", dict), ("tools", dict)):
        if not isinstance(header.get(name), type_):
            raise ValueError(f"Line 1 of {path} must have a field {name!r}; {_WRITE_AGAIN}")
    records = []
    for number, line in enumerate(lines[1:], 2):
        record = _parsed(line)
        if fault := _fault(record):
            raise ValueError(f"Line {number} of {path} must be a point: {fault}; {_WRITE_AGAIN}")
        records.append(record)
    if not records:
        raise ValueError(
            f"Results file must have points, which {path} has not; run brickwork sweep --resume"
        )
    return header, records, half


def _parsed(line):
    """The line's value; None if it is not JSON."""
    try:
        return json.loads(line, parse_constant=_refuse)
    except ValueError:
        return None


def _refuse(name):
    raise ValueError(f"{name} is not JSON")


def _fault(record):
    """The reason why a line's value is no point; None if it is one."""
    if not isinstance(record, dict):
        return "it is no object of JSON"
    if fault := _typed(record, _FIELDS):
        return fault
    if record["status"] not in STATUSES:
        return f"'status' must be one of {', '.join(STATUSES)}, not {record['status']!r}"
    if area := record["area"]:
        fault = _typed(
            area, {"unit": (str,), "total": (dict,), "modules": (list,), "memories": (list,)}
        )
        fault = fault or _typed(area["total"], dict.fromkeys(area["total"], (*_NUMBER, _NONE)))
        for module in () if fault else area["modules"]:
            fault = fault or _typed(module, {"role": (str,)})
        for memory in () if fault else area["memories"]:
            wanted = {"kind": (str,), "words": _NUMBER, "width": _NUMBER}
            fault = fault or _typed(memory, wanted)
        if fault:
            return f"in 'area', {fault}"
    if clock := record["clock"]:
        fault = _typed(clock, {"fmax_mhz": (dict,), "runs": (list,)})
        wanted = dict.fromkeys(("median", "worst", "best"), _NUMBER)
        fault = fault or _typed(clock["fmax_mhz"], wanted)
        for run in () if fault else clock["runs"]:
            fault = fault or _typed(run, {"fmax_mhz": _NUMBER})
        if fault:
            return f"in 'clock', {fault}"
    if moved := record["bytes"]:
        fault = _typed(moved, dict.fromkeys(moved, _NUMBER))
        return fault and f"in 'bytes', {fault}"
    return None


def _typed(values, fields):
    if not isinstance(values, dict):
        return f"an object must be where {values!r} is"
    for name, types in fields.items():
        value = values.get(name, ...)
        if isinstance(value, bool) or not isinstance(value, types):
            wanted = " or ".join(
                dict.fromkeys(_NAMES[type_] for type_ in types if type_ is not float)
            )
            actual = "is missing" if value is ... else f"is {value!r}"
            return f"{name!r} must be {wanted}, and {actual}"
    return None
