// ReadPort: the bursts of each reader pass in order, none is lost, and none waits for two of another.

module harness #(parameter INDEX = 2, ID = 2) (
    input clk, input rst, input o_ready,
    input [INDEX+7:0] i_0, input [INDEX+7:0] i_1, input [INDEX+7:0] i_2, input [2:0] valids,
    input valid, input [ID-1:0] of, input pick
);
  localparam READERS = 3;
  wire o_valid;
  wire [2:0] readys;
  wire [INDEX+7:0] o_payload;
  wire [ID-1:0] id;
  wire [READERS-1:0] to;
  read_port unit (
      .clk(clk), .rst(rst),
      .i_0_payload(i_0), .i_0_valid(valids[0]), .i_0_ready(readys[0]),
      .i_1_payload(i_1), .i_1_valid(valids[1]), .i_1_ready(readys[1]),
      .i_2_payload(i_2), .i_2_valid(valids[2]), .i_2_ready(readys[2]),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready),
      .id(id), .valid(valid), .of(of), .to(to)
  );
  stream_assumed #(INDEX + 8) in_0 (clk, rst, valids[0], readys[0], i_0);
  stream_assumed #(INDEX + 8) in_1 (clk, rst, valids[1], readys[1], i_1);
  stream_assumed #(INDEX + 8) in_2 (clk, rst, valids[2], readys[2], i_2);

  wire [2:0] takes = valids & readys;
  always @* begin
    assert (to == (valid ? 1 << of : 0) % (1 << READERS));
    assert ((takes & (takes - 1)) == 0);
  end

  // One reader, any of them.
  (* anyconst *) reg [ID-1:0] reader;
  always @* assume (reader < READERS);
  reg [1:0] passed = 0;  // by others while it waited
  wire mine = takes >> reader & 1;
  wire waits = (valids >> reader & 1) && !mine;
  always @(posedge clk)
    if (rst || !waits) passed <= 0;
    else passed <= passed + (takes != 0);
  always @* if (!rst && waits) assert (passed < READERS);

  stream_asserted #(INDEX + 8 + ID) o (clk, rst, o_valid, o_ready, {id, o_payload});

  // A burst of that reader that is picked when it is taken, and those of the reader before it.
  reg picked = 0;
  reg [1:0] level = 0, before = 0;
  reg [INDEX+7:0] burst;
  wire gives = o_valid && o_ready && id == reader;
  always @(posedge clk)
    if (rst) {picked, level} <= 0;
    else begin
      level <= level + mine - gives;
      if (picked) begin
        before <= before - gives;
        if (gives && before == 0) picked <= 0;
      end else if (mine && pick) begin
        {picked, before} <= {1'b1, level - gives};
        burst <= reader == 0 ? i_0 : reader == 1 ? i_1 : i_2;
      end
    end
  always @* if (!rst) begin
    assert (level <= 2);
    if (o_valid) begin
      assert (id < READERS);
      if (id == reader) assert (level != 0);
      if (id == reader && picked && before == 0) assert (o_payload == burst);
    end
  end
  always @(posedge clk) begin
    cover (gives && picked && before == 0 && level == 2 && reader == 1);
    cover (passed == READERS - 1);
  end
endmodule
