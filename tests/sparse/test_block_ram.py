"""Pointers, entries and activations of an element become block RAM on FPGAs."""

import pytest
from brickwork.gen.studies import eie_area

#: Types of block RAM, and their data bits.
BLOCKS = {"RAMB18E1": 18 * 1024, "RAMB36E1": 36 * 1024, "DP16KD": 18 * 1024}
LARGE = ("columns.even_pointers", "columns.odd_pointers", "entries.words", "acts.values")


@pytest.mark.parametrize("target", ["xilinx7", "ecp5"])
def test_block_ram(target):
    given = eie_area.FPGA
    found = eie_area.block_ram(given, target)
    pointer = given.entries.bit_length()
    bits = dict.fromkeys(LARGE[:2], (given.columns + 1) // 2 * pointer)
    bits["entries.words"] = given.entries * (given.value_width + given.zeros_width)
    bits["acts.values"] = given.acts * given.act_width
    for name in LARGE:
        cells = found.pop(name)
        assert set(cells) <= set(BLOCKS)
        # As few blocks as hold the bits, but for widths that do not divide a block's.
        size = sum(BLOCKS[kind] * count for kind, count in cells.items())
        least = max(BLOCKS[kind] for kind in cells)
        assert bits[name] <= size < 1.25 * bits[name] + least
    # The codebook and queues are small; accumulators may be either.
    assert found.pop("accumulator_0.memory")
    assert not {kind for cells in found.values() for kind in cells} & set(BLOCKS)
