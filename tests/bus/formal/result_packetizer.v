// ResultPacketizer: words leave as they came; just the last word that a packet of commands owes is
// marked, also when commands that owe nothing end the packet long after; room and busy are right;
// a word waits only until it is known whether it is the last.

module harness #(parameter WIDTH = 1, MOST = 1, COUNT = 3, DEPTH = 8) (
    input clk, input rst, input accepted, input [$clog2(MOST+1)-1:0] owed, input last, input single,
    input [WIDTH-1:0] i_payload, input i_valid, input o_ready, input pick
);
  // Cycles from the acceptance of the command that tells a word's mark to the word's leaving.
  localparam WAIT = 6;
  wire room, busy, i_ready, o_valid;
  wire [WIDTH:0] o_payload;
  result_packetizer unit (
      .clk(clk), .rst(rst), .accepted(accepted), .owed(owed), .last(last), .single(single),
      .room(room), .busy(busy), .i_payload(i_payload), .i_valid(i_valid), .i_ready(i_ready),
      .o_payload(o_payload), .o_valid(o_valid), .o_ready(o_ready)
  );
  stream_assumed #(WIDTH) i (clk, rst, i_valid, i_ready, i_payload);
  stream_asserted #(WIDTH + 1) o (clk, rst, o_valid, o_ready, o_payload);

  // Words that the packet of commands owes so far; counters of the unit's width hold them.
  reg [COUNT-1:0] size = 0;
  reg open = 0;
  wire [COUNT:0] sum = size + owed;
  wire ends = last || (single && owed != 0);
  wire comes = i_valid && i_ready, leaves = o_valid && o_ready, gone = leaves && o_payload[WIDTH];
  always @* assume (!accepted || (room && owed <= MOST && !sum[COUNT]));
  always @(posedge clk)
    if (rst) {size, open} <= 0;
    else if (accepted) {size, open} <= ends ? 0 : {sum[COUNT-1:0], 1'b1};

  // The word that came and has not left.
  reg full = 0;
  reg [WIDTH-1:0] word;
  always @(posedge clk)
    if (rst) full <= 0;
    else begin
      full <= comes || (full && !leaves);
      if (comes) word <= i_payload;
    end
  always @* if (!rst) begin
    if (o_valid) assert (full && o_payload[WIDTH-1:0] == word);
    assert (i_ready == (!full || leaves));
  end

  // Packets that owe words, have ended and have not left; the unit learns of them a cycle later.
  reg [$clog2(DEPTH+1)-1:0] waiting = 0;
  reg now = 0, ended = 0;
  always @(posedge clk)
    if (rst) {waiting, now, ended} <= 0;
    else begin
      now <= accepted;
      ended <= accepted && ends && sum != 0;
      waiting <= waiting + ended - gone;
    end
  always @* if (!rst) begin
    assert (waiting + ended <= DEPTH);
    assert (room == (waiting < DEPTH - 1));
    assert (busy == (now || open || waiting != 0));
    if (gone) assert (waiting != 0);
  end

  // A packet that is picked when its first command comes, and those before it.
  reg picked = 0, known = 0;
  reg [$clog2(DEPTH+1)-1:0] before = 0;
  reg [COUNT-1:0] owes = 0, left = 0;  // words of the picked packet, and of the one that leaves
  wire picks = accepted && !open && pick && !picked && !(ends && sum == 0);
  always @(posedge clk)
    if (rst) {picked, known, left} <= 0;
    else begin
      left <= gone ? 0 : left + leaves;
      if (picks) begin
        picked <= 1;
        before <= waiting + ended - gone;
      end else if (picked) begin
        before <= before - gone;
        if ((gone && before == 0) || (accepted && !known && ends && sum == 0)) picked <= 0;
      end
      if (picks || (accepted && picked && !known)) {known, owes} <= {ends, sum[COUNT-1:0]};
    end
  wire leaving = picked && before == 0;
  reg [2:0] waits = 0;
  always @(posedge clk)
    waits <= !rst && leaving && full && !o_valid && (known || left + 1 < owes) ? waits + 1 : 0;
  always @* if (!rst) begin
    if (o_valid && leaving) begin
      if (o_payload[WIDTH]) assert (known && left + 1 == owes);
      else assert (left + 1 < owes);
    end
    assert (waits < WAIT);
  end
  always @(posedge clk) if (!rst) begin
    cover (waiting == DEPTH);
    cover (leaving && gone && &owes);
    cover (accepted && owed == 0 && last && full && left + 1 == owes && leaving);
  end
endmodule
