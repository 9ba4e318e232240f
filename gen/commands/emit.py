"""``brickwork emit``: a design's Verilog, its manifest, and the files that go with them."""

from ..lib.messages import print_json
from .arguments import add_clock, add_design, add_json, add_out, add_wrapper

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "write a design's Verilog and its manifest"
EXAMPLE = "brickwork emit gemm_ws --set rows=16 --set cols=16 --out rtl"


def arguments(parser):
    add_design(parser)
    add_wrapper(parser)
    add_clock(
        parser,
        "clock in MHz that the constraints ask for; of uart also its clock_hz (default: 200, and "
        "of uart clock_hz)",
    )
    add_out(parser)
    parser.add_argument(
        "--name", metavar="NAME", help="name of the top-level module (default: that of the design)"
    )
    parser.add_argument(
        "--ci",
        metavar="HOST",
        choices=["github", "gitlab"],
        help="also write a pipeline that checks the core there: github or gitlab",
    )
    add_json(parser)


def main(options) -> int:
    from ..api.artifacts import emit_parameters
    from ..designs import registry, wrappers

    core = registry.parameters_from_text(options.design, options.settings)
    parameters = wrappers.wrapper_from_text(options.top, core, options.bus, options.clock)
    files = emit_parameters(parameters, options.out, options.name, options.clock, options.ci)
    collateral = [str(path) for path in files.collateral]
    if options.json:
        record = {
            "design": parameters.design(),
            "digest": files.digest,
            "parameters": parameters.as_dict(),
            "verilog": str(files.verilog),
            "manifest": str(files.manifest),
            "files": collateral,
        }
        print_json(record)
        return 0
    print("verilog", files.verilog, sep="\t")
    print("manifest", files.manifest, sep="\t")
    for path in collateral:
        print("file", path, sep="\t")
    return 0
