// BlockWalker: each block of a walk leaves once, in order, with its block column and the marks of its
// block row; a block row without blocks, or with a wrong entry, leaves one tile; just wrong entries
// are told; all blocks that count says are taken, and no more; a walk ends, and waits for nothing
// but its streams.

module harness #(parameter COUNT = 2) (
    input clk, input rst, input start, input [2:0] tile, input [COUNT-1:0] count,
    input [COUNT:0] row_ptr_payload, input row_ptr_valid,
    input [COUNT-1:0] col_idx_payload, input col_idx_valid, input o_ready, input blocks_ready
);
  // Cycles that the walker may take before it takes something, gives something, or is not busy.
  localparam WAIT = 3;
  wire row_ptr_ready, col_idx_ready, o_valid, blocks_valid, busy, failed;
  wire [3:0] o_payload;
  wire [COUNT-1:0] blocks_payload;
  block_walker unit (
      .clk(clk), .rst(rst), .start(start), .tile(tile), .count(count),
      .row_ptr_payload(row_ptr_payload), .row_ptr_valid(row_ptr_valid),
      .row_ptr_ready(row_ptr_ready), .col_idx_payload(col_idx_payload),
      .col_idx_valid(col_idx_valid), .col_idx_ready(col_idx_ready), .o_payload(o_payload),
      .o_valid(o_valid), .o_ready(o_ready), .blocks_payload(blocks_payload),
      .blocks_valid(blocks_valid), .blocks_ready(blocks_ready), .busy(busy), .failed(failed)
  );
  stream_assumed #(COUNT + 1) row_ptr (clk, rst, row_ptr_valid, row_ptr_ready, row_ptr_payload);
  stream_assumed #(COUNT) col_idx (clk, rst, col_idx_valid, col_idx_ready, col_idx_payload);
  stream_asserted #(4) o (clk, rst, o_valid, o_ready, o_payload);
  always @* if (start) assume (!busy);

  // The walk: blocks that were taken, tiles that its block row still has, and the block of the next.
  reg walk = 0, begun, ended, none, first, held, wrong = 0;
  reg kept;
  reg [COUNT-1:0] total, taken, due, column;
  wire [COUNT-1:0] entry = row_ptr_payload[COUNT-1:0];
  wire ends = row_ptr_payload[COUNT];
  wire bad = begun ? entry < taken || entry > total || (ends && entry != total) : entry != 0;
  wire enters = row_ptr_valid && row_ptr_ready, takes = col_idx_valid && col_idx_ready;
  wire leaves = blocks_valid && blocks_ready;
  wire over = begun && ended && due == 0 && !held && taken == total;
  always @(posedge clk)
    if (rst) {walk, wrong} <= 0;
    else begin
      wrong <= enters && bad;
      if (start) begin
        {begun, ended, none, first, held, taken, due} <= 0;
        {walk, total, kept} <= {1'b1, count, tile[2]};
      end else if (!busy) walk <= 0;
      if (enters) begin
        {begun, ended, first} <= {1'b1, ends, 1'b1};
        none <= bad || entry == taken;
        due <= !begun ? 0 : bad || entry == taken ? 1 : entry - taken;
      end
      if (takes) begin
        taken <= taken + 1;
        column <= col_idx_payload;
        held <= due != 0;
      end
      if (leaves) begin
        due <= due - 1;
        {first, held} <= 0;
      end
    end

  // A tile goes into the queue when its rows are asked for.
  (* keep *) wire unit__tiles__i_valid, unit__tiles__i_ready;
  (* keep *) wire [3:0] unit__tiles__i_payload;
  reg [2:0] still = 0;
  wire waits = (row_ptr_ready && !row_ptr_valid) || (col_idx_ready && !col_idx_valid)
      || (blocks_valid && !blocks_ready) || (o_valid && !o_ready);
  always @(posedge clk)
    still <= rst || !busy || waits || enters || takes || leaves || o_valid ? 0 : still + 1;
  always @* if (!rst) begin
    assert (failed == wrong);
    if (enters) assert (walk && !ended && due == 0);
    if (takes) assert (walk && taken != total && !held && (due != 0 ? !none : ended));
    assert (leaves == (unit__tiles__i_valid && unit__tiles__i_ready));
    if (leaves) begin
      assert (walk && due != 0 && (held || none));
      assert (blocks_payload == (none ? 0 : column));
      assert (unit__tiles__i_payload == {ended && due == 1, kept, due == 1, first});
    end
    if (walk && !busy) assert (over);
    assert (still < WAIT);
  end
  always @(posedge clk) if (!rst) begin
    cover (walk && !busy && total == 3);
    cover (leaves && none && ended);
    cover (leaves && !none && !first && due == 1);
    cover (wrong && busy && taken == 2);
    cover (takes && ended && due == 0);
  end
endmodule
