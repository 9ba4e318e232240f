"""Quantization parameters for tests: fields of a word, corner cases by name, random values."""

import itertools

from ..golden import formats
from .trace import join

__all__ = ["Channels"]


class Channels:
    """Makes values for channels of one accumulator width, output and format.

    Parameters
    ----------
    rng : random.Random
    acc_width, output, out_format
        Parameters of the unit.
    """

    def __init__(self, rng, *, acc_width: int, output: str, out_format: str):
        self.rng, self.acc_width, self.output = rng, acc_width, output
        out = self.out = formats.get(out_format)
        self.fields = {"bias": min(acc_width, 64)}
        if output == "scale":
            self.fields["multiplier"] = 24
        if output == "threshold":
            self.fields["flip"] = 1
        elif output != "bias":
            # From a shift by acc_width + 25 on, every product with a multiplier is rounded to 0.
            matter = acc_width + 24 if output == "scale" else 0
            self.fields["shift"] = max(6, matter.bit_length())
            self.fields |= {"zero_point": out.bits, "low": out.bits, "high": out.bits}
        self.width = sum(self.fields.values())
        self.highest_shift = (1 << self.fields.get("shift", 0)) - 1

    def word(self, values: dict[str, int]) -> int:
        """The word of a channel: its fields from bit 0 up."""
        word = at = 0
        for name, width in self.fields.items():
            word |= join([values[name]], width) << at
            at += width
        return word

    def make(self, **values: int) -> dict[str, int]:
        """A channel with ``values``; the other parameters only clamp to the format."""
        neutral = {"bias": 0, "multiplier": 1, "shift": 0, "zero_point": 0, "flip": 0}
        neutral |= {"low": self.out.lowest, "high": self.out.highest} | values
        return {name: int(neutral[name]) for name in self.fields}

    def acc(self) -> int:
        """An accumulator of any magnitude."""
        return self.rng.getrandbits(self.acc_width) - (1 << (self.acc_width - 1)) >> (
            self.rng.randrange(self.acc_width)
        )

    def acc_by_tie(self, values: dict[str, int]) -> int:
        """An accumulator whose product is next to a half-integer, if the channel has one."""
        divisor = 2 * values.get("multiplier", 1)
        odd = 2 * self.rng.randint(self.out.lowest, self.out.highest) + 1
        if divisor:
            acc = (odd << values["shift"]) // divisor - values["bias"] + self.rng.getrandbits(1)
            if self._fits(acc):
                return acc
        return self.acc()

    def bias(self) -> int:
        """A bias of any magnitude."""
        return self.acc() >> self.acc_width - self.fields["bias"]

    def random(self) -> dict[str, int]:
        """Random values; most give results of all magnitudes within the format."""
        rng, out = self.rng, self.out
        limits = sorted(rng.randint(out.lowest, out.highest) for _ in "lh")
        if rng.random() < 0.6:
            limits = [out.lowest, out.highest]
        if self.output == "scale" and rng.random() < 0.3:
            # Many accumulators make ties, or would without a low bit of the multiplier.
            top = rng.randrange(24)
            return self.make(
                bias=rng.choice([0, 0, self.bias()]),
                multiplier=1 << top | rng.getrandbits(1) << rng.randrange(top + 1),
                shift=min(self.highest_shift, top + 1 + rng.randrange(self.acc_width)),
            )
        multiplier = rng.choice([rng.getrandbits(24), 1 << rng.randrange(24)])
        bits = self.acc_width + (multiplier.bit_length() if self.output == "scale" else 0)
        return self.make(
            bias=self.bias(),
            multiplier=multiplier,
            shift=min(
                self.highest_shift,
                max(0, rng.choice([rng.randrange(64), bits - rng.randint(0, bits)])),
            ),
            zero_point=rng.randint(out.lowest, out.highest),
            low=limits[0],
            high=limits[1],
            flip=rng.getrandbits(1),
        )

    def corners(self) -> dict[str, list[tuple[dict[str, int], list[int]]]]:
        """Name of each corner case to channels, each with accumulators that reach the corner."""
        out, width = self.out, self.acc_width
        low, high = -1 << (width - 1), (1 << (width - 1)) - 1
        excess = width - self.fields["bias"]

        def fitting(values):
            return [value for value in values if self._fits(value)]

        def below_ties(shift):
            """Products that are a tie but for one bit anywhere below, next to an even result."""
            for n in range(shift - 1):
                product = (1 << shift >> 1) + (1 << n)
                for even, factor in itertools.product((0, 2, 4), range(1, multipliers)):
                    acc, rest = divmod(product + (even << shift), factor)
                    if not rest and acc <= high:
                        yield self.make(multiplier=factor, shift=shift), [acc]
                        break

        multipliers = 256 if self.output == "scale" else 2
        extremes = fitting([low, low + 1, -2, -1, 0, 1, 2, high - 1, high])
        if self.output == "bias":
            return {"extremes": [(self.make(bias=bias), extremes) for bias in extremes]}
        if self.output == "threshold":
            return {
                "thresholds": [
                    (self.make(bias=-at, flip=flip), fitting([*extremes, at - 1, at, at + 1]))
                    for at in {*fitting([-low, 1 - low]), *extremes, -high} - {low}
                    for flip in (0, 1)
                ]
                + [(self.make(bias=low, flip=flip), extremes) for flip in (0, 1)]
            }
        zero_points = {out.lowest, 0, 1, out.highest}
        shifts = sorted({1, 2, 3, 7, 8, 9, min(width - 1, 24), min(width - 1, 63), 40})
        corners = {
            "extremes": [
                (self.make(bias=bias, multiplier=multiplier, shift=shift, zero_point=z), extremes)
                for bias in (low >> excess, 0, high >> excess)
                for multiplier in ((0, 1, (1 << 24) - 1) if self.output == "scale" else (1,))
                for shift in sorted({0, 1, 62, 63, self.highest_shift})
                for z in (out.lowest, out.highest)
            ],
            # Ties, and values next to ties, of small odd and even numbers of either sign.
            "ties": [
                (
                    self.make(shift=shift, zero_point=z),
                    fitting([(n << (shift - 1)) + d for n in range(-6, 7) for d in (-1, 0, 1)]),
                )
                for shift in shifts
                for z in zero_points
            ],
            "bits below ties": [case for shift in (8, 16, 32) for case in below_ties(shift)],
            # Results next to the limits of the format, and to narrower limits.
            "saturation": [
                (
                    self.make(shift=shift, zero_point=z, low=bounds[0], high=bounds[1]),
                    fitting(
                        [
                            (edge - z + d << shift) + half
                            for edge in bounds
                            for d in (-2, -1, 0, 1, 2)
                            for half in (0, 1 << shift >> 1)
                        ]
                        # Beyond in one bit alone, which is not to be overlooked.
                        + [sign ^ 1 << n for n in range(width) for sign in (0, -1)]
                    ),
                )
                for shift in (0, 1, 4)
                for z in zero_points
                for bounds in [
                    (out.lowest, out.highest),
                    (out.lowest + 1, out.highest - 1),
                    (out.highest, out.highest),
                ]
            ],
            "every shift": [
                (self.make(shift=shift, bias=1), fitting([*extremes, 1 << shift, 5 << shift >> 1]))
                for shift in range(self.highest_shift + 1)
            ],
        }
        if self.output == "scale":
            # One bit far below the half decides, and products that are ties.
            corners["products next to ties"] = [
                (self.make(multiplier=multiplier, shift=shift), extremes)
                for shift in (1, 8, 16, 23, 24, 25, 46, 47)
                for multiplier in (1 << min(shift, 24) - 1, (1 << min(shift, 24) - 1) + 1, 3 << 21)
            ]
            # Nothing but the half falls out of a shift by more than 32.
            corners["ties of large shifts"] = [
                (
                    self.make(multiplier=1 << 23, shift=shift),
                    fitting([n << shift - 24 for n in (-3, -1, 1, 3, 5)]),
                )
                for shift in (32, 33, 36, 40)
            ]
            # After the shift next to 0 or -1, but for one bit far above.
            large = (1 << 23) + 1
            corners["products beyond in a bit"] = [
                (
                    self.make(multiplier=large, shift=23),
                    fitting([(sign ^ 1 << n) // large for n in range(24, width + 23)]),
                )
                for sign in (0, -1)
            ]
            halves = [*range(6), out.highest // 2, out.highest - 1, out.highest]
            corners["float32 beside ties"] = [
                (self.make(multiplier=multiplier, shift=shift), fitting([acc, -acc]))
                for half in halves
                for acc in (
                    *(1 << bit | self.rng.getrandbits(bit) for bit in range(width - 1)),
                    *((1 << 24) + d for d in (-1, 0, 1)),
                )
                for multiplier, shift in self._beside_tie(2 * half + 1, acc)
            ]
            corners["float32 at half a spacing from ties"] = [
                (self.make(multiplier=multiplier, shift=shift), fitting([acc, -acc]))
                for half in halves
                for acc, multiplier, shift in self._half_a_spacing_from_tie(2 * half + 1)
            ]
        corners = {
            name: [(values, accs) for values, accs in cases if accs]
            for name, cases in corners.items()
        }
        return {name: cases for name, cases in corners.items() if cases}

    def _fits(self, acc: int) -> bool:
        return -1 << (self.acc_width - 1) <= acc < 1 << (self.acc_width - 1)

    def _beside_tie(self, odd: int, acc: int):
        """Scales, as multiplier and shift, next to that whose product with ``acc`` is odd / 2."""
        if not acc:
            return
        shift = 24 + acc.bit_length() - odd.bit_length()
        if 0 < shift <= self.highest_shift:
            below = (odd << shift - 1) // acc
            for multiplier in range(below - 1, below + 3):
                if multiplier < 1 << 24:
                    yield multiplier, shift

    def _half_a_spacing_from_tie(self, odd: int):
        """Accumulators, multipliers and shifts whose product is half a spacing of float32 from
        odd / 2, or so and the last bit more or less."""
        for side, bits, rest in itertools.product((-1, 1), range(5), (-1, 0, 1)):
            # The spacing of the product, which has the leading one of the side of 1/2 where it is.
            exponent = int(odd + side / 2).bit_length() - 2
            product = ((odd << 23 - exponent) + side << bits) + rest
            shift = 24 - exponent + bits
            for acc in range(1, 256):
                if not product % acc and product // acc < 1 << 24:
                    yield acc, product // acc, shift
                    break
