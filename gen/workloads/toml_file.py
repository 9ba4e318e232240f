"""Workloads in TOML: layers as products of matrices, or as convolutions."""

import math

from ..lib.messages import closest
from .convolution import Convolution
from .sparsity import Sparsity
from .workload import LARGEST, Layer, Workload

__all__ = ["from_dict"]

_WIDEST = 64

_KEYS = ("title", "source", "note", "layers")
_PRODUCT = ("m", "k", "n")
_NEEDED = ("height", "width", "channels", "filters", "kernel")
_OPTIONAL = ("stride", "dilation", "padding", "groups", "batch")
_SPARSITY = ("weights", "pattern", "blocks")
_ANY = ("name", "count", "weights", "acts", "pattern", "blocks", "dynamic", "a_bits", "w_bits")


def from_dict(name: str, content: dict, source: str) -> Workload:
    """The workload with the content of a file; messages call it after ``source``.

    Raises
    ------
    ValueError
        If something is wrong with the content.
    """
    label = f"Workload {source}"
    _check_keys(label, content, _KEYS)
    texts = {key: content.get(key, "") for key in ("title", "source", "note")}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise ValueError(f"{label}: {key} must be a text, not {text!r}")
    layers = content.get("layers")
    if not isinstance(layers, list) or not layers:
        raise ValueError(f"{label} must have [[layers]], one at least")
    return Workload(
        name=name,
        title=texts["title"].strip() or name,
        source=texts["source"].strip(),
        note=texts["note"].strip(),
        layers=tuple(
            _layer(f"{label}, layer {number}", layer) for number, layer in enumerate(layers, 1)
        ),
    )


def _layer(label, table):
    if not isinstance(table, dict):
        raise ValueError(f"{label} must be a table with name, m, k and n, not {table!r}")
    _check_keys(label, table, (*_ANY, *_PRODUCT, *_NEEDED, *_OPTIONAL))
    if not isinstance(table.get("name"), str):
        raise ValueError(f"{label} must have a name")
    count = _integer(label, "count", table.get("count", 1))
    is_convolution = not table.keys().isdisjoint((*_NEEDED, *_OPTIONAL))
    if is_convolution and not table.keys().isdisjoint(_PRODUCT):
        raise ValueError(
            f"{label} must have m, k and n, or the shape of a convolution ({', '.join(_NEEDED)}), "
            f"not both"
        )
    if is_convolution:
        convolution = _convolution(label, table)
        m, k, n = convolution.shape
        count *= convolution.groups
    else:
        m, k, n = (_factors(label, key, table.get(key)) for key in _PRODUCT)
    return Layer(name=table["name"], count=count, m=m, k=k, n=n, **_properties(label, table))


def _properties(label, table):
    """Sparsity and widths."""
    try:
        values = Sparsity.checked(*(table.get(key) for key in _SPARSITY))._asdict()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{label}: {error}") from None
    acts = table.get("acts", 1.0)
    if type(acts) not in (int, float) or not 0 < acts <= 1:
        raise ValueError(f"{label}: acts must be a share, over 0 to 1, not {acts!r}")
    dynamic = table.get("dynamic", False)
    if type(dynamic) is not bool:
        raise ValueError(f"{label}: dynamic must be true or false, not {dynamic!r}")
    if dynamic and not table.keys().isdisjoint(_SPARSITY):
        raise ValueError(f"{label}: {', '.join(_SPARSITY)} must not go with dynamic")
    values |= {"acts": float(acts), "dynamic": dynamic}
    for key in ("a_bits", "w_bits"):
        value = table.get(key)
        if value is not None and (type(value) is not int or not 1 <= value <= _WIDEST):
            raise ValueError(
                f"{label}: {key} must be an integer from 1 to {_WIDEST}, not {value!r}"
            )
        values[key] = value
    return values


def _convolution(label, table):
    values = {}
    for key in ("height", "width", "channels", "filters"):
        values[key] = _integer(label, key, table.get(key))
    for key in ("groups", "batch"):
        values[key] = _integer(label, key, table.get(key, 1))
    for key in ("kernel", "stride", "dilation"):
        values[key] = _pair(label, key, table.get(key, None if key == "kernel" else 1))
    values["padding"] = _padding(label, table.get("padding", 0))
    try:
        return Convolution(**values)
    except ValueError as error:
        raise ValueError(f"{label}: {error}") from None


def _integer(label, key, value):
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise ValueError(f"{label}: {key} must be an integer from 1 to {LARGEST}, not {value!r}")
    return value


def _factors(label, key, value):
    """An integer, or the product of a list."""
    factors = value if isinstance(value, list) else [value]
    integers = all(type(factor) is int and factor >= 1 for factor in factors)
    if not integers or not factors or math.prod(factors) > LARGEST:
        raise ValueError(
            f"{label}: {key} must be an integer from 1 to {LARGEST}, or factors of one, "
            f"not {value!r}"
        )
    return math.prod(factors)


def _pair(label, key, value):
    """A number for rows and one for columns; one number stands for both."""
    pair = _numbers(value, (1, 2), 1)
    if pair is None:
        raise ValueError(
            f"{label}: {key} must be an integer from 1 to {LARGEST}, or two, [rows, columns], "
            f"not {value!r}"
        )
    return (pair * 2)[:2]


def _padding(label, value):
    """Zeros at the top, the left, the bottom and the right."""
    if value in ("same", "valid"):
        return "same" if value == "same" else (0, 0, 0, 0)
    sides = _numbers(value, (1, 2, 4), 0)
    if sides is None:
        raise ValueError(
            f"{label}: padding must be an integer from 0 to {LARGEST}, [rows, columns], "
            f'[top, left, bottom, right], "same" or "valid", not {value!r}'
        )
    return (sides * 4)[:4]


def _numbers(value, lengths, lowest):
    """A list of one of these lengths, or one number, as a tuple; ``None`` for anything else."""
    numbers = value if isinstance(value, list) else [value]
    integers = all(type(number) is int and lowest <= number <= LARGEST for number in numbers)
    return tuple(numbers) if integers and len(numbers) in lengths else None


def _check_keys(label, table, keys):
    for key in table:
        if key not in keys:
            raise ValueError(
                f"{label}: key must be one of {', '.join(keys)}, not {key!r}{closest(key, keys)}"
            )
