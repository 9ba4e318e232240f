"""Operands as decoders put them out: one or more terms of mantissa and exponent."""

__all__ = ["operand"]


def operand(word: int, facts: dict) -> int:
    """What a word stands for: the sum of ``mantissa << exponent`` of its terms.

    Parameters
    ----------
    word : int
        Unsigned.
    facts : dict
        The manifest's description of the port, or of its lanes; without fields it is an integer.
    """
    if "fields" not in facts:
        return _part(word, facts)
    parts = {field["name"]: _part(word >> field["offset"], field) for field in facts["fields"]}
    return sum(
        mantissa << parts.get(f"exponent_{name.removeprefix('mantissa_')}", 0)
        for name, mantissa in parts.items()
        if name.startswith("mantissa_")
    )


def _part(word, facts):
    sign = facts["signed"] << (facts["width"] - 1)
    return ((word & ((1 << facts["width"]) - 1)) ^ sign) - sign
