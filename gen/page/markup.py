"""HTML as strings that are escaped by the way they are made."""

from collections.abc import Iterable
from html import escape

__all__ = ["Markup", "element", "joined"]

_VOID = {"br", "col", "input", "link", "meta"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str | Iterable | None, **attributes: str | int | bool | None):
    """An element of HTML.

    Children are escaped unless they are :class:`Markup`; lists of them are flattened and ``None``
    is left out. Of attributes' names, underscores are hyphens and one at the end is dropped;
    ``True`` gives an attribute without a value, ``None`` and ``False`` none.
    """
    words = [tag]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        words.append(name if value is True else f'{name}="{escape(str(value))}"')
    start = Markup(f"<{' '.join(words)}>")
    return start if tag in _VOID else Markup(f"{start}{joined(*children)}</{tag}>")


def joined(*children) -> Markup:
    """Children as in :func:`element`, without one around them."""
    texts = []
    for child in children:
        if isinstance(child, str):
            texts.append(child if isinstance(child, Markup) else escape(child))
        elif child is not None:
            texts += map(joined, child)
    return Markup("".join(texts))
