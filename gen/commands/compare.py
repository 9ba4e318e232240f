"""``brickwork compare``: the designs side by side under one workload and for one area.

Every design has the same number of processing elements. Its area is that of the whole engine
without large memories, its cycles are measured in RTL or by the formula that RTL confirms. For
another area it is taken as many times as it fits, also in parts: designs are then as fast as they
are small and need few cycles, at equal clocks.
"""

import dataclasses
import functools
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .. import workloads
from ..flow.synthesis import check_liberty
from ..lib.errors import Failed, Refused
from ..lib.progress import progress
from ..sweep import plan as plans
from ..sweep.cluster import connected
from ..sweep.measure import tools as find_tools
from ..sweep.run import points
from .bench import table

__all__ = ["CLAIMS", "CONTENDERS", "Contender", "claims", "compare", "rows"]

#: Elements of the sparse engine that are synthesized.
_FEW = 2
#: Density of the weights on the sparse engine, if the workload does not say.
DENSITY = 0.1


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A design with parameters and modes, and what it stands for.

    ``edges`` are the modes of the first and the last layer, where these differ.
    """

    name: str
    design: str
    set: dict = field(default_factory=dict)
    modes: dict = field(default_factory=dict)
    edges: dict | None = None


def _array(name, formats, kind=None):
    modes = {} if kind is None else {"a_type": kind, "w_type": kind}
    given = {"a_format": formats, "w_format": formats}
    return Contender(name=name, design="gemm_ws", set=given, modes=modes)


def _fusion(name, bits, edges=None):
    def widths(bits):
        return {"a_bits": bits, "w_bits": bits}

    return Contender(
        name=name,
        design="gemm_fusion",
        modes=widths(bits),
        edges=None if edges is None else widths(edges),
    )


#: 8-bit numbers on elements of 4 bits, as in ANT: four passes.
_ANT = "int4+flint4+int8"
CONTENDERS = [
    _array("int8 (TPU)", "int8"),
    _array("e4m3 (FP8)", "e4m3"),
    _array("AdaptivFloat, 8 bits", "adaptivfloat8_4"),
    _array("int4", "int4"),
    _array("flint4 (ANT)", "flint4"),
    _array("ANT's types, flint4", _ANT, kind="flint4"),
    _array("ANT's types, int8", _ANT, kind="int8"),
    _array("ovp_int4 (OliVe)", "ovp_int4"),
    _array("ovp_flint4 (OliVe)", "ovp_flint4"),
    _fusion("Bit Fusion, 8 × 8", 8),
    _fusion("Bit Fusion, 4 × 4, edges 8 × 8", 4, edges=8),
    _fusion("Bit Fusion, 4 × 4", 4),
    _fusion("Bit Fusion, 2 × 2", 2),
    Contender(name="EIE, 16 bits", design="eie", modes={"assign": "load"}),
]

#: What papers say of speed at equal area, of which of the above over which, and where. The widths
#: are those that keep the accuracy there, which is not measured here.
CLAIMS = [
    ("flint4 (ANT)", "Bit Fusion, 8 × 8", 2.8, "ANT, MICRO 2022, abstract"),
    ("flint4 (ANT)", "AdaptivFloat, 8 bits", 4.0, "ANT, MICRO 2022, its simulator's results"),
    ("ovp_int4 (OliVe)", "ANT's types, int8", 3.7, "OliVe, ISCA 2023"),
    ("ovp_int4 (OliVe)", "AdaptivFloat, 8 bits", 4.8, "OliVe, ISCA 2023"),
]

_NOTES = """\
Areas without wires and without memories of more than 64 words, which are macros on a chip: SRAM
tells their bits. speed-up: over int8 for the same area, at equal clocks. EIE's cycles are for
weights and activations of which only some are not zero, the others' for all of them; its area is
that of two elements, times as many as there are."""


def compare(options) -> int:
    workload = workloads.load(options.workload)
    library = options.liberty and Path(options.liberty)
    if library is not None:
        check_liberty(library)
    density = _density(options.density, workload)
    shape = {"rows": options.rows, "cols": options.cols}
    found = measure(workload, shape, density, library, options.workers)
    if options.json:
        facts = {"workload": workload.name, **shape, "density": density}
        records = [row | {"record": found[row["name"]]} for row in rows(found, options.area)]
        facts |= {"designs": records, "claims": list(claims(found))}
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        print(_text(workload, shape, density, found, options.area))
    failed = [(name, one) for name, one in found.items() if one["status"] == "failed"]
    if failed:
        name, one = failed[0]
        raise Failed(f"{len(failed)} designs failed; the first, {name}: {one['reason']}")
    return 0


def _density(given, workload):
    """The share of weights that are not zero on the sparse engine; none if the workload says it."""
    says = any(layer.weights < 1 for layer in workload.layers)
    if given is not None and says:
        raise Refused(f"--density must not go with {workload.name}, whose layers have densities")
    return None if says else given or DENSITY


def measure(workload, shape, density, liberty=None, workers=None) -> dict[str, dict]:
    """The record of each contender, as of a sweep; of several modes, with the cycles of both.

    Parameters
    ----------
    workload : Workload
    shape : dict
        ``rows`` and ``cols`` of arrays; the sparse engine has as many elements.
    density : float or None
        Share of the weights that are not zero on the sparse engine, or that of the layers.
    liberty : Path or None
        Liberty file of the cells to map to; two-input NAND gates without one.
    workers : int or None
        Processes.
    """
    pruned = workload
    if density is not None:
        layers = (dataclasses.replace(layer, weights=density) for layer in workload.layers)
        pruned = dataclasses.replace(workload, name=f"{workload.name}, pruned", layers=(*layers,))
    dense = dataclasses.replace(
        workload,
        name=f"{workload.name}, dense",
        layers=tuple(dataclasses.replace(one, weights=1.0, acts=1.0) for one in workload.layers),
    )
    needed = {one.name: list(_entries(one, shape, dense, pruned)) for one in CONTENDERS}
    entries = []  # two contenders may need the same
    for entry in itertools.chain.from_iterable(needed.values()):
        if entry not in entries:
            entries.append(entry)
    given = {"name": "compare", "targets": ["gates"], "points": entries}
    if liberty is not None:
        given |= {"targets": ["liberty"], "liberty": str(Path(liberty).absolute())}
    plan = plans.made(given, {one.name: one for one in (dense, pruned)})
    with connected(None, workers or len(os.sched_getaffinity(0))) as client:
        done = points(client, plan, find_tools(), plan.points)
        bar = progress(done, total=len(plan.points), what="compare", eta=True)
        by_key = {record["key"]: record for record in bar}
    records = [by_key[point.key] for point in plan.points]
    return {
        name: functools.reduce(_merged, (records[entries.index(one)] for one in own))
        for name, own in needed.items()
    }


def _entries(contender, shape, dense, pruned):
    """What has to be measured of a contender."""
    given = {"design": contender.design, "set": contender.set, "modes": contender.modes}
    if contender.design != "eie":
        given |= {"set": contender.set | shape, "workloads": [dense.name]}
        yield given
        if contender.edges is not None:
            yield given | {"modes": contender.edges}
        return
    pes = shape["rows"] * shape["cols"]
    given |= {"set": contender.set | _memories(pruned, pes)}
    yield given | {"targets": [], "workloads": [pruned.name]}
    # Elements take almost everything; all of them together would take an hour to synthesize.
    yield given | {"set": given["set"] | {"pes": _FEW}}


def _memories(workload, pes):
    """Sizes of the sparse engine's memories for one layer at a time, and two options that pay."""

    def power(sizes):
        return 1 << max(1, (int(max(sizes)) - 1).bit_length())

    layers = workload.layers
    # Elements share entries almost evenly; zeros that are too many to be counted take some more.
    entries = (1.3 * layer.weights * layer.k * layer.n / pes + 64 for layer in layers)
    return {
        "pes": pes,
        "queue_depth": 32,
        "acts": power(-(-layer.k // pes) for layer in layers),
        "rows": power(-(-layer.n // pes) for layer in layers),
        "columns": power(layer.k for layer in layers),
        "entries": power(entries),
    }


def _merged(record, other):
    """A record with the first and the last layer of another one, or with its area."""
    for one in (record, other):
        if one["status"] != "ok":
            return one
    if other["cycles"] is None:
        return record | {"area": _scaled(other["area"], record["pes"] / other["pes"])}
    layers = list(record["layers"])
    for place in (0, -1):
        layers[place] = other["layers"][place]
    cycles = sum(layer["count"] * layer["cycles"] for layer in layers)
    return record | {"layers": layers, "cycles": cycles, "utilization": None}


def _scaled(area, factor):
    """What as many times the elements take."""
    total = {name: value * factor for name, value in area["total"].items()}
    memories = [one | {"number": factor} for one in area["memories"]]
    return {"unit": area["unit"], "total": total, "memories": memories}


def rows(found: dict[str, dict], area: float | None = None) -> Iterator[dict]:
    """The table: a row for each contender that could be measured.

    ``area`` is what there is; by default what the first contender takes.
    """
    first = next(iter(found.values()))
    for name, record in found.items():
        if record["status"] != "ok":
            continue
        size = record["area"]["total"]["area"]
        fits = (area or first["area"]["total"]["area"]) / size
        macros = sum(
            one["words"] * one["width"] * one.get("number", 1)
            for one in record["area"]["memories"]
            if one["kind"] == "macro"
        )
        yield {
            "name": name,
            "area": round(size),
            "of_first": round(size / first["area"]["total"]["area"], 3),
            "SRAM_KiB": round(macros / 2**13, 1),
            "cycles": record["cycles"],
            "cycles_are": record["cycles_kind"],
            "fit": round(fits, 2),
            "cycles_in_area": round(record["cycles"] / fits),
            "speed_up": round(_speed_up(record, first), 2),
        }


def claims(found: dict[str, dict]) -> Iterator[dict]:
    """What papers say of one contender over another, and what is measured."""
    for over, under, claimed, source in CLAIMS:
        first, second = found[over], found[under]
        if first["status"] == second["status"] == "ok":
            yield {
                "of": over,
                "over": under,
                "paper": claimed,
                "for_the_same_area": round(_speed_up(first, second), 2),
                "for_the_same_elements": round(second["cycles"] / first["cycles"], 2),
                "source": source,
            }


def _speed_up(record, other):
    """How many times as fast a contender is as another, for the same area."""

    def slowness(one):
        return one["cycles"] * one["area"]["total"]["area"]

    return slowness(other) / slowness(record)


def _text(workload, shape, density, found, area):
    unit = next((one["area"]["unit"] for one in found.values() if one["area"]), "")
    sparse = "as the layers say" if density is None else f"{density:g} of the weights not zero"
    parts = [
        f"{workload.title}: {shape['rows']}×{shape['cols']} elements, areas in {unit}, "
        f"EIE: {sparse}",
        table(list(rows(found, area))),
    ]
    missing = [
        f"{name}: {one['status']}, {one['reason']}"
        for name, one in found.items()
        if one["status"] != "ok"
    ]
    if missing:
        parts.append("\n".join(missing))
    parts += ["Speed that papers claim, and what is measured here", table(list(claims(found)))]
    return "\n\n".join([*parts, _NOTES])
