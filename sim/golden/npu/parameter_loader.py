"""Channels whose parameters the lanes of the vector engine have, block by block."""

__all__ = ["parameter_sets"]


def parameter_sets(
    base: int, blocks: int, shared: bool, lanes: int, address_width: int
) -> list[list[int]]:
    """For each set the channel of each lane: a set a block, or with ``shared`` one set."""
    if shared:
        return [[base] * lanes]
    return [
        [(base + block * lanes + lane) % (1 << address_width) for lane in range(lanes)]
        for block in range(blocks)
    ]
