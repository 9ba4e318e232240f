"""The code that would be elaborated, as far as it is not the generator's own.

Verilog follows from parameters and from code. The sources of the generator stand for its own code.
Own code of users is that of classes of units and formats outside of ``brickwork.hdl``, with all
that they use, and that of attributes of ``brickwork.hdl`` that were replaced at run time.
:func:`own_code` describes it by content, without elaboration.
"""

import importlib
import importlib.util
import inspect
import operator
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

from ...hdl import formats
from ...hdl.unit import Unit
from ...sim import cache, plugins

__all__ = ["own_code"]

#: Where the generator's hardware is imported, and where once more, untouched.
_LIVE, _STOCK = "brickwork.hdl", "_brickwork_stock.hdl"
#: Filled by plug-ins at run time; a format of a plug-in counts where it is used.
_REGISTRY = f"{_LIVE}.formats._PLUGGED"


def own_code(unit: Unit, *makers: Callable) -> str:
    """Twelve hexadecimal digits that stand for users' code in a unit; empty if there is none.

    ``makers`` are the functions that have made the unit.

    More counts than will be elaborated: every replaced attribute of ``brickwork.hdl``, and every
    function and class that the unit's classes refer to.
    """
    roots = [*_replaced(), *_own_classes(unit)]
    roots += [("maker", maker) for maker in makers if _is_own(maker.__module__)]
    return cache.digest(*_Description(roots).texts)[:12] if roots else ""


def _own_classes(unit: Unit) -> Iterator[tuple[str, type]]:
    """Users' classes of units and formats that a unit is made with."""
    yield from (("unit", class_) for class_ in type(unit).__mro__ if _is_own(class_.__module__))
    for name, value in unit.parameters.items():
        if isinstance(value, Unit):
            yield from _own_classes(value)
        elif isinstance(value, type) and _is_own(value.__module__):
            yield name, value
        elif isinstance(value, str):
            families = map(formats.plugged, value.split("+"))
            yield from ((name, family) for family in families if family is not None)


def _is_own(module: str) -> bool:
    """Whether a module is a user's: neither the generator's, nor Python's, nor of a library."""
    package = module.partition(".")[0]
    if package in (each.module.partition(".")[0] for each in plugins.loaded()):
        return True
    if package in _OTHERS:
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is None or not {"site-packages", "dist-packages"} & {*Path(file).parts}


# Versions of Amaranth are in the keys of caches; it may be installed anywhere.
_OTHERS = sys.stdlib_module_names - {"__main__"} | {
    *("brickwork", _STOCK.partition(".")[0], "amaranth", "numpy")
}


def _replaced() -> list[tuple[str, object]]:
    """Attributes of ``brickwork.hdl`` that differ from those of its sources, with their values."""
    global _last
    content = _Content()
    if not content.equals(_last):
        names = [name for name in sys.modules if name.startswith(f"{_LIVE}.")]
        modules = [(name, vars(sys.modules[name]), vars(_stock(name))) for name in names]
        content.differences = [entry for each in modules for entry in _differences(*each)]
        _last = content
    return _last.differences


class _Content:
    """The attributes of ``brickwork.hdl`` at one time, to be compared in no time."""

    def __init__(self):
        self.differences = []
        modules = [module for name, module in sys.modules.items() if name.startswith(f"{_LIVE}.")]
        spaces = [vars(module) for module in modules]
        values = [value for space in spaces for value in space.values() if isinstance(value, type)]
        spaces += [vars(value) for value in values if value.__module__.startswith(_LIVE)]
        values = [value for space in spaces for value in space.values()]
        functions = [value for value in values if isinstance(value, types.FunctionType)]
        containers = [value for value in values if isinstance(value, dict | list | set)]
        names = ("__code__", "__defaults__", "__kwdefaults__")
        self.values = values + [getattr(value, name) for value in functions for name in names]
        self.copies = [value.copy() for value in containers]

    def equals(self, other):
        return (
            other is not None
            and len(self.values) == len(other.values)
            and all(map(operator.is_, self.values, other.values))
            and self.copies == other.copies
        )


_last: _Content | None = None


def _stock(module: str) -> types.ModuleType:
    """An untouched copy of a module of ``brickwork.hdl``."""
    if _STOCK not in sys.modules:
        package = _STOCK.partition(".")[0]
        sys.modules[package] = types.ModuleType(package)
        sys.modules[package].__path__ = []
        root = sys.modules[_LIVE]
        spec = importlib.util.spec_from_file_location(
            _STOCK, root.__file__, submodule_search_locations=[*root.__path__]
        )
        sys.modules[_STOCK] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[_STOCK])
    return importlib.import_module(module.replace(_LIVE, _STOCK, 1))


