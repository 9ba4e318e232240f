"""Parameters, ports and figures that all GEMM engines share."""

from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.exact import sum_width
from ..arith.requantize import channel_layout, output_latency
from ..checks import check_choice, check_integer, check_relation
from ..engine import lane_width
from ..output.output_channel import output_shape
from ..output.output_stage import result_layout

__all__ = [
    "NAN_INF",
    "OUTPUTS",
    "OVERFLOWS",
    "accumulator_width",
    "flags_specials",
    "gemm_ports",
    "gemm_timing",
    "number_widths",
    "operand_types",
]

#: Choices of the parameters of these names.
OVERFLOWS = ("wrap", "saturate")
OUTPUTS = ("raw", "bias", "scale", "shift", "threshold")
NAN_INF = ("saturate", "flag")


def accumulator_width(*, a_format, w_format, max_k, acc_width, overflow):
    """The width asked for, or with 0 the one that is exact for ``max_k`` products.

    An accumulator that saturates may be narrower than a product, one that wraps not.

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
        width = sum_width(a, w, max_k)
        check_relation(
            width <= 64,
            f"Accumulators that are exact for {max_k} products of {a_format} and {w_format} take "
            f"{width} bits, more than 64 (a product takes {sum_width(a, w, 1)}): give a smaller "
            f"max_k, or acc_width and overflow=saturate",
        )
        return width
    product = sum_width(a, w, 1)
    check_relation(
        acc_width >= product or overflow == "saturate",
        f"Accumulator width {acc_width} is less than the {product} bits of a product of "
        f"{a_format} and {w_format}",
    )
    return acc_width


def gemm_ports(
    *,
    rows,
    cols,
    tile_rows,
    tile_cols,
    overflow,
    pipeline,
    acc_width,
    output,
    out_format,
    tiles,
    act,
    weight,
    lanes=None,
    index_width=0,
    special=0,
):
    """Check the parameters that every GEMM engine takes, and return its ports.

    Parameters
    ----------
    acc_width, output, out_format
        Those of :class:`OutputChannel`; ``output`` may be ``"raw"`` too.
    tiles : data.Layout
        Payload of the stream ``tiles``.
    act, weight : Shape
        A lane of the streams ``acts`` and ``weights``.
    lanes : int or None
        Lanes of ``acts``; ``None`` for one for each row.
    index_width : int
        Bits of an index beside each weight, or 0 for none.
    special : int
        1 for words of results with a flag for NaN and infinities.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """
    check_integer("Row count", rows, 1, 1024)
    check_integer("Column count", cols, 1, 1024)
    check_integer("Tile row count", tile_rows, 1)
    check_integer("Tile column count", tile_cols, 1)
    check_choice("Overflow", overflow, OVERFLOWS)
    check_integer("Pipeline register count", pipeline, 0, 2)
    check_choice("Output", output, OUTPUTS)
    formats.get_integer(out_format, "Output format")
    channel = {"acc_width": acc_width, "output": output, "out_format": out_format}
    weights = data.ArrayLayout(weight, cols)
    if index_width:
        indices = data.ArrayLayout(index_width, cols)
        weights = data.StructLayout({"lane": weights, "index": indices})
    ports = {
        "tiles": In(stream.Signature(tiles)),
        "weights": In(stream.Signature(weights)),
        "acts": In(stream.Signature(data.ArrayLayout(act, rows if lanes is None else lanes))),
    }
    if output != "raw":
        ports["channels"] = In(stream.Signature(channel_layout(**channel)))
    results = result_layout(output_shape(**channel), cols, special)
    return ports | {"results": Out(stream.Signature(results))}


def number_widths(ports, acc_width):
    """:attr:`Engine.widths`, from the ports of a GEMM engine."""
    streams = {"act": "acts", "weight": "weights", "result": "results"}
    widths = {
        name: lane_width(ports[stream].signature.members["payload"].shape)
        for name, stream in streams.items()
    }
    return widths | {"acc": acc_width}


def gemm_timing(*, cols, output, pairs=False, lead_in=0, pair_wait=0):
    """Entries of ``timing`` that bounds and formulas of cycles take, the same for all engines.

    ``output_latency``
        Cycles from a sum to its result.
    ``run_interval``
        Least cycles from one accumulation group with values of channels to the next: the chain of
        channels takes ``cols`` cycles to be replaced, and the values in use are needed until the
        last of ``output_latency`` stages has taken its share.
    ``first_launch``
        Cycles until the values of the first group are there.
    ``lead_in``
        Cycles until the first weights can be loaded.
    ``pair_wait``
        Cycles that the first operands wait for the second word of their pair.
    ``cycle_slack``
        What a worst-case cycle count adds for registers between the stages.
    """
    latency = output_latency(output)
    interval = cols + latency - 1 if latency else 1
    return {
        "output_latency": latency,
        "run_interval": interval,
        "first_launch": cols + 2 if interval > 1 else 0,
        "lead_in": lead_in,
        "pair_wait": pair_wait,
        "cycle_slack": 16 + 2 * pairs,
    }


def flags_specials(a_format, w_format, nan_inf):
    """1 if words of results carry a flag for NaN and infinities among their operands, else 0.

    Raises
    ------
    TypeError, ValueError
        If ``nan_inf`` is none of its choices.
    """
    check_choice("NaN and Inf handling", nan_inf, NAN_INF)
    fmts = formats.get(a_format), formats.get(w_format)
    return int(nan_inf == "flag" and any(fmt.has_special for fmt in fmts))


def operand_types(a_format, w_format):
    """For the manifest: the types that can be chosen at run time, in the order of their indices."""
    return {
        f"{side}_types": [type_.name for type_ in formats.get(name).types]
        for side, name in (("a", a_format), ("w", w_format))
    }
