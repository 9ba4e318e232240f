// SequencerOs: pairs of words go tile by tile, in order, only when both are there; a run is launched
// with a tile's last pair, when it may be and there is room for all of its results, which are
// reserved, and never within the rows of the run before; the sequencer waits for nothing else.

module harness #(parameter ROWS = 3, MAX_K = 4, DEPTH = 4) (
    input clk, input rst, input [$clog2(MAX_K)+$clog2(ROWS)-1:0] tiles_payload, input tiles_valid,
    input acts_held, input weights_held, input may_launch, input [$clog2(DEPTH+1)-1:0] room,
    input pick
);
  localparam TERM = $clog2(MAX_K), ROW = $clog2(ROWS);
  wire tiles_ready, step, first, launch, emit;
  wire [$clog2(ROWS+1)-1:0] reserve;
  sequencer_os unit (
      .clk(clk), .rst(rst), .tiles_payload(tiles_payload), .tiles_valid(tiles_valid),
      .tiles_ready(tiles_ready), .acts_held(acts_held), .weights_held(weights_held),
      .may_launch(may_launch), .room(room), .step(step), .first(first), .launch(launch),
      .emit(emit), .reserve(reserve)
  );
  stream_assumed #(TERM + ROW) tiles (clk, rst, tiles_valid, tiles_ready, tiles_payload);
  always @* begin
    assume (room <= DEPTH);
    if (tiles_valid) assume (tiles_payload[TERM+ROW-1:TERM] < ROWS);
  end

  // Tiles that have not ended; one that is picked, and those before it; the term that goes next;
  // cycles since a launch, and rows of the run that have yet to be emitted.
  reg picked = 0;
  reg [1:0] inside = 0, before = 0;
  reg [TERM-1:0] next = 0;
  reg [TERM+ROW-1:0] tile;
  reg [3:0] since = ROWS;
  reg [ROW:0] left = 0;
  wire takes = tiles_valid && tiles_ready;
  always @(posedge clk)
    if (rst) begin
      {picked, inside, next, left} <= 0;
      since <= ROWS;
    end else begin
      inside <= inside + takes - launch;
      if (step) next <= launch ? 0 : next + 1;
      since <= launch ? 1 : since < ROWS ? since + 1 : since;
      left <= launch ? reserve - 1 : left != 0 ? left - 1 : 0;
      if (picked) begin
        before <= before - launch;
        if (launch && before == 0) picked <= 0;
      end else if (takes && pick) {picked, before, tile} <= {1'b1, inside - launch, tiles_payload};
    end

  reg [3:0] waits = 0;
  always @(posedge clk)
    waits <= !rst && !step && inside != 0 && acts_held && weights_held && may_launch
        && room >= ROWS ? waits + 1 : 0;
  always @* if (!rst) begin
    assert (inside <= 2);
    assert (first == (step && next == 0));
    if (step) begin
      assert (inside != 0 && acts_held && weights_held);
      if (picked && before == 0) assert (launch == (next == tile[TERM-1:0]));
    end
    if (launch) begin
      assert (step && may_launch && since >= ROWS && left == 0);
      assert (reserve != 0 && reserve <= room);
      if (picked && before == 0) assert (reserve == tile[TERM+ROW-1:TERM] + 1);
    end else assert (reserve == 0);
    assert (emit == (launch || left != 0));
    assert (waits <= ROWS);
  end
  always @(posedge clk) if (!rst) begin
    cover (launch && since == ROWS && next == 0 && inside == 2);
    cover (launch && picked && before == 0 && next == MAX_K - 1 && reserve == ROWS);
  end
endmodule
