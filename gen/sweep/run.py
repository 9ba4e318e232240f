"""Runs a sweep: submits its measurements, and assembles the records of points from them."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...sim import cache
from ..designs import registry
from ..lib.errors import CheckFailed, UsageError
from ..workloads import Layer
from . import measure
from .plan import Plan, Point, has_place_and_route

__all__ = ["points"]

#: Fields of a layer on which its cycles depend.
_PRODUCT = ("m", "k", "n", "weights", "acts", "pattern", "blocks")


@dataclass(frozen=True, eq=False)
class _Measurement:
    """A measurement, which several points may share.

    ``key`` stands for its function and arguments; ``after`` is a measurement that comes before.
    """

    function: Callable
    arguments: tuple
    after: "_Measurement | None" = None

    @property
    def key(self) -> str:
        name = self.function.__name__
        return f"{name}-{cache.digest(json.dumps([name, *self.arguments], sort_keys=True))[:32]}"


def points(client, plan: Plan, tools: dict, wanted: list[Point]) -> Iterator[dict]:
    """Yield the record of each point in ``wanted``, as soon as it is complete.

    Raises
    ------
    UsageError
        If a worker has other tools.
    CheckFailed
        If the cluster is gone.
    """
    from distributed import CancelledError, as_completed

    needed: dict[str, dict[str, str]] = {}
    futures, waiting, outcomes = {}, {}, {}
    for point in wanted:
        if point.reason is not None:
            yield _record(plan, point, {})
            continue
        measurements = _measurements(plan, point, tools)
        needed[point.key] = {name: item.key for name, item in measurements.items()}
        for measurement in measurements.values():
            _submit(client, measurement, futures)
            # A point waits once for a measurement, however many of its layers are equal.
            waiting.setdefault(measurement.key, {})[point.key] = point
    if not waiting:
        return
    try:
        for future in as_completed([futures[key] for key in waiting]):
            outcomes[future.key] = _outcome(future)
            for point in waiting[future.key].values():
                keys = needed[point.key]
                if all(key in outcomes for key in keys.values()):
                    results = {name: outcomes[key] for name, key in keys.items()}
                    yield _record(plan, point, results)
    except CancelledError:
        raise CheckFailed(
            "The scheduler is gone; start it again, and the sweep with --resume"
        ) from None


def _submit(client, measurement, futures):
    key = measurement.key
    if key not in futures:
        after = measurement.after and _submit(client, measurement.after, futures)
        futures[key] = client.submit(
            measurement.function, *measurement.arguments, after=after, key=key, pure=True
        )
    return futures[key]


def _outcome(future):
    """The result of a task; a failure if its workers died, or could not start it."""
    from distributed import CancelledError, KilledWorker

    try:
        return future.result()
    except (CancelledError, UsageError):
        raise
    except KilledWorker as error:
        reason, log = f"{error.allowed_failures + 1} workers died when they measured it", error
    except Exception as error:
        reason, log = f"{type(error).__name__}: {error}", error
    return {"failed": " ".join(reason.split("\n")), "log": str(log), "seconds": 0.0}


def _measurements(plan, point, tools) -> dict[str, _Measurement]:
    """The measurements of a point, by their names in messages."""
    netlist = (tools | point.netlist.origin, point.netlist.design, point.netlist.parameters)
    measurements = {}
    if point.workload is not None:
        build = _Measurement(measure.build, netlist)
        design = registry.design(point.netlist.design)(**point.netlist.parameters)
        for name, layer in _named(plan.workloads[point.workload]):
            # Without name and count: equal products are measured once.
            usable = design.usable(layer)
            product = {key: getattr(usable, key) for key in _PRODUCT}
            measurements[name] = _Measurement(
                measure.cycles, (*netlist, point.modes, product), build
            )
    if point.target is not None:
        library = (str(plan.liberty), plan.library) if point.target == "liberty" else (None, None)
        measurements["area"] = _Measurement(measure.area, (*netlist, point.target, *library))
        if plan.pnr and has_place_and_route(point.target):
            arguments = (*netlist, point.target, plan.seeds)
            measurements["clock"] = _Measurement(measure.clock, arguments)
    return measurements


def _named(workload) -> Iterator[tuple[str, Layer]]:
    """The layers, each with a name in messages that no other has."""
    names = set()
    for number, layer in enumerate(workload.layers, 1):
        name = f"layer {layer.name}"
        while name in names:
            name += f" ({number})"
        names.add(name)
        yield name, layer


def _record(plan: Plan, point: Point, results: dict[str, dict]) -> dict:
    """The line of a point in the results file."""
    status, reason, log = "ok", None, None
    if point.reason is not None:
        status, reason = "infeasible", point.reason
    for outcome in ("failed", "infeasible"):
        matches = ((name, result) for name, result in results.items() if outcome in result)
        for name, result in itertools.islice(matches, 1):
            status, reason, log = outcome, f"{name}: {result[outcome]}", result.get("log")
    area, clock = (results.get(name, {}).get("value") for name in ("area", "clock"))
    fmax = clock and clock["fmax_mhz"]["median"]
    work = _work(plan, point, results)
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
        "seconds": round(sum(result["seconds"] for result in results.values()), 3),
    }


def _work(plan, point, results):
    """Cycles and other sums over the layers of the workload."""
    nothing = {"cycles": None, "cycles_kind": None, "simulated_share": 0.0}
    nothing |= {"macs": None, "bytes": None, "layers": []}
    if point.workload is None:
        return nothing
    workload = plan.workloads[point.workload]
    values = [results.get(name, {}).get("value") for name, _ in _named(workload)]
    if None in values:
        return nothing | {"macs": workload.macs}
    layers = list(zip(workload.layers, values, strict=True))
    extrapolated = any(value["kind"] == "extrapolated" for value in values)
    # Of products that are equal one is simulated, so each layer counts once.
    once = sum(layer.macs for layer in workload.layers)
    return {
        "cycles": sum(layer.count * value["cycles"] for layer, value in layers),
        "cycles_kind": "extrapolated" if extrapolated else "rtl",
        "simulated_share": sum(layer.macs * value["simulated"] for layer, value in layers) / once,
        "macs": workload.macs,
        "bytes": {
            name: sum(layer.count * value["bytes"][name] for layer, value in layers)
            for name in ("acts", "weights", "results")
        },
        "layers": [
            {
                **{name: getattr(layer, name) for name in ("name", "m", "k", "n", "count")},
                "cycles": value["cycles"],
                "kind": value["kind"],
                "macs": layer.macs,
            }
            for layer, value in layers
        ],
    }


def _per_area(gops, area):
    total = area["total"] if area else {}
    square_mm = total["area"] / 1e6 if area and area["unit"] == "µm²" else None
    sizes = {"lut": total.get("lut"), "dsp": total.get("dsp"), "mm2": square_mm}
    return {
        f"gops_per_{name}": gops / size if gops and size else None for name, size in sizes.items()
    }
