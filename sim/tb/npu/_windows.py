"""Instructions of depthwise windows, for benches: corners by name, and random ones."""

from ._fields import pack

__all__ = ["corner_windows", "random_windows", "window", "window_word"]

#: Fields that are stored less one.
_COUNTS = ("oh", "ow", "nb", "ih", "iw", "kh", "kw", "sy", "sx", "dy", "dx")


def window(**changes: int) -> dict[str, int]:
    """Fields of an instruction, counts as counts: 3 x 3 with padding on a map of 5 x 7."""
    fields = dict(a_base=40, a_row=9, a_blk=70, w_base=500, oh=5, ow=7, nb=1, ih=5, iw=7, a_zero=-3)
    fields |= dict(kh=3, kw=3, sy=1, sx=1, dy=1, dx=1, iy0=-1, ix0=-1)
    return fields | changes


def window_word(stream: dict, fields: dict[str, int]) -> int:
    """The word of an instruction."""
    return pack(stream, {name: value - (name in _COUNTS) for name, value in fields.items()})


def corner_windows(depth: int) -> dict[str, dict[str, int]]:
    """Instructions by name."""
    return {
        "padding at all sides": window(nb=2),
        "pixel": window(kh=1, kw=1, oh=1, ow=1, ih=1, iw=1, iy0=0, ix0=0, nb=3),
        "one pixel of input": window(oh=1, ow=1, ih=1, iw=1, nb=3),
        "one column": window(ow=1, iw=1, nb=2),
        "one row": window(oh=1, ih=1, nb=2),
        "two columns": window(ow=2, iw=2, kh=2, kw=2),
        "no padding": window(oh=3, ow=5, iy0=0, ix0=0),
        "kernel of 5 x 5": window(kh=5, kw=5, iy0=-2, ix0=-2, ow=min(7, depth)),
        "kernel of 16 x 16": window(kh=16, kw=16, oh=2, ow=3, iy0=-7, ix0=-7, nb=2),
        "kernel larger than the map": window(
            kh=7, kw=7, oh=2, ow=2, ih=3, iw=2, iy0=-3, ix0=-3, sy=2, sx=2
        ),
        "kernel of one column": window(kh=16, kw=1, oh=2, ix0=0),
        "kernel of one row": window(kh=1, kw=16, oh=2, iy0=0, ix0=-8),
        "stride 2": window(oh=3, ow=4, sy=2, sx=2, nb=2),
        "stride 8": window(oh=3, ow=5, sy=8, sx=8, ih=20, iw=38, iy0=-3, ix0=-1, a_row=40),
        "stride 8, first windows outside": window(ow=8, sx=8, iw=30, ix0=-32, a_row=40),
        "dilation 8": window(oh=2, ow=6, dy=8, dx=8, ih=18, iw=20, iy0=-8, ix0=-8, a_row=21),
        "dilation of columns": window(dx=2, ix0=-2),
        "dilation of rows": window(dy=3, iy0=-3, nb=2),
        "all taps above": window(iy0=-128, nb=2),
        "all taps below": window(iy0=120),
        "all taps left": window(ix0=-32),
        "all taps right": window(ix0=31),
        "mostly right": window(ix0=5, nb=2),
        "addresses that wrap": window(a_base=0xFFF8, w_base=0xFFFC, a_blk=0xFFF0, nb=2),
    }


def random_windows(rng, depth: int) -> dict[str, int]:
    """Any instruction of at most some hundred steps."""
    small = rng.random() < 0.5
    fields = window(
        a_base=rng.getrandbits(16),
        a_row=rng.getrandbits(rng.choice((4, 12))),
        a_blk=rng.getrandbits(16),
        w_base=rng.getrandbits(16),
        a_zero=rng.choice((-128, 127, 0, rng.randint(-128, 127))),
        kh=rng.randint(1, 4 if small else 16),
        kw=rng.randint(1, 4 if small else 16),
        ih=rng.choice((1, 2, 3, rng.randint(1, 30), 2048)),
        iw=rng.choice((1, 2, 3, rng.randint(1, 30), 2048)),
        nb=rng.choice((1, 1, 2, 3)),
    )
    for name in ("sy", "sx", "dy", "dx"):
        fields[name] = rng.choice((1, 1, 1, 2, 3, rng.randint(1, 8)))
    fields["iy0"] = rng.choice((0, -rng.randint(0, fields["kh"]), rng.randint(-40, 40)))
    fields["ix0"] = rng.choice((0, -rng.randint(0, fields["kw"]), rng.randint(-32, 31)))
    work = fields["kh"] * fields["kw"] * fields["nb"]
    fields["ow"] = rng.randint(1, min(depth, max(1, 600 // work), 20))
    fields["oh"] = rng.randint(1, min(8, max(1, 1500 // (work * fields["ow"]))))
    return fields
