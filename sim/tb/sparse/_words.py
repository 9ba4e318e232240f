"""Words with fields, as streams carry them."""

from ...lib.trace import join, split

__all__ = ["corner", "fields_of", "word_of"]


def word_of(stream: dict, **values: int) -> int:
    """A word of a stream of the manifest; fields without a value are 0."""
    word = 0
    for name, value in values.items():
        (field,) = (field for field in stream["fields"] if field["name"] == name)
        word |= join([value], field["width"]) << field["offset"]
    return word


def fields_of(stream: dict, word: int) -> dict[str, int]:
    """The fields of a word, as unsigned integers."""
    return {
        field["name"]: split(word >> field["offset"], field["width"], 1)[0]
        for field in stream["fields"]
    }


def corner(rng, width: int) -> int:
    """A signed integer of that width, often zero or next to an end of its range."""
    high = (1 << (width - 1)) - 1
    corners = (0, 1, -1, high, high - 1, ~high, ~high + 1)
    return rng.choice([rng.randint(~high, high), max(~high, min(high, rng.choice(corners)))])
