"""Packages that only some commands need, and the message where one is missing."""

import contextlib
import logging
from collections.abc import Iterator

from ...sim.extras import install_command
from .errors import UsageError

__all__ = ["PACKAGES", "require"]

#: Module to the package's name in messages, and the extra of pyproject.toml that installs it.
PACKAGES = {
    "cocotbext": ("cocotbext-axi", "axi"),
    "distributed": ("Dask (distributed)", "sweep"),
    "matplotlib": ("matplotlib", "report"),
    "safetensors": ("safetensors", "llm"),
    "scipy": ("scipy", "sparse"),
    "serial": ("pyserial", "board"),
    "sklearn": ("scikit-learn", "demo"),
}

# matplotlib logs an unusable cache folder or matplotlibrc; neither matters for the plots. A program
# that has handlers of its own still gets these records.
logging.getLogger("matplotlib").addHandler(logging.NullHandler())


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
        If a package is missing; the message tells the command that installs it. Also if matplotlib
        cannot decode its settings.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        if module not in PACKAGES:
            raise
        package, extra = PACKAGES[module]
        raise UsageError(
            f"{purpose} need {package}, which is missing: {install_command(extra)}"
        ) from None
    except UnicodeDecodeError:
        raise UsageError(
            f"{purpose} need a matplotlibrc in UTF-8; correct the file, which is in the working "
            f"folder, in $MPLCONFIGDIR or in ~/.config/matplotlib"
        ) from None
