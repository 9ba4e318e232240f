"""What the GEMM engines have in common: operands, accumulators and streams."""

from amaranth.hdl import Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from .. import formats
from ..arith.exact import sum_width
from ..arith.requantize import channel_layout
from ..array.skew import Skew
from ..checks import check_choice, check_integer, check_relation
from ..formats.decoder import DecoderBank
from ..formats.integer import Integer
from ..formats.special_detector import SpecialDetector
from ..output.channel import output_shape
from ..output.results import result_layout

__all__ = [
    "accumulator_width",
    "add_border",
    "add_specials",
    "engine_ports",
    "flags_specials",
    "operand_types",
]


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


def engine_ports(
    *,
    rows,
    cols,
    tile_rows,
    tile_cols,
    a_format,
    w_format,
    overflow,
    pipeline,
    specials,
    channel,
    tiles,
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
    check_choice("Special values", specials, ["saturate", "flag"])
    formats.get_integer(channel["out_format"], "Output format")
    a, w = formats.get(a_format), formats.get(w_format)
    ports = {
        "tiles": In(stream.Signature(tiles)),
        "weights": In(stream.Signature(data.ArrayLayout(w.code_shape, cols))),
        "acts": In(stream.Signature(data.ArrayLayout(a.code_shape, rows))),
    }
    if channel["output"] != "raw":
        ports["channels"] = In(stream.Signature(channel_layout(**channel)))
    special = flags_specials(a_format, w_format, specials)
    results = result_layout(output_shape(**channel), cols, special)
    return ports | {"results": Out(stream.Signature(results))}


def flags_specials(a_format, w_format, specials):
    """1 if words of results carry a flag for NaN and infinities among their operands, else 0."""
    fmts = formats.get(a_format), formats.get(w_format)
    return int(specials == "flag" and any(fmt.has_special for fmt in fmts))


def operand_types(a_format, w_format):
    """For the manifest: the types that can be chosen at run time, in the order of their indices."""
    return {
        f"{side}_types": [kind.name for kind in formats.get(name).types]
        for side, name in (("a", a_format), ("w", w_format))
    }


def add_border(m, name, fmt, lanes, word, kind, specials):
    """Skew a word of codes, and decode it where it enters the array; returns the operands.

    Parameters
    ----------
    name : str
        ``"acts"`` or ``"weights"``.
    word : Value
        ``lanes`` times the format's ``lane_width`` bits.
    kind : Value or None
        The word's type, if there are several.
    """
    m.submodules[f"{name}_skew"] = skew = Skew(lanes=lanes, width=fmt.lane_width, backwards=0)
    m.d.comb += skew.i.eq(word)
    if isinstance(fmt, Integer):  # others may have integers for operands, but not for codes
        return skew.o
    bank = DecoderBank(lanes=lanes, format=fmt.name, specials=specials)
    m.submodules[f"{name}_decoders"] = bank
    m.d.comb += bank.i.eq(skew.o)
    if kind is not None:
        m.d.comb += bank.kind.eq(kind)
    return Value.cast(bank.o)


def add_specials(m, name, fmt, lanes, word, kind):
    """Whether a word has a lane that is no number or an infinity."""
    if not fmt.has_special:
        return 0
    m.submodules[f"{name}_specials"] = detector = SpecialDetector(lanes=lanes, format=fmt.name)
    m.d.comb += detector.i.eq(word)
    if kind is not None:
        m.d.comb += detector.kind.eq(kind)
    return detector.o
