"""Workloads in CSV: topologies of SCALE-Sim, of convolutions or of products of matrices.

The first line names the columns, in any order. As in SCALE-Sim, the height and width of an input
(IFMAP) include its padding; a last window that reaches over the input counts as a whole one,
M = ⌈(height - filter height + stride) / stride⌉ · the same of columns; and a convolution whose name
has ``DP`` in it is depthwise: each of its channels is convolved by itself with all filters.
"""

import contextlib
import csv
import re

from .sparsity import Sparsity
from .workload import LARGEST, Layer, Workload

__all__ = ["from_text"]

#: Names of columns, without spaces and in small letters, to what they hold.
_COLUMNS = {
    "layer": "name",
    "layername": "name",
    "name": "name",
    "ifmapheight": "height",
    "h": "height",
    "ifmapwidth": "width",
    "w": "width",
    "filterheight": "filter height",
    "r": "filter height",
    "filterwidth": "filter width",
    "s": "filter width",
    "channels": "channels",
    "c": "channels",
    "numfilter": "filters",
    "numfilters": "filters",
    "strides": "stride",
    "stride": "stride",
    "strideheight": "stride height",
    "strideh": "stride height",
    "stridewidth": "stride width",
    "stridew": "stride width",
    "m": "m",
    "n": "n",
    "k": "k",
    "sparsity": "sparsity",
}
_CONVOLUTION = ("height", "width", "filter height", "filter width", "channels", "filters")
_HEADERS = (
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, "
    "Strides, or Layer, M, N, K"
)
#: In the name of a depthwise convolution.
_DEPTHWISE = "DP"
_SHARE = re.compile(r"(\d{1,4}):(\d{1,4})")


def from_text(name: str, text: str, source: str) -> Workload:
    """The workload of a CSV file's text; messages call it after ``source``.

    Raises
    ------
    ValueError
        If a column is missing or unknown, or a value is wrong.
    """
    label = f"Workload {source}"
    rows = _rows(label, text)
    if not rows:
        raise ValueError(f"{label} must begin with the names of columns: {_HEADERS}")
    (line, header), *rows = rows
    columns = _columns(f"{label}, line {line}", header)
    layers = tuple(_layer(f"{label}, line {line}", columns, header, row) for line, row in rows)
    if not layers:
        raise ValueError(f"{label} must have a layer below the names of columns")
    return Workload(name=name, title=name, source="", note="", layers=layers)


def _rows(label, text):
    """Numbers and cells of the lines that are not blank."""
    reader = csv.reader(text.splitlines(), skipinitialspace=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise ValueError(f"{label}, line {reader.line_num} must be CSV: {error}") from None
    return [(line, row) for line, row in rows if any(row)]


def _columns(label, header):
    """What a column holds to its index."""
    columns = {}
    while header and not header[-1]:
        header.pop()
    for index, title in enumerate(header):
        column = _COLUMNS.get(re.sub(r"[\s_]", "", title).lower())
        if column is None or column in columns:
            problem = "is there twice" if column else "is none of them"
            raise ValueError(f"{label}: columns must be {_HEADERS}; {title!r} {problem}")
        columns[column] = index
    if "height" in columns and "n" in columns:  # H, W, R, S, C, N: the filters
        columns["filters"] = columns.pop("n")
    if "stride" in columns:
        columns |= {f"stride {side}": columns["stride"] for side in ("height", "width")}
        del columns["stride"]
    strides = ("stride height", "stride width")
    needed = (*_CONVOLUTION, *strides) if "height" in columns else ("m", "n", "k")
    missing = [column for column in needed if column not in columns]
    extra = columns.keys() - {*needed, "name", "sparsity"}
    if missing or extra:
        problem = f"{missing[0]} is missing" if missing else f"{min(extra)} is none of them"
        raise ValueError(f"{label}: columns must be {_HEADERS}; {problem}")
    return columns


def _layer(label, columns, header, row):
    if any(row[len(header) :]):
        raise ValueError(f"{label} must have {len(header)} columns, as the first, not {len(row)}")
    row += [""] * (len(header) - len(row))

    def integer(column):
        text = row[columns[column]]
        if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= LARGEST:
            title = header[columns[column]]
            raise ValueError(
                f"{label}: {title} must be an integer from 1 to {LARGEST}, not {text!r}"
            )
        return int(text)

    name = row[columns["name"]] if "name" in columns else ""
    name = name or label.rpartition(", ")[2]
    weights = _weights(label, row[columns["sparsity"]]) if "sparsity" in columns else {}
    if "height" not in columns:
        shape = {key: integer(key) for key in ("m", "k", "n")}
        return Layer(name=name, count=1, **weights, **shape)
    outputs = [_outputs(label, integer, side) for side in ("height", "width")]
    taps = integer("filter height") * integer("filter width")
    channels, filters = integer("channels"), integer("filters")
    is_depthwise = _DEPTHWISE in name
    shape = {
        "m": outputs[0] * outputs[1],
        "k": taps if is_depthwise else taps * channels,
        "n": filters,
    }
    for key, value in shape.items():
        if value > LARGEST:
            raise ValueError(f"{label}: {key.upper()} must be at most {LARGEST}, not {value}")
    return Layer(name=name, count=channels if is_depthwise else 1, **weights, **shape)


def _outputs(label, integer, side):
    """Rows or columns of the output."""
    size, taps, stride = (integer(f"{column}{side}") for column in ("", "filter ", "stride "))
    if taps > size:
        raise ValueError(
            f"{label}: filter {side} must be at most {size}, that of the IFMAP, not {taps}"
        )
    return -(-(size - taps) // stride) + 1


def _weights(label, text):
    """The pattern N:M, and the share of weights that are not zero; nothing without a text.

    Of a pattern that is too long to have hardware, the share.
    """
    match = _SHARE.fullmatch(text)
    if not text:
        return {}
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"{label}: Sparsity must be N:M, N of M weights not zero, not {text!r}")
    weights = int(match[1]) / int(match[2])
    with contextlib.suppress(ValueError):
        return Sparsity.checked(weights, text)._asdict()
    return {"weights": weights}
