"""The packages of Brickwork's extras, and the command that installs them."""

__all__ = ["install_command"]


def install_command(extra: str, program: str = "") -> str:
    """The command that installs the packages of an extra, wherever Brickwork came from.

    The packages are named themselves, not as ``brickwork[extra]``: an index need not have
    Brickwork.

    Parameters
    ----------
    extra : str
        Name of an optional dependency in ``pyproject.toml``.
    program : str
        Only packages with that in their names, if there are any.
    """
    from importlib.metadata import requires

    marked = [requirement.partition("; extra == ") for requirement in requires("brickwork")]
    packages = [package for package, _, name in marked if name.strip("\"'") == extra]
    packages = [package for package in packages if program in package] or packages
    return " ".join(["pip install", *(f"'{package}'" for package in packages)])
