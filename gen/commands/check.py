"""``brickwork check``: whether a program of the network processor can go wrong."""

import sys

from ..lib import colour
from .arguments import add_json, add_npu, path, read_npu

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "check a program of a network processor for races, deadlocks and wrong addresses"
EXAMPLE = "brickwork check net.npu --npu out/npu-0123456789ab"


def arguments(parser):
    parser.add_argument(
        "file",
        metavar="FILE",
        type=path("Program"),
        help="container .npu, or instructions alone",
    )
    add_npu(parser)
    add_json(parser)


def main(options) -> int:
    from ...sim.npu.checker import check
    from ...sim.npu.program_file import ProgramFile
    from ..lib.messages import print_json

    core = read_npu(options.npu)
    file = ProgramFile.read(options.file, core.instructions)
    file.check_core(core)
    findings = check(core, file.program, file.segments)
    if options.json:
        records = [
            {
                "number": finding.number,
                "line": finding.line,
                "reason": finding.reason,
                "origin": file.origin(finding.number),
            }
            for finding in findings
        ]
        print_json({"clean": not findings, "instructions": len(file.program), "findings": records})
        return 1 if findings else 0
    for finding in findings:
        print(finding, *filter(None, [file.origin(finding.number)]), sep="\t")
    count = f"{len(findings)} finding{'s' * (len(findings) > 1)}"
    verdict = colour.red(count, sys.stdout) if findings else colour.verdict("ok")
    print(options.file, f"{len(file.program)} instructions", verdict, sep="\t")
    return 1 if findings else 0
