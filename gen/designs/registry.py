"""The designs by name, and how their parameters are read from text."""

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import fields

from ..lib.messages import closest
from .base import Design

__all__ = [
    "CLASSES",
    "DESIGNS",
    "design",
    "of_manifest",
    "parameters_from_text",
    "settings_from_text",
    "values_from_text",
]


class _Classes(Mapping):
    """Names to design classes, each of which is imported when it is asked for."""

    def __init__(self, modules: dict[str, tuple[str, str]]):
        self._modules = modules

    def __getitem__(self, name: str) -> type[Design]:
        module, class_name = self._modules[name]
        return getattr(importlib.import_module(module, __package__), class_name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


#: Design to module and class; a new design adds its line here.
_MODULES = {
    "gemm_ws": (".gemm_ws", "GemmWs"),
    "gemm_os": (".gemm_os", "GemmOs"),
    "gemm_fusion": (".gemm_fusion", "GemmFusion"),
    "eie": (".eie", "Eie"),
}

#: The classes by the designs' names, and by their own.
DESIGNS = _Classes(_MODULES)
CLASSES = _Classes({class_name: (module, class_name) for module, class_name in _MODULES.values()})


def design(name: str) -> type[Design]:
    """The parameter class of the design called ``name``.

    Raises
    ------
    ValueError
        If no design has that name.
    """
    if name not in DESIGNS:
        raise ValueError(
            f"Design must be one of {', '.join(DESIGNS)}, not {name!r}{closest(name, DESIGNS)}"
        )
    return DESIGNS[name]


def of_manifest(manifest) -> Design:
    """The parameters of the core that a manifest describes."""
    return design(manifest.design)(**manifest.parameters)


def parameters_from_text(name: str, settings: list[str]) -> Design:
    """Parameters of the design ``name`` with ``settings``, texts of the form ``NAME=VALUE``.

    Raises
    ------
    TypeError, ValueError
        If the design or a parameter does not exist, or a value is not allowed.
    """
    class_ = design(name)
    return class_(**settings_from_text(class_, settings))


def settings_from_text(class_: type[Design], settings: list[str]) -> dict[str, int | str]:
    """Values of some parameters of a design, from texts of the form ``NAME=VALUE``."""
    return values_from_text(class_.NAME, fields(class_), settings, class_.RENAMED)


def values_from_text(owner, items, settings, renamed=None):
    """Values for some of the dataclass fields ``items`` of ``owner``, from texts ``NAME=VALUE``.

    ``renamed`` maps old names to those that took their place.

    Raises
    ------
    ValueError
        If a text is of another form, or its name is none of theirs or comes twice.
    """
    types = {item.name: item.type for item in items}
    values = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"Setting must be NAME=VALUE, not {setting!r}")
        if key in (renamed or {}):
            raise ValueError(f"Parameter {key} of {owner} is now called {renamed[key]}")
        if key not in types:
            raise ValueError(
                f"Parameter of {owner} must be one of {', '.join(types)}, not {key!r}"
                f"{closest(key, types)}"
            )
        if key in values:
            raise ValueError(f"Parameter {key} must be set once, not twice")
        values[key] = text
        if types[key] in (int, "int"):
            # A text that is no integer stays a text, which the unit's check rejects.
            with contextlib.suppress(ValueError):
                values[key] = int(text, 0)
    return values
