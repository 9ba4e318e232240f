"""``brickwork list``: the designs and their parameters."""

import dataclasses

from ..lib.messages import print_json
from ..lib.tables import columns
from .arguments import add_json

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "list the designs and their parameters"
EXAMPLE = "brickwork list"


def arguments(parser):
    add_json(parser)


def main(options) -> int:
    from ..designs import registry

    designs = [_description(design) for design in registry.DESIGNS.values()]
    if options.json:
        print_json(designs)
        return 0
    for design in designs:
        print(f"{design['name']}: {design['description']}")
        for line in columns([parameter.values() for parameter in design["parameters"]]):
            print(f"  {line}")
    return 0


def _description(design):
    return {
        "name": design.design(),
        "description": design.__doc__.splitlines()[0].rstrip("."),
        "parameters": [
            {
                "name": field.name,
                "type": field.type.__name__,
                "default": field.default,
                "meaning": field.metadata["meaning"],
            }
            for field in dataclasses.fields(design)
        ],
    }
