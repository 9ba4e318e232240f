"""The walk of depthwise windows: which columns move in when, and which taps they meet."""

from collections.abc import Iterator, Mapping

__all__ = ["depthwise_walk"]


def depthwise_walk(
    fields: Mapping[str, int], *, dw_x: int, dw_y: int
) -> tuple[list[dict], list[dict]]:
    """Steps and taps of an instruction, in order.

    Parameters
    ----------
    fields : dict
        Fields of the VECTOR instruction by name, counts as counts.
    dw_x, dw_y : int
        Columns and rows of taps of a pass.

    Returns
    -------
    steps : list of dict
        ``addresses``: of the word that each row's port reads, or ``None``. ``emit``: a window
        leaves; ``columns``: for each age of a column of it, whether it is inside of the input;
        ``rows`` likewise; ``x``; ``first``, ``last``: pass of its row; ``switch``.
    taps : list of dict
        ``address``, ``row``, ``age``, ``last``.
    """
    passes = list(_passes(fields, dw_x, dw_y))
    steps: list[dict] = []
    for number, entry in enumerate(passes):
        before = passes[number - 1] if number else None
        own = _steps(fields, entry, dw_x)
        lead = next(count for count, step in enumerate(own) if step["emit"])
        # The last steps of the pass before that are its own, and move nothing in.
        shared = 0
        while before and shared < min(lead, before["own"]) and not steps[-1 - shared]["moves"]:
            shared += 1
        for step, early in zip(steps[len(steps) - shared :], own[:shared], strict=True):
            step["addresses"] = early["addresses"]
        entry["own"] = len(own) - shared
        # What the first of them moved in is not asked again.
        steps += own[shared:]
    taps = [tap for entry in passes if entry["switch"] for tap in _taps(fields, entry)]
    return steps, taps


def _passes(f: Mapping[str, int], dw_x: int, dw_y: int) -> Iterator[dict]:
    """The groups of rows and columns of the kernel for each row of outputs."""
    wide = dw_x if f["dx"] == 1 else 1
    groups = [
        (i, min(dw_y, f["kh"] - i), j, min(wide, f["kw"] - j))
        for i in range(0, f["kh"], dw_y)
        for j in range(0, f["kw"], wide)
    ]
    for n in range(f["nb"]):
        for y in range(f["oh"]):
            for number, (i, rows, j, columns) in enumerate(groups):
                at = [y * f["sy"] + (i + k) * f["dy"] + f["iy0"] for k in range(dw_y)]
                inside = [k < rows and 0 <= row < f["ih"] for k, row in enumerate(at)]
                yield {
                    "addresses": [
                        f["a_base"] + n * f["a_blk"] + row * f["a_row"] if within else None
                        for row, within in zip(at, inside, strict=True)
                    ],
                    "rows": inside,
                    "column": f["ix0"] + j * f["dx"],
                    "columns": columns,
                    "first": number == 0,
                    "last": number == len(groups) - 1,
                    "switch": len(groups) > 1 or y == 0,
                    "tap_rows": rows,
                    "tap": f["w_base"] + (n * f["kh"] + i) * f["kw"] + j,
                }


def _steps(f: Mapping[str, int], entry: dict, dw_x: int) -> list[dict]:
    """A step for each new column of a window that is not left of the input; at least one."""
    steps = []
    for x in range(f["ow"]):
        left = entry["column"] + x * f["sx"]
        end = left + entry["columns"] - 1
        new = range(left if x == 0 else max(left, end - f["sx"] + 1), end + 1)
        for column in [c for c in new if c >= 0] or [end]:
            inside = 0 <= column < f["iw"]
            steps.append(
                {
                    "addresses": [
                        None if row is None or not inside else row + column
                        for row in entry["addresses"]
                    ],
                    "moves": column < f["iw"],
                    "emit": column == end,
                    "columns": [0 <= column - age < f["iw"] for age in range(dw_x)],
                    "rows": entry["rows"],
                    "x": x,
                    "first": entry["first"],
                    "last": entry["last"],
                    "switch": entry["switch"] and x == 0 and column == end,
                }
            )
    return steps


def _taps(f: Mapping[str, int], entry: dict) -> Iterator[dict]:
    for row in range(entry["tap_rows"]):
        for j in range(entry["columns"]):
            age = entry["columns"] - 1 - j
            yield {
                "address": entry["tap"] + row * f["kw"] + j,
                "row": row,
                "age": age,
                "last": row == entry["tap_rows"] - 1 and age == 0,
            }
