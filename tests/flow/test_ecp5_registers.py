"""Registers moved into the ECP5's blocks: what moves, what stays, and that nothing else changes."""

import json

import pytest
from brickwork.gen.emission import verilog
from brickwork.gen.flow.ecp5_registers import absorb_registers
from brickwork.gen.lib import yosys
from brickwork.hdl.systolic.pe_ws import PeWs

# Yosys has no model of the multiplier. This one has the registers that are moved: with an enable
# and a synchronous reset, after the inputs and before the output.
MULTIPLIER = """
module MULT18X18D({ports});
  input {inputs}, CLK0, CE0, RST0;
  output {outputs};
  parameter REG_INPUTA_CLK = "NONE", REG_INPUTA_CE = "CE0", REG_INPUTA_RST = "RST0";
  parameter REG_INPUTB_CLK = "NONE", REG_INPUTB_CE = "CE0", REG_INPUTB_RST = "RST0";
  parameter REG_OUTPUT_CLK = "NONE", REG_OUTPUT_CE = "CE0", REG_OUTPUT_RST = "RST0";
  wire [17:0] a = {{{a}}}, b = {{{b}}};
  reg [17:0] a_q, b_q;
  reg [35:0] p_q;
  wire [17:0] fa = REG_INPUTA_CLK == "CLK0" ? a_q : a, fb = REG_INPUTB_CLK == "CLK0" ? b_q : b;
  wire [35:0] p = {{{{18{{SIGNEDA & fa[17]}}}}, fa}} * {{{{18{{SIGNEDB & fb[17]}}}}, fb}};
  always @(posedge CLK0) if (RST0) begin
    a_q <= 0; b_q <= 0; p_q <= 0;
  end else if (CE0) begin
    a_q <= a; b_q <= b; p_q <= p;
  end
  assign {{{p}}} = REG_OUTPUT_CLK == "CLK0" ? p_q : p;
endmodule
"""


def multiplier():
    def bits(name, count):
        return ", ".join(f"{name}{n}" for n in reversed(range(count)))

    inputs = [*(bits(name, 18) for name in "ABC"), "SIGNEDA, SIGNEDB, SOURCEA, SOURCEB"]
    inputs, outputs = ", ".join(inputs), bits("P", 36)
    return MULTIPLIER.format(
        ports=f"{inputs}, CLK0, CE0, RST0, {outputs}",
        inputs=inputs,
        outputs=outputs,
        a=bits("A", 18),
        b=bits("B", 18),
        p=outputs,
    )


def netlist(folder, text, top="top"):
    (folder / "design.v").write_text(text)
    yosys.run(["read_verilog design.v", f"synth_ecp5 -top {top} -json before.json"], cwd=folder)
    return json.loads((folder / "before.json").read_text())


def counts(folder, body):
    """The registers that move in a module with these statements."""
    text = (
        "module top(input clk, input en, input rst, input signed [7:0] a, b, input [8:0] at, to,"
        f" output reg signed [15:0] p, q, output reg [7:0] c);\n{body}\nendmodule\n"
    )
    return absorb_registers(netlist(folder, text)["modules"]["top"])


PRODUCT = "reg signed [7:0] x, y;\nalways @(posedge clk) begin x <= a; y <= b; "
MEMORY = (
    "reg [15:0] store[511:0], r;\nalways @(posedge clk) begin\n"
    "  if (en) store[at] <= {a, b};\n  if (~en) r <= store[to];\n"
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (PRODUCT + "p <= x * y; end", (1, 2, 0, 32)),
        # Registers of factors stay where they are read by others, too.
        (PRODUCT + "c <= x; p <= x * y; end", (1, 2, 0, 24)),
        # An enable or a reset, on the product or on a factor.
        (PRODUCT + "if (en) p <= x * y; end", (0, 2, 0, 16)),
        (PRODUCT + "if (rst) p <= 0; else p <= x * y; end", (0, 2, 0, 16)),
        (
            "reg signed [7:0] x;\nalways @(posedge clk) begin if (en) x <= a; p <= x * b; end",
            (1, 0, 0, 16),
        ),
        # A product that is read before its register.
        (PRODUCT + "p <= x * y; q <= x * y ^ $signed({a, b}); end", (0, 2, 0, 16)),
        ("always @(posedge clk) p <= a * b;", (1, 0, 0, 16)),
        ("always @* p = a * b;", (0, 0, 0, 0)),
        # The other edge of the clock.
        (
            "reg signed [7:0] x;\nalways @(negedge clk) x <= a;\nalways @(posedge clk) p <= x * b;",
            (1, 0, 0, 16),
        ),
        (MEMORY + "p <= r; end", (0, 0, 1, 16)),
        (MEMORY + "if (en) p <= r; end", (0, 0, 0, 0)),
        (MEMORY + "p <= r; q <= r + 1; end", (0, 0, 0, 0)),
    ],
)
def test_what_moves(tmp_path, body, expected):
    assert tuple(counts(tmp_path, body).values()) == expected


def test_a_pe_computes_the_same(tmp_path):
    """All sequences of 7 cycles, by SAT, of a PE of 3 bits; and a wrong netlist is found."""
    unit = PeWs(a_format="int3", w_format="int3", psum_width=8, pipeline=2)
    before = netlist(tmp_path, verilog.convert_shared(unit, "top")[0])
    text = json.dumps(before)
    after = json.loads(text)
    counted = absorb_registers(after["modules"]["top"])
    assert counted == {"products": 1, "factors": 1, "memories": 0, "flip_flops": 6}
    wrong = json.loads(json.dumps(after))
    for cell in wrong["modules"]["top"]["cells"].values():
        if cell["type"] == "MULT18X18D":
            del cell["parameters"]["REG_INPUTA_CLK"]
    (tmp_path / "multiplier.v").write_text(multiplier())
    for name, design in (("before", before), ("after", after), ("wrong", wrong)):
        (tmp_path / f"{name}.json").write_text(
            json.dumps({"modules": {name: design["modules"]["top"]}})
        )

    def prove(name):
        commands = []
        for design in ("before", name):
            commands += [
                "design -reset",
                f"read_json {design}.json",
                "read_verilog -D NO_INCLUDES multiplier.v +/lattice/cells_sim_ecp5.v",
                f"hierarchy -top {design}",
                "proc",
                "flatten",
                "opt_clean",
                f"design -stash {design}",
            ]
        yosys.run(
            [
                *commands,
                "design -copy-from before before",
                f"design -copy-from {name} {name}",
                f"miter -equiv -flatten before {name} both",
                "hierarchy -top both",
                "sat -verify -prove trigger 0 -set-init-zero -tempinduct-baseonly -maxsteps 7 both",
            ],
            cwd=tmp_path,
        )

    prove("after")
    with pytest.raises(yosys.YosysError):
        prove("wrong")
