"""``brickwork asm``: a program of the network processor from its text."""

from ..lib.files import check_file, report_apart
from .arguments import add_json, add_npu, path, read_npu

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "assemble a program of a network processor"
EXAMPLE = "brickwork asm net.s --npu out/npu-0123456789ab --out net.bin"


def arguments(parser):
    parser.add_argument(
        "file", metavar="FILE.s", type=path("Program"), help="one instruction a line"
    )
    add_npu(parser)
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=path("Program"),
        help="file for the program: a container if its name ends in .npu, else instructions alone "
        "(default: FILE.bin)",
    )
    add_json(parser)


def main(options) -> int:
    from pathlib import Path

    from ...sim.npu.assembly import assemble
    from ...sim.npu.container import Container
    from ...sim.text_file import read_text
    from ..lib.errors import UsageError
    from ..lib.files import write_whole
    from ..lib.messages import print_json

    core = read_npu(options.npu)
    try:
        source = read_text(Path(options.file))
    except OSError as error:
        raise UsageError(f"Program {options.file} cannot be read: {error.strerror}") from None
    lines = assemble(source, core.instructions, options.file)
    out = check_file(options.out or Path(options.file).with_suffix(".bin"), "Program")
    content = core.instructions.program(line.instruction for line in lines)
    if out.suffix == ".npu":
        origins = [line.comment for line in lines]
        content = Container(digest=core.digest, program=content, source_map=origins).to_bytes()
    write_whole(out, content)
    with report_apart(out):
        if options.json:
            record = {"digest": core.digest, "instructions": len(lines), "bytes": len(content)}
            print_json(record | {"out": str(out)})
        else:
            print("instructions", len(lines), sep="\t")
            print("written", out, sep="\t")
    return 0
