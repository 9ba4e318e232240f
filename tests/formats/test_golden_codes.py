"""What the codes of number formats stand for, against other definitions and published tables."""

import itertools
import math
import re
from fractions import Fraction

import gfloat
import gfloat.formats
import ml_dtypes
import numpy as np
import pytest
from brickwork.sim.golden import formats

SMALL_FLOATS = {
    "e2m1": (ml_dtypes.float4_e2m1fn, gfloat.formats.format_info_ocp_e2m1),
    "e2m3": (ml_dtypes.float6_e2m3fn, gfloat.formats.format_info_ocp_e2m3),
    "e3m2": (ml_dtypes.float6_e3m2fn, gfloat.formats.format_info_ocp_e3m2),
    "e4m3": (ml_dtypes.float8_e4m3fn, gfloat.formats.format_info_ocp_e4m3),
    "e5m2": (ml_dtypes.float8_e5m2, gfloat.formats.format_info_ocp_e5m2),
    "fp16": (np.float16, gfloat.formats.format_info_binary16),
    "bf16": (ml_dtypes.bfloat16, gfloat.formats.format_info_bfloat16),
}
#: Formats whose operands are wider than int64.
WIDE = [name for name in formats.names() if formats.get(name).integers is None]
EXACT = [name for name in formats.names() if name not in WIDE]
#: Exponent and mantissa bits of the formats called ``e<E>m<M>`` that no standard has.
OTHER_FLOATS = [
    (e, m) for e in range(2, 6) for m in range(11) if f"e{e}m{m}" not in formats.names()
]


def integers(name):
    return formats.get(name).integers.tolist()


def magnitudes(name):
    """Operands of the codes without the sign bit, of a format with one; the others mirror them."""
    values = integers(name)
    half = len(values) // 2
    assert values[half:] == [-value for value in values[:half]]
    return values[:half]


