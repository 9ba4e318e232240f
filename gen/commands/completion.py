"""Names that the shell completes, by argcomplete; imports nothing that takes time.

A completer is a function of the text so far and of the options that are parsed already. It is the
attribute ``completer`` of an argument, or of the converter that is its ``type``.
"""

import argparse
import itertools
import os
from collections.abc import Callable
from dataclasses import fields

from ...sim.plugins import PluginError
from ..lib.errors import UsageError

__all__ = [
    "all_formats",
    "boards",
    "bus_settings",
    "cache_sections",
    "complete",
    "designs",
    "devices",
    "formats",
    "modes",
    "paths",
    "settings",
    "studies",
    "sweeps",
    "targets",
    "tops",
    "workloads",
]


def complete(parser_for: Callable[[list[str]], argparse.ArgumentParser]) -> None:
    """Answers the shell, and ends the process.

    ``parser_for`` makes the parser for the arguments in front of the one to complete.
    """
    import argcomplete

    line = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])]
    words = line.split()[1:]
    try:
        parser = parser_for(words if line[-1:].isspace() else words[:-1])
    except (UsageError, PluginError):
        parser = parser_for([])  # wrong so far, or an option of brickwork itself is not at its end
    parsers = [parser]
    for each in parsers:
        for action in each._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
            elif action.choices is None and not hasattr(action, "completer"):
                # Numbers and free texts complete to nothing, not to names of files.
                action.completer = getattr(action.type, "completer", _nothing)
    argcomplete.autocomplete(parser, always_complete_options="long")


def _nothing(**_):
    return []


def paths(prefix, **context):
    """Files and folders."""
    from argcomplete.completers import FilesCompleter

    return FilesCompleter()(prefix, **context)


def designs(**_):
    from ..designs import registry

    return list(registry.DESIGNS)


def settings(prefix, parsed_args, **_):
    """``NAME=VALUE`` for the parameters of the named designs, or of all."""
    from ..designs import registry

    names = getattr(parsed_args, "designs", None) or [getattr(parsed_args, "design", None)]
    named = [registry.DESIGNS[name] for name in names if name in registry.DESIGNS]
    items = itertools.chain.from_iterable(map(fields, named or registry.DESIGNS.values()))
    return _assignments(prefix, {item.name: item.metadata.get("choices") for item in items})


def modes(prefix, parsed_args, **_):
    """``NAME=VALUE`` for the modes of the named design, or of all."""
    from ..designs import registry

    name = getattr(parsed_args, "design", None)
    named = [registry.DESIGNS[name]] if name in registry.DESIGNS else registry.DESIGNS.values()
    choices = {
        mode: design.MODE_CHOICES.get(mode)
        for design in named
        for mode in design.MODES | design.OUTPUT_MODES
    }
    return _assignments(prefix, choices)


def tops(**_):
    from ..designs.wrappers import WRAPPERS

    return ["stream", *WRAPPERS]


def bus_settings(prefix, parsed_args, **_):
    """``NAME=VALUE`` for the parameters of the named bus wrapper, or of all."""
    from ..designs.wrappers import WRAPPERS

    named = [WRAPPERS[parsed_args.top]] if parsed_args.top in WRAPPERS else WRAPPERS.values()
    items = itertools.chain.from_iterable(map(fields, named))
    choices = {item.name: item.metadata.get("choices") for item in items if item.name != "core"}
    return _assignments(prefix, choices)


def _assignments(prefix, choices):
    """``NAME=`` of each name, or behind an equals sign ``NAME=VALUE`` of each of its choices."""
    name, equals, value = prefix.partition("=")
    if not equals:
        return [f"{name}=" for name in choices]
    offered = choices.get(name) or tuple
    # Several formats are joined by +; the last of them is completed.
    joined, plus, _ = value.rpartition("+")
    return [f"{name}={joined}{plus}{choice}" for choice in offered()]


def formats(prefix, **_):
    """The last one of names that commas separate."""
    from ...sim.golden.formats import names

    before, comma, _ = prefix.rpartition(",")
    return [f"{before}{comma}{name}" for name in names()]


def all_formats(prefix, **_):
    """Likewise, with formats that have scales for blocks."""
    from ...sim.golden.formats.block_quantizer import block_names

    before, comma, _ = prefix.rpartition(",")
    return [*formats(prefix), *(f"{before}{comma}{name}" for name in block_names())]


def boards(**_):
    from ..flow import boards

    return boards.names()


def targets(**_):
    from ..flow import targets

    return targets.names()


def devices(parsed_args, **_):
    from ..flow import targets

    if parsed_args.target not in targets.names():
        return []
    placer = targets.load(parsed_args.target).place
    return [] if placer is None else list(placer.devices)


def workloads(prefix, **context):
    """Workloads by name, and files."""
    from .. import workloads

    return [*workloads.names(), *paths(prefix, **context)]


def sweeps(prefix, **context):
    """Sweeps by name, and files."""
    from ..sweep.plan import builtin_sweeps

    return [*builtin_sweeps(), *paths(prefix, **context)]


def studies(**_):
    from ..studies import ENTRIES

    return [entry.name for entry in ENTRIES]


def cache_sections(**_):
    from ...sim.cache import SECTIONS

    return list(SECTIONS)
