"""From real numbers to codes with a scale for each block: MX, NVFP4 and integers."""

import difflib
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .block_scaled import BlockScaled
from .catalogue import get
from .checks import as_numpy, check_integer, first_index
from .quantizer import encode, errors_of
from .scale import METHODS
from .scale_codes import decode_scales, encode_scales

__all__ = [
    "BLOCK_SPECS",
    "BlockSpec",
    "block_errors",
    "block_names",
    "is_block_spec",
    "quantize_blocks",
]

#: MX formats: elements, and the exponent of the largest power of two among them.
_MX = {
    "mxfp8_e4m3": ("e4m3", 8),
    "mxfp8_e5m2": ("e5m2", 15),
    "mxfp6_e2m3": ("e2m3", 2),
    "mxfp6_e3m2": ("e3m2", 4),
    "mxfp4": ("e2m1", 2),
    "mxint8": ("int8", 0),
}
_SYNONYMS = {"mxfp8": "mxfp8_e4m3", "mxfp4_e2m1": "mxfp4"}
_INTEGERS = r"w(4|8)a16(z?):g?(\d+|k)(?::(fp16|bf16))?"

#: Names, and grammars of names.
BLOCK_SPECS = (*_MX, "nvfp4", "w4a16:g<G>", "w4a16z:g<G>", "w8a16:g<G>", "w8a16z:g<G>")
_GROUPS = (16, 32, 64, 128, 256)

_MX_FRACTION_BITS = 6
_PERCENT = (100, *range(75, 100), *range(101, 150))

#: The largest magnitudes of E2M1 and E4M3, and the least normal number of E4M3.
_FP4_HIGHEST, _FP8_HIGHEST, _FP8_LEAST = 6.0, 448.0, 2.0**-6
_FLOAT32 = np.finfo(np.float32)


@dataclass(frozen=True, kw_only=True)
class BlockSpec:
    """A way to quantize blocks.

    Attributes
    ----------
    name : str
    format : str
        Of the elements.
    group : int or None
        Elements of a block; ``None`` for all of K.
    scale_format : str
    zeros : bool
        Whether blocks have zero points.
    emax : int or None
        Of MX formats, the exponent of the elements' largest power of two.
    """

    name: str
    format: str
    group: int | None
    scale_format: str
    zeros: bool = False
    emax: int | None = None

    @classmethod
    def parse(cls, name: str) -> "BlockSpec":
        """The specification called ``name``; ``ValueError`` if there is none."""
        if not isinstance(name, str):
            raise _unknown(name)
        text = _SYNONYMS.get(name, name)
        if text in _MX:
            element, emax = _MX[text]
            return cls(name=text, format=element, group=32, scale_format="e8m0", emax=emax)
        if text == "nvfp4":
            return cls(name=text, format="e2m1", group=16, scale_format="e4m3")
        matched = re.fullmatch(_INTEGERS, text)
        if not matched:
            raise _unknown(name)
        bits, zero, group, scale_format = matched.groups()
        if group != "k" and int(group) not in _GROUPS:
            raise ValueError(
                f"Group must be one of {', '.join(map(str, _GROUPS))} or k, not {group} ({name})"
            )
        return cls(
            name=f"w{bits}a16{zero}:{'k' if group == 'k' else f'g{group}'}"
            + (":bf16" if scale_format == "bf16" else ""),
            format=f"{'u' if zero else ''}int{bits}",
            group=None if group == "k" else int(group),
            scale_format=scale_format or "fp16",
            zeros=bool(zero),
        )


def block_names() -> list[str]:
    """The names of all formats, but those with bf16 scales."""
    names = [*_MX, "nvfp4"]
    for integers in ("w4a16", "w4a16z", "w8a16", "w8a16z"):
        names += [f"{integers}:g{group}" for group in _GROUPS] + [f"{integers}:k"]
    return names


