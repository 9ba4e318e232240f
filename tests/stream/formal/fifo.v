// Fifo: every item comes out once, as it went in, in order; as many items fit as the depth says;
// an item and a free place show after as many cycles as the docstring says.

module harness #(parameter WIDTH = 1, DEPTH = 2, LATENCY = 1) (
    input clk, input rst, input [WIDTH-1:0] i_payload, input i_valid, input o_ready, input pick
);
  wire i_ready, o_valid;
  wire [WIDTH-1:0] o_payload;
  fifo unit (
      .clk(clk), .rst(rst), .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready)
  );
  stream_assumed #(WIDTH) i (clk, rst, i_valid, i_ready, i_payload);
  stream_asserted #(WIDTH) o (clk, rst, o_valid, o_ready, o_payload);

  // An item that is picked when it goes in, and the items before it.
  localparam COUNT = $clog2(DEPTH + 2);
  reg [COUNT-1:0] level = 0, before = 0;
  reg picked = 0, waited = 0, blocked = 0;
  reg [WIDTH-1:0] item;
  wire puts = i_valid && i_ready, gets = o_valid && o_ready;
  always @(posedge clk)
    if (rst) {level, picked, waited, blocked} <= 0;
    else begin
      level <= level + puts - gets;
      waited <= level != 0 && !o_valid;
      blocked <= level != DEPTH && !i_ready;
      if (picked) begin
        before <= before - gets;
        if (gets && before == 0) picked <= 0;
      end else if (puts && pick) {picked, before, item} <= {1'b1, level - gets, i_payload};
    end
  always @* if (!rst) begin
    assert (level <= DEPTH);
    if (level == DEPTH) assert (!i_ready);
    if (level == 0) assert (!o_valid);
    if (picked && before == 0 && o_valid) assert (o_payload == item);
    if (level != 0 && (LATENCY == 1 || waited)) assert (o_valid);
    if (level != DEPTH && (LATENCY == 1 || blocked)) assert (i_ready);
  end
  always @(posedge clk) begin
    cover (level == DEPTH && !rst);
    cover (picked && before == 0 && gets && !rst && level == DEPTH);
    cover (puts && gets && level == DEPTH - 1);
  end
endmodule
