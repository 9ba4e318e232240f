"""Runs a sweep: hands out what has to be measured, and puts points together from it."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...sim import cache
from ..lib.errors import Failed, Refused
from . import measure
from .plan import Plan, Point, places

__all__ = ["points"]


@dataclass(frozen=True, eq=False)
class _Part:
    """A thing to measure, which several points may share.

    ``key`` stands for all that it depends on; ``after`` is what has to be measured before.
    """

    function: Callable
    arguments: tuple
    after: "_Part | None" = None

    @property
    def key(self) -> str:
        name = self.function.__name__
        return f"{name}-{cache.digest(json.dumps([name, *self.arguments], sort_keys=True))[:32]}"


def points(client, plan: Plan, tools: dict, wanted: list[Point]) -> Iterator[dict]:
    """Yield the record of each point that is wanted, as soon as all of it is known.

    Raises
    ------
    Refused
        If a worker has other tools.
    Failed
        If the cluster is gone.
    """
    from distributed import CancelledError, as_completed

    needed: dict[str, dict[str, str]] = {}
    futures, waiting, found = {}, {}, {}
    for point in wanted:
        if point.reason is not None:
            yield _record(plan, point, {})
            continue
        parts = _parts(plan, point, tools)
        needed[point.key] = {name: part.key for name, part in parts.items()}
        for part in parts.values():
            _submit(client, part, futures)
            # A part is once in a point's list however many layers are equal.
            waiting.setdefault(part.key, {})[point.key] = point
    if not waiting:
        return
    try:
        for future in as_completed([futures[key] for key in waiting]):
            found[future.key] = _outcome(future)
            for point in waiting[future.key].values():
                keys = needed[point.key]
                if all(key in found for key in keys.values()):
                    yield _record(plan, point, {name: found[key] for name, key in keys.items()})
    except CancelledError:
        raise Failed("The scheduler is gone; start it again, and the sweep with --resume") from None


def _submit(client, part, futures):
    if part.key not in futures:
        after = part.after and _submit(client, part.after, futures)
        futures[part.key] = client.submit(
            part.function, *part.arguments, after=after, key=part.key, pure=True
        )
    return futures[part.key]


def _outcome(future):
    """What a task returned; a failure if its workers died, or could not begin with it."""
    from distributed import CancelledError, KilledWorker

    try:
        return future.result()
    except (CancelledError, Refused):
        raise
    except KilledWorker as error:
        reason, log = f"{error.allowed_failures + 1} workers died when they measured it", error
    except Exception as error:
        reason, log = f"{type(error).__name__}: {error}", error
    return {"failed": " ".join(reason.split("\n")), "log": str(log), "seconds": 0.0}


def _parts(plan, point, tools) -> dict[str, _Part]:
    """What a point consists of, by its place in messages."""
    netlist = (tools, point.netlist.design, point.netlist.parameters)
    parts = {}
    if point.workload is not None:
        build = _Part(measure.build, netlist)
        for layer in plan.workloads[point.workload].layers:
            shape = layer.as_dict()
            del shape["name"], shape["count"]  # equal ones are measured once
            parts[f"layer {layer.name}"] = _Part(
                measure.cycles, (*netlist, point.modes, shape), build
            )
    if point.target is not None:
        library = (str(plan.liberty), plan.library) if point.target == "liberty" else (None, None)
        parts["area"] = _Part(measure.area, (*netlist, point.target, *library))
        if plan.pnr and places(point.target):
            parts["clock"] = _Part(measure.clock, (*netlist, point.target, plan.seeds))
    return parts


def _record(plan: Plan, point: Point, parts: dict[str, dict]) -> dict:
    """The line of a point in the results file."""
    status, reason, log = "ok", None, None
    if point.reason is not None:
        status, reason = "impossible", point.reason
    for kind in ("failed", "impossible"):
        found = ((name, part) for name, part in parts.items() if kind in part)
        for name, part in itertools.islice(found, 1):
            status, reason, log = kind, f"{name}: {part[kind]}", part.get("log")
    area, clock = (parts.get(name, {}).get("value") for name in ("area", "clock"))
    fmax = clock and clock["fmax_mhz"]["median"]
    work = _work(plan, point, parts)
    cycles, macs = work["cycles"], work["macs"]
    gops = 2 * macs / cycles * fmax / 1000 if cycles and fmax else None
    utilization = macs / (cycles * point.macs_per_cycle) if cycles else None
    return {
        "key": point.key,
        "status": status,
        "reason": reason,
        "log": log,
        "design": point.netlist.design,
        "parameters": point.netlist.parameters,
        "modes": point.modes,
        "target": point.target,
        "workload": point.workload,
        "pes": point.pes,
        "macs_per_cycle": point.macs_per_cycle,
        "area": area,
        "clock": clock,
        "fmax_mhz": fmax,
        "utilization": utilization,
        "gops": gops,
        **_per_area(gops, area),
        **work,
        "seconds": round(sum(part["seconds"] for part in parts.values()), 3),
    }


def _work(plan, point, parts):
    """Cycles and what else adds up over the layers of the workload."""
    nothing = {"cycles": None, "cycles_kind": None, "simulated_share": 0.0}
    nothing |= {"macs": None, "bytes": None, "layers": []}
    if point.workload is None:
        return nothing
    workload = plan.workloads[point.workload]
    found = [parts.get(f"layer {layer.name}", {}).get("value") for layer in workload.layers]
    if None in found:
        return nothing | {"macs": workload.macs}
    layers = list(zip(workload.layers, found, strict=True))
    extrapolated = any(part["kind"] == "extrapolated" for part in found)
    # Of products that are equal one is simulated, so each layer counts once.
    once = sum(layer.macs for layer in workload.layers)
    return {
        "cycles": sum(layer.count * part["cycles"] for layer, part in layers),
        "cycles_kind": "extrapolated" if extrapolated else "rtl",
        "simulated_share": sum(layer.macs * part["simulated"] for layer, part in layers) / once,
        "macs": workload.macs,
        "bytes": {
            name: sum(layer.count * part["bytes"][name] for layer, part in layers)
            for name in ("acts", "weights", "results")
        },
        "layers": [
            {
                **{name: getattr(layer, name) for name in ("name", "m", "k", "n", "count")},
                "cycles": part["cycles"],
                "kind": part["kind"],
                "macs": layer.macs,
            }
            for layer, part in layers
        ],
    }


def _per_area(gops, area):
    total = area["total"] if area else {}
    square_mm = total["area"] / 1e6 if area and area["unit"] == "µm²" else None
    sizes = {"lut": total.get("lut"), "dsp": total.get("dsp"), "mm2": square_mm}
    return {
        f"gops_per_{name}": gops / size if gops and size else None for name, size in sizes.items()
    }
