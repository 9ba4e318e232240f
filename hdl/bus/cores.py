"""What a top has to know of the core in it."""

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.hdl import Mux, Shape

from ..unit import Unit

__all__ = ["DESIGNS", "Core", "core_of"]

#: Numbers of the designs in the register ``CAPS``.
DESIGNS = {"gemm_ws": 1, "gemm_os": 2, "gemm_fusion": 3, "eie": 4}


@dataclass(frozen=True, kw_only=True)
class Core:
    """A core's streams and figures.

    Attributes
    ----------
    unit : Unit
    widths : dict
        Name of each stream, in the order of their indices, results last, to the width of a word.
    command : str
        The stream whose words say what is to be done.
    owed : function
        From the payload of a command to the words of results that it calls for, a Value.
    max_owed : int
        Most of them.
    needed : tuple of str
        Streams that no job goes without.
    identity : dict
        Values of the registers ``CAPS`` (without the top's own fields), ``SHAPE``, ``LIMIT``,
        ``WIDTHS`` and ``MAX_K``.
    """

    unit: Unit
    widths: dict[str, int]
    command: str
    owed: Callable
    max_owed: int
    needed: tuple[str, ...]
    identity: dict[str, int]


def core_of(unit):
    """Figures of a core.

    Raises
    ------
    TypeError
        If ``unit`` is not one of the designs.
    """
    if not isinstance(unit, Unit) or unit.name not in DESIGNS:
        raise TypeError(f"Core must be one of {', '.join(DESIGNS)}, not {unit!r}")
    given = unit.parameters
    widths = {
        name: Shape.cast(member.signature.members["payload"].shape).width
        for name, member in unit.signature.members.items()
    }
    widths |= {"results": widths.pop("results")}
    lane = _lane_widths(unit)
    caps = DESIGNS[unit.name] | ("channels" in widths) << 16 | len(widths) << 18
    if unit.name == "eie":
        shape, limit, max_k = given["pes"] | 1 << 16, given["acts"], 0
        command, owed, most, needed = "jobs", _owed_of_job, given["rows"], ("jobs",)
    else:
        caps |= int(getattr(unit, "special", 0)) << 17
        shape = given["rows"] | given["cols"] << 16
        stationary = unit.name != "gemm_os"
        limit = given["acc_depth" if stationary else "rows"]
        max_k = given.get("max_k", 0)
        owed = _owed_of_run if stationary else _owed_of_tile
        command, most = "tiles", limit
        needed = tuple(widths)
    acc = given["acc_width"] or unit.derived["acc_width"]
    numbers = [lane[name] for name in ("acts", "weights", "results")] + [acc]
    return Core(
        unit=unit,
        widths=widths,
        command=command,
        owed=owed,
        max_owed=most,
        needed=needed,
        identity={
            "CAPS": caps,
            "SHAPE": shape,
            "LIMIT": limit,
            "WIDTHS": sum(width << 8 * place for place, width in enumerate(numbers)),
            "MAX_K": max_k,
        },
    )


def _lane_widths(unit):
    """Widths of an activation, a weight and a result."""
    if unit.name == "eie":
        given = unit.parameters
        return {
            "acts": given["act_width"],
            "weights": given["weight_width"],
            "results": given["act_width"],
        }
    found = {}
    for name in ("acts", "weights", "results"):
        layout = unit.signature.members[name].signature.members["payload"].shape
        layout = getattr(layout, "members", {"lane": layout})["lane"]
        found[name] = Shape.cast(layout.elem_shape).width
    return found


def _owed_of_run(tile):
    """The last tile of a run owes its rows."""
    return Mux(tile.last, tile.length + 1, 0)


def _owed_of_tile(tile):
    """A tile owes its rows; of several parts the last does."""
    rows = tile.height + 1
    return Mux(tile.last, rows, 0) if "last" in dict(tile.shape()) else rows


def _owed_of_job(job):
    """A job that puts out its sums owes them; one that only fills memories has none."""
    puts_out = (job.fill == 0) & job.finish & job.emit
    return Mux(puts_out, job.out_last + 1, 0)
