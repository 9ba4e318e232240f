"""What benches of LOAD and STORE have in common: words with fields, instructions."""

import random

from ...golden.npu.run_addresses import run_addresses
from ..bus._beats import bursts

__all__ = ["SEGMENTS", "Instructions", "fields_of", "word_of"]

SEGMENTS = 8
_CHIP_WORDS = 1 << 16


def word_of(stream: dict, values: dict[str, int]) -> int:
    """A word of a stream of the manifest; fields without a value are 0."""
    layout = {field["name"]: field for field in stream["fields"]}
    return sum(
        (value & ((1 << layout[name]["width"]) - 1)) << layout[name]["offset"]
        for name, value in values.items()
    )


def fields_of(stream: dict, word: int) -> dict[str, int]:
    """The fields of a word, as unsigned integers."""
    return {
        field["name"]: word >> field["offset"] & ((1 << field["width"]) - 1)
        for field in stream["fields"]
    }


class Instructions:
    """Random instructions that stay within DRAM and within the memories on chip.

    Attributes
    ----------
    bases : list of int
        Address of each segment: anywhere in DRAM, also with bits below a beat.
    """

    def __init__(self, rng: random.Random, address_width: int, sizes: list[int]):
        self.rng, self.sizes = rng, sizes
        self.room = 1 << address_width
        self.bases = [rng.randrange(self.room // 2) for _ in range(SEGMENTS)]

    def random(self, *, most_run=100, most_runs=6, memory=None) -> dict[str, int]:
        """Fields of an instruction; runs of it may touch, and lie in one another for LOAD."""
        rng = self.rng
        while True:
            run = rng.choice([1, rng.randint(1, 20), rng.randint(1, most_run)])
            n1, n2 = rng.randint(1, most_runs), rng.choice([1, 1, rng.randint(1, 4)])
            stride1 = rng.choice([run, run + rng.randint(0, 40), rng.randint(0, 300)])
            stride2 = rng.choice([n1 * stride1, rng.randint(0, 2000)])
            memory_ = rng.choice([0, 0, 1, 2, 3]) if memory is None else memory
            words = -(-run // self.sizes[memory_])
            base1 = rng.choice([words, rng.randint(0, 20)])
            fields = {
                "memory": memory_,
                "segment": rng.randrange(SEGMENTS),
                "offset": rng.choice([rng.randrange(64), rng.randrange(1 << 32)]),
                "base": rng.choice([0, rng.randrange(_CHIP_WORDS)]),
                "run": run - 1,
                "n1": n1 - 1,
                "n2": n2 - 1,
                "stride1": stride1,
                "stride2": stride2,
                "base1": base1,
                "base2": rng.choice([n1 * base1, rng.randint(0, 100)]),
                "tail": rng.choice([0, 0, rng.randrange(64)]),
                "fill": rng.randrange(256),
            }
            if self.fits(fields):
                return fields

    def fits(self, fields: dict[str, int]) -> bool:
        """Whether all bytes are in DRAM, and all words in the memory."""
        counts, run = (fields["n1"] + 1, fields["n2"] + 1), fields["run"] + 1
        start = self.bases[fields["segment"]] + fields["offset"]
        ends = run_addresses(start, *counts, fields["stride1"], fields["stride2"])
        words = run_addresses(fields["base"], *counts, fields["base1"], fields["base2"])
        size = self.sizes[fields["memory"]]
        return max(ends) + run <= self.room and max(words) + -(-run // size) <= _CHIP_WORDS

    def bursts(self, fields: dict[str, int], data_width: int, burst: int) -> list[tuple[int, int]]:
        """Bursts of all runs: first beat and number of beats of each."""
        size = data_width // 8
        start = self.bases[fields["segment"]] + fields["offset"]
        counts = fields["n1"] + 1, fields["n2"] + 1
        results = []
        for address in run_addresses(start, *counts, fields["stride1"], fields["stride2"]):
            first, last = address // size, (address + fields["run"]) // size
            results += bursts(first, last - first + 1, burst)
        return results

    def whole(self, run: int, **fields: int) -> dict[str, int]:
        """Fields of an instruction with a run of so many bytes; all others 0, or as they are."""
        names = ("memory", "segment", "offset", "base", "n1", "n2", "stride1", "stride2")
        names += ("base1", "base2", "tail", "fill")
        return dict.fromkeys(names, 0) | {"run": run - 1} | fields
