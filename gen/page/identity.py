"""Identity of points, whatever version of the program computed them."""

import json
from dataclasses import MISSING, fields

from ..designs import registry

__all__ = ["configuration", "identity"]


def configuration(record: dict) -> str:
    """Stands for a point's netlist: the design, and its parameters other than the defaults.

    A parameter that a later version adds, with a default that changes nothing, makes no other
    netlist of it.
    """
    design = record["design"]
    defaults = {}
    if design in registry.DESIGNS:
        defaults = {item.name: item.default for item in fields(registry.DESIGNS[design])}
    settings = {
        name: value
        for name, value in record["parameters"].items()
        if value != defaults.get(name, MISSING)
    }
    return json.dumps([design, settings], sort_keys=True)


def identity(record: dict) -> str:
    """Stands for a point: its configuration, modes, target and workload."""
    job = [record["modes"] or {}, record["target"], record["workload"]]
    return json.dumps([configuration(record), *job], sort_keys=True)
