"""``brickwork host``: a product of the user's matrices on a board with a serial line."""

import contextlib
import math
import os
import time

from ..lib import colour
from ..lib.errors import CheckFailed
from ..lib.extras import require
from ..lib.messages import print_json
from ..lib.progress import progress
from .arguments import add_json, add_product, integer, path, read_operands

__all__ = ["EXAMPLE", "SUMMARY", "arguments", "main"]

SUMMARY = "multiply matrices on a board with a serial line, and compare with the golden model"
EXAMPLE = "brickwork host out/gemm_ws_uart-0123456789ab --port /dev/ttyUSB0 --a A.npy --w W.npy"

#: Seconds without a byte after which the board does not answer.
_PATIENCE = 3


def arguments(parser):
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=path("Folder"),
        help="folder that the design on the board was emitted into, or its manifest",
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
    from ...sim.manifest import Manifest
    from ..designs import registry
    from ..lib.arrays import write_array
    from ..lib.files import check_file, report_apart
    from ..lib.messages import difference

    serial = _serial()
    manifest = Manifest.at(options.folder, ("uart",))
    design = registry.matrix_of_manifest(manifest)
    out = options.out and check_file(options.out)
    task = design.task(read_operands(options, design))
    job = task.job(manifest)
    port = _open(serial, options.port, options.baud or manifest.bus["baud"])
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
    with report_apart(out):
        _show(options, record)
    if not matches:
        raise CheckFailed(f"{difference(y, expected)}; repeat the run, or rebuild the bitstream")
    return 0


def _serial():
    """The module of pyserial.

    Raises
    ------
    UsageError
        If it is missing.
    """
    with require("Serial ports"):
        import serial
    return serial


def _open(serial, name, baud):
    """The serial port.

    Raises
    ------
    OSError
        If the port cannot be opened.
    """
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
        print_json(record)
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
            print(f"{name:15}{colour.verdict(value)}")
