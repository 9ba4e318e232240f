"""``brickwork synth``: the area of a design, the share of each unit, and the fastest clock."""

import json
from pathlib import Path

from ..flow import targets
from ..lib.files import check_folder
from .arguments import add_design, add_json, add_out, add_wrapper, integer

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "synthesize a design: its area, the share of each unit, and with --pnr its clock"
EXAMPLE = "brickwork synth gemm_ws --set rows=4 --set cols=4 --target ecp5 --pnr"


def arguments(parser):
    add_design(parser)
    add_wrapper(parser)
    parser.add_argument(
        "--target",
        metavar="TARGET",
        required=True,
        help=f"one of {', '.join(targets.names())}",
    )
    parser.add_argument("--liberty", metavar="FILE", help="library of cells for the target liberty")
    parser.add_argument(
        "--pnr", action="store_true", help="place and route with nextpnr, for the clock frequency"
    )
    parser.add_argument(
        "--device", metavar="NAME", help="the device (default: a large one of the target's)"
    )
    parser.add_argument(
        "--seeds",
        metavar="N",
        type=integer("Number of seeds", 1, 1000),
        help="placements of --pnr, whose median counts (default: 3)",
    )
    add_out(parser)
    add_json(parser)


def main(options) -> int:
    from ..api.area import check_target, synth
    from ..designs import registry
    from ..designs.wrappers import wrapper_from_text

    core = registry.parameters_from_text(options.design, options.settings)
    parameters = wrapper_from_text(options.top, core, options.bus)
    library = options.liberty and Path(options.liberty)
    steps = {"pnr": options.pnr, "device": options.device, "seeds": options.seeds}
    check_target(options.target, library, **steps)
    area = synth(
        parameters,
        options.target,
        workdir=check_folder(options.out),
        liberty=library,
        **steps,
    )
    if options.json:
        print(json.dumps(area.record(), indent=2, ensure_ascii=False))
    else:
        print(area)
    return 0
