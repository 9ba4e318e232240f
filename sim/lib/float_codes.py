"""Floating-point codes for tests: special values, and pairs at every distance of exponents."""

import itertools
import random
from collections.abc import Iterator

__all__ = ["FloatCodes"]


class FloatCodes:
    """Makes codes of one layout: sign, ``exponent`` bits of exponent, ``fraction`` bits.

    Parameters
    ----------
    rng : random.Random
    exponent, fraction : int
    """

    def __init__(self, rng: random.Random, exponent: int, fraction: int):
        self.rng, self.exponent, self.fraction = rng, exponent, fraction
        self.special = (1 << exponent) - 1
        self.ones = (1 << fraction) - 1
        self.bits = 1 + exponent + fraction

    def code(self, sign: int, field: int, fraction: int) -> int:
        """The code of an exponent field, limited to those of finite normal numbers."""
        field = min(max(field, 1), self.special - 1)
        return (sign << self.exponent | field) << self.fraction | fraction

    def specials(self) -> list[int]:
        """Zeros, limits of all ranges, 1 and its neighbours, halves of its last bit, NaNs."""
        f, bias = self.fraction, self.special >> 1
        half = max(bias - f - 1, 1)
        magnitudes = {
            0,
            1,
            1 << f - 1,
            self.ones,
            1 << f,
            (1 << f) + 1,
            2 << f,
            (bias << f) - 1,
            bias << f,
            (bias << f) + 1,
            (bias << f) + self.ones,
            (bias << f) + (1 << f - 1),
            (half << f) - 1,
            half << f,
            (half << f) + 1,
            half + 1 << f,
            (self.special << f) - 2,
            (self.special << f) - 1,
            self.special << f,
            (self.special << f) + 1,
            (self.special << f) + (1 << f - 1),
            (self.special << f) + self.ones,
        }
        return [sign << self.bits - 1 | each for sign in (0, 1) for each in sorted(magnitudes)]

    def fractions(self) -> list[int]:
        """No bit, single ones at both ends, all ones, alternating bits, and a random one."""
        return sorted(
            {0, 1, self.ones, self.ones - 1, 1 << self.fraction - 1, self.ones // 3}
            | {self.rng.getrandbits(self.fraction)}
        )

    def distances(self) -> Iterator[tuple[int, int]]:
        """Pairs of all signs at every distance of exponents that matters, at both ends."""
        most = min(self.special - 2, self.fraction + 5)
        far = {self.special - 2, self.special - 3, self.special >> 1}
        far |= {1 << n for n in range(self.exponent)}
        for distance in [*range(most + 1), *sorted(far - set(range(most + 1)))]:
            for top in {distance + 1, self.special - 1, self.rng.randint(1, self.special - 1)}:
                for x, y in itertools.product(self.fractions(), repeat=2):
                    signs = self.rng.getrandbits(2)
                    pair = [
                        self.code(signs & 1, top, x),
                        self.code(signs >> 1, top - distance, y),
                    ]
                    self.rng.shuffle(pair)
                    yield pair[0], pair[1]
                    yield pair[0], pair[1] ^ 1 << self.bits - 1

    def cancelling(self, count: int) -> Iterator[tuple[int, int]]:
        """Opposite numbers, and pairs that differ in few of the low bits."""
        for _ in range(count):
            magnitude = self.rng.getrandbits(self.bits - 1)
            sign = self.rng.getrandbits(1) << self.bits - 1
            other = magnitude ^ self.rng.getrandbits(self.rng.randint(0, self.fraction + 1))
            yield magnitude | sign, other | (sign ^ 1 << self.bits - 1)
            yield magnitude | sign, magnitude | (sign ^ 1 << self.bits - 1)

    def random(self) -> int:
        """Any code."""
        return self.rng.getrandbits(self.bits)

    def near(self, code: int) -> int:
        """A code whose exponent is close to another's."""
        field = code >> self.fraction & self.special
        offset = self.rng.randint(-self.fraction - 3, self.fraction + 3) // self.rng.randint(1, 4)
        return self.code(
            self.rng.getrandbits(1), field + offset, self.rng.getrandbits(self.fraction)
        )
