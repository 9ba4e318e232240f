"""Errors of commands and sweeps."""

__all__ = ["CheckFailed", "Infeasible", "UsageError"]


class CheckFailed(Exception):
    """A check that the command makes has failed: exit status 1."""


class UsageError(Exception):
    """The command line, or a file that it names, is not as it must be: exit status 2."""


class Infeasible(ValueError):
    """No hardware can have these parameters or run this workload; a sweep records the reason."""
