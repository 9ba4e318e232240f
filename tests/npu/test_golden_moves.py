"""Golden models of LOAD and STORE beside numpy's strided views."""

import numpy as np
import pytest
from brickwork.sim.golden.npu.load_engine import load_engine
from brickwork.sim.golden.npu.store_engine import store_engine

BASES = (7, 100, 1000, 1, 2, 3, 4, 5)
SIZES = (6, 5, 12, 4)


def moves(rng):
    """Random fields; the runs of one do not touch each other."""
    for memory in rng.permutation(np.repeat(range(4), 20)):
        run, n1, n2 = (int(most) for most in rng.integers(1, (40, 5, 4)))
        words = -(-run // SIZES[memory])
        base1 = words + int(rng.integers(3))
        stride1 = run + int(rng.integers(9))
        yield {
            "memory": int(memory),
            "segment": int(rng.integers(8)),
            "offset": int(rng.integers(50)),
            "base": int(rng.integers(9)),
            "run": run - 1,
            "n1": n1 - 1,
            "n2": n2 - 1,
            "stride1": stride1,
            "stride2": n1 * stride1 + int(rng.integers(20)),
            "base1": base1,
            "base2": n1 * base1 + int(rng.integers(4)),
            "tail": int(rng.integers(8)) if rng.random() < 0.5 else 0,
            "fill": int(rng.integers(256)),
        }


def views(fields, dram, chip):
    """All runs as an array in DRAM, and all words and lanes as an array on chip."""
    counts, run = (fields["n2"] + 1, fields["n1"] + 1), fields["run"] + 1
    size = chip.shape[1]
    start = BASES[fields["segment"]] + fields["offset"]
    strides = fields["stride2"], fields["stride1"], 1
    runs = np.lib.stride_tricks.as_strided(dram[start:], (*counts, run), strides)
    steps = fields["base2"] * size, fields["base1"] * size, 1
    shape = *counts, -(-run // size) * size
    words = np.lib.stride_tricks.as_strided(chip[fields["base"] :], shape, steps)
    return runs, words


@pytest.mark.parametrize("seed", range(3))
def test_load(seed):
    rng = np.random.default_rng(seed)
    dram = rng.integers(0, 256, 4000, np.uint8)
    for fields in moves(rng):
        size = SIZES[fields["memory"]]
        actual, expected = np.zeros((2, 400, size), np.uint8)
        runs, words = views(fields, dram, expected)
        words[...] = fields["fill"]
        words[..., : runs.shape[-1]] = runs
        if fields["memory"] == 0 and fields["tail"]:
            words[..., np.arange(words.shape[-1]) % size >= fields["tail"]] = fields["fill"]
        read = lambda address, length: dram[address : address + length].tobytes()  # noqa: E731
        for memory, address, word in load_engine(fields, BASES, read, SIZES):
            assert memory == fields["memory"]
            actual[address] = list(word)
        assert (actual == expected).all()


@pytest.mark.parametrize("seed", range(3))
def test_store(seed):
    rng = np.random.default_rng(seed)
    chip = rng.integers(0, 256, (400, SIZES[0]), np.uint8)
    for fields in moves(rng):
        fields["memory"] = 0
        fields["base1"] = -(-(fields["run"] + 1) // SIZES[0])
        fields["base2"] = (fields["n1"] + 1) * fields["base1"]
        actual, expected = np.zeros((2, 4000), np.uint8)
        runs, words = views(fields, expected, chip)
        lanes = np.arange(runs.shape[-1]) % SIZES[0]
        written = lanes < (fields["tail"] or SIZES[0])
        runs[..., written] = words[..., : runs.shape[-1]][..., written]
        for address, byte in store_engine(fields, BASES, lambda at: chip[at].tobytes()):
            actual[address] = byte
        assert (actual == expected).all()
