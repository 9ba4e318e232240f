"""Testbench of an accumulator of scaled groups, and of a bank of them."""

import cocotb
import numpy as np

from ...golden.float.scale_product import product_mantissa
from ...golden.float.scaled_accumulator import ScaledVisit, scaled_accumulator
from ...golden.formats.scale_codes import get_scale_format
from ...lib.bench import Bench, manifest
from ...lib.trace import late, play, skewed

#: Cycles from a visit's announcement to its partial sum, and to the row's next visit.
PSUM, REVISIT = 2, 6


def timing(params):
    """Cycles from a visit's announcement to the scale, and to the sum of the row."""
    tiles = params["group_width"] > 0
    width, unit = params["group_width"] or params["psum_width"], params["unit"]
    mantissa = product_mantissa(params["w_scale"], params["a_scale"])
    # Sums of groups that are numbers of binary32, or as good as such, are rounded once.
    if (width <= 25 or mantissa == 0) and unit >= -126 and unit + width <= 128:
        return 2 + tiles, (9 if mantissa else 8) + tiles
    return 4 + tiles, 10 + tiles


class Groups:
    """Makes the visits of jobs, tile by tile, as a sequencer lets them go.

    Parameters
    ----------
    psums, scales : function
        Of a shape; ``scales`` also of the name of a format.
    busy : float
        Share of the cycles in which a row is there.
    """

    def __init__(self, bench, *, psums, scales, busy=1.0):
        self.rng, self.draw, self.scales, self.busy = bench.rng, psums, scales, busy
        self.params = params = manifest().parameters
        self.lanes = params.get("lanes", 1)
        self.tiles = params["group_width"] > 0
        self.visits, self.claims = [], []

    def job(self, rows, groups):
        """Sums of some groups in each of so many rows."""
        most = 1
        if self.tiles:
            most = min(4, 1 << self.params["group_width"] - self.params["psum_width"])
        for group in range(groups):
            count = self.rng.randint(1, most)
            scales = self.scales(self.lanes, self.params["w_scale"])
            for tile in range(count):
                self._tile(rows, scales, tile == 0, tile == count - 1, group == 0)

    def _tile(self, rows, scales, opens, closes, begins):
        for row in range(rows):
            while self.rng.random() >= self.busy:
                self._append(None)
            a_scale = None
            if self.params["a_scale"] != "none":
                a_scale = int(self.scales(1, self.params["a_scale"])[0])
            visit = ScaledVisit(row, opens, closes, begins, self.draw(self.lanes), scales, a_scale)
            self._append(visit, claims=closes and row == 0)
        for _ in range(REVISIT - rows):
            self._append(None)

    def _append(self, visit, claims=False):
        self.visits.append(visit)
        self.claims.append(claims)


