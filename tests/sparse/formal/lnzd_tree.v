// LnzdTree: the words of each leaf arrive in order, none lost, none twice; no more wait in the tree
// than it has levels, and what waits arrives.

module harness #(parameter DATA = 2) (
    input clk, input rst, input [DATA-1:0] data_0, input [DATA-1:0] data_1,
    input [DATA-1:0] data_2, input [DATA-1:0] data_3, input [DATA-1:0] data_4,
    input [4:0] valid, input o_ready, input pick
);
  // Five leaves: two levels. A word's low bits tell its leaf.
  localparam LEAVES = 5, LEVELS = 2, WIDTH = DATA + 3;
  wire [4:0] ready;
  wire o_valid;
  wire [WIDTH-1:0] o_payload;
  lnzd_tree unit (
      .clk(clk), .rst(rst),
      .i_0_payload({data_0, 3'd0}), .i_0_valid(valid[0]), .i_0_ready(ready[0]),
      .i_1_payload({data_1, 3'd1}), .i_1_valid(valid[1]), .i_1_ready(ready[1]),
      .i_2_payload({data_2, 3'd2}), .i_2_valid(valid[2]), .i_2_ready(ready[2]),
      .i_3_payload({data_3, 3'd3}), .i_3_valid(valid[3]), .i_3_ready(ready[3]),
      .i_4_payload({data_4, 3'd4}), .i_4_valid(valid[4]), .i_4_ready(ready[4]),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready)
  );
  stream_assumed #(DATA) i_0 (clk, rst, valid[0], ready[0], data_0);
  stream_assumed #(DATA) i_1 (clk, rst, valid[1], ready[1], data_1);
  stream_assumed #(DATA) i_2 (clk, rst, valid[2], ready[2], data_2);
  stream_assumed #(DATA) i_3 (clk, rst, valid[3], ready[3], data_3);
  stream_assumed #(DATA) i_4 (clk, rst, valid[4], ready[4], data_4);
  stream_asserted #(WIDTH) o (clk, rst, o_valid, o_ready, o_payload);

  // One leaf, any of them: its words in the tree, one that is picked, and those before it.
  (* anyconst *) reg [2:0] leaf;
  always @* assume (leaf < LEAVES);
  reg picked = 0;
  reg [1:0] inside = 0, before = 0;
  reg [DATA-1:0] word;
  wire takes = valid[leaf] && ready[leaf];
  wire [DATA-1:0] data = leaf == 0 ? data_0 : leaf == 1 ? data_1 : leaf == 2 ? data_2
      : leaf == 3 ? data_3 : data_4;
  wire gives = o_valid && o_ready && o_payload[2:0] == leaf;
  always @(posedge clk)
    if (rst) {picked, inside} <= 0;
    else begin
      inside <= inside + takes - gives;
      if (picked) begin
        before <= before - gives;
        if (gives && before == 0) picked <= 0;
      end else if (takes && pick) {picked, before, word} <= {1'b1, inside - gives, data};
    end
  wire [4:0] taken = valid & ready;
  reg waited = 0;
  always @(posedge clk) waited <= inside != 0 && !o_valid && !rst;
  integer n;
  always @* if (!rst) begin
    // The first of a node's leaves that has a word goes.
    for (n = 0; n < 4; n = n + 1) if (taken[n]) assert ((valid & ((1 << n) - 1)) == 0);
    assert (inside <= LEVELS);
    if (o_valid) assert (o_payload[2:0] < LEAVES);
    if (gives) assert (inside != 0);
    if (gives && picked && before == 0) assert (o_payload[WIDTH-1:3] == word);
    if (waited) assert (o_valid);
  end
  always @(posedge clk) if (!rst) begin
    cover (gives && picked && before == 0 && leaf == 3 && inside == LEVELS);
    cover (gives && leaf == 4 && valid == 5'h1f);
    cover (taken == 5'b10001);
  end
endmodule
