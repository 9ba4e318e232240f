"""Proofs that the Verilog of decoders gives what papers and standards say, for every code.

The tables are typed from them, or made by other software, and know nothing of the golden models.
"""

import ml_dtypes
import numpy as np
import pytest
from brickwork.gen.emission.emit import emit_unit
from brickwork.gen.lib import yosys
from brickwork.hdl.formats.decoder import Decoder
from brickwork.hdl.formats.pair_decoder import PairDecoder
from brickwork.sim.manifest import Manifest

# Guo et al., MICRO 2022: base << exponent of each code.
UFLINT4 = [0, 1, 2, 3, 4, 5, 6, 7, 64, 32, 16, 24, 8, 10, 12, 14]
FLINT4 = [0, 1, 2, 3, 16, 8, 4, 6, 0, -1, -2, -3, -16, -8, -4, -6]
# Zhou et al., arXiv 2302.12510, as described: fractions below 1, then 1.rest times a power of two;
# in eighths.
UDYBIT4 = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 24, 32, 64]
# Guo et al., ISCA 2023: normal numbers, and outliers with bias 2 beside int4, 3 beside flint4.
INT4 = [0, 1, 2, 3, 4, 5, 6, 7, 0, -7, -6, -5, -4, -3, -2, -1]
BIAS_2 = [8, 12, 16, 24, 32, 48, 64, 96, 0, -12, -16, -24, -32, -48, -64, -96]
BIAS_3 = [16, 24, 32, 48, 64, 96, 128, 192, 0, -24, -32, -48, -64, -96, -128, -192]


def e4m3():
    """Multiples of the smallest number, 2^-9; NaN counts as the greatest, 448."""
    values = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float64)
    values = np.where(np.isnan(values), np.copysign(448, values), values) * 512
    assert (values == values.astype(int)).all()
    return [int(value) for value in values]


def pairs(normal, outliers):
    """Both numbers of each byte, the even one in the low half; 8 is the mark of a victim."""
    found = {"even": [], "odd": []}
    for byte in range(256):
        even, odd = byte & 15, byte >> 4
        found["even"].append((outliers if odd == 8 else normal)[even])
        found["odd"].append((outliers if even == 8 else normal)[odd])
    return found


def table(port, values):
    """Verilog that assigns ``expected_<port>`` by a table."""
    bits = len(values).bit_length() - 1
    lines = [f"{bits}'d{code}: expected_{port} = {value};" for code, value in enumerate(values)]
    return f"always @* case (code) {' '.join(lines)} endcase"


#: The same as an equation: a one and zeros is the mark, a byte beside it is
#: (8 + fraction) << (exponent + 4) with a sign, any other two's complement.
OVP_INT8 = """
  function signed [31:0] number(input [7:0] own, input [7:0] other);
    reg signed [31:0] size;
    begin
      size = {1'b1, own[2:0]} << (own[6:3] + 5'd4);
      if (own == 8'h80) number = 0;
      else if (other == 8'h80) number = own[7] ? -size : size;
      else number = $signed(own);
    end
  endfunction
  always @* expected_even = number(code[7:0], code[15:8]);
  always @* expected_odd = number(code[15:8], code[7:0]);
"""

#: IEEE 754's half precision, in units of 2^-24: subnormals have the exponent of field 1, infinities
#: and NaNs count as the largest number.
FP16 = """
  wire [4:0] field = code[14:10];
  wire [40:0] significand = {30'd0, field != 0, code[9:0]};
  wire [40:0] size = field == 31 ? 41'd2047 << 29
                   : field == 0 ? significand : significand << (field - 5'd1);
  always @* expected_o = code[15] ? -$signed({1'b0, size}) : $signed({1'b0, size});
"""

PROOFS = {
    "uflint4": (Decoder(format="uflint4"), table("o", UFLINT4)),
    "flint4": (Decoder(format="flint4"), table("o", FLINT4)),
    "udybit4": (Decoder(format="udybit4"), table("o", UDYBIT4)),
    "e4m3": (Decoder(format="e4m3"), table("o", e4m3())),
    **{
        f"ovp_{name}": (
            PairDecoder(format=f"ovp_{name}"),
            "\n".join(table(port, values) for port, values in pairs(normal, outliers).items()),
        )
        for name, normal, outliers in [("int4", INT4, BIAS_2), ("flint4", FLINT4, BIAS_3)]
    },
    "ovp_int8": (PairDecoder(format="ovp_int8"), OVP_INT8),
    "fp16": (Decoder(format="fp16"), FP16),
}
#: One entry of each table, or a constant, and another in its place.
MISTAKES = {
    "uflint4": ("4'd9: expected_o = 32;", "4'd9: expected_o = 16;"),
    "flint4": ("4'd8: expected_o = 0;", "4'd8: expected_o = -1;"),
    "udybit4": ("4'd11: expected_o = 14;", "4'd11: expected_o = 15;"),
    "e4m3": ("8'd127: expected_o = 229376;", "8'd127: expected_o = 0;"),
    "ovp_int4": ("8'd136: expected_odd = 0;", "8'd136: expected_odd = -8;"),
    "ovp_flint4": ("8'd128: expected_even = 16;", "8'd128: expected_even = 0;"),
    "ovp_int8": ("5'd4", "5'd3"),
    "fp16": ("field - 5'd1", "field"),
}


def harness(ports, expected):
    """A module whose output ``equal`` says whether the decoder gives what is expected."""
    code, *outputs = ports
    lines = [f"module harness(input [{code['width'] - 1}:0] code, output equal);"]
    terms = []
    for port in outputs:
        name, (mantissa, exponent) = port["name"], port["fields"]
        bits = [f"{name}[{f['offset']} +: {f['width']}]" for f in (mantissa, exponent)]
        size = f"$signed({bits[0]})" if mantissa["signed"] else bits[0]
        lines += [
            f"  wire [{port['width'] - 1}:0] {name};",
            f"  wire signed [63:0] mantissa_{name} = {size};",
            f"  wire signed [63:0] value_{name} = mantissa_{name} <<< {bits[1]};",
            f"  reg signed [63:0] expected_{name};",
        ]
        terms.append(f"value_{name} == expected_{name}")
    connections = ", ".join(f".{port['name']}({port['name']})" for port in ports)
    lines += [
        f"  unit dut({connections});",
        expected,
        f"  assign equal = {' && '.join(terms)};",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def prove(unit, expected, folder):
    emission = emit_unit(unit, folder, "unit")
    ports = Manifest.read(emission.manifest).ports
    (folder / "harness.v").write_text(harness(ports, expected))
    log = yosys.run(
        [
            "read_verilog unit.v harness.v",
            "hierarchy -check -top harness",
            "proc -norom",  # tables as logic, which can be reasoned about
            "check -assert",
            "flatten",
            "opt_clean",
            "sat -verify -prove equal 1 -show code harness",
        ],
        cwd=folder,
    )
    assert "SAT proof finished - no model found: SUCCESS!" in log


@pytest.mark.parametrize("name", PROOFS)
def test_proof(name, tmp_path):
    prove(*PROOFS[name], tmp_path)


@pytest.mark.parametrize("name", PROOFS)
def test_proof_can_fail(name, tmp_path):
    unit, expected = PROOFS[name]
    right, wrong = MISTAKES[name]
    assert expected.count(right) == 1
    with pytest.raises(yosys.YosysError, match="proof did fail"):
        prove(unit, expected.replace(right, wrong), tmp_path)
