"""Text files as editors of all systems write them."""

import codecs
from pathlib import Path

__all__ = ["decoded", "read_text"]

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins with the mark of UTF-16
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_text(path: Path | str) -> str:
    """The text of a file; see :func:`decoded`."""
    return decoded(Path(path).read_bytes(), path)


def decoded(data: bytes, path: Path | str) -> str:
    """The text in the bytes of a file, with ``\\n`` between lines and without byte-order mark.

    The encoding is UTF-8, or the one that a byte-order mark names.

    Parameters
    ----------
    data : bytes
    path : Path
        The file, for the message.

    Raises
    ------
    ValueError
        If the bytes are no text in this encoding.
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"File {path} must be text in {encoding.removesuffix('-sig').upper()}, not binary "
            f"data: byte {error.start} is {data[error.start]:#04x}"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
