"""Weights of language models in ``.safetensors`` files: plain, GPTQ, AWQ, MX and NVFP4.

Linear layers of PyTorch store outputs × inputs, N × K; GPTQ and AWQ store inputs × outputs.
"""

import json

import numpy as np

from ...sim.golden.formats import BlockScaled, BlockSpec, decode_scales
from ...sim.golden.formats.checks import first_index
from .safetensors_file import SUFFIX, Tensor, TensorFile

__all__ = ["is_tensor", "read_tensor", "read_weights"]

#: Position of the columns 0 to 7 of AWQ in a word, as nibbles from the low bits up.
_AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)

#: Types of scales, to formats.
_SCALES = {
    **{"F32": "fp32", "F16": "fp16", "BF16": "bf16"},
    **{"F8_E4M3": "e4m3", "F8_E8M0": "e8m0", "U8": "e8m0"},
}
_SCALE_STORAGE = {"fp32": np.uint32, "fp16": np.uint16, "bf16": np.uint16}

#: Types of elements, to formats; of U8 the shapes of codes and scales decide.
_ELEMENTS = {"F8_E4M3": "e4m3", "F8_E5M2": "e5m2", "F4": "e2m1", "I8": "int8"}
_PLAIN = ("F16", "BF16", "F32", "F64", "I8", "I16", "I32", "I64")
_NAMES = {"e2m1": "mxfp4", "e4m3": "mxfp8_e4m3", "e5m2": "mxfp8_e5m2", "int8": "mxint8"}


def is_tensor(text: str) -> bool:
    """Whether a text names a tensor of a file, ``FILE.safetensors:NAME``."""
    return f"{SUFFIX}:" in text or text.endswith(SUFFIX)


def read_weights(text: str, subject: str = "W") -> np.ndarray | BlockScaled:
    """Weights, K × N, of ``FILE.safetensors:NAME`` or ``FILE.safetensors:NAME:FORMAT``.

    ``NAME`` is a tensor or a module, ``model.layers.0.mlp.up_proj`` for example:

    * ``NAME.qweight``, ``.qzeros``, ``.scales`` and for act-order ``.g_idx``: GPTQ with 4 or 8
      bits, or AWQ with 4, which the shapes tell apart. A zero point of GPTQ is the stored one plus
      1, modulo 2^bits; with ``"checkpoint_format": "gptq_v2"`` in the file
      ``quantize_config.json`` beside, the stored one.
    * ``NAME`` and ``NAME_scale`` (also ``NAME.weight``): codes, outputs × inputs, and E8M0 scales
      (U8 or F8_E8M0) for 32 inputs each. U8 codes are E2M1, two a byte with the even one in the
      low bits, or E4M3, as the number of scales tells; ``FORMAT`` names another MX format with a
      code a byte. With F32, F16 or BF16, scales for any number of inputs.
    * ``NAME``, ``NAME_scale`` and ``NAME_scale_2``: NVFP4, E2M1 with E4M3 scales for 16 inputs each
      and the float32 scale of the tensor (the names of NVIDIA's ModelOpt).
    * ``NAME`` alone: a matrix of floats or integers, outputs × inputs, which is transposed.
      bfloat16 becomes float32.

    Raises
    ------
    UsageError
        If the package ``safetensors`` is missing.
    OSError, TypeError, ValueError
        If the file cannot be read, or tensors are missing or do not belong together.
    """
    matrix = read_tensor(text, subject, weights=True)
    return matrix.T if isinstance(matrix, np.ndarray) else _along(matrix, 0)


def read_tensor(text: str, subject: str, weights: bool = False) -> np.ndarray | BlockScaled:
    """The matrix of :func:`read_weights` as it is stored: of activations M × K.

    GPTQ and AWQ are for ``weights`` only.
    """
    path, name, spec = _parts(text, subject)
    file = TensorFile(path, subject)
    if not name:
        some = ", ".join(_modules(file)[:4])
        raise ValueError(
            f"{subject} must name a tensor, FILE{SUFFIX}:NAME, not {text!r}; the file has {some} …"
        )
    name = name.removesuffix(".qweight")
    if f"{name}.qweight" in file:
        if not weights:
            raise ValueError(f"{subject} must be a plain tensor, MX or NVFP4, not {name!r}")
        return _packed(file, name, subject)
    if name not in file and f"{name}.weight" in file:
        name += ".weight"
    if name not in file:
        raise file.missing(name, _modules(file) + file.names)
    tensor = file[name]
    if tensor.data.ndim != 2 or not tensor.data.size:
        raise ValueError(f"{subject} must be a matrix, not {name!r} of {_shape(tensor)}")
    if f"{name}_scale" in file and tensor.type in ("U8", *_ELEMENTS):
        return _scaled(file, tensor, subject, spec)
    if spec or tensor.type not in _PLAIN:
        raise ValueError(
            f"{subject} must have scales for {tensor.type}: no tensor '{name}_scale' in the file"
        )
    return tensor.numbers


