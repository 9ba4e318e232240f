"""Simulation of emitted designs, and what it is checked against."""

__all__ = ["load"]


def load(folder):
    """The design emitted into ``folder`` as an object that runs: see :func:`.core.load`."""
    from .verilator.core import (
        load,  # not before it is called: most parts of this package need no numpy
    )

    return load(folder)
