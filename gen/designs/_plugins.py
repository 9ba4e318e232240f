"""Plug-ins on the side of the generator: their designs, and the hardware of their formats."""

from ...sim import plugins
from ..lib.errors import UsageError

__all__ = ["add_plugin", "designs", "load_named", "plug_formats", "used_plugins"]


def load_named(argv: list[str]) -> tuple[list[str], list[str]]:
    """Load the files that ``--plugin FILE.py`` names; returns the other arguments, and the files.

    The option may be anywhere on a command line, and parsers depend on the plug-ins.

    Raises
    ------
    UsageError, PluginError
        If the option has no value, or the plug-in cannot be loaded.
    """
    others, files, arguments = [], [], iter(argv)
    for argument in arguments:
        if argument == "--":
            others += [argument, *arguments]
            break
        option, equals, path = argument.partition("=")
        if option != "--plugin":
            others.append(argument)
            continue
        if not equals:
            try:
                path = next(arguments)
            except StopIteration:
                raise UsageError(
                    "argument --plugin: expected one argument (see brickwork --help)"
                ) from None
        plugins.load_plugin(path)
        files.append(path)
    return others, files


def add_plugin(parser) -> None:
    """Describe ``--plugin``, which :func:`load_named` has taken from the arguments."""
    parser.add_argument(
        "--plugin",
        metavar="FILE.py",
        action="append",
        help="use the designs and formats of a plug-in; may be repeated",
    )


def designs() -> list[type]:
    """The design classes of all plug-ins.

    Raises
    ------
    PluginError
        If a plug-in cannot be loaded, or one of its designs is not a design.
    """
    from .base import Design

    classes = []
    for each in plugins.loaded():
        for class_ in each.plugin.designs:
            if not issubclass(class_, Design):
                raise plugins.PluginError(
                    f"Plug-in {each.path}: {class_.__name__} must be a subclass of Design"
                )
            classes.append(class_)
    return classes


def plug_formats() -> None:
    """Make the formats of all plug-ins known to the hardware.

    Raises
    ------
    PluginError
        If a plug-in cannot be loaded, or hardware and golden codes of a format differ in width.
    """
    if not any(each.plugin.formats for each in plugins.loaded()):
        return
    from ...hdl import formats as hardware
    from ...hdl.formats.format import Format
    from ...sim.golden import formats as golden

    for each in plugins.loaded():
        for class_, family in each.plugin.formats.items():
            if family is _PLUGGED.get(class_):
                continue
            if not isinstance(class_, type) or not issubclass(class_, Format):
                raise plugins.PluginError(
                    f"Plug-in {each.path}: {class_!r} must be a subclass of Format"
                )
            for name in family.names():
                widths = getattr(class_.parse(name), "bits", None), golden.get(name).bits
                if widths[0] != widths[1]:
                    raise plugins.PluginError(
                        f"Plug-in {each.path}: {class_.__name__}.parse({name!r}) must have "
                        f"{widths[1]} bits, as the golden codes have, not {widths[0]}"
                    )
            hardware.plug(class_, family.names())
            _PLUGGED[class_] = family


_PLUGGED: dict[type, object] = {}


def used_plugins(design: str, formats: list[str]) -> dict[str, str]:
    """Name to digest of the plug-ins that a design, and formats, come from."""
    used = {design, *formats}
    return {each.name: each.digest for each in plugins.loaded() if used & each.plugin.names}
