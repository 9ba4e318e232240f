"""``brickwork doctor``: the tools that Brickwork calls, and the remedy for each missing one."""

import json

from .arguments import add_json

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "check that the required tools are installed"
EXAMPLE = "brickwork doctor"


def arguments(parser):
    add_json(parser)


def main(options) -> int:
    from ...sim.verilator import toolchain
    from ..flow import targets

    checks = toolchain.doctor(targets.placers())
    if options.json:
        print(json.dumps([check._asdict() for check in checks], indent=2))
    else:
        for check in checks:
            state = "ok" if check.ok else "optional" if check.optional else "MISSING"
            print(state, check.name, check.detail if check.ok else check.remedy, sep="\t")
    return 0 if all(check.ok or check.optional for check in checks) else 1
