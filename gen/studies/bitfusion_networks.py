"""The networks of Bit Fusion's evaluation: cycles, and speed-up over arrays of one width."""

import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from .. import workloads
from ..designs.gemm_fusion import GemmFusion
from ..designs.gemm_ws import GemmWs
from ..workloads import Layer, Workload
from .bitfusion_cycles import cycles
from .study import of_table

__all__ = ["Network", "load", "measure", "modes", "summary"]


class Network(NamedTuple):
    """A network, and its published numbers: see ``bitfusion.toml``."""

    workload: Workload
    mops: int
    simulated: int
    waits: int


def load() -> tuple[int, list[Network]]:
    """The batch of the evaluation, and its networks."""
    path = Path(__file__).with_name("bitfusion.toml")
    content = tomllib.loads(path.read_text("utf-8"))
    networks = []
    for table in content["networks"]:
        published = {key: table.pop(key) for key in ("mops", "simulated", "waits")}
        workload = workloads.from_dict(table["title"], table, f"{path}, {table['title']}")
        networks.append(Network(workload=workload, **published))
    return content["batch"], networks


def modes(layer: Layer) -> dict[str, int]:
    """The narrowest of the hardware's widths that hold the layer's."""
    widths = {"a_bits": layer.a_bits, "w_bits": layer.w_bits}
    return {
        name: next(width for width in (2, 4, 8) if width >= bits) for name, bits in widths.items()
    }


def measure(rows: int, cols: int, area_ratio: float, batch: int | None = None) -> Iterator[dict]:
    """Yield a record for each layer, then one for each network.

    Parameters
    ----------
    rows, cols : int
        Of the array of fusion units, and of the one of PEs for 8 × 8 bits.
    area_ratio : float
        Area of a PE of the first over that of a PE of the second.
    batch : int
        Images that are computed together; by default those of the evaluation.
    """
    published, networks = load()
    batch = batch or published
    # Sums of none of the layers come near 48 bits; the width has no influence on cycles.
    fusion = GemmFusion(rows=rows, cols=cols, acc_width=48)
    fixed = GemmWs(rows=rows, cols=cols)
    totals = []
    for network in networks:
        workload = network.workload
        layers = [_layer(network, layer, batch, fusion, fixed) for layer in workload.layers]
        yield from layers
        total = {name: sum(row[name] for row in layers) for name in _SUMS}
        same_number = total["fixed_cycles"] / total["cycles"]
        totals.append(
            {
                "table": "networks",
                "network": workload.title,
                "batch": batch,
                "widths": ", ".join(dict.fromkeys(row["widths"] for row in layers)),
                "macs": workload.macs,
                "published_macs": network.mops * 1_000_000,
                "cycles": total["cycles"],
                "utilization": round(total["ideal_cycles"] / total["cycles"], 3),
                "simulated_cycles": network.simulated - network.waits,
                "simulated_with_memory": network.simulated,
                "fixed_cycles": total["fixed_cycles"],
                "same_number": round(same_number, 3),
                "same_area": round(same_number / area_ratio, 3),
                "source": workload.source,
                "deviates": workload.note,
            }
        )
    yield from totals


def summary(records: list[dict]) -> dict:
    """The geometric means of the networks' speed-ups."""
    networks = of_table(records, "networks")
    means = {
        name: round(math.exp(math.fsum(math.log(row[name]) for row in networks) / len(networks)), 3)
        for name in ("same_number", "same_area")
    }
    return {"table": "means", "networks": len(networks), **means}


_SUMS = ("cycles", "fixed_cycles", "ideal_cycles")


def _layer(network, layer, batch, fusion, fixed):
    m, k, n = batch * layer.m, layer.k, layer.n
    macs_per_unit = 64 // math.prod(modes(layer).values())
    macs = layer.count * batch * layer.macs
    return {
        "table": "layers",
        "network": network.workload.title,
        "layer": layer.name,
        "count": layer.count,
        "m": m,
        "k": k,
        "n": n,
        "widths": f"{layer.a_bits}×{layer.w_bits}",
        "cycles": layer.count * cycles(fusion, m, k, n, **modes(layer)),
        "fixed_cycles": layer.count * cycles(fixed, m, k, n),
        "ideal_cycles": -(-macs // (fusion.rows * fusion.cols * macs_per_unit)),
    }
