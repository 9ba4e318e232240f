"""Words of named fields, for benches of units of the network processor."""

__all__ = ["pack", "unpack"]


def pack(stream, values):
    """A word of a stream from its fields' values."""
    word = 0
    for field in stream["fields"]:
        word |= (int(values[field["name"]]) & ((1 << field["width"]) - 1)) << field["offset"]
    return word


def unpack(stream, word):
    """The unsigned values of a word's fields."""
    return {
        field["name"]: word >> field["offset"] & ((1 << field["width"]) - 1)
        for field in stream["fields"]
    }
