"""``brickwork pack``: the words of a job as files, for any host that there is."""

from ..lib.errors import UsageError
from ..lib.messages import print_json, to_json
from .arguments import add_json, add_product, integer, path, read_operands

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "write the words of a product to files, for a host of your own"
EXAMPLE = "brickwork pack out/gemm_ws_axi-0123456789ab --a A.npy --w W.npy --out job"


def arguments(parser):
    parser.description += (
        "\n\nThe folder of --out gets a file with the words of each stream as they lie in memory, "
        "expected.npy\n(codes, where results are floats) and job.json: addresses and numbers of "
        "words, and the register\nwrites that start the job, in order."
    )
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=path("Folder"),
        help="folder, or manifest, of a core in the bus wrapper axis or axi",
    )
    parser.add_argument(
        "--address",
        metavar="N",
        type=integer("Address", 0),
        default=0,
        help="axi: address of the words in memory (default: 0)",
    )
    add_product(
        parser, metavar="DIR", type=path("Folder"), required=True, help="folder for the files"
    )
    add_json(parser)


def main(options) -> int:
    import numpy as np

    from ...sim.host.bus_job import BusJob
    from ...sim.manifest import Manifest
    from ..designs import registry
    from ..lib.arrays import write_array
    from ..lib.files import check_folder, write_whole

    manifest = Manifest.at(options.folder, ("axis", "axi"))
    design = registry.matrix_of_manifest(manifest)
    task = design.task(read_operands(options, design))
    job = task.job(manifest)
    bus_job = BusJob(job)
    description = _description(bus_job, job.description() | task.description(), options.address)
    folder = check_folder(options.out)
    for name in bus_job.words:
        write_whole(folder / f"{name}.bin", bus_job.memory(name).tobytes())
    for name, indices in job.index_files().items():
        write_whole(folder / f"{name}.bin", np.asarray(indices, "<u4").tobytes())
    write_array(folder / "expected.npy", task.expected(job))
    write_whole(folder / "job.json", to_json(description))
    _show(options, folder, description)
    return 0


def _description(job, sizes_and_modes, address):
    """The contents of ``job.json``."""
    manifest, counts, sizes = job.manifest, job.counts, job.sizes
    dma = "memory" in manifest.bus
    if address and not dma:
        raise UsageError(
            "Option --address must go with the bus wrapper axi, which reads memory, not with axis"
        )
    addresses = job.addresses(address) if dma else {}
    streams = {}
    for name, layout in manifest.bus["streams"].items():
        streams[name] = {"file": f"{name}.bin"} if name in job.words else {}
        streams[name] |= {"words": counts[name], "stride": layout["stride"], "bytes": sizes[name]}
        streams[name] |= {"address": addresses[name]} if dma else {}
    description = {
        "design": manifest.design,
        "digest": manifest.digest,
        "top": manifest.top,
        "job": sizes_and_modes,
        "streams": streams,
    }
    if dma:
        description["writes"] = [
            {"register": name, "offset": offset, "value": value}
            for name, offset, value in job.writes(address)
        ]
    return description


def _show(options, folder, description):
    if options.json:
        print_json({"folder": str(folder)} | description)
        return
    for name, stream in description["streams"].items():
        address = f"at {stream['address']:#x}" if "address" in stream else ""
        file = folder / stream["file"] if "file" in stream else ""
        print(name, f"{stream['words']} words", f"{stream['bytes']} bytes", address, file, sep="\t")
    print("expected", folder / "expected.npy", sep="\t")
    print("job", folder / "job.json", sep="\t")