def is_block_spec(name: str) -> bool:
    """Whether a name is one of a block format: whether its beginning is."""
    return isinstance(name, str) and bool(re.match(r"(mx(fp|int)|nvfp|w\d+a16)", name))


def _unknown(name):
    close = isinstance(name, str) and difflib.get_close_matches(name.lower(), BLOCK_SPECS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"one of {', '.join(BLOCK_SPECS)}"
    return ValueError(f"Format must be a format of blocks, not {name!r}; {hint}")


def quantize_blocks(x: ArrayLike, spec: str, axis: int = 0, method: str = "mse") -> BlockScaled:
    """A matrix in a format of blocks along ``axis``.

    ``mxfp8`` (also ``mxfp8_e4m3``), ``mxfp8_e5m2``, ``mxfp6_e2m3``, ``mxfp6_e3m2``, ``mxfp4`` and
    ``mxint8``: blocks of 32 with the scale X = 2^(floor(log2 of the largest magnitude) - emax);
    elements are x / X, to nearest with ties to even, saturated (OCP Microscaling Formats v1.0, 6.3,
    which leaves these to the implementation: the exponent of X is limited to -127 .. 127, and a
    block of zeros has -127).

    ``nvfp4``: blocks of 16 with an E4M3 scale, and a float32 scale of the tensor, which is its
    largest magnitude / (448 * 6). A block's scale is the largest magnitude / 6 / tensor scale,
    limited to 2^-6 .. 448, to nearest; elements are x / (block scale * tensor scale).

    ``w4a16:g<G>``, ``w8a16:g<G>``: blocks of G (16 to 256, or ``k`` for all of K) of int4 or int8
    with fp16 scales, or with ``:bf16`` behind the name bf16 ones. With ``z``, ``w4a16z:g128``, they
    are uint4 or uint8 with zero points. The method ``"max"`` takes the scale
    2 * largest / (2^bits - 1), with zero points (highest - lowest) / (2^bits - 1), as GPTQ's
    round-to-nearest does; ``"mse"`` tries 75 .. 149 % of it, and takes the least squared error of
    the block. Scales are rounded first. A block of zeros has the scale 1.

    Parameters
    ----------
    x : matrix of finite real numbers
        Its length along ``axis`` is a multiple of the group.
    spec : str
    axis : int
        0 for weights, K × N; 1 for activations, M × K.
    method : str
        Without meaning for MX and NVFP4.

    Raises
    ------
    TypeError, ValueError
        If there is no such format, ``x`` is no matrix of finite numbers, or K is not a multiple.
    """
    parsed = BlockSpec.parse(spec)
    if method not in METHODS:
        raise ValueError(f'Method must be "mse" or "max", not {method!r}')
    x = _checked(x)
    if check_integer(axis, "Axis") not in (0, 1, -1, -2):
        raise ValueError(f"Axis must be 0 or 1 for blocks, not {axis}")
    axis %= 2
    k = x.shape[axis]
    group = parsed.group or k
    if k % group:
        raise ValueError(
            f"X must have a multiple of {group} numbers along axis {axis} for {parsed.name}, "
            f"not {k}: pad it with zeros"
        )
    rows = x if axis == 0 else x.T
    blocks = rows.reshape(k // group, group, -1)
    if parsed.emax is not None:
        attributes = _mx(blocks, parsed)
    elif parsed.name == "nvfp4":
        attributes = _nvfp4(blocks)
    else:
        attributes = _integers(blocks, parsed, method)
    attributes["codes"] = attributes["codes"].reshape(rows.shape)
    result = BlockScaled(
        format=parsed.format,
        group=group,
        scale_format=parsed.scale_format,
        name=parsed.name,
        **attributes,
    )
    return result if axis == 0 else result.transposed()


def block_errors(x: ArrayLike, blocks: BlockScaled) -> tuple[float, float]:
    """The mean squared difference of ``x`` and the values of ``blocks``, and its ratio to the mean
    square of ``x``; as of :func:`.errors`."""
    x = _checked(x)
    exponent = int(np.frexp(np.abs(x).max())[1])
    return errors_of(x, np.ldexp(blocks.values, -exponent), exponent)


def _checked(x):
    x = as_numpy(x)
    if x.dtype.kind not in "fiu":
        raise TypeError(f"X must be real numbers, not {x.dtype}")
    if x.ndim != 2 or not x.size:
        raise ValueError(f"X must be a matrix for blocks, not of the shape {x.shape}")
    with np.errstate(over="ignore"):  # of a wider type
        x = x.astype(np.float64)
    wrong = ~np.isfinite(x)
    if wrong.any():
        index, where = first_index(wrong)
        raise ValueError(f"X must be finite, not {x[index]}{where}")
    return x


def _mx(blocks, spec):
    largest = np.abs(blocks).max(axis=1)
    # frexp's significand is 0.5 to 1, its exponent that of the next power of two: exact, unlike a
    # logarithm just below a power of two.
    exponent = np.where(largest > 0, np.frexp(largest)[1] - 1 - spec.emax, -127)
    exponent = exponent.clip(-127, 127)
    fraction = _MX_FRACTION_BITS if spec.format == "int8" else 0
    scaled = np.ldexp(blocks, fraction - exponent[:, None])
    return {
        "codes": encode(scaled, 1, spec.format),
        "scales": exponent + 127,
        "fraction_bits": fraction,
    }


def _nvfp4(blocks):
    largest = np.abs(blocks).max(axis=1)
    tensor = largest.max() / (_FP8_HIGHEST * _FP4_HIGHEST)
    tensor = float(np.float32(tensor.clip(_FLOAT32.tiny, _FLOAT32.max))) if tensor else 1.0
    scales = encode_scales((largest / _FP4_HIGHEST / tensor).clip(_FP8_LEAST, _FP8_HIGHEST), "e4m3")
    divisors = decode_scales(scales, "e4m3").astype(np.float64) * tensor
    return {
        "codes": encode(blocks, divisors[:, None], "e2m1"),
        "scales": scales,
        "tensor_scale": tensor,
    }


def _integers(blocks, spec, method):
    """Codes, scales and zero points of the least error."""
    fmt, steps = get(spec.format), (1 << get(spec.format).bits) - 1
    if spec.zeros:
        lowest = np.minimum(blocks.min(axis=1), 0)
        widest = np.maximum(blocks.max(axis=1), 0) - lowest
    else:
        lowest, widest = None, 2 * np.abs(blocks).max(axis=1)
    best, least = None, None
    for percent in _PERCENT if method == "mse" else _PERCENT[:1]:
        # At least the smallest subnormal.
        scales = np.maximum(encode_scales(widest / steps * percent / 100, spec.scale_format), 1)
        scales = np.where(widest > 0, scales, encode_scales(1.0, spec.scale_format))
        values = decode_scales(scales, spec.scale_format).astype(np.float64)
        zeros = np.zeros_like(values)
        if spec.zeros:
            zeros = np.rint(-lowest / values).clip(0, steps)
        codes = (np.rint(blocks / values[:, None]) + zeros[:, None]).clip(fmt.lowest, fmt.highest)
        differences = (codes - zeros[:, None]) * values[:, None] - blocks
        with np.errstate(over="ignore"):
            errors = np.square(differences).sum(axis=1)
        candidate = {"codes": codes, "scales": scales, "zeros": zeros}
        if best is None:
            best, least = candidate, errors
            continue
        better = errors < least
        least = np.where(better, errors, least)
        best["codes"] = np.where(better[:, None], codes, best["codes"])
        for name in ("scales", "zeros"):
            best[name] = np.where(better, candidate[name], best[name])
    best = {name: array.astype(np.int64) for name, array in best.items()}
    return best if spec.zeros else best | {"zeros": None}
