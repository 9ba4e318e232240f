"""Plug-ins: designs and number formats that are no part of Brickwork.

A plug-in is a Python file, or a module of an installed package, that defines ``PLUGIN``, a
:class:`Plugin`. Three ways lead to it: :func:`load_plugin`, the environment variable
``BRICKWORK_PLUGINS`` with paths of files, and the entry points of the group ``brickwork.plugins``.
The variable also names every file that was loaded, so that child processes load the same files.

Nothing is loaded before a registry is asked for its content.
"""

import hashlib
import importlib
import importlib.util
import linecache
import os
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = [
    "GROUP",
    "VARIABLE",
    "Loaded",
    "Plugin",
    "PluginError",
    "load_plugin",
    "loaded",
    "of_manifest",
]

#: Environment variable with the paths of plug-in files.
VARIABLE = "BRICKWORK_PLUGINS"
#: Group of the entry points of installed plug-ins.
GROUP = "brickwork.plugins"


class PluginError(ValueError):
    """A plug-in cannot be loaded, or is missing; the message names its file."""


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """What a plug-in brings.

    Parameters
    ----------
    designs : dict
        The parameter class of each design, a subclass of ``brickwork.gen.designs.base.Design``, to
        its host model, a subclass of :class:`~.designs.base.HostModel`.
    formats : dict
        The hardware of each family of number formats, a subclass of
        ``brickwork.hdl.formats.format.Format``, to its golden codes, a
        :class:`~.golden.formats.Family`.

    Raises
    ------
    PluginError
        If both are empty, a class is of another kind, or a name exists already.
    """

    designs: Mapping[Any, Any] = field(default_factory=dict)
    formats: Mapping[Any, Any] = field(default_factory=dict)

    def __post_init__(self):
        from .designs.base import HostModel
        from .designs.registry import MODELS
        from .golden.formats import FAMILIES, Family

        if not self.designs and not self.formats:
            raise PluginError("Plug-in must bring a design or a number format")
        for design, model in self.designs.items():
            name = getattr(design, "NAME", None)
            if not isinstance(design, type):
                raise PluginError(f"Design must be a class, not {design!r}")
            if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
                raise PluginError(
                    f"Design {design!r} must have a NAME of letters, digits and underscores, "
                    f"not {name!r}"
                )
            if not isinstance(model, type) or not issubclass(model, HostModel):
                raise PluginError(f"Host model of {name} must be a HostModel, not {model!r}")
            if name in MODELS:
                raise PluginError(f"Design {name!r} exists already")
        for family in self.formats.values():
            if not isinstance(family, Family):
                raise PluginError(f"Golden codes must be a Family, not {family!r}")
            for name in family.names():
                if any(each.match(name) is not None for each in FAMILIES):
                    raise PluginError(f"Format {name!r} exists already")

    @property
    def names(self) -> set[str]:
        """Names of the designs and formats."""
        designs = {design.NAME for design in self.designs}
        return designs | {name for family in self.formats.values() for name in family.names()}


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A plug-in that is in use.

    Attributes
    ----------
    name : str
        Name of the file without its suffix, or of the entry point.
    path : Path
    module : str
        Name of the module in Python.
    digest : str
        Eight hexadecimal digits that stand for the content of the file.
    plugin : Plugin
    """

    name: str
    path: Path
    module: str
    digest: str
    plugin: Plugin


_loaded: list[Loaded] = []
# "done", or "loading" while a plug-in's own code asks a registry.
_state = ""


def loaded() -> tuple[Loaded, ...]:
    """All plug-ins, those of the environment variable and of entry points included.

    Raises
    ------
    PluginError
        If one of these cannot be loaded.
    """
    global _state
    if not _state:
        from importlib.metadata import entry_points

        _state = "loading"
        try:
            for path in _named():
                _load(path, f" (named in {VARIABLE})")
            for entry_point in entry_points(group=GROUP):
                _load_entry_point(entry_point)
        except BaseException:
            _state = ""
            raise
        _state = "done"
    return tuple(_loaded)


def load_plugin(path: Path | str) -> Loaded:
    """Load the plug-in in a Python file; a file that is loaded already stays as it is.

    The folder of the file is appended to Python's module path, for modules beside the file.

    Raises
    ------
    PluginError
        If the file cannot be read or run, defines no plug-in, or has changed since it was loaded;
        if a name belongs to another plug-in. The message has the file and the line.
    """
    return _load(path, "")


def of_manifest(plugins: Mapping[str, str], subject: str) -> None:
    """Check that the plug-ins that a manifest names are loaded, by name and digest.

    Raises
    ------
    PluginError
        If they are not; the message begins with ``subject``.
    """
    for name, digest in plugins.items():
        each = next((each for each in loaded() if each.name == name), None)
        if each is None:
            raise PluginError(
                f"{subject} needs the plug-in {name}, which is not loaded; "
                f"use --plugin {name}.py, or set {VARIABLE}"
            )
        if each.digest != digest:
            raise PluginError(
                f"{subject} was made with the plug-in {name} {digest}, not with {each.digest} "
                f"({each.path}); emit the design again"
            )


def _load(path, origin):
    if not str(path):
        raise PluginError(f"Plug-in must be a Python file, not ''{origin}")
    path = Path(path).expanduser().resolve()
    try:
        source = path.read_bytes()
    except OSError as error:
        raise PluginError(f"Plug-in {path} cannot be read: {error.strerror}{origin}") from None
    digest = _digest(source)
    for each in _loaded:
        if each.path == path and each.digest == digest:
            return each
        if each.path == path:
            raise PluginError(f"Plug-in {path} has changed since it was loaded; start Python again")
    if os.pathsep in str(path):
        raise PluginError(f"Path of a plug-in must not have {os.pathsep!r}, as {path} has")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    module = types.ModuleType(f"brickwork_plugin_{path.stem}")
    module.__file__ = str(path)

    def run():
        # The text that runs, for tracebacks and digests, whatever becomes of the file.
        text = importlib.util.decode_source(source)
        linecache.cache[str(path)] = len(source), None, text.splitlines(True), str(path)
        code = compile(source, str(path), "exec", dont_inherit=True)
        sys.modules[module.__name__] = module
        exec(code, module.__dict__)
        return module

    each = _add(path.stem, path, module.__name__, digest, run)
    # Absolute, as child processes have other working directories.
    named = [str(Path(file).expanduser().resolve()) for file in _named()]
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys([*named, str(path)]))
    return each


def _named():
    return [file for file in os.environ.get(VARIABLE, "").split(os.pathsep) if file]


def _load_entry_point(entry_point):
    try:
        spec = importlib.util.find_spec(entry_point.module)
    except ImportError:
        spec = None
    if spec is None or spec.origin is None:
        raise PluginError(
            f"Plug-in {entry_point.name} must be a module, and {entry_point.module} is none"
            f"{_of_package(entry_point)}"
        )
    path = Path(spec.origin).resolve()
    if any(each.path == path for each in _loaded):
        return
    digest = _digest(path.read_bytes())
    _add(entry_point.name, path, entry_point.module, digest, entry_point.load)


def _of_package(entry_point):
    return f" (of the package {entry_point.dist.name})" if entry_point.dist else ""


def _add(name: str, path: Path, module: str, digest: str, run: Callable) -> Loaded:
    """Run the code of a plug-in, and put what it brings beside the others."""
    global _state
    before, _state = _state, "loading"
    try:
        plugin = run()
    except (Exception, SystemExit) as error:
        raise PluginError(f"Plug-in {path}{_position(error, path)}") from error
    finally:
        _state = before
    if isinstance(plugin, types.ModuleType):
        plugin = getattr(plugin, "PLUGIN", None)
    if not isinstance(plugin, Plugin):
        raise PluginError(f"Plug-in {path} must define PLUGIN, a brickwork.Plugin")
    for other in _loaded:
        if other.name == name:
            raise PluginError(f"Plug-in {path} must have another name; {other.path} has the same")
        if common := sorted(plugin.names & other.plugin.names):
            raise PluginError(f"Plug-in {path}: {common[0]!r} exists already, in {other.path}")
    each = Loaded(name=name, path=path, module=module, digest=digest, plugin=plugin)
    _loaded.append(each)
    return each


def _digest(source):
    return hashlib.sha256(source).hexdigest()[:8]


def _position(error, path):
    """The line of the plug-in at which an error arose, and what the error is."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f", line {error.lineno}: SyntaxError: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == path]
    line = f", line {lines[-1]}" if lines else ""
    if isinstance(error, PluginError):
        return f"{line}: {error}"
    text = f": {error}" if str(error) else ""
    return f"{line}: {type(error).__name__}{text}"
