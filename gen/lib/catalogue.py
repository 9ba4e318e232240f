"""Catalogues: folders of TOML files, one file for each target, board or the like.

A file becomes a dataclass whose fields are its keys: :func:`record` refuses a key that is missing,
unknown or of the wrong type in one line that names the file.
"""

import tomllib
import types
import typing
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path

from ...sim.text_file import read_text
from .messages import closest

__all__ = ["check_name", "read", "record", "stems"]

_TYPE_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


def stems(folder: Path) -> list[str]:
    """Names of the TOML files in a folder, without their suffix, in alphabetical order."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def check_name(subject: str, name: str, names: Iterable[str]) -> str:
    """Return ``name``, which must be one of ``names``; messages begin with ``subject``.

    Raises
    ------
    ValueError
        If it is not.
    """
    names = list(names)
    if name not in names:
        raise ValueError(
            f"{subject} must be one of {', '.join(names)}, not {name!r}{closest(name, names)}"
        )
    return name


def read(path: Path) -> tuple[str, dict]:
    """The text of a TOML file and its table.

    Raises
    ------
    ValueError
        If it is no text, or not TOML.
    """
    text = read_text(path)
    try:
        return text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"File {path} must be TOML: {error}") from None


def record(cls, table: dict, path: Path, *, at: str = "", **values):
    """An instance of a dataclass with the entries of a table.

    Fields that are dataclasses, or dictionaries of dataclasses, are made of the tables within.

    Parameters
    ----------
    cls : type
        A dataclass. Its fields without defaults are the keys that the table must have.
    table : dict
        From the file ``path``, where it is the table called ``at``.
    values
        Fields that do not come from the table.

    Raises
    ------
    ValueError
        If a key is missing, unknown or of the wrong type.
    """
    types_ = typing.get_type_hints(cls)
    keys = {item.name: item for item in fields(cls) if item.name not in values}
    for key in table:
        if key not in keys:
            raise ValueError(
                f"File {path} must not have the key {at + key!r}; keys of {_scope(at)} are "
                f"{', '.join(keys)}{closest(key, keys)}"
            )
    for name, item in keys.items():
        if name in table:
            values[name] = _value(types_[name], table[name], path, f"{at}{name}")
        elif item.default is MISSING and item.default_factory is MISSING:
            raise ValueError(f"File {path} must have the key {at + name!r}")
    return cls(**values)


def _scope(at):
    return f"the table {at.removesuffix('.')}" if at else "the file"


def _value(type_, value, path, key):
    """A value that must have a type: a plain one, a list, a dictionary, or a dataclass."""
    if isinstance(type_, types.UnionType):
        # TOML has no null, so that the alternatives to None are the types.
        alternatives = [each for each in typing.get_args(type_) if each is not types.NoneType]
        if len(alternatives) > 1:
            _check_type(alternatives, value, path, key)
            return value
        (type_,) = alternatives
    if is_dataclass(type_):
        _check_type([dict], value, path, key)
        return record(type_, value, path, at=f"{key}.")
    plain, arguments = typing.get_origin(type_) or type_, typing.get_args(type_)
    _check_type([plain], value, path, key)
    if plain is list:
        return [
            _value(arguments[0], item, path, f"{key}[{index}]") for index, item in enumerate(value)
        ]
    if plain is dict:
        _, type_ = arguments
        return {name: _value(type_, item, path, f"{key}.{name}") for name, item in value.items()}
    return value


def _check_type(types_, value, path, key):
    """Refuses a value that has none of the plain types."""
    allowed = (*types_, int) if float in types_ else tuple(types_)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in types_):
        wanted = " or ".join(_TYPE_NAMES[type_] for type_ in types_)
        raise ValueError(f"File {path}: key {key!r} must be {wanted}, not {value!r}")