def _differences(space, live, stock):
    """The entries of a namespace that differ from those of the untouched one."""
    for name in sorted(live.keys() | stock.keys()):
        at, missing = f"{space}.{name}", object()
        one, other = live.get(name, missing), stock.get(name, missing)
        if at == _REGISTRY or (_is_special(name, one) and _is_special(name, other)):
            continue
        if isinstance(one, types.ModuleType) and one.__name__ == at:
            continue  # a submodule
        if isinstance(one, type) and isinstance(other, type) and _full_name(one) == at:
            yield from _differences(at, vars(one), vars(other))
            one, other = one.__bases__, other.__bases__
        if missing in (one, other) or not _same(one, other):
            yield at, one


def _is_special(name, value):
    """Whether an entry is Python's own, such as ``__doc__``."""
    return name.startswith("__") and name.endswith("__") and not callable(value)


def _same(live, stock):
    """Whether an object is equal to the one in the untouched module."""
    if isinstance(live, types.FunctionType) and isinstance(stock, types.FunctionType):
        if live.__code__ != stock.__code__:
            return False
        live, stock = _values(live), _values(stock)
        if not live and not stock:
            return True
    elif (functions := _functions(live)) and type(live) is type(stock):
        return all(map(_same, functions, _functions(stock)))
    return live is stock or _Description([live]).texts == _Description([stock]).texts


def _functions(value):
    """The functions in a property, a class method and the like."""
    names = ("__func__", "__wrapped__", "func", "fget", "fset", "fdel")
    return [function for name in names if (function := getattr(value, name, None)) is not None]


def _values(function):
    """The values that a function holds: defaults, and variables of the function around it."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values(), *cells]


def _full_name(value):
    return f"{value.__module__}.{value.__qualname__}".replace(_STOCK, _LIVE, 1)


class _Description:
    """Texts that stand for the content of objects, the same in every process.

    The generator's, Python's and libraries' functions and classes are described by their names,
    users' by content: source text, values, and whatever they refer to by name.
    """

    def __init__(self, values):
        self.texts = []
        self._numbers = {}
        self._kept = []  # no object may take the identity of another
        for value in values:
            self._describe(value)

    def _describe(self, value):
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            self.texts.append(repr(value))
        elif id(value) in self._numbers:
            self.texts.append(f"number {self._numbers[id(value)]}")
        else:
            self._numbers[id(value)] = len(self._numbers)
            self._kept.append(value)
            self._describe_object(value)

    def _describe_object(self, value):
        if isinstance(value, tuple | list | dict | set | frozenset | types.MappingProxyType):
            self._describe_collection(value)
        elif isinstance(value, types.ModuleType):
            self.texts.append(f"module {value.__name__}".replace(_STOCK, _LIVE))
        elif isinstance(value, type):
            self._describe_class(value)
        elif isinstance(value, types.FunctionType):
            self._describe_function(value)
        elif isinstance(value, types.CodeType):
            self._add(value.co_name, value.co_code, value.co_names, *value.co_consts)
        elif isinstance(value, re.Pattern):
            self._add(value.pattern, value.flags)
        elif hasattr(value, "tobytes") and hasattr(value, "dtype"):
            self._add(str(value.dtype), value.shape, value.tobytes())
        elif functions := _functions(value):
            self._add(type(value), *functions)
        elif hasattr(value, "__dict__"):
            self._add(type(value), vars(value))
        else:
            self._add(type(value), re.sub(" at 0x[0-9a-f]+", "", repr(value)))

    def _add(self, *values):
        for value in values:
            self._describe(value)

    def _describe_collection(self, value):
        if isinstance(value, set | frozenset):
            self._add(*sorted(value, key=repr))
        elif isinstance(value, tuple | list):
            self._add(*value)
        else:
            self._add(*(item for pair in value.items() for item in pair))
        self.texts.append(f"end of {type(value).__name__}")

    def _describe_class(self, class_):
        if not _is_own(class_.__module__):
            self.texts.append(f"class {_full_name(class_)}")
            return
        entries = {
            name: entry for name, entry in vars(class_).items() if not _is_special(name, entry)
        }
        self.texts.append(f"class {class_.__qualname__}")
        self._add(class_.__bases__, vars(class_).get("__annotations__"), entries)

    def _describe_function(self, function):
        if not _is_own(function.__globals__.get("__name__", "")):
            self.texts.append(f"function {_full_name(function)}")
            return
        try:
            self.texts.append(inspect.getsource(function))
        except (OSError, TypeError, SyntaxError):
            self._describe(function.__code__)
        self._add(*_values(function))
        names = dict.fromkeys(_names(function.__code__))
        for name in names:
            value = function.__globals__.get(name, function)
            if value is function:
                continue
            self._add(name, value)
            if isinstance(value, types.ModuleType) and _is_own(value.__name__):
                attributes = ((other, getattr(value, other, value)) for other in names)
                self._add(*(entry for entry in attributes if entry[1] is not value))


def _names(code):
    """Names in a function, and in functions within it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
