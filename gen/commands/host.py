"""``brickwork host``: a product of the user's matrices on a board with a serial line."""

import contextlib
import json
import os
import time
from dataclasses import fields
from pathlib import Path

import numpy as np

from ...sim.designs._gemm import tiling
from ...sim.designs._product import matches_golden
from ...sim.golden.engine import product as golden_product
from ...sim.host.uart import Link, LinkError
from ..designs import _eie_run, _gemm_output, registry
from ..lib.errors import Failed, Refused
from ..lib.files import check_folder, manifests_of_wrappers, write_array
from ..lib.messages import difference
from ..lib.progress import progress

__all__ = ["host"]

#: Seconds without a byte after which the board does not answer.
_PATIENCE = 3


def host(options) -> int:
    facts = _manifest(Path(options.folder))
    kind = registry.design(facts.design)
    parameters = kind(**{item.name: facts.parameters[item.name] for item in fields(kind)})
    options.design = facts.design
    out = options.out and Path(options.out)
    if out and out.is_dir():
        raise Refused(f"Results must be written to a file, not to the folder {str(out)!r}")
    if facts.design == "eie":
        shape, macs, compute = _network(options, parameters)
    else:
        _eie_run.check_none(options)
        shape, macs, compute = _product(options, parameters, facts)
    if out:
        check_folder(out.parent)
    port = _open(options.port, options.baud or facts.bus["baud"])
    with port, progress(total=1, what=f"multiplying on {options.port}"):
        try:
            link = Link(port, facts)
            sent, received, start = link.sent, link.received, time.monotonic()
            y, expected, matches = compute(link)
            seconds = time.monotonic() - start
        except LinkError as error:
            raise Failed(f"{options.port}: {error}") from None
    if out and matches:
        write_array(out, y)
    found = {
        "design": facts.design,
        "digest": facts.digest,
        "port": options.port,
        "shape": shape,
        "macs": macs,
        "seconds": round(seconds, 3),
        "bytes_sent": link.sent - sent,
        "bytes_received": link.received - received,
        "matches_golden": matches,
        "out": options.out if matches else None,
    }
    _show(options, found)
    if not matches:
        raise Failed(f"{difference(y, expected)}; do it again, or rebuild the bitstream")
    return 0


def _manifest(folder):
    """The manifest of a top with a serial line, which lies in the folder."""
    found = manifests_of_wrappers(folder, ("uart",))
    if len(found) != 1:
        raise ValueError(
            f"Folder {folder} must hold the manifest of a design with a serial line, not "
            f"{len(found)}; see brickwork build, or brickwork emit --top uart"
        )
    return found[0]


def _product(options, parameters, facts):
    """Shape and MACs of the product, and what computes it."""
    acc_width = facts.derived["acc_width"]
    found, modes, channels = _gemm_output.product(options, parameters, acc_width)
    a, w = found.a.codes, found.w.codes
    shape = (*a.shape, w.shape[1])
    plan = tiling(facts, *shape, **modes)

    def compute(link):
        y, special = link.multiply(a, w, channels, **modes)
        expected = golden_product(facts, a, w, channels, **plan.modes)
        return y, expected, matches_golden(facts, plan, a, w, channels, y, special)

    return shape, int(np.prod(shape)), compute


def _network(options, parameters):
    """Likewise of a sparse matrix by vectors."""
    todo = _eie_run.work(options, parameters)
    outputs, inputs = todo.layer.encoded.shape
    vectors = len(np.atleast_2d(todo.a))

    def compute(link):
        expected = todo.expected()
        y = link.network([todo.layer], todo.a).reshape(expected.shape)
        return y, expected, bool(np.array_equal(y, expected))

    return (vectors, inputs, outputs), vectors * inputs * outputs, compute


def _open(name, baud):
    """The serial port.

    Raises
    ------
    Refused
        If pyserial is missing.
    OSError
        If the port cannot be opened.
    """
    try:
        import serial
    except ModuleNotFoundError:
        raise Refused("Serial ports need pyserial; use pip install pyserial") from None
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


def _show(options, found):
    if options.json:
        print(json.dumps(found, indent=2))
        return
    seconds = max(found["seconds"], 1e-3)
    moved = found["bytes_sent"] + found["bytes_received"]
    rows = {
        "design": f"{found['design']} {found['digest']} at {found['port']}",
        "M×K×N": "×".join(map(str, found["shape"])),
        "bytes": f"{found['bytes_sent']} there, {found['bytes_received']} back "
        f"({moved / seconds:,.0f} a second)",
        "MACs": f"{found['macs']} ({found['macs'] / seconds:,.0f} a second)",
        "equals golden": "yes" if found["matches_golden"] else "no",
        "seconds": f"{found['seconds']:.3f}",
        "results": found["out"],
    }
    for name, value in rows.items():
        if value is not None:
            print(f"{name:15}{value}")
