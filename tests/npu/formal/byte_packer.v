// BytePacker: every byte of a run leaves once, in order, in the lane that its number in the run and
// the first move say; a run ends with its word's last byte, and the next one begins with a word of
// its own; a word is offered in the cycle after its last byte came.

module harness #(parameter IN = 2, OUT = 3, MOVE = 3) (
    input clk, input rst, input [IN-1:0] data, input signed [MOVE-1:0] move,
    input [$clog2(IN+1)-1:0] length, input run_ends, input i_valid, input o_ready, input pick,
    input [$clog2(IN+1)-1:0] number
);
  localparam END = $clog2(IN + 1), COUNT = $clog2(OUT + 1), LEVEL = $clog2(2 * OUT + 2 * IN) + 2;
  wire [IN+MOVE+END+1:0] i_payload = {1'b0, run_ends, length, move, data};
  wire i_ready, o_valid;
  wire [OUT+COUNT:0] o_payload;
  wire [OUT-1:0] out = o_payload[OUT-1:0];
  wire [COUNT-1:0] count = o_payload[OUT +: COUNT];
  wire last = o_payload[OUT+COUNT];
  byte_packer unit (
      .clk(clk), .rst(rst), .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready)
  );
  stream_assumed #(IN + MOVE + END + 2) i (clk, rst, i_valid, i_ready, i_payload);
  stream_asserted #(OUT + COUNT + 1) o (clk, rst, o_valid, o_ready, o_payload);

  // Whether a run has begun; its bytes in a word that is not complete; words that are.
  reg begun = 0;
  reg [LEVEL-1:0] filled = 0, owed = 0;
  always @* begin
    assume (length >= 1 && length <= IN);
    if (begun) assume (move == 0);
    else assume (move > -$signed({1'b0, length}) && move < OUT);
  end
  wire takes = i_valid && i_ready, gives = o_valid && o_ready;
  wire [LEVEL-1:0] start = filled + {{LEVEL-MOVE{move[MOVE-1]}}, move};
  wire [LEVEL-1:0] total = start + length;
  wire [LEVEL-1:0] words = (total + (run_ends ? OUT - 1 : 0)) / OUT;
  always @(posedge clk)
    if (rst) {begun, filled, owed} <= 0;
    else begin
      owed <= owed + (takes ? words : 0) - gives;
      if (takes) begin
        begun <= !run_ends;
        filled <= run_ends ? 0 : total % OUT;
      end
    end

  // A byte that is picked, its lane, words before its own, and whether it is the run's last.
  reg picked = 0, bit_, is_last;
  reg [LEVEL-1:0] before = 0, lane = 0;
  wire [LEVEL-1:0] at = start + number;
  wire inside = number < length && (move >= 0 || number >= -move);
  always @(posedge clk)
    if (rst) picked <= 0;
    else if (picked) begin
      before <= before - gives;
      if (gives && before == 0) picked <= 0;
    end else if (takes && pick && inside) begin
      picked <= 1;
      bit_ <= data[number];
      before <= owed - gives + at / OUT;
      lane <= at % OUT;
      is_last <= run_ends && number + 1 == length;
    end

  always @* if (!rst) begin
    assert (o_valid == (owed != 0));
    if (picked && before == 0 && o_valid) begin
      assert (out[lane] == bit_ && lane < count);
      if (is_last) assert (last && count == lane + 1);
    end
    if (o_valid && !last) assert (count == OUT);
  end
  always @(posedge clk) if (!rst) begin
    cover (picked && before == 1 && is_last && gives);
    cover (takes && gives && owed == 2 && run_ends);
    cover (takes && !begun && owed == 2);
  end
endmodule