def _parts(text, subject):
    """Path, name and format."""
    if text.endswith(SUFFIX):
        return text, "", None
    path, _, name = text.partition(f"{SUFFIX}:")
    name, _, spec = name.partition(":")
    if not spec:
        return path + SUFFIX, name, None
    spec = BlockSpec.parse(spec)
    if spec.emax is None:
        raise ValueError(
            f"{subject} must be of an MX format with codes in bytes, not {spec.name!r}"
        )
    return path + SUFFIX, name, spec


def _modules(file):
    """Names of matrices as a user writes them."""
    ends = ("_scale", "_scale_2", ".qzeros", ".scales", ".g_idx")
    names = [name for name in file.names if not name.endswith(ends)]
    return sorted({name.removesuffix(".qweight").removesuffix(".weight") for name in names})


def _shape(tensor: Tensor):
    return f"the shape {tensor.data.shape}"


def _along(blocks, axis):
    return blocks if blocks.axis == axis else blocks.transposed()


def _packed(file, name, subject):
    """GPTQ or AWQ, K × N."""
    parts = {}
    for each in ("qweight", "qzeros", "scales"):
        if f"{name}.{each}" not in file:
            raise ValueError(f"{subject} must have {each}: no tensor '{name}.{each}' in the file")
        parts[each] = tensor = file[f"{name}.{each}"]
        types = ("F16", "BF16", "F32") if each == "scales" else ("I32", "U32")
        if tensor.type not in types:
            raise TypeError(
                f"Tensor {tensor.name!r} must be of {' or '.join(types)}, not {tensor.type}"
            )
        if tensor.data.ndim != 2 or not tensor.data.size:
            raise ValueError(f"Tensor {tensor.name!r} must be a matrix, not of {_shape(tensor)}")
    words, zeros = (parts[each].data.view(np.uint32) for each in ("qweight", "qzeros"))
    groups, columns = parts["scales"].data.shape
    if zeros.shape[0] != groups:
        raise ValueError(
            f"{subject} must have as many rows of zero points as of scales ({groups}), "
            f"not {zeros.shape[0]}"
        )
    if words.shape[1] == columns:
        return _gptq(file, name, subject, words, zeros, parts["scales"])
    if words.shape[1] * 8 == columns and zeros.shape[1] == words.shape[1]:
        codes, zeros = (_nibbles(each)[..., np.argsort(_AWQ_ORDER)] for each in (words, zeros))
        codes, zeros = (each.reshape(len(each), columns) for each in (codes, zeros))
        return _grouped(subject, "AWQ", 4, codes, zeros, parts["scales"])
    raise ValueError(
        f"{subject} must be GPTQ (qweight with {columns} columns, as scales) or AWQ (with an "
        f"eighth), not with {words.shape[1]} columns"
    )


def _gptq(file, name, subject, words, zeros, scales):
    groups, columns = scales.data.shape
    bits = zeros.shape[1] * 32 / columns
    if bits not in (4, 8):
        raise ValueError(
            f"{subject} must be GPTQ of 4 or 8 bits, not with {zeros.shape[1]} words of zero "
            f"points for {columns} columns"
        )
    bits = int(bits)
    config = _config(file.path)
    codes = np.moveaxis(_fields(words, bits), -1, 1).reshape(-1, columns)
    zeros = _fields(zeros, bits).reshape(groups, columns)
    if config.get("checkpoint_format") != "gptq_v2":
        # The packer takes 1 from each zero point; of 0, the field wraps.
        zeros = (zeros + 1) % (1 << bits)
    _check_multiple(subject, len(codes), groups)
    order = None
    if f"{name}.g_idx" in file:
        order = _order(file[f"{name}.g_idx"], len(codes), groups)
    elif config.get("desc_act"):
        raise ValueError(
            f"{subject} must have its index of groups: quantize_config.json has desc_act, but no "
            f"tensor '{name}.g_idx' is in the file"
        )
    if order is not None:
        codes = codes[order]
    return _grouped(subject, "GPTQ", bits, codes, zeros, scales, order)


def _grouped(subject, name, bits, codes, zeros, scales, order=None):
    k, groups = len(codes), len(zeros)
    _check_multiple(subject, k, groups)
    scale_format = _SCALES[scales.type]
    return BlockScaled(
        codes=codes,
        format=f"uint{bits}",
        group=k // groups,
        scales=_scale_codes(scales, scale_format),
        scale_format=scale_format,
        zeros=zeros,
        order=order,
        name=name,
    )


def _check_multiple(subject, k, groups):
    if k % groups:
        raise ValueError(
            f"{subject} must have a multiple of its {groups} groups along K, not {k} rows"
        )


def _order(index, k, groups):
    """The order of rows in which groups follow each other; ``None`` if they do."""
    values, size = index.data, k // groups
    if values.dtype.kind not in "iu" or values.shape != (k,):
        raise ValueError(f"Tensor {index.name!r} must be {k} integers, not {_shape(index)}")
    outside = (values < 0) | (values >= groups)
    if outside.any():
        at, where = first_index(outside)
        raise ValueError(
            f"Tensor {index.name!r} must be groups from 0 to {groups - 1}, not {values[at]}{where}"
        )
    counts = np.bincount(values, minlength=groups)
    if (counts != size).any():
        group = int((counts != size).argmax())
        raise ValueError(
            f"Tensor {index.name!r} must have {size} rows of each group, not {counts[group]} of "
            f"group {group}"
        )
    order = np.argsort(values, kind="stable")
    return None if np.array_equal(order, np.arange(k)) else order


