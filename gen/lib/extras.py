"""Packages that only some commands need, and the message where one is missing."""

import contextlib
from collections.abc import Iterator

from .errors import UsageError

__all__ = ["PACKAGES", "require"]

#: Module to the package's name in messages, and the extra of pyproject.toml that installs it.
PACKAGES = {
    "cocotbext": ("cocotbext-axi", "axi"),
    "distributed": ("Dask (distributed)", "sweep"),
    "matplotlib": ("matplotlib", "report"),
    "psutil": ("psutil", "sweep"),
    "scipy": ("scipy", "sparse"),
    "serial": ("pyserial", "board"),
    "sklearn": ("scikit-learn", "demo"),
}


@contextlib.contextmanager
def require(purpose: str) -> Iterator[None]:
    """Around imports of modules in :data:`PACKAGES`: a missing one is an error in one line.

    Parameters
    ----------
    purpose : str
        A plural noun, the subject of the message.

    Raises
    ------
    UsageError
        If a package is missing; the message tells the extra that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in PACKAGES:
            raise
        package, extra = PACKAGES[module]
        raise UsageError(
            f"{purpose} need {package}, which is missing; use pip install 'brickwork[{extra}]', "
            f"or in a checkout pip install -e '.[{extra}]'"
        ) from None
