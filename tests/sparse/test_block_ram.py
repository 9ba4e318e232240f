"""Pointers, entries and activations of a PE become block RAM on FPGAs."""

import pytest
from brickwork.gen.studies import eie_area

#: Types of block RAM, and their data bits.
BLOCKS = {"RAMB18E1": 18 * 1024, "RAMB36E1": 36 * 1024, "DP16KD": 18 * 1024}
LARGE = ("columns.even_pointers", "columns.odd_pointers", "entries.words", "acts.values")


@pytest.mark.parametrize("target", [pytest.param("xilinx7", marks=pytest.mark.slow), "ecp5"])
def test_block_ram(target):
    parameters = eie_area.FPGA
    cells_of = eie_area.block_ram(parameters, target)
    pointer = parameters.entries.bit_length()
    bits = dict.fromkeys(LARGE[:2], (parameters.columns + 1) // 2 * pointer)
    bits["entries.words"] = parameters.entries * (
        parameters.index_width + parameters.run_length_width
    )
    bits["acts.values"] = parameters.acts * parameters.act_width
    for name in LARGE:
        cells = cells_of.pop(name)
        assert set(cells) <= set(BLOCKS)
        # The fewest blocks that hold the bits, except for widths that do not divide a block's.
        size = sum(BLOCKS[resource] * count for resource, count in cells.items())
        least = max(BLOCKS[resource] for resource in cells)
        assert bits[name] <= size < 1.25 * bits[name] + least
    # The codebook and queues are small; accumulators may be either.
    assert cells_of.pop("accumulator_0.memory")
    assert not {resource for cells in cells_of.values() for resource in cells} & set(BLOCKS)