def _fields(words, bits):
    """The fields of each word, from the low bits up, as a last axis."""
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    return (words[..., None] >> shifts & np.uint32((1 << bits) - 1)).astype(np.int64)


def _nibbles(words):
    return _fields(words, 4)


def _config(path):
    """GPTQ's configuration beside a file; empty without one."""
    try:
        config = json.loads(path.with_name("quantize_config.json").read_text())
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _scaled(file, tensor, subject, spec):
    """Codes and scales, outputs × inputs."""
    scales = file[f"{tensor.name}_scale"]
    second = f"{tensor.name}_scale_2"
    if scales.type not in _SCALES:
        raise TypeError(
            f"Tensor {scales.name!r} must be of {', '.join(_SCALES)}, not {scales.type}"
        )
    scale_format = _SCALES[scales.type]
    if scale_format == "e4m3" or (scales.type == "U8" and second in file):
        scale_format = "e4m3"
        if second not in file:
            raise ValueError(f"{subject} must have a scale of the tensor: no tensor {second!r}")
    if scales.data.size == 1 or scales.data.ndim == 1:
        scales = _rows(scales, tensor)
    if scales.data.ndim != 2 or len(scales.data) != len(tensor.data) or not scales.data.size:
        raise ValueError(
            f"Tensor {scales.name!r} must have {len(tensor.data)} rows of scales, not "
            f"{_shape(scales)}"
        )
    element, codes = _elements(tensor, scales, scale_format, subject, spec)
    group = {"e8m0": 32, "e4m3": 16}.get(scale_format, codes.shape[1] // scales.data.shape[1])
    if scales.data.shape[1] * group != codes.shape[1]:
        raise ValueError(
            f"Tensor {scales.name!r} must have a scale for each {group} of {codes.shape[1]} "
            f"inputs, not {_shape(scales)}"
        )
    return BlockScaled(
        codes=codes,
        format=element,
        group=group,
        axis=1,
        scales=_scale_codes(scales, scale_format),
        scale_format=scale_format,
        tensor_scale=_tensor_scale(file[second]) if scale_format == "e4m3" else 1.0,
        fraction_bits=6 if element == "int8" and scale_format == "e8m0" else 0,
        name=_name(element, scale_format, spec),
    )


def _rows(scales, tensor):
    """A scale for the tensor, or one for each output, as a column."""
    rows = len(tensor.data)
    if scales.data.size not in (1, rows):
        raise ValueError(
            f"Tensor {scales.name!r} must have 1 or {rows} scales, not {_shape(scales)}"
        )
    return scales._replace(data=np.broadcast_to(scales.data.reshape(-1, 1), (rows, 1)).copy())


def _elements(tensor, scales, scale_format, subject, spec):
    """Format and codes, one an element."""
    size = {"e8m0": 32, "e4m3": 16}.get(scale_format)
    inputs = tensor.data.shape[1]
    if spec:
        return spec.format, tensor.data.view(np.int8) if spec.format == "int8" else tensor.data
    packed = tensor.type == "F4"
    if tensor.type == "U8":
        if size is None:
            raise ValueError(
                f"{subject} must have scales of U8, F8_E8M0 or F8_E4M3 for codes of U8, "
                f"not {scales.type}"
            )
        packed = 2 * inputs == scales.data.shape[1] * size
    if packed or scale_format == "e4m3":
        if not packed:
            raise ValueError(
                f"Tensor {scales.name!r} must have a scale for each 16 of {2 * inputs} inputs, not "
                f"{_shape(scales)}"
            )
        codes = np.stack([tensor.data & 15, tensor.data >> 4], axis=-1)
        return "e2m1", codes.reshape(len(codes), -1)
    return _ELEMENTS.get(tensor.type, "e4m3"), tensor.data


def _name(element, scale_format, spec):
    if scale_format == "e8m0":
        return spec.name if spec else _NAMES[element]
    return "nvfp4" if scale_format == "e4m3" else ""


def _tensor_scale(tensor):
    if tensor.type not in ("F32", "F16", "BF16") or tensor.data.size != 1:
        raise ValueError(
            f"Tensor {tensor.name!r} must be a single float, not {tensor.type} of {_shape(tensor)}"
        )
    return float(tensor.numbers.reshape(-1)[0])


def _scale_codes(scales, scale_format):
    """Codes of scales, which must be numbers."""
    codes = np.ascontiguousarray(scales.data)
    codes = codes.view(_SCALE_STORAGE.get(scale_format, np.uint8))
    values = decode_scales(codes, scale_format)
    wrong = ~np.isfinite(values)
    if wrong.any():
        index, where = first_index(wrong)
        raise ValueError(f"Tensor {scales.name!r} must be finite, not {values[index]}{where}")
    return codes
