"""The decoders: their testbench, every format by itself, and parameters that they refuse."""

import itertools

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator
from brickwork.hdl import formats
from brickwork.hdl.formats.decoder import Decoder, DecoderBank
from brickwork.hdl.formats.dybit import DyBit
from brickwork.hdl.formats.posit import Posit
from brickwork.hdl.formats.small_float import SmallFloat
from brickwork.hdl.systolic.pe_ws import PeWs
from brickwork.sim.golden import formats as golden
from refusals import choices, integers
from refusals import formats as format_names

#: Formats whose operands are wider than the golden models' integers.
WIDE = [name for name in golden.names() if golden.get(name).integers is None]
#: All other formats of each width.
SETS = {
    bits: [n for n in golden.names() if golden.get(n).bits == bits and n not in WIDE]
    for bits in range(2, 17)
}

CASES = {
    "flint4": (Decoder, dict(format="flint4")),
    "bank-4-types": (DecoderBank, dict(lanes=4, format="int4+flint4+pot4")),
    "bank-6-by-2": (DecoderBank, dict(lanes=6, format="int4+flint4", together=2, step=3)),
    **{f"all-{bits}-bit": (Decoder, dict(format="+".join(names))) for bits, names in SETS.items()},
    "int4": (Decoder, dict(format="int4")),
    "e4m3": (Decoder, dict(format="e4m3")),
    "ovp_int4": (Decoder, dict(format="ovp_int4")),
    **{f"{name}-flag": (Decoder, dict(format=name, nan_inf="flag")) for name in ["fp16", *WIDE]},
    "int4-halves": (Decoder, dict(format="int4+flint4+int8+uint8")),
    "pairs-halves": (Decoder, dict(format="ovp_int4+ovp_flint4+ovp_int8")),
    "e4m3-flag": (Decoder, dict(format="e4m3", nan_inf="flag")),
    "8-bit-flag": (
        Decoder,
        dict(format="posit8_1+int8+e5m2+ovp_int8+e4m3", nan_inf="flag"),
    ),
    "4-bit-flag": (Decoder, dict(format="posit4_0+uint8+pot4", nan_inf="flag")),
    "bank-1-pairs": (DecoderBank, dict(lanes=1, format="ovp_flint4")),
    "bank-3-e5m2-flag": (DecoderBank, dict(lanes=3, format="e5m2", nan_inf="flag")),
    "bank-5-pairs-halves": (DecoderBank, dict(lanes=5, format="ovp_int8+apot4+int8+ovp_int4")),
}
#: Each format is tried by itself below, too.
SLOW = (
    *(f"all-{bits}-bit" for bits in SETS if bits not in (2, 4, 8, 16)),
    *("int4", "e4m3", "ovp_int4", "e4m3-flag", "4-bit-flag", "bank-1-pairs"),
)

GOOD, BANK = CASES["flint4"], CASES["bank-4-types"]
WRONG = [
    *format_names(GOOD, "format", "Format"),
    *choices(GOOD, "nan_inf", "NaN and Inf handling", "'saturate' or 'flag'"),
    *integers(BANK, "lanes", "Lane count", 1),
    *integers(BANK, "together", "Lanes at a time", 1, 4),
    *integers(BANK, "step", "Step", 1),
    (BANK, {"together": 3}, ValueError, "Lane count must be a multiple of the 3 at a time, not 4"),
    *format_names(BANK, "format", "Format"),
    *choices(BANK, "nan_inf", "NaN and Inf handling", "'saturate' or 'flag'"),
]


def test_bench(run_bench, case):
    run_bench(case)


def test_wrong_parameters(refuses, wrong):
    refuses(wrong)


def test_every_format_has_a_case():
    cases = [given["format"].split("+") for kind, given in CASES.values() if kind is Decoder]
    assert {name for names in cases for name in names} == set(formats.names())


def test_names_are_those_of_the_golden_models():
    assert len(set(formats.names())) == len(formats.names())
    assert set(formats.names()) == set(golden.names())


#: Some of the formats that are not listed.
OTHERS = (
    *("e2m0", "e2m10", "e3m4", "e4m2", "e5m0", "e5m10"),
    *(
        f"gposit{bits}_{es}_{rs}"
        for bits, es in itertools.product((3, 5, 8), range(3))
        for rs in range(1, bits)
    ),
)