class TestNames:
    def test_all(self):
        names = formats.names()
        assert len(names) == len(set(names)) == 137
        families = {
            "int": [*(f"int{n}" for n in range(2, 17)), *(f"uint{n}" for n in range(2, 17))],
            "pot": [*(f"pot{n}" for n in range(2, 7)), *(f"upot{n}" for n in range(2, 7))],
            "flint": [*(f"flint{n}" for n in range(3, 9)), *(f"uflint{n}" for n in range(3, 9))],
            "apot": [*(f"apot{n}" for n in range(3, 8)), *(f"uapot{n}" for n in range(2, 7))],
            "float": [
                *("e2m1", "e3m0", "e2m3", "e3m2", "e4m3", "e5m2"),
                *("fp16", "bf16", "tf32"),
            ],
            "posit": [
                *(f"posit{n}_{es}" for n in range(3, 9) for es in range(3)),
                *("gposit4_1_2", "gposit6_1_2", "gposit8_0_3", "gposit8_1_3", "gposit8_2_2"),
            ],
            "adaptivfloat": [
                f"adaptivfloat{n}_{e}" for n in range(3, 9) for e in range(1, min(5, n - 1) + 1)
            ],
            "cfloat": ["cfloat8_e4m3", "cfloat8_e5m2", "cfloat16_e5m10"],
            "dybit": [*(f"dybit{n}" for n in range(3, 9)), *(f"udybit{n}" for n in range(3, 9))],
            "ovp": ["ovp_int4", "ovp_flint4", "ovp_int8", "ovp_int8_e2m5"],
        }
        assert names == [name for family in families.values() for name in family]
        for family, members in families.items():
            assert {formats.get(name).family for name in members} == {family}

    @pytest.mark.parametrize("name", formats.names())
    def test_invariants(self, name):
        fmt = formats.get(name)
        assert fmt is formats.get(name)
        assert fmt.name == name
        digits = re.fullmatch(r"[a-z_]+(\d+).*", name)[1]
        small = re.fullmatch(r"e(\d)m(\d)", name)
        bits = {"tf32": 19}.get(name, 1 + int(name[1]) + int(name[3]) if small else int(digits))
        assert fmt.bits == bits
        assert fmt.signed != name.startswith("u")
        assert fmt.pair == name.startswith("ovp_")
        assert math.frexp(fmt.unit)[0] == 0.5
        if name in WIDE:
            operands = np.where(fmt.special, 0, fmt.values / fmt.unit)
            tables = []
        else:
            tables = [fmt.integers, *([fmt.outliers] if fmt.pair else [])]
            assert {table.dtype for table in tables} == {np.dtype(np.int64)}
            operands = np.concatenate(tables)
        assert fmt.values.dtype == np.float64
        assert fmt.special.dtype == bool
        for table in (*tables, fmt.values, fmt.special):
            assert table.shape == (1 << fmt.bits,)
            assert not table.flags.writeable
        assert (fmt.lowest, fmt.highest) == (operands.min(), operands.max())
        assert type(fmt.lowest) is type(fmt.highest) is int
        assert np.array_equal(np.isfinite(fmt.values), ~fmt.special)
        usual = ~fmt.special
        if name not in WIDE:
            assert np.array_equal(fmt.values[usual], fmt.integers[usual] * fmt.unit)
        assert not np.signbit(fmt.values[fmt.values == 0]).any()
        if fmt.family == "int":
            assert (fmt.lowest_code, fmt.highest_code) == (fmt.lowest, fmt.highest)
        else:
            assert (fmt.lowest_code, fmt.highest_code) == (0, (1 << fmt.bits) - 1)
        assert (fmt.identifier is None) == (fmt.outliers is None) == (not fmt.pair)

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("flimt4", "must be a number format, not 'flimt4'; did you mean 'flint4'?"),
            ("INT8", "must be a number format, not 'INT8'; did you mean 'int8'?"),
            ("posit8", "must be a number format, not 'posit8'; did you mean 'posit8_2'?"),
            ("int08", "must be a number format, not 'int08'; did you mean 'int8'?"),
            ("flint4 ", "must be a number format, not 'flint4 '; did you mean 'flint4'?"),
            ("int٨", "must be a number format, not 'int٨'; did you mean 'int9'?"),
            ("bfp", "must be a number format, not 'bfp'; see: brickwork formats"),
            ("", "must be a number format, not ''; see: brickwork formats"),
            (8, "must be a number format, not 8; see: brickwork formats"),
            (None, "must be a number format, not None; see: brickwork formats"),
            (["int8"], "must be a number format, not ['int8']; see: brickwork formats"),
            ("int99", "int<N> takes N from 2 to 16, not 99"),
            ("int1", "int<N> takes N from 2 to 16, not 1"),
            ("uint0", "uint<N> takes N from 2 to 16, not 0"),
            ("pot9", "pot<N> takes N from 2 to 6, not 9"),
            ("upot1", "upot<N> takes N from 2 to 6, not 1"),
            ("flint12", "flint<N> takes N from 3 to 8, not 12"),
            ("uflint2", "uflint<N> takes N from 3 to 8, not 2"),
            ("apot2", "apot<N> takes N from 3 to 7, not 2"),
            ("uapot7", "uapot<N> takes N from 2 to 6, not 7"),
            ("posit16_1", "posit<N>_<es> takes N from 3 to 8, not 16"),
            ("posit8_3", "posit<N>_<es> takes es from 0 to 2, not 3"),
            ("e6m1", "e<E>m<M> takes E from 2 to 5, not 6"),
            ("e3m11", "e<E>m<M> takes M from 0 to 10, not 11"),
            ("gposit8_1_8", "gposit<N>_<es>_<rs> takes rs from 1 to 7 with N = 8, not 8"),
            ("gposit4_1_0", "gposit<N>_<es>_<rs> takes rs from 1 to 3 with N = 4, not 0"),
            ("dybit2", "dybit<N> takes N from 3 to 8, not 2"),
            ("udybit9", "udybit<N> takes N from 3 to 8, not 9"),
            ("adaptivfloat2_1", "adaptivfloat<N>_<e> takes N from 3 to 8, not 2"),
            ("adaptivfloat8_6", "adaptivfloat<N>_<e> takes e from 1 to 5 with N = 8, not 6"),
            ("adaptivfloat3_3", "adaptivfloat<N>_<e> takes e from 1 to 2 with N = 3, not 3"),
        ],
    )
    def test_refused(self, name, message):
        with pytest.raises(ValueError, match=f"^{re.escape('Format ' + message)}$"):
            formats.get(name)


