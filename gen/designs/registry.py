"""The designs by name, and how their parameters are read from text."""

import contextlib
import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields

from ..lib.messages import closest
from ._plugins import designs
from .base import Design, MatrixDesign

__all__ = [
    "CLASSES",
    "DESIGNS",
    "design",
    "hint",
    "matrix_design",
    "matrix_of_manifest",
    "of_manifest",
    "parameters_from_text",
    "settings_from_text",
    "values_from_text",
]


class _Classes(Mapping):
    """Names to design classes, each of which is imported when it is asked for.

    Those of plug-ins come last; ``key`` makes a name of such a class.
    """

    def __init__(self, modules: dict[str, tuple[str, str]], key: Callable[[type[Design]], str]):
        self._modules, self._key = modules, key

    def __getitem__(self, name: str) -> type[Design]:
        plugged = {self._key(class_): class_ for class_ in designs()}
        if name in self._modules:
            module, class_name = self._modules[name]
            return getattr(importlib.import_module(module, __package__), class_name)
        return plugged[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._modules, *map(self._key, designs())])

    def __len__(self) -> int:
        return len(self._modules) + len(designs())


#: Design to module and class; a new design adds its line here.
_MODULES = {
    "gemm_ws": (".gemm_ws", "GemmWs"),
    "gemm_os": (".gemm_os", "GemmOs"),
    "gemm_fusion": (".gemm_fusion", "GemmFusion"),
    "gemm_nm": (".gemm_nm", "GemmNm"),
    "gemm_outlier": (".gemm_outlier", "GemmOutlier"),
    "gemm_scaled": (".gemm_scaled", "GemmScaled"),
    "gemm_binary": (".gemm_binary", "GemmBinary"),
    "eie": (".eie", "Eie"),
    "npu": (".npu", "Npu"),
}

#: The classes by the designs' names, and by their own.
DESIGNS = _Classes(_MODULES, lambda class_: class_.NAME)
CLASSES = _Classes(
    {class_name: (module, class_name) for module, class_name in _MODULES.values()},
    lambda class_: class_.__name__,
)


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


def matrix_design(name: str) -> type[MatrixDesign]:
    """The parameter class of the design called ``name``, one that multiplies matrices.

    Raises
    ------
    ValueError
        If no design has that name, or it runs programs.
    """
    class_ = design(name)
    if not issubclass(class_, MatrixDesign):
        names = [each for each, cls in DESIGNS.items() if issubclass(cls, MatrixDesign)]
        raise ValueError(
            f"Design must be one that multiplies matrices ({', '.join(names)}), not {name!r}"
        )
    return class_


def hint(name: str, names: Iterable[str], owner: str) -> str:
    """The end of a message about a wrong name of a parameter or mode of ``owner``.

    It says who has a parameter or mode of that name, ``owner`` first; else it is the closest of
    ``names``, or nothing.
    """
    from .wrappers import WRAPPERS

    wrappers = {f"bus wrapper {each}": cls for each, cls in WRAPPERS.items()}
    parameters = {
        each: {item.name for item in fields(cls)} - {"core"}
        for each, cls in [*DESIGNS.items(), *wrappers.items()]
    }
    modes = {each: {*cls.MODES, *cls.OUTPUT_MODES} for each, cls in DESIGNS.items()}
    owners = {
        noun: [each for each, known in table.items() if name in known]
        for noun, table in (("parameter", parameters), ("mode", modes))
    }
    for noun, having in owners.items():
        if owner in having:
            return f"; {name} is a {noun} of {owner}"
    for noun, having in owners.items():
        if having:
            return f"; {name} is a {noun} of {', '.join(having)}"
    return closest(name, names)


def of_manifest(manifest) -> Design:
    """The parameters of the core that a manifest describes.

    Raises
    ------
    PluginError
        If a plug-in of the design is missing, or is another one than at emission.
    ValueError
        If the manifest is of another version of the design, or was changed after the emission.
    """
    from .wrappers import wrapped

    manifest.check_plugins()
    class_ = design(manifest.design)
    known = {item.name for item in fields(class_)}
    if wrong := sorted(known ^ manifest.parameters.keys()):
        state = "lacks" if wrong[0] in known else "must not have"
        raise ValueError(
            f"Manifest {manifest.path} {state} the parameter {wrong[0]!r} of {manifest.design}; "
            "emit the design again"
        )
    try:
        core = class_(**manifest.parameters)
        parameters = core
        if manifest.bus:
            parameters = wrapped(core, manifest.wrapper, **manifest.bus.get("parameters", {}))
        digest = parameters.digest
    except (TypeError, ValueError) as error:
        raise ValueError(f"Manifest {manifest.path}: {error}; emit the design again") from None
    if digest != manifest.digest:
        raise ValueError(
            f"Manifest {manifest.path} must have the digest {digest} of its parameters, not "
            f"{manifest.digest!r}; emit the design again"
        )
    return core


def matrix_of_manifest(manifest) -> MatrixDesign:
    """As :func:`of_manifest`, of a core that multiplies matrices.

    Raises
    ------
    PluginError, ValueError
        As there, and if it runs programs.
    """
    core = of_manifest(manifest)
    matrix_design(manifest.design)
    return core


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
    """Values of some parameters of a design, from texts of the form ``NAME=VALUE``.

    ``preset=NAME`` stands for the values of a preset that the design has, which others replace.
    """
    presets = [text for text in settings if class_.PRESETS and text.startswith("preset=")]
    settings = [text for text in settings if text not in presets]
    if len(presets) > 1:
        raise ValueError("Parameter preset must be set once, not twice")
    values = values_from_text(class_.NAME, fields(class_), settings, class_.RENAMED)
    if not presets:
        return values
    name = presets[0].partition("=")[2]
    if name not in class_.PRESETS:
        raise ValueError(
            f"Preset of {class_.NAME} must be one of {', '.join(class_.PRESETS)}, not {name!r}"
            f"{closest(name, class_.PRESETS)}"
        )
    return class_.PRESETS[name] | values


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
                f"{hint(key, types, owner)}"
            )
        if key in values:
            raise ValueError(f"Parameter {key} must be set once, not twice")
        values[key] = text
        if types[key] in (int, "int"):
            # A text that is no integer stays a text, which the unit's check rejects.
            with contextlib.suppress(ValueError):
                values[key] = int(text, 0)
    return values
