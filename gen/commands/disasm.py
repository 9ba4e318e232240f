"""``brickwork disasm``: the text of a program of the network processor."""

from .arguments import add_json, path

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "print a program of a network processor as text"
EXAMPLE = "brickwork disasm net.npu"


def arguments(parser):
    parser.add_argument(
        "file",
        metavar="FILE",
        type=path("Program"),
        help="container .npu, or instructions alone",
    )
    add_json(parser)


def main(options) -> int:
    from ...hdl.npu import isa
    from ...sim.npu.assembly import text
    from ...sim.npu.instruction import InstructionSet
    from ...sim.npu.program_file import ProgramFile
    from ..lib.messages import print_json

    instructions = InstructionSet(isa.description())
    file = ProgramFile.read(options.file, instructions)
    lines = [
        {"number": number, "line": text(instruction, instructions), "origin": file.origin(number)}
        for number, instruction in enumerate(file.program)
    ]
    if options.json:
        digest = file.container.digest if file.container is not None else None
        print_json({"digest": digest, "instructions": lines})
        return 0
    for line in lines:
        print(line["line"] + (f" ; {line['origin']}" if line["origin"] else ""))
    return 0
