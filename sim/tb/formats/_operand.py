"""Operands as decoders put them out: one or more terms of mantissa and exponent."""

__all__ = ["operand"]


def operand(word: int, port: dict) -> int:
    """What a word stands for: the sum of ``mantissa << exponent`` of its terms.

    Parameters
    ----------
    word : int
        Unsigned.
    facts : dict
        The manifest's description of the port, or of its lanes; without fields it is an integer.
    """
    if "fields" not in port:
        return _part(word, port)
    numbers = {field["name"]: _part(word >> field["offset"], field) for field in port["fields"]}
    return sum(
        mantissa << numbers.get(f"exponent_{name.removeprefix('mantissa_')}", 0)
        for name, mantissa in numbers.items()
        if name.startswith("mantissa_")
    )


def _part(word, field):
    sign = field["signed"] << (field["width"] - 1)
    return ((word & ((1 << field["width"]) - 1)) ^ sign) - sign
