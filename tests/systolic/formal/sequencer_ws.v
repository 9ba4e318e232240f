// SequencerWs: rows go tile by tile, in order, only when all is there that they need; a run is
// launched only when it may be; an accumulator is visited at most every so many cycles; each tile
// that ends a group of terms claims its scales, once, when they are there; rows know of their group
// and of the first one of their sums; the sequencer waits for nothing else.

// GROUPS: 0 without scales, 1 for groups of one tile, 2 for groups of several.
module harness #(parameter DEPTH = 4, REVISIT = 3, GROUPS = 0) (
    input clk, input rst, input [$clog2(DEPTH)+1+(GROUPS==2):0] tiles_payload, input tiles_valid,
    input acts_held, input weights_loaded, input room, input may_launch, input scale_held, input pick
);
  localparam ROW = $clog2(DEPTH), TILE = ROW + 2 + (GROUPS == 2);
  wire tiles_ready, step, swap, last, emit, launch, opens, closes, begins, claim;
  wire [ROW+1:0] visit;
  wire [ROW-1:0] row = visit[ROW+1:2];
  generate
    if (GROUPS == 0) begin
      sequencer_ws unit (
          .clk(clk), .rst(rst), .tiles_payload(tiles_payload), .tiles_valid(tiles_valid),
          .tiles_ready(tiles_ready), .acts_held(acts_held), .weights_loaded(weights_loaded),
          .room(room), .may_launch(may_launch), .step(step), .swap(swap), .last(last),
          .visit(visit), .emit(emit), .launch(launch)
      );
      assign {opens, closes, begins, claim} = 0;
    end else
      sequencer_ws unit (
          .clk(clk), .rst(rst), .tiles_payload(tiles_payload), .tiles_valid(tiles_valid),
          .tiles_ready(tiles_ready), .acts_held(acts_held), .weights_loaded(weights_loaded),
          .room(room), .may_launch(may_launch), .scale_held(scale_held), .step(step), .swap(swap),
          .last(last), .visit(visit), .emit(emit), .launch(launch), .opens(opens),
          .closes(closes), .begins(begins), .claim(claim)
      );
  endgenerate
  stream_assumed #(TILE) tiles (clk, rst, tiles_valid, tiles_ready, tiles_payload);

  // Tiles that have not ended; one that is picked, and those before it; the row that goes next.
  reg picked = 0, started = 0;
  reg [2:0] inside = 0, before = 0;
  reg [ROW-1:0] next = 0;
  reg [TILE-1:0] tile;
  wire takes = tiles_valid && tiles_ready, ends = step && last;
  always @(posedge clk)
    if (rst) {picked, inside, next} <= 0;
    else begin
      inside <= inside + takes - ends;
      if (step) next <= last ? 0 : next + 1;
      if (picked) begin
        before <= before - ends;
        if (ends && before == 0) picked <= 0;
      end else if (takes && pick) {picked, before, tile} <= {1'b1, inside - ends, tiles_payload};
    end

  // A row of the accumulators, any of them, and the cycles since it was visited.
  (* anyconst *) reg [ROW-1:0] chosen;
  reg [3:0] since = REVISIT;
  always @(posedge clk)
    if (rst) since <= REVISIT;
    else since <= visit[0] && row == chosen ? 1 : since < REVISIT ? since + 1 : since;

  // Groups that were closed since the first tile of the sums, up to 1, and whether one is open.
  // A tile that is the first of its sums tells where they begin, also after a reset.
  reg open = 0, later = 1, told = 0;
  wire of_first = visit[1] || !later;
  always @(posedge clk)
    if (rst) {open, later, told} <= 3'b010;
    else if (step && last) {open, later, told} <= {!closes, !of_first || closes, told || visit[1]};

  reg [3:0] waits = 0;
  // Only the first row of a tile that ends a group has to wait for scales.
  wire scales = GROUPS == 0 || scale_held || next != 0
      || (GROUPS == 2 && picked && before == 0 && !tile[TILE-1]);
  always @(posedge clk)
    waits <= !rst && !step && inside != 0 && acts_held && weights_loaded && room && may_launch
        && scales ? waits + 1 : 0;
  always @* if (!rst) begin
    assert (inside <= 3 && visit[0] == step);
    if (step) begin
      assert (inside != 0 && acts_held && row == next && swap == (next == 0));
      if (swap) assert (weights_loaded);
      if (visit[0] && row == chosen) assert (since >= REVISIT);
      if (picked && before == 0) begin
        assert (last == (next == tile[ROW-1:0]));
        assert (visit[1] == tile[ROW]);
        assert (emit == tile[ROW+1]);
        if (GROUPS == 1) assert (closes);
        if (GROUPS == 2) assert (closes == tile[TILE-1]);
      end
      if (GROUPS != 0) assert (opens == !open);
      if (GROUPS != 0 && (told || visit[1])) assert (begins == of_first);
    end else assert (!swap && !last && !emit && !launch);
    assert (claim == (GROUPS != 0 && swap && closes));
    if (claim) assert (scale_held);
    assert (launch == (emit && swap));
    if (emit) assert (room);
    if (launch) assert (may_launch);
    assert (waits <= REVISIT);
  end
  always @(posedge clk) if (!rst) begin
    cover (step && last && next == DEPTH - 1 && picked && before == 0);
    cover (inside == 3 && launch);
    cover (step && swap && since == REVISIT && row == chosen && emit);
    if (GROUPS == 2) cover (step && !closes && opens && !begins && !scale_held);
  end
endmodule