class Sums:
    """The unit, with visits in consecutive cycles."""

    def __init__(self, dut):
        self.bench = Bench(dut)
        self.params = manifest().parameters
        self.lanes = self.params.get("lanes", 1)
        (self.fields,) = (p["fields"] for p in manifest().ports if p["name"] == "visit")

    def word(self, visit, claims):
        """A visit's code; what is no visit claims nothing, and says nothing else."""
        values = {
            field["name"]: self.bench.rng.getrandbits(field["width"]) for field in self.fields
        }
        values |= dict(valid=0, claims=0)
        if visit is not None:
            values |= dict(valid=1, claims=claims) | {
                name: getattr(visit, name) for name in values.keys() & set(visit._fields)
            }
        return sum(int(values[field["name"]]) << field["offset"] for field in self.fields)

    async def check(self, groups):
        scale_age, sum_age = timing(self.params)
        tail = self.lanes + sum_age + 1
        visits, claims = groups.visits + [None] * tail, groups.claims + [False] * tail
        length, shape = len(visits), (len(visits), self.lanes)
        draw = self.bench.random
        # Without a visit, and where nothing is claimed, there is anything.
        psums, scales = groups.draw(shape), groups.scales(shape, self.params["w_scale"])
        for cycle, (visit, claim) in enumerate(zip(visits, claims, strict=True)):
            if visit is not None:
                psums[cycle] = visit.psums
            scales[cycle] = visit.w_scales if claim else draw.permutation(scales[cycle])
        expected, closing = np.zeros(shape, np.int64), np.zeros(shape, bool)
        sums = scaled_accumulator(
            [visit for visit in visits if visit is not None],
            **{name: self.params[name] for name in ("unit", "w_scale", "a_scale")},
        )
        sums = iter(sums)
        for cycle, visit in enumerate(visits):
            if visit is not None and (total := next(sums)) is not None:
                expected[cycle], closing[cycle] = total, True
        words = [self.word(*each) for each in zip(visits, claims, strict=True)]
        port = "scales" if "lanes" in self.params else "scale"
        inputs = {
            "visit": words,
            "psums": skewed(late(psums, PSUM)),
            port: skewed(late(scales, scale_age)),
        }
        await self.bench.reset()
        trace = await play(self.bench, inputs)
        trace.check("sums", late(skewed(expected), sum_age), late(skewed(closing), sum_age))
        visits_o = [0] * self.lanes + words[: length - self.lanes]
        trace.check("visit_o", visits_o, np.arange(length) >= self.lanes)

    def any_psums(self, shape):
        """Integers of any magnitude, and limits."""
        width = self.params["psum_width"]
        half = 1 << width - 1
        values = np.empty(shape, object).ravel()
        for n in range(len(values)):
            any_ = self.bench.rng.randint(-half, half - 1) >> self.bench.rng.randrange(width)
            values[n] = self.bench.rng.choice((any_, any_, any_, any_, -half, half - 1, 0))
        return values.reshape(shape)

    def few_psums(self, shape):
        """Few integers and their opposites: sums that come back to zero."""
        return self.bench.random.choice(np.array([-2, -1, -1, 0, 1, 1, 2], object), shape)

    def any_scales(self, shape, name):
        """Any codes."""
        return self.bench.random.integers(0, 1 << get_scale_format(name).bits, shape)

    def close_scales(self, shape, name):
        """Codes of positive numbers from 1 to below 8, with products far from the limits."""
        fmt = get_scale_format(name)
        one = fmt.bias << fmt.mantissa
        return self.bench.random.integers(one, one + (3 << fmt.mantissa), shape)

    def few_scales(self, shape, name):
        """1, 2 and, of formats with a sign, -1."""
        fmt = get_scale_format(name)
        one = fmt.bias << fmt.mantissa
        codes = [one, one, one + (1 << fmt.mantissa)]
        codes += [one | 1 << fmt.bits - 1] if name != "e8m0" else []
        return self.bench.random.choice(codes, shape)


KINDS = ["any", "close", "few"]


def groups_of(sums, kind, busy=1.0):
    psums = sums.few_psums if kind == "few" else sums.any_psums
    scales = getattr(sums, f"{kind}_scales")
    return Groups(sums.bench, psums=psums, scales=scales, busy=busy)


@cocotb.test()
@cocotb.parametrize(kind=KINDS, busy=[1.0, 0.6])
async def jobs(dut, kind, busy):
    """Jobs of any height, one right behind the other, with rows in each cycle and with pauses."""
    sums = Sums(dut)
    groups = groups_of(sums, kind, busy)
    for _ in range(25):
        depth = sums.params["depth"]
        rows = sums.bench.rng.choice([1, depth, sums.bench.rng.randint(1, depth)])
        groups.job(rows, sums.bench.rng.randint(1, 4))
    await sums.check(groups)


@cocotb.test()
async def one_row(dut):
    """Groups as close as they may come: the scale of the column changes every 6 cycles."""
    sums = Sums(dut)
    groups = groups_of(sums, "close")
    for _ in range(10):
        groups.job(1, 12)
    await sums.check(groups)


@cocotb.test()
async def long_sums(dut):
    """Each row keeps sums of its own over many groups."""
    sums = Sums(dut)
    groups = groups_of(sums, "close")
    for _ in range(2):
        groups.job(min(sums.params["depth"], 40), 12)
    await sums.check(groups)


@cocotb.test()
async def again_after_a_reset(dut):
    """Scales, groups and sums that a reset finds on their way do not count."""
    sums = Sums(dut)
    for _ in range(12):
        groups = groups_of(sums, sums.bench.rng.choice(KINDS))
        groups.job(sums.bench.rng.randint(1, sums.params["depth"]), 2)
        await sums.check(groups)
