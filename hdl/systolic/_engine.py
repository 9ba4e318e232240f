"""What the GEMM engines have in common: operands, accumulators and streams."""

from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.exact import sum_width
from ..arith.requantize import channel_layout
from ..checks import check_choice, check_integer, check_relation
from .channel import output_shape

__all__ = ["accumulator_width", "engine_ports"]


def accumulator_width(*, a_format, w_format, max_k, acc_width):
    """The width asked for, or with 0 the one that is exact for ``max_k`` products.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """
    a = formats.get(a_format, "Activation format")
    w = formats.get(w_format, "Weight format")
    check_integer("Largest K", max_k, 1, 1 << 24)
    check_integer("Accumulator width", acc_width, 0, 64)
    if acc_width == 0:
        return sum_width(a, w, max_k)  # 56 bits at most, for 2**24 products of 16 × 16 bits
    product = sum_width(a, w, 1)
    check_relation(
        acc_width >= product,
        f"Accumulator width {acc_width} is less than the {product} bits of a product of "
        f"{a_format} and {w_format}",
    )
    return acc_width


def engine_ports(
    *, rows, cols, tile_rows, tile_cols, a_format, w_format, overflow, pipeline, channel, tiles
):
    """Check what every engine takes, and return its ports.

    Parameters
    ----------
    channel : dict
        Parameters of :class:`Channel`; ``output`` may be ``"raw"`` too.
    tiles : data.Layout
        Payload of the stream ``tiles``.
    """
    check_integer("Row count", rows, 1, 1024)
    check_integer("Column count", cols, 1, 1024)
    check_integer("Tile row count", tile_rows, 1)
    check_integer("Tile column count", tile_cols, 1)
    check_choice("Overflow", overflow, ["wrap", "saturate"])
    check_integer("Pipeline register count", pipeline, 0, 2)
    check_choice("Output", channel["output"], ["raw", "bias", "scale", "shift"])
    formats.get(channel["out_format"], "Output format")
    a, w = formats.get(a_format), formats.get(w_format)
    ports = {
        "tiles": In(stream.Signature(tiles)),
        "weights": In(stream.Signature(data.ArrayLayout(w.shape, cols))),
        "acts": In(stream.Signature(data.ArrayLayout(a.shape, rows))),
    }
    if channel["output"] != "raw":
        ports["channels"] = In(stream.Signature(channel_layout(**channel)))
    results = data.ArrayLayout(output_shape(**channel), cols)
    return ports | {"results": Out(stream.Signature(results))}
