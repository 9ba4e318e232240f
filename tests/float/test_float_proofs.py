"""Proofs about the Verilog of floating-point arithmetic, for all codes of small formats."""

from brickwork.hdl.float.fp_add import FpAdd
from brickwork.hdl.float.fp_scale import FpScale
from brickwork.hdl.float.int_scale import IntScale
from brickwork.hdl.float.scale_product import ScaleProduct
from brickwork.hdl.float.to_float import ToFloat
from proofs import Proof, prove, refute


def fp_add(exponent_width, mantissa_width, *broken, slow=False):
    return Proof(
        unit=FpAdd,
        parameters=dict(exponent_width=exponent_width, mantissa_width=mantissa_width),
        harness=dict(EXPONENT=exponent_width, MANTISSA=mantissa_width),
        broken=broken,
        covered=6,
        slow=slow,
    )


def fp_scale(exponent_width, mantissa_width, mantissa, *broken, slow=False):
    """With the widths of a small float in place of those of binary32."""
    small = f"exponent_width={exponent_width}, mantissa_width={mantissa_width}"
    return Proof(
        unit=FpScale,
        parameters=dict(mantissa=mantissa),
        harness=dict(EXPONENT=exponent_width, MANTISSA=mantissa_width, SCALE=mantissa),
        sizes=(('_SINGLE = FLOATS["fp32"]', f'_SINGLE = type(FLOATS["fp32"])({small})'),),
        broken=broken,
        covered=6,
        slow=slow,
    )


def to_float(width, unit, format, *broken, slow=False):
    exponent, mantissa = {"fp16": (5, 10), "bf16": (8, 7)}[format]
    lowest = 2 - (1 << (exponent - 1)) - mantissa
    return Proof(
        unit=ToFloat,
        parameters=dict(width=width, unit=unit, format=format),
        harness=dict(
            WIDTH=width,
            LOWEST=lowest - unit + 512,
            EXPONENT=exponent,
            MANTISSA=mantissa,
            GRADUAL=int(format == "fp16"),
        ),
        broken=broken,
        covered=6,
        slow=slow,
    )


def int_scale(exponent_width, mantissa_width, *broken, slow=False, **parameters):
    """With the widths of a small float in place of those of binary32."""
    small = f"exponent_width={exponent_width}, mantissa_width={mantissa_width}"
    return Proof(
        unit=IntScale,
        parameters=parameters,
        harness=dict(
            EXPONENT=exponent_width,
            MANTISSA=mantissa_width,
            WIDTH=parameters["width"],
            BELOW=-parameters["unit"],
            SCALE=parameters["mantissa"],
        ),
        sizes=(('_SINGLE = FLOATS["fp32"]', f'_SINGLE = type(FLOATS["fp32"])({small})'),),
        broken=broken,
        covered=8,
        slow=slow,
    )


#: Exponent and fraction bits.
_SCALES = {"fp16": (5, 10), "bf16": (8, 7), "e4m3": (4, 3), "e8m0": (8, 0), "none": (0, 0)}


def scale_product(w_scale, a_scale, *broken, slow=False):
    (w_exponent, w_fraction), (a_exponent, a_fraction) = _SCALES[w_scale], _SCALES[a_scale]
    fraction = w_fraction + a_fraction + (w_fraction > 0 and a_fraction > 0)
    return Proof(
        unit=ScaleProduct,
        parameters=dict(w_scale=w_scale, a_scale=a_scale),
        harness=dict(
            W_EXPONENT=w_exponent,
            W_FRACTION=w_fraction,
            A_EXPONENT=a_exponent,
            A_FRACTION=a_fraction,
            FRACTION=max(1, fraction),
        ),
        broken=broken,
        covered=2,
        slow=slow,
    )


PROOFS = {
    "fp_add-e3m3": fp_add(
        3,
        3,
        ("carry = subtract & ~lost", "carry = subtract"),
        ("positive = nan | (subtract & a_zero & b_zero)", "positive = nan"),
        ("rounds_up(fraction, value[:4])", "value[3]"),
        ("sign & ~zero", "sign"),
        ("x_fraction.any() | (subtract & ~distance.any())", "x_fraction.any()"),
    ),
    "fp_add-e4m3": fp_add(
        4, 3, ("distance[steps:].any()", "distance[steps + 1 :].any()"), slow=True
    ),
    "fp_scale-e3m3-2": fp_scale(
        3,
        3,
        2,
        ("(normal[: lost - 1].any() | fraction[0])", "Const(1, 1)"),
        ("field <= _SINGLE.bias", "exponent <= _SINGLE.bias"),
        ("| (special & zero)", ""),
        ("(self.a[-1] ^ self.scale[-1]) & ~nan", "self.a[-1] ^ self.scale[-1]"),
    ),
    "fp_scale-e3m4-0": fp_scale(
        3, 4, 0, ("& ~zero.replicate(fields + 1)", ""), ('"clear", tiny | over', '"clear", tiny')
    ),
    "fp_scale-e4m4-3": fp_scale(
        4, 4, 3, ('"large", product[-1]', '"large", product[-2]'), slow=True
    ),
    "int_scale-e3m3-2": int_scale(
        3,
        3,
        ("rounds_up(fraction, rest)", "rest[-1]"),
        ("nan | (special & ~value[-1])", "nan"),
        ("m.d.comb += field.eq(-1)", "m.d.comb += field.eq(0)"),
        (
            "negative, -self.i, self.i)[: len(self.i)]",
            "negative, -self.i, self.i)[: len(self.i) - 1]",
        ),
        width=5,
        unit=-2,
        mantissa=2,
    ),
    "int_scale-e3m2-0": int_scale(
        3, 2, ("field >= _SINGLE.special", "field > _SINGLE.special"), width=6, unit=-2, mantissa=0
    ),
    "int_scale-e4m3-3": int_scale(
        4,
        3,
        ("if len(lost) > 1 else lost", "if len(lost) > 9 else lost[-1:]"),
        slow=True,
        width=5,
        unit=-4,
        mantissa=3,
    ),
    "scale_product-e4m3": scale_product(
        "e4m3",
        "e4m3",
        ("exponent = exponent + large", "exponent = exponent + 0"),
        ("nan | other[5] | zero_times_infinity", "nan | zero_times_infinity"),
    ),
    "scale_product-e8m0": scale_product(
        "e8m0", "e8m0", ("(exponent - rebias)[:8]", "exponent[:8]")
    ),
    "scale_product-bf16-e8m0": scale_product(
        "bf16", "e8m0", ("(exponent <= rebias) | zero", "(exponent < rebias) | zero")
    ),
    "scale_product-fp16-e4m3": scale_product(
        "fp16", "e4m3", ("(infinite & other[3])", "(infinite & other[4])"), slow=True
    ),
    "scale_product-fp16": scale_product("fp16", "none", ("sign & ~nan,", "sign,")),
    "to_float-bf16": to_float(11, -134, "bf16", ("field <= 0", "field < 0"), slow=True),
    "to_float-fp16": to_float(
        14,
        -26,
        "fp16",
        ("most = top_field - 1 if top_field - 1 < width - 1 else None", "most = None"),
        ("rest[:-1].any(), rest[-1]", "rest[-1], rest[-1]"),
        slow=True,
    ),
    "to_float-bf16-overflow": to_float(
        11,
        120,
        "bf16",
        ("field >= self.layout.special", "field > self.layout.special"),
        slow=True,
    ),
}


def test_proof(proof, tmp_path):
    prove(proof, tmp_path)


def test_broken_unit(broken, tmp_path):
    refute(*broken, tmp_path)
