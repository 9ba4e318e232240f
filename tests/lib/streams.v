// Rules of a stream with valid and ready: what is offered stays, unchanged, until it is taken, and
// nothing is offered after a cycle of reset.

module stream_assumed #(parameter WIDTH = 1) (
    input clk, input rst, input valid, input ready, input [WIDTH-1:0] payload
);
  reg was_rst = 1, waited = 0;
  reg [WIDTH-1:0] before;
  always @(posedge clk) begin
    was_rst <= rst;
    waited <= valid && !ready && !rst;
    before <= payload;
  end
  always @* begin
    if (was_rst) assume (!valid);
    if (waited) assume (valid && payload == before);
  end
endmodule

module stream_asserted #(parameter WIDTH = 1) (
    input clk, input rst, input valid, input ready, input [WIDTH-1:0] payload
);
  reg was_rst = 1, waited = 0;
  reg [WIDTH-1:0] before;
  always @(posedge clk) begin
    was_rst <= rst;
    waited <= valid && !ready && !rst;
    before <= payload;
  end
  always @* begin
    if (was_rst) assert (!valid);
    if (waited) begin
      assert (valid);
      assert (payload == before);
    end
  end
  always @(posedge clk) begin
    cover (waited && valid && ready);
    cover (valid && ready && !waited);
  end
endmodule
