"""``brickwork doctor``: the tools that Brickwork calls, and the remedy for each missing one."""

from ..lib import colour
from ..lib.messages import print_json
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
        print_json([check._asdict() for check in checks])
    else:
        for check in checks:
            state = "ok" if check.ok else "optional" if check.optional else "MISSING"
            text = check.detail if check.ok else check.remedy
            print(colour.verdict(state), check.name, text, sep="\t")
    return 0 if all(check.ok or check.optional for check in checks) else 1
