"""Workloads: networks as lists of products of matrices, from TOML files beside this one.

A file has ``title``, ``source``, optionally ``note``, and a list ``layers``. A layer is ``count``
products (default: 1) of M × K and K × N matrices, each of ``m``, ``k`` and ``n`` an integer or
a list of integers to be multiplied: for a convolution M is rows · columns of the output, K is rows
· columns of the kernel · input channels. ``weights`` and ``acts`` (default: 1) are the shares of
weights and of activations that are not zero, for engines that skip zeros.
"""

import difflib
import math
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Layer", "Workload", "load", "names"]

_LARGEST = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Layer:
    """``count`` products of M × K and K × N matrices; shares are of what is not zero."""

    name: str
    count: int
    m: int
    k: int
    n: int
    weights: float
    acts: float

    @property
    def macs(self) -> int:
        """Multiply-adds of one product whose factors are not zero, as expected of the shares."""
        return max(1, round(self.m * self.k * self.n * self.weights * self.acts))

    def as_dict(self) -> dict:
        return asdict(self)


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
        What a path is relative to.

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
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
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
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"Workload {path} must be TOML: {error}") from None
    return _workload(path, found)


def _workload(path, found):
    for key in ("title", "source"):
        if not isinstance(found.get(key), str) or not found[key].strip():
            raise ValueError(f"Workload {path} must have a text {key!r}")
    _check_keys(f"Workload {path}", found, ("title", "source", "note", "layers"))
    layers = found.get("layers")
    if not isinstance(layers, list) or not layers:
        raise ValueError(f"Workload {path} must have [[layers]], one at least")
    return Workload(
        name=path.stem,
        title=found["title"],
        source=found["source"].strip(),
        note=str(found.get("note", "")).strip(),
        layers=tuple(
            _layer(f"Workload {path}, layer {number}", layer)
            for number, layer in enumerate(layers, 1)
        ),
    )


def _layer(place, given):
    if not isinstance(given, dict):
        raise ValueError(f"{place} must be a table with name, m, k and n, not {given!r}")
    _check_keys(place, given, ("name", "count", "m", "k", "n", "weights", "acts"))
    if not isinstance(given.get("name"), str):
        raise ValueError(f"{place} must have a name")
    sizes = {}
    for key in ("m", "k", "n", "count"):
        value = given.get(key, 1 if key == "count" else None)
        factors = value if isinstance(value, list) and key != "count" else [value]
        whole = all(type(factor) is int and factor >= 1 for factor in factors)
        if not whole or not factors or math.prod(factors) > _LARGEST:
            raise ValueError(
                f"{place}: {key} must be an integer from 1 to {_LARGEST}, or factors of one, "
                f"not {value!r}"
            )
        sizes[key] = math.prod(factors)
    shares = {}
    for key in ("weights", "acts"):
        shares[key] = given.get(key, 1.0)
        if type(shares[key]) not in (int, float) or not 0 < shares[key] <= 1:
            raise ValueError(f"{place}: {key} must be a share, over 0 to 1, not {shares[key]!r}")
    return Layer(name=given["name"], **sizes, **{key: float(v) for key, v in shares.items()})


def _check_keys(place, found, known):
    for key in found:
        if key not in known:
            raise ValueError(f"{place}: key must be one of {', '.join(known)}, not {key!r}")
