"""The short commands: ``brickwork list``, ``emit`` and ``doctor``."""

import json
from dataclasses import fields

from ...sim.verilator import toolchain
from ..collateral import write
from ..designs import registry, wrappers
from ..emission.emit import emit
from ..emission.identifier import check_identifier
from ..lib.files import check_folder

__all__ = ["doctor", "emit_design", "list_designs"]


def list_designs(options) -> int:
    designs = [_described(kind) for kind in registry.DESIGNS.values()]
    if options.json:
        print(json.dumps(designs, indent=2))
        return 0
    for design in designs:
        print(design["name"], design["description"], sep="\t")
        for parameter in design["parameters"]:
            print("", *parameter.values(), sep="\t")
    return 0


def _described(kind):
    return {
        "name": kind.design(),
        "description": kind.__doc__.splitlines()[0].rstrip("."),
        "parameters": [
            {
                "name": item.name,
                "type": item.type.__name__,
                "default": item.default,
                "meaning": item.metadata["meaning"],
            }
            for item in fields(kind)
        ],
    }


def emit_design(options) -> int:
    core = registry.parameters_from_text(options.design, options.settings)
    parameters = wrappers.top_from_text(options.top, core, options.bus)
    if options.name is not None:
        check_identifier("Top-level name", options.name)
    emission = emit(parameters, check_folder(options.out), options.name)
    found = {"verilog": str(emission.verilog), "manifest": str(emission.manifest)}
    others = [str(path) for path in write.write(emission)]
    if options.json:
        facts = {"design": parameters.design(), "digest": emission.digest}
        facts |= {"parameters": parameters.as_dict()} | found | {"files": others}
        print(json.dumps(facts, indent=2))
    else:
        for what, path in found.items():
            print(what, path, sep="\t")
        for path in others:
            print("file", path, sep="\t")
    return 0


def doctor(options) -> int:
    checks = toolchain.doctor()
    if options.json:
        print(json.dumps([check._asdict() for check in checks], indent=2))
    else:
        for check in checks:
            state = "ok" if check.ok else "optional" if check.optional else "MISSING"
            print(state, check.name, check.detail if check.ok else check.remedy, sep="\t")
    return 0 if all(check.ok or check.optional for check in checks) else 1
