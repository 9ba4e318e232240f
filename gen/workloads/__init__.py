"""Workloads: networks as lists of products of matrices, from TOML files beside this one.

A file has ``title``, ``source``, optionally ``note``, and a list ``layers``. A layer is ``count``
products (default: 1) of M × K and K × N matrices, each of ``m``, ``k`` and ``n`` an integer or
a list of integers to be multiplied: for a convolution M is rows · columns of the output, K is rows
· columns of the kernel · input channels. ``weights`` and ``acts`` (default: 1) are the shares of
weights and of activations that are not zero, for engines that skip zeros. ``a_bits`` and ``w_bits``
are the widths of activations and weights, where the network's source gives them.
"""

import math
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ..lib.messages import closest

__all__ = ["Layer", "Workload", "from_dict", "load", "names"]

_LARGEST = 1 << 24
_WIDEST = 64


@dataclass(frozen=True, kw_only=True)
class Layer:
    """``count`` products of M × K and K × N matrices.

    ``weights`` and ``acts`` are the shares of those that are not zero, ``a_bits`` and ``w_bits``
    the widths of both, if they are known.
    """

    name: str
    count: int
    m: int
    k: int
    n: int
    weights: float = 1.0
    acts: float = 1.0
    a_bits: int | None = None
    w_bits: int | None = None

    @property
    def macs(self) -> int:
        """Multiply-adds of one product whose factors are not zero, as expected of the shares."""
        return max(1, round(self.m * self.k * self.n * self.weights * self.acts))

    def as_dict(self) -> dict:
        """The fields that are known."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A network."""

    name: str
    title: str
    source: str
    note: str
    layers: tuple[Layer, ...]

    @property
    def macs(self) -> int:
        return sum(layer.count * layer.macs for layer in self.layers)


def names() -> list[str]:
    """The workloads that come with the program."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))


def load(name: str, folder: Path = Path()) -> Workload:
    """The workload of that name, or in that file.

    Parameters
    ----------
    name : str
        One of :func:`names`, or a path that ends in ``.toml``.
    folder : Path
        The folder that a path is relative to.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If there is no such workload, or something is wrong with the file.
    """
    if name.endswith(".toml"):
        path = Path(folder, name)
    elif name in names():
        path = Path(__file__).with_name(f"{name}.toml")
    else:
        hint = closest(name, names())
        raise ValueError(
            f"Workload must be one of {', '.join(names())}, or a file .toml, not {name!r}{hint}"
        )
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise OSError(f"Workload cannot be read: {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"Workload {path} must be a text in UTF-8") from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"Workload {path} must be TOML: {error}") from None
    return from_dict(path.stem, content, str(path))


def from_dict(name: str, content: dict, source: str) -> Workload:
    """The workload with the content of a file; messages call it after ``source``.

    Raises
    ------
    ValueError
        If something is wrong with the content.
    """
    label = f"Workload {source}"
    for key in ("title", "source"):
        if not isinstance(content.get(key), str) or not content[key].strip():
            raise ValueError(f"{label} must have a text {key!r}")
    _check_keys(label, content, ("title", "source", "note", "layers"))
    layers = content.get("layers")
    if not isinstance(layers, list) or not layers:
        raise ValueError(f"{label} must have [[layers]], one at least")
    return Workload(
        name=name,
        title=content["title"],
        source=content["source"].strip(),
        note=str(content.get("note", "")).strip(),
        layers=tuple(
            _layer(f"{label}, layer {number}", layer) for number, layer in enumerate(layers, 1)
        ),
    )


def _layer(label, table):
    if not isinstance(table, dict):
        raise ValueError(f"{label} must be a table with name, m, k and n, not {table!r}")
    _check_keys(label, table, [field.name for field in fields(Layer)])
    if not isinstance(table.get("name"), str):
        raise ValueError(f"{label} must have a name")
    values = {"name": table["name"]}
    for key in ("m", "k", "n", "count"):
        value = table.get(key, 1 if key == "count" else None)
        factors = value if isinstance(value, list) and key != "count" else [value]
        integers = all(type(factor) is int and factor >= 1 for factor in factors)
        if not integers or not factors or math.prod(factors) > _LARGEST:
            raise ValueError(
                f"{label}: {key} must be an integer from 1 to {_LARGEST}, or factors of one, "
                f"not {value!r}"
            )
        values[key] = math.prod(factors)
    for key in ("weights", "acts"):
        value = table.get(key, 1.0)
        if type(value) not in (int, float) or not 0 < value <= 1:
            raise ValueError(f"{label}: {key} must be a share, over 0 to 1, not {value!r}")
        values[key] = float(value)
    for key in ("a_bits", "w_bits"):
        value = table.get(key)
        if value is not None and (type(value) is not int or not 1 <= value <= _WIDEST):
            raise ValueError(
                f"{label}: {key} must be an integer from 1 to {_WIDEST}, not {value!r}"
            )
        values[key] = value
    return Layer(**values)


def _check_keys(label, table, keys):
    for key in table:
        if key not in keys:
            raise ValueError(f"{label}: key must be one of {', '.join(keys)}, not {key!r}")