class TestPowersOfTwo:
    @pytest.mark.parametrize("bits", range(2, 7))
    def test_every_code(self, bits):
        assert magnitudes(f"pot{bits}") == [0, *(2**k for k in range(2 ** (bits - 1) - 1))]
        assert integers(f"upot{bits}") == [0, *(2**k for k in range(2**bits - 1))]

    def test_tables(self):
        assert magnitudes("pot4") == [0, 1, 2, 4, 8, 16, 32, 64]
        assert formats.get("upot4").highest == 2**14
        assert formats.get("upot6").highest == 2**62


class TestFlint:
    def test_unsigned_table(self):
        """Base and exponent of each code, as in ANT's decoder."""
        bases = [0, 1, 2, 3, 4, 5, 6, 7, 1, 2, 4, 6, 8, 10, 12, 14]
        exponents = [0, 0, 0, 0, 0, 0, 0, 0, 6, 4, 2, 2, 0, 0, 0, 0]
        values = [base << exp for base, exp in zip(bases, exponents, strict=True)]
        assert integers("uflint4") == values
        assert values == [0, 1, 2, 3, 4, 5, 6, 7, 64, 32, 16, 24, 8, 10, 12, 14]

    def test_signed_table(self):
        assert magnitudes("flint4") == [0, 1, 2, 3, 16, 8, 4, 6]

    @pytest.mark.parametrize("bits", range(3, 9))
    def test_float_reading(self, bits):
        """The other published reading: the zeros after the first bit tell the exponent."""
        for code, value in enumerate(integers(f"uflint{bits}")):
            rest = code % 2 ** (bits - 1)
            zeros = bits - 1 - rest.bit_length()
            power = bits + zeros if code >= 2 ** (bits - 1) else bits - 1 - zeros
            fraction = Fraction((rest << (zeros + 1)) % 2 ** (bits - 1), 2 ** (bits - 1))
            assert value == (Fraction(2) ** (power - 1) * (1 + fraction) if code else 0)
        if bits < 8:
            assert magnitudes(f"flint{bits + 1}") == integers(f"uflint{bits}")

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("flint3", [0, 1, 2, 4]),
            ("uflint3", [0, 1, 2, 3, 4, 6, 8, 16]),
            ("flint5", [*range(9), 10, 12, 14, 16, 24, 32, 64]),
        ],
    )
    def test_sorted(self, name, values):
        assert sorted(magnitudes(name) if name[0] == "f" else integers(name)) == values


#: The authors' terms for B magnitude bits; the first ones are the code's high bits.
TERMS = {
    2: [[0, 1 / 2, 1 / 4, 1 / 8]],
    3: [[0, 1 / 2, 1 / 4, 1 / 16], [0, 1 / 8]],
    4: [[0, 1 / 2, 1 / 8, 1 / 32], [0, 1 / 4, 1 / 16, 1 / 64]],
    5: [[0, 1 / 2, 1 / 8, 1 / 64], [0, 1 / 4, 1 / 16, 1 / 128], [0, 1 / 32]],
    6: [
        [0, 1 / 2, 1 / 16, 1 / 128],
        [0, 1 / 4, 1 / 32, 1 / 256],
        [0, 1 / 8, 1 / 64, 1 / 512],
    ],
}
SMALLEST = {2: 8, 3: 16, 4: 64, 5: 128, 6: 512}


