"""The networks of Bit Fusion's evaluation: cycles, and speed-up over arrays of one width."""

import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..designs.base import GemmFusion, GemmWs
from .bitfusion_cycles import cycles

__all__ = ["Layer", "Network", "load", "measure", "summary"]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """``count`` products of M × K × N for one image; widths are the published ones."""

    name: str
    count: int
    m: int
    k: int
    n: int
    a_bits: int
    w_bits: int

    @property
    def macs(self) -> int:
        """Multiply-adds for one image."""
        return self.count * self.m * self.k * self.n

    @property
    def modes(self) -> dict[str, int]:
        """The narrowest of the hardware's widths that hold them."""
        return {"a_bits": _width(self.a_bits), "w_bits": _width(self.w_bits)}


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network: see ``bitfusion.toml`` for what the attributes mean."""

    name: str
    source: str
    deviates: str
    mops: int
    simulated: int
    waits: int
    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)


def load() -> tuple[int, list[Network]]:
    """The batch of the evaluation, and its networks."""
    with Path(__file__).with_name("bitfusion.toml").open("rb") as file:
        found = tomllib.load(file)
    return found["batch"], [_network(**given) for given in found["networks"]]


def measure(rows: int, cols: int, area_ratio: float, batch: int | None = None) -> Iterator[dict]:
    """Yield a record for each layer, then one for each network.

    Parameters
    ----------
    rows, cols : int
        Of the array of fusion units, and of the one of elements for 8 × 8 bits.
    area_ratio : float
        Area of an element of the first over that of one of the second.
    batch : int
        Images that are computed together; by default those of the evaluation.
    """
    published, networks = load()
    batch = batch or published
    # Sums of none of the layers come near 48 bits; the width has no influence on cycles.
    fusion = GemmFusion(rows=rows, cols=cols, acc_width=48)
    fixed = GemmWs(rows=rows, cols=cols)
    found = []
    for network in networks:
        layers = [_layer(network, layer, batch, fusion, fixed) for layer in network.layers]
        yield from layers
        total = {name: sum(row[name] for row in layers) for name in _SUMS}
        same_number = total["fixed_cycles"] / total["cycles"]
        found.append(
            {
                "table": "networks",
                "network": network.name,
                "batch": batch,
                "widths": ", ".join(dict.fromkeys(row["widths"] for row in layers)),
                "macs": network.macs,
                "published_macs": network.mops * 1_000_000,
                "cycles": total["cycles"],
                "utilization": round(total["ideal_cycles"] / total["cycles"], 3),
                "simulated_cycles": network.simulated - network.waits,
                "simulated_with_memory": network.simulated,
                "fixed_cycles": total["fixed_cycles"],
                "same_number": round(same_number, 3),
                "same_area": round(same_number / area_ratio, 3),
                "source": network.source,
                "deviates": network.deviates.strip(),
            }
        )
    yield from found


def summary(records: list[dict]) -> dict:
    """The geometric means of the networks' speed-ups."""
    networks = [row for row in records if row["table"] == "networks"]
    means = {
        name: round(math.exp(math.fsum(math.log(row[name]) for row in networks) / len(networks)), 3)
        for name in ("same_number", "same_area")
    }
    return {"table": "means", "networks": len(networks), **means}


_SUMS = ("cycles", "fixed_cycles", "ideal_cycles")


def _layer(network, layer, batch, fusion, fixed):
    m, k, n = batch * layer.m, layer.k, layer.n
    products = 64 // math.prod(layer.modes.values())
    return {
        "table": "layers",
        "network": network.name,
        "layer": layer.name,
        "count": layer.count,
        "m": m,
        "k": k,
        "n": n,
        "widths": f"{layer.a_bits}×{layer.w_bits}",
        "cycles": layer.count * cycles(fusion, m, k, n, **layer.modes),
        "fixed_cycles": layer.count * cycles(fixed, m, k, n),
        "ideal_cycles": -(-batch * layer.macs // (fusion.rows * fusion.cols * products)),
    }


def _network(layers, **given):
    return Network(layers=tuple(_shape(**layer) for layer in layers), **given)


def _shape(m, k, count=1, **given):
    return Layer(m=math.prod(m), k=math.prod(k), count=count, **given)


def _width(bits):
    return next(width for width in (2, 4, 8) if width >= bits)
