"""Errors that the command line reports in one line."""

__all__ = ["Failed", "Refused"]


class Failed(Exception):
    """A check that a command is there for did not hold: exit status 1."""


class Refused(Exception):
    """The command line is not as it should be: exit status 2."""