class TestApot:
    @pytest.mark.parametrize("bits", TERMS)
    def test_every_code(self, bits):
        for code, value in enumerate(integers(f"uapot{bits}")):
            left, rest = bits, Fraction(0)
            for term in TERMS[bits]:
                left -= (len(term) - 1).bit_length()
                rest += Fraction(sorted(term)[code >> left & (len(term) - 1)])
            assert rest * SMALLEST[bits] == value
            assert left == 0
        assert magnitudes(f"apot{bits + 1}") == integers(f"uapot{bits}")

    def test_levels(self):
        assert sorted(magnitudes("apot4")) == [0, 1, 2, 3, 4, 6, 8, 10]
        levels = [0, 1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 33, 36, 48]
        assert sorted(integers("uapot4")) == levels

    def test_codes(self):
        assert integers("uapot3") == [0, 2, 1, 3, 4, 6, 8, 10]
        assert integers("uapot4") == [a + b for a in (0, 2, 8, 32) for b in (0, 1, 4, 16)]


class TestSmallFloats:
    @pytest.mark.parametrize("name", SMALL_FLOATS)
    def test_ml_dtypes(self, name):
        fmt = formats.get(name)
        codes = np.arange(1 << fmt.bits, dtype=np.uint16 if fmt.bits > 8 else np.uint8)
        with np.errstate(invalid="ignore"):  # conversions of signalling NaNs
            theirs = codes.view(SMALL_FLOATS[name][0]).astype(np.float64)
        np.testing.assert_array_equal(fmt.values, theirs)
        np.testing.assert_array_equal(formats.decode(codes, name), theirs)

    @pytest.mark.parametrize("name", SMALL_FLOATS)
    def test_gfloat(self, name):
        fmt, info = formats.get(name), SMALL_FLOATS[name][1]
        codes = range(0, 1 << fmt.bits, 1 if fmt.bits <= 8 else 97)
        theirs = [gfloat.decode_float(info, code).fval for code in codes]
        np.testing.assert_array_equal(fmt.values[codes], theirs)
        assert fmt.unit == info.smallest_subnormal
        assert fmt.highest * fmt.unit == info.max

    def test_tf32(self):
        """A float32 without its 13 low bits."""
        codes = np.arange(1 << 19, dtype=np.uint32)
        with np.errstate(invalid="ignore"):
            theirs = (codes << 13).view(np.float32).astype(np.float64)
        np.testing.assert_array_equal(formats.get("tf32").values, theirs)
        np.testing.assert_array_equal(formats.decode(codes, "tf32"), theirs)

    @pytest.mark.parametrize(("exponent", "mantissa"), OTHER_FLOATS)
    def test_other_floats(self, exponent, mantissa):
        """No standard has them: gfloat's decoder with the fields, and no special codes."""
        fmt = formats.get(f"e{exponent}m{mantissa}")
        info = gfloat.FormatInfo(
            name=fmt.name,
            k=fmt.bits,
            precision=mantissa + 1,
            bias=2 ** (exponent - 1) - 1,
            is_signed=True,
            domain=gfloat.Domain.Finite,
            has_nz=True,
            num_high_nans=0,
            has_subnormals=True,
            is_twos_complement=False,
        )
        codes = range(0, 1 << fmt.bits, max(1, (1 << fmt.bits) // 1000) | 1)
        theirs = [gfloat.decode_float(info, code).fval for code in codes]
        np.testing.assert_array_equal(fmt.values[codes], theirs)
        assert (fmt.bits, fmt.family) == (1 + exponent + mantissa, "float")
        assert fmt.unit == info.smallest_subnormal
        assert fmt.highest * fmt.unit == info.max
        assert not fmt.special.any()

    @pytest.mark.parametrize(("name", "bits"), [("bf16", 261), ("tf32", 264)])
    def test_no_integer_operands(self, name, bits):
        message = f"Format {name} has no integer operands: its largest takes {bits} bits, more "
        with pytest.raises(ValueError, match=f"^{message}than 63$"):
            formats.operands([0], name)

    def test_e3m0(self):
        fmt = formats.get("e3m0")
        assert fmt.values[:8].tolist() == [0, 0.25, 0.5, 1, 2, 4, 8, 16]
        assert fmt.integers.tolist() == integers("pot4")
        assert fmt.unit == 0.25

    def test_e2m1(self):
        assert formats.get("e2m1").values[:8].tolist() == [0, 0.5, 1, 1.5, 2, 3, 4, 6]

    @pytest.mark.parametrize(
        ("name", "highest"),
        [
            *(("e2m1", 12), ("e2m3", 60), ("e3m2", 448), ("e4m3", 229376), ("e5m2", 7 << 29)),
            *(("fp16", 2047 << 29), ("bf16", 255 << 253), ("tf32", 2047 << 253)),
        ],
    )
    def test_largest_operand(self, name, highest):
        fmt = formats.get(name)
        assert (fmt.lowest, fmt.highest) == (-highest, highest)


def ring(bits, es):
    """Posits by Gustafson's construction: between neighbours of the shorter posits go new ones."""
    useed = Fraction(2) ** 2**es
    values = [Fraction(0), Fraction(1), math.inf]  # codes 0, 1 and the one of NaR
    for _ in range(bits - 2):
        longer = [values[0]]
        for low, high in itertools.pairwise(values):
            if low == 0:
                middle = high / useed
            elif high == math.inf:
                middle = low * useed
            elif high / low > 2:
                root = math.isqrt((low * high).numerator), math.isqrt((low * high).denominator)
                middle = Fraction(*root)
                assert middle**2 == low * high
            else:
                middle = (low + high) / 2
            longer += [middle, high]
        values = longer
    return values[:-1]


class TestPosits:
    @pytest.mark.parametrize("es", range(3))
    @pytest.mark.parametrize("bits", range(3, 9))
    def test_construction(self, bits, es):
        fmt = formats.get(f"posit{bits}_{es}")
        positive = ring(bits, es)
        half = 1 << (bits - 1)
        assert len(positive) == half
        assert Fraction(fmt.unit) == positive[1]
        assert [Fraction(value) for value in fmt.values[:half]] == positive
        assert [Fraction(int(value)) * positive[1] for value in fmt.integers[:half]] == positive
        assert np.flatnonzero(fmt.special).tolist() == [half]
        assert math.isnan(fmt.values[half])
        for code in range(1, half):
            assert fmt.integers[(1 << bits) - code] == -fmt.integers[code]

    def test_standard(self):
        """Values of the posit standard, and of the older eight-bit posits."""
        assert formats.get("posit8_2").values[[1, 0x40, 0x7F]].tolist() == [2**-24, 1, 2**24]
        assert formats.get("posit8_0").values[[1, 0x40, 0x60, 0x7F]].tolist() == [1 / 64, 1, 2, 64]
        assert formats.get("posit8_1").values[[1, 0x50, 0x7F]].tolist() == [2**-12, 2, 2**12]


#: All bits, exponent bits and longest regimes.
GENERALIZED = [(n, es, rs) for n in range(3, 9) for es in range(3) for rs in range(1, n)]


class TestGeneralizedPosits:
    @pytest.mark.parametrize(("bits", "es", "rs"), GENERALIZED)
    def test_every_code(self, bits, es, rs):
        """The regimes spelled out, as prefixes of which none begins another."""
        fmt = formats.get(f"gposit{bits}_{es}_{rs}")
        regimes = {"1" * rs: rs - 1, "0" * rs: -rs}
        for run in range(1, rs):
            regimes |= {"1" * run + "0": run - 1, "0" * run + "1": -run}
        half = 1 << (bits - 1)
        for code in range(1, half):
            text = f"{code:0{bits - 1}b}"
            (prefix,) = (prefix for prefix in regimes if text.startswith(prefix))
            low = text.removeprefix(prefix) + "0" * es
            exponent = Fraction(2) ** int(low[:es] or "0", 2)
            fraction = 1 + Fraction(int("0" + low[es:], 2), 2 ** len(low[es:]))
            value = Fraction(2) ** (2**es * regimes[prefix]) * exponent * fraction
            assert Fraction(fmt.values[code]) == value
            assert fmt.integers[code] == value / Fraction(fmt.unit)
            assert fmt.integers[2 * half - code] == -fmt.integers[code]
        assert fmt.integers[0] == fmt.integers[half] == 0
        assert np.flatnonzero(fmt.special).tolist() == [half]
        assert (np.diff(fmt.integers[:half]) > 0).all()

    @pytest.mark.parametrize("bits", range(3, 9))
    @pytest.mark.parametrize("es", range(3))
    def test_longest_regime_is_a_posit(self, bits, es):
        plain = formats.get(f"posit{bits}_{es}")
        general = formats.get(f"gposit{bits}_{es}_{bits - 1}")
        assert general.unit == plain.unit
        np.testing.assert_array_equal(general.values, plain.values)

    @pytest.mark.parametrize(
        ("bits", "es"), [(n, es) for n in range(3, 9) for es in range(3) if n >= es + 2]
    )
    def test_regime_of_one_bit_is_an_exponent_bit(self, bits, es):
        """Magnitudes as of AdaptivFloat, which has the smallest code for 0, too."""
        ours = integers(f"gposit{bits}_{es}_1")[: 1 << (bits - 1)]
        assert ours == magnitudes(f"adaptivfloat{bits}_{es + 1}")


class TestCFloat:
    """Tesla's white paper has neither codes nor a table: gfloat's decoder with its fields."""

    @pytest.mark.parametrize(
        ("name", "exponent", "mantissa"),
        [("cfloat8_e4m3", 4, 3), ("cfloat8_e5m2", 5, 2), ("cfloat16_e5m10", 5, 10)],
    )
    @pytest.mark.parametrize("bias", [0, 7, 63])
    def test_every_code(self, name, exponent, mantissa, bias):
        """With the scale 2^(1 - bias - mantissa bits)."""
        fmt = formats.get(name)
        info = gfloat.FormatInfo(
            name=name,
            k=fmt.bits,
            precision=mantissa + 1,
            bias=bias,
            is_signed=True,
            domain=gfloat.Domain.Finite,
            has_nz=True,
            num_high_nans=0,
            has_subnormals=True,
            is_twos_complement=False,
        )
        codes = range(0, 1 << fmt.bits, 1 if fmt.bits == 8 else 97)
        theirs = [gfloat.decode_float(info, code).fval for code in codes]
        np.testing.assert_array_equal(fmt.values[codes] * 2.0 ** (1 - bias - mantissa), theirs)
        assert (fmt.unit, fmt.bits) == (1, 1 + exponent + mantissa)
        assert not fmt.special.any()

    def test_range(self):
        """The largest numbers, 2^(2^E - 1 - bias) * (2 - 2^-M), over the smallest subnormals."""
        assert formats.get("cfloat8_e4m3").highest == 15 << 14
        assert formats.get("cfloat8_e5m2").highest == 7 << 30
        assert formats.get("cfloat16_e5m10").highest == 2047 << 30


class TestDyBit:
    def test_table(self):
        """Unsigned numbers of four bits, in eighths; signed ones have a bit less."""
        unsigned = [*(code / 8 for code in range(8)), 1, 1.25, 1.5, 1.75, 2, 3, 4, 8]
        assert formats.get("udybit4").values.tolist() == unsigned
        assert formats.get("dybit4").values[:8].tolist() == [0, 0.25, 0.5, 0.75, 1, 1.5, 2, 4]

    @pytest.mark.parametrize("bits", range(3, 9))
    def test_every_code(self, bits):
        fmt = formats.get(f"udybit{bits}")
        for code in range(1 << bits):
            ones = next((i for i in range(bits) if not code >> (bits - 1 - i) & 1), bits)
            rest = bits - 1 - ones
            if ones == 0:
                value = Fraction(code, 2 ** (bits - 1))
            elif ones == bits:
                value = Fraction(2 ** (bits - 1))
            else:
                value = 2 ** (ones - 1) * (1 + Fraction(code % 2**rest, 2**rest))
            assert Fraction(fmt.values[code]) == value
        assert (np.diff(fmt.integers) > 0).all()
        assert fmt.unit == fmt.values[1]
        if bits < 8:
            assert magnitudes(f"dybit{bits + 1}") == fmt.integers.tolist()


class TestAdaptivFloat:
    @pytest.mark.parametrize(
        "name", [name for name in formats.names() if name.startswith("adaptivfloat")]
    )
    def test_every_code(self, name):
        bits, exponent = map(int, name.removeprefix("adaptivfloat").split("_"))
        mantissa = bits - 1 - exponent
        for code, value in enumerate(magnitudes(name)):
            power, fraction = divmod(code, 2**mantissa)
            real = 2**power * (1 + Fraction(fraction, 2**mantissa)) if code else 0
            assert value == real * 2**mantissa

    def test_example(self):
        assert magnitudes("adaptivfloat4_2") == [0, 3, 4, 6, 8, 12, 16, 24]
        assert magnitudes("adaptivfloat4_3") == [0, 2, 4, 8, 16, 32, 64, 128]


#: Bits, mantissa bits and bias of the outliers.
ABFLOAT = {
    "ovp_int4": (4, 1, 2),
    "ovp_flint4": (4, 1, 3),
    "ovp_int8": (8, 3, 4),
    "ovp_int8_e2m5": (8, 5, 2),
}


class TestPairs:
    def decoded(self, name, even, odd):
        """OliVe's decoder, for one pair."""
        bits, mantissa, bias = ABFLOAT[name]
        identifier = 1 << (bits - 1)

        def normal(code):
            if "flint" in name:
                return (-1 if code & 8 else 1) * [0, 1, 2, 3, 16, 8, 4, 6][code & 7]
            return code - (code >> (bits - 1) << bits)

        def outlier(code):
            exponent, fraction = divmod(code % identifier, 1 << mantissa)
            value = ((1 << mantissa) | fraction) << (exponent + bias)
            return -value if code >= identifier else value

        if even == odd == identifier:
            return 0, 0
        if even == identifier:
            return 0, outlier(odd)
        if odd == identifier:
            return outlier(even), 0
        return normal(even), normal(odd)

    @pytest.mark.parametrize("name", ABFLOAT)
    def test_every_pair(self, name):
        count = 1 << ABFLOAT[name][0]
        pairs = np.stack(np.meshgrid(range(count), range(count), indexing="ij"), -1)
        expected = [[self.decoded(name, a, b) for b in range(count)] for a in range(count)]
        found = formats.operands(pairs, name)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(formats.decode(pairs, name), expected)
        assert (found.min(), found.max()) == (formats.get(name).lowest, formats.get(name).highest)

    @pytest.mark.parametrize(("name", "distinct"), [("ovp_int4", 255), ("ovp_flint4", 253)])
    def test_distinct(self, name, distinct):
        """The undefined pair is (0, 0) once more. The outlier code 000, which no encoder makes, is
        16 with flint4, like a normal one, in either place."""
        pairs = np.stack(np.meshgrid(range(16), range(16)), -1).reshape(-1, 2)
        assert len(np.unique(formats.operands(pairs, name), axis=0)) == distinct

    def test_tables(self):
        assert formats.get("ovp_int4").outliers.tolist() == [
            *(8, 12, 16, 24, 32, 48, 64, 96),
            *(0, -12, -16, -24, -32, -48, -64, -96),
        ]
        assert formats.get("ovp_flint4").outliers[1:8].tolist() == [24, 32, 48, 64, 96, 128, 192]
        assert formats.get("ovp_int4").integers.tolist() == [*range(8), 0, *range(-7, 0)]
        assert formats.get("ovp_flint4").integers.tolist() == integers("flint4")
        assert formats.get("ovp_int8").outliers[[1, 127]].tolist() == [144, 15 << 19]
        assert formats.get("ovp_int8_e2m5").outliers[[1, 127]].tolist() == [132, 2016]
        identifiers = [formats.get(name).identifier for name in ABFLOAT]
        assert identifiers == [0b1000, 0b1000, 0b10000000, 0b10000000]

    @pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
    def test_axes(self, axis):
        codes = np.random.default_rng(0).integers(0, 16, (4, 6, 2))
        found = formats.operands(codes, "ovp_int4", axis=axis)
        moved = np.moveaxis(codes, axis, -1).reshape(-1, 2)
        expected = [self.decoded("ovp_int4", *pair) for pair in moved.tolist()]
        np.testing.assert_array_equal(np.moveaxis(found, axis, -1).reshape(-1, 2), expected)

    def test_empty(self):
        assert formats.operands(np.zeros((3, 0), int), "ovp_int4").shape == (3, 0)

    @pytest.mark.parametrize(
        ("shape", "axis", "message"),
        [
            (
                (2, 3),
                -1,
                "Array must have an even length along axis -1 for pairs (ovp_int4), not 3: "
                "pad it with a zero",
            ),
            ((2, 2), 2, "Pair axis must be from -2 to 1 for an array of 2 dimensions, not 2"),
            ((2,), -2, "Pair axis must be from -1 to 0 for an array of 1 dimension, not -2"),
            ((), -1, "Pair axis must be one of an array, not of a single value"),
        ],
    )
    def test_refused(self, shape, axis, message):
        for function in (formats.operands, formats.decode):
            with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
                function(np.zeros(shape, int), "ovp_int4", axis=axis)


class TestOperands:
    @pytest.mark.parametrize("name", [n for n in EXACT if not formats.get(n).pair])
    def test_every_code(self, name):
        fmt = formats.get(name)
        codes = np.arange(fmt.lowest_code, fmt.highest_code + 1)
        bits = codes % (1 << fmt.bits)
        np.testing.assert_array_equal(formats.operands(codes, name), fmt.integers[bits])
        np.testing.assert_array_equal(formats.decode(codes, name), fmt.values[bits])
        if fmt.family == "int":
            np.testing.assert_array_equal(formats.operands(codes, name), codes)

    def test_specials(self):
        largest = 7 << 29
        codes = [0x7C, 0xFC, 0x7D, 0xFF, 0x7B, 0]
        saturated = [largest, -largest, largest, -largest, largest, 0]
        assert formats.operands(codes, "e5m2").tolist() == saturated
        assert formats.operands(codes, "e5m2", specials="zero").tolist() == [*[0] * 4, largest, 0]
        values = formats.decode(codes, "e5m2")
        np.testing.assert_array_equal(values, [math.inf, -math.inf, *[math.nan] * 2, 57344, 0])
        assert formats.operands([0x7F, 0xFF], "e4m3").tolist() == [229376, -229376]
        assert formats.operands([0x7F, 0xFF], "e4m3", specials="zero").tolist() == [0, 0]
        for specials in ("saturate", "zero"):
            assert formats.operands([0x80, 0x7F], "posit8_2", specials=specials).tolist() == [
                0,
                2**48,
            ]

    def test_shapes(self):
        assert formats.operands(np.uint8([[1], [12]]), "flint4").tolist() == [[1], [-16]]
        assert formats.operands(12, "flint4").tolist() == -16
        assert formats.operands(-3, "int4").tolist() == -3
        assert formats.operands(np.zeros((0, 3), int), "e4m3").shape == (0, 3)

    @pytest.mark.parametrize(
        ("codes", "name", "error", "message"),
        [
            (
                [[0, 16]],
                "flint4",
                ValueError,
                "Array must be codes from 0 to 15 (flint4), not 16 at index 0, 1",
            ),
            (
                [0, -1],
                "ovp_int4",
                ValueError,
                "Array must be codes from 0 to 15 (ovp_int4), not -1 at index 1",
            ),
            (
                [128],
                "int8",
                ValueError,
                "Array must be from -128 to 127 (int8), not 128 at index 0",
            ),
            (
                [0.0],
                "e4m3",
                TypeError,
                "Array must be integers, not float64; quantize them first",
            ),
        ],
    )
    def test_refused(self, codes, name, error, message):
        for function in (formats.operands, formats.decode):
            with pytest.raises(error, match=f"^{re.escape(message)}$"):
                function(codes, name)

    def test_refused_specials(self):
        message = 'Specials must be "saturate" or "zero", not \'nan\''
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            formats.operands([0], "e4m3", specials="nan")

    def test_values_of_other_formats(self):
        fmt = formats.get("flint4")
        assert formats.check_values(np.uint8([0, 15]), fmt).tolist() == [0, 15]
        message = "A must be codes from 0 to 15 (flint4), not 16 at index 0, 1"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            formats.check_values([[1, 16], [99, 0]], fmt, "A")
