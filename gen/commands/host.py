"""``brickwork host``: a product of the user's matrices on a board with a serial line."""

import contextlib
import json
import math
import os
import time
from pathlib import Path

from ..lib.errors import CheckFailed
from ..lib.extras import require
from ..lib.progress import progress
from .arguments import add_json, add_product, integer, read_operands

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "multiply matrices on a board with a serial line, and compare with the golden model"
EXAMPLE = "brickwork host out/gemm_ws_uart-0123456789ab --port /dev/ttyUSB0 --a A.npy --w W.npy"

#: Seconds without a byte after which the board does not answer.
_PATIENCE = 3


def arguments(parser):
    parser.add_argument(
        "folder", metavar="FOLDER", help="folder that the design on the board was emitted into"
    )
    parser.add_argument("--port", metavar="PORT", required=True, help="the serial port")
    parser.add_argument(
        "--baud",
        metavar="N",
        type=integer("Baud rate", 1),
        help="bits a second (default: the baud rate of the design)",
    )
    add_product(parser)
    add_json(parser)


def main(options) -> int:
    from ...sim.host.uart_link import Link, LinkError
    from ..designs import registry
    from ..lib.arrays import write_array
    from ..lib.files import check_file, check_folder
    from ..lib.messages import difference

    manifest = _manifest(Path(options.folder))
    design = registry.of_manifest(manifest)
    out = options.out and check_file(options.out)
    task = design.task(read_operands(options, design))
    job = task.job(manifest)
    if out:
        check_folder(out.parent)
    port = _open(options.port, options.baud or manifest.bus["baud"])
    with port, progress(total=1, label=f"multiplying on {options.port}"):
        try:
            link = Link(port, manifest)
            sent, received, start = link.sent, link.received, time.monotonic()
            y, flags = link.run(job)
            seconds = time.monotonic() - start
        except LinkError as error:
            raise CheckFailed(f"{options.port}: {error}") from None
    expected = task.expected(job)
    matches = job.matches(y, flags) and bool((y == expected).all())
    if out and matches:
        write_array(out, task.shaped(y))
    record = {
        "design": manifest.design,
        "digest": manifest.digest,
        "port": options.port,
        "shape": task.shape,
        "macs": math.prod(task.shape),
        "seconds": round(seconds, 3),
        "bytes_sent": link.sent - sent,
        "bytes_received": link.received - received,
        "matches_golden": matches,
        "out": options.out if matches else None,
    }
    _show(options, record)
    if not matches:
        raise CheckFailed(f"{difference(y, expected)}; repeat the run, or rebuild the bitstream")
    return 0


def _manifest(folder):
    """The manifest in the folder of a core behind a serial line."""
    from ..lib.files import manifests_of_wrappers

    manifests = manifests_of_wrappers(folder, ("uart",))
    if len(manifests) != 1:
        raise ValueError(
            f"Folder {folder} must hold the manifest of a design with a serial line, not "
            f"{len(manifests)}; see brickwork build, or brickwork emit --top uart"
        )
    return manifests[0]


def _open(name, baud):
    """The serial port.

    Raises
    ------
    UsageError
        If pyserial is missing.
    OSError
        If the port cannot be opened.
    """
    with require("Serial ports"):
        import serial
    try:
        port = serial.Serial(name, baud, timeout=_PATIENCE, exclusive=True)
    except (OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else error
        raise OSError(f"Port {name} cannot be opened: {reason}") from None
    # Adapters keep what came for up to 16 ms, and credits with it.
    with contextlib.suppress(AttributeError, NotImplementedError, OSError, ValueError):
        port.set_low_latency_mode(True)
    return port


def _show(options, record):
    if options.json:
        print(json.dumps(record, indent=2))
        return
    seconds = max(record["seconds"], 1e-3)
    moved = record["bytes_sent"] + record["bytes_received"]
    rows = {
        "design": f"{record['design']} {record['digest']} at {record['port']}",
        "M×K×N": "×".join(map(str, record["shape"])),
        "bytes": f"{record['bytes_sent']} there, {record['bytes_received']} back "
        f"({moved / seconds:,.0f} a second)",
        "MACs": f"{record['macs']} ({record['macs'] / seconds:,.0f} a second)",
        "matches golden": "yes" if record["matches_golden"] else "no",
        "seconds": f"{record['seconds']:.3f}",
        "results": record["out"],
    }
    for name, value in rows.items():
        if value is not None:
            print(f"{name:15}{value}")
