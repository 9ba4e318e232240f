"""Models in AIGER, with inputs that are made constant."""

import pytest
from brickwork.gen.lib import abc, yosys
from brickwork.gen.lib.aiger import Model

# With ``select`` 2 the output is always ``a``, after a cycle.
SOURCE = """
module harness(input clk, input [1:0] select, input [7:0] a, input [7:0] b);
  reg started = 0;
  reg [7:0] last;
  always @(posedge clk) begin
    started <= 1;
    last <= a;
  end
  always @* if (!started) assume (a[0]);
  wire [7:0] chosen = select == 2 ? last : b;
  always @* if (started) assert (chosen == last);
endmodule
"""

# Two that are alike, of products that no search of sequences comes through.
ALIKE = """
module harness(input clk, input [11:0] a, input [11:0] b);
  reg started = 0;
  reg [23:0] gold = 0, gate = 0, gold_sum = 0, gate_sum = 0;
  always @(posedge clk) begin
    started <= 1;
    gold <= a * b;
    gate <= a * b;
    gold_sum <= gold_sum + gold * gold;
    gate_sum <= gate_sum + gate * gate;
  end
  always @* if (!started) assume (a[0]);
  always @* assert (gold_sum == gate_sum);
endmodule
"""


def gates(source, folder):
    """The file of a module ``harness`` as gates."""
    (folder / "harness.v").write_text(source)
    commands = ["read_verilog -formal harness.v", "hierarchy -top harness", "proc", "async2sync"]
    commands += ["chformal -lower", *abc.GATES]
    yosys.run([*commands, "write_aiger -I -B -zinit -symbols harness.aig"], cwd=folder)
    return folder / "harness.aig"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model(gates(SOURCE, tmp_path_factory.mktemp("aiger")).read_bytes())


@pytest.mark.parametrize("number", range(4))
def test_fixed(model, number, tmp_path):
    values = {"select[0]": number & 1, "select[1]": number >> 1}
    (tmp_path / "fixed.aig").write_bytes(model.fixed(values))
    assert abc.search("fixed.aig", "pdr", cwd=tmp_path).holds is (number == 2)
    assert abc.search("fixed.aig", "bmc3 -F 5", cwd=tmp_path).holds is (number == 2)


def test_free(model, tmp_path):
    (tmp_path / "free.aig").write_bytes(model.fixed({}))
    assert abc.search("free.aig", "pdr", cwd=tmp_path).holds is False


def test_alike(tmp_path):
    """Nothing is left for a search when registers that are alike have become one."""
    gates(ALIKE, tmp_path)
    assert abc.search("harness.aig", "pdr", cwd=tmp_path, timeout=100).holds


def test_unknown_input(model):
    with pytest.raises(KeyError):
        model.fixed({"select": 1})
