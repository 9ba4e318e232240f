"""Workloads: networks as lists of products of matrices, in files beside this one or of the user.

``toml_file`` and ``topology`` read the two types of file, ``convolution`` lowers convolutions.
"""

import tomllib
from pathlib import Path

from ...sim.text_file import read_text
from ..lib.messages import closest
from .sparsity import Sparsity
from .toml_file import from_dict
from .topology import from_text
from .workload import Layer, Workload

__all__ = ["Layer", "Sparsity", "Workload", "from_dict", "load", "names"]


def names() -> list[str]:
    """The workloads that come with the program."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.toml"))


def load(name: str, folder: Path = Path()) -> Workload:
    """The workload of that name, or in that file.

    Parameters
    ----------
    name : str
        One of :func:`names`, or a path that ends in ``.toml`` or ``.csv``.
    folder : Path
        The folder that a path is relative to.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If there is no such workload, or something is wrong with the file.
    """
    suffix = Path(name).suffix.lower()
    if suffix in (".toml", ".csv"):
        path = Path(folder, name)
    elif name in names():
        path, suffix = Path(__file__).with_name(f"{name}.toml"), ".toml"
    else:
        raise ValueError(
            f"Workload must be one of {', '.join(names())}, or a file .toml or .csv, not "
            f"{name!r}{closest(name, names())}"
        )
    try:
        text = read_text(path)
    except OSError as error:
        raise OSError(f"Workload cannot be read: {path}: {error.strerror or error}") from None
    if suffix == ".csv":
        return from_text(path.stem, text, str(path))
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"Workload {path} must be TOML: {error}") from None
    return from_dict(path.stem, content, str(path))
