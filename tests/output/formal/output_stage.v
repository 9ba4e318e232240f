// OutputStage, with sums as results: every row that was reserved for is offered as one word, in
// order, its columns in line; room is the queues' space that no row needs, so none overflows; a row
// is offered as soon as the docstring says.

module harness #(parameter COLS = 2, WIDTH = 2, DEPTH = 3, MOST = 2, LATENCY = 3) (
    input clk, input rst, input [COLS*WIDTH-1:0] word, input valid,
    input [$clog2(MOST+1)-1:0] reserve, input results_ready, input pick
);
  localparam COUNT = $clog2(DEPTH + 1);
  wire [COUNT-1:0] room;
  wire some_room, may_launch, results_valid;
  wire [COLS*WIDTH-1:0] results_payload;
  // A column's sums come a cycle after those of the one before it.
  reg [COLS*WIDTH-1:0] late [0:COLS-1];
  wire [COLS*WIDTH-1:0] sums;
  integer n;
  always @(posedge clk) begin
    late[0] <= word;
    for (n = 1; n < COLS; n = n + 1) late[n] <= late[n-1];
  end
  genvar column;
  generate for (column = 1; column < COLS; column = column + 1)
    assign sums[column*WIDTH +: WIDTH] = late[column-1][column*WIDTH +: WIDTH];
  endgenerate
  assign sums[WIDTH-1:0] = word[WIDTH-1:0];
  output_stage unit (
      .clk(clk), .rst(rst), .sums(sums), .valid(valid), .start(1'b0), .launch(1'b0),
      .reserve(reserve), .room(room), .some_room(some_room), .may_launch(may_launch),
      .results_payload(results_payload), .results_valid(results_valid),
      .results_ready(results_ready)
  );
  stream_asserted #(COLS * WIDTH) o (clk, rst, results_valid, results_ready, results_payload);

  // Words that were reserved and have not come, and those that came and have not left.
  reg [COUNT-1:0] reserved = 0, inside = 0, before = 0;
  reg picked = 0;
  reg [COLS*WIDTH-1:0] row;
  wire gives = results_valid && results_ready;
  always @* begin
    assume (reserve <= room && reserve <= MOST);
    if (valid) assume (reserved != 0);
  end
  always @(posedge clk)
    if (rst) {reserved, inside, picked} <= 0;
    else begin
      reserved <= reserved + reserve - valid;
      inside <= inside + valid - gives;
      if (picked) begin
        before <= before - gives;
        if (gives && before == 0) picked <= 0;
      end else if (valid && pick) {picked, before, row} <= {1'b1, inside - gives, word};
    end
  reg [3:0] waits = 0;
  always @(posedge clk) waits <= !rst && inside != 0 && !results_valid ? waits + 1 : 0;
  always @* if (!rst) begin
    assert (may_launch);
    assert (room + reserved + inside == DEPTH);
    assert (some_room == (room != 0));
    if (results_valid) assert (inside != 0);
    if (results_valid && picked && before == 0) assert (results_payload == row);
    assert (waits < LATENCY);
  end
  always @(posedge clk) if (!rst) begin
    cover (inside == DEPTH && room == 0);
    cover (gives && picked && before == 0 && inside == DEPTH);
    cover (waits == LATENCY - 1);
  end
endmodule
