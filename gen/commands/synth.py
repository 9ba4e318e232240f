"""``brickwork synth``: the area of a design, the share of each unit, and the fastest clock."""

from pathlib import Path

from ..lib.errors import CheckFailed
from ..lib.files import check_folder
from ..lib.messages import print_json
from . import completion
from .arguments import (
    add_clock,
    add_design,
    add_json,
    add_out,
    add_seeds,
    add_target,
    add_wrapper,
    default_from,
)

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "synthesize a design: its area, the share of each unit, and with --pnr its clock"
EXAMPLE = "brickwork synth gemm_ws --set rows=4 --set cols=4 --target ecp5 --pnr"


def arguments(parser):
    add_design(parser)
    add_wrapper(parser)
    add_target(parser)
    parser.add_argument(
        "--pnr", action="store_true", help="place and route with nextpnr, for the clock frequency"
    )
    device = parser.add_argument(
        "--device", metavar="NAME", help="the device (default: a large one of the target's)"
    )
    default_from(device, "device").completer = completion.devices
    add_seeds(parser, "placements of --pnr, whose median counts (default: 3)", only_with="pnr")
    add_clock(parser, "clock in MHz that --pnr has to reach", only_with="pnr")
    add_out(parser)
    add_json(parser)


def main(options) -> int:
    from ..api.area import check_target, synth
    from ..designs import registry
    from ..designs.wrappers import wrapper_from_text

    core = registry.parameters_from_text(options.design, options.settings)
    parameters = wrapper_from_text(options.top, core, options.bus, options.clock)
    library = options.liberty and Path(options.liberty)
    names = ("pnr", "device", "seeds", "clock")
    steps = {name: getattr(options, name) for name in names}
    check_target(options.target, library, **steps)
    area = synth(
        parameters,
        options.target,
        workdir=check_folder(options.out),
        liberty=library,
        **steps,
    )
    if options.json:
        print_json(area.record())
    else:
        print(area)
    if options.clock and not area.clock["met_by"]:
        raise CheckFailed(
            f"Clock of {parameters.module} on {area.clock['device']} must be {options.clock:g} "
            f"MHz, but the best placement reaches {area.clock['fmax_mhz']['best']} MHz"
        )
    return 0