def test_unlisted_formats_are_those_of_the_golden_models():
    every = [
        *((SmallFloat, f"e{e}m{m}") for e, m in itertools.product(range(8), range(13))),
        *(
            (Posit, "gposit{}_{}_{}".format(*n))
            for n in itertools.product(range(10), range(4), range(10))
        ),
        *((DyBit, f"{sign}dybit{n}") for sign, n in itertools.product(("", "u"), range(10))),
    ]
    for family, name in every:
        try:
            bits = golden.get(name).bits
        except ValueError:
            bits = None
        assert getattr(family.parse(name), "bits", None) == bits


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        *(("e2m1", (2, 1, 1, False)), ("e3m0", (3, 0, 3, False)), ("e4m3", (4, 3, 7, False))),
        *(("e5m2", (5, 2, 15, True)), ("e5m3", (5, 3, 15, False)), ("fp16", (5, 10, 15, True))),
        *(("bf16", (8, 7, 127, True)), ("tf32", (8, 10, 127, True))),
    ],
)
def test_fields_of_small_floats(name, fields):
    fmt = formats.get(name)
    assert (fmt.exponent_bits, fmt.mantissa_bits, fmt.bias, fmt.has_infinity) == fields


def table_of(model):
    """The operands of all codes, in Python integers where 64 bits do not suffice."""
    if model.integers is not None:
        return model.integers
    highest = model.highest * model.unit
    values = np.nan_to_num(np.abs(model.values), nan=highest, posinf=highest) / model.unit
    sign = np.arange(len(values)) >> (model.bits - 1)
    return [
        -int(value) if negative else int(value)
        for value, negative in zip(values, sign, strict=True)
    ]


@pytest.mark.parametrize("name", [*formats.names(), *OTHERS])
def test_every_format_by_itself(name):
    """In sets operands are as wide as the widest needs; here each has to do with its own."""
    fmt, model = formats.get(name), golden.get(name)
    assert (fmt.name, fmt.bits, fmt.pair) == (name, model.bits, model.pair)
    assert (fmt.lowest, fmt.highest) == (model.lowest, model.highest)
    assert fmt.has_special == model.special.any()
    tables = [model.integers, model.outliers] if fmt.pair else [table_of(model)]
    decoder = Decoder(format=name)
    codes = np.arange(1 << fmt.bits)
    if fmt.bits > 8:
        edges = [0, 1, codes[-1] // 2, codes[-1] // 2 + 1, codes[-1]]
        codes = [*edges, *np.random.default_rng(fmt.bits).choice(codes, 50)]

    async def bench(context):
        for outlier, table in enumerate(tables):
            if fmt.pair:
                context.set(decoder.outlier, outlier)
            for code in codes:
                context.set(decoder.code, int(code))
                await context.delay(1e-9)
                terms = [
                    (term, context.get(mantissa), 0 if exponent is None else context.get(exponent))
                    for term, mantissa, exponent in fmt.operand.parts(decoder.o)
                ]
                assert sum(mantissa << exponent for _, mantissa, exponent in terms) == table[code]
                for term, mantissa, exponent in terms:
                    assert term.lowest <= mantissa <= term.highest
                    assert exponent <= term.exponents

    simulator = Simulator(decoder)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize(("a_format", "w_format"), [("e5m2", "e5m2"), ("fp16", "fp16")])
def test_products_wider_than_64_bits(a_format, w_format):
    """Decoders and a PE beyond the width of the golden models' integers."""
    m = Module()
    pe = m.submodules.pe = PeWs(a_format=a_format, w_format=w_format, psum_width=96, pipeline=0)
    decoders = Decoder(format=a_format), Decoder(format=w_format)
    m.submodules.a, m.submodules.w = decoders
    m.d.comb += [pe.acts.eq(decoders[0].o), pe.weights.eq(decoders[1].o)]
    m.d.comb += [pe.shift.eq(1), pe.swap.eq(1)]
    models = [golden.get(name) for name in (a_format, w_format)]
    random = np.random.default_rng(0)
    # After the NaNs, which count as the largest.
    sides = [
        [(1 << (model.bits - 1)) - 1, *random.integers(0, 1 << model.bits, 100)] for model in models
    ]
    products = []

    async def bench(context):
        for codes in zip(*sides, strict=True):
            operands = [
                int(model.integers[code]) for model, code in zip(models, codes, strict=True)
            ]
            for decoder, code in zip(decoders, codes, strict=True):
                context.set(decoder.code, int(code))
            psum = int(random.integers(-(1 << 62), 1 << 62)) << 20
            context.set(pe.psums, psum)
            await context.tick().repeat(3)  # shadow, weight, sum
            assert context.get(pe.psums_o) == psum + operands[0] * operands[1]
            products.append(abs(operands[0] * operands[1]))

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert max(products) >= 1 << 63


@pytest.mark.parametrize("name", golden.names())
def test_unit(name):
    """Sums that are rounded to floats rely on it."""
    assert 2.0 ** formats.get(name).unit == golden.get(name).unit
