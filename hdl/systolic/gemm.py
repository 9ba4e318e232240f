"""Parameters, ports and figures that all GEMM engines share."""

from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.exact import WIDEST_SUM, sum_width
from ..arith.requantize import CHANNEL_OUTPUTS, channel_layout, check_rounding, widest_sum
from ..checks import check_choice, check_integer, check_relation
from ..engine import lane_width
from ..float.layout import FLOATS
from ..output.output_channel import output_latency, output_shape
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
    "sum_unit",
]

#: Choices of the parameters of these names.
OVERFLOWS = ("wrap", "saturate")
OUTPUTS = ("raw", *CHANNEL_OUTPUTS, *FLOATS)
NAN_INF = ("saturate", "flag")


def accumulator_width(*, a_format, w_format, max_k, acc_width, overflow, output="raw"):
    """The width asked for, or with 0 the one that is exact for ``max_k`` products.

    An accumulator that saturates may be narrower than a product, one that wraps not. It has at
    most 64 bits; 103 if ``output`` is ``"scale"``, and 128 if it is a float.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not of its kind or out of range.
    """
    a = formats.get(a_format, "Activation format")
    w = formats.get(w_format, "Weight format")
    check_integer("Largest K", max_k, 1, 1 << 24)
    widest = WIDEST_SUM if output in FLOATS else widest_sum(output)
    check_integer("Accumulator width", acc_width, 0, widest)
    product = sum_width(a, w, 1)
    check_relation(
        product <= WIDEST_SUM,
        f"A product of {a_format} and {w_format} takes {product} bits in exact arithmetic, more "
        f"than {WIDEST_SUM}: use arith=fp32 with small floats on both sides, where an engine has "
        "it",
    )
    if acc_width == 0:
        width = sum_width(a, w, max_k)
        remedy = "a smaller max_k, or acc_width and overflow=saturate"
        if widest < width <= WIDEST_SUM:
            scale = "scale, " if width <= widest_sum("scale") else ""
            remedy = f"output={scale}fp32, bf16 or fp16, {remedy}"
        check_relation(
            width <= widest,
            f"Accumulators that are exact for {max_k} products of {a_format} and {w_format} take "
            f"{width} bits, more than {widest} (a product takes {product}): give {remedy}",
        )
        return width
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
    rounding,
    tiles,
    act,
    weight,
    lanes=None,
    index_width=0,
    special=0,
    float_sums=0,
):
    """Check the parameters that every GEMM engine takes, and return its ports.

    Parameters
    ----------
    acc_width, output, out_format, rounding
        Those of :class:`OutputStage`.
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
    float_sums : int
        1 for sums in binary32.

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
    check_rounding(rounding, output)
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
    if output in CHANNEL_OUTPUTS:
        ports["channels"] = In(stream.Signature(channel_layout(**channel)))
    results = result_layout(output_shape(**channel, float_sums=float_sums), cols, special)
    return ports | {"results": Out(stream.Signature(results))}


def number_widths(ports, acc_width):
    """:attr:`Engine.widths`, from the ports of a GEMM engine."""
    streams = {"act": "acts", "weight": "weights", "result": "results"}
    widths = {
        name: lane_width(ports[stream].signature.members["payload"].shape)
        for name, stream in streams.items()
    }
    return widths | {"acc": acc_width}


def gemm_timing(*, cols, output, float_sums=0, pairs=False, lead_in=0, pair_wait=0):
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
    latency = output_latency(output, float_sums)
    interval = cols + latency - 1 if output in CHANNEL_OUTPUTS else 1
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


def sum_unit(a_format, w_format):
    """Exponent of the power of two that exact sums of products count in."""
    return formats.get(a_format).unit + formats.get(w_format).unit


def operand_types(a_format, w_format):
    """For the manifest: the types that can be chosen at run time, in the order of their indices."""
    return {
        f"{side}_types": [type_.name for type_ in formats.get(name).types]
        for side, name in (("a", a_format), ("w", w_format))
    }
